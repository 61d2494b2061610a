// What workerd hands to a new worker: everything that it was granted, and by whom. Travels through the zygote as bytes.
#pragma once

#include <cstdint>
#include <type_traits>

#include "wire/hello.h"

namespace gpool::worker {

struct GrantedVgpu {
  uint8_t uuid[16];
  uint64_t memory_bytes;  // 0: the whole GPU
  uint32_t compute_permille;
  uint32_t ledger_index;
};

struct Grant {
  uint32_t session_id;
  uint32_t ledger_slot;
  uint32_t vgpu_count;  // 0: all GPUs of the node, without limits (--insecure)
  uint32_t client_pid;
  uint32_t grace_ms;
  uint64_t resume_key;      // 0: the session ends with its connection
  char lease[33];           // empty without a ticket
  char ledger_path[512];    // empty: no ledger
  char driver_folder[512];  // empty: the system's driver
  char version[16];
  char command[65];
  GrantedVgpu vgpus[wire::kMaxDevices];
  uint32_t arena_count;
  wire::ArenaProposal arenas[wire::kMaxDevices];
};
static_assert(std::is_trivially_copyable_v<Grant>);

// How a worker ended, as its exit code.
enum ExitCode : int { kClientClosed = 0, kClientLost = 3, kCouldNotStart = 4 };

}  // namespace gpool::worker
