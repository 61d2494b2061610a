#include "emulator/driver/driver.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdlib>

#include "emulator/driver/context.h"
#include "emulator/driver/handles.h"
#include "emulator/driver/log.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/pool.h"

namespace gpool::emulator {

thread_local bool in_host_function = false;

Handles& handles() {
  static Handles* const handles = new Handles;
  return *handles;
}

Driver& driver() {
  static Driver* const driver = new Driver;  // calls may come after static destructors have run
  return *driver;
}

CUresult Driver::initialize() {
  std::lock_guard lock(mutex_);
  switch (state_.load()) {
    case State::initialized:
      return CUDA_SUCCESS;
    case State::failed:
      return failure_;
    case State::forked:
      return CUDA_ERROR_NOT_INITIALIZED;
    case State::finished:
      return CUDA_ERROR_DEINITIALIZED;
    case State::fresh:
      break;
  }
  auto fail = [this](CUresult code, const std::string& sentence) {
    log(Level::error, sentence);
    failure_ = code;
    state_ = State::failed;
    return code;
  };
  if (Status status = read_settings(settings_); !status) return fail(CUDA_ERROR_INVALID_VALUE, status.sentence());
  if (settings_.visible.empty()) {
    failure_ = CUDA_ERROR_NO_DEVICE;
    state_ = State::failed;
    return failure_;
  }
  if (Status status = ledger_.open(settings_.node); !status)
    return fail(CUDA_ERROR_SYSTEM_NOT_READY, status.sentence());
  engine_ = std::make_unique<ptx::Engine>(settings_.threads);
  devices_.resize(settings_.visible.size());
  for (size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    device.ordinal = static_cast<int>(i);
    device.gpu = settings_.visible[i];
    device.uuid = uuid_of(settings_.node, device.gpu);
    memory().open_arena(device.ordinal, settings_.memory);
    device.primary = std::make_shared<Context>();
    device.primary->device = device.ordinal;
    device.primary->primary = true;
    handles().add(device.primary);
    device.default_pool = std::make_shared<Pool>();
    device.default_pool->device = device.ordinal;
    device.default_pool->is_default = true;
    handles().add(device.default_pool);
    device.current_pool = device.default_pool;
  }
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(nullptr, nullptr, &Driver::in_forked_child);
    std::atexit(&Driver::at_exit);
  });
  state_ = State::initialized;
  log(Level::debug, "process " + std::to_string(getpid()) + " has initialised the driver");
  return CUDA_SUCCESS;
}

CUresult Driver::ready() const {
  switch (state_.load(std::memory_order_acquire)) {
    case State::initialized:
      return in_host_function ? CUDA_ERROR_NOT_PERMITTED : CUDA_SUCCESS;
    case State::finished:
      return CUDA_ERROR_DEINITIALIZED;
    default:
      return CUDA_ERROR_NOT_INITIALIZED;
  }
}

void Driver::in_forked_child() {
  // Threads, locks and the ledger entry belong to the parent; nothing of them is touched here.
  if (driver().state_.load() != State::fresh) driver().state_ = State::forked;
}

void Driver::at_exit() {
  driver().shut_down();
}

void Driver::shut_down() {
  if (state_.load() != State::initialized) return;
  // Work that is queued is dropped, kernels that run are stopped: a program that wanted results has synchronised.
  stopping_ = true;
  state_ = State::finished;
  join_crew();
  flush_output();
  ledger_.close();
  engine_.reset();
}

bool Driver::take_allocation() {
  uint64_t count = ++allocations_;
  return settings_.faults.oom_after == 0 || count <= settings_.faults.oom_after;
}

bool Driver::reserve_bytes(int device, uint64_t bytes) {
  return ledger_.reserve(devices_[device].gpu, bytes, settings_.memory);
}

void Driver::release_bytes(int device, uint64_t bytes) {
  ledger_.release(devices_[device].gpu, bytes);
}

uint64_t Driver::used_bytes(int device) {
  return ledger_.used(devices_[device].gpu);
}

}  // namespace gpool::emulator
