// The conversation by which a client that lost its connection comes back to its worker (native/wire/hello.h: Resume).
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"

namespace gpool::transport {

// Where a client finds its session again.
struct WayBack {
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
  uint32_t session_id = 0;
  uint64_t resume_key = 0;
};

struct Redialled {
  enum class Outcome : uint8_t {
    resumed,      // `socket` carries the session again
    ended,        // there is no such session any more; `sentence` says why
    refused,      // nobody listens there, which a node that lives does not do for long
    unreachable,  // worth another try
  };
  Outcome outcome = Outcome::unreachable;
  Fd socket;
  uint64_t peer_received = 0;
  std::string sentence;
};

// The client's side: one attempt. `given_up` is asked every few milliseconds.
Redialled redial(const WayBack& way, uint64_t received, std::chrono::steady_clock::time_point deadline,
                 const std::function<bool()>& given_up);
// The worker's side, on a fresh socket whose buffers are empty. False: the client has gone again.
bool answer_redial(int socket, uint64_t received);
// Refuses a Resume; the caller closes the socket.
void refuse_redial(int socket, const std::string& sentence);

}  // namespace gpool::transport
