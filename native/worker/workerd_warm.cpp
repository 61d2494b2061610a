// Warm workers as workerd sees them: made through the zygote, kept, handed over, replaced.
#include <fcntl.h>
#include <sys/socket.h>

#include <cstring>

#include "base/log.h"
#include "worker/control_text.h"
#include "worker/workerd.h"

namespace gpool::worker {

void Workerd::want_warm() {
  std::vector<WarmWorkers::Gpu> gpus;
  // Whose sessions need no ticket sees all GPUs.
  if (options_.insecure) gpus.emplace_back();
  if (admission_.gpus()) gpus.insert(gpus.end(), admission_.gpus()->begin(), admission_.gpus()->end());
  warm_.want(gpus);
}

void Workerd::start_warm(const WarmWorkers::Gpu& gpu) {
  static Grant grant;
  grant = {};
  grant.session_id = next_session_++;
  grant.warm = 1;
  put_text(grant.driver_folder, options_.driver_folder);
  if (gpu) {
    grant.vgpu_count = 1;
    std::memcpy(grant.vgpus[0].uuid, gpu->data(), gpu->size());
  }
  WarmWorkers::Worker worker;
  worker.id = grant.session_id;
  worker.gpu = gpu;
  int report[2] = {-1, -1};
  bool started = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) == 0;
  worker.report.reset(report[0]);
  Fd workers_report(report[1]);
  // There is no client yet; the zygote passes two descriptors in any case.
  started = started && zygote_.spawn(grant, workers_report.get(), workers_report.get());
  warm_.add(std::move(worker), Clock::now());
  if (!started) lose_warm(grant.session_id);
}

void Workerd::read_warm(uint32_t id) {
  WarmWorkers::Worker* worker = warm_.find(id);
  if (!worker) return;
  char text[1024];
  ssize_t got = recv(worker->report.get(), text, sizeof text, MSG_DONTWAIT);
  if (got == 0) worker->report.reset();  // the zygote tells the rest
  if (got <= 0 || std::string_view(text, size_t(got)) != "ready") return;
  worker->ready = true;
  if (worker->pid > 0) tell_warm(*worker, "ready");
}

void Workerd::warm_news(const ZygoteNews& news) {
  WarmWorkers::Worker& worker = *warm_.find(news.session_id);
  worker.pid = news.pid;
  if (news.kind == ZygoteNews::exited || news.pid < 0) return lose_warm(news.session_id);
  // Its own word and the zygote's come in any order.
  if (worker.ready) tell_warm(worker, "ready");
}

void Workerd::lose_warm(uint32_t id) {
  if (WarmWorkers::Worker* worker = warm_.find(id)) {
    log::warn("worker " + std::to_string(id) + ", which was kept ready, has ended; another one is made in a while");
    tell_warm(*worker, "ended");
  }
  warm_.lose(id, Clock::now());
}

void Workerd::tell_warm(const WarmWorkers::Worker& worker, const char* state) {
  const std::string line = Line("warm")
                               .add("id", worker.id)
                               .add("gpu", worker.gpu ? wire::uuid_text(*worker.gpu) : "-")
                               .add("pid", uint64_t(worker.pid))
                               .add("state", state)
                               .finish();
  for (auto& agent : agents_)
    if (agent->hears_of_warm) tell(*agent, line);
}

bool Workerd::hand_over(Session& session, Grant& grant, int client) {
  while (std::optional<WarmWorkers::Worker> worker = warm_.take(grant, Clock::now())) {
    grant.session_id = worker->id;
    tell_warm(*worker, "taken");
    if (!send_grant(worker->report.get(), grant, client)) continue;  // it has just died
    session.id = worker->id;
    session.pid = worker->pid;
    session.report = std::move(worker->report);
    session.grant = std::make_unique<Grant>(grant);
    session.waiting_client.reset(fcntl(client, F_DUPFD_CLOEXEC, 0));
    return true;
  }
  grant.session_id = session.id;
  return false;
}

bool Workerd::start_again(Session& session) {
  if (!session.grant || session.revoked) return false;
  const std::unique_ptr<Grant> grant = std::move(session.grant);
  const Fd client = std::move(session.waiting_client);
  int report[2];
  if (!client || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) != 0) return false;
  session.report.reset(report[0]);
  Fd workers_report(report[1]);
  log::warn("the warm worker of session " + std::to_string(session.id) + " died before it took it; another is started");
  session.pid = 0;
  return zygote_.spawn(*grant, client.get(), workers_report.get());
}

}  // namespace gpool::worker
