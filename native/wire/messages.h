// Frames with hand-written code on both sides: numbers below 64 of FrameHeader::call. The calls that the generator can
// make on its own have theirs from native/calls/ids.toml.
//
// "ask" waits for a reply, "post" does not. Structs are the frame's arguments; what follows a struct is said beside it.
// Streams, events, functions, … are wire::Handle; device addresses are the same numbers on both sides.
#pragma once

#include <cstdint>

#include "wire/handle.h"

namespace gpool::wire {

enum class Message : uint16_t {
  goodbye = 1,         // post. The client ends in good order
  ping = 2,            // ask. Empty reply
  fence = 3,           // post. Fence
  device_context = 4,  // post. DeviceContext: retain or release a primary context, create or destroy another one
  memory_map = 5,      // post: spends credit. ask: OUT_OF_MEMORY when the lease's limit would be passed. MemoryMap
  memory_unmap =
      6,            // post. MemoryMap, with the meaning of cuMemFree (rule 5 of data-plane.md); its bytes become credit
  memory_info = 7,  // ask. MemoryInfo → MemoryInfoReply
  copy_to_device = 8,  // post. CopyLinear + bulk: one piece; `bytes` == bulk_bytes
  copy_to_host = 9,    // ask. CopyLinear; reply when the bytes are there, with them as bulk; the asker sends pieces
  copy_3d = 10,  // ask. Copy3D [+ bulk: packed rows of the host source] → [bulk: packed rows for a host destination]
  launch = 11,   // post. Launch + parameters
  wait = 12,     // ask. Wait: replied when done, with the sticky error if there is one
  query = 13,    // ask. Wait: replied at once with CUDA_SUCCESS, CUDA_ERROR_NOT_READY or the sticky error
  module_load = 14,  // ask. ModuleLoad + bulk (image), or in several pieces → the record (native/wire/module_record.h)
  module_unload = 15,       // post. ModuleUnload
  event_elapsed = 16,       // ask. EventElapsed → EventElapsedReply
  function_attribute = 17,  // post. FunctionAttribute
  occupancy = 18,           // ask. Occupancy → OccupancyReply
  error_text = 19,          // ask. ErrorText → ErrorTextReply
  module_global = 20,  // ask. ModuleGlobal + name → ModuleGlobalReply; NOT_FOUND: no such global. The client keeps it
  host_function = 21,  // post. HostFunction: the stream stops there until host_function_done
  host_function_done = 22,  // post. HostFunctionDone: the function has been called, the stream goes on
  graph_node = 23,          // post. GraphNode: adds a node, or gives one other parameters
  graph_edges = 24,         // post. GraphEdges + the handles `from`, then those `to`
  graph_list = 25,          // ask. GraphList + offered handles → GraphListReply + the nodes' handles
  link = 26,                // add, destroy: post; complete: ask → LinkReply; read: ask → bulk. Link [+ bulk]
  device_usage = 27,        // ask. DeviceUsage → DeviceUsageReply + ProcessUsage for each process
  graph_function = 28,      // post. HostFunction: the graph that the stream is captured into calls it at every launch
  graph_function_end = 29,  // post. HostFunctionDone: no graph calls it any more
  graph_capture = 30,       // post. GraphCapture + handles of nodes
  graph_node_get = 31,      // ask. GraphNodeGet → GraphNodeReply + the parameters, as behind GraphNode
  module_record = 51,       // ask. ModuleRecord → bulk: a further piece of a record that module_load's answer began

  memory_credit = 40,  // ask: memory that credit does not suffice for. post: credit given back. MemoryCredit
  host_map = 41,       // ask. HostMap → HostMapReply: the client's host memory becomes known to the GPU
  host_unmap = 42,     // post. HostUnmap
  host_update = 43,  // post. HostUpdate + bulk: words that the client has changed in memory with a twin (base/mirror.h)
  host_copy = 44,    // post, or ask: replied when done. HostCopy: between device memory and host memory of host_map
  graph_update = 45,  // ask. GraphUpdate → GraphUpdateReply
  graph_launch = 46,  // post. GraphLaunch: answered by push_done when the launch is over
  graph_dot = 49,     // ask. GraphDot → bulk: the graph as text
  when_done = 50,     // post. WhenDone: answered by push_done when all that is queued now is done

