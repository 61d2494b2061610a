// Graphs and stream capture. What is not here (conditional and memory nodes) answers CUDA_ERROR_NOT_SUPPORTED. 800
// lines: one subject whose parts share the node lists; the calls about single kinds of nodes are in graph_nodes.cpp,
// those that change graphs and describe them in graph_changes.cpp.
#include "emulator/driver/graph.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/launch.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/shapes.h"

namespace gpool::emulator {
namespace {

using GraphRef = std::shared_ptr<Graph>;
using NodeRef = std::shared_ptr<Node>;
using ExecRef = std::shared_ptr<GraphExec>;

CUgraphNode to_handle(uint64_t node) {
  return reinterpret_cast<CUgraphNode>(node);
}

CUgraphNodeType type_of(const Work& work) {
  if (std::holds_alternative<KernelWork>(work)) return CU_GRAPH_NODE_TYPE_KERNEL;
  if (std::holds_alternative<CopyWork>(work)) return CU_GRAPH_NODE_TYPE_MEMCPY;
  if (std::holds_alternative<MemsetWork>(work)) return CU_GRAPH_NODE_TYPE_MEMSET;
  if (std::holds_alternative<HostWork>(work)) return CU_GRAPH_NODE_TYPE_HOST;
  if (std::holds_alternative<ValueWork>(work)) return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP;
  if (std::holds_alternative<GraphWork>(work)) return CU_GRAPH_NODE_TYPE_GRAPH;
  if (std::holds_alternative<EventRecordWork>(work)) return CU_GRAPH_NODE_TYPE_EVENT_RECORD;
  if (std::holds_alternative<EventWaitWork>(work)) return CU_GRAPH_NODE_TYPE_WAIT_EVENT;
  return CU_GRAPH_NODE_TYPE_EMPTY;
}

CUresult current(std::shared_ptr<Context>& context, CUcontext given = nullptr) {
  if (!given) return current_context(context);
  GPOOL_CHECK(driver().ready());
  context = handles().find<Context>(given);
  return context ? check_alive(context) : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult kernel_work(const std::shared_ptr<Context>& context, CUfunction function, CUkernel kernel,
                     const unsigned (&grid)[3], const unsigned (&block)[3], unsigned shared, void** parameters,
                     void** extra, KernelWork& work) {
  LaunchShape shape{{grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, false};
  return prepare_launch(context, function ? function : reinterpret_cast<CUfunction>(kernel), shape, parameters, extra,
                        work);
}

CUresult kernel_work(const std::shared_ptr<Context>& context, const CUDA_KERNEL_NODE_PARAMS* p, KernelWork& work) {
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  return kernel_work(context, p->func, p->kern, {p->gridDimX, p->gridDimY, p->gridDimZ},
                     {p->blockDimX, p->blockDimY, p->blockDimZ}, p->sharedMemBytes, p->kernelParams, p->extra, work);
}

CUDA_KERNEL_NODE_PARAMS widen(const CUDA_KERNEL_NODE_PARAMS_v1& old) {
  CUDA_KERNEL_NODE_PARAMS wide{};
  std::memcpy(&wide, &old, sizeof old);  // the new struct begins with the old one
  return wide;
}

// Fewer nodes than room: the rest is filled with NULL, as documented.
template <class T>
CUresult list(const std::vector<uint64_t>& all, T* out, size_t* count) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  if (!out) {
    *count = all.size();
    return CUDA_SUCCESS;
  }
  for (size_t i = 0; i < *count; ++i) out[i] = i < all.size() ? reinterpret_cast<T>(all[i]) : nullptr;
  *count = std::min(*count, all.size());
  return CUDA_SUCCESS;
}

// Depth first over the edges; false when they form a circle.
bool in_order(const Graph& graph, std::vector<NodeRef>& order) {
  std::map<uint64_t, NodeRef> by_handle;
  std::map<uint64_t, size_t> waiting;
  std::multimap<uint64_t, uint64_t> next;
  for (const NodeRef& node : graph.nodes) {
    by_handle[node->handle] = node;
    waiting[node->handle] = node->after.size();
    for (uint64_t before : node->after) next.emplace(before, node->handle);
  }
  std::vector<uint64_t> ready;
  for (const NodeRef& node : graph.nodes) {
    if (node->after.empty()) ready.push_back(node->handle);
  }
  for (size_t i = 0; i < ready.size(); ++i) {
    order.push_back(by_handle[ready[i]]);
    auto [first, last] = next.equal_range(ready[i]);
    for (auto edge = first; edge != last; ++edge) {
      if (--waiting[edge->second] == 0) ready.push_back(edge->second);
    }
  }
  return order.size() == graph.nodes.size();
}

// The steps as one launch runs them: its events are recorded, and waited for, as of now.
std::shared_ptr<GraphExec> stamped(const std::vector<GraphExec::Step>& steps) {
  auto launched = std::make_shared<GraphExec>();
  launched->steps = steps;
  for (GraphExec::Step& step : launched->steps) {
    if (auto* inner = std::get_if<GraphWork>(&step.work)) {
      inner->exec = stamped(inner->exec->steps);
    } else if (auto* record = std::get_if<EventRecordWork>(&step.work)) {
      record->stamp = std::make_shared<Ticket>();
      if (!step.enabled) continue;
      std::lock_guard lock(record->event->mutex);
      record->event->recorded = record->stamp;
    } else if (auto* wait = std::get_if<EventWaitWork>(&step.work)) {
      std::lock_guard lock(wait->event->mutex);
      wait->stamp = wait->event->recorded;
    }
  }
  return launched;
}

// For a launch that was refused: nobody may wait for its events.
void reach_events(const std::vector<GraphExec::Step>& steps) {
  for (const GraphExec::Step& step : steps) {
    if (const auto* inner = std::get_if<GraphWork>(&step.work)) reach_events(inner->exec->steps);
    if (const auto* record = std::get_if<EventRecordWork>(&step.work)) record->stamp->complete();
  }
}

CUresult instantiate(CUgraphExec* out, CUgraph handle, unsigned long long flags = 0) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  auto exec = std::make_shared<GraphExec>();
  GPOOL_CHECK(steps_of(*graph, exec->steps, exec->references));
  exec->flags = flags;
  handles().add(exec);
  *out = reinterpret_cast<CUgraphExec>(exec->handle);
  return CUDA_SUCCESS;
}

std::atomic<uint64_t> next_capture_id{1};

CUresult begin_capture(CUstream handle, CUstreamCaptureMode mode, GraphRef into, const CUgraphNode* dependencies,
                       size_t count) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  if (stream->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  std::vector<NodeRef> tips;
  for (size_t i = 0; i < count; ++i) {
    NodeRef node;
    GPOOL_CHECK(find_node(dependencies[i], node));
    tips.push_back(node);
  }
  Context& context = *stream->context;
  std::lock_guard lock(context.order);
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  auto capture = std::make_shared<Capture>();
  capture->graph = into;
  if (!capture->graph) {
    capture->graph = std::make_shared<Graph>();
    handles().add(capture->graph);
  }
  capture->mode = mode;
  capture->id = next_capture_id++;
  capture->origin = stream->handle ? stream->handle : reinterpret_cast<uint64_t>(CU_STREAM_PER_THREAD);
  capture->thread = std::this_thread::get_id();
  capture->joined.push_back(stream);
  stream->capture = capture;
  stream->capture_tips = tips;
  if (stream->blocking()) ++context.global_captures;
  return CUDA_SUCCESS;
}

CUresult capture_info(CUstream handle, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                      const CUgraphNode** dependencies, const CUgraphEdgeData** edges, size_t* count) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!status) return CUDA_ERROR_INVALID_VALUE;
  Context& context = *stream->context;
  std::lock_guard lock(context.order);
  if (stream->legacy && context.global_captures > 0) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  if (!stream->capture) {
    *status = CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
  }
  *status = stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (id) *id = stream->capture->id;
  if (stream->capture->invalidated) return CUDA_SUCCESS;
  if (graph) *graph = reinterpret_cast<CUgraph>(stream->capture->graph->handle);
  // Valid until the next call on this thread.
  thread_local std::vector<CUgraphNode> tips;
  thread_local std::vector<CUgraphEdgeData> plain;
  tips.clear();
  for (const NodeRef& node : stream->capture_tips) tips.push_back(to_handle(node->handle));
  plain.assign(tips.size(), CUgraphEdgeData{});
  if (dependencies) *dependencies = tips.data();
  if (edges) *edges = plain.data();
  if (count) *count = tips.size();
  return CUDA_SUCCESS;
}

