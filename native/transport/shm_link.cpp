// Two single-producer single-consumer rings. A slot of a ring is
//
//   SlotHeader (16 bytes) | frame, padded to 16
//
// and never wraps: what does not fit before the end is skipped by a slot that says so. The consumer copies a frame to
// private memory, checks it there and frees the slot at once; only bulk stays where it is, until `release`.
//
// A side that sleeps sets its futex word to 1, looks once more, and sleeps; the other side publishes, fences, and reads
// the word. Sleeps are cut into slices, after each of which the socket is asked whether the peer still lives.
#include "transport/shm_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/pass_descriptor.h"
#include "transport/futex.h"
#include "transport/receive_slots.h"

namespace gpool::transport {
namespace {

struct SlotHeader {
  uint32_t slot_bytes;
  uint32_t skip;  // 1: nothing here up to the end of the ring
  uint64_t bulk_offset;
};
static_assert(sizeof(SlotHeader) == 16);

constexpr std::chrono::nanoseconds kFirstSlice = std::chrono::milliseconds(10);
constexpr std::chrono::nanoseconds kLastSlice = std::chrono::milliseconds(160);
constexpr uint64_t kNoBulk = UINT64_MAX;
// While the peer keeps up, only the beginning of the ring is written, again and again: it stays in the caches of both
// sides, and no page of the rest has to be made. What goes beyond this looks now and then whether the peer has caught
// up.
constexpr uint64_t kHotBytes = 64 << 10;

class ShmLink final : public Link {
 public:
  ShmLink(ShmMemory memory, Fd socket, Side side)
      : memory_(std::move(memory)),
        socket_(std::move(socket)),
        out_(side == Side::client ? memory_.state().to_worker : memory_.state().to_client),
        in_(side == Side::client ? memory_.state().to_client : memory_.state().to_worker),
        out_ring_(memory_.ring(side == Side::client)),
        in_ring_(memory_.ring(side == Side::worker)),
        out_bulk_(memory_.bulk(side == Side::client)),
        in_bulk_(memory_.bulk(side == Side::worker)),
        bulk_allocator_(out_bulk_.size()) {
    memory_.close_fd();
  }
  ~ShmLink() override { close(); }

  // -- sending
  // ---------------------------------------------------------------------------------------------------------
  std::byte* try_begin(size_t frame_bytes) override {
    if (broken()) return nullptr;
    if (frame_bytes < sizeof(wire::FrameHeader) || frame_bytes > wire::kMaxFrameBytes || frame_bytes % 8 != 0) {
      fail("A frame of an impossible size was to be sent; this is a bug in gpool.");
      return nullptr;
    }
    uint64_t wanted = slot_bytes(frame_bytes);
    uint64_t position = out_position_;
    uint64_t to_end = out_ring_.size() - position;
    bool skips = to_end < wanted;
    if (position >= look_at_) [[unlikely]] {
      look_at_ = position + kHotBytes / 4;
      if (!see_head()) return nullptr;
      skips = skips || (head_seen_ == tail_ && wanted <= position);
    }
    uint64_t total = skips ? to_end + wanted : wanted;
    if (out_ring_.size() - (tail_ - head_seen_) < total) {
      if (!see_head() || out_ring_.size() - (tail_ - head_seen_) < total) return nullptr;
    }
    if (skips) {
      SlotHeader skip{uint32_t(to_end), 1, 0};
      std::memcpy(out_ring_.data() + position, &skip, sizeof skip);
      tail_ += to_end;  // published together with the frame
      position = out_position_ = 0;
      look_at_ = kHotBytes;
    }
    begun_ = position, begun_bytes_ = wanted, begun_bulk_ = kNoBulk;
    return out_ring_.data() + position + sizeof(SlotHeader);
  }

  std::byte* begin(size_t frame_bytes) override {
    std::byte* at = nullptr;
    wait_for_peer([&] { return (at = try_begin(frame_bytes)) != nullptr; });
    return at;
  }

  std::byte* begin_bulk(size_t bulk_bytes) override {
    if (bulk_bytes == 0 || bulk_bytes > wire::kBulkPieceBytes) {
      fail("Bulk of an impossible size was to be sent; this is a bug in gpool.");
      return nullptr;
    }
    std::byte* at = nullptr;
    wait_for_peer([&] { return (at = try_reserve_bulk(bulk_bytes)) != nullptr; });
    if (at) begun_bulk_ = uint64_t(at - out_bulk_.data());
    return at;
  }

