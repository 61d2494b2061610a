// What is at which address. Device addresses are host addresses; each device has an arena of reserved address space.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/ptx/ptx.h"

namespace gpool::emulator {

struct Block {
  enum class Kind : uint8_t { device, pool, managed, host, registered, mapped, constant };
  uint64_t begin = 0, bytes = 0;
  uint64_t charged = 0;  // bytes in the ledger, 0 for host memory
  Kind kind = Kind::device;
  int device = 0;        // ordinal
  uint64_t context = 0;  // handle; 0 for VMM and pools
  uint64_t id = 0;
  uint64_t owner = 0;   // handle of the pool or of the physical memory
  uint64_t offset = 0;  // in the physical memory
  unsigned flags = 0;   // of cuMemHostAlloc and cuMemHostRegister
  bool sync_memops = false;
  bool read_mostly = false;     // advised, of managed memory
  int preferred = -2;           // likewise: a device, -1 the host, -2 none
  bool internal = false;        // module variables, device heap: not the user's to free
  bool free_pending = false;    // cuMemFreeAsync is queued
  std::vector<uint8_t> access;  // mapped: per device 0 none, 1 read, 3 read and write
  uint64_t end() const { return begin + bytes; }
  bool is_host() const { return kind == Kind::host || kind == Kind::registered; }
};

// Free address ranges of one arena, best fit.
class Ranges {
 public:
  void add(uint64_t begin, uint64_t bytes);
  uint64_t take(uint64_t bytes, uint64_t alignment);  // 0: none

 private:
  std::map<uint64_t, uint64_t> by_address_;
  std::multimap<uint64_t, uint64_t> by_size_;
  void insert(uint64_t begin, uint64_t bytes);
  void erase(std::map<uint64_t, uint64_t>::iterator at);
};

class Memory {
 public:
  // Address space and ledger bytes for device memory. nullopt: out of memory.
  std::optional<Block> allocate_device(Block like, uint64_t alignment = 512);
  std::optional<Block> allocate_host(Block like);  // anonymous pages for managed and pinned memory
  void insert(const Block& block);                 // registered and mapped ranges
  std::optional<Block> find(uint64_t address) const;
  // Takes the block away and gives back what it held. False: nothing begins there.
  bool remove(uint64_t begin);
  bool update(uint64_t begin, const std::function<void(Block&)>& change);
  std::vector<Block> blocks_where(const std::function<bool(const Block&)>& wanted) const;
  bool overlaps(uint64_t begin, uint64_t bytes) const;

  // Whether all of [address, address + bytes) is known memory that `device` may write (or read).
  bool covers(uint64_t address, uint64_t bytes, int device, bool write) const;
  // Ranges a kernel on `device` of `context` may touch; `peers` are devices that it may reach too.
  ptx::Regions regions(int device, uint64_t peers) const;

  void open_arena(int device, uint64_t memory);

 private:
  mutable std::mutex mutex_;
  std::map<uint64_t, Block> blocks_;
  std::map<int, Ranges> arenas_;
  uint64_t next_id_ = 0;
  std::atomic<uint64_t> generation_{1};
  struct Snapshot {
    uint64_t generation = 0;
    ptx::Regions regions;
  };
  mutable std::map<std::pair<int, uint64_t>, Snapshot> snapshots_;
};

Memory& memory();

}  // namespace gpool::emulator