void destroy_graph(const GraphRef& graph) {
  std::vector<NodeRef> nodes;
  std::map<UserObjectRef, unsigned> objects;
  {
    std::lock_guard lock(graph->mutex);
    nodes.swap(graph->nodes);
    objects.swap(graph->objects);
  }
  for (const auto& [object, count] : objects) release_user_object(object, count);
  for (const NodeRef& node : nodes) {
    handles().remove(node->handle);
    if (node->child) destroy_graph(node->child);
  }
  handles().remove(graph->handle);
}

}  // namespace

CUresult find_exec(CUgraphExec handle, ExecRef& exec) {
  GPOOL_CHECK(driver().ready());
  exec = handles().find<GraphExec>(handle);
  return exec ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult steps_of(Graph& graph, std::vector<GraphExec::Step>& steps, std::vector<std::shared_ptr<void>>& references) {
  std::lock_guard lock(graph.mutex);
  std::vector<NodeRef> order;
  if (!in_order(graph, order)) return CUDA_ERROR_INVALID_VALUE;
  std::map<uint64_t, size_t> index;
  for (const NodeRef& node : order) {
    Work work = node->work;
    if (node->child) {
      auto inner = std::make_shared<GraphExec>();
      GPOOL_CHECK(steps_of(*node->child, inner->steps, references));
      work = GraphWork{std::move(inner)};
    }
    index[node->handle] = steps.size();
    std::vector<size_t> after;
    for (uint64_t before : node->after) after.push_back(index[before]);
    steps.push_back({node->handle, std::move(work), node->context, true, std::move(after)});
  }
  for (const auto& [object, count] : graph.objects) {
    ++object->references;
    references.emplace_back(nullptr, [object = object](std::nullptr_t) { release_user_object(object, 1); });
  }
  return CUDA_SUCCESS;
}

CUresult find_graph(CUgraph handle, GraphRef& graph) {
  GPOOL_CHECK(driver().ready());
  graph = handles().find<Graph>(handle);
  return graph ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult find_node(CUgraphNode handle, NodeRef& node) {
  GPOOL_CHECK(driver().ready());
  node = handles().find<Node>(handle);
  return node ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult add_node(CUgraphNode* out, CUgraph graph_handle, const CUgraphNode* dependencies, size_t count,
                  std::shared_ptr<Context> context, Work work, NodeRef* made) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(graph_handle, graph));
  if (!out || (count && !dependencies)) return CUDA_ERROR_INVALID_VALUE;
  auto node = std::make_shared<Node>();
  node->graph = graph->handle;
  node->type = type_of(work);
  node->work = std::move(work);
  node->context = std::move(context);
  for (size_t i = 0; i < count; ++i) {
    NodeRef dependency;
    GPOOL_CHECK(find_node(dependencies[i], dependency));
    if (dependency->graph != graph->handle) return CUDA_ERROR_INVALID_VALUE;
    node->after.push_back(dependency->handle);
  }
  handles().add(node);
  std::lock_guard lock(graph->mutex);
  graph->nodes.push_back(node);
  if (made) *made = node;
  *out = to_handle(node->handle);
  return CUDA_SUCCESS;
}

CUresult memset_work(const std::shared_ptr<Context>& context, const CUDA_MEMSET_NODE_PARAMS* p, MemsetWork& work) {
  if (!p || (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4)) return CUDA_ERROR_INVALID_VALUE;
  if (p->width == 0 || p->height == 0) return CUDA_ERROR_INVALID_VALUE;
  work = {p->dst, p->pitch, p->value, p->elementSize, p->width, p->height};
  if (work.height == 1) work.pitch = 0;
  return check_memset(work, context->device);
}

CUresult replace(CUgraphExec exec_handle, CUgraphNode node_handle, Work work) {
  ExecRef exec;
  NodeRef node;
  GPOOL_CHECK(find_exec(exec_handle, exec));
  GPOOL_CHECK(find_node(node_handle, node));
  std::lock_guard lock(exec->mutex);
  for (GraphExec::Step& step : exec->steps) {
    if (step.node != reinterpret_cast<uint64_t>(node_handle)) continue;
    if (step.work.index() != work.index()) return CUDA_ERROR_INVALID_VALUE;
    if (auto* kernel = std::get_if<KernelWork>(&work)) {
      // Cooperative launch is a property of the node, not of its new parameters.
      kernel->cooperative = std::get<KernelWork>(node->work).cooperative;
    }
    step.work = std::move(work);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult record(const StreamRef& stream, Work work) {
  Capture& capture = *stream->capture;
  if (capture.invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (std::holds_alternative<FreeWork>(work)) {
    capture.invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  auto node = std::make_shared<Node>();
  node->graph = capture.graph->handle;
  node->type = type_of(work);
  node->work = std::move(work);
  node->context = stream->context;
  for (const NodeRef& tip : stream->capture_tips) {
    if (std::find(node->after.begin(), node->after.end(), tip->handle) == node->after.end()) {
      node->after.push_back(tip->handle);
    }
  }
  handles().add(node);
  std::lock_guard lock(capture.graph->mutex);
  capture.graph->nodes.push_back(node);
  stream->capture_tips = {node};
  return CUDA_SUCCESS;
}

void invalidate_captures(Context& context) {
  for (const StreamRef& stream : context.streams) {
    if (stream->capture && stream->blocking()) stream->capture->invalidated = true;
  }
}

// --- capture ---

GPOOL_CUDA cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return begin_capture(stream, mode, nullptr, nullptr, 0);
}
GPOOL_CUDA cuStreamBeginCapture(CUstream stream) {
  return begin_capture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL, nullptr, nullptr, 0);
}
GPOOL_CUDA cuStreamBeginCaptureToGraph(CUstream stream, CUgraph handle, const CUgraphNode* dependencies,
                                       const CUgraphEdgeData*, size_t count, CUstreamCaptureMode mode) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  if (count && !dependencies) return CUDA_ERROR_INVALID_VALUE;
  return begin_capture(stream, mode, graph, dependencies, count);
}

GPOOL_CUDA cuStreamEndCapture(CUstream handle, CUgraph* out) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  Context& context = *stream->context;
  std::shared_ptr<Capture> capture;
  bool unjoined = false;
  {
    std::lock_guard lock(context.order);
    capture = stream->capture;
    if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
    uint64_t mine = stream->handle ? stream->handle : reinterpret_cast<uint64_t>(CU_STREAM_PER_THREAD);
    if (capture->origin != mine) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
      return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    }
    // Work of a stream that joined must lead back to the origin: its tips must be ancestors of the origin's tips.
    std::set<uint64_t> reached;
    std::vector<NodeRef> open = stream->capture_tips;
    while (!open.empty()) {
      NodeRef node = open.back();
      open.pop_back();
      if (!reached.insert(node->handle).second) continue;
      for (uint64_t before : node->after) {
        if (NodeRef next = handles().find<Node>(before)) open.push_back(next);
      }
    }
    for (const NodeRef& tip : capture->left_behind) unjoined = unjoined || !reached.contains(tip->handle);
    for (const auto& weak : capture->joined) {
      StreamRef other = weak.lock();
      if (!other || other->capture != capture) continue;
      if (other != stream) {
        for (const NodeRef& tip : other->capture_tips) unjoined = unjoined || !reached.contains(tip->handle);
      }
    }
    for (const auto& weak : capture->joined) {
      if (StreamRef other = weak.lock(); other && other->capture == capture) {
        other->capture = nullptr;
        other->capture_tips.clear();
      }
    }
    if (stream->blocking()) --context.global_captures;
  }
  if (capture->invalidated || unjoined) {
    destroy_graph(capture->graph);
    *out = nullptr;
    return capture->invalidated ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  *out = reinterpret_cast<CUgraph>(capture->graph->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  return capture_info(handle, status, nullptr, nullptr, nullptr, nullptr, nullptr);
}
GPOOL_CUDA cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id) {
  return capture_info(stream, status, id, nullptr, nullptr, nullptr, nullptr);
}
GPOOL_CUDA cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                                     const CUgraphNode** dependencies, size_t* count) {
  return capture_info(stream, status, id, graph, dependencies, nullptr, count);
}
GPOOL_CUDA cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                                     const CUgraphNode** dependencies, const CUgraphEdgeData** edges, size_t* count) {
  return capture_info(stream, status, id, graph, dependencies, edges, count);
}

