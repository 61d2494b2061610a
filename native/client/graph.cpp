// Graphs that are built node by node. The graph lives at the worker; a call checks what a driver would refuse at once,
// packs the parameters, and queues one message. Launching is one generated call.
#include <cstring>
#include <mutex>
#include <vector>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/copy.h"
#include "client/driver.h"
#include "client/host_memory.h"
#include "client/host_twin.h"
#include "client/launch.h"
#include "client/module.h"

namespace gpool::client {
namespace {

// The nodes of a graph that have handles: they go with the graph. Hangs on the graph's object.
struct Nodes {
  std::mutex mutex;
  std::vector<wire::Handle> handles;
};

Nodes& nodes_of(Object& graph) {
  void* known = graph.data.load();
  if (known == nullptr) {
    auto* made = new Nodes;
    if (graph.data.compare_exchange_strong(known, made)) return *made;
    delete made;
  }
  return *static_cast<Nodes*>(known);
}

void add_part(std::vector<std::byte>& bytes, const void* part, size_t size) {
  const auto* begin = static_cast<const std::byte*>(part);
  bytes.insert(bytes.end(), begin, begin + size);
  bytes.resize(wire::padded(bytes.size()));
}

// What a node does, as it travels behind wire::GraphNode.
struct Parameters {
  wire::GraphNode::Type type = wire::GraphNode::empty;
  std::vector<std::byte> bytes;
};

bool read_kernel(Call& call, const CUDA_KERNEL_NODE_PARAMS* given, Parameters& parameters) {
  if (call.required(given) == nullptr) return false;
  Kernel* kernel = find_kernel(call, given->func != nullptr ? static_cast<const void*>(given->func) : given->kern);
  if (kernel == nullptr) return false;
  if (given->ctx != nullptr) call.handle(given->ctx);
  Context* context = call.context();
  if (context == nullptr) call.refuse(CUDA_ERROR_INVALID_CONTEXT);
  if (!call.ok()) return false;
  const Shape shape{{given->gridDimX, given->gridDimY, given->gridDimZ},
                    {given->blockDimX, given->blockDimY, given->blockDimZ},
                    given->sharedMemBytes};
  std::vector<std::byte> packed;
  call.refuse(check_shape(*kernel, *context->device, shape));
  call.refuse(pack_parameters(*kernel, given->kernelParams, given->extra, packed));
  if (host_memory_is_watched() && call.ok()) {
    // What the kernel may use has its twin before the graph is launched.
    for (size_t offset = 0; offset + 8 <= packed.size(); offset += 8) {
      uint64_t word;
      std::memcpy(&word, packed.data() + offset, sizeof word);
      if (may_be_watched(word)) (void)twin_of_address(word, *call.session(), call.context());
    }
  }
  wire::Launch launch{};
  launch.function = kernel->wire;
  for (int i = 0; i < 3; i++) {
    launch.grid[i] = shape.grid[i];
    launch.block[i] = shape.block[i];
  }
  launch.shared_bytes = shape.shared_bytes;
  launch.parameter_bytes = static_cast<uint32_t>(packed.size());
  parameters.type = wire::GraphNode::kernel;
  add_part(parameters.bytes, &launch, sizeof launch);
  add_part(parameters.bytes, packed.data(), packed.size());
  return call.ok();
}

bool read_copy(Call& call, const CUDA_MEMCPY3D* given, Parameters& parameters) {
  wire::Copy3D copy{};
  // Host memory would be read or written at every launch, which the worker cannot reach.
  if (device_copy(call, given, copy) != CUDA_SUCCESS) return false;
  parameters.type = wire::GraphNode::copy;
  add_part(parameters.bytes, &copy, sizeof copy);
  return true;
}

bool read_memset(Call& call, const CUDA_MEMSET_NODE_PARAMS* given, Parameters& parameters) {
  if (call.required(given) == nullptr || !call.ok()) return false;
  const unsigned element = given->elementSize;
  if ((element != 1 && element != 2 && element != 4) || given->width == 0 || given->height == 0 ||
      given->width > (uint64_t{1} << 44))
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return false;
  call.check_fill(given->dst, given->pitch, given->width * element, given->height, 1);
  const wire::GraphMemset memset{given->dst, given->pitch, given->value, element, given->width, given->height};
  parameters.type = wire::GraphNode::memset;
  add_part(parameters.bytes, &memset, sizeof memset);
  return call.ok();
}

bool read_nodes(Call& call, const CUgraphNode* nodes, size_t count, std::vector<wire::Handle>& handles) {
  if (count > 0) call.required(nodes);
  if (count > wire::GraphNode::kMaxDependencies) call.refuse(CUDA_ERROR_INVALID_VALUE);
  for (size_t i = 0; call.ok() && i < count; i++) handles.push_back(call.handle(nodes[i]));
  return call.ok();
}

CUresult add(Call& call, CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
             const Parameters& parameters) {
  wire::GraphNode arguments{};
  arguments.action = wire::GraphNode::add;
  arguments.type = parameters.type;
  arguments.graph = call.handle(graph);
  Object* object = call.object();
  std::vector<wire::Handle> handles;
  if (!call.ok() || !read_nodes(call, dependencies, count, handles)) return call.result();
  arguments.node = call.mint(node);
  arguments.dependency_count = static_cast<uint32_t>(count);
  if (!call.ok()) return call.result();
  call.as(wire::Message::graph_node);
  const CUresult status =
      call.post_created(arguments, node, {array_bytes(handles.data(), count), Bytes(parameters.bytes)});
  if (status == CUDA_SUCCESS) {
    Nodes& nodes = nodes_of(*object);
    std::lock_guard lock(nodes.mutex);
    nodes.handles.push_back(arguments.node);
  }
  return status;
}

// New parameters of a node, in its graph or (with `exec`) in an executable graph.
CUresult set(Call& call, CUgraphExec exec, CUgraphNode node, const Parameters& parameters) {
  wire::GraphNode arguments{};
  arguments.action = exec != nullptr ? wire::GraphNode::set_in_exec : wire::GraphNode::set;
  arguments.type = parameters.type;
  arguments.node = call.handle(node);
  if (exec != nullptr) arguments.graph = call.handle(exec);
  if (!call.ok()) return call.result();
  call.as(wire::Message::graph_node);
  return call.post(arguments, {Bytes(parameters.bytes)});
}

CUresult change_edges(Call& call, CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, size_t count,
                      bool remove) {
  wire::GraphEdges arguments{};
  arguments.graph = call.handle(graph);
  arguments.count = static_cast<uint32_t>(count);
  arguments.remove = remove ? 1 : 0;
  std::vector<wire::Handle> sources, targets;
  if (!read_nodes(call, from, count, sources) || !read_nodes(call, to, count, targets)) return call.result();
  if (count == 0) return call.end(CUDA_SUCCESS);
  call.as(wire::Message::graph_edges);
  return call.post(arguments, {array_bytes(sources.data(), count), array_bytes(targets.data(), count)});
}

// Asks for a list of nodes, offering handles for those that a capture has made. `owner`: the graph whose nodes they
// are.
CUresult list(Call& call, wire::GraphList::What what, wire::Handle object, Object* owner, bool wants_nodes,
              std::vector<wire::Handle>& found, wire::GraphListReply& reply) {
  if (!call.ok()) return call.result();
  Session& session = *call.session();
  Slab& slab = session.slab(wire::Kind::graph_node);
  wire::GraphList arguments{};
  arguments.what = what;
  arguments.object = object;
  std::vector<wire::Handle> offered;
  for (int round = 0; round < 3; round++) {
    Pending pending;
    std::vector<wire::Handle> trailing(offered.size());
    pending.reply = std::as_writable_bytes(std::span(&reply, 1));
    pending.trailing = std::as_writable_bytes(std::span(trailing));
    arguments.offered = static_cast<uint32_t>(offered.size());
    CUresult status =
        session.start(pending, static_cast<uint16_t>(wire::Message::graph_list), call.context(),
                      std::as_bytes(std::span(&arguments, 1)), {array_bytes(offered.data(), offered.size())});
    if (status == CUDA_SUCCESS) status = session.wait(pending);
    const size_t taken = status == CUDA_SUCCESS ? std::min<size_t>(reply.taken, offered.size()) : 0;
    for (size_t i = taken; i < offered.size(); i++) slab.destroy(offered[i]);
    if (owner != nullptr && taken > 0) {
      Nodes& nodes = nodes_of(*owner);
      std::lock_guard lock(nodes.mutex);
      nodes.handles.insert(nodes.handles.end(), offered.begin(), offered.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    if (status != CUDA_SUCCESS) return call.end(status);
    if (!wants_nodes || reply.returned >= reply.count) {
      found.assign(trailing.begin(), trailing.begin() + std::min<size_t>(reply.returned, trailing.size()));
      return CUDA_SUCCESS;
    }
    // Now it is known how many there are.
    offered.clear();
    if (reply.count > wire::GraphNode::kMaxDependencies) return call.end(CUDA_ERROR_NOT_SUPPORTED);
    for (uint32_t i = 0; i < reply.count; i++) {
      wire::Handle handle = 0;
      Object* made = slab.create(wire::Kind::graph_node, session.slot(), handle);
      if (made == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
      slab.publish(made, handle);
      offered.push_back(handle);
    }
  }
  return call.end(CUDA_ERROR_UNKNOWN);  // somebody else keeps adding nodes
}

CUresult give_nodes(Call& call, wire::GraphList::What what, wire::Handle object, Object* owner, CUgraphNode* nodes,
                    size_t* count) {
  if (call.required(count) == nullptr || !call.ok()) return call.result();
  std::vector<wire::Handle> found;
  wire::GraphListReply reply{};
  if (const CUresult status = list(call, what, object, owner, nodes != nullptr, found, reply); status != CUDA_SUCCESS)
    return status;
  if (nodes == nullptr) {
    *count = reply.count;
    return call.end(CUDA_SUCCESS);
  }
  // As CUDA says: places beyond the last node are filled with null.
  for (size_t i = 0; i < *count; i++) nodes[i] = i < found.size() ? reinterpret_cast<CUgraphNode>(found[i]) : nullptr;
  *count = std::min(*count, found.size());
  return call.end(CUDA_SUCCESS);
}

CUDA_KERNEL_NODE_PARAMS widened(const CUDA_KERNEL_NODE_PARAMS_v1* narrow) {
  CUDA_KERNEL_NODE_PARAMS wide{};
  std::memcpy(&wide, narrow, sizeof *narrow);  // the newer struct begins with the older one
  return wide;
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuGraphDestroy(CUgraph hGraph) {
  Call call(calls::Id::cuGraphDestroy, "cuGraphDestroy");
  calls::cuGraphDestroy_arguments arguments{};
  arguments.hGraph = call.destroyed(hGraph);
  if (!call.ok()) return call.result();
  auto* nodes = static_cast<Nodes*>(call.object()->data.exchange(nullptr));
  const CUresult status = call.post(arguments);
  if (nodes != nullptr) {
    for (wire::Handle node : nodes->handles) call.session()->slab(wire::Kind::graph_node).destroy(node);
    delete nodes;
  }
  return status;
}

// -- nodes
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                        size_t numDependencies) {
  Call call("cuGraphAddEmptyNode", Needs::context);
  return add(call, phGraphNode, hGraph, dependencies, numDependencies, {});
}

extern "C" CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                            size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  Call call("cuGraphAddKernelNode_v2", Needs::context);
  Parameters parameters;
  if (!read_kernel(call, nodeParams, parameters)) return call.result();
  return add(call, phGraphNode, hGraph, dependencies, numDependencies, parameters);
}

extern "C" CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS wide = widened(nodeParams);
  return cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &wide);
}

extern "C" CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  Call call("cuGraphAddMemcpyNode", Needs::context);
  call.handle_or_null(ctx);
  Parameters parameters;
  if (!read_copy(call, copyParams, parameters)) return call.result();
  return add(call, phGraphNode, hGraph, dependencies, numDependencies, parameters);
}

extern "C" CUresult cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS* memsetParams,
                                         CUcontext ctx) {
  Call call("cuGraphAddMemsetNode", Needs::context);
  call.handle_or_null(ctx);
  Parameters parameters;
  if (!read_memset(call, memsetParams, parameters)) return call.result();
  return add(call, phGraphNode, hGraph, dependencies, numDependencies, parameters);
}

