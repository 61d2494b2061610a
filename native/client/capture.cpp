#include "client/capture.h"

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/driver.h"
#include "client/graph.h"
#include "client/graph_holdings.h"

namespace gpool::client {
namespace {

std::atomic<uint32_t> g_captures{0};  // in progress; the usual answer is found here
std::atomic<uint32_t> g_next{1};

// A graph under construction that a program has asked about, or that holds something.
struct Construction {
  CUgraph graph = nullptr;  // minted before the capture ends, or given at its beginning
  bool given = false;
  std::shared_ptr<Holdings> holdings;
  std::vector<CUgraphNode> dependencies;  // as answered last; the program reads them in place
  std::vector<CUgraphEdgeData> edges;
};
std::mutex& graphs_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}
std::map<uint64_t, Construction>& graphs() {
  static auto& map = *new std::map<uint64_t, Construction>;
  return map;
}

// The one of this capture, which is forgotten; empty: nobody has asked for it.
Construction take_graph(uint64_t capture) {
  std::lock_guard lock(graphs_mutex());
  auto node = graphs().extract(capture);
  return node.empty() ? Construction() : std::move(node.mapped());
}

// Bit of a stream's Object::flags, above CUDA's: something has been done that a capture does not survive.
constexpr uint32_t kInvalidated = 1u << 31;

Object* find(uint64_t handle) {
  if (!wire::is_handle(handle)) return nullptr;
  Session* session = driver().session_of(handle);
  return session != nullptr ? session->find(handle) : nullptr;
}
Object* find(CUstream stream) {
  Context* context = current_context();
  if (stream == CU_STREAM_PER_THREAD && context != nullptr && context->active.load())
    return find(thread_stream(*context));
  return find(reinterpret_cast<uint64_t>(stream));
}
Object* find(CUevent event) {
  return find(reinterpret_cast<uint64_t>(event));
}

}  // namespace

uint64_t capture_of(CUstream stream) {
  if (g_captures.load(std::memory_order_relaxed) == 0) return 0;
  Object* object = find(stream);
  return object != nullptr ? object->mark.load(std::memory_order_relaxed) : 0;
}

void invalidate_capture(CUstream stream) {
  Object* object = find(stream);
  if (object == nullptr || capture_of(stream) == 0) return;
  const uint32_t capture = object->mark.load();
  // The whole capture is lost, whichever of its streams it was: the origin is asked when it ends.
  object->context.load()->session->slab(wire::Kind::stream).for_each([&](Object& one) {
    if (one.mark.load() == capture) one.flags.fetch_or(kInvalidated);
  });
}

std::shared_ptr<Holdings> capture_holdings(CUstream stream) {
  std::lock_guard lock(graphs_mutex());
  Construction& one = graphs()[capture_of(stream)];
  if (one.holdings == nullptr) one.holdings = std::make_shared<Holdings>();
  return one.holdings;
}

void begin_capture(CUstream stream) {
  if (Object* object = find(stream)) {
    object->flags.fetch_and(~kInvalidated);
    object->mark = g_next.fetch_add(1);
    g_captures++;
  }
}

void end_capture(CUstream stream) {
  Object* origin = find(stream);
  const uint32_t capture = origin != nullptr ? origin->mark.load() : 0;
  if (capture == 0) return;
  Session* session = origin->context.load()->session;
  auto leave = [&](Object& object) {
    uint32_t expected = capture;
    if (object.mark.load() == capture) object.flags.fetch_and(~kInvalidated);
    object.mark.compare_exchange_strong(expected, 0);
  };
  session->slab(wire::Kind::stream).for_each(leave);
  session->slab(wire::Kind::event).for_each(leave);
  g_captures--;
}

void note_capture_records(CUevent event, CUstream stream) {
  if (g_captures.load(std::memory_order_relaxed) == 0) return;
  Object* object = find(event);
  if (object != nullptr) object->mark = static_cast<uint32_t>(capture_of(stream));
}

