// A few threads that block in the driver on behalf of the worker's one dispatching thread, which must not. They touch
// nothing but the event they wait for.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "calls/driver_table.h"

namespace gpool::worker {

class Waiters {
 public:
  static constexpr size_t kThreads = 4;

  // `on_done` is called by a waiting thread when its event is done or has failed.
  Waiters(const calls::DriverTable& driver, std::function<void()> on_done);
  ~Waiters();

  // The number of the thread that waits for the event now; -1: all are busy.
  int hand_over(CUcontext context, CUevent event);
  // Takes the result of a thread that has finished. False: it still waits.
  bool collect(int thread, CUresult& result);

 private:
  enum class State : uint8_t { idle, waiting, finished };
  struct Thread {
    State state = State::idle;
    CUcontext context = nullptr;
    CUevent event = nullptr;
    CUresult result = CUDA_SUCCESS;
    std::condition_variable changed;
    std::thread thread;
  };
  void run(Thread& self);

  const calls::DriverTable& driver_;
  std::function<void()> on_done_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace gpool::worker
