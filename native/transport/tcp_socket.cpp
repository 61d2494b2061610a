#include "transport/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace gpool::transport {
namespace {

constexpr int kIdle_s = 4, kInterval_s = 1, kProbes = 3;
constexpr unsigned kSilence_ms = 8000;

}  // namespace

void prepare_tcp_socket(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdle_s, sizeof kIdle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kInterval_s, sizeof kInterval_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

bool peer_is_silent(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_unacked > 0 && info.tcpi_last_ack_recv >= kSilence_ms;
}

}  // namespace gpool::transport
