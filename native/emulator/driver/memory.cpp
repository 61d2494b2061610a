#include "emulator/driver/memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "emulator/driver/driver.h"

namespace gpool::emulator {
namespace {

constexpr uint64_t kPage = 4096;
// Between two allocations lies memory that is nobody's, so that a kernel that runs past an end faults.
constexpr uint64_t kGap = 512;

uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

Memory& memory() {
  static Memory* const memory = new Memory;
  return *memory;
}

void Ranges::insert(uint64_t begin, uint64_t bytes) {
  by_address_[begin] = bytes;
  by_size_.emplace(bytes, begin);
}

void Ranges::erase(std::map<uint64_t, uint64_t>::iterator at) {
  auto [first, last] = by_size_.equal_range(at->second);
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second == at->first) {
      by_size_.erase(entry);
      break;
    }
  }
  by_address_.erase(at);
}

void Ranges::add(uint64_t begin, uint64_t bytes) {
  auto next = by_address_.lower_bound(begin);
  if (next != by_address_.end() && begin + bytes == next->first) {
    bytes += next->second;
    auto gone = next++;
    erase(gone);
  }
  if (next != by_address_.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == begin) {
      begin = before->first;
      bytes += before->second;
      erase(before);
    }
  }
  insert(begin, bytes);
}

uint64_t Ranges::take(uint64_t bytes, uint64_t alignment) {
  for (auto entry = by_size_.lower_bound(bytes); entry != by_size_.end(); ++entry) {
    uint64_t begin = entry->second, size = entry->first;
    uint64_t at = round_up(begin, alignment);
    if (at + bytes > begin + size) continue;
    erase(by_address_.find(begin));
    if (at > begin) insert(begin, at - begin);
    if (at + bytes < begin + size) insert(at + bytes, begin + size - at - bytes);
    return at;
  }
  return 0;
}

void Memory::open_arena(int device, uint64_t bytes) {
  // Four times the memory, so that fragmentation of addresses never is what ends an allocation.
  for (uint64_t size = std::max(bytes * 4, uint64_t{16} << 30); size >= bytes; size /= 2) {
    void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) continue;
    madvise(address, size, MADV_DONTDUMP);
    std::lock_guard lock(mutex_);
    uint64_t begin = round_up(reinterpret_cast<uint64_t>(address), uint64_t{2} << 20);
    arenas_[device].add(begin, reinterpret_cast<uint64_t>(address) + size - begin);
    return;
  }
}

std::optional<Block> Memory::allocate_device(Block block, uint64_t alignment) {
  block.charged = round_up(block.bytes, 512);
  if (block.bytes == 0 || block.bytes > uint64_t{1} << 46) return std::nullopt;
  if (!driver().take_allocation()) return std::nullopt;
  if (!driver().reserve_bytes(block.device, block.charged)) return std::nullopt;
  std::lock_guard lock(mutex_);
  uint64_t at = arenas_[block.device].take(round_up(block.bytes, 512) + kGap, alignment);
  if (!at) {
    driver().release_bytes(block.device, block.charged);
    return std::nullopt;
  }
  block.begin = at;
  block.id = ++next_id_;
  blocks_[at] = block;
  ++generation_;
  return block;
}

