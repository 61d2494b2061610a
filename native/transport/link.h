// One end of a session's connection: frames in order, both ways, and bulk bytes beside them. Everything above this
// header is the same over shared memory and over TCP. No CUDA here.
//
// Threads: one sender at a time (the owner holds a lock around begin … send), one receiver at a time, both at once are
// fine. A broken connection is reported by every later call; `why()` says the reason in a sentence.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/fd.h"
#include "wire/frame.h"

namespace gpool::transport {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kForever = Deadline::max();

enum class Outcome : uint8_t { done, timed_out, broken };

// A received frame. Valid until it is given back with `release`; releasing out of order is allowed.
struct Received {
  const wire::FrameHeader* header = nullptr;  // arguments follow it: header->frame_bytes - 32 bytes
  std::span<const std::byte> bulk;            // in place: shared memory, or a pooled buffer. The link's until release
  uint64_t ticket = 0;                        // the link's own
  const std::byte* arguments() const { return reinterpret_cast<const std::byte*>(header + 1); }
  size_t argument_bytes() const { return header->frame_bytes - sizeof(wire::FrameHeader); }
};

struct Counters {
  uint64_t frames_sent = 0, frames_received = 0, bytes_sent = 0, bytes_received = 0;
};

class Link {
 public:
  virtual ~Link() = default;

  // -- sending
  // --------------------------------------------------------------------------------------------------------- Room for
  // one frame (header and arguments, a multiple of 8, at most kMaxFrameBytes), 8-byte aligned. Waits while the peer has
  // not drained enough. The caller fills it completely, `bulk_bytes` too. nullptr: broken.
  virtual std::byte* begin(size_t frame_bytes) = 0;
  // Room for the bulk of the frame that has been begun (at most kBulkPieceBytes), to be filled before `send`; optional:
  // `send(bulk)` copies or writes from the caller's memory. nullptr: broken.
  virtual std::byte* begin_bulk(size_t bulk_bytes) = 0;
  // Publishes the begun frame. `bulk` is the caller's bytes (may be reused when this returns), or empty when
  // `begin_bulk` was used or there is none.
  virtual Outcome send(std::span<const std::byte> bulk = {}) = 0;
  // As `send`, but `bulk` may have to stay as it is until `keep_borrowed` has returned: a link that would copy it,
  // because it may have to be sent again, need not copy what the peer acknowledges before that. For large bulk in
  // several frames.
  virtual Outcome send_borrowed(std::span<const std::byte> bulk) { return send(bulk); }
  // Copies what is still needed of bulk that was borrowed, by whichever thread. Never waits for the peer.
  virtual void keep_borrowed() {}
  // As begin, but answers nullptr at once when there is no room now (broken() tells the two apart): for a side that
  // must not wait, or that goes on receiving meanwhile. A client that waits for room has to let somebody receive, or
  // both sides may wait for each other.
  virtual std::byte* try_begin(size_t frame_bytes) = 0;
  // Room for bulk taken ahead of its frame, which may be filled (by a GPU, say) while other frames are sent: then
  // begin(…) + send_reserved(bulk, bytes), or cancel_reserved. nullptr: no room now. Any order; by the sending thread.
  virtual std::byte* try_reserve_bulk(size_t bulk_bytes) = 0;
  virtual Outcome send_reserved(std::byte* bulk, size_t bulk_bytes) = 0;
  virtual void cancel_reserved(std::byte* bulk) = 0;
  // Makes sure that what was sent is on its way; never waits. Cheap when there is nothing to do. Due before a wait, and
  // after frames with kWantsReply, kReply or kPush: a link may keep those back until then. Posts go by themselves.
  virtual Outcome flush() = 0;
  // Much has been sent that the peer's side has not acknowledged: who goes on sending should take what has come first
  // (`try_receive`), the acknowledgements among it.
  virtual bool keeps_much() const { return false; }

  // -- receiving
  // ------------------------------------------------------------------------------------------------------- The next
  // frame. Spins shortly, then sleeps until something comes, the deadline passes, `interrupt` is called (timed_out) or
  // the connection ends (broken; frames that arrived before the end are delivered first).
  virtual Outcome receive(Received& frame, Deadline deadline) = 0;
  // Without waiting: true and a frame, or false.
  virtual bool try_receive(Received& frame) = 0;
  virtual void release(const Received& frame) = 0;
  // Wakes a thread that waits in `receive`. Callable from any thread.
  virtual void interrupt() = 0;

  // -- descriptors, where both sides are on one machine. Beside the frames: the frame that speaks of it is sent after.
  // False: this link cannot, or not now.
  virtual bool pass_descriptor(int, uint64_t /*tag*/) { return false; }
  // The one with this tag; those before it are dropped. Nothing: it has not been passed.
  virtual Fd take_descriptor(uint64_t /*tag*/) { return Fd(); }

  // -- state
  // -----------------------------------------------------------------------------------------------------------
  virtual bool broken() const = 0;
  virtual std::string why() const = 0;
  // Sleeps until the connection has ended, whoever ended it: for a thread of its own, where the one that receives may
  // be held up by something else and not notice.
  virtual void wait_for_end() = 0;
  // Ends the connection: both sides' waits return broken. Callable from any thread, more than once.
  virtual void close() = 0;
  virtual const char* name() const = 0;  // "shm", "tcp"
  virtual Counters counters() const = 0;
  // Memory that received bulk lands in, and memory that reserved bulk comes from, so that the worker can register both
  // with its driver. Page-aligned, for the life of the link; empty: none.
  virtual std::span<std::byte> bulk_memory() = 0;
  virtual std::span<std::byte> send_bulk_memory() = 0;

  // -- a lost connection (tcp_link.h): by any thread of the worker. Links that cannot be resumed ignore both.
  // The client has dialled again and has `received` so many bytes; `socket` takes the place of the old one.
  virtual void resume(Fd /*socket*/, uint64_t /*received*/) {}
  // Nobody will come back over a connection that is lost, now or later.
  virtual void forgo_resumption(const std::string& /*sentence*/) {}
};

}  // namespace gpool::transport
