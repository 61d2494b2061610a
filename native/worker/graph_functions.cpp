// Functions of the client that graphs call, and the word that work is done. A graph that has reached a function waits
// in a callback of the driver until the client has called it; each time is a run with a number of its own, since one
// function may stand in several executable graphs at once.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "worker/session.h"

namespace gpool::worker {

// Shared with threads of the driver that may stand in a run when the session ends.
struct Session::GraphRuns {
  transport::Link* link = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t next = wire::PushGraphFunction::kRun;
  std::deque<wire::PushGraphFunction> reached;  // and not told yet
  std::set<uint64_t> open;                      // runs whose functions have not been called yet
};

struct Session::GraphFunction {
  uint64_t function = 0;
  std::shared_ptr<GraphRuns> runs;

  // In a thread of the driver.
  static void CUDA_CB run(void* held) {
    const uint64_t function = static_cast<GraphFunction*>(held)->function;
    const std::shared_ptr<GraphRuns> runs = static_cast<GraphFunction*>(held)->runs;
    std::unique_lock lock(runs->mutex);
    const uint64_t run = ++runs->next;
    runs->reached.push_back({function, run});
    runs->open.insert(run);
    lock.unlock();
    runs->link->interrupt();
    lock.lock();
    runs->changed.wait(lock, [&] { return !runs->open.contains(run); });
  }
};

CUDA_HOST_NODE_PARAMS Session::graph_function(uint64_t function) {
  if (!graph_runs_) {
    graph_runs_ = std::make_shared<GraphRuns>();
    graph_runs_->link = link_.get();
  }
  std::shared_ptr<GraphFunction>& known = graph_functions_[function];
  if (!known) known = std::make_shared<GraphFunction>(GraphFunction{function, graph_runs_});
  return {&GraphFunction::run, known.get()};
}

uint64_t Session::function_of(const CUDA_HOST_NODE_PARAMS& node) const {
  for (const auto& [number, function] : graph_functions_)
    if (function.get() == node.userData) return number;
  return 0;
}

bool Session::push_graph_functions() {
  if (!graph_runs_) return false;
  std::deque<wire::PushGraphFunction> reached;
  {
    std::lock_guard lock(graph_runs_->mutex);
    if (graph_runs_->reached.empty()) return false;
    if (answers_are_due(UINT64_MAX)) return true;
    reached.swap(graph_runs_->reached);
  }
  while (push_output()) {
  }
  push_host_changes();
  for (const wire::PushGraphFunction& one : reached)
    push(wire::Message::push_graph_function, CUDA_SUCCESS, std::as_bytes(std::span(&one, 1)), nullptr, 0);
  return true;
}

void Session::graph_function_done(uint64_t run) {
  if (!graph_runs_) return;
  {
    std::lock_guard lock(graph_runs_->mutex);
    graph_runs_->open.erase(run);
  }
  graph_runs_->changed.notify_all();
}

void Session::open_graph_runs() {
  if (!graph_runs_) return;
  {
    std::lock_guard lock(graph_runs_->mutex);
    graph_runs_->open.clear();
  }
  graph_runs_->changed.notify_all();
}

void Session::push_done(uint64_t id) {
  const wire::WhenDone done{id};
  push(wire::Message::push_done, CUDA_SUCCESS, std::as_bytes(std::span(&done, 1)), nullptr, 0);
}

void carry_out_graph_function(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::HostFunction>();
  CUstream stream = invoke.resolve<CUstream>(arguments.stream);
  if (!invoke.valid()) return void(invoke.refuse());
  // A node behind the stream's last ones: what cuLaunchHostFunc would make, whose name differs from driver to driver.
  const calls::DriverTable& driver = session.driver;
  CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
  CUgraph graph = nullptr;
  const CUgraphNode* tips = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 0;
  CUresult status = driver.cuStreamGetCaptureInfo_v3(stream, &capture, nullptr, &graph, &tips, &edges, &count);
  if (status == CUDA_SUCCESS && capture != CU_STREAM_CAPTURE_STATUS_ACTIVE)
    status =
        capture == CU_STREAM_CAPTURE_STATUS_NONE ? CUDA_ERROR_ILLEGAL_STATE : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (status != CUDA_SUCCESS) return void(invoke.finish(status));
  const CUDA_HOST_NODE_PARAMS parameters = session.graph_function(arguments.id);
  CUgraphNode node = nullptr;
  status = driver.cuGraphAddHostNode(&node, graph, tips, count, &parameters);
  if (status == CUDA_SUCCESS)
    status = driver.cuStreamUpdateCaptureDependencies_v2(stream, &node, nullptr, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES);
  invoke.finish(status);
}

void carry_out_graph_function_end(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::HostFunctionDone>();
  if (!invoke.valid()) return void(invoke.refuse());
  session.end_graph_function(arguments.id);
  invoke.finish(CUDA_SUCCESS);
}

void carry_out_graph_launch(Session& session, Invoke& invoke) {
  const wire::GraphLaunch arguments = invoke.arguments<wire::GraphLaunch>();
  CUgraphExec exec = invoke.resolve<CUgraphExec>(arguments.exec);
  StreamState* stream = invoke.valid() ? session.use_stream(arguments.stream, invoke.frame().context) : nullptr;
  if (!stream) invoke.reject(CUDA_ERROR_INVALID_HANDLE);
  CUresult status = CUDA_ERROR_INVALID_VALUE;
  if (invoke.valid()) {
    if (session.may_print) session.contexts[stream->context].launched = true;
    status = session.driver.cuGraphLaunch(exec, stream->cu);
    invoke.finish(status);
  } else {
    invoke.refuse();
  }
  // Also where nothing was launched: the client counts on it.
  if (status != CUDA_SUCCESS) return session.push_done(arguments.id);
  session.after_stream(*stream, [&session, id = arguments.id](CUresult) { session.push_done(id); });
}

void carry_out_when_done(Session& session, Invoke& invoke) {
  const uint64_t id = invoke.arguments<wire::WhenDone>().id;
  if (!invoke.valid()) return void(invoke.refuse());
  auto left = std::make_shared<size_t>(session.devices.size());
  for (uint32_t device = 0; device < session.devices.size(); ++device)
    session.after_device(device, -1, [&session, left, id](CUresult) {
      if (--*left == 0) session.push_done(id);
    });
  invoke.finish(CUDA_SUCCESS);
}

}  // namespace gpool::worker
