// Where this process's GPUs live: the answer of the broker (GPOOL_BROKER), or GPOOL_ENDPOINTS. Shared with the NVML
// view. See docs/internals/interfaces.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace gpool::client {

enum class Transport : uint8_t { automatic, shm, tcp };

struct LeaseSession {
  std::string node;
  std::string unix_path;  // empty: not reachable from this host
  std::string tcp_host;   // empty: no TCP
  uint16_t tcp_port = 0;
  std::vector<std::byte> ticket;
  Transport transport = Transport::automatic;
};

struct LeaseGpu {
  uint32_t session = 0;  // index in Lease::sessions
  std::array<uint8_t, 16> uuid{};
  uint64_t memory_bytes = 0;
  uint32_t compute_permille = 0;
};

struct Lease {
  std::string id;
  std::vector<LeaseSession> sessions;
  std::vector<LeaseGpu> gpus;  // empty with GPOOL_ENDPOINTS: what the workers welcome us with
};

// No lease is configured at all: `lease.sessions` is empty and the status fine.
// Failed: the sentence says what, which and what next.
Status read_lease(Lease& lease);

// The parts, for tests. They accept exactly what interfaces.md says and name the line that is wrong.
Status parse_broker_answer(std::string_view answer, Lease& lease);
Status parse_endpoints(std::string_view endpoints, Lease& lease);
// "GPU-8-4-4-4-12" → 16 bytes.
bool parse_uuid(std::string_view text, std::array<uint8_t, 16>& uuid);
std::string format_uuid(const uint8_t uuid[16]);

}  // namespace gpool::client
