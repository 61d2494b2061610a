// What gpool asks of a TCP socket beside reading and writing.
#pragma once

namespace gpool::transport {

// Sets no delay and keepalive, by which an idle peer's silence is noticed in about 7 s; harmless on other sockets.
void prepare_tcp_socket(int fd);
// Bytes are on their way and nothing has been heard of the peer's kernel for about as long. (TCP_USER_TIMEOUT would
// also end the connection to a peer that is there and merely does not read for a while.)
bool peer_is_silent(int fd);

}  // namespace gpool::transport
