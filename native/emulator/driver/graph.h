// Graphs: nodes hold work as data; an executable graph runs its nodes one after the other inside one stream entry.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/handles.h"
#include "emulator/driver/stream.h"
#include "emulator/driver/work.h"

namespace gpool::emulator {

struct Graph;

// Something of the program's, whose destructor is called with the last reference.
struct UserObject : Object {
  static constexpr Kind kKind = Kind::user_object;
  UserObject(void* its_data, CUhostFn its_destructor, uint64_t count)
      : Object(kKind), data(its_data), destroy(its_destructor), references(count) {}
  void* const data;
  const CUhostFn destroy;
  std::atomic<uint64_t> references;
};
using UserObjectRef = std::shared_ptr<UserObject>;
void release_user_object(const UserObjectRef& object, uint64_t count);

struct Node : Object {
  static constexpr Kind kKind = Kind::node;
  Node() : Object(kKind) {}
  uint64_t graph = 0;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  Work work;
  std::shared_ptr<Context> context;
  std::vector<uint64_t> after;  // handles of nodes
  // As the user described them, for GetParams.
  CUDA_MEMCPY3D copy{};
  CUDA_MEMSET_NODE_PARAMS memset{};
  std::vector<void*> parameter_pointers;
  std::shared_ptr<Graph> child;  // of a child node: its own copy
  std::map<CUkernelNodeAttrID, CUkernelNodeAttrValue> attributes;
  uint64_t original = 0;  // in a copy of a graph: the node that this one is a copy of
};

struct Graph : Object {
  static constexpr Kind kKind = Kind::graph;
  Graph() : Object(kKind) {}
  ~Graph() override;
  std::mutex mutex;
  std::vector<std::shared_ptr<Node>> nodes;
  std::map<UserObjectRef, unsigned> objects;  // and how many references to each
};

struct GraphExec : Object {
  static constexpr Kind kKind = Kind::graph_exec;
  GraphExec() : Object(kKind) {}
  struct Step {
    uint64_t node;
    Work work;
    std::shared_ptr<Context> context;
    bool enabled = true;
    std::vector<size_t> after;  // indices of steps
  };
  std::mutex mutex;
  std::vector<Step> steps;  // in an order that respects the edges
  unsigned long long flags = 0;
  std::vector<std::shared_ptr<void>> references;  // to user objects, for as long as this exists or runs
};

// Adds the work to the graph that `stream` is being captured into. Under Context::order.
CUresult record(const StreamRef& stream, Work work);
void invalidate_captures(Context& context);

// The steps of a graph as it is now, and references to what it holds. INVALID_VALUE: its edges form a circle.
CUresult steps_of(Graph& graph, std::vector<GraphExec::Step>& steps, std::vector<std::shared_ptr<void>>& references);
CUresult find_exec(CUgraphExec handle, std::shared_ptr<GraphExec>& exec);

// For the calls that are about one kind of node (graph_nodes.cpp).
CUresult find_graph(CUgraph handle, std::shared_ptr<Graph>& graph);
CUresult find_node(CUgraphNode handle, std::shared_ptr<Node>& node);
CUresult add_node(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                  std::shared_ptr<Context> context, Work work, std::shared_ptr<Node>* made = nullptr);
// Other work for a node of an executable graph; of the same kind, or it is refused.
CUresult replace(CUgraphExec exec, CUgraphNode node, Work work);
HostWork host_work(const CUDA_HOST_NODE_PARAMS& parameters);
CUresult memset_work(const std::shared_ptr<Context>& context, const CUDA_MEMSET_NODE_PARAMS* parameters,
                     MemsetWork& work);

}  // namespace gpool::emulator
