#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "transport/handshake.h"
#include "transport/shm_link.h"
#include "transport/tcp_link.h"
#include "transport/tcp_socket.h"

namespace gpool::transport {
namespace {

using Clock = std::chrono::steady_clock;

// Waits for `events` on a socket. False: the time is over.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd state{fd, events, 0};
    int ready = poll(&state, 1, int(std::min<long long>(left + 1, INT_MAX)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

class Talk {
 public:
  Talk(int fd, std::string peer, Clock::time_point deadline) : fd_(fd), peer_(std::move(peer)), deadline_(deadline) {}

  Status send_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        bytes = bytes.subspan(size_t(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait_for(fd_, POLLOUT, deadline_)) return too_late();
      } else if (errno == EPIPE || errno == ECONNRESET) {
        return Status::ok();  // a refusal may lie there to be read
      } else if (errno != EINTR) {
        return broke(std::strerror(errno));
      }
    }
    return Status::ok();
  }

  // Fills `to`; a descriptor that comes along ends up in `passed`.
  Status receive_all(void* to, size_t bytes, Fd* passed = nullptr) {
    auto* at = static_cast<std::byte*>(to);
    while (bytes > 0) {
      iovec part{at, bytes};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part, message.msg_iovlen = 1;
      message.msg_control = control, message.msg_controllen = sizeof control;
      ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (got > 0) {
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
          if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
            continue;
          int fd;
          std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
          Fd owned(fd);
          if (passed) *passed = std::move(owned);
        }
        at += got, bytes -= size_t(got);
      } else if (got == 0) {
        return broke("it was closed during the handshake");
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait_for(fd_, POLLIN, deadline_)) return too_late();
      } else if (errno != EINTR) {
        return broke(std::strerror(errno));
      }
    }
    return Status::ok();
  }

  const std::string& peer() const { return peer_; }

 private:
  Status too_late() const {
    return Status::failed(
        "gpool-workerd at " + peer_ +
        " did not answer in time; look whether that node is overloaded, or its address is another service.");
  }
  Status broke(const std::string& how) const {
    return Status::failed("The connection to gpool-workerd at " + peer_ + " broke: " + how + "; see that node's log.");
  }

  int fd_;
  std::string peer_;
  Clock::time_point deadline_;
};

