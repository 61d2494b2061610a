// What a peer may put on a connection: bytes on a TCP socket, acknowledgements and a lost connection among them, and
// anything at all in the shared memory of a ring. The first byte of an input says which, and from which side it is
// looked at.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "tests/fuzz/target.h"
#include "transport/shm_link.h"
#include "transport/shm_memory.h"
#include "transport/tcp_link.h"

using namespace gpool;
using namespace gpool::transport;

namespace {

constexpr uint64_t kRingBytes = 64 << 10, kBulkBytes = 4 << 20;
constexpr int kMostFrames = 64;
constexpr uint64_t kKeptFrames = 3;
constexpr uint32_t kKeptFrameBytes = 64;

// Everything that is there is received; all of it can be read.
void receive_all(Link& link) {
  uint64_t sum = 0;
  Received frame;
  for (int i = 0; i < kMostFrames && link.try_receive(frame); ++i) {
    for (size_t at = 0; at < frame.argument_bytes(); ++at) sum += uint64_t(frame.arguments()[at]);
    if (!frame.bulk.empty()) sum += uint64_t(frame.bulk.front()) + uint64_t(frame.bulk.back());
    link.release(frame);
  }
  volatile uint64_t used = sum;
  (void)used;
}

// A link whose sender thread is made once: making a thread for each input would be most of the work.
void over_tcp(std::span<const uint8_t> bytes) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  Fd ours(ends[0]), theirs(ends[1]);
  ssize_t ignored = send(theirs.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)ignored;
  theirs.reset();
  auto link = make_tcp_link(std::move(ours));
  receive_all(*link);
  if (link->broken()) FUZZ_EXPECT(!link->why().empty());
}

// A worker's link that keeps what it has sent until it is acknowledged, and whose client comes back in the middle: the
// input begins with the position that it names, and how much of the rest is said before.
void over_a_resumed_connection(std::span<const uint8_t> bytes) {
  uint64_t head[2] = {};
  const size_t length = std::min(bytes.size(), sizeof head);
  std::memcpy(head, bytes.data(), length);
  bytes = bytes.subspan(length);
  const size_t before = std::min<size_t>(head[1], bytes.size());
  int ends[2], again[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  Fd ours(ends[0]), theirs(ends[1]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again) != 0) return;
  Fd ours_again(again[0]), theirs_again(again[1]);
  TcpResumption resumption;
  resumption.keeps = true, resumption.grace = std::chrono::seconds(10);
  auto link = make_tcp_link(std::move(ours), std::move(resumption));
  for (uint64_t i = 1; i <= kKeptFrames; ++i) {
    std::byte* room = link->try_begin(kKeptFrameBytes);
    if (room == nullptr) return;
    std::memset(room, 0, kKeptFrameBytes);
    const wire::FrameHeader header{kKeptFrameBytes, 2, wire::kReply, i, 0, 0, 0};
    std::memcpy(room, &header, sizeof header);
    link->send();
  }
  link->flush();
  auto say = [](const Fd& socket, std::span<const uint8_t> what) {
    ssize_t ignored = send(socket.get(), what.data(), what.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)ignored;
  };
  say(theirs, bytes.first(before));
  receive_all(*link);
  say(theirs_again, bytes.subspan(before));
  link->resume(std::move(ours_again), head[0]);
  receive_all(*link);
  if (link->broken()) FUZZ_EXPECT(!link->why().empty());
}

void over_shared_memory(std::span<const uint8_t> bytes, Side side) {
  ShmMemory memory, theirs;
  if (!ShmMemory::create(kRingBytes, kBulkBytes, memory)) return;
  const int copy = dup(memory.fd());
  if (!ShmMemory::attach(Fd(copy), kRingBytes, kBulkBytes, theirs)) return;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  Fd ours(ends[0]), peer(ends[1]);
  auto link = make_shm_link(std::move(memory), std::move(ours), side);
  SharedState& state = theirs.state();
  RingState& in = side == Side::worker ? state.to_worker : state.to_client;
  RingState& out = side == Side::worker ? state.to_client : state.to_worker;
  // Counters come from the input as well: the other side's, which it may set to anything.
  uint64_t numbers[4] = {};
  const size_t head = std::min(bytes.size(), sizeof numbers);
  std::memcpy(numbers, bytes.data(), head);
  std::span<std::byte> ring = theirs.ring(side == Side::worker);
  const size_t length = std::min(bytes.size() - head, ring.size());
  std::memcpy(ring.data(), bytes.data() + head, length);
  in.tail.store(numbers[0] == 0 ? (length + 15) / 16 * 16 : numbers[0]);
  out.head.store(numbers[1]);
  receive_all(*link);
  out.releases[0].store(numbers[2]);
  out.released.store(numbers[3]);
  if (std::byte* room = link->try_begin(64)) {
    std::memset(room, 0, 64);
    reinterpret_cast<wire::FrameHeader*>(room)->frame_bytes = 64;
    if (std::byte* bulk = link->try_reserve_bulk(4096)) {
      std::memset(bulk, 1, 4096);
      link->send_reserved(bulk, 4096);
    } else {
      link->send({});
    }
  }
  for (int i = 0; i < 4; ++i)
    if (std::byte* bulk = link->try_reserve_bulk(1 << 20)) std::memset(bulk, 1, 1 << 20);
  receive_all(*link);
  if (link->broken()) FUZZ_EXPECT(!link->why().empty());
}

}  // namespace

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  for (uint8_t way = 0; way < 3; ++way) {
    std::vector<uint8_t> bytes(1, way);
    if (way > 0) bytes.resize(1 + 4 * sizeof(uint64_t));
    for (uint32_t i = 0; i < 4; ++i) {
      wire::FrameHeader header{40, uint16_t(2 + i), wire::kWantsReply, i + 1, 1, 0, i == 3 ? 64u : 0u};
      if (way > 0) {
        const uint32_t slot[4] = {16 + 48, 0, 0, 0};
        bytes.insert(bytes.end(), reinterpret_cast<const uint8_t*>(slot), reinterpret_cast<const uint8_t*>(slot + 4));
      }
      bytes.insert(bytes.end(), reinterpret_cast<const uint8_t*>(&header),
                   reinterpret_cast<const uint8_t*>(&header + 1));
      bytes.resize(bytes.size() + (way > 0 ? 16 : i == 3 ? 8 + 64 : 8));
    }
    inputs.push_back(bytes);
  }
  for (uint64_t position :
       {uint64_t{0}, uint64_t{kKeptFrameBytes}, kKeptFrames * kKeptFrameBytes, kKeptFrames * kKeptFrameBytes + 1}) {
    std::vector<uint8_t> bytes(1, 3);
    auto put = [&bytes](const auto& value) {
      const auto* at = reinterpret_cast<const uint8_t*>(&value);
      bytes.insert(bytes.end(), at, at + sizeof value);
    };
    put(position), put(uint64_t{2 * sizeof(wire::FrameHeader)});
    // Acknowledgements alone and before a frame, on the connection that is lost and on the one after it.
    for (int i = 0; i < 2; ++i) {
      put(wire::FrameHeader{sizeof(wire::FrameHeader), wire::kAcknowledge, 0, position, 0, 0, 0});
      put(wire::FrameHeader{sizeof(wire::FrameHeader), 2, wire::kWantsReply, 1, 0, 0, 0});
    }
    inputs.push_back(bytes);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      over_tcp(bytes);
      break;
    case 1:
      over_shared_memory(bytes, Side::worker);
      break;
    case 2:
      over_shared_memory(bytes, Side::client);
      break;
    default:
      over_a_resumed_connection(bytes);
      break;
  }
  return 0;
}
