// Which streams are being captured into a graph. Only the client's own beginnings and the events that carry a capture
// from stream to stream can make a stream capture, so the question never needs the worker.
#pragma once

#include <cstdint>
#include <vector>

#include "calls/driver_api.h"

namespace gpool::client {

class Call;
struct Object;

// 0: the stream is not capturing; else the capture's id.
uint64_t capture_of(CUstream stream);
void begin_capture(CUstream stream);
// Something that a capture does not survive was asked of the stream: its end will say so.
void invalidate_capture(CUstream stream);
// All streams and events of the stream's capture are free again.
void end_capture(CUstream stream);
// An event recorded in a capturing stream carries the capture; a stream that waits for it joins.
void note_capture_records(CUevent event, CUstream stream);
// A graph records it at each launch. In event.cpp.
void note_graph_records(Object& event);
void note_capture_waits(CUstream stream, CUevent event);
// The nodes that the stream's next one will depend on; a question to the worker. `graph`: the handle that the graph of
// the capture will have. In graph.cpp.
CUresult name_captured_graph(Call& call, CUstream stream, CUgraph graph);
CUresult capture_dependencies(Call& call, CUstream stream, CUgraph graph, std::vector<CUgraphNode>& nodes);

}  // namespace gpool::client
