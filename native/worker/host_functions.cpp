// Host functions: the functions are the client's, the stream is here. A gate is a callback of the driver that waits: it
// holds the stream where the client's function stands, until the client says that the function has been called.
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "worker/session.h"

namespace gpool::worker {

struct Session::Gate {
  uint64_t completions_before = 0;  // number of the newest completion when the gate was queued
  transport::Link* link = nullptr;
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;     // under `mutex`
  bool reached = false;  // under `mutex`
  CUresult status = CUDA_SUCCESS;
  // Of the dispatching thread alone.
  bool before_done = false;  // an event just before the gate says so; what is older in the stream says so as well then
  bool told = false;

  // In a thread of the driver. A callback and no host function, because those are not called after an error, and the
  // client waits for each of its functions.
  static void CUDA_CB stand(CUstream, CUresult status, void* held) {
    std::unique_ptr<std::shared_ptr<Gate>> owner(static_cast<std::shared_ptr<Gate>*>(held));
    Gate& gate = **owner;
    std::unique_lock lock(gate.mutex);
    gate.status = status;
    gate.reached = true;
    lock.unlock();
    gate.link->interrupt();
    lock.lock();
    gate.opened.wait(lock, [&] { return gate.open; });
  }
};

CUresult Session::stop_for_host_function(StreamState& stream, uint64_t id) {
  constexpr size_t kMaxGates = 64 * 1024;
  if (gates_.size() >= kMaxGates || gates_.contains(id)) return CUDA_ERROR_INVALID_VALUE;
  auto gate = std::make_shared<Gate>();
  gate->link = link_.get();
  after_stream(stream, [gate](CUresult) { gate->before_done = true; });
  gate->completions_before = completion_number_;
  auto held = std::make_unique<std::shared_ptr<Gate>>(gate);
  const CUresult status = driver.cuStreamAddCallback(stream.cu, &Gate::stand, held.get(), 0);
  if (status == CUDA_SUCCESS) {
    held.release();  // the callback's
    ++stream.uses;   // the gate came after the mark: when the mark is reached, the stream is still busy
  } else {
    // No stream will get there: the client hears of the error at once.
    gate->status = status;
    gate->reached = true;
  }
  gates_.emplace(id, std::move(gate));
  return status;
}

// A function sees what was done before it: answers with data of finished copies leave first.
bool Session::answers_are_due(uint64_t up_to) const {
  for (const Completion& one : completions_)
    if (one.number <= up_to && driver.cuEventQuery(one.event) != CUDA_ERROR_NOT_READY) return true;
  return false;
}

bool Session::push_host_functions() {
  bool progress = false;
  for (auto& [id, gate] : gates_) {
    if (gate->told || !gate->before_done) continue;
    wire::PushHostFunction reached{};
    {
      std::lock_guard lock(gate->mutex);
      if (!gate->reached) continue;
      reached.status = gate->status;
    }
    progress = true;
    if (answers_are_due(gate->completions_before)) continue;
    while (push_output()) {
    }
    push_host_changes();
    gate->told = true;
    reached.id = id;
    push(wire::Message::push_host_function, CUDA_SUCCESS, std::as_bytes(std::span(&reached, 1)), nullptr, 0);
  }
  return progress;
}

void Session::host_function_done(uint64_t id) {
  if (id & wire::PushGraphFunction::kRun) return graph_function_done(id);
  auto at = gates_.find(id);
  if (at == gates_.end()) return;
  {
    std::lock_guard lock(at->second->mutex);
    at->second->open = true;
  }
  at->second->opened.notify_all();
  gates_.erase(at);
}

void Session::open_gates() {
  for (auto& [id, gate] : gates_) {
    std::lock_guard lock(gate->mutex);
    gate->open = true;
    gate->opened.notify_all();
  }
  open_graph_runs();
}

void carry_out_host_function(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::HostFunction>();
  StreamState* stream = invoke.valid() ? session.use_stream(arguments.stream, invoke.frame().context) : nullptr;
  if (!stream) invoke.reject(CUDA_ERROR_INVALID_HANDLE);
  if (!invoke.valid()) return void(invoke.refuse());
  invoke.finish(session.stop_for_host_function(*stream, arguments.id));
}

void carry_out_host_function_done(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::HostFunctionDone>();
  if (!invoke.valid()) return void(invoke.refuse());
  session.host_function_done(arguments.id);
  invoke.finish(CUDA_SUCCESS);
}

}  // namespace gpool::worker
