// Host memory that the application has pinned: allocated here, or registered. Where client and worker share a machine,
// what is allocated here is memory of both, at one address: the GPU copies from and to it by itself, and kernels use
// it. Everything else is ordinary memory of the process whose ranges are known; kernels use a twin of it (host_twin.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "calls/driver_api.h"

namespace gpool::client {

struct Context;
class HostTwin;
class Session;

struct HostRange {
  uint64_t address = 0, bytes = 0;
  unsigned flags = 0;
  bool registered = false;         // not ours to free
  bool managed = false;            // of cuMemAllocManaged: one address for program and kernels
  bool shared = false;             // with the worker of `session`
  Session* session = nullptr;      // whose kernels may use it
  uint64_t device_address = 0;     // of shared memory
  std::shared_ptr<HostTwin> twin;  // once a kernel may use it
  uint64_t id = 0;
  Context* context = nullptr;
};

std::optional<HostRange> find_host_range(uint64_t address);
// All of it lies in one managed range; what the program has written there goes over if it has a twin.
bool use_managed(uint64_t address, uint64_t bytes);
// Managed memory in the context; 0: there is none to be had.
uint64_t allocate_managed(Context& context, uint64_t bytes, unsigned flags);
// False: it is no managed allocation.
bool free_managed(uint64_t address);
// All of it lies in one pinned range.
bool is_pinned(const void* address, uint64_t bytes);
// The twin of the range that holds the address, made if there is none. Null: there can be none.
std::shared_ptr<HostTwin> twin_of_address(uint64_t address, Session& session, Context* context);

// Pinned memory of this library's own, within one host_map. 0: there is none to be had.
uint64_t allocate_staging(Context& context, uint64_t bytes);
void free_staging(uint64_t address);

}  // namespace gpool::client