GPOOL_CUDA cuStreamUpdateCaptureDependencies_v2(CUstream handle, CUgraphNode* nodes, const CUgraphEdgeData*,
                                                size_t count, unsigned flags) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if ((count && !nodes) || flags > CU_STREAM_SET_CAPTURE_DEPENDENCIES) return CUDA_ERROR_INVALID_VALUE;
  std::vector<NodeRef> tips;
  for (size_t i = 0; i < count; ++i) {
    NodeRef node;
    GPOOL_CHECK(find_node(nodes[i], node));
    tips.push_back(node);
  }
  std::lock_guard lock(stream->context->order);
  if (!stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES) stream->capture_tips.clear();
  stream->capture_tips.insert(stream->capture_tips.end(), tips.begin(), tips.end());
  return CUDA_SUCCESS;
}
GPOOL_CUDA cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode* nodes, size_t count, unsigned flags) {
  return cuStreamUpdateCaptureDependencies_v2(stream, nodes, nullptr, count, flags);
}

CUstreamCaptureMode& capture_mode_of_thread() {
  thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

GPOOL_CUDA cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  GPOOL_CHECK(driver().ready());
  if (!mode || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, capture_mode_of_thread());
  return CUDA_SUCCESS;
}

// --- graphs ---

GPOOL_CUDA cuGraphCreate(CUgraph* out, unsigned flags) {
  GPOOL_CHECK(driver().ready());
  if (!out || flags) return CUDA_ERROR_INVALID_VALUE;
  auto graph = std::make_shared<Graph>();
  handles().add(graph);
  *out = reinterpret_cast<CUgraph>(graph->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphDestroy(CUgraph handle) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  destroy_graph(graph);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphAddKernelNode_v2(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                   const CUDA_KERNEL_NODE_PARAMS* parameters) {
  ContextRef context;
  GPOOL_CHECK(current(context, parameters ? parameters->ctx : nullptr));
  KernelWork work;
  GPOOL_CHECK(kernel_work(context, parameters, work));
  return add_node(out, graph, dependencies, count, context, std::move(work));
}
GPOOL_CUDA cuGraphAddKernelNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                const CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS wide = widen(*parameters);
  return cuGraphAddKernelNode_v2(out, graph, dependencies, count, &wide);
}

GPOOL_CUDA cuGraphAddMemcpyNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                const CUDA_MEMCPY3D* shape, CUcontext given) {
  ContextRef context;
  GPOOL_CHECK(current(context, given));
  if (!shape) return CUDA_ERROR_INVALID_VALUE;
  CopyWork work;
  GPOOL_CHECK(work_of_shape(*shape, work));
  NodeRef node;
  GPOOL_CHECK(add_node(out, graph, dependencies, count, context, std::move(work), &node));
  node->copy = *shape;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphAddMemsetNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext given) {
  ContextRef context;
  GPOOL_CHECK(current(context, given));
  MemsetWork work;
  GPOOL_CHECK(memset_work(context, parameters, work));
  NodeRef node;
  GPOOL_CHECK(add_node(out, graph, dependencies, count, context, work, &node));
  node->memset = *parameters;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphAddHostNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                              const CUDA_HOST_NODE_PARAMS* parameters) {
  ContextRef context;
  GPOOL_CHECK(current(context));
  if (!parameters || !parameters->fn) return CUDA_ERROR_INVALID_VALUE;
  return add_node(out, graph, dependencies, count, context, host_work(*parameters));
}