std::optional<Block> Memory::allocate_host(Block block) {
  if (block.bytes > uint64_t{1} << 46) return std::nullopt;
  uint64_t pages = round_up(std::max<uint64_t>(block.bytes, 1), kPage);
  if (!driver().take_allocation()) return std::nullopt;
  void* address = mmap(nullptr, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return std::nullopt;
  block.begin = reinterpret_cast<uint64_t>(address);
  insert(block);
  return find(block.begin);
}

void Memory::insert(const Block& block) {
  std::lock_guard lock(mutex_);
  blocks_[block.begin] = block;
  blocks_[block.begin].id = ++next_id_;
  ++generation_;
}

std::optional<Block> Memory::find(uint64_t address) const {
  std::lock_guard lock(mutex_);
  auto at = blocks_.upper_bound(address);
  if (at == blocks_.begin()) return std::nullopt;
  --at;
  const Block& block = at->second;
  // An empty host allocation still answers to its own address.
  if (address >= block.end() && address != block.begin) return std::nullopt;
  return block;
}

bool Memory::remove(uint64_t begin) {
  std::lock_guard lock(mutex_);
  auto at = blocks_.find(begin);
  if (at == blocks_.end()) return false;
  Block block = at->second;
  blocks_.erase(at);
  ++generation_;
  switch (block.kind) {
    case Block::Kind::device:
    case Block::Kind::pool:
    case Block::Kind::constant:
      if (block.bytes >= 64 * 1024) {
        uint64_t first = round_up(begin, kPage), last = block.end() / kPage * kPage;
        if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
      }
      arenas_[block.device].add(begin, round_up(block.bytes, 512) + kGap);
      driver().release_bytes(block.device, block.charged);
      break;
    case Block::Kind::managed:
    case Block::Kind::host:
      munmap(reinterpret_cast<void*>(begin), round_up(std::max<uint64_t>(block.bytes, 1), kPage));
      break;
    case Block::Kind::registered:
    case Block::Kind::mapped:
      break;
  }
  return true;
}

bool Memory::update(uint64_t begin, const std::function<void(Block&)>& change) {
  std::lock_guard lock(mutex_);
  auto at = blocks_.find(begin);
  if (at == blocks_.end()) return false;
  change(at->second);
  ++generation_;
  return true;
}

std::vector<Block> Memory::blocks_where(const std::function<bool(const Block&)>& wanted) const {
  std::vector<Block> found;
  std::lock_guard lock(mutex_);
  for (const auto& [begin, block] : blocks_) {
    if (wanted(block)) found.push_back(block);
  }
  return found;
}

bool Memory::overlaps(uint64_t begin, uint64_t bytes) const {
  std::lock_guard lock(mutex_);
  auto at = blocks_.lower_bound(begin + bytes);
  if (at == blocks_.begin()) return false;
  --at;
  return at->second.end() > begin;
}

bool Memory::covers(uint64_t address, uint64_t bytes, int device, bool write) const {
  std::lock_guard lock(mutex_);
  uint64_t end = address + bytes;
  if (end < address) return false;
  auto at = blocks_.upper_bound(address);
  if (at == blocks_.begin()) return false;
  --at;
  while (true) {
    const Block& block = at->second;
    if (address < block.begin || address > block.end() || (address == block.end() && bytes != 0)) return false;
    if (block.kind == Block::Kind::mapped) {
      uint8_t granted = static_cast<size_t>(device) < block.access.size() ? block.access[device] : 0;
      if (!(granted & (write ? 2 : 1))) return false;
    }
    if (end <= block.end()) return true;
    address = block.end();
    if (block.kind != Block::Kind::mapped || ++at == blocks_.end()) return false;
  }
}

ptx::Regions Memory::regions(int device, uint64_t peers) const {
  std::lock_guard lock(mutex_);
  Snapshot& snapshot = snapshots_[{device, peers}];
  uint64_t generation = generation_.load();
  if (snapshot.generation == generation) return snapshot.regions;
  auto regions = std::make_shared<std::vector<ptx::Region>>();
  for (const auto& [begin, block] : blocks_) {
    bool writable = block.kind != Block::Kind::constant;
    switch (block.kind) {
      case Block::Kind::device:
      case Block::Kind::constant:
        if (block.device != device && !(peers >> block.device & 1)) continue;
        break;
      case Block::Kind::pool:
        if (block.device != device && !(static_cast<size_t>(device) < block.access.size() && block.access[device]))
          continue;
        break;
      case Block::Kind::mapped: {
        uint8_t granted = static_cast<size_t>(device) < block.access.size() ? block.access[device] : 0;
        if (!granted) continue;
        writable = granted & 2;
        break;
      }
      default:
        break;
    }
    if (block.bytes == 0) continue;
    if (!regions->empty() && regions->back().end == begin && regions->back().writable == writable) {
      regions->back().end = block.end();  // neighbouring mappings are one range to a kernel
    } else {
      regions->push_back({begin, block.end(), writable});
    }
  }
  snapshot = {generation, regions};
  return regions;
}

}  // namespace gpool::emulator