  std::byte* try_reserve_bulk(size_t bulk_bytes) override {
    if (broken()) return nullptr;
    auto offset = bulk_allocator_.allocate(bulk_bytes);
    if (!offset) {
      if (!collect_releases()) return nullptr;
      offset = bulk_allocator_.allocate(bulk_bytes);
    }
    return offset ? out_bulk_.data() + *offset : nullptr;
  }

  void cancel_reserved(std::byte* bulk) override { bulk_allocator_.release(uint64_t(bulk - out_bulk_.data())); }

  Outcome send_reserved(std::byte* bulk, size_t) override {
    begun_bulk_ = uint64_t(bulk - out_bulk_.data());
    return send({});
  }

  Outcome send(std::span<const std::byte> bulk) override {
    if (!bulk.empty()) {
      std::byte* room = begin_bulk(bulk.size());
      if (!room) return Outcome::broken;
      std::memcpy(room, bulk.data(), bulk.size());
    }
    auto* header = reinterpret_cast<wire::FrameHeader*>(out_ring_.data() + begun_ + sizeof(SlotHeader));
    count(frames_sent_, 1);
    count(bytes_sent_, header->frame_bytes + header->bulk_bytes);
    SlotHeader slot{uint32_t(begun_bytes_), 0, begun_bulk_};
    std::memcpy(out_ring_.data() + begun_, &slot, sizeof slot);
    tail_ += begun_bytes_;
    out_position_ += begun_bytes_;
    if (out_position_ == out_ring_.size()) out_position_ = 0;
    out_.tail.store(tail_, std::memory_order_release);
    wake_if_asleep(out_.consumer_sleeps);
    return Outcome::done;
  }

  Outcome flush() override { return broken() ? Outcome::broken : Outcome::done; }

  // -- receiving
  // -------------------------------------------------------------------------------------------------------
  bool try_receive(Received& frame) override {
    for (;;) {
      if (failed_.load(std::memory_order_acquire)) return false;
      uint64_t tail = in_.tail.load(std::memory_order_acquire);
      if (tail == head_) return false;
      uint64_t available = tail - head_;
      uint64_t position = head_ % in_ring_.size();
      SlotHeader slot;
      std::memcpy(&slot, in_ring_.data() + position, sizeof slot);
      if (available > in_ring_.size() || slot.slot_bytes < sizeof slot || slot.slot_bytes % 16 != 0 ||
          slot.slot_bytes > available || slot.slot_bytes > in_ring_.size() - position)
        return fail("The peer sent a slot of an impossible size.");
      if (slot.skip) {
        take(slot.slot_bytes);
        continue;
      }
      return copy_out(slot, position, frame);
    }
  }

  Outcome receive(Received& frame, Deadline deadline) override {
    auto slice = kFirstSlice;
    bool got = false;
    for (;;) {
      if (spinner_.spin([&] { return (got = try_receive(frame)) || stop_waiting(); }) && got) return Outcome::done;
      if (interrupted_.exchange(false)) return Outcome::timed_out;
      if (broken()) return try_receive(frame) ? Outcome::done : Outcome::broken;
      auto now = std::chrono::steady_clock::now();
      if (now >= deadline) return Outcome::timed_out;
      in_.consumer_sleeps.store(1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (in_.tail.load(std::memory_order_acquire) == head_ && !stop_waiting())
        futex_sleep(in_.consumer_sleeps, 1, std::min<std::chrono::nanoseconds>(slice, deadline - now));
      in_.consumer_sleeps.store(0, std::memory_order_relaxed);
      slice = std::min(slice * 2, kLastSlice);
      if (in_.tail.load(std::memory_order_acquire) == head_) check_peer();
    }
  }

  void release(const Received& frame) override {
    uint64_t offset = 0, bytes = 0;
    if (!slots_.give_back(frame.ticket, offset, bytes) || bytes == 0) return;
    {
      std::scoped_lock lock(release_mutex_);
      in_.releases[released_ % BulkAllocator::kMaxOutstanding].store(offset, std::memory_order_relaxed);
      in_.released.store(++released_, std::memory_order_release);
    }
    wake_if_asleep(in_.producer_sleeps);
  }

  void interrupt() override {
    interrupted_.store(true);
    in_.consumer_sleeps.store(0);
    futex_wake(in_.consumer_sleeps);
  }

  bool pass_descriptor(int fd, uint64_t tag) override {
    return send_with_descriptor(socket_.get(), std::as_bytes(std::span(&tag, 1)), fd) == sizeof tag;
  }

  Fd take_descriptor(uint64_t tag) override {
    for (;;) {
      uint64_t got = 0;
      iovec part{&got, sizeof got};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part, message.msg_iovlen = 1;
      message.msg_control = control, message.msg_controllen = sizeof control;
      if (recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof got) return Fd();
      const cmsghdr* head = CMSG_FIRSTHDR(&message);
      if (head == nullptr || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int))) continue;
      int fd;
      std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
      Fd owned(fd);
      if (got == tag) return owned;
    }
  }