GPOOL_CUDA cuGraphAddEmptyNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count) {
  ContextRef context;
  GPOOL_CHECK(current(context));
  return add_node(out, graph, dependencies, count, context, EmptyWork{});
}

GPOOL_CUDA cuGraphDestroyNode(CUgraphNode handle) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (GraphRef graph = handles().find<Graph>(node->graph)) {
    std::lock_guard lock(graph->mutex);
    std::erase(graph->nodes, node);
    if (node->child) destroy_graph(node->child);
    for (const NodeRef& other : graph->nodes) std::erase(other->after, node->handle);
  }
  handles().remove(node->handle);
  return CUDA_SUCCESS;
}

namespace {

// `act(graph, before, after)` for each edge that is named, under the graph's mutex, until one is refused.
template <class Act>
CUresult for_each_edge(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count, Act act) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  if (count && (!from || !to)) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    NodeRef before, after;
    GPOOL_CHECK(find_node(from[i], before));
    GPOOL_CHECK(find_node(to[i], after));
    std::lock_guard lock(graph->mutex);
    if (!act(*graph, *before, *after)) return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuGraphAddDependencies_v2(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                     const CUgraphEdgeData*, size_t count) {
  return for_each_edge(handle, from, to, count, [](const Graph& graph, const Node& before, Node& after) {
    if (before.graph != graph.handle || after.graph != graph.handle || &before == &after) return false;
    after.after.push_back(before.handle);
    return true;
  });
}
GPOOL_CUDA cuGraphRemoveDependencies_v2(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                        const CUgraphEdgeData*, size_t count) {
  return for_each_edge(handle, from, to, count, [](const Graph&, const Node& before, Node& after) {
    return std::erase(after.after, before.handle) != 0;
  });
}
GPOOL_CUDA cuGraphAddDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, size_t count) {
  return cuGraphAddDependencies_v2(graph, from, to, nullptr, count);
}

