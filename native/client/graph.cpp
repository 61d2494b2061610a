// Graphs as a whole: edges, lists of nodes, copies, executable graphs and their launches. The graph lives at the
// worker; what its nodes do is in graph_nodes.cpp, what it holds here in graph_holdings.cpp.
#include "client/graph.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "calls/generated/arguments.h"
#include "client/capture.h"
#include "client/driver.h"
#include "client/graph_holdings.h"
#include "client/host_twin.h"

namespace gpool::client {
namespace {

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
// are. `future`: the handle of a graph that a capture still builds.
CUresult list(Call& call, wire::GraphList::What what, wire::Handle object, Object* owner, bool wants_nodes,
              std::vector<wire::Handle>& found, wire::GraphListReply& reply, wire::Handle future = 0) {
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
                      std::as_bytes(std::span(&arguments, 1)),
                      {array_bytes(&future, future != 0 ? 1 : 0), array_bytes(offered.data(), offered.size())});
    if (status == CUDA_SUCCESS) status = session.wait(pending);
    const size_t taken = status == CUDA_SUCCESS ? std::min<size_t>(reply.taken, offered.size()) : 0;
    for (size_t i = taken; i < offered.size(); i++) slab.destroy(offered[i]);
    for (size_t i = 0; owner != nullptr && i < taken; i++) note_node(session, *owner, offered[i]);
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
                    size_t* count, CUgraphEdgeData* edges = nullptr) {
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
  if (edges != nullptr) std::fill_n(edges, *count, CUgraphEdgeData{});
  *count = std::min(*count, found.size());
  return call.end(CUDA_SUCCESS);
}

// Launches a graph whose end has to be known, or that has to be told of more than the launch.
CUresult launch_holding(Call& call, ExecState& state, const calls::cuGraphLaunch_arguments& arguments) {
  Session& session = *call.session();
  const std::shared_ptr<Holdings> holdings = state.holdings;
  holdings->stage(arguments.hStream);
  state.launched = true;
  if (host_memory_is_watched())
    if (const CUresult status = prepare_all(session); status != CUDA_SUCCESS) return call.end(status);
  if (!holdings->has_functions()) return call.post(arguments);
  // While it runs the thread of host functions listens.
  const uint64_t id = expect_done(session, holdings);
  if (id == 0) return call.end(session.lost() ? session.lost_status() : CUDA_ERROR_OPERATING_SYSTEM);
  call.as(wire::Message::graph_launch);
  const CUresult status = call.post(wire::GraphLaunch{arguments.hGraph, arguments.hStream, id});
  if (status != CUDA_SUCCESS)
    expect_no_more(session, id);
  else
    session.flush();
  return status;
}

}  // namespace

bool read_nodes(Call& call, const CUgraphNode* nodes, size_t count, std::vector<wire::Handle>& handles) {
  if (count > 0) call.required(nodes);
  if (count > wire::GraphNode::kMaxDependencies) call.refuse(CUDA_ERROR_INVALID_VALUE);
  for (size_t i = 0; call.ok() && i < count; i++) handles.push_back(call.handle(nodes[i]));
  return call.ok();
}

bool are_plain(const CUgraphEdgeData* edges, size_t count) {
  for (size_t i = 0; edges != nullptr && i < count; i++)
    if (edges[i].type != CU_GRAPH_DEPENDENCY_TYPE_DEFAULT || edges[i].from_port != 0 || edges[i].to_port != 0)
      return false;
  return true;
}

void note_node(Session& session, Object& graph, wire::Handle node) {
  if (Object* object = session.find(node)) object->data = reinterpret_cast<void*>(graph.handle.load());
  GraphState& state = state_of(graph);
  std::lock_guard lock(state.mutex);
  state.nodes.push_back(node);
}

Object* graph_of(Session& session, const Object& node) {
  return session.find(reinterpret_cast<wire::Handle>(node.data.load()));
}

CUresult name_captured_graph(Call& call, CUstream stream, CUgraph graph) {
  wire::GraphList arguments{};
  arguments.what = wire::GraphList::capture;
  arguments.object = call.handle(stream);
  const wire::Handle future = call.handle(graph);
  if (!call.ok()) return call.result();
  return call.session()->post(static_cast<uint16_t>(wire::Message::graph_list), call.context(),
                              std::as_bytes(std::span(&arguments, 1)), {array_bytes(&future, 1)});
}

