// A session's connection over one TCP (or any other stream) socket at a time. Where both sides know a resume key, a
// lost connection is not the end: the client dials again, the worker is handed the new socket, and both write again
// what the other has not received.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "transport/link.h"
#include "transport/redial.h"

namespace gpool::transport {

// What received bulk and reserved bulk may take each.
inline constexpr size_t kTcpPoolBytes = size_t{32} << 20;

struct TcpResumption {
  std::chrono::milliseconds grace{0};  // how long a connection may be lost; 0: not at all
  bool keeps = false;                  // both sides acknowledge, and keep what is not acknowledged
  std::optional<WayBack> way_back;     // the client's
};

std::unique_ptr<Link> make_tcp_link(Fd socket, TcpResumption resumption = {});

}  // namespace gpool::transport
