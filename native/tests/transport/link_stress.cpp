// Drives one link hard, between two processes, and checks every byte.
//
//   gpool-link-stress shm|tcp exchange SEED FRAMES    random frames and bulk both ways at once, releases out of order
//   gpool-link-stress tcp cuts SEED FRAMES            the same through a proxy that cuts the connection again and again
//   gpool-link-stress shm|tcp full SEED               both sides send until the other's room is used up, then drain
//   gpool-link-stress shm|tcp killed SEED             the peer is killed in the middle; prints how long it took to
//   notice gpool-link-stress shm|tcp hostile SEED            the peer writes nonsense; this side must say so and go on
//   living gpool-link-stress shm|tcp latency N               round trips; prints the median gpool-link-stress shm|tcp
//   bandwidth MIB           bulk one way; prints GB/s
//
// TCP links can be resumed, as those of sessions; `once` in the place of `tcp` is TCP without that.
//
// Exits with 0 when everything held; else with 1 and a sentence.
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "transport/handshake.h"

using namespace gpool;
using namespace gpool::transport;
using Clock = std::chrono::steady_clock;

namespace {

[[noreturn]] void die(const std::string& sentence) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::_Exit(1);
}

uint64_t checksum(std::span<const std::byte> bytes) {
  uint64_t hash = 1469598103934665603u;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 1099511628211u;
  }
  for (; i < bytes.size(); ++i) hash = (hash ^ uint64_t(bytes[i])) * 1099511628211u;
  return hash;
}

constexpr uint16_t kData = 40, kLast = 41;

struct Payload {
  uint64_t bulk_checksum, tail_checksum;
};

struct Pattern {
  std::mt19937_64 random;
  std::vector<std::byte> noise = std::vector<std::byte>(wire::kBulkPieceBytes + 4096);
  std::vector<std::vector<std::byte>> borrowed;  // by the link
  size_t lends = 3;                              // so many at most
  explicit Pattern(uint64_t seed) : random(seed) {
    for (size_t i = 0; i + 8 <= noise.size(); i += 8) {
      uint64_t word = random();
      std::memcpy(noise.data() + i, &word, 8);
    }
  }
  std::span<const std::byte> some(size_t bytes) { return {noise.data() + random() % 4096, bytes}; }
  size_t tail_bytes() { return random() % 50 == 0 ? random() % (900 * 1024) / 8 * 8 : random() % 64 * 8; }
  size_t bulk_bytes() {
    switch (random() % 8) {
      case 0:
        return 1 + random() % wire::kBulkPieceBytes;
      case 1:
        return wire::kBulkPieceBytes;
      case 2:
      case 3:
        return 1 + random() % 70000;
      default:
        return 0;
    }
  }
};

bool send_one(Link& link, Pattern& pattern, uint16_t call, uint64_t sequence) {
  auto tail = pattern.some(pattern.tail_bytes());
  auto bulk = pattern.some(pattern.bulk_bytes());
  size_t frame_bytes = sizeof(wire::FrameHeader) + sizeof(Payload) + tail.size();
  std::byte* at = link.begin(frame_bytes);
  if (!at) return false;
  wire::FrameHeader header{uint32_t(frame_bytes), call, 0, sequence, 0, 0, bulk.size()};
  Payload payload{checksum(bulk), checksum(tail)};
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + sizeof header, &payload, sizeof payload);
  std::memcpy(at + sizeof header + sizeof payload, tail.data(), tail.size());
  switch (bulk.empty() ? 0 : pattern.random() % 3) {
    case 0:
      return link.send(bulk) == Outcome::done;
    case 1: {
      // Of memory that is given back when the sender has got on a little.
      pattern.borrowed.emplace_back(bulk.begin(), bulk.end());
      if (link.send_borrowed(pattern.borrowed.back()) != Outcome::done) return false;
      if (pattern.borrowed.size() < pattern.lends) return true;
      link.keep_borrowed();
      for (auto& lent : pattern.borrowed) std::fill(lent.begin(), lent.end(), std::byte{0});
      pattern.borrowed.clear();
      pattern.lends = 1 + pattern.random() % 6;
      return true;
    }
    default: {
      std::byte* room = link.begin_bulk(bulk.size());
      if (!room) return false;
      std::memcpy(room, bulk.data(), bulk.size());
      return link.send() == Outcome::done;
    }
  }
}

