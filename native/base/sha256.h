// SHA-256 (FIPS 180-4), HMAC-SHA256 (RFC 2104) and a comparison whose time says nothing about where bytes differ.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gpool {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  enum class Code : uint8_t { fastest, portable };  // the processor's own instructions where it has them, or never
  // Takes whole blocks of 64 bytes into the state.
  using Blocks = void (*)(uint32_t (&state)[8], const uint8_t* bytes, size_t count);

  explicit Sha256(Code code = Code::fastest);
  void add(std::span<const std::byte> bytes);
  Sha256Digest finish();  // once

 private:
  Blocks blocks_;
  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint64_t total_bytes_ = 0;
  uint8_t pending_[64];
};

Sha256Digest sha256(std::span<const std::byte> bytes);
Sha256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> message);
bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b);

}  // namespace gpool
