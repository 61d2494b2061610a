// One connection to one worker: sending under a short lock, receiving by whoever waits, errors, and the objects that
// live there. Lock order: Frame (send) → receive_mutex_. Neither is ever held while application code runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "calls/driver_api.h"
#include "client/call.h"
#include "client/objects.h"
#include "client/trace.h"
#include "transport/link.h"
#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/messages.h"

namespace gpool::client {

struct Context;
struct Device;

inline constexpr wire::Handle kKernelToFunction =
    wire::make_handle(wire::Kind::kernel, 0, 0, 0) ^ wire::make_handle(wire::Kind::function, 0, 0, 0);

// A question that has been sent, and where its answer goes. Filled by the thread that receives.
struct Pending {
  uint64_t sequence = 0;
  std::span<std::byte> reply;               // the packed struct
  std::span<std::byte> trailing;            // what follows it
  std::span<std::byte> bulk;                // bulk bytes land here
  std::vector<std::byte>* whole = nullptr;  // instead of all three: arguments, or the bulk where there is some
  size_t bulk_landed = 0;
  CUresult status = CUDA_SUCCESS;
  Context* context = nullptr;
  wire::Handle stream = 0;  // of due data
  bool done = false;        // guarded by the session's receive_mutex_
};

// What the thread of host functions is told.
struct Reached {
  enum What : uint8_t { function, graph_function, done };
  What what = function;
  uint64_t id = 0;   // of the function, or of what is done
  uint64_t run = 0;  // of a graph's
  int32_t status = CUDA_SUCCESS;
};

class Session {
 public:
  Session(uint32_t slot, std::unique_ptr<transport::Link> link, const wire::Welcome& welcome, std::string node);

  uint32_t slot() const { return slot_; }
  const std::string& node() const { return node_; }
  int32_t driver_version() const { return welcome_.driver_version; }
  Slab& slab(wire::Kind kind) {
    return slabs_[static_cast<size_t>(kind == wire::Kind::kernel ? wire::Kind::function : kind) & (kSlabs - 1)];
  }
  Object* find(wire::Handle handle) {
    const wire::Kind kind = wire::kind_of(handle);
    // A kernel and its function are one object: the slot holds the function's handle.
    if (kind == wire::Kind::kernel) handle ^= kKernelToFunction;
    return slab(kind).find(handle);
  }

  // -- sending
  // ----------------------------------------------------------------------------------------------------------- Queues
  // one frame. CUDA_SUCCESS, or what a lost session answers.
  CUresult post(uint16_t call, Context* context, Bytes arguments, Parts trailing = {}, Bytes bulk = {},
                bool borrowed = false);
  template <typename Arguments>
  CUresult post(wire::Message message, Context* context, const Arguments& arguments, Bytes bulk = {}) {
    return post(static_cast<uint16_t>(message), context, std::as_bytes(std::span<const Arguments, 1>(&arguments, 1)),
                {}, bulk);
  }
  // Large bulk in several frames: its bytes may have to stay as they are until the end of a `Borrowing`.
  template <typename Arguments>
  CUresult post_borrowed(wire::Message message, Context* context, const Arguments& arguments, Bytes bulk) {
    return post(static_cast<uint16_t>(message), context, std::as_bytes(std::span<const Arguments, 1>(&arguments, 1)),
                {}, bulk, true);
  }
  class Borrowing {
   public:
    explicit Borrowing(Session& session) : session_(session) {}
    Borrowing(const Borrowing&) = delete;
    ~Borrowing() {
      session_.drain();  // what has been acknowledged need not be copied
      session_.link_->keep_borrowed();
    }

   private:
    Session& session_;
  };
  // Sends a question; `wait` takes its answer. `pending` must live until then.
  CUresult start(Pending& pending, uint16_t call, Context* context, Bytes arguments, Parts trailing = {},
                 Bytes bulk = {});
  CUresult wait(Pending& pending);
  template <typename Arguments>
  CUresult ask(wire::Message message, Context* context, const Arguments& arguments, Pending& pending, Bytes bulk = {}) {
    CUresult status = start(pending, static_cast<uint16_t>(message), context,
                            std::as_bytes(std::span<const Arguments, 1>(&arguments, 1)), {}, bulk);
    return status == CUDA_SUCCESS ? wait(pending) : status;
  }
  template <typename Arguments, typename Reply>
  CUresult ask(wire::Message message, Context* context, const Arguments& arguments, Reply& reply) {
    Pending pending;
    pending.reply = std::as_writable_bytes(std::span<Reply, 1>(&reply, 1));
    return ask(message, context, arguments, pending);
  }
  // After a frame that the caller wrote by itself; `sequence` 0: it could not be sent.
  CUresult after_post(uint64_t sequence);
  uint64_t last_sequence() const { return sequence_.load(std::memory_order_acquire); }

  // -- due data: copies to pinned host memory that have been asked for, and whose bytes belong there at the next
  //    synchronisation
  //    ------------------------------------------------------------------------------------------------------
  CUresult start_due(std::shared_ptr<Pending> pending, uint16_t call, Context* context, Bytes arguments);
  // Waits for all that was asked up to `sequence`. The first error among them.
  CUresult settle_due(uint64_t sequence);
  // The same for one stream alone, the two names of the legacy stream being one: what other streams owe may stand
  // behind a host function that the caller is to run, and must not be waited for.
  void settle_due_of(wire::Handle stream, uint64_t sequence);
  // Waits until at most `count` are outstanding: their bytes occupy the link until they are taken.
  CUresult limit_due(size_t count);