void check_one(const Received& frame, uint64_t expected_sequence) {
  Payload payload;
  if (frame.argument_bytes() < sizeof payload) die("A frame lost its payload.");
  std::memcpy(&payload, frame.arguments(), sizeof payload);
  if (frame.header->sequence != expected_sequence) die("A frame came out of order.");
  if (frame.bulk.size() != frame.header->bulk_bytes || checksum(frame.bulk) != payload.bulk_checksum)
    die("Bulk came damaged.");
  std::span<const std::byte> tail(frame.arguments() + sizeof payload, frame.argument_bytes() - sizeof payload);
  if (checksum(tail) != payload.tail_checksum) die("A frame came damaged.");
}

void send_many(Link& link, uint64_t seed, uint64_t frames) {
  Pattern pattern(seed);
  for (uint64_t i = 1; i <= frames; ++i)
    if (!send_one(link, pattern, i == frames ? kLast : kData, i)) die("Sending failed: " + link.why());
  if (link.flush() != Outcome::done) die("Flushing failed: " + link.why());
  link.keep_borrowed();
}

void receive_many(Link& link, uint64_t seed, size_t hold) {
  std::mt19937_64 random(seed);
  std::vector<Received> held;
  for (uint64_t expected = 1;; ++expected) {
    Received frame;
    while (true) {
      Outcome outcome = link.receive(frame, Clock::now() + std::chrono::milliseconds(20));
      if (outcome == Outcome::done) break;
      if (outcome == Outcome::broken) die("Receiving failed: " + link.why());
      for (auto& one : held) link.release(one);  // room may be what is missing
      held.clear();
    }
    check_one(frame, expected);
    bool last = frame.header->call == kLast;
    held.push_back(frame);
    while (held.size() > hold) {
      size_t which = random() % held.size();
      link.release(held[which]);
      held[which] = held.back();
      held.pop_back();
    }
    if (last) break;
  }
  for (auto& one : held) link.release(one);
}

struct Ends {
  std::unique_ptr<Link> link;
  pid_t child = 0;  // in the parent: the worker's side
  pid_t proxy = 0;
  std::atomic<uint32_t>* cuts = nullptr;  // shared with the proxy
};

constexpr uint64_t kKey = 0x1234567812345678;

Fd listen_on_loopback(std::string& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) || listen(listener.get(), 4))
    die("bind failed");
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &size);
  address = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
  return listener;
}

GreetingReader greeted(int socket) {
  GreetingReader reader;
  std::byte buffer[512];
  while (size_t wanted = reader.wanted()) {
    ssize_t got = read(socket, buffer, std::min(wanted, sizeof buffer));
    if (got <= 0) break;
    reader.add({buffer, size_t(got)});
  }
  return reader;
}

// The worker's side of clients that come back, as workerd and the worker share it.
void take_back(Fd listener, Link& link) {
  for (;;) {
    Fd accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted) return;
    GreetingReader reader = greeted(accepted.get());
    if (!reader.resuming()) continue;  // cut in the middle of its first words
    if (reader.resuming()->resume_key != kKey) die("The client came back with another key.");
    link.resume(std::move(accepted), reader.resuming()->received);
  }
}

// Passes bytes on, and cuts the connection after a random number of them: mostly hard (RST), sometimes softly (FIN).
[[noreturn]] void run_proxy(Fd listener, const sockaddr_in& target, uint64_t seed, std::atomic<uint32_t>& cuts) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::mt19937_64 random(seed);
  std::vector<char> buffer(256 * 1024);
  size_t least = 8192;  // the greeting of a session cannot be resumed
  for (;; least = 1, ++cuts) {
    Fd near(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Fd far(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(far.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) std::_Exit(0);
    size_t left = least + (size_t{1} << random() % 24) + random() % 1000;
    bool hard = random() % 4 != 0;
    while (left > 0) {
      pollfd fds[2] = {{near.get(), POLLIN, 0}, {far.get(), POLLIN, 0}};
      if (poll(fds, 2, -1) < 0) break;
      bool ended = false;
      for (int i = 0; i < 2 && !ended && left > 0; ++i) {
        if (fds[i].revents == 0) continue;
        ssize_t got = recv(fds[i].fd, buffer.data(), std::min(buffer.size(), left), 0);
        // Forwards all of it; one whose peer is not reading holds up the other direction only shortly.
        ended = got <= 0 || send(fds[1 - i].fd, buffer.data(), size_t(got), MSG_NOSIGNAL) != got;
        if (!ended) left -= size_t(got);
      }
      if (ended) break;
    }
    linger how{1, 0};
    if (hard)
      for (int fd : {near.get(), far.get()}) setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof how);
  }
}

