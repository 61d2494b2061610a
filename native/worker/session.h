// The state of one session and the loop that carries out its frames. One thread owns all of this ("the dispatching
// thread"); it never blocks on the GPU. Waiting threads (waiters.h) only wait.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mirror.h"
#include "calls/driver_table.h"
#include "transport/link.h"
#include "wire/hello.h"
#include "wire/messages.h"
#include "worker/activity.h"
#include "worker/credit.h"
#include "worker/grant.h"
#include "worker/image_cache.h"
#include "worker/invoke.h"
#include "worker/ledger.h"
#include "worker/output_pipe.h"
#include "worker/side_thread.h"
#include "worker/slab.h"
#include "worker/waiters.h"

namespace gpool::worker {

// What becomes of a frame after its message has been carried out.
enum class Frame : uint8_t {
  done,   // given back to the link
  kept,   // its bulk is in use; whoever keeps it gives it back
  again,  // there is no room for the answer now: to be carried out later, and nothing else before it
};

struct MappedPiece {
  uint64_t bytes;
  CUmemGenericAllocationHandle physical;
};

struct Unmapping {
  uint64_t bytes;
  uint32_t epoch;  // of the credit that the bytes become
};

struct Device {
  CUdevice cu = 0;
  wire::DeviceRecord record{};
  uint64_t limit_bytes = 0;  // 0: none
  uint32_t ledger_index = 0;
  std::map<uint64_t, MappedPiece> mapped;  // by address
  uint32_t pending_unmaps = 0;
  std::map<uint64_t, Unmapping> unmapping;           // by address, until the queued work before the free is done
  std::deque<std::function<bool()>> wait_for_unmap;  // maps that wait for memory; true: answered
  std::chrono::steady_clock::time_point asker_patience_ends = std::chrono::steady_clock::time_point::max();
  Credit credit;
  // Events that the next work of every stream has to wait for (rule 5 of data-plane.md), oldest first.
  struct FencePoint {
    CUevent event;
    uint32_t stream;  // where it was recorded
    uint32_t context;
    uint64_t number;
  };
  std::vector<FencePoint> fences;
  // The ends of work in streams that have been destroyed since.
  std::vector<FencePoint> orphans;
  uint64_t fence_number = 0;
};

struct StreamState {
  CUstream cu = nullptr;
  uint32_t context = 0;  // index into Session::contexts
  bool live = true;
  uint64_t uses = 0;       // how often work was put in
  uint64_t done_uses = 0;  // up to which use it is known to be done
  uint64_t fence_seen = 0;
  bool busy() const { return uses != done_uses; }
};

struct ContextState {
  wire::Handle handle = 0;
  CUcontext cu = nullptr;
  uint32_t device = 0;
  bool primary = false, live = true;
  uint32_t retains = 0;
  uint32_t legacy_stream = 0, thread_stream = 0;  // indices into Session::streams
  CUresult sticky = CUDA_SUCCESS;                 // once there, it stays
  CUresult pending = CUDA_SUCCESS;                // for the next synchronising call
  std::vector<CUevent> free_events;
  bool launched = false;     // kernels that may have printed, since the driver has written that out
  CUstream quiet = nullptr;  // never holds work
};

struct FunctionState {
  uint32_t parameter_bytes = 0;
  wire::Handle module = 0;
};

class Session {
 public:
  Session(const Grant& grant, const calls::DriverTable& driver, Ledger ledger, std::vector<Device> devices,
          OutputPipe& output);

  // Until the client leaves or `terminate` is called: an ExitCode.
  int serve(std::unique_ptr<transport::Link> link);
  // The lease has ended. From a signal handler.
  void terminate();
  // For a thread that watches this one: changes with every turn of the loop, and while the thread sleeps it is odd.
  uint64_t turn() const { return turn_.load(std::memory_order_relaxed); }

  // -- for messages
  // ----------------------------------------------------------------------------------------------------
  const calls::DriverTable& driver;
  const Grant grant;
  std::vector<Device> devices;
  std::deque<StreamState> streams;
  std::deque<ContextState> contexts;
  std::deque<FunctionState> functions;

  transport::Link& link() { return *link_; }
  Slab& slab(wire::Kind kind) { return slabs_[size_t(kind) & 63]; }
  Device* device(uint64_t ordinal) { return ordinal < devices.size() ? &devices[ordinal] : nullptr; }

