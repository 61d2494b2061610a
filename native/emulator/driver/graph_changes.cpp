// Graphs that are changed after they were made, in place or executable, and what else they tell of themselves.
#include <cstdio>
#include <cstring>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/shapes.h"

namespace gpool::emulator {
namespace {

using GraphRef = std::shared_ptr<Graph>;
using NodeRef = std::shared_ptr<Node>;
using ExecRef = std::shared_ptr<GraphExec>;
using Steps = std::vector<GraphExec::Step>;

// How the new steps differ from the old in ways that an executable graph cannot take; the step where.
CUgraphExecUpdateResult difference(const Steps& old, const Steps& now, const GraphExec::Step*& where) {
  if (old.size() != now.size()) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (size_t i = 0; i < old.size(); ++i) {
    where = &now[i];
    if (old[i].after != now[i].after) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    if (old[i].work.index() != now[i].work.index()) return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
    if (const auto* inner = std::get_if<GraphWork>(&now[i].work)) {
      const auto& before = std::get<GraphWork>(old[i].work);
      if (const auto result = difference(before.exec->steps, inner->exec->steps, where);
          result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
        return result;
    }
  }
  where = nullptr;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

// The handles by which an executable graph knows its nodes stay those of the graph that it was made from.
void take_over(Steps& old, Steps& now) {
  for (size_t i = 0; i < old.size(); ++i) {
    if (auto* inner = std::get_if<GraphWork>(&now[i].work))
      take_over(std::get<GraphWork>(old[i].work).exec->steps, inner->exec->steps);
    now[i].node = old[i].node;
    now[i].enabled = old[i].enabled;
  }
  old = std::move(now);
}

const char* name_of(CUgraphNodeType type) {
  switch (type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
      return "KERNEL";
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return "MEMCPY";
    case CU_GRAPH_NODE_TYPE_MEMSET:
      return "MEMSET";
    case CU_GRAPH_NODE_TYPE_HOST:
      return "HOST";
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return "CHILD GRAPH";
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return "EVENT WAIT";
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return "EVENT RECORD";
    default:
      return "EMPTY";
  }
}

void print(std::FILE* file, Graph& graph) {
  std::lock_guard lock(graph.mutex);
  std::fprintf(file, "subgraph cluster_%llu {\nlabel=\"graph %llu\"\n", static_cast<unsigned long long>(graph.handle),
               static_cast<unsigned long long>(graph.handle));
  for (const NodeRef& node : graph.nodes) {
    const auto handle = static_cast<unsigned long long>(node->handle);
    std::fprintf(file, "node_%llu [label=\"%s\"];\n", handle, name_of(node->type));
    for (uint64_t before : node->after)
      std::fprintf(file, "node_%llu -> node_%llu;\n", static_cast<unsigned long long>(before), handle);
    if (node->child) print(file, *node->child);
  }
  std::fprintf(file, "}\n");
}

CUresult set_any(CUgraphExec exec, CUgraphNode node, const CUgraphNodeParams* given) {
  if (!given) return CUDA_ERROR_INVALID_VALUE;
  switch (given->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      CUDA_KERNEL_NODE_PARAMS kernel;
      std::memcpy(&kernel, &given->kernel, sizeof kernel);  // the newest struct begins with this one
      return exec ? cuGraphExecKernelNodeSetParams_v2(exec, node, &kernel)
                  : cuGraphKernelNodeSetParams_v2(node, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return exec ? cuGraphExecMemcpyNodeSetParams(exec, node, &given->memcpy.copyParams, given->memcpy.copyCtx)
                  : cuGraphMemcpyNodeSetParams(node, &given->memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const auto& set = given->memset;
      const CUDA_MEMSET_NODE_PARAMS plain{set.dst, set.pitch, set.value, set.elementSize, set.width, set.height};
      return exec ? cuGraphExecMemsetNodeSetParams(exec, node, &plain, set.ctx)
                  : cuGraphMemsetNodeSetParams(node, &plain);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host{given->host.fn, given->host.userData};
      return exec ? cuGraphExecHostNodeSetParams(exec, node, &host) : cuGraphHostNodeSetParams(node, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return exec ? cuGraphExecChildGraphNodeSetParams(exec, node, given->graph.graph) : CUDA_ERROR_NOT_SUPPORTED;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return exec ? cuGraphExecEventWaitNodeSetEvent(exec, node, given->eventWait.event)
                  : cuGraphEventWaitNodeSetEvent(node, given->eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return exec ? cuGraphExecEventRecordNodeSetEvent(exec, node, given->eventRecord.event)
                  : cuGraphEventRecordNodeSetEvent(node, given->eventRecord.event);
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

template <class Number>
CUresult give(uint64_t handle, Number* out) {
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  *out = static_cast<Number>(handle >> 4);  // a handle is a running number, shifted
  return CUDA_SUCCESS;
}

}  // namespace

// -- new parameters

GPOOL_CUDA cuGraphMemcpyNodeSetParams(CUgraphNode handle, const CUDA_MEMCPY3D* shape) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!shape || !std::holds_alternative<CopyWork>(node->work)) return CUDA_ERROR_INVALID_VALUE;
  CopyWork work;
  GPOOL_CHECK(work_of_shape(*shape, work));
  node->work = std::move(work);
  node->copy = *shape;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphMemsetNodeSetParams(CUgraphNode handle, const CUDA_MEMSET_NODE_PARAMS* parameters) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!std::holds_alternative<MemsetWork>(node->work)) return CUDA_ERROR_INVALID_VALUE;
  MemsetWork work;
  GPOOL_CHECK(memset_work(node->context, parameters, work));
  node->work = work;
  node->memset = *parameters;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphNodeSetParams_v2(CUgraphNode node, CUgraphNodeParams* parameters) {
  return set_any(nullptr, node, parameters);
}
GPOOL_CUDA cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams* parameters) {
  return set_any(nullptr, node, parameters);
}
GPOOL_CUDA cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams* parameters) {
  return exec ? set_any(exec, node, parameters) : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuGraphNodeGetParams(CUgraphNode handle, CUgraphNodeParams* out) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams to{};
  to.type = node->type;
  switch (node->type) {
    case CU_GRAPH_NODE_TYPE_EMPTY:
      break;
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      CUDA_KERNEL_NODE_PARAMS kernel;
      GPOOL_CHECK(cuGraphKernelNodeGetParams_v2(handle, &kernel));
      std::memcpy(&to.kernel, &kernel, sizeof kernel);
      break;
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      GPOOL_CHECK(cuGraphMemcpyNodeGetParams(handle, &to.memcpy.copyParams));
      break;
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      CUDA_MEMSET_NODE_PARAMS set;
      GPOOL_CHECK(cuGraphMemsetNodeGetParams(handle, &set));
      to.memset.dst = set.dst, to.memset.pitch = set.pitch, to.memset.value = set.value;
      to.memset.elementSize = set.elementSize, to.memset.width = set.width, to.memset.height = set.height;
      break;
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      CUDA_HOST_NODE_PARAMS host;
      GPOOL_CHECK(cuGraphHostNodeGetParams(handle, &host));
      to.host.fn = host.fn, to.host.userData = host.userData;
      break;
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      GPOOL_CHECK(cuGraphChildGraphNodeGetGraph(handle, &to.graph.graph));
      break;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      GPOOL_CHECK(cuGraphEventWaitNodeGetEvent(handle, &to.eventWait.event));
      break;
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      GPOOL_CHECK(cuGraphEventRecordNodeGetEvent(handle, &to.eventRecord.event));
      break;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
  *out = to;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphExecUpdate_v2(CUgraphExec exec_handle, CUgraph graph_handle, CUgraphExecUpdateResultInfo* info) {
  ExecRef exec;
  GraphRef graph;
  GPOOL_CHECK(find_exec(exec_handle, exec));
  GPOOL_CHECK(find_graph(graph_handle, graph));
  if (!info) return CUDA_ERROR_INVALID_VALUE;
  *info = {};
  Steps now;
  std::vector<std::shared_ptr<void>> references;
  GPOOL_CHECK(steps_of(*graph, now, references));
  std::lock_guard lock(exec->mutex);
  const GraphExec::Step* where = nullptr;
  info->result = difference(exec->steps, now, where);
  if (where) info->errorNode = reinterpret_cast<CUgraphNode>(where->node);
  if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  take_over(exec->steps, now);
  exec->references = std::move(references);
  return CUDA_SUCCESS;
}
GPOOL_CUDA cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode* error, CUgraphExecUpdateResult* result) {
  CUgraphExecUpdateResultInfo info{};
  const CUresult status = cuGraphExecUpdate_v2(exec, graph, &info);
  if (error) *error = info.errorNode;
  if (result) *result = info.result;
  return status;
}

// -- attributes of kernel nodes

GPOOL_CUDA cuGraphKernelNodeGetAttribute(CUgraphNode handle, CUkernelNodeAttrID attribute, CUkernelNodeAttrValue* out) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  const auto* work = std::get_if<KernelWork>(&node->work);
  if (!work || !out) return CUDA_ERROR_INVALID_VALUE;
  *out = node->attributes[attribute];
  if (attribute == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) out->cooperative = work->cooperative;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphKernelNodeSetAttribute(CUgraphNode handle, CUkernelNodeAttrID attribute,
                                         const CUkernelNodeAttrValue* value) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  auto* work = std::get_if<KernelWork>(&node->work);
  if (!work || !value) return CUDA_ERROR_INVALID_VALUE;
  node->attributes[attribute] = *value;
  if (attribute == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) work->cooperative = value->cooperative != 0;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphKernelNodeCopyAttributes(CUgraphNode to_handle, CUgraphNode from_handle) {
  NodeRef to, from;
  GPOOL_CHECK(find_node(to_handle, to));
  GPOOL_CHECK(find_node(from_handle, from));
  auto *work = std::get_if<KernelWork>(&to->work), *source = std::get_if<KernelWork>(&from->work);
  if (!work || !source) return CUDA_ERROR_INVALID_VALUE;
  to->attributes = from->attributes;
  work->cooperative = source->cooperative;
  return CUDA_SUCCESS;
}

// -- what they tell of themselves

GPOOL_CUDA cuGraphNodeFindInClone(CUgraphNode* out, CUgraphNode original_handle, CUgraph clone_handle) {
  NodeRef original;
  GraphRef clone;
  GPOOL_CHECK(find_node(original_handle, original));
  GPOOL_CHECK(find_graph(clone_handle, clone));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(clone->mutex);
  for (const NodeRef& node : clone->nodes) {
    if (node->original != original->handle) continue;
    *out = reinterpret_cast<CUgraphNode>(node->handle);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuGraphNodeGetContainingGraph(CUgraphNode handle, CUgraph* out) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  if (!out) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUgraph>(node->graph);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphNodeGetLocalId(CUgraphNode handle, unsigned* id) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  return give(node->handle, id);
}
GPOOL_CUDA cuGraphNodeGetToolsId(CUgraphNode handle, unsigned long long* id) {
  NodeRef node;
  GPOOL_CHECK(find_node(handle, node));
  return give(node->handle, id);
}
GPOOL_CUDA cuGraphGetId(CUgraph handle, unsigned* id) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  return give(graph->handle, id);
}
GPOOL_CUDA cuGraphExecGetId(CUgraphExec handle, unsigned* id) {
  ExecRef exec;
  GPOOL_CHECK(find_exec(handle, exec));
  return give(exec->handle, id);
}
GPOOL_CUDA cuGraphExecGetFlags(CUgraphExec handle, cuuint64_t* flags) {
  ExecRef exec;
  GPOOL_CHECK(find_exec(handle, exec));
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = exec->flags;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphDebugDotPrint(CUgraph handle, const char* path, unsigned) {
  GraphRef graph;
  GPOOL_CHECK(find_graph(handle, graph));
  if (!path) return CUDA_ERROR_INVALID_VALUE;
  std::FILE* file = std::fopen(path, "w");
  if (!file) return CUDA_ERROR_OPERATING_SYSTEM;
  std::fprintf(file, "digraph dot {\n");
  print(file, *graph);
  std::fprintf(file, "}\n");
  return std::fclose(file) == 0 ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

}  // namespace gpool::emulator
