// workerd's conversation with the node's agent.
#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "worker/control_text.h"
#include "worker/workerd.h"

namespace gpool::worker {
namespace {

constexpr size_t kMaxAgents = 8;
constexpr size_t kMaxLine = 64 * 1024;
constexpr size_t kMaxOutgoing = 1024 * 1024;

}  // namespace

void Workerd::accept_agents() {
  for (;;) {
    Fd socket(accept4(control_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (agents_.size() >= kMaxAgents) {
      log::warn("closed a connection to control.sock: there are " + std::to_string(kMaxAgents) + " already");
      continue;
    }
    agents_.push_back(std::make_unique<Agent>());
    agents_.back()->socket = std::move(socket);
  }
}

void Workerd::read_agent(Agent& agent) {
  char buffer[4096];
  for (;;) {
    ssize_t got = recv(agent.socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      agent.socket.reset();
      return;
    }
    agent.incoming.append(buffer, size_t(got));
    for (size_t end; (end = agent.incoming.find('\n')) != std::string::npos && agent.socket;) {
      std::string line = agent.incoming.substr(0, end);
      agent.incoming.erase(0, end + 1);
      obey(agent, line);
    }
    if (!agent.socket) return;
    if (agent.incoming.size() > kMaxLine) {
      log::warn("closed a connection to control.sock: a line of more than 64 KiB");
      agent.socket.reset();
      return;
    }
  }
}

void Workerd::obey(Agent& agent, std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty()) return;
  size_t blank = line.find(' ');
  std::string_view word = line.substr(0, blank);
  std::string_view value = blank == std::string_view::npos ? "" : line.substr(blank + 1);
  auto complain = [&](const std::string& sentence) { tell(agent, Line("error").add("detail", sentence).finish()); };
  if (word == "key") {
    if (!admission_.set_key(value)) return complain("The key must be 64 hexadecimal digits.");
    agent.greeted = true;
    tell(agent, Line("ready")
                    .add("tcp", tcp_address_)
                    .add("unix", options_.state_folder + "/workerd.sock")
                    .add("version", GPOOL_VERSION)
                    .finish());
  } else if (word == "gpus") {
    if (!admission_.set_gpus(value)) return complain("gpus wants UUIDs as NVML prints them, separated by commas.");
    want_warm();
  } else if (word == "revoke") {
    if (value.empty()) return complain("revoke wants the id of a lease.");
    revoke(std::string(value));
  } else if (word == "status") {
    for (auto& [id, session] : sessions_)
      if (session.open) tell(agent, session_line(session));
    tell_usage(&agent);
    tell_activity(agent);
    tell(agent, "end\n");
  } else if (word == "warm") {
    agent.hears_of_warm = true;
    for (auto& [id, worker] : warm_.all())
      if (worker.ready) tell_warm(worker, "ready");
    tell(agent, "end\n");
  } else if (word == "quit") {
    quitting_ = true;
  } else {
    complain("There is no command " + std::string(word.substr(0, 40)) +
             "; there are key, gpus, revoke, status, warm and quit.");
  }
}

std::string Workerd::session_line(const Session& session) const {
  return Line("session")
      .add("id", session.id)
      .add("lease", session.lease.empty() ? "-" : session.lease)
      .add("pid", uint64_t(session.pid))
      .add("client", session.client_pid)
      .add("host", session.host)
      .add("command", session.command)
      .add("state", "open")
      .finish();
}

void Workerd::tell_usage(Agent* only) {
  for (auto& [name, lease] : leases_) {
    lease.told_bytes.resize(lease.ledger.gpus(), UINT64_MAX);
    for (uint32_t gpu = 0; gpu < lease.told_bytes.size(); ++gpu) {
      uint64_t used = lease.ledger.used(gpu);
      if (!only && used == lease.told_bytes[gpu]) continue;
      std::string line = Line("usage")
                             .add("lease", name)
                             .add("gpu", wire::uuid_text(lease.ledger.uuid(gpu)))
                             .add("bytes", used)
                             .add("limit", lease.ledger.limit(gpu))
                             .finish();
      if (only) {
        tell(*only, line);
      } else {
        lease.told_bytes[gpu] = used;
        tell_all(line);
      }
    }
  }
}

void Workerd::tell_activity(Agent& agent) {
  const auto now = Activity::Clock::now();
  for (auto& [id, session] : sessions_) {
    if (!session.open) continue;
    for (const Activity::Use& use : activity_.uses(session.activity_slot, now))
      tell(agent, Line("activity")
                      .add("session", session.id)
                      .add("gpu", wire::uuid_text(use.uuid))
                      .add("bytes", use.used_bytes)
                      .add("busy", use.busy_permille)
                      .finish());
  }
}

void Workerd::tell_all(const std::string& line) {
  for (auto& agent : agents_)
    if (agent->greeted) tell(*agent, line);
}

void Workerd::tell(Agent& agent, const std::string& line) {
  if (!agent.socket) return;
  agent.outgoing += line;
  write_agent(agent);
}

void Workerd::write_agent(Agent& agent) {
  while (agent.socket && !agent.outgoing.empty()) {
    ssize_t sent = send(agent.socket.get(), agent.outgoing.data(), agent.outgoing.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      agent.outgoing.erase(0, size_t(sent));
    } else if (errno == EAGAIN && agent.outgoing.size() < kMaxOutgoing) {
      return;
    } else if (errno != EINTR) {
      agent.socket.reset();
    }
  }
}

}  // namespace gpool::worker