  // Contexts and streams (contexts.cpp).
  ContextState* context_of_frame(uint32_t index);
  CUresult make_current(uint32_t context);
  uint32_t add_stream(CUstream stream, uint32_t context);
  // The state behind a stream's handle in a context; nullptr: there is none. Does not count as work.
  StreamState* find_stream(wire::Handle handle, uint32_t frame_context);
  // The same, about to receive work: waits for fences are put in first.
  StreamState* use_stream(wire::Handle handle, uint32_t frame_context);
  CUresult change_context(const wire::DeviceContext& message, const wire::FrameHeader& question);
  // Has contexts destroyed whose end has been asked for, once nobody waits for their events any more. True: of one.
  bool end_contexts();
  // What any stream is given from now on comes after what this one holds: a synchronous copy has promised it, and
  // streams that do not wait for the legacy stream would not know.
  void fence_behind(StreamState& stream);
  void forget_done_fences(Device& device);
  void fence(Device& device);

  // Answers. They never wait: what the link has no room for is kept and sent later.
  void answer(const wire::FrameHeader& question, CUresult status, std::span<const std::byte> reply = {},
              std::span<const std::byte> trailing = {});
  // `bulk` was reserved from the link.
  void answer_with_bulk(const wire::FrameHeader& question, CUresult status, std::byte* bulk, size_t bulk_bytes);
  // Sends what kernels have printed. False: there is nothing, or no room for it now.
  bool push_output();
  void push(wire::Message message, CUresult status, std::span<const std::byte> arguments, std::byte* bulk,
            size_t bulk_bytes);
  void push_error(const ContextState* context, uint16_t call, CUresult status, const std::string& text);
  // The end of a frame that has no answer of its own: an asker gets an empty one, an error of a post is noted.
  void finish(const wire::FrameHeader& question, CUresult status);
  // Keeps the error of an asynchronous call and tells the client at once.
  void note_error(uint32_t frame_context, uint16_t call, CUresult status, const std::string& text = "");
  // What a synchronising call has to answer: its own result, or what went wrong before it. Calls that only ask whether
  // work is done do not synchronise: nothing that kernels print has to be there afterwards.
  CUresult settle(ContextState* context, CUresult status, bool synchronises = true);

  // Completions (completions.cpp).
  using Done = std::function<void(CUresult)>;
  // After everything that is in the stream now.
  void after_stream(StreamState& stream, Done done);
  // After everything that is queued on a device now (with a context: in that alone).
  void after_device(uint32_t device, int64_t only_context, Done done);
  // After an event of the client's. Until then, destroying it is put off.
  void after_event(CUevent event, uint32_t context, Done done);
  // A stream with work in it is about to be destroyed: frees still have to wait for that work.
  void orphan(StreamState& stream);
  // Streams of a device (or, with a context, of that alone) that may have work in them.
  std::vector<StreamState*> busy_streams(uint32_t device, int64_t only_context = -1);
  bool waited_for(CUevent event) const;
  void destroy_later(CUevent event) { doomed_.push_back(event); }
  bool waited_for_in(uint32_t context) const;
  void drain_context(uint32_t context);
  bool bulk_is_pinned() const { return bulk_is_pinned_; }

  // Host functions (host_functions.cpp): a stream that has reached one stands still until the client has called it.
  struct Gate;
  CUresult stop_for_host_function(StreamState& stream, uint64_t id);
  void host_function_done(uint64_t id);
  // Tells the client of functions that streams have reached. False: of none.
  bool push_host_functions();
  // Before a context goes: its streams may not stand still any more.
  void open_gates();

  // Graphs (graphs.cpp): which handles the nodes have, both ways.
  struct NodeName {
    wire::Handle node, graph;
  };
  std::unordered_map<CUgraphNode, NodeName> node_names;
  std::unordered_map<wire::Handle, std::vector<wire::Handle>> nodes_of_graph;
  // The graphs of child nodes that have handles, and by which graphs they are owned.
  std::unordered_map<CUgraph, wire::Handle> child_graphs;
  std::unordered_map<wire::Handle, std::vector<wire::Handle>> children_of_graph;
  // Graphs of captures that have been named before their ends.
  std::set<wire::Handle> captured_graphs;
  void name_node(CUgraphNode node, wire::Handle handle, wire::Handle graph);
  // The handles of nodes, and of the graphs in them, end with their graph.
  void forget_nodes(wire::Handle graph);
  void forget_child_of(CUgraphNode node);

  // Functions of the client that graphs call (graph_functions.cpp): as host functions, at every launch.
  struct GraphRuns;
  struct GraphFunction;
  // The driver's parameters of a node that calls it.
  CUDA_HOST_NODE_PARAMS graph_function(uint64_t function);
  // Which one a host node calls; 0: none of ours.
  uint64_t function_of(const CUDA_HOST_NODE_PARAMS& node) const;
  void end_graph_function(uint64_t function) { graph_functions_.erase(function); }
  // Tells the client of functions that graphs have reached. False: of none.
  bool push_graph_functions();
  void open_graph_runs();
  void graph_function_done(uint64_t run);
  void push_done(uint64_t id);

