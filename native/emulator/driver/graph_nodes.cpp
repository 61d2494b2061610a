// Calls about single kinds of graph nodes: host functions, events, graphs in graphs, and the call that adds any kind.
#include <map>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"
#include "emulator/driver/memory.h"

namespace gpool::emulator {
namespace {

using GraphRef = std::shared_ptr<Graph>;
using NodeRef = std::shared_ptr<Node>;
using EventRef = std::shared_ptr<Event>;

CUresult find_event(CUevent handle, EventRef& event) {
  event = handles().find<Event>(handle);
  return event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// A graph of its own with the same nodes, edges and inner graphs.
GraphRef copy_of(const GraphRef& graph) {
  auto copy = std::make_shared<Graph>();
  handles().add(copy);
  std::map<uint64_t, uint64_t> names;  // of the original's nodes and their copies
  std::lock_guard lock(graph->mutex);
  for (const NodeRef& node : graph->nodes) {
    auto twin = std::make_shared<Node>();
    twin->graph = copy->handle;
    twin->type = node->type;
    twin->work = node->work;
    twin->context = node->context;
    twin->copy = node->copy;
    twin->memset = node->memset;
    twin->attributes = node->attributes;
    twin->original = node->handle;
    if (node->child) twin->child = copy_of(node->child);
    handles().add(twin);
    names[node->handle] = twin->handle;
    copy->nodes.push_back(std::move(twin));
  }
  for (size_t i = 0; i < graph->nodes.size(); ++i) {
    for (uint64_t before : graph->nodes[i]->after) copy->nodes[i]->after.push_back(names[before]);
  }
  for (const auto& [object, count] : graph->objects) object->references += count;
  copy->objects = graph->objects;
  return copy;
}

template <class Kind>
CUresult find_work(CUgraphNode handle, NodeRef& node, Kind*& work) {
  GPOOL_CHECK(find_node(handle, node));
  work = std::get_if<Kind>(&node->work);
  return work ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <class Kind>
CUresult add_event_node(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                        CUevent handle) {
  ContextRef context;
  EventRef event;
  GPOOL_CHECK(current_context(context));
  GPOOL_CHECK(find_event(handle, event));
  return add_node(out, graph, dependencies, count, context, Kind{event, nullptr});
}

template <class Kind>
CUresult get_event(CUgraphNode handle, CUevent* out) {
  NodeRef node;
  Kind* work;
  GPOOL_CHECK(find_work(handle, node, work));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUevent>(work->event->handle);
  return CUDA_SUCCESS;
}

template <class Kind>
CUresult set_event(CUgraphNode handle, CUevent event_handle) {
  NodeRef node;
  Kind* work;
  EventRef event;
  GPOOL_CHECK(find_work(handle, node, work));
  GPOOL_CHECK(find_event(event_handle, event));
  work->event = event;
  return CUDA_SUCCESS;
}

template <class Kind>
CUresult set_event_in(CUgraphExec exec, CUgraphNode handle, CUevent event_handle) {
  EventRef event;
  GPOOL_CHECK(driver().ready());
  GPOOL_CHECK(find_event(event_handle, event));
  return replace(exec, handle, Kind{event, nullptr});
}

}  // namespace

HostWork host_work(const CUDA_HOST_NODE_PARAMS& parameters) {
  CUhostFn function = parameters.fn;
  void* data = parameters.userData;
  return {[function, data](CUresult) { function(data); }, function, data, false};
}

GPOOL_CUDA cuGraphClone(CUgraph* out, CUgraph original) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(original, graph));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUgraph>(copy_of(graph)->handle);
  return CUDA_SUCCESS;
}

// -- host functions

GPOOL_CUDA cuGraphHostNodeGetParams(CUgraphNode handle, CUDA_HOST_NODE_PARAMS* parameters) {
  NodeRef node;
  HostWork* work;
  GPOOL_CHECK(find_work(handle, node, work));
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  *parameters = {work->function, work->data};
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphHostNodeSetParams(CUgraphNode handle, const CUDA_HOST_NODE_PARAMS* parameters) {
  NodeRef node;
  HostWork* work;
  GPOOL_CHECK(find_work(handle, node, work));
  if (!parameters || !parameters->fn) return CUDA_ERROR_INVALID_VALUE;
  *work = host_work(*parameters);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* parameters) {
  GPOOL_CHECK(driver().ready());
  if (!parameters || !parameters->fn) return CUDA_ERROR_INVALID_VALUE;
  return replace(exec, node, host_work(*parameters));
}

// -- events

GPOOL_CUDA cuGraphAddEventRecordNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                     CUevent event) {
  return add_event_node<EventRecordWork>(out, graph, dependencies, count, event);
}
GPOOL_CUDA cuGraphAddEventWaitNode(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                   CUevent event) {
  return add_event_node<EventWaitWork>(out, graph, dependencies, count, event);
}
GPOOL_CUDA cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent* event) {
  return get_event<EventRecordWork>(node, event);
}
GPOOL_CUDA cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent* event) {
  return get_event<EventWaitWork>(node, event);
}
GPOOL_CUDA cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event) {
  return set_event<EventRecordWork>(node, event);
}
GPOOL_CUDA cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event) {
  return set_event<EventWaitWork>(node, event);
}
GPOOL_CUDA cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return set_event_in<EventRecordWork>(exec, node, event);
}
GPOOL_CUDA cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return set_event_in<EventWaitWork>(exec, node, event);
}

