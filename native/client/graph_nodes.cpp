// What nodes of graphs do: added, asked about and changed, each kind by its own call or by the one for all kinds. A
// call checks what a driver would refuse at once, packs the parameters, and queues one message.
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/capture.h"
#include "client/copy.h"
#include "client/driver.h"
#include "client/graph.h"
#include "client/graph_holdings.h"
#include "client/host_memory.h"
#include "client/host_twin.h"
#include "client/launch.h"
#include "client/module.h"

namespace gpool::client {
namespace {

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

bool read_copy(Call& call, const CUDA_MEMCPY3D* given, Holdings& holdings, Parameters& parameters) {
  wire::Copy3D copy{};
  if (node_copy(call, given, holdings, copy) != CUDA_SUCCESS) return false;
  parameters.type = wire::GraphNode::copy;
  add_part(parameters.bytes, &copy, sizeof copy);
  return true;
}

bool read_host(Call& call, CUhostFn function, void* data, Holdings& holdings, Parameters& parameters) {
  if (function == nullptr) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return false;
  const uint64_t id = holdings.add(*call.session(), function, data);
  parameters.type = wire::GraphNode::host;
  add_part(parameters.bytes, &id, sizeof id);
  return true;
}

bool read_handle(wire::GraphNode::Type type, wire::Handle handle, Parameters& parameters) {
  parameters.type = type;
  add_part(parameters.bytes, &handle, sizeof handle);
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
    note_node(*call.session(), *object, arguments.node);
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

CUDA_KERNEL_NODE_PARAMS widened(const CUDA_KERNEL_NODE_PARAMS_v1* narrow) {
  CUDA_KERNEL_NODE_PARAMS wide{};
  std::memcpy(&wide, narrow, sizeof *narrow);  // the newer struct begins with the older one
  return wide;
}

// What the graph of a node holds, or (with `exec`) the executable graph whose node is changed; null with the refusal
// remembered.
Holdings* holdings_of(Call& call, CUgraph graph) {
  call.handle(graph);
  return call.ok() ? state_of(*call.object()).holdings.get() : nullptr;
}
Holdings* holdings_of(Call& call, CUgraphExec exec, CUgraphNode node) {
  if (exec != nullptr) {
    call.handle(exec);
    return call.ok() ? state_of_exec(*call.object()).holdings.get() : nullptr;
  }
  call.handle(node);
  Object* graph = call.ok() ? graph_of(*call.session(), *call.object()) : nullptr;
  if (graph == nullptr) call.refuse(CUDA_ERROR_INVALID_VALUE);
  return call.ok() ? state_of(*graph).holdings.get() : nullptr;
}

// -- what nodes say of themselves

struct Said {
  wire::GraphNodeReply reply{};
  std::vector<std::byte> parameters;
  template <class T>
  bool read(T& value) const {
    if (parameters.size() < sizeof value) return false;
    std::memcpy(&value, parameters.data(), sizeof value);
    return true;
  }
};

CUresult ask(Call& call, CUgraphNode node, Said& said, wire::Handle offered = 0) {
  const wire::GraphNodeGet arguments{call.handle(node), offered};
  if (!call.ok()) return call.result();
  Session& session = *call.session();
  std::vector<std::byte> whole;
  Pending pending;
  pending.whole = &whole;
  CUresult status = session.start(pending, static_cast<uint16_t>(wire::Message::graph_node_get), call.context(),
                                  std::as_bytes(std::span(&arguments, 1)));
  if (status == CUDA_SUCCESS) status = session.wait(pending);
  if (status != CUDA_SUCCESS) return call.end(status);
  if (whole.size() < sizeof said.reply) return call.end(CUDA_ERROR_UNKNOWN);
  std::memcpy(&said.reply, whole.data(), sizeof said.reply);
  said.parameters.assign(whole.begin() + sizeof said.reply, whole.end());
  return CUDA_SUCCESS;
}

// The same, of a node that must be of one kind.
template <class T>
CUresult ask(Call& call, CUgraphNode node, wire::GraphNode::Type type, T& value) {
  Said said;
  if (const CUresult status = ask(call, node, said); status != CUDA_SUCCESS) return status;
  return call.end(said.reply.type == type && said.read(value) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

CUresult say_kernel(Call& call, CUgraphNode node, const Said& said, CUDA_KERNEL_NODE_PARAMS& to) {
  wire::Launch launch;
  if (!said.read(launch) || said.parameters.size() - sizeof launch < launch.parameter_bytes)
    return call.end(CUDA_ERROR_UNKNOWN);
  Session& session = *call.session();
  Object* function = session.find(launch.function);
  Object* object = session.find(reinterpret_cast<wire::Handle>(node));
  Object* graph = object != nullptr ? graph_of(session, *object) : nullptr;
  if (function == nullptr || graph == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  const Kernel& kernel = *kernel_of(function);
  to = {};
  if (wire::kind_of(launch.function) == wire::Kind::kernel)
    to.kern = reinterpret_cast<CUkernel>(launch.function);
  else
    to.func = reinterpret_cast<CUfunction>(launch.function);
  to.gridDimX = launch.grid[0], to.gridDimY = launch.grid[1], to.gridDimZ = launch.grid[2];
  to.blockDimX = launch.block[0], to.blockDimY = launch.block[1], to.blockDimZ = launch.block[2];
  to.sharedMemBytes = launch.shared_bytes;
  Context* context = object->context.load();
  to.ctx = context != nullptr ? context->cuda() : nullptr;
  GraphState& state = state_of(*graph);
  std::lock_guard lock(state.mutex);
  GraphState::Said& kept = state.said[reinterpret_cast<wire::Handle>(node)];
  kept.packed.assign(said.parameters.begin() + sizeof launch, said.parameters.end());
  kept.pointers.clear();
  for (uint32_t i = 0; i < kernel.parameter_count; i++)
    if (kernel.parameters[i].offset + kernel.parameters[i].bytes <= kept.packed.size())
      kept.pointers.push_back(kept.packed.data() + kernel.parameters[i].offset);
  if (!kept.pointers.empty()) to.kernelParams = kept.pointers.data();
  return CUDA_SUCCESS;
}

CUDA_MEMCPY3D say_copy(const wire::Copy3D& copy) {
  CUDA_MEMCPY3D to{};
  const wire::CopySide &source = copy.source, &destination = copy.destination;
  if (source.type == wire::CopySide::host) {
    to.srcMemoryType = CU_MEMORYTYPE_HOST;
    to.srcHost = reinterpret_cast<const void*>(user_address(source.address));
  } else {
    to.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    to.srcDevice = source.address;
  }
  if (destination.type == wire::CopySide::host) {
    to.dstMemoryType = CU_MEMORYTYPE_HOST;
    to.dstHost = reinterpret_cast<void*>(user_address(destination.address));
  } else {
    to.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    to.dstDevice = destination.address;
  }
  to.srcPitch = source.pitch, to.srcHeight = source.height;
  to.srcXInBytes = source.x_bytes, to.srcY = source.y, to.srcZ = source.z;
  to.dstPitch = destination.pitch, to.dstHeight = destination.height;
  to.dstXInBytes = destination.x_bytes, to.dstY = destination.y, to.dstZ = destination.z;
  to.WidthInBytes = copy.width_bytes, to.Height = copy.height, to.Depth = copy.depth;
  return to;
}

CUDA_MEMSET_NODE_PARAMS say_memset(const wire::GraphMemset& memset) {
  return {memset.address, memset.pitch, memset.value, memset.element_bytes, memset.width, memset.height};
}

CUDA_HOST_NODE_PARAMS say_host(const Session& session, uint64_t id) {
  const std::shared_ptr<GraphFunction> function = find_graph_function(session, id);
  return function != nullptr ? CUDA_HOST_NODE_PARAMS{function->function, function->data} : CUDA_HOST_NODE_PARAMS{};
}

// The graph in a child node. Its handle is made by the first question.
CUresult child_graph(Call& call, CUgraphNode node, CUgraph& child) {
  call.handle(node);
  if (!call.ok()) return call.result();
  Session& session = *call.session();
  Object* parent = graph_of(session, *call.object());
  if (parent == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  Slab& slab = session.slab(wire::Kind::graph);
  wire::Handle offered = 0;
  Object* made = slab.create(wire::Kind::graph, session.slot(), offered);
  if (made == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  made->context = call.context();
  slab.publish(made, offered);
  Said said;
  wire::Handle answered = 0;
  CUresult status = ask(call, node, said, offered);
  if (status == CUDA_SUCCESS && (said.reply.type != wire::GraphNode::child || !said.read(answered)))
    status = CUDA_ERROR_INVALID_VALUE;
  if (status != CUDA_SUCCESS || answered != offered) slab.destroy(offered);
  if (status != CUDA_SUCCESS) return call.end(status);
  if (answered == offered) {
    // What is added to it is held by the graph that it is in.
    GraphState& above = state_of(*parent);
    state_of(*made).holdings = above.holdings;
    std::lock_guard lock(above.mutex);
    above.children.push_back(offered);
  }
  child = reinterpret_cast<CUgraph>(answered);
  return CUDA_SUCCESS;
}

CUresult add_child(Call& call, CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                   CUgraph child) {
  call.handle(child);
  Object* of_child = call.object();
  Holdings* holdings = holdings_of(call, graph);
  if (!call.ok()) return call.result();
  if (child == graph) return call.end(CUDA_ERROR_INVALID_VALUE);
  Parameters parameters;
  read_handle(wire::GraphNode::child, reinterpret_cast<wire::Handle>(child), parameters);
  const CUresult status = add(call, node, graph, dependencies, count, parameters);
  if (status == CUDA_SUCCESS) holdings->add_all(*state_of(*of_child).holdings);
  return status;
}

CUresult add_event(Call& call, CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                   CUevent event, wire::GraphNode::Type type) {
  const wire::Handle handle = call.handle(event);
  if (!call.ok()) return call.result();
  if (type == wire::GraphNode::event_record) note_graph_records(*call.object());
  Parameters parameters;
  read_handle(type, handle, parameters);
  return add(call, node, graph, dependencies, count, parameters);
}

CUresult give_event(Call& call, CUgraphNode node, wire::GraphNode::Type type, CUevent* event) {
  wire::Handle handle = 0;
  if (call.required(event) == nullptr || !call.ok()) return call.result();
  const CUresult status = ask(call, node, type, handle);
  if (status == CUDA_SUCCESS) *event = reinterpret_cast<CUevent>(handle);
  return status;
}

CUDA_KERNEL_NODE_PARAMS plain(const CUDA_KERNEL_NODE_PARAMS_v3& given) {
  return {given.func,      given.gridDimX,       given.gridDimY,     given.gridDimZ, given.blockDimX, given.blockDimY,
          given.blockDimZ, given.sharedMemBytes, given.kernelParams, given.extra,    given.kern,      given.ctx};
}

CUDA_MEMSET_NODE_PARAMS plain(const CUDA_MEMSET_NODE_PARAMS_v2& given) {
  return {given.dst, given.pitch, given.value, given.elementSize, given.width, given.height};
}

// New parameters for a node of a graph or (with `exec`) of an executable graph, whatever its kind.
CUresult set_any(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams* given) {
  if (given == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (given->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const CUDA_KERNEL_NODE_PARAMS kernel = plain(given->kernel);
      return exec != nullptr ? cuGraphExecKernelNodeSetParams_v2(exec, node, &kernel)
                             : cuGraphKernelNodeSetParams_v2(node, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return exec != nullptr
                 ? cuGraphExecMemcpyNodeSetParams(exec, node, &given->memcpy.copyParams, given->memcpy.copyCtx)
                 : cuGraphMemcpyNodeSetParams(node, &given->memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS memset = plain(given->memset);
      return exec != nullptr ? cuGraphExecMemsetNodeSetParams(exec, node, &memset, given->memset.ctx)
                             : cuGraphMemsetNodeSetParams(node, &memset);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host{given->host.fn, given->host.userData};
      return exec != nullptr ? cuGraphExecHostNodeSetParams(exec, node, &host) : cuGraphHostNodeSetParams(node, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return exec != nullptr ? cuGraphExecChildGraphNodeSetParams(exec, node, given->graph.graph)
                             : CUDA_ERROR_NOT_SUPPORTED;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return exec != nullptr ? cuGraphExecEventWaitNodeSetEvent(exec, node, given->eventWait.event)
                             : cuGraphEventWaitNodeSetEvent(node, given->eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return exec != nullptr ? cuGraphExecEventRecordNodeSetEvent(exec, node, given->eventRecord.event)
                             : cuGraphEventRecordNodeSetEvent(node, given->eventRecord.event);
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

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
  Holdings* holdings = holdings_of(call, hGraph);
  if (holdings == nullptr || !read_copy(call, copyParams, *holdings, parameters)) return call.result();
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
  if (call.required(hGraphExec) == nullptr) return call.result();
  Holdings* holdings = holdings_of(call, hGraphExec, hNode);
  if (holdings == nullptr || !read_copy(call, copyParams, *holdings, parameters)) return call.result();
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

extern "C" CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  Call call("cuGraphMemcpyNodeSetParams", Needs::context);
  Parameters parameters;
  Holdings* holdings = holdings_of(call, nullptr, hNode);
  if (holdings == nullptr || !read_copy(call, nodeParams, *holdings, parameters)) return call.result();
  return set(call, nullptr, hNode, parameters);
}

extern "C" CUresult cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  Call call("cuGraphMemsetNodeSetParams", Needs::context);
  Parameters parameters;
  if (!read_memset(call, nodeParams, parameters)) return call.result();
  return set(call, nullptr, hNode, parameters);
}

extern "C" CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS wide = widened(nodeParams);
  return cuGraphKernelNodeSetParams_v2(hNode, &wide);
}

extern "C" CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  Call call("cuGraphKernelNodeGetParams_v2", Needs::context);
  Said said;
  if (call.required(nodeParams) == nullptr || !call.ok()) return call.result();
  if (const CUresult status = ask(call, hNode, said); status != CUDA_SUCCESS) return status;
  if (said.reply.type != wire::GraphNode::kernel) return call.end(CUDA_ERROR_INVALID_VALUE);
  return say_kernel(call, hNode, said, *nodeParams);
}

extern "C" CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS wide;
  const CUresult status = cuGraphKernelNodeGetParams_v2(hNode, &wide);
  if (status == CUDA_SUCCESS) std::memcpy(nodeParams, &wide, sizeof *nodeParams);
  return status;
}

extern "C" CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  Call call("cuGraphMemcpyNodeGetParams", Needs::context);
  wire::Copy3D copy;
  if (call.required(nodeParams) == nullptr || !call.ok()) return call.result();
  const CUresult status = ask(call, hNode, wire::GraphNode::copy, copy);
  if (status == CUDA_SUCCESS) *nodeParams = say_copy(copy);
  return status;
}

extern "C" CUresult cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  Call call("cuGraphMemsetNodeGetParams", Needs::context);
  wire::GraphMemset memset;
  if (call.required(nodeParams) == nullptr || !call.ok()) return call.result();
  const CUresult status = ask(call, hNode, wire::GraphNode::memset, memset);
  if (status == CUDA_SUCCESS) *nodeParams = say_memset(memset);
  return status;
}

// -- functions of the program

extern "C" CUresult cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                       size_t numDependencies, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  Call call("cuGraphAddHostNode", Needs::context);
  Parameters parameters;
  Holdings* holdings = holdings_of(call, hGraph);
  if (call.required(nodeParams) == nullptr || holdings == nullptr ||
      !read_host(call, nodeParams->fn, nodeParams->userData, *holdings, parameters))
    return call.result();
  return add(call, phGraphNode, hGraph, dependencies, numDependencies, parameters);
}

extern "C" CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  Call call("cuGraphHostNodeGetParams", Needs::context);
  uint64_t id = 0;
  if (call.required(nodeParams) == nullptr || !call.ok()) return call.result();
  const CUresult status = ask(call, hNode, wire::GraphNode::host, id);
  if (status == CUDA_SUCCESS) *nodeParams = say_host(*call.session(), id);
  return status;
}

namespace {

CUresult set_host(Call& call, CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* given) {
  Parameters parameters;
  Holdings* holdings = holdings_of(call, exec, node);
  if (call.required(given) == nullptr || holdings == nullptr ||
      !read_host(call, given->fn, given->userData, *holdings, parameters))
    return call.result();
  return set(call, exec, node, parameters);
}

}  // namespace

extern "C" CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  Call call("cuGraphHostNodeSetParams", Needs::context);
  return set_host(call, nullptr, hNode, nodeParams);
}

extern "C" CUresult cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                 const CUDA_HOST_NODE_PARAMS* nodeParams) {
  Call call("cuGraphExecHostNodeSetParams", Needs::context);
  if (call.required(hGraphExec) == nullptr) return call.result();
  return set_host(call, hGraphExec, hNode, nodeParams);
}

// -- events

extern "C" CUresult cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                              size_t numDependencies, CUevent event) {
  Call call("cuGraphAddEventRecordNode", Needs::context);
  return add_event(call, phGraphNode, hGraph, dependencies, numDependencies, event, wire::GraphNode::event_record);
}

extern "C" CUresult cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                            size_t numDependencies, CUevent event) {
  Call call("cuGraphAddEventWaitNode", Needs::context);
  return add_event(call, phGraphNode, hGraph, dependencies, numDependencies, event, wire::GraphNode::event_wait);
}

extern "C" CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  Call call("cuGraphEventRecordNodeGetEvent", Needs::context);
  return give_event(call, hNode, wire::GraphNode::event_record, event_out);
}

extern "C" CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  Call call("cuGraphEventWaitNodeGetEvent", Needs::context);
  return give_event(call, hNode, wire::GraphNode::event_wait, event_out);
}

