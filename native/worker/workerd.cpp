#include "worker/workerd.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/log.h"
#include "worker/control_text.h"
#include "worker/listeners.h"

namespace gpool::worker {
namespace {

constexpr auto kGreetingTime = std::chrono::seconds(5);
constexpr auto kRevokeGrace = std::chrono::seconds(2);
constexpr auto kUsagePeriod = std::chrono::seconds(1);
constexpr size_t kMaxHandshakes = 64;
constexpr size_t kMaxSessions = 1024;

std::string peer_name(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "a client that left";
  if (address.ss_family == AF_UNIX) {
    ucred credentials{};
    size = sizeof credentials;
    getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    return "process " + std::to_string(credentials.pid);
  }
  char host[64] = "", port[16] = "";
  getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
              NI_NUMERICHOST | NI_NUMERICSERV);
  return std::string(host) + ":" + port;
}

}  // namespace

Workerd::Workerd(const Options& options, Zygote zygote)
    : options_(options),
      zygote_(std::move(zygote)),
      admission_(options.node, options.insecure),
      warm_(options.warm_workers) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_.reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Status Workerd::open() {
  if (Status status = listen_unix(options_.state_folder + "/workerd.sock", unix_listener_); !status) return status;
  if (!options_.tcp_host.empty())
    if (Status status = listen_tcp(options_.tcp_host, options_.tcp_port, tcp_listener_, tcp_address_); !status)
      return status;
  activity_path_ = options_.state_folder + "/activity";
  if (Status status = activity_.create(activity_path_); !status) return status;
  return listen_unix(options_.state_folder + "/control.sock", control_listener_);
}

