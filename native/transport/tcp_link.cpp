// Frames and their bulk follow each other on a socket.
//
// Sending: frames are appended to the send buffer. The sender thread writes what has piled up; a thread that is about
// to wait (`flush`) writes by itself, as far as that goes without blocking. Reserved bulk stays in the pool, other bulk
// is copied as frames are: until the peer has acknowledged it, it may have to be written again. Borrowed bulk is copied
// when its owner wants it back, and most of a large copy has been acknowledged by then.
//
// Receiving: the receiving thread reads the socket itself. Bulk lands in a pool; while that is full nothing more is
// read, so the peer's writes stall: that is the back-pressure. Acknowledgements say what has been read, and the two
// sides never wait for them: a side that reads nothing for a while keeps more, up to kMostKept.
//
// A lost connection: whoever notices calls `lost`; from then on nobody touches the socket. The client's sender thread
// dials until the grace is over; the worker's waits for `resume`. The new socket takes the file descriptor of the old
// one (dup3), so that a thread that is just polling it never sees somebody else's.
//
// One class, and long for a file: sending, receiving and coming back share the socket, the positions and their locks.
// What could be taken out has been: the buffer, the pools, the socket's options, the conversation of coming back.
//
// Lock order: write_mutex_ (who writes to the socket), read_mutex_ (who reads from it), queue_mutex_ (the buffer, the
// pool of reserved bulk, the state of the connection).
#include "transport/tcp_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "transport/bulk_pool.h"
#include "transport/futex.h"
#include "transport/receive_slots.h"
#include "transport/send_buffer.h"
#include "transport/tcp_socket.h"