void note_capture_waits(CUstream stream, CUevent event) {
  if (g_captures.load(std::memory_order_relaxed) == 0) return;
  Object *waiting = find(stream), *awaited = find(event);
  if (waiting == nullptr || awaited == nullptr || awaited->mark.load() == 0) return;
  waiting->mark = awaited->mark.load();
}

}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

namespace gpool::client {
namespace {

// What a driver refuses at once; the stream's handle on the wire.
wire::Handle check_beginning(Call& call, CUstream stream, CUstreamCaptureMode mode) {
  const wire::Handle handle = call.handle(stream);
  if (!call.ok()) return 0;
  // The legacy stream cannot be captured.
  if (wire::is_special_stream(handle)) call.refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (capture_of(stream) != 0) call.refuse(CUDA_ERROR_ILLEGAL_STATE);
  return handle;
}

}  // namespace
}  // namespace gpool::client

extern "C" CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  Call call(calls::Id::cuStreamBeginCapture_v2, "cuStreamBeginCapture_v2");
  calls::cuStreamBeginCapture_v2_arguments arguments{};
  arguments.hStream = check_beginning(call, hStream, mode);
  arguments.mode = mode;
  const CUresult status = call.post(arguments);
  if (status == CUDA_SUCCESS) begin_capture(hStream);
  return status;
}

