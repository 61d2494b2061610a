// A thread block at run time, and the launch (job) that it belongs to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "module.h"
#include "warp.h"

namespace gpool::ptx {

// One Engine::run call.
struct Job {
  ModuleText* module = nullptr;
  const Program* program = nullptr;
  const Kernel* kernel = nullptr;
  Launch launch;
  const Hooks* hooks = nullptr;
  std::vector<std::byte> parameters;
  std::unique_ptr<std::byte[]> workspace;  // for cooperative grid synchronisation
  uint64_t total = 0;                      // blocks
  uint64_t id = 0;

  std::atomic<bool> stopping{false};
  std::mutex mutex;  // guards what follows, and the hooks
  std::condition_variable changed;
  uint64_t next = 0, finished = 0, resident = 0;
  Fault fault;
  std::vector<Region> heap;  // device malloc, unsorted

  void raise(Fault::Kind kind, std::string sentence);
};

constexpr uint64_t kWorkspaceBytes = 64;
constexpr unsigned kBarriers = 16;

struct Barrier {
  uint32_t arrived = 0;   // threads, counted as the hardware does: whole warps
  uint32_t expected = 0;  // 0: every thread that has not exited
  uint32_t true_votes = 0, votes = 0;
};

struct Cta {
  Job* job = nullptr;
  uint64_t index = 0;
  uint32_t id[3] = {};
  uint32_t worker = 0;
  uint32_t threads = 0;
  uint32_t live_threads = 0;
  bool faulted = false;
  std::vector<Warp> warps;
  Barrier barriers[kBarriers];
  uint32_t open_barriers = 0;  // one bit each: somebody has arrived
  std::vector<Site> sites;
  std::byte* shared = nullptr;
  uint64_t shared_bytes = 0;
  std::byte* local = nullptr;
  uint64_t local_bytes = 0;

  // Memory for one block of this job; reused for its further blocks by begin().
  Cta(Job& job, uint32_t worker);
  ~Cta();
  Cta(const Cta&) = delete;
  Cta& operator=(const Cta&) = delete;
  void begin(uint64_t index);

  // Runs for one turn. True when every warp is finished (or the block faulted).
  bool run_turn();

  void arrive(Warp& warp, Group& group, unsigned barrier, uint32_t expected, bool wait, uint32_t votes);
  void threads_left();  // after an exit: barriers may be complete now

 private:
  void complete(unsigned barrier);
  bool is_complete(const Barrier& barrier) const;
};

// Turn lengths, in backward branches and calls.
constexpr int64_t kWarpTurn = 4096;
constexpr int64_t kGroupTurn = 32;

}  // namespace gpool::ptx
