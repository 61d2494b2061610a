// Frames and their bulk follow each other on a socket.
//
// Sending: frames are appended to a queue. The sender thread writes what has piled up; a thread that is about to wait
// (`flush`) writes by itself, as far as that goes without blocking. Large bulk is written from the caller's memory by
// the caller; reserved bulk stays in the pool until it has been written. Lock order: write_mutex_ (who writes to the
// socket) before queue_mutex_ (the queue and the pool of reserved bulk).
//
// Receiving: the receiving thread reads the socket itself. Bulk lands in a pool; while that is full nothing more is
// read, so the peer's writes stall: that is the back-pressure.
#include "transport/tcp_link.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "transport/bulk_allocator.h"
#include "transport/futex.h"
#include "transport/outgoing_queue.h"
#include "transport/receive_slots.h"

namespace gpool::transport {
namespace {

constexpr size_t kQueueBytes = size_t{8} << 20;  // of frames; beyond it a sender waits
constexpr size_t kDirectBytes = 64 * 1024;       // bulk from here on is written from the caller's memory
constexpr auto kClosingTime = std::chrono::seconds(1);
constexpr size_t kReadBytes = 256 * 1024;

// Page-aligned memory of a fixed size, touched only where it is used.
class Pool {
 public:
  Pool() : allocator_(kTcpPoolBytes) {
    void* at = mmap(nullptr, kTcpPoolBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != MAP_FAILED) memory_ = {static_cast<std::byte*>(at), kTcpPoolBytes};
  }
  ~Pool() {
    if (!memory_.empty()) munmap(memory_.data(), memory_.size());
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  std::byte* take(size_t bytes) {
    if (memory_.empty()) return nullptr;
    auto offset = allocator_.allocate(bytes);
    return offset ? memory_.data() + *offset : nullptr;
  }
  bool give_back(const std::byte* at) { return allocator_.release(uint64_t(at - memory_.data())); }
  std::span<std::byte> memory() { return memory_; }

 private:
  std::span<std::byte> memory_;
  BulkAllocator allocator_;
};

class TcpLink final : public Link {
 public:
  explicit TcpLink(Fd socket) : socket_(std::move(socket)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    sender_ = std::thread([this] { send_loop(); });
  }
  ~TcpLink() override {
    close();
    {
      std::scoped_lock lock(queue_mutex_);
      ending_ = true;
    }
    queue_changed_.notify_all();
    sender_.join();
  }

  // -- sending
  // ---------------------------------------------------------------------------------------------------------
  std::byte* try_begin(size_t frame_bytes) override {
    if (!size_is_sound(frame_bytes) || broken()) return nullptr;
    {
      std::scoped_lock lock(queue_mutex_);
      if (queue_.owned_bytes() > kQueueBytes) return nullptr;
    }
    return scratch_for(frame_bytes);
  }
  std::byte* begin(size_t frame_bytes) override {
    if (!size_is_sound(frame_bytes)) return nullptr;
    std::unique_lock lock(queue_mutex_);
    space_changed_.wait(lock, [&] { return broken() || queue_.owned_bytes() <= kQueueBytes; });
    return broken() ? nullptr : scratch_for(frame_bytes);
  }
  std::byte* begin_bulk(size_t bulk_bytes) override {
    if (bulk_bytes == 0 || bulk_bytes > wire::kBulkPieceBytes) {
      fail("Bulk of an impossible size was to be sent; this is a bug in gpool.");
      return nullptr;
    }
    std::unique_lock lock(queue_mutex_);
    std::byte* at = nullptr;
    space_changed_.wait(lock, [&] { return broken() || (at = send_pool_.take(bulk_bytes)); });
    begun_bulk_ = at ? std::span<const std::byte>(at, bulk_bytes) : std::span<const std::byte>();
    return at;
  }
  std::byte* try_reserve_bulk(size_t bulk_bytes) override {
    if (bulk_bytes == 0 || bulk_bytes > wire::kBulkPieceBytes || broken()) return nullptr;
    std::scoped_lock lock(queue_mutex_);
    return send_pool_.take(bulk_bytes);
  }
  void cancel_reserved(std::byte* bulk) override {
    {
      std::scoped_lock lock(queue_mutex_);
      send_pool_.give_back(bulk);
    }
    space_changed_.notify_all();
  }
  Outcome send_reserved(std::byte* bulk, size_t bulk_bytes) override {
    begun_bulk_ = {bulk, bulk_bytes};
    return send({});
  }

