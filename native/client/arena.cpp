#include "client/arena.h"

#include <algorithm>

namespace gpool::client {
std::optional<uint64_t> AddressRanges::take(uint64_t bytes, uint64_t alignment) {
  if (bytes == 0 || bytes > end_ - begin_ || alignment == 0 || (alignment & (alignment - 1)) != 0) return {};
  std::optional<uint64_t> address = take_between(next_, end_, bytes, alignment);
  if (!address) address = take_between(begin_, end_, bytes, alignment);
  if (address) next_ = *address + bytes;
  return address;
}

std::optional<uint64_t> AddressRanges::take_between(uint64_t from, uint64_t to, uint64_t bytes, uint64_t alignment) {
  auto at = free_.upper_bound(from);
  if (at != free_.begin()) --at;
  for (; at != free_.end() && at->first < to; ++at) {
    const uint64_t start = round_up(std::max(at->first, from), alignment);
    const uint64_t end = at->first + at->second;
    if (start < at->first || start > end || end - start < bytes) continue;
    if (take_at(start, bytes)) return start;
  }
  return {};
}

bool AddressRanges::take_at(uint64_t address, uint64_t bytes) {
  auto at = free_.upper_bound(address);
  if (at == free_.begin() || bytes == 0) return false;
  --at;
  const uint64_t start = at->first, end = at->first + at->second;
  if (address > end || end - address < bytes) return false;
  free_.erase(at);
  if (address > start) free_[start] = address - start;
  if (end > address + bytes) free_[address + bytes] = end - address - bytes;
  return true;
}

void AddressRanges::give(uint64_t address, uint64_t bytes) {
  if (bytes == 0) return;
  auto next = free_.lower_bound(address);
  if (next != free_.end() && next->first == address + bytes) {
    bytes += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == address) {
      previous->second += bytes;
      return;
    }
  }
  free_[address] = bytes;
}

uint64_t AddressRanges::free_bytes() const {
  uint64_t total = 0;
  for (const auto& [address, bytes] : free_) total += bytes;
  return total;
}

void SmallBlocks::insert(uint64_t address, uint64_t bytes) {
  by_address_[address] = bytes;
  by_size_.emplace(bytes, address);
}

void SmallBlocks::erase(std::map<uint64_t, uint64_t>::iterator at) {
  auto [from, to] = by_size_.equal_range(at->second);
  for (; from != to; ++from) {
    if (from->second != at->first) continue;
    by_size_.erase(from);
    break;
  }
  by_address_.erase(at);
}

void SmallBlocks::add_granule(uint64_t address) {
  insert(address, granule_);
}

std::optional<uint64_t> SmallBlocks::take(uint64_t bytes) {
  bytes = round_up(std::max<uint64_t>(bytes, 1), kAlignment);
  auto fit = by_size_.lower_bound(bytes);
  if (fit == by_size_.end()) return {};
  const uint64_t address = fit->second, had = fit->first;
  erase(by_address_.find(address));
  if (spare_ == address && had == granule_) spare_ = 0;
  if (had > bytes) insert(address + bytes, had - bytes);
  return address;
}

std::optional<uint64_t> SmallBlocks::give_up_spare() {
  if (spare_ == 0) return {};
  const uint64_t address = spare_;
  erase(by_address_.find(address));
  spare_ = 0;
  return address;
}

std::optional<uint64_t> SmallBlocks::give(uint64_t address, uint64_t bytes) {
  bytes = round_up(std::max<uint64_t>(bytes, 1), kAlignment);
  const uint64_t granule = address / granule_ * granule_;
  auto next = by_address_.lower_bound(address);
  if (next != by_address_.end() && next->first == address + bytes && next->first < granule + granule_) {
    bytes += next->second;
    auto merged = next++;
    erase(merged);
  }
  if (next != by_address_.begin()) {
    auto previous = std::prev(next);
    if (previous->first >= granule && previous->first + previous->second == address) {
      address = previous->first;
      bytes += previous->second;
      erase(previous);
    }
  }
  if (bytes == granule_ && spare_ != 0) return address;
  if (bytes == granule_) spare_ = address;
  insert(address, bytes);
  return {};
}

}  // namespace gpool::client