extern "C" CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent event) {
  Call call(calls::Id::cuGraphEventRecordNodeSetEvent, "cuGraphEventRecordNodeSetEvent", Needs::context);
  calls::cuGraphEventRecordNodeSetEvent_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  arguments.event = call.handle(event);
  if (call.ok()) note_graph_records(*call.object());
  return call.post(arguments);
}

extern "C" CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  Call call(calls::Id::cuGraphExecEventRecordNodeSetEvent, "cuGraphExecEventRecordNodeSetEvent", Needs::context);
  calls::cuGraphExecEventRecordNodeSetEvent_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  arguments.hNode = call.handle(hNode);
  arguments.event = call.handle(event);
  if (call.ok()) note_graph_records(*call.object());
  return call.post(arguments);
}

// -- graphs in graphs

extern "C" CUresult cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                             size_t numDependencies, CUgraph childGraph) {
  Call call("cuGraphAddChildGraphNode", Needs::context);
  return add_child(call, phGraphNode, hGraph, dependencies, numDependencies, childGraph);
}

extern "C" CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph* phGraph) {
  Call call("cuGraphChildGraphNodeGetGraph", Needs::context);
  if (call.required(phGraph) == nullptr || !call.ok()) return call.result();
  return child_graph(call, hNode, *phGraph);
}