// Forks; the child accepts, the parent connects.
Ends make_ends(const std::string& transport, bool through_proxy, uint64_t seed) {
  bool shared_memory = transport == "shm";
  std::string folder, path;
  Fd listener;
  std::string address;
  if (shared_memory) {
    char pattern[] = "/tmp/gpool-stress-XXXXXX";
    if (!mkdtemp(pattern)) die("mkdtemp failed");
    folder = pattern, path = folder + "/s";
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::strcpy(where.sun_path, path.c_str());
    listener.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) || listen(listener.get(), 4))
      die("bind failed");
  } else {
    listener = listen_on_loopback(address);
  }
  Ends ends;
  if (through_proxy) {
    sockaddr_in target{};
    socklen_t size = sizeof target;
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&target), &size);
    void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ends.cuts = new (shared) std::atomic<uint32_t>(0);
    Fd entrance = listen_on_loopback(address);
    ends.proxy = fork();
    if (ends.proxy == 0) {
      listener.reset();
      run_proxy(std::move(entrance), target, seed, *ends.cuts);
    }
  }
  ends.child = fork();
  if (ends.child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Fd accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (greeted(accepted.get()).greeting().hello.pid == 0) die("no greeting");
    wire::DeviceRecord device{};
    device.memory_bytes = 42;
    wire::Welcome welcome{};
    if (transport == "tcp") welcome.resume_key = kKey, welcome.grace_ms = through_proxy ? 30'000 : 500;
    Status status = accept_session(std::move(accepted), welcome, {&device, 1}, ends.link);
    if (!status) die(status.sentence());
    if (through_proxy) std::thread(take_back, std::move(listener), std::ref(*ends.link)).detach();
    return ends;
  }
  listener.reset();
  Connection connection;
  ConnectOptions options;
  options.version = "test";
  options.ticket.resize(152);
  Status status = shared_memory ? connect_unix(path, options, connection) : connect_tcp(address, options, connection);
  if (shared_memory) unlink(path.c_str()), rmdir(folder.c_str());
  if (!status) die(status.sentence());
  if (connection.devices.size() != 1 || connection.devices[0].memory_bytes != 42)
    die("The device record came damaged.");
  ends.link = std::move(connection.link);
  return ends;
}

int exchange(Ends& ends, uint64_t seed, uint64_t frames) {
  bool child = ends.child == 0;
  std::thread sender([&] { send_many(*ends.link, seed + child, frames); });
  receive_many(*ends.link, seed + 7, 6);
  sender.join();
  return 0;
}

int cuts(Ends& ends, uint64_t seed, uint64_t frames) {
  exchange(ends, seed, frames);
  // The child has had everything when it says so, and the parent is the one to hear it.
  Link& link = *ends.link;
  if (ends.child == 0) {
    std::byte* at = link.begin(32);
    wire::FrameHeader header{32, kLast, wire::kReply, 1, 0, 0, 0};
    std::memcpy(at, &header, sizeof header);
    link.send();
    link.flush();
    pause();
  }
  Received frame;
  if (link.receive(frame, kForever) != Outcome::done || frame.header->flags != wire::kReply) die(link.why());
  for (pid_t* one : {&ends.child, &ends.proxy}) {
    kill(*one, SIGKILL);
    waitpid(*one, nullptr, 0);
    *one = 0;
  }
  std::printf("cuts=%u\n", ends.cuts->load());
  return ends.cuts->load() > 0 ? 0 : 1;
}

