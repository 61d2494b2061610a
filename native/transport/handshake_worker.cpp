#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/pass_descriptor.h"
#include "transport/handshake.h"
#include "transport/shm_link.h"
#include "transport/tcp_link.h"

namespace gpool::transport {
namespace {

constexpr int kWelcomeTimeout_ms = 10'000;

Status send_with_fd(int socket, std::span<const std::byte> bytes, int passed) {
  while (!bytes.empty()) {
    ssize_t sent = send_with_descriptor(socket, bytes, passed);
    if (sent > 0) {
      bytes = bytes.subspan(size_t(sent));
      passed = -1;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd state{socket, POLLOUT, 0};
      if (poll(&state, 1, kWelcomeTimeout_ms) == 0) return Status::failed("The client did not read its welcome.");
    } else if (errno != EINTR) {
      return Status::failed(std::string("The client went away during the handshake: ") + std::strerror(errno) + ".");
    }
  }
  return Status::ok();
}

}  // namespace

std::string text_of(std::span<const char> field) {
  std::string text(field.begin(), std::find(field.begin(), field.end(), '\0'));
  for (char& c : text)
    if (c < 32 || c > 126) c = '?';
  return text;
}

size_t GreetingReader::wanted() const {
  if (state_ != State::more) return 0;
  if (resuming_) return sizeof(wire::Resume) - bytes_.size();
  if (bytes_.size() < sizeof wire::kMagic) return sizeof wire::kMagic - bytes_.size();
  if (bytes_.size() < sizeof(wire::Hello)) return sizeof(wire::Hello) - bytes_.size();
  const wire::Hello& hello = greeting_.hello;
  return sizeof hello + hello.arena_count * sizeof(wire::ArenaProposal) + hello.ticket_bytes - bytes_.size();
}

GreetingReader::State GreetingReader::refuse(State state, std::string sentence) {
  sentence_ = std::move(sentence);
  return state_ = state;
}

GreetingReader::State GreetingReader::add(std::span<const std::byte> bytes) {
  if (state_ != State::more) return state_;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  size_t magic_bytes = std::min(bytes_.size(), sizeof wire::kMagic);
  if (std::memcmp(bytes_.data(), wire::kResumeMagic, magic_bytes) == 0) {
    resuming_ = magic_bytes == sizeof wire::kResumeMagic;
    if (bytes_.size() < sizeof resume_) return state_;
    std::memcpy(&resume_, bytes_.data(), sizeof resume_);
    return state_ = State::complete;
  }
  if (std::memcmp(bytes_.data(), wire::kMagic, magic_bytes) != 0)
    return refuse(State::not_gpool, "it does not speak gpool's protocol");
  if (bytes_.size() < sizeof(wire::Hello)) return state_;
  wire::Hello& hello = greeting_.hello;
  std::memcpy(&hello, bytes_.data(), sizeof hello);
  if (hello.major != wire::kProtocolMajor)
    return refuse(State::refused, "The client's gpool " + text_of(hello.version) + " speaks protocol " +
                                      std::to_string(hello.major) + ", gpool-workerd " + own_version_ + " speaks " +
                                      std::to_string(wire::kProtocolMajor) +
                                      "; install the same version on both hosts.");
  if (hello.arena_count > wire::kMaxDevices || hello.ticket_bytes > wire::kMaxTicketBytes)
    return refuse(State::not_gpool, "its greeting names impossible sizes");
  size_t arenas_bytes = hello.arena_count * sizeof(wire::ArenaProposal);
  if (bytes_.size() < sizeof hello + arenas_bytes + hello.ticket_bytes) return state_;
  greeting_.arenas.resize(hello.arena_count);
  if (arenas_bytes > 0) std::memcpy(greeting_.arenas.data(), bytes_.data() + sizeof hello, arenas_bytes);
  auto ticket = bytes_.begin() + long(sizeof hello + arenas_bytes);
  greeting_.ticket.assign(ticket, ticket + hello.ticket_bytes);
  return state_ = State::complete;
}

void refuse(int socket, std::string_view sentence, std::string_view version) {
  wire::Welcome welcome{};
  std::memcpy(welcome.magic, wire::kMagic, sizeof welcome.magic);
  welcome.major = wire::kProtocolMajor, welcome.minor = wire::kProtocolMinor;
  welcome.refused = 1;
  welcome.text_bytes = uint32_t(std::min<size_t>(sentence.size(), 4096));
  std::memcpy(welcome.version, version.data(), std::min(version.size(), sizeof welcome.version - 1));
  std::byte message[sizeof welcome + 4096];
  std::memcpy(message, &welcome, sizeof welcome);
  std::memcpy(message + sizeof welcome, sentence.data(), welcome.text_bytes);
  ssize_t ignored = ::send(socket, message, sizeof welcome + welcome.text_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)ignored;
  // Unread bytes of the client would turn our close into a reset that may overtake the sentence.
  shutdown(socket, SHUT_WR);
  for (int i = 0; i < 16; ++i)
    if (recv(socket, message, sizeof message, MSG_DONTWAIT) <= 0) break;
}

Status accept_session(Fd socket, wire::Welcome welcome, std::span<const wire::DeviceRecord> devices,
                      std::unique_ptr<Link>& link) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
    return Status::failed("The client's socket is not one.");
  ShmMemory memory;
  bool shared = domain == AF_UNIX;
  if (shared) {
    if (Status status = ShmMemory::create(kDefaultRingBytes, kDefaultBulkAreaBytes, memory); !status) return status;
    welcome.ring_bytes = uint32_t(memory.ring_bytes()), welcome.bulk_area_bytes = memory.bulk_area_bytes();
  }
  std::memcpy(welcome.magic, wire::kMagic, sizeof welcome.magic);
  welcome.major = wire::kProtocolMajor, welcome.minor = wire::kProtocolMinor;
  welcome.device_count = uint32_t(devices.size());
  std::vector<std::byte> bytes(sizeof welcome + devices.size_bytes());
  std::memcpy(bytes.data(), &welcome, sizeof welcome);
  if (!devices.empty()) std::memcpy(bytes.data() + sizeof welcome, devices.data(), devices.size_bytes());
  // The worker's end of the memory has to be ready before the client can use it.
  int memfd = shared ? dup(memory.fd()) : -1;
  Fd owned(memfd);
  if (Status status = send_with_fd(socket.get(), bytes, memfd); !status) return status;
  if (shared) {
    link = make_shm_link(std::move(memory), std::move(socket), Side::worker);
  } else {
    TcpResumption resumption;
    resumption.keeps = welcome.resume_key != 0;
    resumption.grace = std::chrono::milliseconds(welcome.grace_ms);
    link = make_tcp_link(std::move(socket), std::move(resumption));
  }
  return Status::ok();
}

}  // namespace gpool::transport
