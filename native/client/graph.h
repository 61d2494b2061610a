// What the calls about graphs and those about their nodes share.
#pragma once

#include <cstddef>
#include <vector>

#include "calls/driver_api.h"
#include "client/call.h"

namespace gpool::client {

class Session;
struct Object;

// The handles of nodes that a call is given.
bool read_nodes(Call& call, const CUgraphNode* nodes, size_t count, std::vector<wire::Handle>& handles);
// Edges of other kinds than "wait for all of it" need launches that know of them, which do not travel.
bool are_plain(const CUgraphEdgeData* edges, size_t count);
// A node of a graph has been given a handle, which goes with the graph.
void note_node(Session& session, Object& graph, wire::Handle node);
// The graph that a node is in; null: it has gone.
Object* graph_of(Session& session, const Object& node);

}  // namespace gpool::client
