// Pools of stream-ordered memory. Memory is taken from the device at the call and given back when the stream gets to
// the free; a pool keeps nothing for itself, so that other processes can have it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/handles.h"

namespace gpool::emulator {

struct Pool : Object {
  static constexpr Kind kKind = Kind::pool;
  Pool() : Object(kKind) {}
  int device = 0;
  bool is_default = false;
  uint64_t max_bytes = 0;  // 0: no limit
  std::mutex mutex;
  std::map<int, uint64_t> numbers;  // settable attributes
  std::vector<uint8_t> access;      // of other devices, as in Block
  std::atomic<uint64_t> used{0}, used_high{0};
};

// Called when the stream arrives at the free.
void free_pool_memory(uint64_t address);

}  // namespace gpool::emulator
