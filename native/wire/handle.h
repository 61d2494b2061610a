// Handles that the client mints and the worker resolves. A handle looks like a pointer to the application, is never
// NULL and never a canonical address, so nobody can look behind it.
//
//   63..56  0x67 ('g')      55..50  kind      49..44  session slot
//   43..24  generation      23..0   index (0 is never used)
#pragma once

#include <cstdint>

namespace gpool::wire {

enum class Kind : uint8_t {
  none = 0,
  context = 1,
  stream = 2,
  event = 3,
  module = 4,
  library = 5,
  function = 6,  // CUfunction
  kernel = 7,    // CUkernel; accepted wherever a function is
  graph = 8,
  graph_exec = 9,
  graph_node = 10,
  mem_pool = 11,
  array = 12,
  mipmapped_array = 13,
  texture = 14,
  surface = 15,
  link = 16,
  memory = 17,  // CUmemGenericAllocationHandle
  green_context = 18,
};

using Handle = uint64_t;

inline constexpr uint32_t kMaxIndex = (1u << 24) - 1;
inline constexpr uint32_t kMaxGeneration = (1u << 20) - 1;
inline constexpr uint32_t kMaxSessions = 64;

constexpr Handle make_handle(Kind kind, uint32_t session, uint32_t generation, uint32_t index) {
  return (uint64_t{0x67} << 56) | (uint64_t(kind) << 50) | (uint64_t(session & 63) << 44) |
         (uint64_t(generation & kMaxGeneration) << 24) | (index & kMaxIndex);
}
constexpr bool is_handle(Handle h) {
  return (h >> 56) == 0x67;
}
constexpr Kind kind_of(Handle h) {
  return is_handle(h) ? Kind((h >> 50) & 63) : Kind::none;
}
constexpr uint32_t session_of(Handle h) {
  return uint32_t(h >> 44) & 63;
}
constexpr uint32_t generation_of(Handle h) {
  return uint32_t(h >> 24) & kMaxGeneration;
}
constexpr uint32_t index_of(Handle h) {
  return uint32_t(h) & kMaxIndex;
}

// CUDA's special streams travel as they are: 0 (default of the call), 1 (legacy), 2 (per thread).
constexpr bool is_special_stream(Handle h) {
  return h <= 2;
}

}  // namespace gpool::wire
