// Streams: first in, first out, each drained by a thread of its own while it has work. Order between streams (the
// legacy default stream, events) is expressed by tickets that work waits for; a ticket is always older than who waits
// for it, so nothing can wait in a circle.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/handles.h"
#include "emulator/driver/work.h"

namespace gpool::emulator {

class Ticket {
 public:
  using Clock = std::chrono::steady_clock;
  void complete() {
    at_ = Clock::now();
    done_.store(1, std::memory_order_release);
    done_.notify_all();
  }
  bool is_done() const { return done_.load(std::memory_order_acquire) != 0; }
  void wait() const {
    while (!is_done()) done_.wait(0, std::memory_order_acquire);
  }
  Clock::time_point at() const { return at_; }  // once done

 private:
  std::atomic<int> done_{0};
  Clock::time_point at_;
};
using TicketRef = std::shared_ptr<Ticket>;

struct Graph;
struct Node;

// A capture that one or more streams take part in.
struct Capture {
  std::shared_ptr<Graph> graph;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  uint64_t id = 0;
  uint64_t origin = 0;  // handle of the stream that began it
  std::thread::id thread;
  bool invalidated = false;
  std::vector<std::weak_ptr<struct Stream>> joined;
  std::vector<std::shared_ptr<Node>> left_behind;  // last nodes of streams that were destroyed meanwhile
};

struct Stream : Object, std::enable_shared_from_this<Stream> {
  static constexpr Kind kKind = Kind::stream;
  Stream() : Object(kKind) {}

  std::shared_ptr<Context> context;
  unsigned flags = 0;
  int priority = 0;
  uint64_t id = 0;
  bool legacy = false;
  bool per_thread = false;
  bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING) && !legacy; }

  // Guarded by Context::order.
  TicketRef last;
  std::shared_ptr<Capture> capture;
  std::vector<std::shared_ptr<Node>> capture_tips;
  std::map<CUstreamAttrID, CUstreamAttrValue> attributes;

  // Called by the context, under Context::order.
  void push(Work work, std::vector<TicketRef> after, TicketRef done);

 private:
  struct Entry {
    Work work;
    std::vector<TicketRef> after;
    TicketRef done;
  };
  void drain();
  std::mutex mutex_;
  std::deque<Entry> entries_;
  bool draining_ = false;
};
using StreamRef = std::shared_ptr<Stream>;

struct Event : Object {
  static constexpr Kind kKind = Kind::event;
  Event() : Object(kKind) {}
  std::shared_ptr<Context> context;
  unsigned flags = 0;
  std::mutex mutex;
  TicketRef recorded;  // null: never recorded
  std::shared_ptr<Capture> capture;
  std::vector<std::shared_ptr<Node>> capture_tips;
};

// Resolves 0, 1, 2 and handles. 0 is the legacy stream; per-thread entry points pass 2 themselves.
CUresult find_stream(CUstream handle, StreamRef& stream);

// What the calling thread lets calls do while streams are captured (cuThreadExchangeStreamCaptureMode).
CUstreamCaptureMode& capture_mode_of_thread();

// Queues the work, or records it when the stream is being captured.
CUresult submit(const StreamRef& stream, Work work, std::vector<TicketRef> after = {}, TicketRef* done = nullptr);
// The same, and waits for the end of it.
CUresult submit_and_wait(const StreamRef& stream, Work work);
CUresult synchronize(const StreamRef& stream);

// Host threads that drain streams; they outlive streams and are joined at exit.
void run_on_crew(std::function<void()> job);
void join_crew();

}  // namespace gpool::emulator
