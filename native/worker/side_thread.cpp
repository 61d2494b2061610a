#include "worker/side_thread.h"

#include <utility>

namespace gpool::worker {

SideThread::~SideThread() {
  if (thread_.joinable()) thread_.detach();
}

void SideThread::give(Work work, Done done) {
  ++jobs_;
  std::scoped_lock lock(mutex_);
  waiting_.push_back({std::move(work), std::move(done)});
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
}

bool SideThread::collect() {
  if (jobs_ == 0) return false;
  {
    std::scoped_lock lock(mutex_);
    while (!finished_.empty()) {
      collectable_.push_back(std::move(finished_.front()));
      finished_.pop_front();
    }
  }
  bool progress = false;
  while (!collectable_.empty() && collectable_.front()()) {
    collectable_.pop_front();
    --jobs_;
    progress = true;
  }
  return progress;
}

void SideThread::wait_until_done() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !working_; });
}

void SideThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    working_ = true;
    lock.unlock();
    job.work();
    job.work = nullptr;  // what it held (images) goes before the answer does
    lock.lock();
    working_ = false;
    finished_.push_back(std::move(job.done));
    changed_.notify_all();
    lock.unlock();
    on_done_();
    lock.lock();
  }
}

}  // namespace gpool::worker
