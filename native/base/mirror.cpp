#include "base/mirror.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gpool {
namespace {

constexpr size_t kPage = 4096;

struct RunHead {
  uint64_t offset, bytes;
};

constexpr size_t padded(size_t bytes) {
  return (bytes + 7) & ~size_t{7};
}

// The other side of the memory (a GPU, a thread of the program) may write while this reads: each word is read once.
uint32_t read_once(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(at), __ATOMIC_RELAXED);
}

}  // namespace

Mirror::Mirror(std::span<std::byte> memory) : memory_(memory) {
  void* at = mmap(nullptr, memory.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at != MAP_FAILED) shadow_ = static_cast<std::byte*>(at);
}

Mirror::~Mirror() {
  if (shadow_ != nullptr) munmap(shadow_, memory_.size());
}

size_t Mirror::collect(size_t from, std::span<std::byte> room, size_t& written) {
  written = 0;
  for (size_t page = from / kPage * kPage; page < memory_.size(); page += kPage) {
    const size_t end = std::min(page + kPage, memory_.size());
    size_t at = std::max(from, page);
    if (std::memcmp(memory_.data() + at, shadow_ + at, end - at) == 0) continue;
    while (at < end) {
      if (read_once(memory_.data() + at) == read_once(shadow_ + at)) {
        at += kWord;
        continue;
      }
      if (written + sizeof(RunHead) + 8 > room.size()) return at;
      RunHead head{at, 0};
      std::byte* data = room.data() + written + sizeof head;
      const size_t most = (room.size() - written - sizeof head) / 8 * 8;
      for (; at < end && head.bytes < most; at += kWord, head.bytes += kWord) {
        const uint32_t word = read_once(memory_.data() + at);
        if (word == read_once(shadow_ + at)) break;
        std::memcpy(shadow_ + at, &word, kWord);
        std::memcpy(data + head.bytes, &word, kWord);
      }
      std::memset(data + head.bytes, 0, padded(head.bytes) - head.bytes);
      std::memcpy(room.data() + written, &head, sizeof head);
      written += sizeof head + padded(head.bytes);
    }
  }
  return memory_.size();
}

bool Mirror::apply(std::span<const std::byte> runs) {
  while (!runs.empty()) {
    RunHead head;
    if (runs.size() < sizeof head) return false;
    std::memcpy(&head, runs.data(), sizeof head);
    runs = runs.subspan(sizeof head);
    if (head.offset % kWord != 0 || head.bytes % kWord != 0 || head.bytes == 0 || head.bytes > memory_.size() ||
        head.offset > memory_.size() - head.bytes || padded(head.bytes) > runs.size())
      return false;
    std::memcpy(shadow_ + head.offset, runs.data(), head.bytes);
    std::memcpy(memory_.data() + head.offset, runs.data(), head.bytes);
    runs = runs.subspan(padded(head.bytes));
  }
  return true;
}

}  // namespace gpool
