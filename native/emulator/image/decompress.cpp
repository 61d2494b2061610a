#include "emulator/image/decompress.h"

#include <dlfcn.h>

#include <cstring>

namespace gpool::image {
namespace {

struct Zstd {
  using Decompress = size_t (*)(void*, size_t, const void*, size_t);
  using IsError = unsigned (*)(size_t);
  Decompress decompress = nullptr;
  IsError is_error = nullptr;
  Zstd() {
    if (void* library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL)) {
      decompress = reinterpret_cast<Decompress>(dlsym(library, "ZSTD_decompress"));
      is_error = reinterpret_cast<IsError>(dlsym(library, "ZSTD_isError"));
    }
  }
};

}  // namespace

bool decompress_lz4(std::span<const std::byte> block, uint64_t bytes, std::string& plain, std::string& why) {
  plain.clear();
  plain.reserve(bytes);
  size_t at = 0;
  // A length of 15 goes on in the bytes that follow, until one is not 255.
  auto length = [&](size_t& value) {
    if (value != 15) return true;
    while (at < block.size()) {
      auto more = static_cast<uint8_t>(block[at++]);
      value += more;
      if (more != 255) return true;
    }
    return false;
  };
  why = "an LZ4 block in the image is damaged";
  while (at < block.size()) {
    auto token = static_cast<uint8_t>(block[at++]);
    size_t literals = token >> 4, match = token & 15;
    if (!length(literals) || literals > block.size() - at || literals > bytes - plain.size()) return false;
    plain.append(reinterpret_cast<const char*>(block.data() + at), literals);
    at += literals;
    if (at == block.size()) break;  // the last sequence has no match
    if (block.size() - at < 2) return false;
    size_t distance = static_cast<uint8_t>(block[at]) | static_cast<size_t>(static_cast<uint8_t>(block[at + 1])) << 8;
    at += 2;
    if (!length(match)) return false;
    match += 4;
    if (distance == 0 || distance > plain.size() || match > bytes - plain.size()) return false;
    for (size_t from = plain.size() - distance; match > 0; --match) plain.push_back(plain[from++]);
  }
  return plain.size() == bytes;
}

bool decompress_zstd(std::span<const std::byte> frame, uint64_t bytes, std::string& plain, std::string& why) {
  static const Zstd zstd;
  if (!zstd.decompress || !zstd.is_error) {
    why = "the image is compressed with zstd, and libzstd.so.1 is not on this machine; install libzstd";
    return false;
  }
  plain.resize(bytes);
  size_t got = zstd.decompress(plain.data(), plain.size(), frame.data(), frame.size());
  if (zstd.is_error(got) || got != bytes) {
    why = "a zstd frame in the image is damaged";
    return false;
  }
  return true;
}

}  // namespace gpool::image
