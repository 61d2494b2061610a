// Functions of the application that a stream calls. They run on a thread of their own, one after the other; work queued
// to the stream afterwards comes after them. The call itself waits for the stream, lets that thread run the function,
// and returns when it is done. Known limit: a function that waits for what the calling thread does after the call never
// ends.
#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>

#include "client/call.h"
#include "client/capture.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

struct Job {
  CUhostFn function = nullptr;
  CUstreamCallback callback = nullptr;
  CUstream stream = nullptr;
  CUresult status = CUDA_SUCCESS;
  void* data = nullptr;
  bool done = false;
};

// Functions must not call CUDA, and may wait for other threads of the application: they never run under a lock of ours.
class Runner {
 public:
  bool run(Job& job) {
    std::unique_lock lock(mutex_);
    if (!started_) {
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
      pthread_t thread;
      started_ = pthread_create(&thread, &attributes, &Runner::main, this) == 0;
      pthread_attr_destroy(&attributes);
      if (!started_) return false;
    }
    jobs_.push_back(&job);
    arrived_.notify_one();
    done_.wait(lock, [&] { return job.done; });
    return true;
  }

 private:
  static void* main(void* self) {
    static_cast<Runner*>(self)->loop();
    return nullptr;
  }
  void loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      arrived_.wait(lock, [&] { return !jobs_.empty(); });
      Job& job = *jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      if (job.function != nullptr) {
        job.function(job.data);
      } else {
        job.callback(job.stream, job.status, job.data);
      }
      lock.lock();
      job.done = true;
      done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable arrived_, done_;
  std::deque<Job*> jobs_;
  bool started_ = false;
};

CUresult run(Call& call, Job& job) {
  const CUresult waited = cuStreamSynchronize(job.stream);
  if (job.function != nullptr && waited != CUDA_SUCCESS) return call.end(waited);
  job.status = waited;
  static Runner& runner = *new Runner;
  return call.end(runner.run(job) ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuLaunchHostFunc_v2(CUstream hStream, CUhostFn fn, void* userData, unsigned int) {
  Call call("cuLaunchHostFunc_v2", Needs::context);
  call.handle(hStream);
  if (fn == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  if (capture_of(hStream) != 0) return call.end(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  Job job;
  job.function = fn;
  job.stream = hStream;
  job.data = userData;
  return run(call, job);
}

extern "C" CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData,
                                        unsigned int flags) {
  Call call("cuStreamAddCallback", Needs::context);
  call.handle(hStream);
  if (callback == nullptr || flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  if (capture_of(hStream) != 0) return call.end(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  Job job;
  job.callback = callback;
  job.stream = hStream;
  job.data = userData;
  return run(call, job);
}