  push_error = 32,           // push. PushError: an asynchronous call has failed
  push_output = 33,          // push. PushOutput + bulk: what kernels printed
  push_host_function = 34,   // push. PushHostFunction: a stream has reached the function
  push_graph_function = 35,  // push. PushGraphFunction: a graph has reached the function, and stands still there
  push_done = 36,            // push. WhenDone: of graph_launch or when_done
  push_host_update = 47,     // push. PushHostUpdate + words that were changed in a twin (base/mirror.h)
  push_memory_credit = 48,   // push. PushMemoryCredit: more credit, or all of it is called back
};

// For statistics. Null: not a message of this version.
constexpr const char* name_of(Message message) {
  // clang-format off
  switch (message) {
    case Message::goodbye: return "goodbye";
    case Message::ping: return "ping";
    case Message::fence: return "fence";
    case Message::device_context: return "device_context";
    case Message::memory_map: return "memory_map";
    case Message::memory_unmap: return "memory_unmap";
    case Message::memory_info: return "memory_info";
    case Message::copy_to_device: return "copy_to_device";
    case Message::copy_to_host: return "copy_to_host";
    case Message::copy_3d: return "copy_3d";
    case Message::launch: return "launch";
    case Message::wait: return "wait";
    case Message::query: return "query";
    case Message::device_usage: return "device_usage";
    case Message::graph_function: return "graph_function";
    case Message::graph_function_end: return "graph_function_end";
    case Message::graph_capture: return "graph_capture";
    case Message::graph_node_get: return "graph_node_get";
    case Message::graph_update: return "graph_update";
    case Message::graph_launch: return "graph_launch";
    case Message::graph_dot: return "graph_dot";
    case Message::when_done: return "when_done";
    case Message::module_load: return "module_load";
    case Message::module_record: return "module_record";
    case Message::module_unload: return "module_unload";
    case Message::event_elapsed: return "event_elapsed";
    case Message::function_attribute: return "function_attribute";
    case Message::occupancy: return "occupancy";
    case Message::error_text: return "error_text";
    case Message::module_global: return "module_global";
    case Message::host_function: return "host_function";
    case Message::host_function_done: return "host_function_done";
    case Message::graph_node: return "graph_node";
    case Message::graph_edges: return "graph_edges";
    case Message::graph_list: return "graph_list";
    case Message::link: return "link";
    case Message::memory_credit: return "memory_credit";
    case Message::host_map: return "host_map";
    case Message::host_unmap: return "host_unmap";
    case Message::host_update: return "host_update";
    case Message::host_copy: return "host_copy";
    case Message::push_error: return "push_error";
    case Message::push_output: return "push_output";
    case Message::push_host_function: return "push_host_function";
    case Message::push_graph_function: return "push_graph_function";
    case Message::push_done: return "push_done";
    case Message::push_host_update: return "push_host_update";
    case Message::push_memory_credit: return "push_memory_credit";
  }
  // clang-format on
  return nullptr;
}

struct Fence {
  uint64_t device;  // ordinal within the session; its streams
};

struct DeviceContext {
  enum Action : uint32_t { retain_primary = 1, release_primary = 2, reset_primary = 3, create = 4, destroy = 5 };
  uint32_t action;
  uint32_t device;
  Handle context;  // minted by the client, for primary contexts too
  uint32_t flags;
  uint32_t reserved;
};

// Credit (rule 4 of data-plane.md) is counted per device in epochs. Calling it back begins the next one: the first
// frame that the client sends in it says that it has dropped what was left of the credit before.
struct MemoryMap {
  uint32_t device;
  uint32_t epoch;    // of the credit that is spent, or made by a free; 0: none
  uint64_t address;  // in the device's arena; address and bytes are multiples of its granularity
  uint64_t bytes;
};

struct MemoryCredit {
  uint32_t device;
  uint32_t epoch;
  uint64_t address;  // ask: as MemoryMap
  uint64_t bytes;    // ask: as MemoryMap; post: 0
  uint64_t credit;   // what the client has, or gives back; it has none of that any more
};
struct MemoryCreditReply {
  uint32_t epoch;
  uint32_t reserved;
  uint64_t granted_bytes;
  uint64_t target_bytes;  // more than twice this is for others: the client gives it back
};
struct PushMemoryCredit {
  uint32_t device;
  uint32_t epoch;  // newer than any before: credit of earlier ones is called back
  uint64_t granted_bytes;
  uint64_t target_bytes;
};

struct MemoryInfo {
  uint64_t device;
};
struct MemoryInfoReply {
  uint64_t free_bytes;  // of the vGPU, all sessions of the lease counted
  uint64_t total_bytes;
};

// The worker maps host memory of the client at the client's address, so that one pointer is good for both and for
// kernels. Shared memory is the client's own, handed over as a descriptor (Link::pass_descriptor) under `tag`; a twin
// is memory of the worker: host_update tells it what the client has changed, push_host_update, which precedes the
// answers of all synchronising calls, what kernels have.
struct HostMap {
  enum Flags : uint32_t {
    shared = 1,
    anywhere = 2,  // a twin may lie elsewhere, if that address is taken
  };
  uint64_t address;  // whole pages
  uint64_t bytes;
  uint32_t flags;
  uint32_t reserved;
  uint64_t tag;
};
struct HostMapReply {
  uint64_t device_address;  // what kernels use
};
struct HostUnmap {
  uint64_t address;  // of host_map
};
// The work behind it may use the twin; without bulk it says no more than that.
struct HostUpdate {
  enum Flags : uint32_t { always = 1 };  // all work may, from now on
  uint64_t address;                      // of host_map
  uint32_t flags;
  uint32_t reserved;
};
struct PushHostUpdate {
  uint64_t address;  // of host_map
  uint64_t bytes;    // of the changes that follow
};
struct HostCopy {
  enum Flags : uint32_t { synchronous = 1, to_host = 2 };
  uint64_t host;    // the client's address; all of it within one host_map
  uint64_t device;  // device memory
  uint64_t bytes;
  Handle stream;
  uint32_t flags;
  uint32_t reserved;
};

struct CopyLinear {
  enum Flags : uint32_t {
    synchronous = 1,  // CUDA's synchronous form: ordered as cuMemcpyHtoD, not as …Async
    mapped = 2,       // Copy3D: host sides are addresses within one host_map each, and nothing travels
  };
  uint64_t address;
  uint64_t bytes;
  Handle stream;
  uint32_t flags;
  uint32_t reserved;
};

// One side of Copy3D. Host sides travel as packed bulk (rows of `width` bytes, no gaps).
struct CopySide {
  enum Type : uint32_t { host = 1, device = 2, array = 3 };
  uint32_t type;
  uint32_t lod;
  uint64_t address;  // device address or array handle
  uint64_t pitch, height;
  uint64_t x_bytes, y, z;
};
struct Copy3D {
  CopySide source, destination;
  uint64_t width_bytes, height, depth;
  Handle stream;
  uint32_t flags;  // CopyLinear::Flags
  uint32_t reserved;
};

struct Launch {
  enum Flags : uint32_t { cooperative = 1 };
  Handle function;  // function or kernel
  Handle stream;
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  uint32_t flags;
  uint32_t parameter_bytes;  // packed by the kernel's layout; follow `attribute_count` CUlaunchAttributes
  uint32_t attribute_count;
};

struct Wait {
  enum What : uint32_t { stream = 1, event = 2, context = 3 };
  uint32_t what;
  uint32_t reserved;
  Handle handle;
};

struct ModuleLoad {
  enum Flags : uint32_t {
    library = 1,        // a CUlibrary; else a CUmodule of the frame's context
    image_follows = 2,  // bulk holds this piece of the image at `offset`; the last piece asks, the others are posted
  };  // Without image_follows it asks by name alone. NOT_FOUND: the node does not have that image
  static constexpr uint64_t kAlwaysSent = 64 << 10;  // up to here an image costs less to send than to ask about
  Handle module;                                     // minted: module or library
  uint8_t sha256[32];                                // of the image; INVALID_IMAGE when what was sent is another one
  uint64_t image_bytes;
  uint64_t offset;
  uint32_t flags;
  uint32_t option_count;  // CUjit_option values (u32 option, u32 0, u64 value) that follow: only plain numbers
};

struct ModuleUnload {
  Handle module;
};

// The pieces in order, once each; the last, or unloading, ends it.
struct ModuleRecord {
  Handle module;
  uint64_t offset;
};

// How busy a vGPU is, and who uses it: all sessions of the lease counted.
struct DeviceUsage {
  uint64_t device;
};
struct DeviceUsageReply {
  uint32_t busy_permille;  // of the last second
  uint32_t processes;      // that follow
};
struct ProcessUsage {
  uint32_t pid;  // in its host's numbering
  uint32_t busy_permille;
  uint64_t used_bytes;
  char host[64];
};

// No driver can list the globals of an image, so ModuleRecord names none of them and the client asks once per name.
struct ModuleGlobal {
  Handle module;        // module or library
  uint32_t name_bytes;  // at most 4096; the name follows, without a terminating zero
  uint32_t device;      // ordinal: a library's global has one address per device
};
struct ModuleGlobalReply {
  uint64_t address;
  uint64_t bytes;
};

struct EventElapsed {
  Handle start, end;
};
struct EventElapsedReply {
  float milliseconds;
  uint32_t reserved;
};

struct FunctionAttribute {
  Handle function;
  int32_t attribute;
  int32_t value;
  int32_t device;        // of a CUkernel's per-device attribute; -1 for a function
  int32_t cache_config;  // CUfunc_cache when attribute is -1
};

struct Occupancy {
  Handle function;
  int32_t block_threads;
  uint32_t flags;
  uint64_t dynamic_shared_bytes;
};
struct OccupancyReply {
  int32_t blocks;
  int32_t reserved;
};

struct ErrorText {
  int64_t code;
};
struct ErrorTextReply {
  char name[64];
  char text[192];
};

struct PushError {
  Handle context;  // 0: the whole session
  int32_t status;  // CUresult
  uint16_t call;   // which call failed
  uint16_t sticky;
  char text[240];  // for the log
};

struct PushOutput {
  enum Where : uint32_t { standard_output = 1, standard_error = 2 };  // failed assertions
  uint32_t where;
  uint32_t reserved;
};

// The function itself stays with the client, under a number of its own.
struct HostFunction {
  Handle stream;
  uint64_t id;
};
struct HostFunctionDone {
  uint64_t id;
};
struct PushHostFunction {
  uint64_t id;
  int32_t status;  // CUresult of the work before it
  uint32_t reserved;
};

// Each time that a graph reaches a function is a run of its own, whose number is the worker's and goes back with
// host_function_done. The numbers of functions never have that bit.
struct PushGraphFunction {
  static constexpr uint64_t kRun = uint64_t{1} << 63;
  uint64_t function;
  uint64_t run;
};

struct GraphNode {
  enum Action : uint32_t { add = 1, set = 2, set_in_exec = 3 };
  enum Type : uint32_t {
    empty = 0,
    kernel = 1,
    copy = 2,
    memset = 3,
    host = 4,
    child = 5,
    event_record = 6,
    event_wait = 7,
    other = 8,  // in answers: a kind that does not travel
  };
  uint32_t action;
  uint32_t type;
  Handle graph;               // add: the graph; set_in_exec: the executable graph; set: 0
  Handle node;                // add: minted by the client
  uint32_t dependency_count;  // add: that many handles of nodes follow, at most kMaxDependencies
  uint32_t reserved;
  static constexpr uint32_t kMaxDependencies = 65536;
  // Then the parameters: kernel: Launch (its stream is 0, it has no attributes) + parameters; copy: Copy3D whose host
  // sides lie within one host_map each; memset: GraphMemset; host: u64, the function; child, event_record, event_wait:
  // the handle of the graph or event; empty: nothing.
};
struct GraphNodeGet {
  Handle node;
  Handle offered;  // for the graph of a child node, when that has none yet
};
struct GraphNodeReply {
  uint32_t type;  // GraphNode::Type
  uint32_t reserved;
};
// Of a stream that is being captured. The capture's graph may be named before its end, by GraphList::capture.
struct GraphCapture {
  enum Action : uint32_t { begin = 1, set_dependencies = 2, add_dependencies = 3 };
  uint32_t action;
  uint32_t mode;  // begin: CUstreamCaptureMode
  Handle stream;
  Handle graph;    // begin: what is captured goes there
  uint64_t count;  // handles of nodes that follow
};
struct GraphUpdate {
  Handle exec, graph;
};
struct GraphUpdateReply {
  int32_t result;  // CUgraphExecUpdateResult
  uint32_t reserved;
  Handle error_node, error_from_node;  // 0: none, or one that has no handle
};
struct GraphLaunch {
  Handle exec, stream;
  uint64_t id;  // for push_done
};
struct GraphDot {
  Handle graph;
  uint64_t flags;
};
struct WhenDone {
  uint64_t id;  // the client's
};
struct GraphMemset {
  uint64_t address, pitch;
  uint32_t value, element_bytes;
  uint64_t width, height;  // in elements, in rows
};
struct GraphEdges {
  Handle graph;
  uint32_t count;
  uint32_t remove;  // 0: add them
};
// Nodes that a capture has made have no handles yet: those that the asker offers become theirs, in order.
struct GraphList {
  // `capture`: the nodes that the next one of a capturing stream will depend on. The handle that the capture's graph
  // will have stands before the offered ones.
  // `in_clone`: the copy of a node in a graph that is a copy of its graph; that graph's handle stands before the
  // offered ones.
  enum What : uint32_t {
    nodes = 1,
    roots = 2,
    edges = 3,
    dependencies = 4,
    dependents = 5,
    type = 6,
    capture = 7,
    in_clone = 8,
  };
  uint32_t what;
  uint32_t offered;  // at most GraphNode::kMaxDependencies
  Handle object;     // a graph; from `dependencies` on a node; of `capture` a stream
};
struct GraphListReply {
  uint32_t count;     // nodes there are; of edges, twice their number: all `from`, then all `to`
  uint32_t returned;  // handles that follow: all of them, or none when too few handles were offered
  uint32_t taken;     // of the offered handles, the first so many are in use now
  uint32_t type;      // CUgraphNodeType, for `type`
};

// The JIT linker. The client collects the inputs and sends them when they are to be linked.
struct Link {
  enum Action : uint32_t { add = 1, complete = 2, read = 3, destroy = 4 };
  uint32_t action;
  uint32_t type;  // add: CUjitInputType
  Handle link;
  uint64_t offset;  // add: of this piece in its input, 0 begins the next one; read: in the result
  uint64_t bytes;   // add: of the whole input; read: of this piece, at most kBulkPieceBytes
};
struct LinkReply {
  uint64_t bytes;  // of the result
};

}  // namespace gpool::wire
