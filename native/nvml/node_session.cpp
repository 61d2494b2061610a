#include "nvml/node_session.h"

#include <unistd.h>

#include <chrono>
#include <cstring>

#include "transport/handshake.h"

namespace gpool::nvml {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

NodeSession::~NodeSession() {
  if (!link_) return;
  if (owner_ != getpid()) {
    // The memory and the threads behind it belong to the parent.
    static_cast<void>(link_.release());
    return;
  }
  if (!link_->broken()) send(wire::Message::goodbye, 0, nullptr, 0);
  link_->close();
}

Status NodeSession::open(const client::LeaseSession& place) {
  transport::ConnectOptions options;
  options.ticket = place.ticket;
  options.version = GPOOL_VERSION;
  options.command = "nvml";
  options.timeout = kPatience;
  const bool may_shm = !place.unix_path.empty() && place.transport != client::Transport::tcp;
  const bool may_tcp = !place.tcp_host.empty() && place.transport != client::Transport::shm;
  transport::Connection made;
  Status status = Status::failed("it offers no connection that this host can use");
  if (may_shm) status = transport::connect_unix(place.unix_path, options, made);
  // A refusal on the socket is an answer; only a socket that is not there is a reason to try the network.
  if (may_tcp && (!may_shm || (!status && access(place.unix_path.c_str(), F_OK) != 0))) {
    const bool v6 = place.tcp_host.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + place.tcp_host + "]" : place.tcp_host;
    status = transport::connect_tcp(host + ":" + std::to_string(place.tcp_port), options, made);
  }
  if (!status) return status;
  link_ = std::move(made.link);
  devices_ = std::move(made.devices);
  driver_version_ = made.welcome.driver_version;
  owner_ = getpid();
  return Status::ok();
}

bool NodeSession::usable() const {
  return link_ && owner_ == getpid() && !link_->broken();
}

bool NodeSession::send(wire::Message message, uint16_t flags, const void* arguments, size_t bytes) {
  const size_t frame_bytes = sizeof(wire::FrameHeader) + wire::padded(bytes);
  std::byte* room = link_->begin(frame_bytes);
  if (room == nullptr) return false;
  std::memset(room, 0, frame_bytes);
  wire::FrameHeader header{};
  header.frame_bytes = static_cast<uint32_t>(frame_bytes);
  header.call = static_cast<uint16_t>(message);
  header.flags = flags;
  header.sequence = ++sequence_;
  std::memcpy(room, &header, sizeof(header));
  if (bytes != 0) std::memcpy(room + sizeof(header), arguments, bytes);
  return link_->send() == transport::Outcome::done && link_->flush() == transport::Outcome::done;
}

Status NodeSession::ask(wire::Message message, const void* arguments, size_t bytes, std::vector<std::byte>& answer) {
  if (!send(message, wire::kWantsReply, arguments, bytes)) return Status::failed(link_->why());
  const transport::Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  transport::Received frame;
  while (true) {
    switch (link_->receive(frame, deadline)) {
      case transport::Outcome::broken:
        return Status::failed(link_->why());
      case transport::Outcome::timed_out:
        link_->close();
        return Status::failed("the worker has not answered for 10 seconds");
      case transport::Outcome::done:
        break;
    }
    const bool answers = (frame.header->flags & wire::kReply) != 0 && frame.header->sequence == sequence_;
    const int32_t result = frame.header->status;
    if (answers) answer.assign(frame.arguments(), frame.arguments() + frame.argument_bytes());
    link_->release(frame);
    if (!answers) continue;
    return result == 0 ? Status::ok()
                       : Status::failed("the worker refused to say (CUDA error " + std::to_string(result) + ")");
  }
}

Status NodeSession::memory(uint32_t device, wire::MemoryInfoReply& reply) {
  const wire::MemoryInfo question{device};
  std::vector<std::byte> answer;
  if (Status status = ask(wire::Message::memory_info, &question, sizeof question, answer); !status) return status;
  if (answer.size() < sizeof reply) return Status::failed("the worker's answer is too short");
  std::memcpy(&reply, answer.data(), sizeof reply);
  return Status::ok();
}

Status NodeSession::usage(uint32_t device, wire::DeviceUsageReply& reply, std::vector<wire::ProcessUsage>& processes) {
  const wire::DeviceUsage question{device};
  std::vector<std::byte> answer;
  if (Status status = ask(wire::Message::device_usage, &question, sizeof question, answer); !status) return status;
  if (answer.size() < sizeof reply) return Status::failed("the worker's answer is too short");
  std::memcpy(&reply, answer.data(), sizeof reply);
  if (reply.processes > (answer.size() - sizeof reply) / sizeof(wire::ProcessUsage))
    return Status::failed("the worker names more processes than it describes");
  processes.resize(reply.processes);
  if (reply.processes > 0)
    std::memcpy(processes.data(), answer.data() + sizeof reply, processes.size() * sizeof processes[0]);
  for (wire::ProcessUsage& one : processes) one.host[sizeof one.host - 1] = 0;
  return Status::ok();
}

}  // namespace gpool::nvml
