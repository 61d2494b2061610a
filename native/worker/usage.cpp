// How busy the session keeps its GPUs, and the question about it. Drivers tell nobody how long kernels have run, so the
// dispatching thread looks now and then whether work is under way: it is as right as a poll of so many looks.
#include "base/log.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(20);

}  // namespace

void Session::begin_activity() {
  if (grant.activity_path[0] == 0) return;
  if (Status status = activity_.open(grant.activity_path); !status) return log::warn(status.sentence());
  for (uint32_t i = 0; i < devices.size(); ++i)
    activity_.set_gpu(grant.activity_slot, i, std::to_array(devices[i].record.uuid));
}

void Session::tell_memory() {
  for (uint32_t i = 0; i < devices.size(); ++i) {
    bool present = false;
    for (const ContextState& context : contexts) present |= context.live && context.device == i;
    activity_.set_used(grant.activity_slot, i, own_memory_used(devices[i]), present);
  }
}

void Session::look_at_activity(Activity::Clock::time_point now) {
  const auto passed = now - last_look_;
  last_look_ = now;
  next_look_ = now + kPeriod;
  tell_memory();
  if (passed > 2 * kPeriod) return;  // nobody looked meanwhile, because there was nothing to see
  for (uint32_t i = 0; i < devices.size(); ++i) {
    bool busy = false;
    for (StreamState* stream : busy_streams(i)) {
      const CUresult state = driver.cuStreamQuery(stream->cu);
      busy |= state == CUDA_ERROR_NOT_READY;
      if (state == CUDA_SUCCESS) stream->done_uses = stream->uses;
    }
    if (busy) activity_.add_busy(grant.activity_slot, i, passed, now);
  }
}

bool Session::anything_busy() const {
  for (const StreamState& stream : streams)
    if (stream.live && stream.busy()) return true;
  return false;
}

void carry_out_device_usage(Session& session, Invoke& invoke) {
  const Device* device = session.device(invoke.arguments<wire::DeviceUsage>().device);
  if (device == nullptr) invoke.reject(CUDA_ERROR_INVALID_DEVICE);
  if (!invoke.valid()) return void(invoke.refuse());
  const auto uuid = std::to_array(device->record.uuid);
  const auto now = Activity::Clock::now();
  const std::vector<wire::ProcessUsage> processes = session.activity().processes(session.grant.lease, uuid, now);
  wire::DeviceUsageReply reply{};
  reply.busy_permille = session.activity().busy_permille(session.grant.lease, uuid, now);
  reply.processes = static_cast<uint32_t>(processes.size());
  invoke.reply(CUDA_SUCCESS, reply, std::as_bytes(std::span(processes)));
}

}  // namespace gpool::worker
