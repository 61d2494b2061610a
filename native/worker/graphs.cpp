// Graphs that the client builds node by node, and captures into graphs. What is asked about them: graph_questions.cpp.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "calls/generated/arguments.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

// Where a host side begins here, whose rows all lie within one mapping.
std::byte* host_side(Session& session, Invoke& invoke, const wire::CopySide& side, const wire::Copy3D& copy) {
  constexpr uint64_t kMost = uint64_t{1} << 40;
  const auto small = [](auto... values) { return ((values < kMost) && ...); };
  if (side.type != wire::CopySide::host || copy.width_bytes == 0 || copy.height == 0 || copy.depth == 0 ||
      !small(side.pitch, side.height, side.x_bytes, side.y, side.z, copy.width_bytes, copy.height, copy.depth)) {
    invoke.reject(side.type == wire::CopySide::array ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE);
    return nullptr;
  }
  // The offset behind a row; kMost or more: too far away to be meant.
  const auto offset_of = [&side](uint64_t slice, uint64_t row, uint64_t bytes) {
    uint64_t at = 0;
    if (__builtin_mul_overflow(slice, side.height, &at) || __builtin_mul_overflow(at + row, side.pitch, &at) ||
        __builtin_add_overflow(at, bytes, &at))
      return kMost;
    return at;
  };
  const uint64_t first = offset_of(side.z, side.y, side.x_bytes);
  const uint64_t last = offset_of(side.z + copy.depth - 1, side.y + copy.height - 1, side.x_bytes + copy.width_bytes);
  std::byte* at = last < kMost && first < last ? session.host_memory(side.address + first, last - first) : nullptr;
  if (!at) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  return at ? at - first : nullptr;
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
        read_copy(session, invoke);
        return;
      case wire::GraphNode::host: {
        const auto function = invoke.array<uint64_t>(1);
        if (invoke.valid() && (function[0] == 0 || function[0] >= wire::PushGraphFunction::kRun))
          invoke.reject(CUDA_ERROR_INVALID_VALUE);
        if (invoke.valid()) host_ = session.graph_function(function[0]);
        return;
      }
      case wire::GraphNode::child: {
        const auto graph = invoke.array<wire::Handle>(1);
        if (invoke.valid()) child_ = invoke.resolve<CUgraph>(graph[0]);
        return;
      }
      case wire::GraphNode::event_record:
      case wire::GraphNode::event_wait: {
        const auto event = invoke.array<wire::Handle>(1);
        if (invoke.valid()) event_ = invoke.resolve<CUevent>(event[0]);
        return;
      }
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
      case wire::GraphNode::host:
        return driver_.cuGraphAddHostNode(&node, graph, first, before.size(), &host_);
      case wire::GraphNode::child:
        return driver_.cuGraphAddChildGraphNode(&node, graph, first, before.size(), child_);
      case wire::GraphNode::event_record:
        return driver_.cuGraphAddEventRecordNode(&node, graph, first, before.size(), event_);
      case wire::GraphNode::event_wait:
        return driver_.cuGraphAddEventWaitNode(&node, graph, first, before.size(), event_);
      default:
        return driver_.cuGraphAddEmptyNode(&node, graph, first, before.size());
    }
  }
  CUresult set(CUgraphNode node) const {
    switch (type_) {
      case wire::GraphNode::kernel:
        return driver_.cuGraphKernelNodeSetParams_v2(node, &kernel_.parameters);
      case wire::GraphNode::copy:
        return driver_.cuGraphMemcpyNodeSetParams(node, &copy_);
      case wire::GraphNode::memset:
        return driver_.cuGraphMemsetNodeSetParams(node, &memset_);
      case wire::GraphNode::host:
        return driver_.cuGraphHostNodeSetParams(node, &host_);
      default:
        return CUDA_ERROR_INVALID_VALUE;
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
      case wire::GraphNode::host:
        return driver_.cuGraphExecHostNodeSetParams(exec, node, &host_);
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
  void read_copy(Session& session, Invoke& invoke) {
    read_mapped_copy(session, invoke, invoke.arguments<wire::Copy3D>(), copy_);
  }

  const calls::DriverTable& driver_;
  const uint32_t type_;
  CUcontext context_ = nullptr;
  KernelNode kernel_;
  CUDA_MEMCPY3D copy_{};
  CUDA_MEMSET_NODE_PARAMS memset_{};
  CUDA_HOST_NODE_PARAMS host_{};
  CUgraph child_ = nullptr;
  CUevent event_ = nullptr;
};

std::vector<CUgraphNode> resolve_nodes(Invoke& invoke, uint32_t count) {
  std::vector<CUgraphNode> nodes;
  if (count > wire::GraphNode::kMaxDependencies) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) return nodes;
  for (wire::Handle handle : invoke.array<wire::Handle>(count)) nodes.push_back(invoke.resolve<CUgraphNode>(handle));
  return nodes;
}

}  // namespace

