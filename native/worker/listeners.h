// The sockets that workerd listens on.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/status.h"

namespace gpool::worker {

// Replaces a socket that a dead workerd has left (the caller holds the folder's lock).
Status listen_unix(const std::string& path, Fd& listener);
// `address` becomes HOST:PORT with the real port.
Status listen_tcp(const std::string& host, const std::string& port, Fd& listener, std::string& address);

}  // namespace gpool::worker
