// gpool-workerd itself: one thread, one poll loop, no CUDA. Accepts, judges tickets, has the zygote fork workers,
// watches them, and speaks with the agent.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "transport/handshake.h"
#include "worker/activity.h"
#include "worker/admission.h"
#include "worker/ledger.h"
#include "worker/options.h"
#include "worker/warm_workers.h"
#include "worker/zygote.h"

namespace gpool::worker {

class Workerd {
 public:
  Workerd(const Options& options, Zygote zygote);
  // Opens the sockets.
  Status open();
  // Until `quit`, SIGTERM or the end of the linger time; everything that was started has ended when it returns.
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Handshake {  // a connection that has not said enough yet
    Fd socket;
    transport::GreetingReader reader;
    Clock::time_point deadline;
    std::string peer;
  };
  struct Session {
    uint32_t id = 0;
    std::string lease, host, command, detail;
    uint32_t activity_slot = Activity::kMaxSessions;
    uint32_t client_pid = 0;
    pid_t pid = 0;
    uint32_t ledger_slot = 0;
    Fd report;  // the worker's words: "open", or a sentence of why it ends; and our orders to it
    uint64_t resume_key = 0;
    Fd client;  // the client's process, where it can be watched
    bool open = false, revoked = false;
    Clock::time_point kill_at = Clock::time_point::max();
    // While a warm worker has been handed the session and has not said that it takes it: should it die, another one is
    // started with these.
    std::unique_ptr<Grant> grant;
    Fd waiting_client;
  };
  struct EndedSession {
    uint32_t id;
    uint64_t resume_key;
    std::string why;
  };
  struct Lease {
    Ledger ledger;
    std::string path;
    size_t sessions = 0;
    std::vector<uint64_t> told_bytes;  // per GPU, what the agent was last told
  };
  struct Agent {  // a connection on the control socket
    Fd socket;
    std::string incoming, outgoing;
    bool greeted = false;
    bool hears_of_warm = false;
  };

  void accept_clients(int listener, const char* kind);
  void read_greeting(Handshake& handshake);  // closes the socket when it is through
  void begin_session(Handshake& handshake);
  void make_resumable(const Handshake& handshake, Session& session, Grant& grant);
  void resume_session(Handshake& handshake);
  void client_has_ended(Session& session);
  void remember_end(const Session& session, const std::string& why);
  void accept_agents();
  void read_agent(Agent& agent);
  void obey(Agent& agent, std::string_view line);
  void write_agent(Agent& agent);
  void tell(Agent& agent, const std::string& line);
  void tell_all(const std::string& line);
  std::string session_line(const Session& session) const;
  void read_report(Session& session);
  void read_zygote();
  void end_session(uint32_t id, int wait_status);
  void revoke(const std::string& lease);
  // Warm workers (workerd_warm.cpp).
  void want_warm();
  void start_warm(const WarmWorkers::Gpu& gpu);
  void read_warm(uint32_t id);
  void warm_news(const ZygoteNews& news);
  void lose_warm(uint32_t id);
  void tell_warm(const WarmWorkers::Worker& worker, const char* state);
  // Hands the session to a warm worker. False: there is none for it.
  bool hand_over(Session& session, Grant& grant, int client);
  // The warm worker died before it took the session: another one is made for it. False: that is not what happened.
  bool start_again(Session& session);
  void tell_usage(Agent* only);
  void tell_activity(Agent& agent);
  void keep_time(Clock::time_point now);
  Clock::time_point next_deadline(Clock::time_point now) const;
  void end_everything();

  const Options options_;
  Zygote zygote_;
  Admission admission_;
  WarmWorkers warm_;
  Fd unix_listener_, tcp_listener_, control_listener_, signals_;
  std::string tcp_address_ = "-";
  std::vector<Handshake> handshakes_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::map<uint32_t, Session> sessions_;
  std::deque<EndedSession> ended_;
  std::map<std::string, Lease> leases_;
  Activity activity_;
  std::string activity_path_;
  uint32_t next_session_ = 1;
  Clock::time_point idle_since_ = Clock::now();
  Clock::time_point next_usage_ = Clock::now();
  bool quitting_ = false;
};

}  // namespace gpool::worker
