#include "worker/waiters.h"

namespace gpool::worker {

Waiters::Waiters(const calls::DriverTable& driver, std::function<void()> on_done)
    : driver_(driver), on_done_(std::move(on_done)) {}

// The process ends with its session, and a thread may be deep in the driver: nobody waits for these threads.
Waiters::~Waiters() {
  for (auto& one : threads_) one->thread.detach();
  for (auto& one : threads_) (void)one.release();
}

int Waiters::hand_over(CUcontext context, CUevent event) {
  std::scoped_lock lock(mutex_);
  size_t index = 0;
  while (index < threads_.size() && threads_[index]->state != State::idle) ++index;
  if (index == kThreads) return -1;
  if (index == threads_.size()) {
    threads_.push_back(std::make_unique<Thread>());
    Thread& made = *threads_.back();
    made.thread = std::thread([this, &made] { run(made); });
  }
  Thread& thread = *threads_[index];
  thread.state = State::waiting, thread.context = context, thread.event = event;
  thread.changed.notify_one();
  return int(index);
}

bool Waiters::collect(int thread, CUresult& result) {
  std::scoped_lock lock(mutex_);
  Thread& one = *threads_[size_t(thread)];
  if (one.state != State::finished) return false;
  one.state = State::idle;
  result = one.result;
  return true;
}

void Waiters::run(Thread& self) {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;  // as for the other threads: Session::serve
  driver_.cuThreadExchangeStreamCaptureMode(&mode);
  std::unique_lock lock(mutex_);
  for (;;) {
    self.changed.wait(lock, [&] { return self.state == State::waiting; });
    CUcontext context = self.context;
    CUevent event = self.event;
    lock.unlock();
    driver_.cuCtxSetCurrent(context);
    CUresult result = driver_.cuEventSynchronize(event);
    lock.lock();
    self.result = result;
    self.state = State::finished;
    lock.unlock();
    on_done_();
    lock.lock();
  }
}

}  // namespace gpool::worker
