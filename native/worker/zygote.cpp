#include "worker/zygote.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "base/log.h"

namespace gpool::worker {
namespace {

struct ZygoteOrder {
  enum Kind : uint32_t { spawn = 1, signal = 2 };
  uint32_t kind;
  uint32_t session_id;
  int32_t signal_number;
  Grant grant;
};

void block_all_but_faults(sigset_t& before) {
  sigset_t all;
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
  sigprocmask(SIG_SETMASK, &all, &before);
}

// Receives one order and up to two descriptors. Length of the order; 0: end; -1: nothing.
ssize_t receive_order(int channel, ZygoteOrder& order, Fd (&fds)[2]) {
  iovec part{&order, sizeof order};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  ssize_t got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return got;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
    int numbers[2];
    std::memcpy(numbers, CMSG_DATA(head), sizeof numbers);
    fds[0].reset(numbers[0]);
    fds[1].reset(numbers[1]);
  }
  return got;
}

[[noreturn]] void run_zygote(Fd channel, pid_t workerd, Zygote::RunWorker run_worker, const sigset_t& normal_mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != workerd) _exit(0);
  prctl(PR_SET_NAME, "gpool-zygote");
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  Fd children(signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
  std::map<pid_t, uint32_t> workers;  // session by process
  pid_t self = getpid();

  for (;;) {
    pollfd fds[2] = {{channel.get(), POLLIN, 0}, {children.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
    if (fds[1].revents) {
      signalfd_siginfo info;
      while (read(children.get(), &info, sizeof info) > 0) {
      }
      int status;
      while (pid_t pid = waitpid(-1, &status, WNOHANG)) {
        if (pid < 0) break;
        ZygoteNews news{ZygoteNews::exited, workers[pid], pid, status};
        workers.erase(pid);
        ssize_t ignored = send(channel.get(), &news, sizeof news, MSG_NOSIGNAL);
        (void)ignored;
      }
    }
    if (!fds[0].revents) continue;
    static ZygoteOrder order;
    Fd passed[2];
    ssize_t got = receive_order(channel.get(), order, passed);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) break;
    if (got != sizeof order) continue;
    if (order.kind == ZygoteOrder::signal) {
      for (auto [pid, session] : workers)
        if (session == order.session_id) kill(pid, order.signal_number);
      continue;
    }
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != self) _exit(kCouldNotStart);
      prctl(PR_SET_NAME, "gpool-worker");
      channel.reset();
      children.reset();
      sigprocmask(SIG_SETMASK, &normal_mask, nullptr);
      signal(SIGTERM, SIG_DFL);
      signal(SIGINT, SIG_IGN);  // Ctrl-C at workerd's terminal reaches the whole group; workerd decides
      signal(SIGPIPE, SIG_IGN);
      run_worker(order.grant, std::move(passed[0]), std::move(passed[1]));
      _exit(kCouldNotStart);
    }
    if (pid > 0) workers[pid] = order.session_id;
    ZygoteNews news{ZygoteNews::spawned, order.session_id, pid, 0};
    ssize_t ignored = send(channel.get(), &news, sizeof news, MSG_NOSIGNAL);
    (void)ignored;
  }
  for (auto [pid, session] : workers) kill(pid, SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

bool Zygote::start(RunWorker run_worker, int close_in_zygote, Zygote& made) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  Fd ours(ends[0]), theirs(ends[1]);
  sigset_t normal_mask;
  block_all_but_faults(normal_mask);
  pid_t workerd = getpid();
  made.pid_ = fork();
  if (made.pid_ == 0) {
    ours.reset();
    if (close_in_zygote >= 0) close(close_in_zygote);
    run_zygote(std::move(theirs), workerd, run_worker, normal_mask);
  }
  sigprocmask(SIG_SETMASK, &normal_mask, nullptr);
  made.channel_ = std::move(ours);
  return made.pid_ > 0;
}

bool Zygote::spawn(const Grant& grant, int client, int report) {
  static ZygoteOrder order;
  order = {ZygoteOrder::spawn, grant.session_id, 0, grant};
  iovec part{&order, sizeof order};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(2 * sizeof(int));
  int fds[2] = {client, report};
  std::memcpy(CMSG_DATA(head), fds, sizeof fds);
  return sendmsg(channel_.get(), &message, MSG_NOSIGNAL) == sizeof order;
}

bool Zygote::signal(uint32_t session_id, int signal_number) {
  static ZygoteOrder order;
  order = {ZygoteOrder::signal, session_id, signal_number, {}};
  return send(channel_.get(), &order, sizeof order, MSG_NOSIGNAL) == sizeof order;
}

bool Zygote::next(ZygoteNews& news) {
  ssize_t got = recv(channel_.get(), &news, sizeof news, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) gone_ = true;
  return got == sizeof news;
}

void Zygote::stop() {
  channel_.reset();
  while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace gpool::worker
