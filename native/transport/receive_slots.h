// Private copies of received frames. What the peer could still change (shared memory) or what arrives in parts (a
// socket) is read once into one of these; the frame is checked and used there. Thread-safe: frames are released by
// other threads than the one that receives.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace gpool::transport {

class ReceiveSlots {
 public:
  struct Slot {
    std::unique_ptr<uint64_t[]> words;
    size_t capacity_bytes = 0;
    uint64_t bulk_offset = 0;
    uint64_t bulk_bytes = 0;
    bool live = false;
    std::byte* bytes() { return reinterpret_cast<std::byte*>(words.get()); }
  };

  // Index of a slot with room for `frame_bytes`.
  uint32_t take(size_t frame_bytes) {
    std::scoped_lock lock(mutex_);
    uint32_t index;
    if (free_.empty()) {
      index = uint32_t(slots_.size());
      slots_.push_back(std::make_unique<Slot>());
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Slot& slot = *slots_[index];
    if (slot.capacity_bytes < frame_bytes) {
      slot.capacity_bytes = frame_bytes < 512 ? 512 : (frame_bytes + 7) & ~size_t{7};
      slot.words = std::make_unique_for_overwrite<uint64_t[]>(slot.capacity_bytes / 8);
    }
    slot.bulk_bytes = 0;
    slot.live = true;
    return index;
  }
  Slot& operator[](uint32_t index) {
    std::scoped_lock lock(mutex_);
    return *slots_[index];
  }
  // What bulk the slot held; false: it is not taken.
  bool give_back(uint64_t index, uint64_t& bulk_offset, uint64_t& bulk_bytes) {
    std::scoped_lock lock(mutex_);
    if (index >= slots_.size() || !slots_[index]->live) return false;
    Slot& slot = *slots_[index];
    slot.live = false;
    bulk_offset = slot.bulk_offset, bulk_bytes = slot.bulk_bytes;
    if (slot.capacity_bytes > 64 * 1024) slot.words.reset(), slot.capacity_bytes = 0;
    free_.push_back(uint32_t(index));
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace gpool::transport
