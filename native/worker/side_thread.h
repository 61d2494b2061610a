// One thread for driver calls that may take long: loading, linking and unloading code, ending contexts. Jobs are
// carried out one after the other in the order in which they were given, so what depends on an earlier one finds it
// done.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace gpool::worker {

class SideThread {
 public:
  // Beyond so many the dispatching thread takes no further job: images that wait are memory.
  static constexpr size_t kMostJobs = 64;

  using Work = std::function<void()>;
  // By the dispatching thread, when the work has been done. False: not now (there is no room for the answer); it is
  // called again, and later jobs' not before it.
  using Done = std::function<bool()>;

  // `on_done` is called by the side thread whenever a job is done.
  explicit SideThread(std::function<void()> on_done) : on_done_(std::move(on_done)) {}
  // The process ends with its session, and the thread may be deep in the driver: nobody waits for it.
  ~SideThread();

  void give(Work work, Done done);
  // Calls `done` of what is done. True: of at least one.
  bool collect();
  // Jobs given and not yet collected.
  size_t jobs() const { return jobs_; }
  // Whether a `done` could not be carried through: nothing tells when it can.
  bool is_held_up() const { return !collectable_.empty(); }
  // For the dispatching thread, where it must not go on before all jobs are done and cannot put off going on.
  void wait_until_done();

 private:
  struct Job {
    Work work;
    Done done;
  };
  void run();

  std::function<void()> on_done_;
  size_t jobs_ = 0;  // the dispatching thread's
  std::deque<Done> collectable_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::deque<Done> finished_;
  bool working_ = false;
  std::thread thread_;
};

}  // namespace gpool::worker
