// Workers that are ready before anybody asks: the driver initialised, the primary context made, no session yet. What is
// wanted, what there is, and when to try again; the processes themselves are the zygote's. No I/O but closing reports.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "wire/ticket.h"
#include "worker/grant.h"

namespace gpool::worker {

class WarmWorkers {
 public:
  using Clock = std::chrono::steady_clock;
  // The one GPU that the worker sees; nothing: all of the node (sessions without a ticket).
  using Gpu = std::optional<wire::Uuid>;

  struct Worker {
    uint32_t id = 0;  // becomes the session's
    Gpu gpu;
    pid_t pid = 0;  // 0: not forked yet
    Fd report;      // the worker's words, and the way to hand it its grant
    bool ready = false;
  };

  explicit WarmWorkers(unsigned per_gpu) : per_gpu_(per_gpu) {}

  // What is to be kept ready from now on; workers for other GPUs go.
  void want(std::span<const Gpu> gpus);
  // The GPU for which one is to be started now, if any: `add` is to follow.
  std::optional<Gpu> missing(Clock::time_point now) const;
  Clock::time_point next_try() const;  // time_point::max(): nothing is missing
  void add(Worker worker, Clock::time_point now);
  // A ready one that sees exactly what the grant names.
  std::optional<Worker> take(const Grant& grant, Clock::time_point now);
  // One has ended, or could not be started; the next try is put off, longer each time in a row. False: none of these.
  bool lose(uint32_t id, Clock::time_point now);
  Worker* find(uint32_t id);
  std::map<uint32_t, Worker>& all() { return workers_; }
  // No more are wanted.
  void end() { want({}); }

 private:
  struct Place {
    Gpu gpu;
    Clock::time_point next_try{};
    std::chrono::milliseconds pause{0};
  };
  Place* place_of(const Gpu& gpu);
  unsigned count(const Gpu& gpu) const;

  unsigned per_gpu_;
  std::vector<Place> places_;
  std::map<uint32_t, Worker> workers_;
};

}  // namespace gpool::worker