CUresult capture_dependencies(Call& call, CUstream stream, CUgraph graph, std::vector<CUgraphNode>& nodes) {
  const wire::Handle object = call.handle(stream), future = call.handle(graph);
  Object* owner = call.object();
  std::vector<wire::Handle> found;
  wire::GraphListReply reply{};
  const CUresult status = list(call, wire::GraphList::capture, object, owner, true, found, reply, future);
  nodes.clear();
  for (wire::Handle node : found) nodes.push_back(reinterpret_cast<CUgraphNode>(node));
  return status;
}

}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuGraphDestroy(CUgraph hGraph) {
  Call call(calls::Id::cuGraphDestroy, "cuGraphDestroy");
  calls::cuGraphDestroy_arguments arguments{};
  arguments.hGraph = call.destroyed(hGraph);
  if (!call.ok()) return call.result();
  Object& graph = *call.object();
  Session& session = *call.session();
  // The state outlives the handle, which goes with the message.
  const CUresult status = call.post(arguments);
  forget_graph(session, graph);
  return status;
}

extern "C" CUresult cuGraphClone(CUgraph* phGraphClone, CUgraph originalGraph) {
  Call call(calls::Id::cuGraphClone, "cuGraphClone", Needs::context);
  calls::cuGraphClone_arguments arguments{};
  arguments.originalGraph = call.handle(originalGraph);
  Object* original = call.object();
  arguments.created = call.mint(phGraphClone);
  calls::cuGraphClone_reply reply{};
  const CUresult status = call.ask_created(arguments, reply, phGraphClone);
  if (status == CUDA_SUCCESS)
    state_of(*call.session()->find(arguments.created)).holdings->add_all(*state_of(*original).holdings);
  return status;
}

extern "C" CUresult cuGraphDestroyNode(CUgraphNode hNode) {
  Call call(calls::Id::cuGraphDestroyNode, "cuGraphDestroyNode", Needs::context);
  calls::cuGraphDestroyNode_arguments arguments{};
  arguments.hNode = call.destroyed(hNode);
  return call.post(arguments);
}

// -- edges and lists
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                              const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Call call("cuGraphAddDependencies_v2", Needs::context);
  if (!are_plain(edgeData, numDependencies)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  return change_edges(call, hGraph, from, to, numDependencies, false);
}

extern "C" CUresult cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                 const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Call call("cuGraphRemoveDependencies_v2", Needs::context);
  if (!are_plain(edgeData, numDependencies)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
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

extern "C" CUresult cuGraphNodeGetDependencies_v2(CUgraphNode hNode, CUgraphNode* dependencies,
                                                  CUgraphEdgeData* edgeData, size_t* numDependencies) {
  Call call("cuGraphNodeGetDependencies_v2", Needs::context);
  const wire::Handle node = call.handle(hNode);
  Object* graph = call.ok() ? graph_of(*call.session(), *call.object()) : nullptr;
  return give_nodes(call, wire::GraphList::dependencies, node, graph, dependencies, numDependencies, edgeData);
}

extern "C" CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                                    CUgraphEdgeData* edgeData, size_t* numDependentNodes) {
  Call call("cuGraphNodeGetDependentNodes_v2", Needs::context);
  const wire::Handle node = call.handle(hNode);
  Object* graph = call.ok() ? graph_of(*call.session(), *call.object()) : nullptr;
  return give_nodes(call, wire::GraphList::dependents, node, graph, dependentNodes, numDependentNodes, edgeData);
}

