// A file descriptor on its way to another process, over a unix socket.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace gpool {

// sendmsg() that never waits and raises no signal: the bytes, and with the first of them `descriptor`, unless that is
// negative. As sendmsg(): how many bytes have gone, or -1 and errno.
ssize_t send_with_descriptor(int socket, std::span<const std::byte> bytes, int descriptor);

}  // namespace gpool
