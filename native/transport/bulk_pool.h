// Memory of a fixed size that bulk lands in or is sent from, page-aligned and touched only where it is used. Not
// thread-safe.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "transport/bulk_allocator.h"

namespace gpool::transport {

class BulkPool {
 public:
  explicit BulkPool(size_t bytes) : allocator_(bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != MAP_FAILED) memory_ = {static_cast<std::byte*>(at), bytes};
  }
  ~BulkPool() {
    if (!memory_.empty()) munmap(memory_.data(), memory_.size());
  }
  BulkPool(const BulkPool&) = delete;
  BulkPool& operator=(const BulkPool&) = delete;
  // nullptr: there is no room now.
  std::byte* take(size_t bytes) {
    if (memory_.empty()) return nullptr;
    auto offset = allocator_.allocate(bytes);
    return offset ? memory_.data() + *offset : nullptr;
  }
  bool give_back(const std::byte* at) { return allocator_.release(uint64_t(at - memory_.data())); }
  std::span<std::byte> memory() { return memory_; }

 private:
  std::span<std::byte> memory_;
  BulkAllocator allocator_;
};

}  // namespace gpool::transport
