// Device addresses: which part of a device's arena belongs to what. Two layers, no message of its own, no lock (the
// owner has one): address ranges in whole granules, taken in turn so that a freed address comes back as late as
// possible; and small blocks that share granules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace gpool::client {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Ranges of addresses. Next-fit: goes on where it last took, and starts over at the end.
class AddressRanges {
 public:
  AddressRanges() = default;
  AddressRanges(uint64_t address, uint64_t bytes) : begin_(address), end_(address + bytes), next_(address) {
    if (bytes > 0) free_[address] = bytes;
  }
  // `bytes` > 0; `alignment` a power of two. Nothing: no range is large enough.
  std::optional<uint64_t> take(uint64_t bytes, uint64_t alignment);
  // Exactly this range, if it is free.
  bool take_at(uint64_t address, uint64_t bytes);
  // What was taken before, whole or in part.
  void give(uint64_t address, uint64_t bytes);
  bool contains(uint64_t address) const { return address >= begin_ && address < end_; }
  uint64_t free_bytes() const;

 private:
  std::optional<uint64_t> take_between(uint64_t from, uint64_t to, uint64_t bytes, uint64_t alignment);

  uint64_t begin_ = 0, end_ = 0, next_ = 0;
  std::map<uint64_t, uint64_t> free_;  // address → bytes; neighbours are merged
};

// Small blocks inside granules that the owner adds. Best fit, neighbours merged within a granule.
class SmallBlocks {
 public:
  static constexpr uint64_t kAlignment = 512;

  explicit SmallBlocks(uint64_t granule = 0) : granule_(granule) {}
  uint64_t granule() const { return granule_; }
  void add_granule(uint64_t address);
  // `bytes` is rounded up to kAlignment. Nothing: add a granule first.
  std::optional<uint64_t> take(uint64_t bytes);
  // Gives the granule's address when it has become empty while another empty one is kept: it is the owner's again then.
  std::optional<uint64_t> give(uint64_t address, uint64_t bytes);
  bool has_spare() const { return spare_ != 0; }
  // The empty granule that is kept, if there is one: the owner's again.
  std::optional<uint64_t> give_up_spare();

 private:
  void insert(uint64_t address, uint64_t bytes);
  void erase(std::map<uint64_t, uint64_t>::iterator at);

  uint64_t granule_;
  std::map<uint64_t, uint64_t> by_address_;    // address → bytes
  std::multimap<uint64_t, uint64_t> by_size_;  // bytes → address
  uint64_t spare_ = 0;                         // an empty granule that is kept, or 0
};

}  // namespace gpool::client
