// Waits that end out of line: each is an event that the dispatching thread polls while it is awake, and that a waiting
// thread blocks on while it sleeps.
#include "worker/session.h"

namespace gpool::worker {

CUevent Session::own_event(uint32_t context, CUresult& status) {
  ContextState& state = contexts[context];
  status = make_current(context);
  if (status != CUDA_SUCCESS) return nullptr;
  if (!state.free_events.empty()) {
    CUevent event = state.free_events.back();
    state.free_events.pop_back();
    return event;
  }
  CUevent event = nullptr;
  status = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC);
  return status == CUDA_SUCCESS ? event : nullptr;
}

CUevent Session::mark(StreamState& stream, CUresult& status) {
  CUevent event = own_event(stream.context, status);
  if (!event) return nullptr;
  status = driver.cuEventRecord(event, stream.cu);
  if (status == CUDA_SUCCESS) return event;
  contexts[stream.context].free_events.push_back(event);
  return nullptr;
}

void Session::after_stream(StreamState& stream, Done done) {
  CUresult status;
  CUevent event = mark(stream, status);
  if (!event) return done(status);  // a context with a sticky error answers with it
  StreamState* state = &stream;     // streams never move
  completions_.push_back(
      {event, stream.context, true, -1, [state, uses = stream.uses, done = std::move(done)](CUresult result) {
         if (result == CUDA_SUCCESS && uses > state->done_uses) state->done_uses = uses;
         done(result);
       }});
  completions_.back().number = ++completion_number_;
}

void Session::after_device(uint32_t device, int64_t only_context, Done done) {
  struct Join {
    size_t left;
    CUresult first;
    Done done;
  };
  std::vector<StreamState*> busy = busy_streams(device, only_context);
  std::vector<Device::FencePoint>& orphans = devices[device].orphans;
  std::erase_if(orphans, [&](const Device::FencePoint& point) {
    if (driver.cuEventQuery(point.event) == CUDA_ERROR_NOT_READY) return false;
    doomed_.push_back(point.event);
    return true;
  });
  auto join = std::make_shared<Join>(Join{1, CUDA_SUCCESS, std::move(done)});
  auto arrive = [join](CUresult result) {
    if (join->first == CUDA_SUCCESS) join->first = result;
    if (--join->left == 0) join->done(join->first);
  };
  for (StreamState* stream : busy) {
    ++join->left;
    after_stream(*stream, arrive);
  }
  for (const Device::FencePoint& point : orphans) {
    if (only_context >= 0 && point.context != only_context) continue;
    ++join->left;
    after_event(point.event, point.context, arrive);
  }
  arrive(CUDA_SUCCESS);
}

void Session::orphan(StreamState& stream) {
  CUresult status;
  if (CUevent event = mark(stream, status))
    devices[contexts[stream.context].device].orphans.push_back({event, UINT32_MAX, stream.context, 0});
}

void Session::after_event(CUevent event, uint32_t context, Done done) {
  completions_.push_back({event, context, false, -1, std::move(done)});
  completions_.back().number = ++completion_number_;
}

bool Session::waited_for(CUevent event) const {
  for (const Completion& one : completions_)
    if (one.event == event) return true;
  return false;
}

bool Session::poll_completions() {
  bool progress = false;
  for (size_t i = 0; i < completions_.size();) {
    CUresult result;
    if (completions_[i].waiter >= 0) {
      if (!waiters_->collect(completions_[i].waiter, result)) {
        ++i;
        continue;
      }
    } else {
      result = driver.cuEventQuery(completions_[i].event);
      if (result == CUDA_ERROR_NOT_READY) {
        ++i;
        continue;
      }
    }
    Completion finished = std::move(completions_[i]);
    completions_.erase(completions_.begin() + long(i));
    if (finished.own && contexts[finished.context].live)
      contexts[finished.context].free_events.push_back(finished.event);
    finished.done(result);  // may add completions: they go to the end
    progress = true;
  }
  if (!doomed_.empty()) {
    std::erase_if(doomed_, [&](CUevent event) {
      if (waited_for(event)) return false;
      driver.cuEventDestroy_v2(event);
      return true;
    });
  }
  return progress;
}

void Session::hand_over_completions(bool& all_covered) {
  all_covered = true;
  for (Completion& one : completions_) {
    if (one.waiter < 0) one.waiter = waiters_->hand_over(contexts[one.context].cu, one.event);
    if (one.waiter < 0) all_covered = false;
  }
}

bool Session::waited_for_in(uint32_t context) const {
  for (const Completion& one : completions_)
    if (one.context == context) return true;
  return false;
}

// Before a context goes: nobody may wait for its events any more.
void Session::drain_context(uint32_t context) {
  while (waited_for_in(context)) {
    if (!poll_completions()) std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (link_->broken()) return;
  }
}

}  // namespace gpool::worker