int Workerd::run() {
  std::string ready = Line("ready")
                          .add("tcp", tcp_address_)
                          .add("unix", options_.state_folder + "/workerd.sock")
                          .add("version", GPOOL_VERSION)
                          .finish();
  ssize_t ignored = ::write(STDOUT_FILENO, ready.data(), ready.size());
  (void)ignored;
  log::info("serving " + ready);

  want_warm();
  std::vector<pollfd> fds;
  while (!quitting_) {
    fds.clear();
    auto watch = [&](const Fd& fd, short events = POLLIN) { fds.push_back({fd.get(), events, 0}); };
    watch(signals_), watch(unix_listener_), watch(tcp_listener_), watch(control_listener_);
    fds.push_back({zygote_.fd(), POLLIN, 0});
    for (auto& handshake : handshakes_) watch(handshake.socket);
    size_t handshakes = handshakes_.size();
    for (auto& agent : agents_) watch(agent->socket, agent->outgoing.empty() ? POLLIN : POLLIN | POLLOUT);
    size_t agents = agents_.size();
    std::vector<uint32_t> reporting;
    for (auto& [id, session] : sessions_)
      if (session.report) reporting.push_back(id), watch(session.report);
    std::vector<uint32_t> watched;
    for (auto& [id, session] : sessions_)
      if (session.client) watched.push_back(id), watch(session.client);
    std::vector<uint32_t> warm;
    for (auto& [id, worker] : warm_.all())
      if (worker.report) warm.push_back(id), watch(worker.report);

    auto now = Clock::now();
    auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(next_deadline(now) - now).count();
    if (poll(fds.data(), fds.size(), int(std::clamp<long long>(wait_ms + 1, 0, 60'000))) < 0 && errno != EINTR) break;

    size_t at = 5;
    if (fds[0].revents) quitting_ = true;
    for (size_t i = 0; i < handshakes; ++i)
      if (fds[at++].revents) read_greeting(handshakes_[i]);
    for (size_t i = 0; i < agents; ++i) {
      short events = fds[at++].revents;
      if (events & POLLOUT) write_agent(*agents_[i]);
      if (events & ~POLLOUT) read_agent(*agents_[i]);
    }
    for (uint32_t id : reporting)
      if (fds[at++].revents) read_report(sessions_.at(id));
    for (uint32_t id : watched)
      if (fds[at++].revents) client_has_ended(sessions_.at(id));
    for (uint32_t id : warm)
      if (fds[at++].revents) read_warm(id);
    if (fds[4].revents) read_zygote();
    if (fds[1].revents) accept_clients(unix_listener_.get(), "unix");
    if (fds[2].revents) accept_clients(tcp_listener_.get(), "tcp");
    if (fds[3].revents) accept_agents();
    std::erase_if(handshakes_, [](const Handshake& one) { return !one.socket; });
    std::erase_if(agents_, [](const auto& one) { return !one->socket; });
    keep_time(Clock::now());
  }
  end_everything();
  return zygote_.gone() ? 1 : 0;
}

// -- clients
// -----------------------------------------------------------------------------------------------------------

void Workerd::accept_clients(int listener, const char* kind) {
  for (;;) {
    Fd socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    std::string peer = peer_name(socket.get());
    if (handshakes_.size() >= kMaxHandshakes) {
      log::warn("closed " + peer + " (" + kind + "): " + std::to_string(kMaxHandshakes) +
                " connections have not finished their greeting");
      continue;
    }
    handshakes_.push_back({std::move(socket), {}, Clock::now() + kGreetingTime, std::move(peer)});
    handshakes_.back().reader.set_own_version(GPOOL_VERSION);
  }
}

void Workerd::read_greeting(Handshake& handshake) {
  using State = transport::GreetingReader::State;
  std::byte buffer[4096];
  for (;;) {
    ssize_t got = recv(handshake.socket.get(), buffer, std::min(sizeof buffer, handshake.reader.wanted()), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      log::info("closed " + handshake.peer + ": it left before it had said who it is");
      handshake.socket.reset();
      return;
    }
    switch (handshake.reader.add({buffer, size_t(got)})) {
      case State::more:
        continue;
      case State::complete:
        handshake.reader.resuming() ? resume_session(handshake) : begin_session(handshake);
        break;
      case State::refused:
        log::warn("refused " + handshake.peer + ": " + handshake.reader.sentence());
        transport::refuse(handshake.socket.get(), handshake.reader.sentence(), GPOOL_VERSION);
        break;
      case State::not_gpool:
        log::warn("closed " + handshake.peer + ": " + handshake.reader.sentence());
        break;
    }
    handshake.socket.reset();
    return;
  }
}

void Workerd::begin_session(Handshake& handshake) {
  const transport::Greeting& greeting = handshake.reader.greeting();
  auto refuse = [&](const std::string& sentence) {
    log::warn("refused " + handshake.peer + ": " + sentence);
    transport::refuse(handshake.socket.get(), sentence, GPOOL_VERSION);
  };
  wire::Ticket ticket;
  if (Status status = admission_.judge(greeting.ticket, uint64_t(std::time(nullptr)), ticket); !status)
    return refuse(status.sentence());
  if (sessions_.size() >= kMaxSessions)
    return refuse("Node " + options_.node + " has " + std::to_string(kMaxSessions) +
                  " sessions open, which is the most it serves; end some programs first.");

  Session session;
  session.id = next_session_++;
  session.lease = ticket.lease;
  session.host = transport::text_of(greeting.hello.host);
  session.command = transport::text_of(greeting.hello.command);
  session.client_pid = greeting.hello.pid;

  static Grant grant;
  grant = {};
  grant.session_id = session.id;
  grant.client_pid = session.client_pid;
  put_text(grant.lease, ticket.lease);
  put_text(grant.driver_folder, options_.driver_folder);
  put_text(grant.image_folder, options_.image_folder);
  grant.image_bytes = options_.image_bytes;
  put_text(grant.version, GPOOL_VERSION);
  put_text(grant.command, session.command);
  make_resumable(handshake, session, grant);
  grant.arena_count = uint32_t(greeting.arenas.size());
  std::copy(greeting.arenas.begin(), greeting.arenas.end(), grant.arenas);

  int report[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) != 0)
    return refuse("Node " + options_.node + " has no file descriptors left; raise the limit of gpool-workerd.");
  session.report.reset(report[0]);
  Fd workers_report(report[1]);

  if (!ticket.lease.empty()) {
    auto [at, is_new] = leases_.try_emplace(ticket.lease);
    Lease& lease = at->second;
    if (is_new) {
      lease.path = options_.state_folder + "/ledger-" + ticket.lease;
      if (Status status = Ledger::create(lease.path, lease.ledger); !status) {
        leases_.erase(at);
        return refuse(status.sentence());
      }
    }
    session.ledger_slot = lease.ledger.take_slot();
    if (session.ledger_slot == Ledger::kMaxSessions)
      return refuse("Lease " + ticket.lease + " has " + std::to_string(Ledger::kMaxSessions) +
                    " sessions open, which is the most a lease may have.");
    ++lease.sessions;
    put_text(grant.ledger_path, lease.path);
    grant.ledger_slot = session.ledger_slot;
    grant.vgpu_count = uint32_t(ticket.vgpus.size());
    for (size_t i = 0; i < ticket.vgpus.size(); ++i) {
      const wire::TicketVgpu& vgpu = ticket.vgpus[i];
      GrantedVgpu& granted = grant.vgpus[i];
      std::memcpy(granted.uuid, vgpu.uuid.data(), sizeof granted.uuid);
      granted.memory_bytes = vgpu.memory_bytes;
      granted.compute_permille = vgpu.compute_permille;
      granted.ledger_index = lease.ledger.place_of(vgpu.uuid, vgpu.memory_bytes);
    }
  }
  session.activity_slot = activity_.take_slot(ticket.lease, session.host, greeting.hello.pid);
  grant.activity_slot = session.activity_slot;
  put_text(grant.activity_path, activity_path_);
  // The worker's end of the conversation may take as long as the driver needs to start; its socket blocks.
  if (!hand_over(session, grant, handshake.socket.get()) &&
      !zygote_.spawn(grant, handshake.socket.get(), workers_report.get())) {
    refuse("Node " + options_.node + " could not start a worker; see the log of gpool-workerd.");
    const uint32_t id = session.id;
    sessions_[id] = std::move(session);
    return end_session(id, kCouldNotStart << 8);
  }
  log::info("session " + std::to_string(session.id) + " starts: " + handshake.peer + " lease=" + session.lease +
            " command=" + session.command);
  sessions_[session.id] = std::move(session);
}

// -- sessions
// ----------------------------------------------------------------------------------------------------------

void Workerd::read_report(Session& session) {
  char text[1024];
  ssize_t got = recv(session.report.get(), text, sizeof text, MSG_DONTWAIT);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) session.report.reset();
    return;
  }
  std::string words(text, size_t(got));
  session.grant.reset(), session.waiting_client.reset();  // whatever it says, it has the session
  if (words == "taken") {
    // nothing more yet
  } else if (words == "open") {
    session.open = true;
    log::info("session " + std::to_string(session.id) + " is open");
    // The worker's word and the zygote's come in any order.
    if (session.pid > 0) tell_all(session_line(session));
  } else {
    session.detail = words;
  }
}

void Workerd::read_zygote() {
  ZygoteNews news;
  while (zygote_.next(news)) {
    if (warm_.find(news.session_id)) {
      warm_news(news);
      continue;
    }
    auto at = sessions_.find(news.session_id);
    if (at == sessions_.end()) continue;
    if (news.kind == ZygoteNews::spawned) {
      at->second.pid = news.pid;
      if (news.pid > 0 && at->second.open) tell_all(session_line(at->second));
      if (news.pid < 0) end_session(news.session_id, kCouldNotStart << 8);
      if (news.pid > 0 && at->second.revoked) zygote_.signal(news.session_id, SIGTERM);
    } else {
      end_session(news.session_id, news.wait_status);
    }
  }
  if (zygote_.gone()) {
    log::error("the zygote has died, and with it all workers; ending");
    quitting_ = true;
  }
}

void Workerd::end_session(uint32_t id, int wait_status) {
  auto at = sessions_.find(id);
  if (at == sessions_.end()) return;
  Session& session = at->second;
  while (session.report) {  // its last words
    char text[1024];
    ssize_t got = recv(session.report.get(), text, sizeof text, MSG_DONTWAIT);
    if (got <= 0) break;
    session.grant.reset();
    if (std::string_view(text, size_t(got)) == "taken") continue;
    if (std::string_view(text, size_t(got)) != "open") {
      session.detail.assign(text, size_t(got));
    } else {
      tell_all(session_line(session));
    }
  }
  if (start_again(session)) return;
  const char* reason = "worker-died";
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kClientClosed) reason = "client-closed";
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kClientLost) reason = "client-lost";
  if (WIFSIGNALED(wait_status) && session.detail.empty())
    session.detail =
        "killed by signal " + std::to_string(WTERMSIG(wait_status)) + " (" + strsignal(WTERMSIG(wait_status)) + ")";
  if (session.revoked) {
    reason = "revoked";
    session.detail = "the lease has ended";
  }
  remember_end(session, session.detail.empty() ? reason : session.detail);
  Line line("session");
  line.add("id", session.id).add("lease", session.lease.empty() ? "-" : session.lease).add("state", "closed");
  line.add("reason", reason).add("detail", session.detail);
  activity_.free_slot(session.activity_slot);
  if (auto lease = leases_.find(session.lease); lease != leases_.end()) {
    lease->second.ledger.free_slot(session.ledger_slot);
    tell_usage(nullptr);
    if (--lease->second.sessions == 0) {
      unlink(lease->second.path.c_str());
      leases_.erase(lease);
    }
  }
  sessions_.erase(at);
  idle_since_ = Clock::now();
  // Last: who hears of the end finds everything given back.
  log::info(line.text());
  tell_all(line.finish());
}

