// The runtime's integrity check: HMAC-MD2 over facts about this process and its devices. From RFC 1319 and RFC 2104.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "export_tables/export_tables.h"

namespace gpool::export_tables {

using Digest = std::array<uint8_t, 16>;

Digest md2(std::span<const uint8_t> message);
// HMAC with the check's key, which is exactly one block of MD2.
Digest hmac_md2(std::span<const uint8_t> message);

struct IntegrityFacts {
  uint32_t driver_version;
  uint32_t version;  // argument
  uint32_t process;
  uint32_t thread;  // low half of pthread_self()
  uint64_t interface_table;
  uint64_t integrity_table;
  uint64_t integrity_function;
  uint64_t seconds;  // argument
};

// The answer to one call of the check.
Digest integrity_answer(const IntegrityFacts& facts, std::span<const DeviceIdentity> devices);

}  // namespace gpool::export_tables
