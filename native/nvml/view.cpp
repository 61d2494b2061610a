#include "nvml/view.h"

#include <pthread.h>

#include <new>

#include "base/log.h"

namespace gpool::nvml {
namespace {

// No address of anything: handles are never followed.
constexpr uintptr_t kFirstHandle = uintptr_t{0x67'4e56} << 32;

struct Process {
  std::mutex mutex;
  View view;
};

// In memory that is never given back: programs call NVML from destructors of their own.
Process& process() {
  static Process* instance = [] {
    auto* made = new Process;
    // The parent's lock may be held by a thread that the child does not have. Its sessions abandon themselves.
    pthread_atfork(nullptr, nullptr, [] { new (&process().mutex) std::mutex; });
    return made;
  }();
  return *instance;
}

// Programs end without nvmlShutdown. A node that hears no goodbye over TCP waits for them to come back.
[[gnu::destructor]] void leave_at_exit() {
  std::unique_lock lock(process().mutex, std::try_to_lock);
  if (lock) process().view.leave();
}

}  // namespace

Locked::Locked() : lock_(process().mutex) {}
View* Locked::operator->() const {
  return &process().view;
}
View& Locked::operator*() const {
  return process().view;
}

nvmlReturn_t not_supported() {
  return Locked()->initialised() ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t View::init() {
  if (references_ > 0) {
    ++references_;
    return NVML_SUCCESS;
  }
  client::Lease lease;
  if (Status status = client::read_lease(lease); !status) {
    log::error("NVML cannot read the lease: " + status.sentence());
    return NVML_ERROR_DRIVER_NOT_LOADED;
  }
  if (lease.sessions.empty()) return NVML_ERROR_DRIVER_NOT_LOADED;
  lease_ = std::move(lease);
  sessions_.clear();
  sessions_.resize(lease_.sessions.size());
  gpus_.clear();
  if (lease_.gpus.empty()) {
    // Endpoints without a broker: only the nodes know what there is.
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
      NodeSession* node = open(i);
      if (node == nullptr) return sessions_.clear(), gpus_.clear(), NVML_ERROR_DRIVER_NOT_LOADED;
      for (uint32_t device = 0; device < node->devices().size(); ++device) {
        const wire::DeviceRecord& record = node->devices()[device];
        gpus_.push_back({i, device, std::to_array(record.uuid), record.memory_bytes});
      }
    }
  } else {
    std::vector<uint32_t> next(sessions_.size());
    for (const client::LeaseGpu& gpu : lease_.gpus) {
      gpus_.push_back({gpu.session, next[gpu.session]++, gpu.uuid, gpu.memory_bytes});
    }
  }
  references_ = 1;
  return NVML_SUCCESS;
}

nvmlReturn_t View::shutdown() {
  if (references_ == 0) return NVML_ERROR_UNINITIALIZED;
  if (--references_ == 0) sessions_.clear();
  return NVML_SUCCESS;
}

void View::leave() {
  for (std::unique_ptr<NodeSession>& session : sessions_) session.reset();
}

nvmlDevice_t View::handle(uint32_t index) {
  return reinterpret_cast<nvmlDevice_t>(kFirstHandle + index);
}

const Gpu* View::find(nvmlDevice_t device) const {
  const uintptr_t index = reinterpret_cast<uintptr_t>(device) - kFirstHandle;
  return index < gpus_.size() ? &gpus_[index] : nullptr;
}

NodeSession* View::open(uint32_t index) {
  std::unique_ptr<NodeSession>& place = sessions_[index];
  if (place && place->usable()) return place.get();
  place.reset();
  auto node = std::make_unique<NodeSession>();
  if (Status status = node->open(lease_.sessions[index]); !status) {
    log::error("NVML cannot ask node " + lease_.sessions[index].node + ": " + status.sentence());
    return nullptr;
  }
  place = std::move(node);
  return place.get();
}

NodeSession* View::session(const Gpu& gpu) {
  return open(gpu.session);
}

const wire::DeviceRecord* View::record(const Gpu& gpu) {
  NodeSession* node = open(gpu.session);
  if (node == nullptr || gpu.device >= node->devices().size()) return nullptr;
  return &node->devices()[gpu.device];
}

}  // namespace gpool::nvml