  // Host memory of the client (host_memory.cpp), by the client's address.
  struct HostMapping {
    std::span<std::byte> memory;     // here
    std::unique_ptr<Mirror> mirror;  // of a twin
    bool suspect = false;            // twin: work under way may change it
    bool always = false;             // twin: any work may
  };
  std::map<uint64_t, HostMapping> host_mappings;
  uint32_t twins = 0, twins_for_all = 0;  // among them, and of these the ones that any work may use
  // Where the client's bytes are here; nullptr: they are not in one mapping.
  std::byte* host_memory(uint64_t address, uint64_t bytes);
  // Tells the client what kernels have changed in twins: before every word that work is done.
  void push_host_changes();
  // Work is put into a stream.
  void suspect_twins();

  // The ledger, and credit (credit.cpp).
  bool reserve_memory(Device& device, uint64_t bytes);
  void release_memory(Device& device, uint64_t bytes);
  uint64_t memory_used(const Device& device) const;
  // False: it does not suffice, or not yet.
  bool reserve_from_credit(Device& device, uint64_t bytes);
  void release_to_credit(Device& device, uint64_t bytes, uint32_t epoch);
  void give_back_credit(Device& device, uint64_t bytes);
  // Grants what is missing to the target, if that is half of it. The bytes, which the client has to be told.
  uint64_t grant_credit(Device& device);
  void top_up_credit(Device& device);
  // A frame of this epoch has come.
  void see_credit_epoch(Device& device, uint32_t epoch);
  // False: no other session of the lease holds any.
  bool call_back_credit_of_others(Device& device);
  // Device memory (memory.cpp). Answers when the memory is there, or when it is clear that it cannot be had.
  void map_when_possible(Device& device, uint64_t address, uint64_t bytes, std::function<void(CUresult)> answer_with);
  void retry_maps(Device& device);

  // For driver calls that may take long; while it works, the dispatching thread goes on.
  SideThread& side_thread() { return *side_thread_; }

  uint64_t own_memory_used(const Device& device) const;

  // How busy the GPUs are (usage.cpp).
  Activity& activity() { return activity_; }

  // Modules (modules.cpp).
  struct Upload {
    std::vector<std::byte> image;
    uint64_t received_bytes = 0, image_bytes = 0;
  };
  std::map<wire::Handle, Upload> uploads;
  std::map<wire::Handle, std::vector<std::byte>> records;  // of modules whose client has not asked for all of it yet
  const ImageCache images;
  uint32_t function_base = 1;
  bool may_print = false;  // some image may hold kernels that print
  void expect_prints();

  // The JIT linker (links.cpp).
  struct LinkJob {
    struct Input {
      uint32_t type;
      uint64_t received_bytes;
      std::vector<std::byte> bytes;
    };
    std::vector<Input> inputs;
    std::vector<std::byte> result;
    CUresult status = CUDA_SUCCESS;
    bool linking = false;  // the side thread has it
  };
  std::map<wire::Handle, std::shared_ptr<LinkJob>> links;

 private:
  struct Completion {
    CUevent event = nullptr;
    uint32_t context = 0;
    bool own = false;  // goes back to the context's free events
    int waiter = -1;
    Done done;
    uint64_t number = 0;
  };
  struct Outgoing {
    std::vector<std::byte> frame;
    std::byte* bulk = nullptr;
    size_t bulk_bytes = 0;
  };

  bool take_frames();
  Frame carry_out(const transport::Received& frame);
  Frame carry_out_message(wire::Message message, Invoke& invoke, const transport::Received& frame);
  void send_or_keep(Outgoing outgoing);
  bool try_send(const Outgoing& outgoing);
  bool send_kept();
  bool poll_completions();
  void hand_over_completions(bool& all_covered);
  // An event for our own use, its context made current; nullptr: `status` says why.
  CUevent own_event(uint32_t context, CUresult& status);
  // The same, recorded behind everything that is in the stream.
  CUevent mark(StreamState& stream, CUresult& status);
  void pin_bulk();
  bool has_ledger() const { return grant.vgpu_count != 0; }
  void push_credit(const Device& device, uint32_t epoch, uint64_t granted);
  void end_credit_epoch(Device& device);
  // What other sessions of the lease want, and patience that has ended.
  bool attend_to_credit();
  std::chrono::steady_clock::time_point next_credit_deadline() const;
  void listen_to_ledger();
  bool next_frame(transport::Received& frame);
  void look_behind();
  void rest(std::chrono::steady_clock::time_point last_progress);