GPOOL_CUDA cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  std::lock_guard lock(graph->mutex);
  std::vector<uint64_t> all;
  for (const NodeRef& node : graph->nodes) all.push_back(node->handle);
  return list(all, nodes, count);
}

GPOOL_CUDA cuGraphGetRootNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  std::lock_guard lock(graph->mutex);
  std::vector<uint64_t> roots;
  for (const NodeRef& node : graph->nodes) {
    if (node->after.empty()) roots.push_back(node->handle);
  }
  return list(roots, nodes, count);
}

GPOOL_CUDA cuGraphGetEdges_v2(CUgraph handle, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data,
                              size_t* count) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  if (!count || (!from != !to)) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(graph->mutex);
  std::vector<uint64_t> sources, targets;
  for (const NodeRef& node : graph->nodes) {
    for (uint64_t before : node->after) {
      sources.push_back(before);
      targets.push_back(node->handle);
    }
  }
  size_t room = *count;
  GPOOL_CHECK(list(targets, to, count));
  if (from) GPOOL_CHECK(list(sources, from, &room));
  if (data && from) std::fill_n(data, *count, CUgraphEdgeData{});
  return CUDA_SUCCESS;
}
GPOOL_CUDA cuGraphGetEdges(CUgraph graph, CUgraphNode* from, CUgraphNode* to, size_t* count) {
  return cuGraphGetEdges_v2(graph, from, to, nullptr, count);
}

