// How busy each session keeps its GPUs and what it holds there: a file that workerd makes and all workers map. Each
// worker writes its own slot without a lock; whoever answers NVML reads all slots of its lease.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "wire/messages.h"
#include "wire/ticket.h"

namespace gpool::worker {

class Activity {
 public:
  static constexpr uint32_t kMaxSessions = 1024;
  using Clock = std::chrono::steady_clock;

  Activity() = default;
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;
  ~Activity();

  Status create(const std::string& path);  // workerd; replaces what lies there
  Status open(const std::string& path);    // workers

  // -- workerd
  // kMaxSessions: all are taken, and the session is not shown.
  uint32_t take_slot(const std::string& lease, const std::string& host, uint32_t pid);
  void free_slot(uint32_t slot);

  // -- workers; without a slot nothing happens
  void set_gpu(uint32_t slot, uint32_t gpu, const wire::Uuid& uuid);
  // `present`: the session has a context there.
  void set_used(uint32_t slot, uint32_t gpu, uint64_t bytes, bool present);
  // Work was under way for so long until now.
  void add_busy(uint32_t slot, uint32_t gpu, Clock::duration time, Clock::time_point now);
  // The processes that have a context on this GPU, of the sessions of one lease (empty: of those without).
  std::vector<wire::ProcessUsage> processes(const std::string& lease, const wire::Uuid& uuid,
                                            Clock::time_point now) const;
  // What a session keeps busy and holds, GPU by GPU: those where it has a context.
  struct Use {
    wire::Uuid uuid;
    uint64_t used_bytes;
    uint32_t busy_permille;
  };
  std::vector<Use> uses(uint32_t slot, Clock::time_point now) const;
  // All of them together, of the last second.
  uint32_t busy_permille(const std::string& lease, const wire::Uuid& uuid, Clock::time_point now) const;

 private:
  struct File;
  struct Gpu;
  Status map(int descriptor);
  template <class Visit>
  void for_each(const std::string& lease, const wire::Uuid& uuid, Visit visit) const;
  File* file_ = nullptr;
};

}  // namespace gpool::worker
