// A session's connection over one TCP (or any other stream) socket.
#pragma once

#include <memory>

#include "base/fd.h"
#include "transport/link.h"

namespace gpool::transport {

// What received bulk and reserved bulk may take each.
inline constexpr size_t kTcpPoolBytes = size_t{32} << 20;

// Sets what a session's socket needs (no delay, keepalive, an end for unacknowledged data); harmless on other sockets.
void prepare_tcp_socket(int fd);
std::unique_ptr<Link> make_tcp_link(Fd socket);

}  // namespace gpool::transport
