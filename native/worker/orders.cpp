#include "worker/orders.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/pass_descriptor.h"

namespace gpool::worker {

bool send_order(int report, const Order& order, int socket) {
  return send_with_descriptor(report, std::as_bytes(std::span(&order, 1)), socket) == ssize_t(sizeof order);
}

void obey_orders(int report, transport::Link& link) {
  std::thread([report, &link] {
    for (;;) {
      Order order;
      iovec part{&order, sizeof order};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part, message.msg_iovlen = 1;
      message.msg_control = control, message.msg_controllen = sizeof control;
      ssize_t got = recvmsg(report, &message, MSG_CMSG_CLOEXEC);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;  // workerd is gone, and with it soon this process
      Fd socket;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
        int number;
        std::memcpy(&number, CMSG_DATA(head), sizeof number);
        socket.reset(number);
      }
      if (got != ssize_t(sizeof order)) continue;
      if (order.kind == Order::resume && socket) link.resume(std::move(socket), order.received);
      if (order.kind == Order::client_ended)
        link.forgo_resumption("The connection was lost because the client's process has ended.");
    }
  }).detach();
}

}  // namespace gpool::worker