void read_mapped_copy(Session& session, Invoke& invoke, const wire::Copy3D& given, CUDA_MEMCPY3D& copy) {
  const wire::CopySide &from = given.source, &to = given.destination;
  copy.srcPitch = from.pitch, copy.srcHeight = from.height;
  copy.srcXInBytes = from.x_bytes, copy.srcY = from.y, copy.srcZ = from.z;
  copy.dstPitch = to.pitch, copy.dstHeight = to.height;
  copy.dstXInBytes = to.x_bytes, copy.dstY = to.y, copy.dstZ = to.z;
  copy.WidthInBytes = given.width_bytes, copy.Height = given.height, copy.Depth = given.depth;
  if (from.type == wire::CopySide::device) {
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE, copy.srcDevice = from.address;
  } else {
    copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = host_side(session, invoke, from, given);
  }
  if (to.type == wire::CopySide::device) {
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE, copy.dstDevice = to.address;
  } else {
    copy.dstMemoryType = CU_MEMORYTYPE_HOST, copy.dstHost = host_side(session, invoke, to, given);
  }
}

void Session::name_node(CUgraphNode node, wire::Handle handle, wire::Handle graph) {
  node_names[node] = {handle, graph};
  nodes_of_graph[graph].push_back(handle);
}

void Session::forget_nodes(wire::Handle graph) {
  captured_graphs.erase(graph);
  if (auto owned = children_of_graph.find(graph); owned != children_of_graph.end()) {
    const std::vector<wire::Handle> children = std::move(owned->second);
    children_of_graph.erase(owned);
    for (wire::Handle child : children) {
      if (Slab::Entry* entry = slab(wire::Kind::graph).find(child))
        child_graphs.erase(reinterpret_cast<CUgraph>(entry->value));
      forget_nodes(child);
      slab(wire::Kind::graph).forget(child);
    }
  }
  auto at = nodes_of_graph.find(graph);
  if (at == nodes_of_graph.end()) return;
  for (wire::Handle node : at->second) {
    if (Slab::Entry* entry = slab(wire::Kind::graph_node).find(node))
      node_names.erase(reinterpret_cast<CUgraphNode>(entry->value));
    slab(wire::Kind::graph_node).forget(node);
  }
  nodes_of_graph.erase(at);
}

