// The client's side of handles: one slab per session and kind. Finding an object is two loads and a comparison, without
// a lock, and is safe against handles that are stale or made up. Objects are never given back to the system, so a
// pointer to one stays readable for the life of the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <new>

#include "wire/handle.h"

namespace gpool::client {

struct Context;

struct Object {
  std::atomic<wire::Handle> handle{0};  // 0: free
  std::atomic<Context*> context{nullptr};
  std::atomic<uint32_t> flags{0};
  std::atomic<int32_t> priority{0};
  // Streams: 1 while the client knows it to be capturing. Events: 1 when recorded at least once.
  std::atomic<uint32_t> mark{0};
  uint32_t generation = 0;
  std::atomic<void*> data{nullptr};  // Code of a module or library, Kernel of a function, …
};

class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  // Of a session that could not be opened; every other one lives as long as the process.
  ~Slab() {
    for (std::atomic<Object*>& chunk : chunks_) delete[] chunk.load();
  }

  Object* find(wire::Handle handle) const {
    const uint32_t index = wire::index_of(handle);
    Object* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) return nullptr;
    Object* object = &chunk[index % kChunk];
    return object->handle.load(std::memory_order_acquire) == handle ? object : nullptr;
  }

  // A new handle, not yet valid: `publish` makes it so. nullptr: all 16 million are in use.
  Object* create(wire::Kind kind, uint32_t session, wire::Handle& handle) {
    std::lock_guard lock(mutex_);
    uint32_t index;
    // Reused late, so that a stale handle meets an unused slot or a newer generation for long.
    if (free_.size() > 1024 || (next_ > wire::kMaxIndex && !free_.empty())) {
      index = free_.front();
      free_.pop_front();
    } else {
      // PyTorch tells the streams of others from numbers of its own by the lowest bit, which in an address is 0.
      const uint32_t step = kind == wire::Kind::stream ? 2 : 1;
      index = (next_ + step - 1) / step * step;
      if (index > wire::kMaxIndex) return nullptr;
      next_ = index + 1;
    }
    Object* object = slot(index);
    if (object == nullptr) return nullptr;
    object->generation = object->generation % wire::kMaxGeneration + 1;
    object->context.store(nullptr, std::memory_order_relaxed);
    object->flags.store(0, std::memory_order_relaxed);
    object->priority.store(0, std::memory_order_relaxed);
    object->mark.store(0, std::memory_order_relaxed);
    object->data.store(nullptr, std::memory_order_relaxed);
    handle = wire::make_handle(kind, session, object->generation, index);
    return object;
  }
  // A slot whose handle follows from elsewhere (kernels of a module: wire/module_record.h).
  Object* place(wire::Handle handle) {
    std::lock_guard lock(mutex_);
    const uint32_t index = wire::index_of(handle);
    if (index >= next_) next_ = index + 1;
    return slot(index);
  }
  void publish(Object* object, wire::Handle handle) { object->handle.store(handle, std::memory_order_release); }
  void destroy(wire::Handle handle) {
    Object* object = find(handle);
    wire::Handle expected = handle;
    if (object == nullptr || !object->handle.compare_exchange_strong(expected, 0)) return;
    std::lock_guard lock(mutex_);
    free_.push_back(wire::index_of(handle));
  }
  // As `destroy`, for a slot that is never used again.
  void retire(wire::Handle handle) {
    if (Object* object = find(handle)) object->handle.store(0);
  }
  template <typename Visit>
  void for_each(Visit visit) {
    std::lock_guard lock(mutex_);
    for (uint32_t index = 1; index < next_; index++) {
      Object* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
      if (chunk != nullptr && chunk[index % kChunk].handle.load() != 0) visit(chunk[index % kChunk]);
    }
  }

 private:
  static constexpr uint32_t kChunk = 2048;

  Object* slot(uint32_t index) {
    std::atomic<Object*>& place = chunks_[index / kChunk];
    Object* chunk = place.load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      chunk = new (std::nothrow) Object[kChunk];
      if (chunk == nullptr) return nullptr;
      place.store(chunk, std::memory_order_release);
    }
    return &chunk[index % kChunk];
  }

  std::atomic<Object*> chunks_[(wire::kMaxIndex + 1) / kChunk] = {};
  std::mutex mutex_;
  std::deque<uint32_t> free_;
  uint32_t next_ = 1;
};

}  // namespace gpool::client