extern "C" CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
  Call call(calls::Id::cuGraphExecChildGraphNodeSetParams, "cuGraphExecChildGraphNodeSetParams", Needs::context);
  calls::cuGraphExecChildGraphNodeSetParams_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  Object* exec = call.object();
  arguments.hNode = call.handle(hNode);
  arguments.childGraph = call.handle(childGraph);
  if (!call.ok()) return call.result();
  const Holdings& holdings = *state_of(*call.object()).holdings;
  if (!holdings.empty()) state_of_exec(*exec).holdings->add_all(holdings);
  return call.post(arguments);
}

// -- any kind

extern "C" CUresult cuGraphAddNode_v3(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                      const CUgraphEdgeData* dependencyData, size_t count, CUgraphNodeParams* given) {
  if (given == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (dependencyData != nullptr && dependencies == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!are_plain(dependencyData, count)) return CUDA_ERROR_NOT_SUPPORTED;
  switch (given->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const CUDA_KERNEL_NODE_PARAMS kernel = plain(given->kernel);
      return cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, count, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return cuGraphAddMemcpyNode(phGraphNode, hGraph, dependencies, count, &given->memcpy.copyParams,
                                  given->memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS memset = plain(given->memset);
      return cuGraphAddMemsetNode(phGraphNode, hGraph, dependencies, count, &memset, given->memset.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host{given->host.fn, given->host.userData};
      return cuGraphAddHostNode(phGraphNode, hGraph, dependencies, count, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH: {
      if (given->graph.ownership != CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE) return CUDA_ERROR_NOT_SUPPORTED;
      const CUresult status = cuGraphAddChildGraphNode(phGraphNode, hGraph, dependencies, count, given->graph.graph);
      // The caller gets the copy.
      return status == CUDA_SUCCESS ? cuGraphChildGraphNodeGetGraph(*phGraphNode, &given->graph.graph) : status;
    }
    case CU_GRAPH_NODE_TYPE_EMPTY:
      return cuGraphAddEmptyNode(phGraphNode, hGraph, dependencies, count);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return cuGraphAddEventWaitNode(phGraphNode, hGraph, dependencies, count, given->eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return cuGraphAddEventRecordNode(phGraphNode, hGraph, dependencies, count, given->eventRecord.event);
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

extern "C" CUresult cuGraphNodeSetParams_v2(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  return set_any(nullptr, hNode, nodeParams);
}

extern "C" CUresult cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  return set_any(nullptr, hNode, nodeParams);
}

extern "C" CUresult cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  return hGraphExec == nullptr ? CUDA_ERROR_INVALID_VALUE : set_any(hGraphExec, hNode, nodeParams);
}

extern "C" CUresult cuGraphNodeGetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  Call call("cuGraphNodeGetParams", Needs::context);
  if (call.required(nodeParams) == nullptr || !call.ok()) return call.result();
  Said said;
  if (const CUresult status = ask(call, hNode, said); status != CUDA_SUCCESS) return status;
  CUgraphNodeParams to{};
  wire::Handle handle = 0;
  uint64_t id = 0;
  wire::Copy3D copy;
  wire::GraphMemset memset;
  bool read = true;
  switch (said.reply.type) {
    case wire::GraphNode::empty:
      to.type = CU_GRAPH_NODE_TYPE_EMPTY;
      break;
    case wire::GraphNode::kernel: {
      CUDA_KERNEL_NODE_PARAMS kernel;
      if (const CUresult status = say_kernel(call, hNode, said, kernel); status != CUDA_SUCCESS) return status;
      to.type = CU_GRAPH_NODE_TYPE_KERNEL;
      std::memcpy(&to.kernel, &kernel, sizeof kernel);  // the newest struct begins with this one
      break;
    }
    case wire::GraphNode::copy:
      to.type = CU_GRAPH_NODE_TYPE_MEMCPY;
      read = said.read(copy);
      if (read) to.memcpy.copyParams = say_copy(copy);
      break;
    case wire::GraphNode::memset:
      to.type = CU_GRAPH_NODE_TYPE_MEMSET;
      read = said.read(memset);
      if (read)
        to.memset.dst = memset.address, to.memset.pitch = memset.pitch, to.memset.value = memset.value,
        to.memset.elementSize = memset.element_bytes, to.memset.width = memset.width, to.memset.height = memset.height;
      break;
    case wire::GraphNode::host: {
      to.type = CU_GRAPH_NODE_TYPE_HOST;
      read = said.read(id);
      const CUDA_HOST_NODE_PARAMS host = say_host(*call.session(), id);
      to.host.fn = host.fn, to.host.userData = host.userData;
      break;
    }
    case wire::GraphNode::child: {
      to.type = CU_GRAPH_NODE_TYPE_GRAPH;
      if (const CUresult status = cuGraphChildGraphNodeGetGraph(hNode, &to.graph.graph); status != CUDA_SUCCESS)
        return call.end(status);
      break;
    }
    case wire::GraphNode::event_record:
    case wire::GraphNode::event_wait:
      read = said.read(handle);
      to.type = said.reply.type == wire::GraphNode::event_wait ? CU_GRAPH_NODE_TYPE_WAIT_EVENT
                                                               : CU_GRAPH_NODE_TYPE_EVENT_RECORD;
      to.eventRecord.event = reinterpret_cast<CUevent>(handle);  // both structs begin with it
      break;
    default:
      return call.end(CUDA_ERROR_NOT_SUPPORTED);
  }
  if (read) *nodeParams = to;
  return call.end(read ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN);
}