// -- graphs in graphs

GPOOL_CUDA cuGraphAddChildGraphNode(CUgraphNode* out, CUgraph graph_handle, const CUgraphNode* dependencies,
                                    size_t count, CUgraph child_handle) {
  ContextRef context;
  GraphRef graph, child;
  GPOOL_CHECK(current_context(context));
  GPOOL_CHECK(find_graph(graph_handle, graph));
  GPOOL_CHECK(find_graph(child_handle, child));
  if (graph == child) return CUDA_ERROR_INVALID_VALUE;
  NodeRef node;
  GPOOL_CHECK(add_node(out, graph_handle, dependencies, count, context, GraphWork{}, &node));
  node->child = copy_of(child);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode handle, CUgraph child_handle) {
  NodeRef node;
  GraphRef child;
  GPOOL_CHECK(find_node(handle, node));
  GPOOL_CHECK(find_graph(child_handle, child));
  if (!node->child) return CUDA_ERROR_INVALID_VALUE;
  auto inner = std::make_shared<GraphExec>();
  GPOOL_CHECK(steps_of(*child, inner->steps, inner->references));
  return replace(exec, handle, GraphWork{std::move(inner)});
}

GPOOL_CUDA cuGraphChildGraphNodeGetGraph(CUgraphNode handle, CUgraph* out) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!node->child || !out) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUgraph>(node->child->handle);
  return CUDA_SUCCESS;
}

// -- any kind

GPOOL_CUDA cuGraphAddNode_v3(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies,
                             const CUgraphEdgeData* edges, size_t count, CUgraphNodeParams* parameters) {
  GPOOL_CHECK(driver().ready());
  if (!parameters) return CUDA_ERROR_INVALID_VALUE;
  if (edges) {
    for (size_t i = 0; i < count; ++i) {
      if (edges[i].type != CU_GRAPH_DEPENDENCY_TYPE_DEFAULT) return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  switch (parameters->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const auto& kernel = parameters->kernel;
      const CUDA_KERNEL_NODE_PARAMS plain{kernel.func,      kernel.gridDimX,       kernel.gridDimY,
                                          kernel.gridDimZ,  kernel.blockDimX,      kernel.blockDimY,
                                          kernel.blockDimZ, kernel.sharedMemBytes, kernel.kernelParams,
                                          kernel.extra,     kernel.kern,           kernel.ctx};
      return cuGraphAddKernelNode_v2(out, graph, dependencies, count, &plain);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return cuGraphAddMemcpyNode(out, graph, dependencies, count, &parameters->memcpy.copyParams,
                                  parameters->memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const auto& set = parameters->memset;
      const CUDA_MEMSET_NODE_PARAMS plain{set.dst, set.pitch, set.value, set.elementSize, set.width, set.height};
      return cuGraphAddMemsetNode(out, graph, dependencies, count, &plain, set.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS plain{parameters->host.fn, parameters->host.userData};
      return cuGraphAddHostNode(out, graph, dependencies, count, &plain);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH: {
      GPOOL_CHECK(cuGraphAddChildGraphNode(out, graph, dependencies, count, parameters->graph.graph));
      return cuGraphChildGraphNodeGetGraph(*out, &parameters->graph.graph);  // the caller gets the copy
    }
    case CU_GRAPH_NODE_TYPE_EMPTY:
      return cuGraphAddEmptyNode(out, graph, dependencies, count);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return cuGraphAddEventWaitNode(out, graph, dependencies, count, parameters->eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return cuGraphAddEventRecordNode(out, graph, dependencies, count, parameters->eventRecord.event);
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace gpool::emulator
