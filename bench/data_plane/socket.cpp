// The yardstick of copies over TCP: the same bytes in the same pattern (all of them, then one byte back as the answer)
// through one plain connection on loopback between two processes.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "driver.h"
#include "measures.h"

namespace gpool::bench {
namespace {

void send_all(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(socket, data, size, MSG_NOSIGNAL);
    if (n <= 0) throw std::runtime_error("send failed");
    data += n;
    size -= static_cast<size_t>(n);
  }
}

bool receive_all(int socket, char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::recv(socket, data, size, 0);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

[[noreturn]] void answer(int socket, size_t most) {
  std::vector<char> buffer(most, 1);
  uint64_t size = 0;
  while (receive_all(socket, reinterpret_cast<char*>(&size), sizeof size)) {
    if (!receive_all(socket, buffer.data(), size)) break;
    send_all(socket, buffer.data(), 1);
  }
  ::_exit(0);
}

}  // namespace

void price_socket() {
  const struct {
    size_t bytes;
    const char* name;
  } sizes[] = {{4 << 10, "4KiB"}, {64 << 10, "64KiB"}, {1 << 20, "1MiB"}, {16 << 20, "16MiB"}, {128 << 20, "128MiB"}};
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("no socket on loopback");
  const int one = 1;
  const pid_t child = ::fork();
  if (child == 0) {
    const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    answer(accepted, std::end(sizes)[-1].bytes);
  }
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), length) != 0)
    throw std::runtime_error("cannot connect on loopback");
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  std::vector<char> buffer(std::end(sizes)[-1].bytes, 1);
  char reply = 0;
  const auto exchange = [&](uint64_t bytes) {
    send_all(socket, reinterpret_cast<const char*>(&bytes), sizeof bytes);
    send_all(socket, buffer.data(), bytes);
    if (!receive_all(socket, &reply, 1)) throw std::runtime_error("the other end is gone");
  };
  std::vector<double> samples;
  for (int i = -50; i < 1000; i++) {
    const double begin = now();
    exchange(64);
    if (i >= 0) samples.push_back(now() - begin);
  }
  report("round_trip", median(samples) * 1e6, "us");
  for (const auto& size : sizes) {
    samples.clear();
    exchange(size.bytes);
    const double begin = now();
    while (samples.size() < 5 || (now() - begin < 0.15 && samples.size() < 2000)) {
      const double start = now();
      exchange(size.bytes);
      samples.push_back(now() - start);
    }
    report(std::string("copy_") + size.name, static_cast<double>(size.bytes) / median(samples) * 1e-9, "GB/s");
  }
  ::close(socket);
  ::close(listener);
  ::waitpid(child, nullptr, 0);
}

}  // namespace gpool::bench
