// What waits to be written to a socket: frames that were copied here, and bulk that stays where it is until it is
// written. Not thread-safe.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

namespace gpool::transport {

class OutgoingQueue {
 public:
  bool empty() const { return chunks_.empty(); }
  // Of frames; bulk that stays elsewhere is bounded there.
  size_t owned_bytes() const { return owned_bytes_; }

  void append(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (chunks_.empty() || !chunks_.back().bulk.empty() || chunks_.back().owned.size() + bytes.size() > kChunkBytes) {
      chunks_.emplace_back();
      if (!spare_.empty()) chunks_.back().owned = std::move(spare_.back()), spare_.pop_back();
    }
    auto& owned = chunks_.back().owned;
    owned.insert(owned.end(), bytes.begin(), bytes.end());
    owned_bytes_ += bytes.size();
  }
  // `bulk` must stay as it is until it has been `consumed`.
  void append_bulk(std::span<const std::byte> bulk) {
    chunks_.emplace_back();
    chunks_.back().bulk = bulk;
  }

  // The next bytes to write; how many parts were filled in.
  size_t parts(std::span<iovec> parts) const {
    size_t count = 0;
    for (const Chunk& chunk : chunks_) {
      if (count == parts.size()) break;
      auto left = chunk.all().subspan(count == 0 ? written_ : 0);
      parts[count++] = {const_cast<std::byte*>(left.data()), left.size()};
    }
    return count;
  }
  // `bytes` of them were written; calls `done(bulk)` for each bulk that has been written completely.
  template <class Done>
  void consumed(size_t bytes, Done&& done) {
    written_ += bytes;
    while (!chunks_.empty() && written_ >= chunks_.front().all().size()) {
      Chunk& first = chunks_.front();
      written_ -= first.all().size();
      if (!first.bulk.empty()) {
        done(first.bulk);
      } else {
        owned_bytes_ -= first.owned.size();
        first.owned.clear();
        if (spare_.size() < 4) spare_.push_back(std::move(first.owned));
      }
      chunks_.pop_front();
    }
  }

 private:
  static constexpr size_t kChunkBytes = 256 * 1024;
  struct Chunk {
    std::vector<std::byte> owned;
    std::span<const std::byte> bulk;
    std::span<const std::byte> all() const { return bulk.empty() ? std::span<const std::byte>(owned) : bulk; }
  };
  std::deque<Chunk> chunks_;
  std::vector<std::vector<std::byte>> spare_;
  size_t owned_bytes_ = 0;
  size_t written_ = 0;  // of the first chunk
};

}  // namespace gpool::transport
