#include "transport/bulk_allocator.h"

#include <algorithm>

namespace gpool::transport {

std::optional<uint64_t> BulkAllocator::allocate(uint64_t bytes) {
  if (bytes == 0 || bytes > area_bytes_ || pieces_.size() >= kMaxOutstanding) return std::nullopt;
  bytes = (bytes + 255) & ~uint64_t{255};
  if (bytes > area_bytes_) return std::nullopt;
  if (pieces_.empty()) {
    next_ = 0;  // the beginning of the area stays warm in the caches
  } else {
    uint64_t oldest = pieces_.front().offset;
    // next_ never equals `oldest` while pieces exist unless the area is full, so the two cases cannot be confused.
    if (next_ > oldest) {
      if (area_bytes_ - next_ < bytes) {
        if (oldest <= bytes) return std::nullopt;
        next_ = 0;
      }
    } else if (oldest - next_ <= bytes) {
      return std::nullopt;
    }
  }
  uint64_t offset = next_;
  next_ += bytes;
  pieces_.push_back({offset, bytes, true});
  ++live_;
  return offset;
}

bool BulkAllocator::release(uint64_t offset) {
  auto piece =
      std::find_if(pieces_.begin(), pieces_.end(), [&](const Piece& p) { return p.live && p.offset == offset; });
  if (piece == pieces_.end()) return false;
  piece->live = false;
  --live_;
  while (!pieces_.empty() && !pieces_.front().live) pieces_.pop_front();
  return true;
}

}  // namespace gpool::transport
