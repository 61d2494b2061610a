#include "worker/worker.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.h"
#include "transport/handshake.h"
#include "wire/ticket.h"
#include "worker/devices.h"
#include "worker/orders.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

Session* the_session = nullptr;  // for the signal handler

void say(int report, const std::string& words) {
  ssize_t ignored = send(report, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)ignored;
}

Status prepare(const Grant& grant, calls::DriverTable& driver, Ledger& ledger, std::vector<Device>& devices) {
  if (grant.vgpu_count != 0) {
    if (Status status = Ledger::open(grant.ledger_path, ledger); !status) return status;
    std::string visible;
    for (uint32_t i = 0; i < grant.vgpu_count; ++i) {
      wire::Uuid uuid;
      std::memcpy(uuid.data(), grant.vgpus[i].uuid, uuid.size());
      visible += (i ? "," : "") + wire::uuid_text(uuid);
    }
    setenv("CUDA_VISIBLE_DEVICES", visible.c_str(), 1);
  }
  // Not our own client driver, should the surroundings offer it: a worker that asks a broker for GPUs would go in
  // circles.
  for (const char* name : {"GPOOL_BROKER", "GPOOL_ENDPOINTS", "LD_PRELOAD"}) unsetenv(name);
  std::string path = grant.driver_folder[0] ? std::string(grant.driver_folder) + "/libcuda.so.1" : "libcuda.so.1";
  if (Status status = calls::load_driver(path.c_str(), driver); !status) return status;
  return find_devices(driver, grant, devices);
}

}  // namespace

void run_worker(const Grant& grant, Fd client, Fd report) {
  log::set_source("worker " + std::to_string(grant.session_id));
  static OutputPipe output;
  output.open();
  static calls::DriverTable driver;  // waiting threads may use it to the very end
  Ledger ledger;
  std::vector<Device> devices;
  if (Status status = prepare(grant, driver, ledger, devices); !status) {
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
  if (grant.resume_key != 0) obey_orders(report.get(), *link);
  signal(SIGTERM, [](int) { the_session->terminate(); });
  int code = the_session->serve(std::move(link));
  if (code == kClientLost) say(report.get(), "the connection to the client ended without a goodbye");
  // Not exit(): static destructors would run while waiting threads are in the driver.
  _exit(code);
}

}  // namespace gpool::worker
