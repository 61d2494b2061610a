#include "client/device_memory.h"

#include <atomic>

#include "client/context.h"
#include "client/driver.h"
#include "client/host_memory.h"
#include "client/session.h"

namespace gpool::client {
namespace {

// The range among them that holds the address; nullptr: none.
const Allocation* holder(const std::map<uint64_t, Allocation>& ranges, uint64_t address) {
  auto at = ranges.upper_bound(address);
  if (at == ranges.begin()) return nullptr;
  --at;
  return address - at->first < at->second.bytes ? &at->second : nullptr;
}

uint64_t next_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

}  // namespace

void DeviceMemory::begin(Device* device) {
  device_ = device;
  begin_ = device->record.arena_address;
  end_ = begin_ + device->record.arena_bytes;
  granule_ = device->record.granularity;
  ranges_ = AddressRanges(begin_, end_ - begin_);
  small_ = SmallBlocks(granule_);
}

CUresult DeviceMemory::map_granules(Context* context, uint64_t address, uint64_t bytes) {
  wire::MemoryMap arguments{};
  arguments.device = device_->index;
  arguments.address = address;
  arguments.bytes = bytes;
  Pending pending;
  return device_->session->ask(wire::Message::memory_map, context, arguments, pending);
}

CUresult DeviceMemory::allocate(Context* context, uint64_t bytes, Allocation::Kind kind, uint64_t& address) {
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (bytes > end_ - begin_) return CUDA_ERROR_OUT_OF_MEMORY;
  Allocation allocation;
  allocation.bytes = bytes;
  allocation.kind = kind;
  allocation.context = context;
  allocation.id = next_id();
  const bool small = bytes <= granule_ / 2;
  std::unique_lock lock(mutex_);
  if (small) {
    while (true) {
      if (std::optional<uint64_t> block = small_.take(bytes)) {
        allocation.address = *block;
        break;
      }
      std::optional<uint64_t> granule = ranges_.take(granule_, granule_);
      if (!granule) return CUDA_ERROR_OUT_OF_MEMORY;
      lock.unlock();  // others go on meanwhile
      CUresult status = map_granules(context, *granule, granule_);
      lock.lock();
      if (status != CUDA_SUCCESS) {
        ranges_.give(*granule, granule_);
        return status;
      }
      small_.add_granule(*granule);
    }
  } else {
    allocation.mapped = round_up(bytes, granule_);
    std::optional<uint64_t> range = ranges_.take(allocation.mapped, granule_);
    if (!range) return CUDA_ERROR_OUT_OF_MEMORY;
    lock.unlock();
    CUresult status = map_granules(context, *range, allocation.mapped);
    lock.lock();
    if (status != CUDA_SUCCESS) {
      ranges_.give(*range, allocation.mapped);
      return status;
    }
    allocation.address = *range;
  }
  allocations_[allocation.address] = allocation;
  address = allocation.address;
  return CUDA_SUCCESS;
}

CUresult DeviceMemory::free(Context* context, uint64_t address) {
  std::unique_lock lock(mutex_);
  auto at = allocations_.find(address);
  if (at == allocations_.end() || at->second.kind == Allocation::Kind::reserved) return CUDA_ERROR_INVALID_VALUE;
  const Allocation allocation = at->second;
  allocations_.erase(at);
  Session& session = *device_->session;
  // The message goes first, and the address is given back under the same lock: whoever gets it next sends after it.
  if (allocation.mapped != 0) {
    wire::MemoryMap arguments{};
    arguments.device = device_->index;
    arguments.address = address;
    arguments.bytes = allocation.mapped;
    CUresult status = session.post(wire::Message::memory_unmap, context, arguments);
    ranges_.give(address, allocation.mapped);
    return status;
  }
  CUresult status = session.post(wire::Message::fence, context, wire::Fence{device_->index});
  if (std::optional<uint64_t> empty = small_.give(address, allocation.bytes)) {
    wire::MemoryMap arguments{};
    arguments.device = device_->index;
    arguments.address = *empty;
    arguments.bytes = granule_;
    (void)session.post(wire::Message::memory_unmap, context, arguments);
    ranges_.give(*empty, granule_);
  }
  return status;
}

CUresult DeviceMemory::reserve(uint64_t bytes, uint64_t alignment, uint64_t wanted, uint64_t& address) {
  if (bytes == 0 || bytes % granule_ != 0) return CUDA_ERROR_INVALID_VALUE;
  if (alignment != 0 && (alignment & (alignment - 1)) != 0) return CUDA_ERROR_INVALID_VALUE;
  std::unique_lock lock(mutex_);
  if (wanted != 0 && wanted % granule_ == 0 && contains(wanted) && ranges_.take_at(wanted, bytes)) {
    address = wanted;
  } else {
    std::optional<uint64_t> range = ranges_.take(bytes, alignment > granule_ ? alignment : granule_);
    if (!range) return CUDA_ERROR_OUT_OF_MEMORY;
    address = *range;
  }
  Allocation reservation;
  reservation.address = address;
  reservation.bytes = bytes;
  reservation.kind = Allocation::Kind::reserved;
  reservations_[address] = reservation;
  return CUDA_SUCCESS;
}

CUresult DeviceMemory::unreserve(uint64_t address, uint64_t bytes) {
  std::unique_lock lock(mutex_);
  auto at = reservations_.find(address);
  if (at == reservations_.end() || at->second.bytes != bytes) return CUDA_ERROR_INVALID_VALUE;
  auto mapped = allocations_.lower_bound(address);
  if (mapped != allocations_.end() && mapped->first < address + bytes) return CUDA_ERROR_INVALID_VALUE;
  reservations_.erase(at);
  ranges_.give(address, bytes);
  return CUDA_SUCCESS;
}

CUresult DeviceMemory::map(Context* context, uint64_t address, uint64_t bytes) {
  if (bytes == 0 || address % granule_ != 0 || bytes % granule_ != 0) return CUDA_ERROR_INVALID_VALUE;
  std::unique_lock lock(mutex_);
  auto reservation = reservations_.upper_bound(address);
  if (reservation == reservations_.begin()) return CUDA_ERROR_INVALID_VALUE;
  --reservation;
  if (address + bytes > reservation->first + reservation->second.bytes) return CUDA_ERROR_INVALID_VALUE;
  auto next = allocations_.lower_bound(address);
  if (next != allocations_.end() && next->first < address + bytes) return CUDA_ERROR_INVALID_VALUE;
  if (next != allocations_.begin() && std::prev(next)->first + std::prev(next)->second.bytes > address)
    return CUDA_ERROR_INVALID_VALUE;
  CUresult status = map_granules(context, address, bytes);
  if (status != CUDA_SUCCESS) return status;
  Allocation part;
  part.address = address;
  part.bytes = part.mapped = bytes;
  part.kind = Allocation::Kind::reserved;
  part.accessible = false;
  part.context = context;
  part.id = next_id();
  allocations_[address] = part;
  return CUDA_SUCCESS;
}

CUresult DeviceMemory::set_access(uint64_t address, uint64_t bytes, bool accessible) {
  std::unique_lock lock(mutex_);
  for (bool change : {false, true}) {
    for (uint64_t at = address; at < address + bytes;) {
      auto part = allocations_.find(at);
      if (part == allocations_.end() || part->second.kind != Allocation::Kind::reserved)
        return CUDA_ERROR_INVALID_VALUE;
      if (change) part->second.accessible = accessible;
      at += part->second.bytes;
      if (at > address + bytes) return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return CUDA_SUCCESS;
}

CUresult DeviceMemory::unmap(Context* context, uint64_t address, uint64_t bytes) {
  std::unique_lock lock(mutex_);
  // Several whole mappings at once are allowed, parts of one are not.
  uint64_t at = address;
  while (at < address + bytes) {
    auto part = allocations_.find(at);
    if (part == allocations_.end() || part->second.kind != Allocation::Kind::reserved) return CUDA_ERROR_INVALID_VALUE;
    at += part->second.bytes;
  }
  if (bytes == 0 || at != address + bytes) return CUDA_ERROR_INVALID_VALUE;
  for (at = address; at < address + bytes;) {
    auto part = allocations_.find(at);
    wire::MemoryMap arguments{};
    arguments.device = device_->index;
    arguments.address = at;
    arguments.bytes = part->second.bytes;
    at += part->second.bytes;
    allocations_.erase(part);
    CUresult status = device_->session->post(wire::Message::memory_unmap, context, arguments);
    if (status != CUDA_SUCCESS) return status;
  }
  return CUDA_SUCCESS;
}

std::optional<Allocation> DeviceMemory::find(uint64_t address) const {
  std::shared_lock lock(mutex_);
  const Allocation* found = holder(contains(address) ? allocations_ : globals_, address);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::optional<Allocation> DeviceMemory::find_reservation(uint64_t address) const {
  std::shared_lock lock(mutex_);
  const Allocation* found = holder(reservations_, address);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

bool DeviceMemory::covers(uint64_t address, uint64_t bytes) const {
  std::shared_lock lock(mutex_);
  if (!contains(address)) {
    const Allocation* global = holder(globals_, address);
    return global != nullptr && bytes <= global->bytes - (address - global->address);
  }
  while (bytes > 0) {
    auto at = allocations_.upper_bound(address);
    if (at == allocations_.begin()) return false;
    --at;
    const uint64_t inside = address - at->first;
    if (inside >= at->second.bytes || !at->second.accessible) return false;
    const uint64_t left = at->second.bytes - inside;
    if (bytes <= left) return true;
    // Only parts of one reservation continue each other; two allocations that happen to touch do not.
    if (at->second.kind != Allocation::Kind::reserved) return false;
    address += left;
    bytes -= left;
  }
  return true;
}

void DeviceMemory::set_sync_memops(uint64_t address, uint32_t value) {
  std::unique_lock lock(mutex_);
  auto at = allocations_.upper_bound(address);
  if (at == allocations_.begin()) return;
  (--at)->second.sync_memops = value;
}

void DeviceMemory::reset(Context* context) {
  std::unique_lock lock(mutex_);
  auto unmap_granules = [&](uint64_t address, uint64_t bytes) {
    wire::MemoryMap arguments{};
    arguments.device = device_->index;
    arguments.address = address;
    arguments.bytes = bytes;
    (void)device_->session->post(wire::Message::memory_unmap, context, arguments);
    ranges_.give(address, bytes);
  };
  for (auto at = allocations_.begin(); at != allocations_.end();) {
    const Allocation& allocation = at->second;
    if (allocation.context != context || allocation.kind == Allocation::Kind::reserved) {
      ++at;
      continue;
    }
    if (allocation.mapped != 0) {
      unmap_granules(allocation.address, allocation.mapped);
    } else if (std::optional<uint64_t> empty = small_.give(allocation.address, allocation.bytes)) {
      unmap_granules(*empty, granule_);
    }
    at = allocations_.erase(at);
  }
  if (std::optional<uint64_t> spare = small_.give_up_spare()) unmap_granules(*spare, granule_);
}

uint64_t DeviceMemory::pool_bytes() const {
  std::shared_lock lock(mutex_);
  uint64_t total = 0;
  for (const auto& [address, allocation] : allocations_)
    if (allocation.kind == Allocation::Kind::pool) total += allocation.bytes;
  return total;
}

void DeviceMemory::add_global(Context* context, uint64_t address, uint64_t bytes) {
  if (bytes == 0 || contains(address) || address + bytes < address) return;
  std::unique_lock lock(mutex_);
  Allocation& global = globals_[address];
  global.address = address;
  global.bytes = bytes;
  global.kind = Allocation::Kind::global;
  global.context = context;
  global_count_ = globals_.size();
}

void DeviceMemory::remove_global(uint64_t address) {
  std::unique_lock lock(mutex_);
  globals_.erase(address);
  global_count_ = globals_.size();
}

bool DeviceMemory::holds_global(uint64_t address) const {
  if (global_count_.load(std::memory_order_relaxed) == 0) return false;
  std::shared_lock lock(mutex_);
  return holder(globals_, address) != nullptr;
}

Device* device_of_address(uint64_t address) {
  for (const std::unique_ptr<Device>& device : driver().all_devices)
    if (device->memory.contains(address)) return device.get();
  // Nobody keeps this process from having memory of its own where a worker has a global: pinned memory goes first.
  for (const std::unique_ptr<Device>& device : driver().all_devices)
    if (device->memory.holds_global(address) && !find_host_range(address)) return device.get();
  return nullptr;
}

}  // namespace gpool::client
