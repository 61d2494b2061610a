// The signed, expiring proof that opens a session (layout: docs/internals/interfaces.md, Ticket).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace gpool::wire {

using Uuid = std::array<uint8_t, 16>;

struct TicketVgpu {
  Uuid uuid{};
  uint64_t memory_bytes = 0;
  uint32_t compute_permille = 0;
};

struct Ticket {
  std::string node;
  std::string lease;
  uint64_t issued_at_s = 0;  // since the epoch
  uint64_t expires_at_s = 0;
  std::vector<TicketVgpu> vgpus;
};

inline constexpr size_t kNodeKeyBytes = 32;

// Checks magic, version, length and the signature (in constant time) and reads the ticket. What it says about node,
// time and GPUs is the caller's to judge.
Status read_ticket(std::span<const std::byte> bytes, std::span<const std::byte> key, Ticket& ticket);
std::vector<std::byte> write_ticket(const Ticket& ticket, std::span<const std::byte> key);

// `GPU-8-4-4-4-12` as NVML prints it, and back (upper or lower case). False: not such a text.
std::string uuid_text(const Uuid& uuid);
bool parse_uuid(std::string_view text, Uuid& uuid);

}  // namespace gpool::wire