// Each side sends until nothing fits, with nobody receiving; then both drain. Nothing may be lost and nobody may wait
// for ever.
int full(Ends& ends, uint64_t seed) {
  Pattern pattern(seed);
  Link& link = *ends.link;
  auto bulk = pattern.some(wire::kBulkPieceBytes);
  uint64_t sent = 0;
  auto end = Clock::now() + std::chrono::seconds(60);
  auto frame_of = [&](uint16_t call, std::byte* room, size_t bytes) {
    size_t frame_bytes = sizeof(wire::FrameHeader) + sizeof(Payload);
    std::byte* at = link.try_begin(frame_bytes);
    if (!at) return false;
    wire::FrameHeader header{uint32_t(frame_bytes), call, wire::kReply, ++sent, 0, 0, bytes};
    Payload payload{checksum({room, bytes}), checksum({})};
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + sizeof header, &payload, sizeof payload);
    if ((room ? link.send_reserved(room, bytes) : link.send()) != Outcome::done) die("Sending failed: " + link.why());
    return true;
  };
  size_t refusals = 0;
  while (refusals < 3) {
    std::byte* room = link.try_reserve_bulk(bulk.size());
    if (!room) {
      ++refusals;
      link.flush();
      continue;
    }
    std::memcpy(room, bulk.data(), bulk.size());
    if (!frame_of(kData, room, bulk.size())) {
      link.cancel_reserved(room);
      break;
    }
    // Nobody receives before it has been full itself: who gets this far has a peer that was full first and drains
    // already.
    if (sent > 100) break;
  }
  if (sent < 8) die("The bulk area was full at once.");
  uint64_t expected = 0;
  bool last_sent = false, last_seen = false;
  while (!last_sent || !last_seen) {
    if (Clock::now() > end) die("Both sides wait for each other.");
    if (!last_sent) last_sent = frame_of(kLast, nullptr, 0);
    link.flush();
    Received frame;
    if (last_seen) continue;
    Outcome outcome = link.receive(frame, Clock::now() + std::chrono::milliseconds(5));
    if (outcome == Outcome::broken) die("Receiving failed: " + link.why());
    if (outcome != Outcome::done) continue;
    check_one(frame, ++expected);
    last_seen = frame.header->call == kLast;
    link.release(frame);
  }
  // Wait for the other side's end, so that nothing of ours is cut off.
  return 0;
}

int killed(Ends& ends, uint64_t seed) {
  if (ends.child == 0) {
    Pattern pattern(seed);
    for (uint64_t i = 1;; ++i) send_one(*ends.link, pattern, kData, i);
  }
  Received frame;
  for (uint64_t i = 1; i <= 20; ++i) {
    if (ends.link->receive(frame, Clock::now() + std::chrono::seconds(20)) != Outcome::done) die("Nothing came.");
    check_one(frame, i);
    ends.link->release(frame);
  }
  kill(ends.child, SIGKILL);
  waitpid(ends.child, nullptr, 0);
  ends.child = 0;
  auto begin = Clock::now();
  std::thread sender([&] {  // its waits have to end as well
    Pattern pattern(seed);
    for (uint64_t i = 1; send_one(*ends.link, pattern, kData, i); ++i) {
    }
  });
  uint64_t expected = 21;
  for (;; ++expected) {
    Outcome outcome = ends.link->receive(frame, Clock::now() + std::chrono::seconds(20));
    if (outcome == Outcome::broken) break;
    if (outcome == Outcome::timed_out) die("The death of the peer was not noticed.");
    check_one(frame, expected);
    ends.link->release(frame);
  }
  sender.join();
  double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("noticed_s=%.3f frames=%llu why=%s\n", seconds, static_cast<unsigned long long>(expected - 1),
              ends.link->why().c_str());
  return ends.link->why().empty() ? 1 : 0;
}

int hostile(Ends& ends, uint64_t seed) {
  if (ends.child == 0) {
    // Frames whose header lies: sizes, bulk.
    std::mt19937_64 random(seed);
    size_t frame_bytes = sizeof(wire::FrameHeader) + 64;
    std::byte* at = ends.link->begin(frame_bytes);
    wire::FrameHeader header{uint32_t(frame_bytes), kData, 0, 1, 0, 0, 0};
    switch (random() % 4) {
      case 0:
        header.frame_bytes = 8;
        break;
      case 1:
        header.bulk_bytes = uint64_t{1} << 40;
        break;
      case 2:
        header.frame_bytes = 0x7ffffff8;
        break;
      default:
        header.bulk_bytes = wire::kBulkPieceBytes + 1;
        break;
    }
    bool tcp = std::string(ends.link->name()) == "tcp";
    if (tcp) header.frame_bytes = random() % 2 ? 8 : 0;  // longer ones would read past our own buffer
    std::memcpy(at, &header, sizeof header);
    if (tcp) {
      header.frame_bytes = uint32_t(frame_bytes), header.bulk_bytes = uint64_t{1} << 40;
      std::memcpy(at, &header, sizeof header);
    }
    ends.link->send();
    ends.link->flush();
    Received frame;
    ends.link->receive(frame, Clock::now() + std::chrono::seconds(10));
    return 0;
  }
  Received frame;
  if (ends.link->receive(frame, Clock::now() + std::chrono::seconds(10)) != Outcome::broken)
    die("Nonsense was accepted.");
  std::printf("why=%s\n", ends.link->why().c_str());
  return 0;
}

