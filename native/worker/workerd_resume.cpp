// Clients that lost their connection: who comes back to a session, and who cannot any more.
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "transport/redial.h"
#include "worker/orders.h"
#include "worker/workerd.h"

namespace gpool::worker {
namespace {

constexpr size_t kEndedSessions = 256;  // whose ends are remembered, for clients that ask

// In constant time: how far a wrong key is right must not show.
bool same_key(uint64_t one, uint64_t other) {
  volatile uint64_t difference = one ^ other;
  return difference == 0;
}

// Both ends of the connection are on this host.
bool is_local(int socket) {
  sockaddr_storage near{}, far{};
  socklen_t near_size = sizeof near, far_size = sizeof far;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&near), &near_size) != 0 ||
      getpeername(socket, reinterpret_cast<sockaddr*>(&far), &far_size) != 0 || near.ss_family != far.ss_family)
    return false;
  if (near.ss_family == AF_INET)
    return reinterpret_cast<sockaddr_in&>(near).sin_addr.s_addr == reinterpret_cast<sockaddr_in&>(far).sin_addr.s_addr;
  if (near.ss_family == AF_INET6)
    return std::memcmp(&reinterpret_cast<sockaddr_in6&>(near).sin6_addr,
                       &reinterpret_cast<sockaddr_in6&>(far).sin6_addr, sizeof(in6_addr)) == 0;
  return false;
}

std::string comm_of(uint32_t pid) {
  char name[64] = {};
  std::FILE* file = std::fopen(("/proc/" + std::to_string(pid) + "/comm").c_str(), "re");
  if (!file) return {};
  if (std::fgets(name, sizeof name, file)) name[std::strcspn(name, "\n")] = 0;
  std::fclose(file);
  return name;
}

}  // namespace

void Workerd::make_resumable(const Handshake& handshake, Session& session, Grant& grant) {
  const wire::Hello& hello = handshake.reader.greeting().hello;
  int domain = 0;
  socklen_t size = sizeof domain;
  getsockopt(handshake.socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
  // A client on the same host that is gone from its unix socket is dead.
  if (domain == AF_UNIX || hello.minor < wire::kResumableMinor || options_.grace.count() == 0) return;
  while (session.resume_key == 0)
    if (getrandom(&session.resume_key, sizeof session.resume_key, 0) != ssize_t(sizeof session.resume_key)) return;
  grant.resume_key = session.resume_key;
  grant.grace_ms = uint32_t(options_.grace.count());
  // A process of this host can be watched, so that nobody waits for one that was killed. Its id and name are the
  // client's own words (it may live in another namespace): the watch only ever ends the wait for a lost connection.
  char own_host[sizeof hello.host] = {};
  gethostname(own_host, sizeof own_host - 1);
  if (is_local(handshake.socket.get()) && session.host == own_host && comm_of(session.client_pid) == session.command)
    session.client.reset(int(syscall(SYS_pidfd_open, session.client_pid, 0)));
}

void Workerd::resume_session(Handshake& handshake) {
  const wire::Resume& wanted = *handshake.reader.resuming();
  auto refuse = [&](const std::string& sentence) {
    log::warn("refused " + handshake.peer + ": " + sentence);
    transport::refuse_redial(handshake.socket.get(), sentence);
  };
  for (const EndedSession& one : ended_)
    if (one.id == wanted.session_id && same_key(one.resume_key, wanted.resume_key))
      return refuse("session " + std::to_string(one.id) + " on node " + options_.node + " has ended: " + one.why);
  auto at = sessions_.find(wanted.session_id);
  bool known =
      at != sessions_.end() && at->second.resume_key != 0 && same_key(at->second.resume_key, wanted.resume_key);
  if (!known) return refuse("node " + options_.node + " has no such session; its gpool-workerd was started again");
  Session& session = at->second;
  Order order;
  order.kind = Order::resume;
  order.received = wanted.received;
  if (session.revoked || !session.report || !send_order(session.report.get(), order, handshake.socket.get()))
    return refuse("session " + std::to_string(session.id) + " on node " + options_.node +
                  (session.revoked ? " has ended: the lease has ended" : " has ended: its worker has died"));
  log::info("session " + std::to_string(session.id) + " is resumed: " + handshake.peer);
}

void Workerd::client_has_ended(Session& session) {
  session.client.reset();
  Order order;
  order.kind = Order::client_ended;
  if (session.report) (void)send_order(session.report.get(), order, -1);
}

void Workerd::remember_end(const Session& session, const std::string& why) {
  if (session.resume_key == 0) return;
  ended_.push_back({session.id, session.resume_key, why});
  if (ended_.size() > kEndedSessions) ended_.pop_front();
}

}  // namespace gpool::worker
