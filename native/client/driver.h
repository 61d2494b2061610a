// The state of the process: whether the driver may be used, its sessions and its devices. Made by cuInit, never
// destroyed (other threads and static destructors may still look at it); fork and exit change only `phase`.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "calls/driver_api.h"
#include "client/context.h"
#include "client/device_memory.h"
#include "client/session.h"
#include "wire/hello.h"

namespace gpool::client {

enum class Phase : uint8_t { uninitialised, ready, forked, ended };

struct Device {
  Session* session = nullptr;
  uint32_t index = 0;  // within the session
  int ordinal = -1;    // what the application calls it; -1: hidden by CUDA_VISIBLE_DEVICES
  wire::DeviceRecord record{};
  Context primary;
  std::mutex mutex;  // retains of the primary context
  DeviceMemory memory;
  wire::Handle default_pool = 0;
  wire::Handle current_pool = 0;
};

struct Driver {
  std::atomic<Phase> phase{Phase::uninitialised};
  std::mutex init_mutex;
  std::atomic<bool> opened{false};  // the lease; cuDriverGetVersion needs it before cuInit
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::unique_ptr<Device>> all_devices;
  std::vector<Device*> devices;  // the visible ones, by ordinal
  int32_t driver_version = 0;
  uint64_t pid = 0;

  Session* session_of(wire::Handle handle) const {
    const uint32_t slot = wire::session_of(handle);
    return slot < sessions.size() ? sessions[slot].get() : nullptr;
  }
  Device* device(CUdevice ordinal) const {
    return ordinal >= 0 && static_cast<size_t>(ordinal) < devices.size() ? devices[static_cast<size_t>(ordinal)]
                                                                         : nullptr;
  }
};

// In constant-initialised memory: good before any constructor has run and after every destructor.
extern std::atomic<bool> g_driver_made;
extern std::byte g_driver_room[];
Driver& make_driver();
inline Driver& driver() {
  if (!g_driver_made.load(std::memory_order_acquire)) [[unlikely]]
    return make_driver();
  return *std::launder(reinterpret_cast<Driver*>(g_driver_room));
}

// Reads the lease and opens its sessions, once. A failure may be tried again.
CUresult open_lease();
// cuInit without its argument check.
CUresult initialise();
// CUDA_SUCCESS, or why the driver cannot be used now.
inline CUresult usable(Phase phase) {
  switch (phase) {
    case Phase::ready:
      return CUDA_SUCCESS;
    case Phase::ended:
      return CUDA_ERROR_DEINITIALIZED;
    default:
      return CUDA_ERROR_NOT_INITIALIZED;
  }
}

// Waits for everything due on a context's session, then for the context's own errors. Part of every synchronising call.
CUresult settle(Context* context, CUresult status, uint64_t sequence);

}  // namespace gpool::client