  // -- state
  // -----------------------------------------------------------------------------------------------------------
  bool broken() const override {
    return failed_.load(std::memory_order_acquire) || gone_.load(std::memory_order_acquire) ||
           memory_.state().closed.load(std::memory_order_acquire) != 0;
  }
  std::string why() const override {
    std::scoped_lock lock(why_mutex_);
    if (!why_.empty()) return why_;
    return broken() ? "The other side ended the session." : "";
  }
  void wait_for_end() override {
    // Not for bytes: descriptors come this way too.
    pollfd state{socket_.get(), POLLRDHUP, 0};
    while (poll(&state, 1, -1) < 0 && errno == EINTR) {
    }
  }
  void close() override {
    {
      std::scoped_lock lock(why_mutex_);
      if (why_.empty() && !broken()) why_ = "The session was closed on this side.";
    }
    SharedState& state = memory_.state();
    state.closed.store(1);
    for (RingState* ring : {&state.to_worker, &state.to_client}) {
      ring->consumer_sleeps.store(0);
      ring->producer_sleeps.store(0);
      futex_wake(ring->consumer_sleeps);
      futex_wake(ring->producer_sleeps);
    }
    shutdown(socket_.get(), SHUT_RDWR);
  }
  const char* name() const override { return "shm"; }
  Counters counters() const override {
    return {frames_sent_.load(std::memory_order_relaxed), frames_received_.load(std::memory_order_relaxed),
            bytes_sent_.load(std::memory_order_relaxed), bytes_received_.load(std::memory_order_relaxed)};
  }
  std::span<std::byte> bulk_memory() override { return in_bulk_; }
  std::span<std::byte> send_bulk_memory() override { return out_bulk_; }

 private:
  // Where the peer is.
  bool see_head() {
    const uint64_t head = out_.head.load(std::memory_order_acquire);
    if (head > tail_ || head < head_seen_) return fail("The peer broke the rules of the ring.");
    head_seen_ = head;
    return true;
  }

  // By the one thread that sends, or receives: others only read.
  static void count(std::atomic<uint64_t>& counter, uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  static uint64_t slot_bytes(size_t frame_bytes) { return (sizeof(SlotHeader) + frame_bytes + 15) & ~uint64_t{15}; }

  void say_why(const char* sentence) {
    std::scoped_lock lock(why_mutex_);
    if (why_.empty()) why_ = sentence;
  }
  // The peer breaks the rules: nothing of it is read any more.
  bool fail(const char* sentence) {
    say_why(sentence);
    failed_.store(true, std::memory_order_release);
    return false;
  }

  bool stop_waiting() const { return interrupted_.load(std::memory_order_relaxed) || broken(); }

  void wake_if_asleep(std::atomic<uint32_t>& word) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (word.load(std::memory_order_relaxed) == 0) return;
    word.store(0, std::memory_order_relaxed);
    futex_wake(word);
  }

  // After the handshake the socket carries descriptors, and the end.
  void check_peer() {
    pollfd state{socket_.get(), POLLRDHUP, 0};
    if (poll(&state, 1, 0) != 1) return;
    say_why("The process on the other side of the session has ended.");
    gone_.store(true, std::memory_order_release);
  }