int latency(Ends& ends, int rounds) {
  Link& link = *ends.link;
  auto send = [&](uint16_t call) {
    std::byte* at = link.begin(64);
    if (!at) return false;
    wire::FrameHeader header{64, call, wire::kWantsReply, 1, 0, 0, 0};
    std::memset(at, 0, 64);
    std::memcpy(at, &header, sizeof header);
    return link.send() == Outcome::done && link.flush() == Outcome::done;
  };
  Received frame;
  if (ends.child == 0) {
    while (link.receive(frame, kForever) == Outcome::done) {
      link.release(frame);
      send(kData);
    }
    return 0;
  }
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    auto begin = Clock::now();
    send(kData);
    if (link.receive(frame, kForever) != Outcome::done) die(link.why());
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    link.release(frame);
  }
  std::sort(times.begin(), times.end());
  std::printf("median_us=%.2f p99_us=%.2f\n", times[times.size() / 2], times[times.size() * 99 / 100]);
  return 0;
}

int bandwidth(Ends& ends, uint64_t mebibytes, bool borrowed) {
  Link& link = *ends.link;
  Received frame;
  if (ends.child == 0) {
    for (uint64_t got = 0; got < mebibytes << 20;) {
      if (link.receive(frame, kForever) != Outcome::done) die(link.why());
      got += frame.bulk.size();
      link.release(frame);
    }
    std::byte* at = link.begin(32);
    wire::FrameHeader header{32, kLast, wire::kReply, 1, 0, 0, 0};
    std::memcpy(at, &header, sizeof header);
    link.send();
    link.flush();
    link.receive(frame, Clock::now() + std::chrono::seconds(5));
    return 0;
  }
  std::vector<std::byte> bulk(wire::kBulkPieceBytes, std::byte{7});
  auto begin = Clock::now();
  for (uint64_t i = 0; i < mebibytes / 2; ++i) {
    std::byte* at = link.begin(32);
    if (!at) die(link.why());
    wire::FrameHeader header{32, kData, 0, i + 1, 0, 0, bulk.size()};
    std::memcpy(at, &header, sizeof header);
    if ((borrowed ? link.send_borrowed(bulk) : link.send(bulk)) != Outcome::done) die(link.why());
    if (link.keeps_much() && link.try_receive(frame)) die("An answer before the question.");
    if (borrowed && i % 32 == 31) link.keep_borrowed();  // as after a copy of 64 MiB
  }
  if (link.receive(frame, kForever) != Outcome::done) die(link.why());
  double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("gb_per_s=%.2f\n", double(mebibytes << 20) / seconds / 1e9);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4)
    die("usage: gpool-link-stress shm|tcp|once exchange|cuts|full|killed|hostile|latency|bandwidth|borrowed-bandwidth "
        "NUMBER [FRAMES]");
  std::string transport = argv[1], story = argv[2];
  uint64_t number = std::strtoull(argv[3], nullptr, 10);
  uint64_t frames = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 2000;
  alarm(120);  // the end of every hang
  Ends ends = make_ends(transport, story == "cuts", number);
  int result = 1;
  if (story == "exchange") result = exchange(ends, number, frames);
  if (story == "cuts") result = cuts(ends, number, frames);
  if (story == "full") result = full(ends, number);
  if (story == "killed") result = killed(ends, number);
  if (story == "hostile") result = hostile(ends, number);
  if (story == "latency") result = latency(ends, int(number));
  if (story == "bandwidth") result = bandwidth(ends, number, false);
  if (story == "borrowed-bandwidth") result = bandwidth(ends, number, true);
  if (ends.child == 0) {
    // The last frames must be read before the link goes.
    Received frame;
    while (result == 0 && ends.link->receive(frame, Clock::now() + std::chrono::seconds(10)) == Outcome::done)
      ends.link->release(frame);
    ends.link.reset();
    return result;
  }
  ends.link->close();
  int status = 0;
  if (ends.child > 0) waitpid(ends.child, &status, 0);
  if (status != 0) die("The other side failed.");
  return result;
}
