// Graphs that the client builds node by node, and lists of the nodes of any graph.
#include <algorithm>

#include "worker/session.h"

namespace gpool::worker {
namespace {

void name_node(Session& session, CUgraphNode node, wire::Handle handle, wire::Handle graph) {
  session.node_names[node] = {handle, graph};
  session.nodes_of_graph[graph].push_back(handle);
}

struct KernelNode {
  CUDA_KERNEL_NODE_PARAMS parameters{};
  size_t bytes = 0;
  void* extra[5] = {};
};

// What a node does, in the driver's terms. Points into the frame and into itself.
class Work {
 public:
  // Invalid parameters: the frame is rejected.
  Work(Session& session, Invoke& invoke, uint32_t type) : driver_(session.driver), type_(type) {
    ContextState* context = session.context_of_frame(invoke.frame().context);
    if (!context) {
      invoke.reject(CUDA_ERROR_INVALID_CONTEXT);
      return;
    }
    context_ = context->cu;
    switch (type) {
      case wire::GraphNode::empty:
        return;
      case wire::GraphNode::kernel:
        read_kernel(session, invoke);
        return;
      case wire::GraphNode::copy:
        read_copy(invoke);
        return;
      case wire::GraphNode::memset: {
        const auto& given = invoke.arguments<wire::GraphMemset>();
        memset_ = {given.address, given.pitch, given.value, given.element_bytes, given.width, given.height};
        return;
      }
      default:
        invoke.reject(CUDA_ERROR_INVALID_VALUE);
    }
  }