GPOOL_CUDA cuGraphNodeGetDependencies(CUgraphNode handle, CUgraphNode* nodes, size_t* count) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  return list(node->after, nodes, count);
}
GPOOL_CUDA cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data, size_t* count) {
  GPOOL_CHECK(cuGraphNodeGetDependencies(node, nodes, count));
  if (data && nodes) std::fill_n(data, *count, CUgraphEdgeData{});
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphNodeGetDependentNodes(CUgraphNode handle, CUgraphNode* nodes, size_t* count) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  GraphRef graph = handles().find<Graph>(node->graph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(graph->mutex);
  std::vector<uint64_t> dependents;
  for (const NodeRef& other : graph->nodes) {
    if (std::find(other->after.begin(), other->after.end(), node->handle) != other->after.end()) {
      dependents.push_back(other->handle);
    }
  }
  return list(dependents, nodes, count);
}
GPOOL_CUDA cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data, size_t* count) {
  GPOOL_CHECK(cuGraphNodeGetDependentNodes(node, nodes, count));
  if (data && nodes) std::fill_n(data, *count, CUgraphEdgeData{});
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType* type) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!type) return CUDA_ERROR_INVALID_VALUE;
  *type = node->type;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphKernelNodeGetParams_v2(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS* parameters) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  auto* work = std::get_if<KernelWork>(&node->work);
  if (!work || !parameters) return CUDA_ERROR_INVALID_VALUE;
  *parameters = {};
  if (handles().find<KernelHandle>(work->given)) {
    parameters->kern = reinterpret_cast<CUkernel>(work->given);
  } else {
    parameters->func = work->given;
  }
  parameters->gridDimX = work->grid[0], parameters->gridDimY = work->grid[1], parameters->gridDimZ = work->grid[2];
  parameters->blockDimX = work->block[0], parameters->blockDimY = work->block[1],
  parameters->blockDimZ = work->block[2];
  parameters->sharedMemBytes = work->shared;
  parameters->ctx = reinterpret_cast<CUcontext>(node->context->handle);
  // Valid while the node keeps these parameters.
  node->parameter_pointers.clear();
  for (const ptx::Parameter& parameter : work->function->kernel().parameters) {
    node->parameter_pointers.push_back(work->parameters.data() + parameter.offset);
  }
  parameters->kernelParams = node->parameter_pointers.data();
  return CUDA_SUCCESS;
}
GPOOL_CUDA cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS wide;
  GPOOL_CHECK(cuGraphKernelNodeGetParams_v2(node, &wide));
  std::memcpy(parameters, &wide, sizeof *parameters);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphKernelNodeSetParams_v2(CUgraphNode handle, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!std::holds_alternative<KernelWork>(node->work)) return CUDA_ERROR_INVALID_VALUE;
  KernelWork work;
  GPOOL_CHECK(kernel_work(node->context, parameters, work));
  node->work = std::move(work);
  return CUDA_SUCCESS;
}
GPOOL_CUDA cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS wide = widen(*parameters);
  return cuGraphKernelNodeSetParams_v2(node, &wide);
}

