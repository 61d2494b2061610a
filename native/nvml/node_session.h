// A session with one node's worker that only asks questions.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "base/status.h"
#include "client/lease.h"
#include "transport/link.h"
#include "wire/hello.h"
#include "wire/messages.h"

namespace gpool::nvml {

class NodeSession {
 public:
  NodeSession() = default;
  ~NodeSession();
  NodeSession(const NodeSession&) = delete;
  NodeSession& operator=(const NodeSession&) = delete;

  Status open(const client::LeaseSession& place);
  // False after the connection has ended, and in a child of the process that opened it.
  bool usable() const;
  const std::vector<wire::DeviceRecord>& devices() const { return devices_; }
  int driver_version() const { return driver_version_; }

  // Of the vGPU, all sessions of the lease counted. Waits for the worker, but not for ever.
  Status memory(uint32_t device, wire::MemoryInfoReply& reply);
  // How busy the vGPU is, and the processes of the lease that use it, wherever they run.
  Status usage(uint32_t device, wire::DeviceUsageReply& reply, std::vector<wire::ProcessUsage>& processes);

 private:
  // Asks and waits; `answer` holds the reply's arguments.
  Status ask(wire::Message message, const void* arguments, size_t bytes, std::vector<std::byte>& answer);
  bool send(wire::Message message, uint16_t flags, const void* arguments, size_t bytes);

  std::unique_ptr<transport::Link> link_;
  std::vector<wire::DeviceRecord> devices_;
  int driver_version_ = 0;
  pid_t owner_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace gpool::nvml