extern "C" CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                      const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  Call call("cuGraphExecKernelNodeSetParams_v2", Needs::context);
  Parameters parameters;
  if (call.required(hGraphExec) == nullptr || !read_kernel(call, nodeParams, parameters)) return call.result();
  return set(call, hGraphExec, hNode, parameters);
}

extern "C" CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                   const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS wide = widened(nodeParams);
  return cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &wide);
}

extern "C" CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  Call call("cuGraphKernelNodeSetParams_v2", Needs::context);
  Parameters parameters;
  if (!read_kernel(call, nodeParams, parameters)) return call.result();
  return set(call, nullptr, hNode, parameters);
}

extern "C" CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                   const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  Call call("cuGraphExecMemcpyNodeSetParams", Needs::context);
  call.handle_or_null(ctx);
  Parameters parameters;
  if (call.required(hGraphExec) == nullptr || !read_copy(call, copyParams, parameters)) return call.result();
  return set(call, hGraphExec, hNode, parameters);
}

extern "C" CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                   const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  Call call("cuGraphExecMemsetNodeSetParams", Needs::context);
  call.handle_or_null(ctx);
  Parameters parameters;
  if (call.required(hGraphExec) == nullptr || !read_memset(call, memsetParams, parameters)) return call.result();
  return set(call, hGraphExec, hNode, parameters);
}

