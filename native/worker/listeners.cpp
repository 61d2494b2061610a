#include "worker/listeners.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gpool::worker {

Status listen_unix(const std::string& path, Fd& listener) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Status::failed("The socket path " + path + " is too long.");
  std::memcpy(address.sun_path, path.data(), path.size());
  unlink(path.c_str());
  listener.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener || bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(listener.get(), 64) != 0)
    return Status::failed("The socket " + path + " could not be opened: " + std::strerror(errno) + ".");
  return Status::ok();
}

Status listen_tcp(const std::string& host, const std::string& port, Fd& listener, std::string& address) {
  std::string wanted_address = host + ":" + port;
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  if (int error = getaddrinfo(host.c_str(), port.c_str(), &wanted, &found))
    return Status::failed("--tcp " + wanted_address + ": the host is not known here: " + gai_strerror(error) + ".");
  int error = EADDRNOTAVAIL;
  for (addrinfo* one = found; one; one = one->ai_next) {
    listener.reset(socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int yes = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    error = listener && bind(listener.get(), one->ai_addr, one->ai_addrlen) == 0 && listen(listener.get(), 64) == 0
                ? 0
                : errno;
    if (error == 0) break;
  }
  freeaddrinfo(found);
  if (error == EADDRINUSE)
    return Status::failed("Port " + port + " of " + host +
                          " is in use by another program; choose another with --tcp HOST:PORT, or port 0.");
  if (error != 0) return Status::failed("Listening at " + wanted_address + " failed: " + std::strerror(error) + ".");
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  char service[16] = "";
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, service, sizeof service, NI_NUMERICSERV);
  address = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + service;
  return Status::ok();
}

}  // namespace gpool::worker