void Workerd::revoke(const std::string& lease) {
  admission_.revoke(lease);
  size_t count = 0;
  for (auto& [id, session] : sessions_) {
    if (session.lease != lease || session.revoked) continue;
    session.revoked = true;
    session.kill_at = Clock::now() + kRevokeGrace;
    zygote_.signal(id, SIGTERM);
    ++count;
  }
  log::info("lease " + lease + " is revoked; it had " + std::to_string(count) + " sessions");
}

// -- time
// --------------------------------------------------------------------------------------------------------------

Workerd::Clock::time_point Workerd::next_deadline(Clock::time_point now) const {
  auto next = now + std::chrono::seconds(60);
  for (const auto& handshake : handshakes_) next = std::min(next, handshake.deadline);
  for (const auto& [id, session] : sessions_) next = std::min(next, session.kill_at);
  if (!agents_.empty() && !leases_.empty()) next = std::min(next, next_usage_);
  next = std::min(next, warm_.next_try());
  if (options_.linger.count() > 0 && agents_.empty() && sessions_.empty())
    next = std::min(next, idle_since_ + options_.linger);
  return next;
}

void Workerd::keep_time(Clock::time_point now) {
  for (auto& handshake : handshakes_) {
    if (now < handshake.deadline) continue;
    log::warn("closed " + handshake.peer + ": it did not finish its greeting in time");
    handshake.socket.reset();
  }
  std::erase_if(handshakes_, [](const Handshake& one) { return !one.socket; });
  for (auto& [id, session] : sessions_) {
    if (now < session.kill_at) continue;
    zygote_.signal(id, SIGKILL);
    session.kill_at = now + kRevokeGrace;
  }
  while (std::optional<WarmWorkers::Gpu> gpu = warm_.missing(now)) start_warm(*gpu);
  if (now >= next_usage_) {
    next_usage_ = now + kUsagePeriod;
    tell_usage(nullptr);
  }
  if (!agents_.empty() || !sessions_.empty()) idle_since_ = now;
  if (options_.linger.count() > 0 && now - idle_since_ >= options_.linger) {
    log::info("no agent and no session for " + std::to_string(options_.linger.count()) + " s; ending");
    quitting_ = true;
  }
}

void Workerd::end_everything() {
  unix_listener_.reset(), tcp_listener_.reset(), control_listener_.reset();
  warm_.end();
  for (auto& [id, session] : sessions_) zygote_.signal(id, SIGTERM);
  auto end = Clock::now() + kRevokeGrace;
  while (!sessions_.empty() && !zygote_.gone() && Clock::now() < end) {
    pollfd state{zygote_.fd(), POLLIN, 0};
    poll(&state, 1, 50);
    read_zygote();
  }
  zygote_.stop();
  while (!sessions_.empty()) end_session(sessions_.begin()->first, SIGKILL);
  for (auto& agent : agents_) write_agent(*agent);
  for (const char* name : {"/workerd.sock", "/control.sock", "/activity"})
    unlink((options_.state_folder + name).c_str());
  log::info("ended");
}

}  // namespace gpool::worker
