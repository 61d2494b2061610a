// Host memory that the worker cannot map itself, and that kernels use all the same: the worker keeps a twin of it
// (wire::HostMap). Its changes come back before every word that work is done; ours go over before the work that may see
// them. A range gets a twin only once a kernel is given its address: buffers that are merely copied from cost nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/mirror.h"
#include "calls/driver_api.h"
#include "client/call.h"

namespace gpool::client {

class Session;
struct Context;

class HostTwin {
 public:
  HostTwin(Session& session, uint64_t address, uint64_t bytes, uint64_t device_address);

  Session& session;
  const uint64_t address, bytes;  // whole pages
  const uint64_t device_address;  // what kernels use
  uint64_t device_pointer(uint64_t host) const { return device_address + (host - address); }
  std::atomic<bool> always{false};  // the program has its device address, and may have put it anywhere

  // What has changed here goes over, so that work behind it sees it. `named`: the work is known to use it.
  CUresult send_changes(bool named);
  void make_always();
  void apply(Bytes runs);

 private:
  std::mutex order_mutex_;   // what is collected is sent before anybody finds nothing to collect
  std::mutex mirror_mutex_;  // never held while something is sent: the receiving thread takes it
  Mirror mirror_;
};

// Ranges that may need a twin. Whether a word of a kernel's parameters may point into one: two comparisons.
extern std::atomic<uint64_t> g_watched_begin, g_watched_end;
inline bool host_memory_is_watched() {
  return g_watched_end.load(std::memory_order_relaxed) != 0;
}
inline bool may_be_watched(uint64_t word) {
  return word >= g_watched_begin.load(std::memory_order_relaxed) &&
         word < g_watched_end.load(std::memory_order_relaxed);
}

// Makes the memory that kernel parameters point to, and all that any kernel may use, ready for a launch. `words` are
// those that may_be_watched.
CUresult prepare_launch(Session& session, Context* context, std::span<const uint64_t> words);
// The same before work whose parameters are not known here: a graph, a copy.
CUresult prepare_all(Session& session);

void apply_host_changes(Session& session, Bytes message);

// Makes it at the worker. Fails when that cannot map or register the memory.
CUresult make_twin(Session& session, Context* context, uint64_t address, uint64_t bytes,
                   std::shared_ptr<HostTwin>& made);
void forget_twin(const std::shared_ptr<HostTwin>& twin);

}  // namespace gpool::client
