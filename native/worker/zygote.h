// The process that forks workers. It is forked from workerd before anything else happens, so it stays small, has one
// thread and holds none of workerd's sockets; a worker begins as a copy of it.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "worker/grant.h"

namespace gpool::worker {

// From the zygote to workerd.
struct ZygoteNews {
  enum Kind : uint32_t { spawned = 1, exited = 2 };
  uint32_t kind;
  uint32_t session_id;
  int32_t pid;          // -1 with `spawned`: fork failed
  int32_t wait_status;  // with `exited`, as from waitpid
};

class Zygote {
 public:
  // Forks the zygote. `run_worker` is what a worker does; it does not return.
  using RunWorker = void (*)(const Grant& grant, Fd client, Fd report);
  static bool start(RunWorker run_worker, int close_in_zygote, Zygote& made);

  int fd() const { return channel_.get(); }
  // Both descriptors are passed on; the caller closes its own.
  bool spawn(const Grant& grant, int client, int report);
  // Signals the session's worker, if it still runs: only the zygote knows which process ids are still its children's.
  bool signal(uint32_t session_id, int signal_number);
  bool next(ZygoteNews& news);  // false: nothing now, or the zygote is gone (then gone() is true)
  bool gone() const { return gone_; }
  // Ends the zygote and all workers; waits for it.
  void stop();

 private:
  Fd channel_;
  pid_t pid_ = -1;
  bool gone_ = false;
};

}  // namespace gpool::worker