  CUresult add(CUgraphNode& node, CUgraph graph, const std::vector<CUgraphNode>& before) const {
    const CUgraphNode* first = before.empty() ? nullptr : before.data();
    switch (type_) {
      case wire::GraphNode::kernel:
        return driver_.cuGraphAddKernelNode_v2(&node, graph, first, before.size(), &kernel_.parameters);
      case wire::GraphNode::copy:
        return driver_.cuGraphAddMemcpyNode(&node, graph, first, before.size(), &copy_, context_);
      case wire::GraphNode::memset:
        return driver_.cuGraphAddMemsetNode(&node, graph, first, before.size(), &memset_, context_);
      default:
        return driver_.cuGraphAddEmptyNode(&node, graph, first, before.size());
    }
  }
  CUresult set(CUgraphNode node) const {
    switch (type_) {
      case wire::GraphNode::kernel:
        return driver_.cuGraphKernelNodeSetParams_v2(node, &kernel_.parameters);
      default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  CUresult set_in(CUgraphExec exec, CUgraphNode node) const {
    switch (type_) {
      case wire::GraphNode::kernel:
        return driver_.cuGraphExecKernelNodeSetParams_v2(exec, node, &kernel_.parameters);
      case wire::GraphNode::copy:
        return driver_.cuGraphExecMemcpyNodeSetParams(exec, node, &copy_, context_);
      case wire::GraphNode::memset:
        return driver_.cuGraphExecMemsetNodeSetParams(exec, node, &memset_, context_);
      default:
        return CUDA_ERROR_INVALID_VALUE;
    }
  }

 private:
  void read_kernel(Session& session, Invoke& invoke) {
    const auto& launch = invoke.arguments<wire::Launch>();
    auto packed = invoke.array<std::byte>(launch.parameter_bytes);
    CUfunction function = invoke.resolve<CUfunction>(launch.function);
    FunctionState* state = function_state(session, launch.function);
    // Fewer bytes than the kernel reads would let it read the worker's memory.
    if (!state || launch.parameter_bytes < state->parameter_bytes) invoke.reject(CUDA_ERROR_INVALID_VALUE);
    CUDA_KERNEL_NODE_PARAMS& to = kernel_.parameters;
    if (wire::kind_of(launch.function) == wire::Kind::kernel)
      to.kern = reinterpret_cast<CUkernel>(function);
    else
      to.func = function;
    to.gridDimX = launch.grid[0], to.gridDimY = launch.grid[1], to.gridDimZ = launch.grid[2];
    to.blockDimX = launch.block[0], to.blockDimY = launch.block[1], to.blockDimZ = launch.block[2];
    to.sharedMemBytes = launch.shared_bytes;
    to.ctx = to.kern ? context_ : nullptr;
    kernel_.bytes = packed.size();
    kernel_.extra[0] = CU_LAUNCH_PARAM_BUFFER_POINTER, kernel_.extra[1] = const_cast<std::byte*>(packed.data());
    kernel_.extra[2] = CU_LAUNCH_PARAM_BUFFER_SIZE, kernel_.extra[3] = &kernel_.bytes;
    kernel_.extra[4] = CU_LAUNCH_PARAM_END;
    if (kernel_.bytes > 0) to.extra = kernel_.extra;
  }
  void read_copy(Invoke& invoke) {
    const auto& given = invoke.arguments<wire::Copy3D>();
    const wire::CopySide &from = given.source, &to = given.destination;
    if (from.type != wire::CopySide::device || to.type != wire::CopySide::device)
      return invoke.reject(CUDA_ERROR_NOT_SUPPORTED);
    copy_.srcMemoryType = copy_.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy_.srcDevice = from.address, copy_.srcPitch = from.pitch, copy_.srcHeight = from.height;
    copy_.srcXInBytes = from.x_bytes, copy_.srcY = from.y, copy_.srcZ = from.z;
    copy_.dstDevice = to.address, copy_.dstPitch = to.pitch, copy_.dstHeight = to.height;
    copy_.dstXInBytes = to.x_bytes, copy_.dstY = to.y, copy_.dstZ = to.z;
    copy_.WidthInBytes = given.width_bytes, copy_.Height = given.height, copy_.Depth = given.depth;
  }

  const calls::DriverTable& driver_;
  const uint32_t type_;
  CUcontext context_ = nullptr;
  KernelNode kernel_;
  CUDA_MEMCPY3D copy_{};
  CUDA_MEMSET_NODE_PARAMS memset_{};
};

std::vector<CUgraphNode> resolve_nodes(Invoke& invoke, uint32_t count) {
  std::vector<CUgraphNode> nodes;
  if (count > wire::GraphNode::kMaxDependencies) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) return nodes;
  for (wire::Handle handle : invoke.array<wire::Handle>(count)) nodes.push_back(invoke.resolve<CUgraphNode>(handle));
  return nodes;
}

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

}  // namespace

void Session::forget_nodes(wire::Handle graph) {
  auto at = nodes_of_graph.find(graph);
  if (at == nodes_of_graph.end()) return;
  for (wire::Handle node : at->second) {
    if (Slab::Entry* entry = slab(wire::Kind::graph_node).find(node))
      node_names.erase(reinterpret_cast<CUgraphNode>(entry->value));
    slab(wire::Kind::graph_node).forget(node);
  }
  nodes_of_graph.erase(at);
}

void carry_out_graph_node(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphNode>();
  const std::vector<CUgraphNode> before = resolve_nodes(invoke, arguments.dependency_count);
  if (!invoke.valid()) return void(invoke.refuse());
  const Work work(session, invoke, arguments.type);
  switch (arguments.action) {
    case wire::GraphNode::add: {
      CUgraph graph = invoke.resolve<CUgraph>(arguments.graph);
      if (!invoke.valid()) return void(invoke.refuse());
      CUgraphNode node = nullptr;
      CUresult status = work.add(node, graph, before);
      if (status == CUDA_SUCCESS) status = invoke.bind(arguments.node, node);
      if (status == CUDA_SUCCESS) name_node(session, node, arguments.node, arguments.graph);
      return void(invoke.finish(status));
    }
    case wire::GraphNode::set:
    case wire::GraphNode::set_in_exec: {
      CUgraphNode node = invoke.resolve<CUgraphNode>(arguments.node);
      const bool in_exec = arguments.action == wire::GraphNode::set_in_exec;
      CUgraphExec exec = in_exec ? invoke.resolve<CUgraphExec>(arguments.graph) : nullptr;
      if (!invoke.valid()) return void(invoke.refuse());
      return void(invoke.finish(in_exec ? work.set_in(exec, node) : work.set(node)));
    }
    default:
      return void(invoke.finish(CUDA_ERROR_INVALID_VALUE));
  }
}

void carry_out_graph_edges(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphEdges>();
  CUgraph graph = invoke.resolve<CUgraph>(arguments.graph);
  const std::vector<CUgraphNode> from = resolve_nodes(invoke, arguments.count);
  const std::vector<CUgraphNode> to = resolve_nodes(invoke, arguments.count);
  if (!invoke.valid()) return void(invoke.refuse());
  auto change =
      arguments.remove != 0 ? session.driver.cuGraphRemoveDependencies_v2 : session.driver.cuGraphAddDependencies_v2;
  invoke.finish(change(graph, from.data(), to.data(), nullptr, from.size()));
}

void carry_out_graph_list(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphList>();
  if (arguments.offered > wire::GraphNode::kMaxDependencies) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) return void(invoke.refuse());
  const bool of_stream = arguments.what == wire::GraphList::capture;
  const bool of_node = arguments.what >= wire::GraphList::dependencies && !of_stream;
  const auto future = invoke.array<wire::Handle>(of_stream ? 1 : 0);
  const auto offered = invoke.array<wire::Handle>(arguments.offered);
  if (!invoke.valid()) return void(invoke.refuse());
  CUstream stream = of_stream ? invoke.resolve<CUstream>(arguments.object) : nullptr;
  CUgraph graph = of_node || of_stream ? nullptr : invoke.resolve<CUgraph>(arguments.object);
  CUgraphNode node = of_node ? invoke.resolve<CUgraphNode>(arguments.object) : nullptr;
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
      status = driver.cuStreamGetCaptureInfo_v3(stream, &state, nullptr, nullptr, &tips, &edges, &count);
      if (status == CUDA_SUCCESS && state == CU_STREAM_CAPTURE_STATUS_ACTIVE) nodes.assign(tips, tips + count);
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
    wire::Handle owner = of_stream ? future[0] : arguments.object;
    if (of_node)
      if (auto at = session.node_names.find(node); at != session.node_names.end()) owner = at->second.graph;
    for (CUgraphNode one : nodes) {
      auto at = session.node_names.find(one);
      if (at == session.node_names.end()) {
        const wire::Handle handle = offered[reply.taken];
        status = invoke.bind(handle, one);
        if (status != CUDA_SUCCESS) break;
        ++reply.taken;
        name_node(session, one, handle, owner);
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
