#include "worker/worker.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "base/log.h"
#include "transport/handshake.h"
#include "wire/ticket.h"
#include "worker/devices.h"
#include "worker/orders.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

// How long after the client's end the dispatching thread may take to notice it.
constexpr auto kFarewellTime = std::chrono::seconds(2);

Session* the_session = nullptr;  // for the signal handler

void say(int report, const std::string& words) {
  ssize_t ignored = send(report, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)ignored;
}

// Which GPUs the driver shows is all that a grant says to it, and it reads that once.
Status start_driver(const Grant& grant, calls::DriverTable& driver, std::vector<Device>& devices) {
  std::string visible;
  for (uint32_t i = 0; i < grant.vgpu_count; ++i) {
    wire::Uuid uuid;
    std::memcpy(uuid.data(), grant.vgpus[i].uuid, uuid.size());
    visible += (i ? "," : "") + wire::uuid_text(uuid);
  }
  if (grant.vgpu_count != 0) setenv("CUDA_VISIBLE_DEVICES", visible.c_str(), 1);
  // Not our own client driver, should the surroundings offer it: a worker that asks a broker for GPUs would go in
  // circles.
  for (const char* name : {"GPOOL_BROKER", "GPOOL_ENDPOINTS", "LD_PRELOAD"}) unsetenv(name);
  std::string path = grant.driver_folder[0] ? std::string(grant.driver_folder) + "/libcuda.so.1" : "libcuda.so.1";
  if (Status status = calls::load_driver(path.c_str(), driver); !status) return status;
  return find_devices(driver, devices);
}

// Until a session comes, if one ever does. What comes after is the same as in a worker that was made for its session.
void wait_for_session(const calls::DriverTable& driver, const std::vector<Device>& devices, const Status& start,
                      const Fd& report, Grant& grant, Fd& client) {
  if (!start) {
    log::warn("no worker could be made ready: " + start.sentence());
    _exit(kCouldNotStart);
  }
  say(report.get(), "ready");
  if (!receive_grant(report.get(), grant, client)) _exit(kClientClosed);
  // A GPU that has failed meanwhile has taken the context along. The client has heard nothing yet, and workerd starts
  // another worker for it.
  if (!are_alive(driver, devices)) _exit(kCouldNotStart);
  say(report.get(), "taken");
}

// The dispatching thread never waits for the GPU by itself, but some calls of a driver do (a context that ends while
// its kernel does not). Nobody must hold a GPU for a client that is gone.
void end_after_client(transport::Link& link, const Session& session, int report) {
  std::thread([&link, &session, report] {
    uint64_t turn;
    do {
      link.wait_for_end();
      turn = session.turn();
      std::this_thread::sleep_for(kFarewellTime);
    } while (turn % 2 == 1 || session.turn() != turn);  // the dispatching thread is awake, and sees to it by itself
    const char* sentence = "the client is gone while a call of the driver does not return";
    log::warn(sentence);
    say(report, sentence);
    _exit(kClientLost);
  }).detach();
}

}  // namespace

void run_worker(const Grant& given, Fd client, Fd report) {
  static Grant grant = given;
  log::set_source("worker " + std::to_string(grant.session_id));
  static OutputPipe output;
  output.open();
  static calls::DriverTable driver;  // waiting threads may use it to the very end
  Ledger ledger;
  std::vector<Device> devices;
  Status status = start_driver(grant, driver, devices);
  if (grant.warm) wait_for_session(driver, devices, status, report, grant, client);
  if (status && grant.ledger_path[0]) status = Ledger::open(grant.ledger_path, ledger);
  if (status) status = grant_devices(driver, grant, devices);
  if (!status) {
    log::error("the session could not start: " + status.sentence());
    transport::refuse(client.get(), status.sentence(), grant.version);
    say(report.get(), status.sentence());
    _exit(kCouldNotStart);
  }
  wire::Welcome welcome{};
  welcome.session_id = grant.session_id;
  welcome.resume_key = grant.resume_key;
  welcome.grace_ms = grant.grace_ms;
  std::memcpy(welcome.version, grant.version, sizeof welcome.version);
  driver.cuDriverGetVersion(&welcome.driver_version);
  std::vector<wire::DeviceRecord> records;
  for (const Device& device : devices) records.push_back(device.record);
  std::unique_ptr<transport::Link> link;
  if (Status status = transport::accept_session(std::move(client), welcome, records, link); !status) {
    log::warn(status.sentence());
    say(report.get(), status.sentence());
    _exit(kClientLost);
  }
  say(report.get(), "open");
  the_session = new Session(grant, driver, std::move(ledger), std::move(devices), output);
  end_after_client(*link, *the_session, report.get());
  if (grant.resume_key != 0) obey_orders(report.get(), *link);
  signal(SIGTERM, [](int) { the_session->terminate(); });
  int code = the_session->serve(std::move(link));
  if (code == kClientLost) say(report.get(), "the connection to the client ended without a goodbye");
  // Not exit(): static destructors would run while waiting threads are in the driver.
  _exit(code);
}

}  // namespace gpool::worker
