// The process-wide state: settings, devices, and where in its life the driver is.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/dry_run.h"
#include "emulator/driver/ledger.h"
#include "emulator/driver/settings.h"
#include "emulator/ptx/ptx.h"

#define GPOOL_CUDA extern "C" __attribute__((visibility("default"))) CUresult

// Leaves the calling function with the code of a step that failed.
#define GPOOL_CHECK(step)                                                   \
  do {                                                                      \
    if (CUresult checked = (step); checked != CUDA_SUCCESS) return checked; \
  } while (false)

namespace gpool::emulator {

struct Context;
struct Pool;

struct Device {
  int ordinal = 0;
  int gpu = 0;  // number on the node: names the UUID, the PCI id and the ledger column
  Uuid uuid{};
  std::shared_ptr<Context> primary;
  std::shared_ptr<Pool> default_pool;
  std::shared_ptr<Pool> current_pool;
};

class Driver {
 public:
  CUresult initialize();
  // CUDA_SUCCESS between cuInit and exit, outside host functions and forked children.
  CUresult ready() const;
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  const Settings& settings() const { return settings_; }
  std::vector<Device>& devices() { return devices_; }
  Device* device(CUdevice ordinal) {
    return ordinal < 0 || static_cast<size_t>(ordinal) >= devices_.size() ? nullptr : &devices_[ordinal];
  }
  ptx::Engine& engine() { return *engine_; }

  bool take_allocation();  // counts; false when the injected limit is reached
  bool reserve_bytes(int device, uint64_t bytes);
  void release_bytes(int device, uint64_t bytes);
  uint64_t used_bytes(int device);
  // Counts launches for the injected faults.
  uint64_t count_launch() { return ++launches_; }

  SkippedLaunches& skipped_launches() { return skipped_; }

  std::mutex pools_mutex;  // guards current_pool of every device

 private:
  void shut_down();
  static void at_exit();
  static void in_forked_child();

  enum class State { fresh, initialized, failed, forked, finished };
  std::atomic<State> state_{State::fresh};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  CUresult failure_ = CUDA_ERROR_NOT_INITIALIZED;
  Settings settings_;
  Ledger ledger_;
  SkippedLaunches skipped_;
  std::vector<Device> devices_;
  std::unique_ptr<ptx::Engine> engine_;
  std::atomic<uint64_t> allocations_{0}, launches_{0};
};

Driver& driver();

// True on a thread while it runs a host function or a stream callback, which may not call CUDA.
extern thread_local bool in_host_function;

}  // namespace gpool::emulator