  Ledger ledger_;
  uint32_t news_seen_ = 0;
  std::vector<uint64_t> used_without_ledger_;
  std::unique_ptr<transport::Link> link_;
  Slab slabs_[64];
  int64_t current_context_ = -1;
  std::deque<Outgoing> kept_;
  bool stalled_ = false;
  transport::Received stalled_frame_;
  std::deque<transport::Received> behind_;  // frames that came while one was stalled
  std::vector<Completion> completions_;
  uint64_t completion_number_ = 0;  // of the newest
  std::vector<CUevent> doomed_;
  struct EndingContext {
    uint32_t index;
    wire::FrameHeader question;
  };
  std::vector<EndingContext> ending_contexts_;
  std::map<uint64_t, std::shared_ptr<Gate>> gates_;  // by the function's number
  // Answers with data of what is done that have not left yet; of completions up to this number.
  bool answers_are_due(uint64_t up_to) const;
  std::shared_ptr<GraphRuns> graph_runs_;
  std::map<uint64_t, std::shared_ptr<GraphFunction>> graph_functions_;
  std::unique_ptr<Waiters> waiters_;
  std::unique_ptr<SideThread> side_thread_;
  bool bulk_is_pinned_ = false;
  bool goodbye_ = false;
  std::atomic<bool> terminated_{false};
  std::atomic<uint64_t> turn_{0};
  void begin_activity();
  void look_at_activity(Activity::Clock::time_point now);
  void tell_memory();
  bool anything_busy() const;
  Activity activity_;
  Activity::Clock::time_point last_look_{}, next_look_{};
  OutputPipe& output_;
  void flush_prints(ContextState& context, CUresult status);
  std::string unsent_output_;
  wire::PushOutput::Where unsent_where_ = wire::PushOutput::standard_output;
};

// Messages with hand-written code. Each answers (or keeps the error) by itself.
Frame carry_out_memory_map(Session& session, Invoke& invoke);
void carry_out_host_map(Session& session, Invoke& invoke);
void carry_out_host_unmap(Session& session, Invoke& invoke);
void carry_out_host_update(Session& session, Invoke& invoke);
void carry_out_host_copy(Session& session, Invoke& invoke);
Frame carry_out_memory_credit(Session& session, Invoke& invoke);
void carry_out_memory_unmap(Session& session, Invoke& invoke);
void carry_out_memory_info(Session& session, Invoke& invoke);
void carry_out_device_usage(Session& session, Invoke& invoke);
Frame carry_out_copy_to_device(Session& session, Invoke& invoke, const transport::Received& frame);
Frame carry_out_copy_to_host(Session& session, Invoke& invoke);
Frame carry_out_copy_3d(Session& session, Invoke& invoke, const transport::Received& frame);
void carry_out_launch(Session& session, Invoke& invoke);
void carry_out_wait(Session& session, Invoke& invoke);
void carry_out_query(Session& session, Invoke& invoke);
Frame carry_out_module_load(Session& session, Invoke& invoke);
Frame carry_out_module_unload(Session& session, Invoke& invoke);
Frame carry_out_module_record(Session& session, Invoke& invoke);
void carry_out_module_global(Session& session, Invoke& invoke);
void carry_out_event_elapsed(Session& session, Invoke& invoke);
void carry_out_function_attribute(Session& session, Invoke& invoke);
void carry_out_occupancy(Session& session, Invoke& invoke);
void carry_out_error_text(Session& session, Invoke& invoke);

void carry_out_host_function(Session& session, Invoke& invoke);
void carry_out_host_function_done(Session& session, Invoke& invoke);
void carry_out_graph_node(Session& session, Invoke& invoke);
void carry_out_graph_edges(Session& session, Invoke& invoke);
void carry_out_graph_list(Session& session, Invoke& invoke);
void carry_out_graph_node_get(Session& session, Invoke& invoke);
void carry_out_graph_capture(Session& session, Invoke& invoke);
void carry_out_end_capture(Session& session, Invoke& invoke);
void carry_out_graph_update(Session& session, Invoke& invoke);
void carry_out_graph_launch(Session& session, Invoke& invoke);
Frame carry_out_graph_dot(Session& session, Invoke& invoke);
void carry_out_graph_function(Session& session, Invoke& invoke);
void carry_out_graph_function_end(Session& session, Invoke& invoke);
void carry_out_when_done(Session& session, Invoke& invoke);
Frame carry_out_link(Session& session, Invoke& invoke, const transport::Received& frame);

// A copy whose host sides lie in memory of host_map: rejects those that do not.
void read_mapped_copy(Session& session, Invoke& invoke, const wire::Copy3D& given, CUDA_MEMCPY3D& copy);

// What is known of a function or kernel; nullptr: there is none.
FunctionState* function_state(Session& session, wire::Handle function);

bool is_sticky(CUresult error);

}  // namespace gpool::worker
