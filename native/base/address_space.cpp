#include "base/address_space.h"

#include <sys/mman.h>

#include <mutex>
#include <random>

namespace gpool {
namespace {

#ifdef __SANITIZE_THREAD__
// The thread sanitizer lets a program have a few ranges alone; this one is for position-independent programs' images.
constexpr uint64_t kLowest = uint64_t{0x5580} << 32, kHighest = uint64_t{0x5660} << 32;
#else
// Between the heap of ordinary programs and the mappings below the stack: neither side is likely to have anything here.
constexpr uint64_t kLowest = uint64_t{0x2000} << 32, kHighest = uint64_t{0x5000} << 32;
#endif

}  // namespace

void* map_at(uint64_t address, uint64_t bytes, int protection, int flags, int fd) {
  void* wanted = reinterpret_cast<void*>(address);
  void* got = mmap(wanted, bytes, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
  if (got == MAP_FAILED) return nullptr;
  if (got == wanted) return got;
  munmap(got, bytes);  // a kernel that does not know MAP_FIXED_NOREPLACE takes it for a hint
  return nullptr;
}

uint64_t random_address(uint64_t bytes, uint64_t unit) {
  static std::mutex& mutex = *new std::mutex;
  static std::mt19937_64& random = *[] {
    std::random_device seed;
    return new std::mt19937_64(uint64_t{seed()} << 32 | seed());
  }();
  std::lock_guard lock(mutex);
  return (kLowest + random() % (kHighest - kLowest - bytes)) & ~(unit - 1);
}

}  // namespace gpool
