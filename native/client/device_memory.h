// One device's memory as the client sees it: which addresses are allocated, and the messages that map and unmap them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "calls/driver_api.h"
#include "client/arena.h"
#include "wire/messages.h"

namespace gpool::client {

struct Context;
struct Device;

struct Allocation {
  enum class Kind : uint8_t { plain, managed, pool, reserved, global };
  uint64_t address = 0;
  uint64_t bytes = 0;   // as asked for
  uint64_t mapped = 0;  // whole granules of its own; 0: it shares one
  Kind kind = Kind::plain;
  bool accessible = true;  // mapped memory is not before cuMemSetAccess
  uint32_t sync_memops = 0;
  uint64_t id = 0;  // CU_POINTER_ATTRIBUTE_BUFFER_ID
  Context* context = nullptr;
};

class DeviceMemory {
 public:
  void begin(Device* device);

  CUresult allocate(Context* context, uint64_t bytes, Allocation::Kind kind, uint64_t& address);
  // With the meaning of cuMemFree, without waiting (rule 5 of docs/internals/data-plane.md).
  CUresult free(Context* context, uint64_t address);

  // Address ranges without memory, and memory for parts of them (virtual memory management).
  CUresult reserve(uint64_t bytes, uint64_t alignment, uint64_t wanted, uint64_t& address);
  CUresult unreserve(uint64_t address, uint64_t bytes);
  CUresult map(Context* context, uint64_t address, uint64_t bytes);
  // All of the range must be mapped.
  CUresult set_access(uint64_t address, uint64_t bytes, bool accessible);
  CUresult unmap(Context* context, uint64_t address, uint64_t bytes);

  bool contains(uint64_t address) const { return address >= begin_ && address < end_; }
  // Variables of loaded code lie where the worker's driver has put them, outside the arena. They count as allocated
  // from the moment the client learns of them until their code is unloaded.
  void add_global(Context* context, uint64_t address, uint64_t bytes);
  void remove_global(uint64_t address);
  bool holds_global(uint64_t address) const;
  // The allocation (or mapped part of a reservation) that holds `address`.
  std::optional<Allocation> find(uint64_t address) const;
  // The reservation that holds `address`.
  std::optional<Allocation> find_reservation(uint64_t address) const;
  // All of `bytes` at `address` lies in memory that is allocated (adjacent mapped parts count as one).
  bool covers(uint64_t address, uint64_t bytes) const;
  void set_sync_memops(uint64_t address, uint32_t value);
  // What a reset of the primary context leaves: nothing.
  void reset(Context* context);
  uint64_t pool_bytes() const;   // allocated in stream order and not yet freed
  uint64_t spare_bytes() const;  // mapped, and nothing allocated in them

  // The worker has granted credit, or calls it back. By the thread that receives; waits for nobody who sends.
  void receive(const wire::PushMemoryCredit& push);
  // Tells the worker that credit it has called back will not be spent, if no other frame has done so.
  void acknowledge_credit();
  uint64_t granularity() const { return granule_; }

 private:
  // Puts memory behind a range: from credit, without waiting, or by asking. `lock` is open while it waits.
  CUresult map_granules(std::unique_lock<std::shared_mutex>& lock, Context* context, uint64_t address, uint64_t bytes);
  CUresult ask_for(std::unique_lock<std::shared_mutex>& lock, Context* context, uint64_t address, uint64_t bytes);
  // Posts the free of a range, whose bytes become credit.
  CUresult unmap_granules(Context* context, uint64_t address, uint64_t bytes);
  bool give_up_spare(Context* context);
  void take_mail();

  Device* device_ = nullptr;
  uint64_t begin_ = 0, end_ = 0, granule_ = 0;
  mutable std::shared_mutex mutex_;
  AddressRanges ranges_;
  SmallBlocks small_;
  std::map<uint64_t, Allocation> allocations_;   // by address
  std::map<uint64_t, Allocation> reservations_;  // by address
  std::map<uint64_t, Allocation> globals_;       // by address
  std::atomic<size_t> global_count_{0};

  // What may be mapped without asking (rule 4 of docs/internals/data-plane.md). Frames that carry the epoch are sent
  // under mutex_, so that the worker sees epochs in order.
  struct Credit {
    uint32_t epoch = 1;
    uint64_t bytes = 0;
    uint64_t target_bytes = 0;
  };
  Credit credit_;           // guarded by mutex_
  bool owes_word_ = false;  // guarded by mutex_: no frame of this epoch has been sent yet
  std::mutex mail_mutex_;   // held for a few instructions, never while something is sent
  Credit mail_;             // what has come since credit_ was looked at
};

// Some device's credit has been called back: whoever leaves the driver next sends the word.
extern std::atomic<bool> g_credit_called_back;
void acknowledge_credit();

// The device whose arena holds the address; nullptr: it is no device address of ours.
Device* device_of_address(uint64_t address);

}  // namespace gpool::client
