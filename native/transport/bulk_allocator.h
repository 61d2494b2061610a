// Room for bulk bytes in one area: taken in order, given back in any order. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace gpool::transport {

class BulkAllocator {
 public:
  // What is outstanding at once; bounds the queue of releases between two processes.
  static constexpr size_t kMaxOutstanding = 4096;

  explicit BulkAllocator(uint64_t area_bytes) : area_bytes_(area_bytes) {}

  // Offset of `bytes` (> 0) contiguous bytes, a multiple of 256; nothing when there is no room now.
  std::optional<uint64_t> allocate(uint64_t bytes);
  // False: nothing is allocated there (a peer that lies).
  bool release(uint64_t offset);
  size_t outstanding() const { return live_; }

 private:
  struct Piece {
    uint64_t offset, bytes;
    bool live;
  };
  uint64_t area_bytes_;
  uint64_t next_ = 0;  // where the next piece goes, if it fits
  size_t live_ = 0;
  std::deque<Piece> pieces_;  // in the order of allocation; released ones leave from the front
};

}  // namespace gpool::transport
