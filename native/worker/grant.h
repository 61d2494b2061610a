// What workerd hands to a worker: everything that it was granted, and for whom. Travels as bytes: through the zygote to
// a new worker, directly to one that is warm.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/fd.h"
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
  uint32_t warm;  // not 0: no session yet. Prepares for the GPU named here, or for all, and waits for its grant
  uint32_t activity_slot;
  uint64_t resume_key;      // 0: the session ends with its connection
  char lease[33];           // empty without a ticket
  char ledger_path[512];    // empty: no ledger
  char activity_path[512];  // empty: nobody is told how busy the session is
  char driver_folder[512];  // empty: the system's driver
  char image_folder[512];   // where images of code are kept
  uint64_t image_bytes;     // at most so many; 0: none are kept
  char version[16];
  char command[65];
  GrantedVgpu vgpus[wire::kMaxDevices];
  uint32_t arena_count;
  wire::ArenaProposal arenas[wire::kMaxDevices];
};
static_assert(std::is_trivially_copyable_v<Grant>);

// Cut where the field ends.
template <size_t N>
void put_text(char (&field)[N], const std::string& text) {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

// To a worker that is warm, with the client's socket; never waits. False: it has gone.
bool send_grant(int socket, const Grant& grant, int client);
// Waits for the grant. False: workerd has gone, or wants none any more.
bool receive_grant(int socket, Grant& grant, Fd& client);

// How a worker ended, as its exit code.
enum ExitCode : int { kClientClosed = 0, kClientLost = 3, kCouldNotStart = 4 };

}  // namespace gpool::worker