template <size_t N>
void put_text(char (&field)[N], const std::string& text) {
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

Status greet(Talk& talk, const ConnectOptions& options) {
  if (options.arenas.size() > wire::kMaxDevices || options.ticket.size() > wire::kMaxTicketBytes)
    return Status::failed("The ticket is longer than a ticket can be; ask for a new lease.");
  wire::Hello hello{};
  std::memcpy(hello.magic, wire::kMagic, sizeof hello.magic);
  hello.major = wire::kProtocolMajor, hello.minor = wire::kProtocolMinor;
  hello.ticket_bytes = uint32_t(options.ticket.size());
  hello.pid = uint32_t(getpid());
  hello.arena_count = uint32_t(options.arenas.size());
  put_text(hello.version, options.version);
  put_text(hello.command, options.command);
  gethostname(hello.host, sizeof hello.host - 1);
  std::vector<std::byte> bytes;
  auto append = [&](std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  append(std::as_bytes(std::span(&hello, 1)));
  append(std::as_bytes(std::span(options.arenas)));
  append(options.ticket);
  return talk.send_all(bytes);
}

Status read_welcome(Talk& talk, Fd socket, bool shared_memory, const ConnectOptions& options, Connection& made) {
  wire::Welcome& welcome = made.welcome;
  Fd memfd;
  if (Status status = talk.receive_all(&welcome, sizeof welcome, &memfd); !status) return status;
  if (std::memcmp(welcome.magic, wire::kMagic, sizeof welcome.magic) != 0)
    return Status::failed("What listens at " + talk.peer() + " is not a gpool-workerd; check the address.");
  if (welcome.refused) {
    std::string sentence(std::min<uint32_t>(welcome.text_bytes, 4096), ' ');
    if (Status status = talk.receive_all(sentence.data(), sentence.size()); !status) return status;
    return Status::failed(sentence.empty() ? "gpool-workerd at " + talk.peer() + " refused the session." : sentence);
  }
  if (welcome.major != wire::kProtocolMajor)
    return Status::failed("This gpool " + options.version + " speaks protocol " + std::to_string(wire::kProtocolMajor) +
                          ", gpool-workerd " + text_of(welcome.version) + " at " + talk.peer() + " speaks " +
                          std::to_string(welcome.major) + "; install the same version on both hosts.");
  if (welcome.device_count > wire::kMaxDevices)
    return Status::failed("gpool-workerd at " + talk.peer() + " names more devices than a session can have.");
  made.devices.resize(welcome.device_count);
  if (Status status = talk.receive_all(made.devices.data(), made.devices.size() * sizeof(wire::DeviceRecord), &memfd);
      !status)
    return status;
  if (!shared_memory) {
    TcpResumption resumption;
    resumption.keeps = welcome.resume_key != 0;
    resumption.grace = std::min(options.grace, std::chrono::milliseconds(welcome.grace_ms));
    WayBack way;
    way.address_bytes = sizeof way.address;
    way.session_id = welcome.session_id;
    way.resume_key = welcome.resume_key;
    if (getpeername(socket.get(), reinterpret_cast<sockaddr*>(&way.address), &way.address_bytes) != 0)
      return Status::failed("The connection to gpool-workerd at " + talk.peer() + " broke during the handshake.");
    resumption.way_back = way;
    made.link = make_tcp_link(std::move(socket), std::move(resumption));
    return Status::ok();
  }
  if (!memfd) return Status::failed("gpool-workerd at " + talk.peer() + " offered no shared memory.");
  ShmMemory memory;
  if (Status status = ShmMemory::attach(std::move(memfd), welcome.ring_bytes, welcome.bulk_area_bytes, memory); !status)
    return status;
  made.link = make_shm_link(std::move(memory), std::move(socket), Side::client);
  return Status::ok();
}

Status converse(Fd socket, const std::string& peer, bool shared_memory, const ConnectOptions& options,
                Clock::time_point deadline, Connection& made) {
  Talk talk(socket.get(), peer, deadline);
  if (Status status = greet(talk, options); !status) return status;
  return read_welcome(talk, std::move(socket), shared_memory, options, made);
}

// Connects within the time; the socket is left non-blocking.
int connect_within(int fd, const sockaddr* address, socklen_t length, Clock::time_point deadline) {
  if (connect(fd, address, length) == 0) return 0;
  // A unix socket whose backlog is full answers EAGAIN and cannot be waited for: try again shortly.
  while (errno == EAGAIN && address->sa_family == AF_UNIX) {
    poll(nullptr, 0, 5);
    if (Clock::now() >= deadline) return ETIMEDOUT;
    if (connect(fd, address, length) == 0) return 0;
  }
  if (errno != EINPROGRESS) return errno;
  if (!wait_for(fd, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Status not_reachable(const std::string& peer, const char* why) {
  return Status::failed("No gpool-workerd could be reached at " + peer + ": " + why +
                        "; check that the node's agent runs (gpool node ls).");
}

}  // namespace

Status connect_unix(const std::string& path, const ConnectOptions& options, Connection& made) {
  auto deadline = Clock::now() + options.timeout;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return Status::failed("The socket path '" + path + "' is not one: it must have 1 to 107 characters.");
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return not_reachable(path, std::strerror(errno));
  if (int error = connect_within(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address, deadline))
    return not_reachable(path, std::strerror(error));
  return converse(std::move(socket), path, true, options, deadline, made);
}

Status connect_tcp(const std::string& host_and_port, const ConnectOptions& options, Connection& made) {
  auto deadline = Clock::now() + options.timeout;
  size_t colon = host_and_port.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == host_and_port.size())
    return Status::failed("'" + host_and_port + "' is not an address; write HOST:PORT.");
  std::string host = host_and_port.substr(0, colon), port = host_and_port.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  if (int error = getaddrinfo(host.c_str(), port.c_str(), &wanted, &found))
    return not_reachable(host_and_port, gai_strerror(error));
  int error = EHOSTUNREACH;
  Fd socket;
  for (addrinfo* one = found; one && error != 0; one = one->ai_next) {
    socket.reset(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    error = socket ? connect_within(socket.get(), one->ai_addr, one->ai_addrlen, deadline) : errno;
  }
  freeaddrinfo(found);
  if (error != 0) return not_reachable(host_and_port, std::strerror(error));
  prepare_tcp_socket(socket.get());
  return converse(std::move(socket), host_and_port, false, options, deadline, made);
}

}  // namespace gpool::transport
