// One direction of a socket as its sender sees it: bytes that wait to be written, and bytes that were written and are
// kept until the peer has acknowledged them, so that they can be written again on another socket. Frames are copied
// here; bulk that was reserved from a pool stays there meanwhile, and borrowed bulk with its owner, until that wants it
// back. Not thread-safe, but bytes that `parts` has named stay where they are while others are appended.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace gpool::transport {

class SendBuffer {
 public:
  // Positions in the stream of bytes: acknowledged() <= written() <= end().
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t written() const { return written_; }
  uint64_t end() const { return end_; }
  // Of what was copied here or borrowed: not written yet; kept in all. Bulk in a pool is bounded by the pool.
  size_t unwritten_bytes() const { return unwritten_bytes_; }
  size_t kept_bytes() const { return kept_bytes_; }

  void append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      if (chunks_.empty() || !chunks_.back().is_open()) give_room(chunks_.emplace_back());
      Chunk& last = chunks_.back();
      size_t step = std::min(bytes.size(), last.capacity - last.used);
      std::memcpy(last.owned.get() + last.used, bytes.data(), step);
      last.used += step;
      end_ += step, unwritten_bytes_ += step, kept_bytes_ += step;
      bytes = bytes.subspan(step);
    }
  }
  // `bulk` must stay as it is until `keep_borrowed` has answered `none`.
  void append_borrowed(std::span<const std::byte> bulk) {
    while (!bulk.empty()) {
      size_t step = std::min(bulk.size(), kChunkBytes);
      chunks_.emplace_back();
      chunks_.back().bulk = bulk.first(step);
      chunks_.back().borrowed = true;
      end_ += step, unwritten_bytes_ += step, kept_bytes_ += step;
      ++borrowed_;
      bulk = bulk.subspan(step);
    }
  }
  // `bulk` must stay as it is until it is `done`, an argument of the functions below.
  void append_bulk(std::span<const std::byte> bulk) {
    chunks_.emplace_back();
    chunks_.back().bulk = bulk;
    end_ += bulk.size();
  }

  // The next bytes to write, at most about `most_bytes`; how many parts were filled in.
  size_t parts(std::span<iovec> parts, size_t most_bytes) {
    size_t count = 0, bytes = 0, offset = write_offset_;
    for (size_t i = write_chunk_; i < chunks_.size() && count < parts.size() && bytes < most_bytes; ++i, offset = 0) {
      auto left = chunks_[i].all().subspan(offset);
      if (left.empty()) continue;
      parts[count++] = {const_cast<std::byte*>(left.data()), left.size()};
      bytes += left.size();
    }
    offered_ = written_ + bytes;
    return count;
  }
  // So many of them were written.
  template <class Done>
  void wrote(size_t bytes, Done&& done) {
    advance(bytes);
    acknowledge(peer_has_, done);
  }

  // The peer has everything up to `position`: calls `done(bulk)` for bulk in a pool that is kept no longer. False: the
  // peer cannot have that.
  template <class Done>
  bool acknowledge(uint64_t position, Done&& done) {
    if (position > offered_) return false;
    // The peer may be faster than the thread that is about to say what it `wrote`.
    peer_has_ = std::max(peer_has_, position);
    position = std::min(position, written_);
    if (position <= acknowledged_) return true;  // said again
    acknowledged_ = position;
    while (!chunks_.empty() && first_position_ + chunks_.front().all().size() <= position) {
      Chunk& first = chunks_.front();
      if (&first == &chunks_.back() && first.is_open()) break;  // still filling
      first_position_ += first.all().size();
      if (first.in_pool()) {
        done(first.bulk);
      } else {
        kept_bytes_ -= first.all().size();
        borrowed_ -= first.borrowed;
        if (first.owned) spare(first);
      }
      chunks_.pop_front();
      // A chunk that was filled no further after it had been written is still the one to write from.
      if (write_chunk_ > 0)
        --write_chunk_;
      else
        write_offset_ = 0;
    }
    // Nothing is kept: the same memory, warm in the caches, takes what comes next.
    if (acknowledged_ == end_ && chunks_.size() == 1 && chunks_.front().owned) {
      kept_bytes_ -= chunks_.front().used;
      chunks_.front().used = 0;
      first_position_ = end_;
      write_chunk_ = 0, write_offset_ = 0;
    }
    return true;
  }

  // Copies the oldest bulk of a pool that has been written and is only kept, so that the pool has room again. False:
  // there is none.
  template <class Done>
  bool copy_out(Done&& done) {
    for (size_t i = 0; i < chunks_.size() && i < write_chunk_; ++i) {
      Chunk& chunk = chunks_[i];
      if (!chunk.in_pool()) continue;
      auto bulk = chunk.bulk;
      chunk.owned = std::make_unique_for_overwrite<std::byte[]>(bulk.size());
      chunk.capacity = chunk.used = bulk.size();
      std::memcpy(chunk.owned.get(), bulk.data(), bulk.size());
      chunk.bulk = {};
      kept_bytes_ += chunk.used;
      done(bulk);
      return true;
    }
    return false;
  }

  // Copies one piece of what is borrowed, the newest: the older ones are on their way, and may be acknowledged before
  // their turn comes. What `parts` has named is copied only by who knows that nobody is writing it.
  enum class Kept : uint8_t { one, none, being_written };
  Kept keep_borrowed(bool nobody_writes) {
    if (borrowed_ == 0) return Kept::none;
    uint64_t end = end_;
    size_t i = chunks_.size() - 1;
    for (; !chunks_[i].borrowed; --i) end -= chunks_[i].all().size();
    Chunk& chunk = chunks_[i];
    const uint64_t begin = end - chunk.bulk.size();
    if (!nobody_writes && begin < offered_ && end > written_) return Kept::being_written;
    const size_t gone = acknowledged_ > begin ? size_t(acknowledged_ - begin) : 0;
    give_room(chunk);
    std::memcpy(chunk.owned.get() + gone, chunk.bulk.data() + gone, chunk.bulk.size() - gone);
    chunk.capacity = chunk.used = chunk.bulk.size();  // nothing is appended here
    chunk.bulk = {};
    chunk.borrowed = false;
    --borrowed_;
    return Kept::one;
  }

  // Everything from the acknowledged position on is to be written again.
  void rewind() {
    written_ = first_position_, write_chunk_ = 0, write_offset_ = 0;
    unwritten_bytes_ = kept_bytes_;
    advance(acknowledged_ - first_position_);
    offered_ = peer_has_ = written_;
  }

 private:
  static constexpr size_t kChunkBytes = 256 * 1024;
  static constexpr size_t kSpareChunks = 32;
  struct Chunk {
    std::unique_ptr<std::byte[]> owned;
    size_t capacity = 0, used = 0;
    std::span<const std::byte> bulk;  // where nothing is owned
    bool borrowed = false;            // `bulk` is, and in no pool
    bool ordinary = false;            // `owned` has kChunkBytes
    std::span<const std::byte> all() const { return owned ? std::span<const std::byte>(owned.get(), used) : bulk; }
    bool is_open() const { return owned && used < capacity; }
    bool in_pool() const { return !owned && !borrowed; }
  };

  void give_room(Chunk& chunk) {
    if (!spare_.empty()) {
      chunk.owned = std::move(spare_.back());
      spare_.pop_back();
    } else {
      chunk.owned = std::make_unique_for_overwrite<std::byte[]>(kChunkBytes);
    }
    chunk.capacity = kChunkBytes;
    chunk.ordinary = true;
  }
  void spare(Chunk& chunk) {
    if (chunk.ordinary && spare_.size() < kSpareChunks) spare_.push_back(std::move(chunk.owned));
  }
  void advance(uint64_t bytes) {
    written_ += bytes;
    while (bytes > 0) {
      const Chunk& chunk = chunks_[write_chunk_];
      size_t step = size_t(std::min<uint64_t>(bytes, chunk.all().size() - write_offset_));
      if (!chunk.in_pool()) unwritten_bytes_ -= step;
      write_offset_ += step, bytes -= step;
      if (write_offset_ < chunk.all().size()) break;
      if (&chunk == &chunks_.back() && chunk.is_open()) break;  // what is appended next stands there
      ++write_chunk_, write_offset_ = 0;
    }
  }

  std::deque<Chunk> chunks_;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  uint64_t first_position_ = 0;  // of the first chunk
  uint64_t acknowledged_ = 0, written_ = 0, end_ = 0;
  uint64_t offered_ = 0;                       // end of what `parts` has named
  uint64_t peer_has_ = 0;                      // as it says; at most offered_
  size_t write_chunk_ = 0, write_offset_ = 0;  // where written_ is; one past the last chunk: nothing to write
  size_t unwritten_bytes_ = 0, kept_bytes_ = 0;
  size_t borrowed_ = 0;  // chunks
};

}  // namespace gpool::transport
