// Who may open a session: judges tickets against what the agent has said. No I/O; time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "wire/ticket.h"

namespace gpool::worker {

class Admission {
 public:
  Admission(std::string node, bool insecure) : node_(std::move(node)), insecure_(insecure) {}

  // The agent's words. False: not such a value.
  bool set_key(std::string_view hex);
  bool set_gpus(std::string_view comma_separated);
  void revoke(const std::string& lease) { revoked_.insert(lease); }
  // What tickets may name.
  const std::optional<std::set<wire::Uuid>>& gpus() const { return gpus_; }
  bool has_key() const { return !key_.empty(); }

  // Fine: `ticket` holds what was granted; no vGPUs at all means everything (--insecure, no ticket).
  Status judge(std::span<const std::byte> ticket_bytes, uint64_t now_s, wire::Ticket& ticket) const;

 private:
  std::string node_;
  bool insecure_;
  std::vector<std::byte> key_;
  std::optional<std::set<wire::Uuid>> gpus_;
  std::set<std::string> revoked_;
};

}  // namespace gpool::worker