GPOOL_CUDA cuGraphMemcpyNodeGetParams(CUgraphNode handle, CUDA_MEMCPY3D* shape) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  auto* work = std::get_if<CopyWork>(&node->work);
  if (!work || !shape) return CUDA_ERROR_INVALID_VALUE;
  *shape = node->copy;
  if (shape->WidthInBytes == 0) {  // a captured copy: addresses speak for themselves
    shape->srcMemoryType = shape->dstMemoryType = CU_MEMORYTYPE_UNIFIED;
    shape->srcDevice = work->source, shape->dstDevice = work->destination;
    shape->srcPitch = work->source_pitch, shape->dstPitch = work->destination_pitch;
    shape->WidthInBytes = work->width, shape->Height = work->height, shape->Depth = work->depth;
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphMemsetNodeGetParams(CUgraphNode handle, CUDA_MEMSET_NODE_PARAMS* parameters) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  auto* work = std::get_if<MemsetWork>(&node->work);
  if (!work || !parameters) return CUDA_ERROR_INVALID_VALUE;
  *parameters = {work->address, work->pitch, work->value, work->element, work->width, work->height};
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  return instantiate(exec, graph, flags);
}
GPOOL_CUDA cuGraphInstantiate(CUgraphExec* exec, CUgraph graph, CUgraphNode*, char* log_buffer, size_t room) {
  if (log_buffer && room) *log_buffer = 0;
  return instantiate(exec, graph);
}
GPOOL_CUDA cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* node, char* log_buffer, size_t room) {
  return cuGraphInstantiate(exec, graph, node, log_buffer, room);
}
GPOOL_CUDA cuGraphInstantiateWithParams(CUgraphExec* exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) {
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = instantiate(exec, graph, parameters->flags);
  parameters->result_out = result == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
  parameters->hErrNode_out = nullptr;
  return result;
}