extern "C" CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies,
                                                const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                                CUstreamCaptureMode mode) {
  Call call("cuStreamBeginCaptureToGraph");
  wire::GraphCapture arguments{};
  arguments.action = wire::GraphCapture::begin;
  arguments.mode = static_cast<uint32_t>(mode);
  arguments.stream = check_beginning(call, hStream, mode);
  arguments.graph = call.handle(hGraph);
  arguments.count = numDependencies;
  Object* graph = call.object();
  std::vector<wire::Handle> nodes;
  if (!read_nodes(call, dependencies, numDependencies, nodes)) return call.result();
  if (!are_plain(dependencyData, numDependencies)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  call.as(wire::Message::graph_capture);
  const CUresult status = call.post(arguments, {array_bytes(nodes.data(), nodes.size())});
  if (status != CUDA_SUCCESS) return status;
  begin_capture(hStream);
  std::lock_guard lock(graphs_mutex());
  Construction& one = graphs()[capture_of(hStream)];
  one.graph = hGraph;
  one.given = true;
  one.holdings = state_of(*graph).holdings;
  return status;
}

extern "C" CUresult cuStreamUpdateCaptureDependencies_v2(CUstream hStream, CUgraphNode* dependencies,
                                                         const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                                         unsigned int flags) {
  Call call("cuStreamUpdateCaptureDependencies_v2");
  wire::GraphCapture arguments{};
  arguments.stream = call.handle(hStream);
  if (flags > CU_STREAM_SET_CAPTURE_DEPENDENCIES) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (call.ok() && capture_of(hStream) == 0) call.refuse(CUDA_ERROR_ILLEGAL_STATE);
  arguments.action = flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES ? wire::GraphCapture::set_dependencies
                                                                 : wire::GraphCapture::add_dependencies;
  arguments.count = numDependencies;
  std::vector<wire::Handle> nodes;
  if (!read_nodes(call, dependencies, numDependencies, nodes)) return call.result();
  if (!are_plain(dependencyData, numDependencies)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  call.as(wire::Message::graph_capture);
  return call.post(arguments, {array_bytes(nodes.data(), nodes.size())});
}

extern "C" CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  Call call(calls::Id::cuStreamEndCapture, "cuStreamEndCapture");
  calls::cuStreamEndCapture_arguments arguments{};
  arguments.hStream = call.handle(hStream);
  if (!call.ok()) return call.result();
  if (capture_of(hStream) == 0) return call.end(CUDA_ERROR_ILLEGAL_STATE);
  call.required(phGraph);
  if (!call.ok()) return call.result();
  const Construction known = take_graph(capture_of(hStream));
  if (known.given) {
    arguments.created = call.handle(known.graph);
  } else if (known.graph != nullptr) {
    arguments.created = call.minted_before(reinterpret_cast<wire::Handle>(known.graph));
  } else {
    arguments.created = call.mint(phGraph);
  }
  calls::cuStreamEndCapture_reply reply{};
  const bool invalidated = (find(hStream)->flags.load() & kInvalidated) != 0;
  end_capture(hStream);
  if (!call.ok()) return call.result();
  *phGraph = nullptr;
  CUresult status;
  if (known.given) {
    status = call.ask(arguments, reply);
    if (status == CUDA_SUCCESS) *phGraph = known.graph;
    return status == CUDA_SUCCESS && invalidated ? call.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED) : status;
  }
  status = call.ask_created(arguments, reply, phGraph);
  if (status == CUDA_SUCCESS && known.holdings != nullptr)
    state_of(*call.session()->find(arguments.created)).holdings->add_all(*known.holdings);
  if (status != CUDA_SUCCESS || !invalidated) return status;
  (void)cuGraphDestroy(*phGraph);
  *phGraph = nullptr;
  return call.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

extern "C" CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  Call call("cuStreamIsCapturing");
  call.handle(hStream);
  if (call.required(captureStatus) == nullptr || !call.ok()) return call.result();
  *captureStatus = capture_of(hStream) != 0 ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                              cuuint64_t* id_out, CUgraph* graph_out,
                                              const CUgraphNode** dependencies_out,
                                              const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  Call call("cuStreamGetCaptureInfo_v3");
  call.handle(hStream);
  if (call.required(captureStatus_out) == nullptr || !call.ok()) return call.result();
  const uint64_t capture = capture_of(hStream);
  const bool asks_dependencies =
      dependencies_out != nullptr || edgeData_out != nullptr || numDependencies_out != nullptr;
  if (capture != 0 && (graph_out != nullptr || asks_dependencies)) {
    std::unique_lock lock(graphs_mutex());
    Construction& one = graphs()[capture];
    if (one.graph == nullptr) {
      one.graph = reinterpret_cast<CUgraph>(call.mint_kind(wire::Kind::graph));
      if (!call.ok()) return call.result();
      // The program may add nodes to it from now on.
      if (!asks_dependencies) (void)name_captured_graph(call, hStream, one.graph);
    }
    if (!call.ok()) return call.result();
    if (graph_out != nullptr) *graph_out = one.graph;
    if (asks_dependencies) {
      std::vector<CUgraphNode> nodes;
      lock.unlock();
      if (const CUresult status = capture_dependencies(call, hStream, one.graph, nodes); status != CUDA_SUCCESS)
        return call.end(status);
      lock.lock();
      const auto at = graphs().find(capture);
      if (at == graphs().end()) return call.end(CUDA_ERROR_ILLEGAL_STATE);  // another thread has ended the capture
      Construction& asked = at->second;
      asked.dependencies = std::move(nodes);
      asked.edges.assign(asked.dependencies.size(), CUgraphEdgeData{});
      if (dependencies_out != nullptr) *dependencies_out = asked.dependencies.data();
      if (edgeData_out != nullptr) *edgeData_out = asked.edges.data();
      if (numDependencies_out != nullptr) *numDependencies_out = asked.dependencies.size();
    }
  }
  *captureStatus_out = capture != 0 ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  if (id_out != nullptr) *id_out = capture;
  if (capture == 0) {
    if (graph_out != nullptr) *graph_out = nullptr;
    if (dependencies_out != nullptr) *dependencies_out = nullptr;
    if (edgeData_out != nullptr) *edgeData_out = nullptr;
    if (numDependencies_out != nullptr) *numDependencies_out = 0;
  }
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  Call call("cuThreadExchangeStreamCaptureMode");
  if (call.required(mode) == nullptr || !call.ok()) return call.result();
  if (*mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  static thread_local CUstreamCaptureMode t_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::swap(t_mode, *mode);
  return call.end(CUDA_SUCCESS);
}