  // -- host functions (host_function.cpp)
  // One more has been posted.
  void expect_host_function();
  // For the thread that runs them: waits until a stream has reached one, and receives for all meanwhile. False: the
  // session has ended.
  bool next_host_function(Reached& reached);
  void finish_host_function();
  // Waits until all that were posted have been run, or can no more be.
  void wait_for_host_functions();
  // Sends what has been posted at once.
  void flush();
  // Takes what has come and nobody waits for, without waiting. Another thread that receives does so anyway.
  void look() { drain(); }
  // Hands a descriptor to the worker (Link::pass_descriptor).
  bool pass_descriptor(int fd, uint64_t tag) { return link_->pass_descriptor(fd, tag); }

  // -- state
  // -------------------------------------------------------------------------------------------------------------
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  CUresult lost_status() const;
  void add_context(Context* context);
  // Says goodbye and ends the connection. Waits a bounded time for threads that are in the middle of sending.
  void end();
  uint64_t round_trips() const { return round_trips_.load(std::memory_order_relaxed); }
  uint64_t frames() const { return last_sequence(); }
  transport::Counters counters() const { return link_->counters(); }
  const char* transport() const { return link_->name(); }

  std::vector<Device*> devices;  // in the order of the session
  std::mutex load_mutex;         // modules: the order of loads fixes the numbers of kernels
  uint32_t next_function = 1;    // guarded by load_mutex

 private:
  friend class Frame;

  // Receives for all threads, with receive_mutex_ held on entry and return, until `has_come` or the session is lost.
  template <class HasCome>
  void receive_until(std::unique_lock<std::mutex>& lock, HasCome has_come);
  bool handle_frame(const transport::Received& frame);
  void handle_push(const transport::Received& frame);
  void fill(Pending& pending, const transport::Received& frame);
  void lose();
  void drain();

  const uint32_t slot_;
  const std::unique_ptr<transport::Link> link_;
  const wire::Welcome welcome_;
  const std::string node_;

  std::mutex send_mutex_;
  std::atomic<uint64_t> sequence_{0};  // written under send_mutex_

  std::mutex receive_mutex_;
  std::condition_variable received_;
  bool receiving_ = false;          // a thread is in Link::receive
  unsigned followers_ = 0;          // threads waiting for it
  std::vector<Pending*> pendings_;  // asked and not yet answered
  uint64_t waited_behind_ = 0;      // the last frame sent when a round trip was last counted
  std::deque<std::shared_ptr<Pending>> due_;
  // Guarded by receive_mutex_.
  std::deque<Reached> reached_;
  uint32_t expected_ = 0;  // host functions that have not been run, and what push_done is to tell of
  std::condition_variable expected_changed_;

  std::atomic<bool> lost_{false};
  std::atomic<bool> ending_{false};
  std::atomic<uint64_t> round_trips_{0};
  mutable std::mutex contexts_mutex_;
  std::vector<Context*> contexts_;
  std::string farewell_;  // why the worker ends the session; under contexts_mutex_
  static constexpr size_t kSlabs = 32;
  Slab slabs_[kSlabs];
};

// One frame being written straight into the link's memory, under the session's send lock.
class Frame {
 public:
  Frame(Session& session, uint16_t call, uint16_t flags, uint32_t context, size_t argument_bytes)
      : session_(session), lock_(session.send_mutex_) {
    const size_t bytes = sizeof(wire::FrameHeader) + wire::padded(argument_bytes);
    if (session.lost_.load(std::memory_order_relaxed) || bytes > wire::kMaxFrameBytes) return;
    std::byte* room = session.link_->begin(bytes);
    if (room == nullptr) return;
    header_ = reinterpret_cast<wire::FrameHeader*>(room);
    const uint64_t sequence = session.sequence_.load(std::memory_order_relaxed) + 1;
    session.sequence_.store(sequence, std::memory_order_release);
    if (g_watched.load(std::memory_order_relaxed)) [[unlikely]]
      watch_frame(call);
    *header_ = wire::FrameHeader{static_cast<uint32_t>(bytes), call, flags, sequence, context, 0, 0};
    // Padding must not carry what another frame left there.
    if (bytes > sizeof(wire::FrameHeader)) std::memset(room + bytes - 8, 0, 8);
  }
  bool ok() const { return header_ != nullptr; }
  uint64_t sequence() const { return header_->sequence; }
  std::byte* arguments() { return reinterpret_cast<std::byte*>(header_ + 1); }
  bool send(Bytes bulk = {}, bool borrowed = false) {
    header_->bulk_bytes = bulk.size();
    transport::Link& link = *session_.link_;
    return (borrowed ? link.send_borrowed(bulk) : link.send(bulk)) == transport::Outcome::done;
  }

 private:
  Session& session_;
  std::lock_guard<std::mutex> lock_;
  wire::FrameHeader* header_ = nullptr;
};

}  // namespace gpool::client