GPOOL_CUDA cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode handle,
                                             const CUDA_KERNEL_NODE_PARAMS* parameters) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!std::holds_alternative<KernelWork>(node->work)) return CUDA_ERROR_INVALID_VALUE;
  KernelWork work;
  GPOOL_CHECK(kernel_work(node->context, parameters, work));
  return replace(exec, handle, std::move(work));
}
GPOOL_CUDA cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                          const CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS wide = widen(*parameters);
  return cuGraphExecKernelNodeSetParams_v2(exec, node, &wide);
}

GPOOL_CUDA cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode handle, const CUDA_MEMCPY3D* shape, CUcontext) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!shape) return CUDA_ERROR_INVALID_VALUE;
  CopyWork work;
  GPOOL_CHECK(work_of_shape(*shape, work));
  return replace(exec, handle, std::move(work));
}

GPOOL_CUDA cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode handle,
                                          const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  MemsetWork work;
  GPOOL_CHECK(memset_work(node->context, parameters, work));
  return replace(exec, handle, work);
}

GPOOL_CUDA cuGraphNodeSetEnabled(CUgraphExec exec_handle, CUgraphNode node, unsigned enabled) {
  ExecRef exec;
  GPOOL_CHECK(find_exec(exec_handle, exec));
  std::lock_guard lock(exec->mutex);
  for (GraphExec::Step& step : exec->steps) {
    if (step.node != reinterpret_cast<uint64_t>(node)) continue;
    step.enabled = enabled != 0;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuGraphNodeGetEnabled(CUgraphExec exec_handle, CUgraphNode node, unsigned* enabled) {
  ExecRef exec;
  GPOOL_CHECK(find_exec(exec_handle, exec));
  if (!enabled) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(exec->mutex);
  for (const GraphExec::Step& step : exec->steps) {
    if (step.node != reinterpret_cast<uint64_t>(node)) continue;
    *enabled = step.enabled;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  ExecRef exec;
  StreamRef stream;
  GPOOL_CHECK(find_exec(handle, exec));
  GPOOL_CHECK(find_stream(stream_handle, stream));
  {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  // What is queued is the graph as it is now: later changes of parameters are for later launches.
  std::lock_guard lock(exec->mutex);
  auto launched = stamped(exec->steps);
  launched->references = exec->references;
  CUresult result = submit(stream, GraphWork{launched});
  if (result != CUDA_SUCCESS) reach_events(launched->steps);
  return result;
}

GPOOL_CUDA cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
  ExecRef exec;
  StreamRef stream;
  GPOOL_CHECK(find_exec(handle, exec));
  return find_stream(stream_handle, stream);
}

GPOOL_CUDA cuGraphExecDestroy(CUgraphExec handle) {
  ExecRef exec;
  GPOOL_CHECK(find_exec(handle, exec));
  return handles().remove(exec->handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace gpool::emulator
