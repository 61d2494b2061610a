// What may listen where a client looks for its worker: the welcome over a unix socket with a descriptor beside it, the
// welcome over TCP, the answer to a client that comes back, and what follows each of them. The first byte of an input
// says which of the three it is, and the second whether the descriptor is one of ours.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "base/pass_descriptor.h"
#include "tests/fuzz/target.h"
#include "transport/handshake.h"
#include "transport/redial.h"
#include "transport/shm_memory.h"

using namespace gpool;
using namespace gpool::transport;

namespace {

constexpr uint64_t kAreaBytes = uint64_t{4} << 20;

enum Way : uint8_t { over_unix, over_tcp, coming_back, kWays };

// The next caller at either socket hears `said`.
std::span<const uint8_t> said;
int descriptor = -1;
std::atomic<uint32_t> served{0};
std::string folder, unix_path, tcp_address;
sockaddr_in tcp_place{};
Fd unix_listener, tcp_listener;

void serve(const Fd& listener) {
  for (;;) {
    Fd caller(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!caller) continue;
    // A greeting that nobody reads would turn the end of the connection into a reset, and take away what was said.
    std::byte greeting[4096];
    ssize_t ignored = recv(caller.get(), greeting, sizeof greeting, 0);
    if (descriptor >= 0 && !said.empty()) {
      (void)send_with_descriptor(caller.get(), std::as_bytes(said.first(1)), descriptor);
      said = said.subspan(1);
    }
    ignored = send(caller.get(), said.data(), said.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)ignored;
    caller.reset();
    ++served;
    served.notify_one();
  }
}

void remove_folder() {
  unlink(unix_path.c_str());
  rmdir(folder.c_str());
}

void receive_some(Link& link) {
  Received frame;
  for (int i = 0; i < 16 && link.try_receive(frame); ++i) link.release(frame);
  if (link.broken()) FUZZ_EXPECT(!link.why().empty());
}

ConnectOptions patience() {
  ConnectOptions options;
  options.version = "fuzz";
  options.grace = std::chrono::milliseconds(0);
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  log::write_to(open("/dev/null", O_WRONLY | O_CLOEXEC));
  char pattern[] = "/tmp/gpool-welcome-XXXXXX";
  if (mkdtemp(pattern) == nullptr) return 1;
  folder = pattern, unix_path = folder + "/s";
  std::atexit(remove_folder);
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  std::strcpy(place.sun_path, unix_path.c_str());
  unix_listener.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  tcp_listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  tcp_place.sin_family = AF_INET;
  tcp_place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof tcp_place;
  if (bind(unix_listener.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0 ||
      bind(tcp_listener.get(), reinterpret_cast<sockaddr*>(&tcp_place), bytes) != 0 ||
      getsockname(tcp_listener.get(), reinterpret_cast<sockaddr*>(&tcp_place), &bytes) != 0 ||
      listen(unix_listener.get(), 8) != 0 || listen(tcp_listener.get(), 8) != 0)
    return 1;
  tcp_address = "127.0.0.1:" + std::to_string(ntohs(tcp_place.sin_port));
  for (const Fd* one : {&unix_listener, &tcp_listener}) std::thread(serve, std::cref(*one)).detach();
  return 0;
}

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  auto put = [](std::vector<uint8_t>& bytes, const auto& value) {
    const auto* at = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), at, at + sizeof value);
  };
  for (uint8_t way : {over_unix, over_tcp}) {
    std::vector<uint8_t>& bytes = inputs.emplace_back(std::vector<uint8_t>{way, 1});
    wire::Welcome welcome{};
    std::memcpy(welcome.magic, wire::kMagic, sizeof welcome.magic);
    welcome.major = wire::kProtocolMajor, welcome.device_count = 1, welcome.resume_key = 7;
    welcome.ring_bytes = kAreaBytes, welcome.bulk_area_bytes = kAreaBytes;
    put(bytes, welcome);
    put(bytes, wire::DeviceRecord{});
    put(bytes, wire::FrameHeader{40, 2, wire::kReply, 1, 0, 0, 0});
    put(bytes, uint64_t{0});
    std::vector<uint8_t>& refusal = inputs.emplace_back(std::vector<uint8_t>{way, 0});
    welcome.refused = 1, welcome.device_count = 0, welcome.text_bytes = 8;
    put(refusal, welcome);
    put(refusal, uint64_t{0x2e6f6e2079617320});
  }
  std::vector<uint8_t>& back = inputs.emplace_back(std::vector<uint8_t>{coming_back, 0});
  wire::Resumed resumed{};
  std::memcpy(resumed.magic, wire::kResumeMagic, sizeof resumed.magic);
  put(back, resumed);
  std::vector<uint8_t>& gone = inputs.emplace_back(std::vector<uint8_t>{coming_back, 0});
  resumed.refused = 1, resumed.text_bytes = 8;
  put(gone, resumed);
  put(gone, uint64_t{0x2e656e6f67207369});
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Way way = Way(data[0] % kWays);
  // What the sockets hold at once, so that who serves never waits.
  said = std::span(data + 2, std::min(size - 2, size_t{100'000}));
  ShmMemory memory;
  if (way == over_unix && data[1] % 2 == 1 && ShmMemory::create(kAreaBytes, kAreaBytes, memory))
    descriptor = memory.fd();
  else
    descriptor = way == over_unix && data[1] % 4 == 2 ? STDERR_FILENO : -1;
  const uint32_t before = served.load();
  if (way == coming_back) {
    WayBack where;
    std::memcpy(&where.address, &tcp_place, sizeof tcp_place);
    where.address_bytes = sizeof tcp_place;
    const Redialled answer =
        redial(where, 0, std::chrono::steady_clock::now() + std::chrono::seconds(5), [] { return false; });
    if (answer.outcome == Redialled::Outcome::resumed) FUZZ_EXPECT(answer.socket.get() >= 0);
  } else {
    Connection made;
    const Status status =
        way == over_unix ? connect_unix(unix_path, patience(), made) : connect_tcp(tcp_address, patience(), made);
    if (status) {
      FUZZ_EXPECT(made.link != nullptr && made.devices.size() <= wire::kMaxDevices);
      receive_some(*made.link);
    } else {
      FUZZ_EXPECT(!status.sentence().empty());
    }
  }
  served.wait(before);
  return 0;
}