extern "C" CUresult cuGraphNodeFindInClone(CUgraphNode* phNode, CUgraphNode hOriginalNode, CUgraph hClonedGraph) {
  Call call("cuGraphNodeFindInClone", Needs::context);
  const wire::Handle node = call.handle(hOriginalNode), clone = call.handle(hClonedGraph);
  Object* owner = call.object();
  if (call.required(phNode) == nullptr || !call.ok()) return call.result();
  std::vector<wire::Handle> found;
  wire::GraphListReply reply{};
  const CUresult status = list(call, wire::GraphList::in_clone, node, owner, true, found, reply, clone);
  if (status != CUDA_SUCCESS) return status;
  if (found.size() != 1) return call.end(CUDA_ERROR_INVALID_VALUE);
  *phNode = reinterpret_cast<CUgraphNode>(found[0]);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuGraphNodeGetContainingGraph(CUgraphNode hNode, CUgraph* phGraph) {
  Call call("cuGraphNodeGetContainingGraph");
  call.handle(hNode);
  if (call.required(phGraph) == nullptr || !call.ok()) return call.result();
  const Object* graph = graph_of(*call.session(), *call.object());
  if (graph == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  *phGraph = reinterpret_cast<CUgraph>(graph->handle.load());
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int flags) {
  Call call("cuGraphDebugDotPrint", Needs::context);
  const wire::GraphDot arguments{call.handle(hGraph), flags};
  if (call.required(path) == nullptr || !call.ok()) return call.result();
  std::vector<std::byte> text;
  Pending pending;
  pending.whole = &text;
  const CUresult status = call.session()->ask(wire::Message::graph_dot, call.context(), arguments, pending);
  if (status != CUDA_SUCCESS) return call.end(status);
  const Fd file(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  size_t written = 0;
  while (file && written < text.size()) {
    const ssize_t bytes = write(file.get(), text.data() + written, text.size() - written);
    if (bytes <= 0) break;
    written += static_cast<size_t>(bytes);
  }
  return call.end(file && written == text.size() ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM);
}

// -- executable graphs
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  Call call(calls::Id::cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags", Needs::context);
  calls::cuGraphInstantiateWithFlags_arguments arguments{};
  arguments.hGraph = call.handle(hGraph);
  Object* graph = call.object();
  arguments.created = call.mint(phGraphExec);
  arguments.flags = flags;
  calls::cuGraphInstantiateWithFlags_reply reply{};
  const CUresult status = call.ask_created(arguments, reply, phGraphExec);
  if (status != CUDA_SUCCESS) return status;
  const Holdings& holdings = *state_of(*graph).holdings;
  if (!holdings.empty()) state_of_exec(*call.session()->find(arguments.created)).holdings->add_all(holdings);
  return status;
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

extern "C" CUresult cuGraphLaunch(CUgraphExec hGraph, CUstream hStream) {
  Call call(calls::Id::cuGraphLaunch, "cuGraphLaunch", Needs::context);
  calls::cuGraphLaunch_arguments arguments{};
  arguments.hGraph = call.handle(hGraph);
  ExecState* state = call.ok() ? held_by_exec(*call.object()) : nullptr;
  arguments.hStream = call.handle(hStream);
  if (!call.ok()) return call.result();
  if (state != nullptr) return launch_holding(call, *state, arguments);
  if (host_memory_is_watched())
    if (const CUresult status = prepare_all(*call.session()); status != CUDA_SUCCESS) return call.end(status);
  return call.post(arguments);
}

extern "C" CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  Call call(calls::Id::cuGraphExecDestroy, "cuGraphExecDestroy", Needs::context);
  calls::cuGraphExecDestroy_arguments arguments{};
  arguments.hGraphExec = call.destroyed(hGraphExec);
  if (!call.ok()) return call.result();
  const std::unique_ptr<ExecState> state(static_cast<ExecState*>(call.object()->data.exchange(nullptr)));
  Session& session = *call.session();
  const CUresult status = call.post(arguments);
  if (state != nullptr) let_go(session, *state);
  return status;
}

extern "C" CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph,
                                         CUgraphExecUpdateResultInfo* resultInfo) {
  Call call("cuGraphExecUpdate_v2", Needs::context);
  wire::GraphUpdate arguments{};
  arguments.exec = call.handle(hGraphExec);
  Object* exec = call.object();
  arguments.graph = call.handle(hGraph);
  Object* graph = call.object();
  if (call.required(resultInfo) == nullptr || !call.ok()) return call.result();
  wire::GraphUpdateReply reply{};
  call.as(wire::Message::graph_update);
  const CUresult status = call.ask(arguments, reply);
  resultInfo->result = static_cast<CUgraphExecUpdateResult>(reply.result);
  resultInfo->errorNode = reinterpret_cast<CUgraphNode>(reply.error_node);
  resultInfo->errorFromNode = reinterpret_cast<CUgraphNode>(reply.error_from_node);
  if (status != CUDA_SUCCESS) {
    if (reply.result == CU_GRAPH_EXEC_UPDATE_SUCCESS) resultInfo->result = CU_GRAPH_EXEC_UPDATE_ERROR;
    return status;
  }
  const Holdings& holdings = *state_of(*graph).holdings;
  if (held_by_exec(*exec) == nullptr && holdings.empty()) return status;
  ExecState& state = state_of_exec(*exec);
  let_go(*call.session(), state);
  state.holdings->add_all(holdings);
  return status;
}

extern "C" CUresult cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out,
                                      CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info{};
  const CUresult status = cuGraphExecUpdate_v2(hGraphExec, hGraph, &info);
  if (hErrorNode_out != nullptr) *hErrorNode_out = info.errorNode;
  if (updateResult_out != nullptr) *updateResult_out = info.result;
  return status;
}
