// What workerd tells the worker of an open session, over the socket on which the worker reports.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "transport/link.h"

namespace gpool::worker {

struct Order {
  enum Kind : uint32_t {
    resume = 1,       // the client has dialled again; its socket comes along
    client_ended = 2  // the client's process is no more: a lost connection is the end
  };
  uint32_t kind = 0;
  uint32_t reserved = 0;
  uint64_t received = 0;  // resume: bytes of the worker's stream that the client has
};

// workerd's side; `socket` < 0: none. False: the worker has ended.
bool send_order(int report, const Order& order, int socket);
// The worker's side: a thread of its own that obeys for the rest of the process.
void obey_orders(int report, transport::Link& link);

}  // namespace gpool::worker
