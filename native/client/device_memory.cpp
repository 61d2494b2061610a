#include "client/device_memory.h"

#include <atomic>
#include <utility>

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

// -- credit
// ------------------------------------------------------------------------------------------------------------------

std::atomic<bool> g_credit_called_back{false};

void acknowledge_credit() {
  if (driver().phase.load() != Phase::ready || !g_credit_called_back.exchange(false)) return;
  for (const std::unique_ptr<Device>& device : driver().all_devices) device->memory.acknowledge_credit();
}

void DeviceMemory::receive(const wire::PushMemoryCredit& push) {
  std::lock_guard lock(mail_mutex_);
  if (push.epoch < mail_.epoch) return;
  if (push.epoch > mail_.epoch) {
    mail_.bytes = 0;
    g_credit_called_back = true;
  }
  mail_.epoch = push.epoch;
  mail_.bytes += push.granted_bytes;
  mail_.target_bytes = push.target_bytes;
}

void DeviceMemory::take_mail() {
  std::lock_guard lock(mail_mutex_);
  if (mail_.epoch > credit_.epoch) {
    credit_.bytes = 0;
    credit_.epoch = mail_.epoch;
    owes_word_ = true;
  }
  credit_.bytes += std::exchange(mail_.bytes, 0);
  if (mail_.target_bytes != 0) credit_.target_bytes = mail_.target_bytes;
}

void DeviceMemory::acknowledge_credit() {
  std::unique_lock lock(mutex_);
  take_mail();
  if (!std::exchange(owes_word_, false)) return;
  wire::MemoryCredit word{};
  word.device = device_->index;
  word.epoch = credit_.epoch;
  (void)device_->session->post(wire::Message::memory_credit, nullptr, word);
}

CUresult DeviceMemory::map_granules(std::unique_lock<std::shared_mutex>& lock, Context* context, uint64_t address,
                                    uint64_t bytes) {
  // The worker counts on this look: what it has called back some time ago is not spent any more.
  device_->session->look();
  take_mail();
  CUresult status;
  if (credit_.bytes >= bytes) {
    credit_.bytes -= bytes;
    wire::MemoryMap arguments{};
    arguments.device = device_->index;
    arguments.epoch = credit_.epoch;
    arguments.address = address;
    arguments.bytes = bytes;
    owes_word_ = false;
    return device_->session->post(wire::Message::memory_map, context, arguments);
  }
  // More credit may have come while the worker looked for memory elsewhere.
  for (int attempt = 0; attempt < 4; attempt++) {
    status = ask_for(lock, context, address, bytes);
    if (status != CUDA_ERROR_OUT_OF_MEMORY) return status;
    if (credit_.bytes == 0 && !give_up_spare(context)) return status;
  }
  return status;
}

CUresult DeviceMemory::ask_for(std::unique_lock<std::shared_mutex>& lock, Context* context, uint64_t address,
                               uint64_t bytes) {
  wire::MemoryCredit arguments{};
  arguments.device = device_->index;
  arguments.epoch = credit_.epoch;
  arguments.address = address;
  arguments.bytes = bytes;
  arguments.credit = std::exchange(credit_.bytes, 0);
  owes_word_ = false;
  wire::MemoryCreditReply reply{};
  Pending pending;
  pending.reply = std::as_writable_bytes(std::span(&reply, 1));
  Session& session = *device_->session;
  CUresult status = session.start(pending, static_cast<uint16_t>(wire::Message::memory_credit), context,
                                  std::as_bytes(std::span(&arguments, 1)));
  if (status != CUDA_SUCCESS) return status;
  lock.unlock();  // others go on meanwhile
  status = session.wait(pending);
  lock.lock();
  take_mail();
  // What came with an epoch that has ended since is not ours any more: the worker knows.
  if (reply.epoch == credit_.epoch) credit_.bytes += reply.granted_bytes;
  if (reply.target_bytes != 0) credit_.target_bytes = reply.target_bytes;
  return status;
}

CUresult DeviceMemory::unmap_granules(Context* context, uint64_t address, uint64_t bytes) {
  Session& session = *device_->session;
  take_mail();
  owes_word_ = false;
  wire::MemoryMap arguments{};
  arguments.device = device_->index;
  arguments.epoch = credit_.epoch;
  arguments.address = address;
  arguments.bytes = bytes;
  const CUresult status = session.post(wire::Message::memory_unmap, context, arguments);
  credit_.bytes += bytes;
  if (credit_.bytes <= 2 * credit_.target_bytes) return status;
  wire::MemoryCredit back{};
  back.device = device_->index;
  back.epoch = credit_.epoch;
  back.credit = credit_.bytes - credit_.target_bytes;
  credit_.bytes = credit_.target_bytes;
  (void)session.post(wire::Message::memory_credit, context, back);
  return status;
}

bool DeviceMemory::give_up_spare(Context* context) {
  const std::optional<uint64_t> spare = small_.give_up_spare();
  if (!spare) return false;
  (void)unmap_granules(context, *spare, granule_);
  ranges_.give(*spare, granule_);
  return true;
}

uint64_t DeviceMemory::spare_bytes() const {
  std::shared_lock lock(mutex_);
  return small_.has_spare() ? granule_ : 0;
}

// -- allocations
// -------------------------------------------------------------------------------------------------------------

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
  while (true) {
    if (small) {
      if (std::optional<uint64_t> block = small_.take(bytes)) {
        allocation.address = *block;
        break;
      }
    }
    const uint64_t mapped = small ? granule_ : round_up(bytes, granule_);
    const std::optional<uint64_t> range = ranges_.take(mapped, granule_);
    if (!range) return CUDA_ERROR_OUT_OF_MEMORY;
    const CUresult status = map_granules(lock, context, *range, mapped);
    if (status != CUDA_SUCCESS) {
      ranges_.give(*range, mapped);
      return status;
    }
    if (small) {
      small_.add_granule(*range);
    } else {
      allocation.address = *range;
      allocation.mapped = mapped;
      break;
    }
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
    const CUresult status = unmap_granules(context, address, allocation.mapped);
    ranges_.give(address, allocation.mapped);
    return status;
  }
  CUresult status = session.post(wire::Message::fence, context, wire::Fence{device_->index});
  if (std::optional<uint64_t> empty = small_.give(address, allocation.bytes)) {
    (void)unmap_granules(context, *empty, granule_);
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
  Allocation part;
  part.address = address;
  part.bytes = part.mapped = bytes;
  part.kind = Allocation::Kind::reserved;
  part.accessible = false;
  part.context = context;
  part.id = next_id();
  // Before the lock is opened, so that nobody else maps there meanwhile.
  allocations_[address] = part;
  const CUresult status = map_granules(lock, context, address, bytes);
  if (status != CUDA_SUCCESS) allocations_.erase(address);
  return status;
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
    const uint64_t begin = at, size = part->second.bytes;
    at += size;
    allocations_.erase(part);
    const CUresult status = unmap_granules(context, begin, size);
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
  auto give = [&](uint64_t address, uint64_t bytes) {
    (void)unmap_granules(context, address, bytes);
    ranges_.give(address, bytes);
  };
  for (auto at = allocations_.begin(); at != allocations_.end();) {
    const Allocation& allocation = at->second;
    if (allocation.context != context || allocation.kind == Allocation::Kind::reserved) {
      ++at;
      continue;
    }
    if (allocation.mapped != 0) {
      give(allocation.address, allocation.mapped);
    } else if (std::optional<uint64_t> empty = small_.give(allocation.address, allocation.bytes)) {
      give(*empty, granule_);
    }
    at = allocations_.erase(at);
  }
  (void)give_up_spare(context);
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
