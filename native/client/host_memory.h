// Host memory that the application has pinned: allocated here, or registered. It is ordinary memory of the process;
// pinned means that asynchronous copies may land in it later.
#pragma once

#include <cstdint>
#include <optional>

#include "calls/driver_api.h"

namespace gpool::client {

struct Context;

struct HostRange {
  uint64_t address = 0, bytes = 0;
  unsigned flags = 0;
  bool registered = false;  // not ours to free
  uint64_t id = 0;
  Context* context = nullptr;
};

std::optional<HostRange> find_host_range(uint64_t address);
// All of it lies in one pinned range.
bool is_pinned(const void* address, uint64_t bytes);

}  // namespace gpool::client