namespace gpool::transport {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kQueueBytes = size_t{8} << 20;  // not yet written, of frames; beyond it a sender waits
constexpr size_t kMuchKept = size_t{4} << 20;    // a sender should look for acknowledgements
constexpr size_t kMostKept = size_t{256} << 20;  // a peer that acknowledges so little is not one of ours
constexpr auto kMostKeptPatience = std::chrono::seconds(30);
constexpr size_t kWriteBytes = size_t{1} << 20;  // at once
constexpr size_t kSliceBytes = 256 * 1024;       // of large bulk: copied while the one before it is written
constexpr auto kNoticeTime = std::chrono::seconds(1);
constexpr auto kClosingTime = std::chrono::seconds(1);
constexpr size_t kReadBytes = 256 * 1024;
// Received bytes are acknowledged along with the next frame from the first number on, by themselves from the second.
constexpr uint64_t kAcknowledgeAlong = 64 * 1024, kAcknowledgeAlone = 1024 * 1024;
constexpr auto kLook = std::chrono::seconds(2);  // at whether the peer is there
constexpr auto kDialTime = std::chrono::seconds(3);
constexpr auto kRefusedTime = std::chrono::seconds(2);  // nobody has listened for so long: workerd, and so the worker,
                                                        // has ended
constexpr auto kFirstPause = std::chrono::milliseconds(20), kLongestPause = std::chrono::milliseconds(500);

std::string seconds_text(std::chrono::milliseconds time) {
  std::string text = std::to_string(double(time.count()) / 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

class TcpLink final : public Link {
 public:
  TcpLink(Fd socket, TcpResumption resumption)
      : socket_(std::move(socket)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        keeps_(resumption.keeps),
        grace_(resumption.grace),
        way_back_(resumption.way_back),
        resumable_(resumption.keeps && resumption.grace.count() > 0) {
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
      if (!has_room()) return nullptr;
    }
    return scratch_for(frame_bytes);
  }
  std::byte* begin(size_t frame_bytes) override {
    if (!size_is_sound(frame_bytes)) return nullptr;
    std::unique_lock lock(queue_mutex_);
    auto patience_ends = Clock::now() + kMostKeptPatience;
    while (!space_changed_.wait_for(lock, kLook, [&] { return broken() || has_room(); })) {
      bool must_write = buffer_.unwritten_bytes() > kQueueBytes;
      if (must_write || Clock::now() < patience_ends) continue;
      lock.unlock();
      fail("The peer takes what is sent and does not acknowledge it.");
      return nullptr;
    }
    return broken() ? nullptr : scratch_for(frame_bytes);
  }
  std::byte* begin_bulk(size_t bulk_bytes) override {
    if (bulk_bytes == 0 || bulk_bytes > wire::kBulkPieceBytes) {
      fail("Bulk of an impossible size was to be sent; this is a bug in gpool.");
      return nullptr;
    }
    std::unique_lock lock(queue_mutex_);
    std::byte* at = nullptr;
    space_changed_.wait(lock, [&] { return broken() || (at = take_from_pool(bulk_bytes)); });
    begun_bulk_ = at ? std::span<const std::byte>(at, bulk_bytes) : std::span<const std::byte>();
    return at;
  }
  std::byte* try_reserve_bulk(size_t bulk_bytes) override {
    if (bulk_bytes == 0 || bulk_bytes > wire::kBulkPieceBytes || broken()) return nullptr;
    std::scoped_lock lock(queue_mutex_);
    return take_from_pool(bulk_bytes);
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

  Outcome send(std::span<const std::byte> bulk) override { return send_begun(bulk, false); }
  Outcome send_borrowed(std::span<const std::byte> bulk) override { return send_begun(bulk, true); }
  void keep_borrowed() override {
    for (bool nobody_writes = false;;) {
      std::unique_lock write_lock(write_mutex_, std::defer_lock);
      if (nobody_writes) write_lock.lock();
      std::scoped_lock lock(queue_mutex_);
      switch (buffer_.keep_borrowed(nobody_writes)) {
        case SendBuffer::Kept::none:
          return;
        case SendBuffer::Kept::being_written:
          nobody_writes = true;
          break;
        case SendBuffer::Kept::one:
          nobody_writes = false;
          break;
      }
    }
  }

  Outcome flush() override {
    if (broken()) return Outcome::broken;
    write_now();
    return broken() ? Outcome::broken : Outcome::done;
  }
  bool keeps_much() const override { return keeps_much_.load(std::memory_order_relaxed); }

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
      auto now = Clock::now();
      if (now >= deadline) return Outcome::timed_out;
      bool reads = !waits_for_room_ && connected();
      if (reads && spinner_.spin([&] { return read_some() || !connected(); })) continue;
      auto left = std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::seconds(1));
      timespec limit{time_t(left.count() / 1000000000), long(left.count() % 1000000000)};
      pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
      ppoll(fds, reads ? 2 : 1, &limit, nullptr);
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
    while (!broken()) {
      if (!connected()) {
        std::unique_lock lock(queue_mutex_);
        space_changed_.wait_for(lock, kLook, [&] { return broken() || state_ == State::connected; });
        continue;
      }
      pollfd state{socket_.get(), POLLRDHUP, 0};
      if (poll(&state, 1, int(std::chrono::milliseconds(kLook).count())) <= 0) continue;
      // Who receives may be about to see it, with what stands before it. One who reads nothing for a while is held up.
      uint64_t received = received_.load();
      std::unique_lock lock(queue_mutex_);
      space_changed_.wait_for(lock, kNoticeTime, [&] { return broken() || state_ == State::away; });
      lock.unlock();
      std::scoped_lock read_lock(read_mutex_);
      if (connected() && received == received_.load() && poll(&state, 1, 0) == 1)
        lost("The other side ended the connection.");
    }
  }
  void close() override {
    // What was sent before is still written, as long as the peer takes it.
    auto end = Clock::now() + kClosingTime;
    while (!broken() && Clock::now() < end) {
      write_now();
      {
        std::scoped_lock lock(queue_mutex_);
        bool all_written = buffer_.written() == buffer_.end();
        if (all_written || (state_ == State::away && !way_back_)) break;
      }
      pollfd state{socket_.get(), POLLOUT, 0};
      if (poll(&state, 1, 10) == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    bool waits = keeps_ && way_back_ && connected();
    fail("The session was closed on this side.", waits ? SHUT_WR : SHUT_RDWR);
    // The worker may still be acknowledging. To a socket that is no more its bytes would bring a reset, and that would
    // take away what it has not read yet, the goodbye with it.
    std::byte rest[4096];
    while (waits && Clock::now() < end) {
      pollfd state{socket_.get(), POLLIN, 0};
      if (poll(&state, 1, 10) != 1) continue;
      ssize_t got = recv(socket_.get(), rest, sizeof rest, MSG_DONTWAIT);
      waits = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    }
  }
  const char* name() const override { return "tcp"; }
  Counters counters() const override {
    return {frames_sent_.load(std::memory_order_relaxed), frames_received_.load(std::memory_order_relaxed),
            bytes_sent_.load(std::memory_order_relaxed), bytes_received_.load(std::memory_order_relaxed)};
  }
  std::span<std::byte> bulk_memory() override { return receive_pool_.memory(); }
  std::span<std::byte> send_bulk_memory() override { return send_pool_.memory(); }

  // -- coming back
  // -----------------------------------------------------------------------------------------------------
  void resume(Fd socket, uint64_t received) override {
    // The client knows of the loss before this side does, or has given up on a network that is only slow.
    lost("The client has come back over another connection.");
    adopt(std::move(socket), received);
  }
  void forgo_resumption(const std::string& sentence) override {
    bool away;
    {
      std::scoped_lock lock(queue_mutex_);
      resumable_ = false;
      away = state_ == State::away;
    }
    if (away) fail(sentence);
  }

 private:
  enum class State : uint8_t { connected, away };

  bool connected() const { return state_.load(std::memory_order_acquire) == State::connected && !broken(); }

  bool fail(const std::string& sentence, int how = SHUT_RDWR) {
    {
      std::scoped_lock lock(why_mutex_);
      if (why_.empty()) why_ = sentence;
    }
    if (!failed_.exchange(true)) {
      shutdown(socket_.get(), how);
      {
        std::scoped_lock lock(queue_mutex_);
      }  // a waiter is either before its check or asleep
      space_changed_.notify_all();
      queue_changed_.notify_all();
      wake_receiver();
    }
    return false;
  }
  // The socket is of no use any more. Who used it holds write_mutex_ or read_mutex_, so that it is still the same one.
  bool lost(const std::string& sentence) {
    {
      std::unique_lock lock(queue_mutex_);
      if (!resumable_) {
        lock.unlock();
        return fail(sentence);
      }
      if (state_ == State::away) return false;
      state_ = State::away;
      away_until_ = Clock::now() + grace_;
      why_away_ = sentence;
      shutdown(socket_.get(), SHUT_RDWR);
    }
    log::warn(sentence + " For " + seconds_text(grace_) + " the session can be resumed.");
    space_changed_.notify_all();
    queue_changed_.notify_all();
    wake_receiver();
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

  // With queue_mutex_:
  bool has_room() const { return buffer_.unwritten_bytes() <= kQueueBytes && buffer_.kept_bytes() <= kMostKept; }
  auto back_to_pool() {
    return [this](std::span<const std::byte> bulk) { send_pool_.give_back(bulk.data()); };
  }
  std::byte* take_from_pool(size_t bytes) {
    for (;;) {
      if (std::byte* at = send_pool_.take(bytes)) return at;
      // What was written is only kept; the pool is for what is not. Acknowledgements cannot be waited for here: they
      // may stand behind frames that wait for this very room.
      if (buffer_.kept_bytes() > kMostKept || !buffer_.copy_out(back_to_pool())) return nullptr;
    }
  }
  std::span<const std::byte> append_slice(std::span<const std::byte> bulk) {
    size_t step = std::min(bulk.size(), kSliceBytes);
    buffer_.append(bulk.first(step));
    frame_open_ = step < bulk.size();
    keeps_much_.store(buffer_.kept_bytes() > kMuchKept, std::memory_order_relaxed);
    return bulk.subspan(step);
  }
  uint64_t unacknowledged() const {
    if (!keeps_) return 0;
    return received_.load(std::memory_order_relaxed) - acknowledged_to_peer_.load(std::memory_order_relaxed);
  }
  void append_acknowledgement() {
    uint64_t position = received_.load(std::memory_order_relaxed);
    acknowledged_to_peer_.store(position, std::memory_order_relaxed);
    wire::FrameHeader frame{sizeof frame, wire::kAcknowledge, 0, position, 0, 0, 0};
    buffer_.append(std::as_bytes(std::span(&frame, 1)));
  }
  bool wants_writing() {
    std::scoped_lock lock(queue_mutex_);
    return buffer_.written() < buffer_.end() && !full_ && connected();
  }

  Outcome send_begun(std::span<const std::byte> bulk, bool borrowed) {
    if (broken()) return Outcome::broken;
    auto* header = reinterpret_cast<const wire::FrameHeader*>(scratch_.get());
    frames_sent_.fetch_add(1, std::memory_order_relaxed);
    bytes_sent_.fetch_add(header->frame_bytes + header->bulk_bytes, std::memory_order_relaxed);
    bool wake;
    {
      std::scoped_lock lock(queue_mutex_);
      if (unacknowledged() >= kAcknowledgeAlong) append_acknowledgement();
      buffer_.append({reinterpret_cast<const std::byte*>(scratch_.get()), header->frame_bytes});
      if (!begun_bulk_.empty()) buffer_.append_bulk(std::exchange(begun_bulk_, {}));
      if (borrowed) buffer_.append_borrowed(std::exchange(bulk, {}));
      bulk = append_slice(bulk);
      // A question or an answer is followed by `flush`; waking the sender thread as well would cost more than the
      // write.
      wake = sender_sleeps_ && (header->flags & (wire::kWantsReply | wire::kReply | wire::kPush)) == 0;
    }
    while (!bulk.empty()) {
      write_now();
      std::scoped_lock lock(queue_mutex_);
      bulk = append_slice(bulk);
    }
    if (borrowed)
      write_now();
    else if (wake)
      queue_changed_.notify_one();
    return Outcome::done;
  }

  // Writes what there is unless the socket is full or another thread is at it.
  void write_now() {
    do {
      if (full_ || !connected()) return;
      std::unique_lock write_lock(write_mutex_, std::try_to_lock);
      if (!write_lock) return;
      write_some();
      // Others may have appended meanwhile, and left it to this thread.
    } while (wants_writing());
  }
  // With write_mutex_: writes until nothing is left or the socket is full.
  void write_some() {
    while (connected()) {
      iovec parts[16];
      msghdr message{};
      message.msg_iov = parts;
      {
        std::scoped_lock lock(queue_mutex_);
        message.msg_iovlen = buffer_.parts(parts, kWriteBytes);
      }
      if (message.msg_iovlen == 0) return;
      ssize_t written = sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (written < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
          {
            std::scoped_lock lock(queue_mutex_);
            full_ = true;
          }
          queue_changed_.notify_one();  // the sender thread waits for room and goes on
          return;
        }
        lost(std::string("The connection of the session broke: ") + std::strerror(errno) + ".");
        return;
      }
      {
        std::scoped_lock lock(queue_mutex_);
        buffer_.wrote(size_t(written), back_to_pool());
        if (!keeps_) buffer_.acknowledge(buffer_.written(), back_to_pool());
      }
      space_changed_.notify_all();
    }
  }

  void send_loop() {
    auto next_look = Clock::now() + kLook;
    for (;;) {
      bool away;
      {
        std::unique_lock lock(queue_mutex_);
        sender_sleeps_ = true;
        queue_changed_.wait_until(lock, next_look, [&] {
          return ending_ || broken() || state_ == State::away || buffer_.written() < buffer_.end();
        });
        sender_sleeps_ = false;
        if (ending_ || broken()) return;
        away = state_ == State::away;
      }
      if (away) {
        way_back_ ? dial_again() : await_return();
        continue;
      }
      {
        std::scoped_lock write_lock(write_mutex_);
        if (!full_) write_some();
      }
      if (full_) {
        pollfd state{socket_.get(), POLLOUT, 0};
        if (poll(&state, 1, int(std::chrono::milliseconds(kLook).count())) > 0) {
          std::scoped_lock lock(queue_mutex_);
          full_ = false;
        }
      }
      if (Clock::now() < next_look) continue;
      next_look = Clock::now() + kLook;
      std::scoped_lock write_lock(write_mutex_);
      if (connected() && peer_is_silent(socket_.get()))
        lost("Nothing has been heard from the other side for a while, though it has to answer.");
    }
  }

  // -- the sender thread while the connection is lost
  std::string away_text() {
    std::scoped_lock lock(queue_mutex_);
    return why_away_.substr(0, why_away_.size() - 1);
  }
  void await_return() {
    bool over;
    {
      std::unique_lock lock(queue_mutex_);
      over = !queue_changed_.wait_until(lock, away_until_,
                                        [&] { return ending_ || broken() || state_ == State::connected; });
    }
    if (over) fail(away_text() + ", and the client did not come back within " + seconds_text(grace_) + ".");
  }
  void dial_again() {
    using Result = Redialled::Outcome;
    std::chrono::milliseconds pause = kFirstPause;
    auto answered = Clock::now();  // by anything but a refusal to connect
    for (;;) {
      Clock::time_point until;
      {
        std::scoped_lock lock(queue_mutex_);
        if (ending_ || broken() || state_ == State::connected) return;
        until = away_until_;
      }
      uint64_t received;
      {
        std::scoped_lock lock(read_mutex_);  // nobody is still reading
        received = received_.load();
      }
      auto now = Clock::now();
      if (now >= until) {
        fail(away_text() + ", and could not be resumed within " + seconds_text(grace_) + ".");
        return;
      }
      Redialled result =
          redial(*way_back_, received, std::min(until, now + kDialTime), [this] { return broken() || ending_; });
      if (result.outcome == Result::resumed && adopt(std::move(result.socket), result.peer_received)) return;
      if (result.outcome == Result::ended) {
        fail(away_text() + "; then: " + result.sentence);
        return;
      }
      now = Clock::now();
      if (result.outcome != Result::refused) answered = now;
      if (now - answered >= kRefusedTime) {
        fail(away_text() + ", and no gpool-workerd listens there any more.");
        return;
      }
      std::unique_lock lock(queue_mutex_);
      queue_changed_.wait_for(lock, pause, [&] { return ending_ || broken(); });
      pause = std::min(pause * 2, kLongestPause);
    }
  }

  // Goes on with a new socket, to whose other end everything up to `peer_received` has come. False: not with this one.
  bool adopt(Fd fresh, uint64_t peer_received) {
    std::scoped_lock write_lock(write_mutex_);
    std::scoped_lock read_lock(read_mutex_);
    if (broken() || state_ != State::away) return false;
    uint64_t received = received_.load();
    {
      std::unique_lock lock(queue_mutex_);
      if (peer_received < buffer_.acknowledged() || peer_received > buffer_.written()) {
        lock.unlock();
        return fail("The peer came back at a position of the stream where it cannot be.");
      }
    }
    if (!way_back_ && !answer_redial(fresh.get(), received)) return false;  // it will come again
    if (dup3(fresh.get(), socket_.get(), O_CLOEXEC) < 0) return false;
    {
      std::scoped_lock lock(queue_mutex_);
      buffer_.acknowledge(peer_received, back_to_pool());
      buffer_.rewind();
      acknowledged_to_peer_.store(received, std::memory_order_relaxed);
      full_ = false;
      state_ = State::connected;
    }
    log::info("The session goes on over a new connection.");
    space_changed_.notify_all();
    queue_changed_.notify_all();
    wake_receiver();
    return true;
  }

  // Takes a whole frame out of what was read. False: more bytes, or room in the pool, are needed first.
  bool take_frame(Received& frame) {
    while (!frame_begun_) {
      size_t have = read_end_ - read_begin_;
      if (have < sizeof(wire::FrameHeader)) return false;
      wire::FrameHeader header;
      std::memcpy(&header, read_buffer() + read_begin_, sizeof header);
      if (header.frame_bytes < sizeof header || header.frame_bytes > wire::kMaxFrameBytes ||
          header.frame_bytes % 8 != 0)
        return refuse("The peer sent a frame of an impossible size.");
      if (header.bulk_bytes > wire::kBulkPieceBytes) return refuse("The peer sent bulk of an impossible size.");
      if (keeps_ && header.call == wire::kAcknowledge) {
        if (header.frame_bytes != sizeof header || header.bulk_bytes != 0 || !take_acknowledgement(header.sequence))
          return refuse("The peer acknowledged what was never sent.");
        read_begin_ += sizeof header;
        continue;
      }
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
    size_t got = read_socket(message);
    size_t direct = std::min(got, in_place);
    bulk_filled_ += direct;
    read_end_ += got - direct;
    if (unacknowledged() >= kAcknowledgeAlone) acknowledge_alone();
    return got > 0;
  }
  size_t read_socket(msghdr& message) {
    std::scoped_lock read_lock(read_mutex_);
    if (!connected()) return 0;
    ssize_t got = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (got > 0) {
      received_.store(received_.load(std::memory_order_relaxed) + uint64_t(got), std::memory_order_relaxed);
      return size_t(got);
    }
    if (got == 0) {
      lost("The other side ended the connection.");
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      lost(std::string("The connection of the session broke: ") + std::strerror(errno) + ".");
    }
    return 0;
  }
  void acknowledge_alone() {
    {
      std::scoped_lock lock(queue_mutex_);
      if (frame_open_) return;  // in the middle of a frame; the next one takes it along
      append_acknowledgement();
    }
    write_now();
  }
  bool take_acknowledgement(uint64_t position) {
    {
      std::scoped_lock lock(queue_mutex_);
      if (!buffer_.acknowledge(position, back_to_pool())) return false;
      keeps_much_.store(buffer_.kept_bytes() > kMuchKept, std::memory_order_relaxed);
    }
    space_changed_.notify_all();
    return true;
  }

  Fd socket_, wake_;

  const bool keeps_;  // acknowledgements are spoken, and what is not acknowledged is kept
  const std::chrono::milliseconds grace_;
  const std::optional<WayBack> way_back_;

  std::mutex write_mutex_, read_mutex_;
  std::mutex queue_mutex_;
  std::condition_variable queue_changed_, space_changed_;
  // written under queue_mutex_
  SendBuffer buffer_;
  BulkPool send_pool_{kTcpPoolBytes};
  bool resumable_;
  std::atomic<State> state_{State::connected};
  std::atomic<bool> full_{false};  // the socket; the sender thread waits for it
  std::atomic<bool> ending_{false};
  bool sender_sleeps_ = false;
  bool frame_open_ = false;  // the rest of its bulk is not in the buffer yet
  Clock::time_point away_until_;
  std::string why_away_;
  std::atomic<uint64_t> acknowledged_to_peer_{0};
  std::atomic<bool> keeps_much_{false};

  std::atomic<uint64_t> received_{0};  // bytes of the peer's stream; written under read_mutex_
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
  BulkPool receive_pool_{kTcpPoolBytes};  // under receive_pool_mutex_
  std::atomic<bool> waits_for_room_{false};

  std::atomic<bool> interrupted_{false}, failed_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
  std::atomic<uint64_t> frames_sent_{0}, frames_received_{0}, bytes_sent_{0}, bytes_received_{0};
};

}  // namespace

std::unique_ptr<Link> make_tcp_link(Fd socket, TcpResumption resumption) {
  prepare_tcp_socket(socket.get());
  return std::make_unique<TcpLink>(std::move(socket), std::move(resumption));
}

}  // namespace gpool::transport