// -- edges and lists
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                              const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Call call("cuGraphAddDependencies_v2", Needs::context);
  if (edgeData != nullptr) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  return change_edges(call, hGraph, from, to, numDependencies, false);
}

extern "C" CUresult cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                 const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Call call("cuGraphRemoveDependencies_v2", Needs::context);
  if (edgeData != nullptr) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  return change_edges(call, hGraph, from, to, numDependencies, true);
}

extern "C" CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, size_t* numNodes) {
  Call call("cuGraphGetNodes", Needs::context);
  const wire::Handle graph = call.handle(hGraph);
  return give_nodes(call, wire::GraphList::nodes, graph, call.object(), nodes, numNodes);
}

extern "C" CUresult cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode* rootNodes, size_t* numRootNodes) {
  Call call("cuGraphGetRootNodes", Needs::context);
  const wire::Handle graph = call.handle(hGraph);
  return give_nodes(call, wire::GraphList::roots, graph, call.object(), rootNodes, numRootNodes);
}

extern "C" CUresult cuGraphGetEdges_v2(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edgeData,
                                       size_t* numEdges) {
  Call call("cuGraphGetEdges_v2", Needs::context);
  const wire::Handle graph = call.handle(hGraph);
  if (call.required(numEdges) == nullptr || !call.ok()) return call.result();
  if ((from == nullptr) != (to == nullptr)) return call.end(CUDA_ERROR_INVALID_VALUE);
  std::vector<wire::Handle> found;
  wire::GraphListReply reply{};
  const CUresult status = list(call, wire::GraphList::edges, graph, call.object(), from != nullptr, found, reply);
  if (status != CUDA_SUCCESS) return status;
  const size_t edges = from != nullptr ? found.size() / 2 : reply.count / 2;
  for (size_t i = 0; from != nullptr && i < *numEdges; i++) {
    from[i] = i < edges ? reinterpret_cast<CUgraphNode>(found[i]) : nullptr;
    to[i] = i < edges ? reinterpret_cast<CUgraphNode>(found[edges + i]) : nullptr;
    if (edgeData != nullptr) edgeData[i] = {};
  }
  *numEdges = from != nullptr ? std::min(*numEdges, edges) : edges;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) {
  Call call("cuGraphNodeGetType", Needs::context);
  const wire::Handle node = call.handle(hNode);
  if (call.required(type) == nullptr || !call.ok()) return call.result();
  std::vector<wire::Handle> none;
  wire::GraphListReply reply{};
  const CUresult status = list(call, wire::GraphList::type, node, nullptr, false, none, reply);
  if (status == CUDA_SUCCESS) *type = static_cast<CUgraphNodeType>(reply.type);
  return call.end(status);
}

extern "C" CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph,
                                                 CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  if (instantiateParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  constexpr cuuint64_t kKnown = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
                                CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
  if ((instantiateParams->flags & ~kKnown) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  // Uploading early is only a matter of speed: the first launch does it.
  const CUresult status = cuGraphInstantiateWithFlags(
      phGraphExec, hGraph, instantiateParams->flags & ~cuuint64_t{CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD});
  instantiateParams->hErrNode_out = nullptr;
  instantiateParams->result_out =
      status == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
  return status;
}
