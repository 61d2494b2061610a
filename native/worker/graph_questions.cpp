// What clients ask about graphs: their nodes, how they hang together, and what each does.
#include <algorithm>
#include <cstring>

#include "worker/session.h"

namespace gpool::worker {
namespace {

// The driver's two-step lists: how many, then all of them.
template <class Ask>
CUresult read_list(std::vector<CUgraphNode>& nodes, Ask ask) {
  size_t count = 0;
  CUresult status = ask(nullptr, &count);
  if (status != CUDA_SUCCESS || count == 0) return status;
  nodes.resize(count);
  status = ask(nodes.data(), &count);
  nodes.resize(std::min(count, nodes.size()));
  return status;
}

// The handle behind which something of the driver is known; 0: none.
wire::Handle handle_of(Session& session, wire::Kind kind, wire::Handle like, const void* value) {
  return session.slab(kind).search(kind, wire::session_of(like),
                                   [value](uint64_t known) { return known == reinterpret_cast<uint64_t>(value); });
}

// A driver may name a kernel of a library by the function that it has in the context.
wire::Handle function_handle(Session& session, wire::Handle like, const CUDA_KERNEL_NODE_PARAMS& node) {
  const void* given = node.func ? static_cast<const void*>(node.func) : node.kern;
  for (wire::Kind kind : {wire::Kind::function, wire::Kind::kernel})
    if (const wire::Handle handle = handle_of(session, kind, like, given)) return handle;
  if (!node.func) return 0;
  return session.slab(wire::Kind::kernel).search(wire::Kind::kernel, wire::session_of(like), [&](uint64_t kernel) {
    CUfunction function = nullptr;
    return session.driver.cuKernelGetFunction(&function, reinterpret_cast<CUkernel>(kernel)) == CUDA_SUCCESS &&
           function == node.func;
  });
}

void append(std::vector<std::byte>& bytes, const void* part, size_t size) {
  const auto* begin = static_cast<const std::byte*>(part);
  bytes.insert(bytes.end(), begin, begin + size);
  bytes.resize(wire::padded(bytes.size()));
}

CUresult describe_kernel(Session& session, wire::Handle like, CUgraphNode node, std::vector<std::byte>& out) {
  const calls::DriverTable& driver = session.driver;
  CUDA_KERNEL_NODE_PARAMS said{};
  if (const CUresult status = driver.cuGraphKernelNodeGetParams_v2(node, &said); status != CUDA_SUCCESS) return status;
  wire::Launch launch{};
  launch.function = function_handle(session, like, said);
  const FunctionState* state = function_state(session, launch.function);
  if (!state) return CUDA_ERROR_INVALID_VALUE;  // unloaded since
  launch.grid[0] = said.gridDimX, launch.grid[1] = said.gridDimY, launch.grid[2] = said.gridDimZ;
  launch.block[0] = said.blockDimX, launch.block[1] = said.blockDimY, launch.block[2] = said.blockDimZ;
  launch.shared_bytes = said.sharedMemBytes;
  launch.parameter_bytes = state->parameter_bytes;
  std::vector<std::byte> packed(state->parameter_bytes);
  if (said.kernelParams) {
    size_t offset = 0, bytes = 0;
    const auto info = [&](size_t i) {
      return said.kern ? driver.cuKernelGetParamInfo(said.kern, i, &offset, &bytes)
                       : driver.cuFuncGetParamInfo(said.func, i, &offset, &bytes);
    };
    for (size_t i = 0; info(i) == CUDA_SUCCESS; ++i)
      if (offset + bytes <= packed.size()) std::memcpy(packed.data() + offset, said.kernelParams[i], bytes);
  } else if (said.extra) {
    for (void** at = said.extra; *at != CU_LAUNCH_PARAM_END; at += 2)
      if (*at == CU_LAUNCH_PARAM_BUFFER_POINTER) std::memcpy(packed.data(), at[1], packed.size());
  }
  append(out, &launch, sizeof launch);
  append(out, packed.data(), packed.size());
  return CUDA_SUCCESS;
}

// The client's address of memory here; false: it is none of the client's host memory.
bool host_address(const Session& session, const void* here, uint64_t& address) {
  for (const auto& [begin, mapping] : session.host_mappings) {
    const auto offset = static_cast<uint64_t>(static_cast<const std::byte*>(here) - mapping.memory.data());
    if (offset >= mapping.memory.size()) continue;
    address = begin + offset;
    return true;
  }
  return false;
}

void describe_side(const Session& session, wire::CopySide& side, CUmemorytype type, const void* host,
                   CUdeviceptr device) {
  if (type == CU_MEMORYTYPE_UNIFIED) host = reinterpret_cast<const void*>(device);
  side.type = type != CU_MEMORYTYPE_DEVICE && host_address(session, host, side.address) ? wire::CopySide::host
                                                                                        : wire::CopySide::device;
  if (side.type == wire::CopySide::device) side.address = device;
}

CUresult describe_copy(Session& session, CUgraphNode node, std::vector<std::byte>& out) {
  CUDA_MEMCPY3D said{};
  if (const CUresult status = session.driver.cuGraphMemcpyNodeGetParams(node, &said); status != CUDA_SUCCESS)
    return status;
  if (said.srcMemoryType == CU_MEMORYTYPE_ARRAY || said.dstMemoryType == CU_MEMORYTYPE_ARRAY)
    return CUDA_ERROR_NOT_SUPPORTED;
  wire::Copy3D copy{};
  describe_side(session, copy.source, said.srcMemoryType, said.srcHost, said.srcDevice);
  describe_side(session, copy.destination, said.dstMemoryType, said.dstHost, said.dstDevice);
  copy.source.pitch = said.srcPitch, copy.source.height = said.srcHeight;
  copy.source.x_bytes = said.srcXInBytes, copy.source.y = said.srcY, copy.source.z = said.srcZ;
  copy.destination.pitch = said.dstPitch, copy.destination.height = said.dstHeight;
  copy.destination.x_bytes = said.dstXInBytes, copy.destination.y = said.dstY, copy.destination.z = said.dstZ;
  copy.width_bytes = said.WidthInBytes, copy.height = said.Height, copy.depth = said.Depth;
  append(out, &copy, sizeof copy);
  return CUDA_SUCCESS;
}

using GetEvent = decltype(calls::DriverTable::cuGraphEventRecordNodeGetEvent);

CUresult describe_event(Session& session, wire::Handle like, CUgraphNode node, GetEvent get_event,
                        std::vector<std::byte>& out) {
  CUevent event = nullptr;
  const CUresult status = get_event(node, &event);
  const wire::Handle handle = status == CUDA_SUCCESS ? handle_of(session, wire::Kind::event, like, event) : 0;
  append(out, &handle, sizeof handle);
  return status != CUDA_SUCCESS || handle != 0 ? status : CUDA_ERROR_INVALID_HANDLE;
}

// The graph in a child node belongs to the graph that the node is in.
CUresult describe_child(Session& session, Invoke& invoke, const wire::GraphNodeGet& asked, CUgraphNode node,
                        std::vector<std::byte>& out) {
  CUgraph child = nullptr;
  CUresult status = session.driver.cuGraphChildGraphNodeGetGraph(node, &child);
  if (status != CUDA_SUCCESS) return status;
  auto known = session.child_graphs.find(child);
  if (known == session.child_graphs.end() && asked.offered == 0) return CUDA_SUCCESS;
  if (known == session.child_graphs.end()) {
    if (status = invoke.bind(asked.offered, child); status != CUDA_SUCCESS) return status;
    known = session.child_graphs.emplace(child, asked.offered).first;
    if (auto name = session.node_names.find(node); name != session.node_names.end())
      session.children_of_graph[name->second.graph].push_back(asked.offered);
  }
  append(out, &known->second, sizeof known->second);
  return CUDA_SUCCESS;
}

CUresult describe(Session& session, Invoke& invoke, const wire::GraphNodeGet& asked, CUgraphNode node,
                  CUgraphNodeType type, wire::GraphNodeReply& reply, std::vector<std::byte>& out) {
  const calls::DriverTable& driver = session.driver;
  switch (type) {
    case CU_GRAPH_NODE_TYPE_EMPTY:
      reply.type = wire::GraphNode::empty;
      return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_KERNEL:
      reply.type = wire::GraphNode::kernel;
      return describe_kernel(session, asked.node, node, out);
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      reply.type = wire::GraphNode::copy;
      return describe_copy(session, node, out);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      reply.type = wire::GraphNode::memset;
      CUDA_MEMSET_NODE_PARAMS said{};
      const CUresult status = driver.cuGraphMemsetNodeGetParams(node, &said);
      const wire::GraphMemset memset{said.dst, said.pitch, said.value, said.elementSize, said.width, said.height};
      append(out, &memset, sizeof memset);
      return status;
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      reply.type = wire::GraphNode::host;
      CUDA_HOST_NODE_PARAMS said{};
      const CUresult status = driver.cuGraphHostNodeGetParams(node, &said);
      const uint64_t function = session.function_of(said);
      append(out, &function, sizeof function);
      return status;
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      reply.type = wire::GraphNode::child;
      return describe_child(session, invoke, asked, node, out);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      reply.type = wire::GraphNode::event_record;
      return describe_event(session, asked.node, node, driver.cuGraphEventRecordNodeGetEvent, out);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      reply.type = wire::GraphNode::event_wait;
      return describe_event(session, asked.node, node, driver.cuGraphEventWaitNodeGetEvent, out);
    default:
      reply.type = wire::GraphNode::other;
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace

void carry_out_graph_node_get(Session& session, Invoke& invoke) {
  const wire::GraphNodeGet arguments = invoke.arguments<wire::GraphNodeGet>();
  CUgraphNode node = invoke.resolve<CUgraphNode>(arguments.node);
  if (!invoke.valid()) return void(invoke.refuse());
  wire::GraphNodeReply reply{};
  std::vector<std::byte> out;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  CUresult status = session.driver.cuGraphNodeGetType(node, &type);
  if (status == CUDA_SUCCESS) status = describe(session, invoke, arguments, node, type, reply, out);
  invoke.reply(status, reply, out);
}

void carry_out_graph_list(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphList>();
  if (arguments.offered > wire::GraphNode::kMaxDependencies) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) return void(invoke.refuse());
  const bool of_stream = arguments.what == wire::GraphList::capture;
  const bool of_node = arguments.what >= wire::GraphList::dependencies && !of_stream;
  const bool in_clone = arguments.what == wire::GraphList::in_clone;
  const auto future = invoke.array<wire::Handle>(of_stream || in_clone ? 1 : 0);
  const auto offered = invoke.array<wire::Handle>(arguments.offered);
  if (!invoke.valid()) return void(invoke.refuse());
  CUstream stream = of_stream ? invoke.resolve<CUstream>(arguments.object) : nullptr;
  CUgraph graph = of_node || of_stream ? nullptr : invoke.resolve<CUgraph>(arguments.object);
  CUgraphNode node = of_node ? invoke.resolve<CUgraphNode>(arguments.object) : nullptr;
  if (in_clone && invoke.valid()) graph = invoke.resolve<CUgraph>(future[0]);
  if (!invoke.valid()) return void(invoke.refuse());
  const calls::DriverTable& driver = session.driver;
  wire::GraphListReply reply{};
  std::vector<CUgraphNode> nodes;
  CUresult status = CUDA_ERROR_INVALID_VALUE;
  switch (arguments.what) {
    case wire::GraphList::nodes:
      status = read_list(nodes, [&](CUgraphNode* out, size_t* n) { return driver.cuGraphGetNodes(graph, out, n); });
      break;
    case wire::GraphList::roots:
      status = read_list(nodes, [&](CUgraphNode* out, size_t* n) { return driver.cuGraphGetRootNodes(graph, out, n); });
      break;
    case wire::GraphList::edges: {
      std::vector<CUgraphNode> to;
      status = read_list(nodes, [&](CUgraphNode* out, size_t* n) {
        if (out) to.resize(*n);
        return driver.cuGraphGetEdges_v2(graph, out, out ? to.data() : nullptr, nullptr, n);
      });
      to.resize(nodes.size());
      nodes.insert(nodes.end(), to.begin(), to.end());
      break;
    }
    case wire::GraphList::dependencies:
      status = read_list(nodes, [&](CUgraphNode* out, size_t* n) {
        return driver.cuGraphNodeGetDependencies_v2(node, out, nullptr, n);
      });
      break;
    case wire::GraphList::dependents:
      status = read_list(nodes, [&](CUgraphNode* out, size_t* n) {
        return driver.cuGraphNodeGetDependentNodes_v2(node, out, nullptr, n);
      });
      break;
    case wire::GraphList::type: {
      CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
      status = driver.cuGraphNodeGetType(node, &type);
      reply.type = uint32_t(type);
      break;
    }
    case wire::GraphList::capture: {
      CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
      const CUgraphNode* tips = nullptr;
      const CUgraphEdgeData* edges = nullptr;
      size_t count = 0;
      status = driver.cuStreamGetCaptureInfo_v3(stream, &state, nullptr, &graph, &tips, &edges, &count);
      if (status != CUDA_SUCCESS || state != CU_STREAM_CAPTURE_STATUS_ACTIVE) break;
      nodes.assign(tips, tips + count);
      // From here on the program may add nodes to it. A graph that it captures into has its handle already.
      if (!session.slab(wire::Kind::graph).find(future[0])) session.captured_graphs.insert(future[0]);
      status = invoke.bind(future[0], graph);
      break;
    }
    case wire::GraphList::in_clone: {
      CUgraphNode found = nullptr;
      status = driver.cuGraphNodeFindInClone(&found, node, graph);
      if (status == CUDA_SUCCESS) nodes.push_back(found);
      break;
    }
    default:
      break;
  }
  reply.count = uint32_t(nodes.size());
  // All or nothing: with too few offers the asker learns how many it takes.
  size_t unnamed = 0;
  for (CUgraphNode one : nodes) unnamed += !session.node_names.contains(one);
  std::vector<wire::Handle> names;
  if (status == CUDA_SUCCESS && !nodes.empty() && offered.size() >= unnamed && offered.size() >= nodes.size()) {
    wire::Handle owner = of_stream || in_clone ? future[0] : arguments.object;
    if (of_node && !in_clone)
      if (auto at = session.node_names.find(node); at != session.node_names.end()) owner = at->second.graph;
    for (CUgraphNode one : nodes) {
      auto at = session.node_names.find(one);
      if (at == session.node_names.end()) {
        const wire::Handle handle = offered[reply.taken];
        status = invoke.bind(handle, one);
        if (status != CUDA_SUCCESS) break;
        ++reply.taken;
        session.name_node(one, handle, owner);
        names.push_back(handle);
      } else {
        names.push_back(at->second.node);
      }
    }
    reply.returned = uint32_t(names.size());
  }
  invoke.reply(status, reply, std::as_bytes(std::span(names)));
}

}  // namespace gpool::worker