void Session::forget_child_of(CUgraphNode node) {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  CUgraph child = nullptr;
  if (driver.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS || type != CU_GRAPH_NODE_TYPE_GRAPH ||
      driver.cuGraphChildGraphNodeGetGraph(node, &child) != CUDA_SUCCESS)
    return;
  auto known = child_graphs.find(child);
  if (known == child_graphs.end()) return;
  const wire::Handle handle = known->second;
  forget_nodes(handle);
  slab(wire::Kind::graph).forget(handle);
  child_graphs.erase(child);
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
      if (status == CUDA_SUCCESS) session.name_node(node, arguments.node, arguments.graph);
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

void carry_out_graph_capture(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphCapture>();
  CUstream stream = invoke.resolve<CUstream>(arguments.stream);
  std::vector<CUgraphNode> nodes =
      resolve_nodes(invoke, arguments.count <= UINT32_MAX ? uint32_t(arguments.count) : UINT32_MAX);
  CUgraph graph = arguments.action == wire::GraphCapture::begin && invoke.valid()
                      ? invoke.resolve<CUgraph>(arguments.graph)
                      : nullptr;
  if (!invoke.valid()) return void(invoke.refuse());
  const calls::DriverTable& driver = session.driver;
  switch (arguments.action) {
    case wire::GraphCapture::begin:
      return void(invoke.finish(driver.cuStreamBeginCaptureToGraph(stream, graph, nodes.data(), nullptr, nodes.size(),
                                                                   CUstreamCaptureMode(arguments.mode))));
    case wire::GraphCapture::set_dependencies:
    case wire::GraphCapture::add_dependencies:
      return void(invoke.finish(driver.cuStreamUpdateCaptureDependencies_v2(
          stream, nodes.data(), nullptr, nodes.size(),
          arguments.action == wire::GraphCapture::set_dependencies ? CU_STREAM_SET_CAPTURE_DEPENDENCIES
                                                                   : CU_STREAM_ADD_CAPTURE_DEPENDENCIES)));
    default:
      return void(invoke.finish(CUDA_ERROR_INVALID_VALUE));
  }
}

// By hand, because the graph may have its handle already, and loses it with a capture that fails.
void carry_out_end_capture(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<calls::cuStreamEndCapture_arguments>();
  CUstream stream = invoke.resolve<CUstream>(arguments.hStream);
  if (!invoke.valid()) return void(invoke.refuse());
  CUgraph graph = nullptr;
  CUresult status = session.driver.cuStreamEndCapture(stream, &graph);
  if (status == CUDA_SUCCESS) {
    status = invoke.bind<CUgraph>(arguments.created, graph);
    session.captured_graphs.erase(arguments.created);
  } else if (session.captured_graphs.contains(arguments.created)) {
    session.forget_nodes(arguments.created);
    invoke.unbind<CUgraph>(arguments.created);
  }
  invoke.finish(status);
}

void carry_out_graph_update(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphUpdate>();
  CUgraphExec exec = invoke.resolve<CUgraphExec>(arguments.exec);
  CUgraph graph = invoke.resolve<CUgraph>(arguments.graph);
  if (!invoke.valid()) return void(invoke.refuse());
  CUgraphExecUpdateResultInfo info{};
  const CUresult status = session.driver.cuGraphExecUpdate_v2(exec, graph, &info);
  const auto name = [&](CUgraphNode node) {
    auto at = session.node_names.find(node);
    return at != session.node_names.end() ? at->second.node : 0;
  };
  invoke.reply(status, wire::GraphUpdateReply{info.result, 0, name(info.errorNode), name(info.errorFromNode)});
}

// Drivers write it to a file; this one has no name.
Frame carry_out_graph_dot(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::GraphDot>();
  CUgraph graph = invoke.resolve<CUgraph>(arguments.graph);
  if (!invoke.valid()) {
    invoke.refuse();
    return Frame::done;
  }
  const Fd file(memfd_create("gpool-graph", MFD_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  CUresult status = file ? session.driver.cuGraphDebugDotPrint(graph, path.c_str(), unsigned(arguments.flags))
                         : CUDA_ERROR_OPERATING_SYSTEM;
  struct stat info{};
  if (status == CUDA_SUCCESS && fstat(file.get(), &info) != 0) status = CUDA_ERROR_OPERATING_SYSTEM;
  const auto bytes = static_cast<size_t>(info.st_size);
  if (status == CUDA_SUCCESS && (bytes == 0 || bytes > wire::kBulkPieceBytes)) status = CUDA_ERROR_NOT_SUPPORTED;
  if (status != CUDA_SUCCESS) {
    invoke.finish(status);
    return Frame::done;
  }
  std::byte* bulk = session.link().try_reserve_bulk(bytes);
  if (!bulk && !session.link().broken()) return Frame::again;
  if (bulk && pread(file.get(), bulk, bytes, 0) != ssize_t(bytes)) status = CUDA_ERROR_OPERATING_SYSTEM;
  if (bulk) session.answer_with_bulk(invoke.frame(), status, bulk, bytes);
  return Frame::done;
}

}  // namespace gpool::worker
