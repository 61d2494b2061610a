#include "worker/grant.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/pass_descriptor.h"

namespace gpool::worker {

bool send_grant(int socket, const Grant& grant, int client) {
  return send_with_descriptor(socket, std::as_bytes(std::span(&grant, 1)), client) == sizeof grant;
}

bool receive_grant(int socket, Grant& grant, Fd& client) {
  iovec part{&grant, sizeof grant};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  ssize_t got;
  while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const cmsghdr* head = got == sizeof grant ? CMSG_FIRSTHDR(&message) : nullptr;
  if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int))) return false;
  int number;
  std::memcpy(&number, CMSG_DATA(head), sizeof number);
  client.reset(number);
  return true;
}

}  // namespace gpool::worker
