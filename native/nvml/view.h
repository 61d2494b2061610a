// The lease as NVML shows it: one GPU for each vGPU, in the lease's order, which is also CUDA's.
//
// Count, UUIDs and sizes come with the lease. What only the node knows (name, capability, PCI address, memory in use)
// costs a session of its own, opened when something first asks and kept until nvmlShutdown. It is never the session of
// the CUDA driver: programs use NVML before they fork, because it leaves CUDA untouched.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/lease.h"
#include "nvml/node_session.h"
#include "nvml/nvml_api.h"
#include "wire/hello.h"

namespace gpool::nvml {

struct Gpu {
  uint32_t session = 0;  // index in the lease's sessions
  uint32_t device = 0;   // ordinal within the session
  std::array<uint8_t, 16> uuid{};
  uint64_t memory_bytes = 0;
};

class View {
 public:
  nvmlReturn_t init();
  nvmlReturn_t shutdown();
  // Ends the sessions; whoever asks later opens them again.
  void leave();
  bool initialised() const { return references_ > 0; }
  const std::vector<Gpu>& gpus() const { return gpus_; }

  // NVML's handle ⟷ index. Handles stay good over shutdown and init; null for what is none.
  static nvmlDevice_t handle(uint32_t index);
  const Gpu* find(nvmlDevice_t device) const;
  uint32_t index_of(const Gpu& gpu) const { return static_cast<uint32_t>(&gpu - gpus_.data()); }

  // What the node says. Null and a reason in the log when it cannot be asked.
  const wire::DeviceRecord* record(const Gpu& gpu);
  NodeSession* session(const Gpu& gpu);

 private:
  NodeSession* open(uint32_t index);

  unsigned references_ = 0;
  client::Lease lease_;
  std::vector<Gpu> gpus_;
  std::vector<std::unique_ptr<NodeSession>> sessions_;  // as the lease's; null: not opened
};

// The view and the lock that every call of the library holds. Survives fork: the child has its own sessions.
class Locked {
 public:
  Locked();
  View* operator->() const;
  View& operator*() const;

 private:
  std::unique_lock<std::mutex> lock_;
};

// What a function answers that nobody has written.
nvmlReturn_t not_supported();

}  // namespace gpool::nvml
