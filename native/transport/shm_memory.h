// The memory that the two sides of a shared-memory link map: one sealed memfd, made by the worker.
//
//   SharedState | ring to the worker | ring to the client | bulk to the worker | bulk to the client
//
// Everything in it may be changed by the other side at any moment: values are read once and checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fd.h"
#include "base/status.h"
#include "transport/bulk_allocator.h"

namespace gpool::transport {

inline constexpr uint64_t kDefaultRingBytes = uint64_t{4} << 20;
inline constexpr uint64_t kDefaultBulkAreaBytes = uint64_t{32} << 20;

// One direction. "producer" sends frames, "consumer" receives them. Counts grow for ever; positions are counts modulo
// size.
struct RingState {
  alignas(64) std::atomic<uint64_t> tail;             // bytes published; the producer's
  alignas(64) std::atomic<uint64_t> head;             // bytes taken; the consumer's
  alignas(64) std::atomic<uint32_t> consumer_sleeps;  // futex words: 1 while that side sleeps or is about to
  alignas(64) std::atomic<uint32_t> producer_sleeps;
  alignas(64) std::atomic<uint64_t> released;  // how many entries of `releases` were written; the consumer's
  alignas(64) std::atomic<uint64_t> releases[BulkAllocator::kMaxOutstanding];  // offsets in the bulk area
};

struct SharedState {
  alignas(64) std::atomic<uint32_t> closed;
  RingState to_worker;
  RingState to_client;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

enum class Side : uint8_t { client, worker };

class ShmMemory {
 public:
  ShmMemory() = default;
  ShmMemory(ShmMemory&& other) noexcept;
  ShmMemory& operator=(ShmMemory&& other) noexcept;
  ~ShmMemory();

  // The worker's side. Sizes are multiples of the page size.
  static Status create(uint64_t ring_bytes, uint64_t bulk_area_bytes, ShmMemory& made);
  // The client's side: checks size and seals first, so that a peer cannot pull the memory away.
  static Status attach(Fd memfd, uint64_t ring_bytes, uint64_t bulk_area_bytes, ShmMemory& made);

  int fd() const { return fd_.get(); }
  void close_fd() { fd_.reset(); }  // the mapping stays
  SharedState& state() const { return *reinterpret_cast<SharedState*>(base_); }
  std::span<std::byte> ring(bool to_worker) const;
  std::span<std::byte> bulk(bool to_worker) const;
  uint64_t ring_bytes() const { return ring_bytes_; }
  uint64_t bulk_area_bytes() const { return bulk_bytes_; }

 private:
  Status map(Fd fd, uint64_t ring_bytes, uint64_t bulk_area_bytes);

  Fd fd_;
  std::byte* base_ = nullptr;
  uint64_t ring_bytes_ = 0, bulk_bytes_ = 0;
};

}  // namespace gpool::transport