  // Until `ready` or the end of the link.
  template <class Ready>
  void wait_for_peer(Ready&& ready) {
    if (ready()) return;
    auto slice = kFirstSlice;
    while (!broken()) {
      if (space_spinner_.spin([&] { return ready() || broken(); })) return;
      out_.producer_sleeps.store(1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (ready() || broken()) return;
      futex_sleep(out_.producer_sleeps, 1, slice);
      out_.producer_sleeps.store(0, std::memory_order_relaxed);
      slice = std::min(slice * 2, kLastSlice);
      if (ready()) return;
      check_peer();
    }
  }

  bool collect_releases() {
    uint64_t released = out_.released.load(std::memory_order_acquire);
    if (released - collected_ > bulk_allocator_.outstanding())
      return fail("The peer gave back more than it was given.");
    for (; collected_ != released; ++collected_) {
      uint64_t offset = out_.releases[collected_ % BulkAllocator::kMaxOutstanding].load(std::memory_order_relaxed);
      if (!bulk_allocator_.release(offset)) return fail("The peer gave back what it was not given.");
    }
    return true;
  }

  // A producer that is woken for the room of one frame sleeps again after it, and every frame costs two switches of
  // context: it is woken when half of the ring is free. Where it gets no further so, it looks after its slice of sleep.
  void take(uint64_t bytes) {
    head_ += bytes;
    in_.head.store(head_, std::memory_order_release);
    if (in_.tail.load(std::memory_order_relaxed) - head_ <= in_ring_.size() / 2) wake_if_asleep(in_.producer_sleeps);
  }

  bool copy_out(const SlotHeader& slot, uint64_t position, Received& frame) {
    size_t room = slot.slot_bytes - sizeof slot;
    if (room < sizeof(wire::FrameHeader)) return fail("The peer sent a slot of an impossible size.");
    uint32_t frame_bytes;  // read once here; the private copy gets this very value
    std::memcpy(&frame_bytes, in_ring_.data() + position + sizeof slot, sizeof frame_bytes);
    if (frame_bytes < sizeof(wire::FrameHeader) || frame_bytes > room || frame_bytes > wire::kMaxFrameBytes ||
        frame_bytes % 8 != 0)
      return fail("The peer sent a frame of an impossible size.");
    uint32_t index = slots_.take(frame_bytes);
    ReceiveSlots::Slot& copy = slots_[index];
    std::memcpy(copy.bytes(), in_ring_.data() + position + sizeof slot, frame_bytes);
    auto* header = reinterpret_cast<wire::FrameHeader*>(copy.bytes());
    header->frame_bytes = frame_bytes;
    uint64_t bulk_bytes = header->bulk_bytes;
    if (bulk_bytes > wire::kBulkPieceBytes ||
        (bulk_bytes > 0 && (slot.bulk_offset > in_bulk_.size() || bulk_bytes > in_bulk_.size() - slot.bulk_offset))) {
      uint64_t offset, bytes;
      slots_.give_back(index, offset, bytes);
      return fail("The peer sent bulk of an impossible size.");
    }
    copy.bulk_offset = slot.bulk_offset, copy.bulk_bytes = bulk_bytes;
    frame.header = header;
    frame.bulk = bulk_bytes ? in_bulk_.subspan(slot.bulk_offset, bulk_bytes) : std::span<std::byte>();
    frame.ticket = index;
    count(frames_received_, 1);
    count(bytes_received_, frame_bytes + bulk_bytes);
    take(slot.slot_bytes);
    return true;
  }

  ShmMemory memory_;
  Fd socket_;
  RingState& out_;
  RingState& in_;
  std::span<std::byte> out_ring_, in_ring_, out_bulk_, in_bulk_;

  // the sender's
  uint64_t tail_ = 0, head_seen_ = 0;
  uint64_t out_position_ = 0;  // tail_ modulo the size of the ring
  uint64_t look_at_ = kHotBytes;
  uint64_t begun_ = 0, begun_bytes_ = 0, begun_bulk_ = kNoBulk;
  BulkAllocator bulk_allocator_;
  uint64_t collected_ = 0;
  Spinner space_spinner_;

  // the receiver's
  uint64_t head_ = 0;
  ReceiveSlots slots_;
  Spinner spinner_;
  std::mutex release_mutex_;
  uint64_t released_ = 0;

  std::atomic<bool> interrupted_{false}, failed_{false}, gone_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
  std::atomic<uint64_t> frames_sent_{0}, frames_received_{0}, bytes_sent_{0}, bytes_received_{0};
};

}  // namespace

std::unique_ptr<Link> make_shm_link(ShmMemory memory, Fd socket, Side side) {
  return std::make_unique<ShmLink>(std::move(memory), std::move(socket), side);
}

}  // namespace gpool::transport