  Outcome send(std::span<const std::byte> bulk) override {
    if (broken()) return Outcome::broken;
    auto* header = reinterpret_cast<const wire::FrameHeader*>(scratch_.get());
    frames_sent_.fetch_add(1, std::memory_order_relaxed);
    bytes_sent_.fetch_add(header->frame_bytes + header->bulk_bytes, std::memory_order_relaxed);
    std::span<const std::byte> frame(reinterpret_cast<const std::byte*>(scratch_.get()), header->frame_bytes);
    if (bulk.size() >= kDirectBytes) return send_directly(frame, bulk);
    bool wake;
    {
      std::scoped_lock lock(queue_mutex_);
      queue_.append(frame);
      if (!begun_bulk_.empty()) queue_.append_bulk(std::exchange(begun_bulk_, {}));
      queue_.append(bulk);
      // A question or an answer is followed by `flush`; waking the sender thread as well would cost more than the
      // write.
      wake = sender_sleeps_ && (header->flags & (wire::kWantsReply | wire::kReply | wire::kPush)) == 0;
    }
    if (wake) queue_changed_.notify_one();
    return Outcome::done;
  }

  Outcome flush() override {
    if (broken()) return Outcome::broken;
    std::unique_lock write_lock(write_mutex_, std::try_to_lock);
    if (write_lock) write_some(MSG_DONTWAIT);  // else the sender thread is at it, and goes on until nothing is left
    return broken() ? Outcome::broken : Outcome::done;
  }

  // -- receiving
  // -------------------------------------------------------------------------------------------------------
  bool try_receive(Received& frame) override {
    while (!bad_) {
      if (take_frame(frame)) return true;
      if (waits_for_room_ || !read_some()) return false;
    }
    return false;
  }

  Outcome receive(Received& frame, Deadline deadline) override {
    for (;;) {
      if (try_receive(frame)) return Outcome::done;
      if (interrupted_.exchange(false)) return Outcome::timed_out;
      if (broken()) return Outcome::broken;
      auto now = std::chrono::steady_clock::now();
      if (now >= deadline) return Outcome::timed_out;
      if (!waits_for_room_ && spinner_.spin([&] { return read_some() || broken(); })) continue;
      auto left = std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::seconds(1));
      timespec limit{time_t(left.count() / 1000000000), long(left.count() % 1000000000)};
      pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
      ppoll(fds, waits_for_room_ ? 1 : 2, &limit, nullptr);
      uint64_t count;
      while (fds[0].revents != 0 && read(wake_.get(), &count, sizeof count) > 0) {
      }
    }
  }

  void release(const Received& frame) override {
    uint64_t offset = 0, bytes = 0;
    if (!slots_.give_back(frame.ticket, offset, bytes) || bytes == 0) return;
    {
      std::scoped_lock lock(receive_pool_mutex_);
      receive_pool_.give_back(receive_pool_.memory().data() + offset);
    }
    // A thread that waits in `receive` for room reads on.
    if (waits_for_room_.exchange(false)) wake_receiver();
  }

  void interrupt() override {
    interrupted_.store(true);
    wake_receiver();
  }

  // -- state
  // -----------------------------------------------------------------------------------------------------------
  bool broken() const override { return failed_.load(std::memory_order_acquire); }
  std::string why() const override {
    std::scoped_lock lock(why_mutex_);
    return why_;
  }
  void wait_for_end() override {
    pollfd state{socket_.get(), POLLRDHUP, 0};
    while (poll(&state, 1, -1) < 0 && errno == EINTR) {
    }
  }
  void close() override {
    // What was sent before is still written, as long as the peer takes it.
    auto end = std::chrono::steady_clock::now() + kClosingTime;
    while (!broken() && std::chrono::steady_clock::now() < end) {
      std::unique_lock write_lock(write_mutex_, std::try_to_lock);
      if (write_lock) {
        write_some(MSG_DONTWAIT);
        if (in_flight_.empty()) break;
        write_lock.unlock();
      }
      pollfd state{socket_.get(), POLLOUT, 0};
      if (poll(&state, 1, 10) == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    fail("The session was closed on this side.");
  }
  const char* name() const override { return "tcp"; }
  Counters counters() const override {
    return {frames_sent_.load(std::memory_order_relaxed), frames_received_.load(std::memory_order_relaxed),
            bytes_sent_.load(std::memory_order_relaxed), bytes_received_.load(std::memory_order_relaxed)};
  }
  std::span<std::byte> bulk_memory() override { return receive_pool_.memory(); }
  std::span<std::byte> send_bulk_memory() override { return send_pool_.memory(); }

 private:
  bool fail(const std::string& sentence) {
    {
      std::scoped_lock lock(why_mutex_);
      if (why_.empty()) why_ = sentence;
    }
    if (!failed_.exchange(true)) {
      shutdown(socket_.get(), SHUT_RDWR);
      {
        std::scoped_lock lock(queue_mutex_);
      }  // a waiter is either before its check or asleep
      space_changed_.notify_all();
      queue_changed_.notify_all();
      wake_receiver();
    }
    return false;
  }
  // The peer breaks the rules: nothing of it is read any more.
  bool refuse(const char* sentence) {
    bad_ = true;
    return fail(sentence);
  }
  void wake_receiver() {
    uint64_t one = 1;
    ssize_t ignored = ::write(wake_.get(), &one, sizeof one);
    (void)ignored;
  }

  bool size_is_sound(size_t frame_bytes) {
    return (frame_bytes >= sizeof(wire::FrameHeader) && frame_bytes <= wire::kMaxFrameBytes && frame_bytes % 8 == 0) ||
           fail("A frame of an impossible size was to be sent; this is a bug in gpool.");
  }
  std::byte* scratch_for(size_t frame_bytes) {
    if (scratch_bytes_ < frame_bytes) {
      scratch_bytes_ = std::max<size_t>(frame_bytes, 4096);
      scratch_ = std::make_unique_for_overwrite<uint64_t[]>((scratch_bytes_ + 7) / 8);
    }
    begun_bulk_ = {};
    return reinterpret_cast<std::byte*>(scratch_.get());
  }

  // Writes from the queue until it is empty or, with MSG_DONTWAIT, the socket is full. write_mutex_ is held: it alone
  // takes from the queue, so the parts stay where they are while others append.
  void write_some(int flags) {
    while (!broken()) {
      {
        std::scoped_lock lock(queue_mutex_);
        if (in_flight_.empty()) std::swap(in_flight_, queue_);
      }
      if (in_flight_.empty()) return;
      iovec parts[64];
      msghdr message{};
      message.msg_iov = parts;
      message.msg_iovlen = in_flight_.parts(parts);
      ssize_t written = sendmsg(socket_.get(), &message, flags | MSG_NOSIGNAL);
      if (written < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
          // The sender thread goes on, waiting.
          in_flight_waits_.store(true);
          {
            std::scoped_lock lock(queue_mutex_);
          }
          queue_changed_.notify_one();
          return;
        }
        fail(std::string("The connection of the session broke: ") + std::strerror(errno) + ".");
        return;
      }
      in_flight_.consumed(size_t(written), [&](std::span<const std::byte> bulk) {
        std::scoped_lock lock(queue_mutex_);
        send_pool_.give_back(bulk.data());
      });
      in_flight_waits_.store(!in_flight_.empty());
      space_changed_.notify_all();
    }
  }

  void send_loop() {
    for (;;) {
      {
        std::unique_lock lock(queue_mutex_);
        sender_sleeps_ = true;
        queue_changed_.wait(lock, [&] { return ending_ || broken() || !queue_.empty() || in_flight_waits_.load(); });
        sender_sleeps_ = false;
        if (ending_ || broken()) return;
      }
      std::scoped_lock write_lock(write_mutex_);
      write_some(0);
    }
  }

  Outcome send_directly(std::span<const std::byte> frame, std::span<const std::byte> bulk) {
    std::scoped_lock write_lock(write_mutex_);
    write_some(0);
    iovec parts[2] = {{const_cast<std::byte*>(frame.data()), frame.size()},
                      {const_cast<std::byte*>(bulk.data()), bulk.size()}};
    msghdr message{};
    message.msg_iov = parts, message.msg_iovlen = 2;
    while (message.msg_iovlen > 0) {
      if (broken()) return Outcome::broken;
      ssize_t written = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
      if (written < 0) {
        if (errno == EINTR) continue;
        fail(std::string("The connection of the session broke: ") + std::strerror(errno) + ".");
        return Outcome::broken;
      }
      for (size_t left = size_t(written); message.msg_iovlen > 0;) {
        iovec& part = *message.msg_iov;
        size_t step = std::min(left, part.iov_len);
        part.iov_base = static_cast<std::byte*>(part.iov_base) + step;
        part.iov_len -= step, left -= step;
        if (part.iov_len > 0) break;
        ++message.msg_iov, --message.msg_iovlen;
      }
    }
    return Outcome::done;
  }

  // Takes a whole frame out of what was read. False: more bytes, or room in the pool, are needed first.
  bool take_frame(Received& frame) {
    if (!frame_begun_) {
      size_t have = read_end_ - read_begin_;
      if (have < sizeof(wire::FrameHeader)) return false;
      wire::FrameHeader header;
      std::memcpy(&header, read_buffer() + read_begin_, sizeof header);
      if (header.frame_bytes < sizeof header || header.frame_bytes > wire::kMaxFrameBytes ||
          header.frame_bytes % 8 != 0)
        return refuse("The peer sent a frame of an impossible size.");
      if (header.bulk_bytes > wire::kBulkPieceBytes) return refuse("The peer sent bulk of an impossible size.");
      slot_index_ = slots_.take(header.frame_bytes);
      slot_ = &slots_[slot_index_];
      frame_begun_ = true, frame_filled_ = 0, bulk_ = {}, bulk_filled_ = 0;
      frame_wanted_ = header.frame_bytes, bulk_wanted_ = header.bulk_bytes;
    }
    frame_filled_ += from_buffer(slot_->bytes() + frame_filled_, frame_wanted_ - frame_filled_);
    if (frame_filled_ < frame_wanted_) return false;
    if (bulk_wanted_ > 0 && bulk_.empty()) {
      std::scoped_lock lock(receive_pool_mutex_);
      std::byte* room = receive_pool_.take(bulk_wanted_);
      if (!room) {
        waits_for_room_ = true;
        return false;
      }
      waits_for_room_ = false;
      bulk_ = {room, bulk_wanted_};
      slot_->bulk_offset = uint64_t(room - receive_pool_.memory().data()), slot_->bulk_bytes = bulk_wanted_;
    }
    bulk_filled_ += from_buffer(bulk_.data() + bulk_filled_, bulk_wanted_ - bulk_filled_);
    if (bulk_filled_ < bulk_wanted_) return false;
    frame_begun_ = false;
    frame.header = reinterpret_cast<const wire::FrameHeader*>(slot_->bytes());
    frame.bulk = bulk_;
    frame.ticket = slot_index_;
    frames_received_.fetch_add(1, std::memory_order_relaxed);
    bytes_received_.fetch_add(frame_wanted_ + bulk_wanted_, std::memory_order_relaxed);
    return true;
  }

  std::byte* read_buffer() { return reinterpret_cast<std::byte*>(read_words_.get()); }
  size_t from_buffer(std::byte* to, size_t wanted) {
    size_t step = std::min(wanted, read_end_ - read_begin_);
    if (step > 0) std::memcpy(to, read_buffer() + read_begin_, step);
    read_begin_ += step;
    return step;
  }

  // Reads what the socket has: the rest of a large part in place, everything else through the buffer. False: nothing
  // now.
  bool read_some() {
    if (read_begin_ == read_end_) read_begin_ = read_end_ = 0;
    if (read_end_ == kReadBytes) {
      std::memmove(read_buffer(), read_buffer() + read_begin_, read_end_ - read_begin_);
      read_end_ -= read_begin_, read_begin_ = 0;
    }
    iovec parts[2];
    int count = 0;
    size_t in_place = 0;
    if (read_begin_ == read_end_ && frame_begun_ && !bulk_.empty() && bulk_filled_ < bulk_wanted_) {
      in_place = bulk_wanted_ - bulk_filled_;
      parts[count++] = {bulk_.data() + bulk_filled_, in_place};
    }
    parts[count++] = {read_buffer() + read_end_, kReadBytes - read_end_};
    msghdr message{};
    message.msg_iov = parts, message.msg_iovlen = size_t(count);
    ssize_t got = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (got > 0) {
      size_t direct = std::min(size_t(got), in_place);
      bulk_filled_ += direct;
      read_end_ += size_t(got) - direct;
      return true;
    }
    if (got == 0) return fail("The other side ended the session.");
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      return fail(std::string("The connection of the session broke: ") + std::strerror(errno) + ".");
    return false;
  }

  Fd socket_, wake_;

  std::mutex write_mutex_;
  OutgoingQueue in_flight_;  // under write_mutex_
  std::atomic<bool> in_flight_waits_{false};
  std::mutex queue_mutex_;
  std::condition_variable queue_changed_, space_changed_;
  OutgoingQueue queue_;                          // under queue_mutex_
  Pool send_pool_;                               // under queue_mutex_
  bool sender_sleeps_ = false, ending_ = false;  // under queue_mutex_
  std::thread sender_;
  std::unique_ptr<uint64_t[]> scratch_;  // the begun frame; the sending thread's
  size_t scratch_bytes_ = 0;
  std::span<const std::byte> begun_bulk_;

  // the receiving thread's
  std::unique_ptr<uint64_t[]> read_words_ = std::make_unique_for_overwrite<uint64_t[]>(kReadBytes / 8);
  size_t read_begin_ = 0, read_end_ = 0;
  bool bad_ = false;
  bool frame_begun_ = false;
  uint32_t slot_index_ = 0;
  ReceiveSlots::Slot* slot_ = nullptr;
  size_t frame_filled_ = 0, frame_wanted_ = 0, bulk_filled_ = 0, bulk_wanted_ = 0;
  std::span<std::byte> bulk_;
  Spinner spinner_;
  ReceiveSlots slots_;
  std::mutex receive_pool_mutex_;
  Pool receive_pool_;  // under receive_pool_mutex_
  std::atomic<bool> waits_for_room_{false};

  std::atomic<bool> interrupted_{false}, failed_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
  std::atomic<uint64_t> frames_sent_{0}, frames_received_{0}, bytes_sent_{0}, bytes_received_{0};
};

}  // namespace

void prepare_tcp_socket(int fd) {
  int one = 1, idle_s = 10, interval_s = 5, probes = 3;
  unsigned user_timeout_ms = 25000;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

std::unique_ptr<Link> make_tcp_link(Fd socket) {
  prepare_tcp_socket(socket.get());
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  return std::make_unique<TcpLink>(std::move(socket));
}

}  // namespace gpool::transport
