#include "client/host_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "base/address_space.h"
#include "base/fd.h"
#include "base/log.h"
#include "client/call.h"
#include "client/context.h"
#include "client/driver.h"
#include "client/host_twin.h"

namespace gpool::client {
namespace {

constexpr uint64_t kAddressUnit = uint64_t{2} << 20;
// Mapped memory of this size, asked for by name, is meant for flags and results that kernels reach in ways that cannot
// be seen here: it takes part in every launch. Larger ones wait for their address to be asked for or passed.
constexpr uint64_t kSmallMapped = 64 * 1024;
// Managed memory with a twin: from here on it is asked first how much memory there is.
constexpr uint64_t kCarefulBytes = uint64_t{64} << 20;

std::shared_mutex& ranges_mutex() {
  static std::shared_mutex& mutex = *new std::shared_mutex;
  return mutex;
}
std::map<uint64_t, HostRange>& ranges() {
  static auto& map = *new std::map<uint64_t, HostRange>;
  return map;
}
std::atomic<size_t> g_ranges{0};

uint64_t page_bytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}
uint64_t whole_pages(uint64_t bytes) {
  return (std::max<uint64_t>(bytes, 1) + page_bytes() - 1) / page_bytes() * page_bytes();
}

// Under ranges_mutex: after any change.
void note_ranges() {
  uint64_t begin = UINT64_MAX, end = 0;
  for (const auto& [address, range] : ranges()) {
    if (range.shared) continue;
    begin = std::min(begin, address);
    end = std::max(end, address + range.bytes);
    if (range.twin == nullptr || range.twin->device_address == range.twin->address) continue;
    begin = std::min(begin, range.twin->device_address);
    end = std::max(end, range.twin->device_address + range.twin->bytes);
  }
  g_ranges = ranges().size();
  g_watched_begin = begin;
  g_watched_end = end;
}

void add(const HostRange& range) {
  static std::atomic<uint64_t> next_id{uint64_t{1} << 40};
  std::unique_lock lock(ranges_mutex());
  HostRange& kept = ranges()[range.address] = range;
  kept.id = next_id.fetch_add(1);
  note_ranges();
}

bool overlaps(uint64_t address, uint64_t bytes) {
  std::shared_lock lock(ranges_mutex());
  auto at = ranges().lower_bound(address);
  if (at != ranges().end() && at->first < address + bytes) return true;
  return at != ranges().begin() && std::prev(at)->first + std::prev(at)->second.bytes > address;
}

// Takes the range away. Copies that are still to land there must not find it gone.
void forget(const HostRange& range, bool has_due = true) {
  if (has_due)
    for (const auto& session : driver().sessions) (void)session->settle_due(session->last_sequence());
  std::shared_ptr<HostTwin> twin;
  {
    std::unique_lock lock(ranges_mutex());
    auto at = ranges().find(range.address);
    if (at == ranges().end()) return;
    twin = at->second.twin;
    ranges().erase(at);
    note_ranges();
  }
  if (twin != nullptr) forget_twin(twin);
  if (range.shared) (void)range.session->post(wire::Message::host_unmap, nullptr, wire::HostUnmap{range.address});
}

// Memory that the worker maps too. False: it is not to be had, for whatever reason.
bool allocate_shared(Context& context, HostRange& range) {
  static std::mutex& mutex = *new std::mutex;
  static uint64_t next_tag = 1;
  const uint64_t bytes = whole_pages(range.bytes);
  const Fd memory(memfd_create("gpool-pinned", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return false;
  for (int attempt = 0; attempt < 4; attempt++) {
    const uint64_t address = random_address(bytes, kAddressUnit);
    void* at = map_at(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get());
    if (at == nullptr) continue;
    wire::HostMap wanted{};
    wanted.address = address;
    wanted.bytes = bytes;
    wanted.flags = wire::HostMap::shared;
    wire::HostMapReply reply{};
    CUresult status;
    {
      // The worker takes descriptors in the order of the frames that speak of them.
      std::lock_guard lock(mutex);
      wanted.tag = next_tag++;
      if (!context.session->pass_descriptor(memory.get(), wanted.tag)) {
        munmap(at, bytes);
        return false;
      }
      status = context.session->ask(wire::Message::host_map, &context, wanted, reply);
    }
    if (status == CUDA_SUCCESS) {
      range.address = address;
      range.device_address = reply.device_address;
      range.shared = true;
      return true;
    }
    munmap(at, bytes);
    if (status != CUDA_ERROR_ALREADY_MAPPED) return false;
  }
  return false;
}

// Pinned memory, in the list of ranges. False: there is none to be had.
bool make_range(Context& context, size_t bytes, unsigned flags, HostRange& range) {
  range.bytes = std::max<uint64_t>(bytes, 1);
  // With unified addressing every allocation is mapped and portable, whatever was asked for.
  range.flags = flags | CU_MEMHOSTALLOC_DEVICEMAP;
  range.context = &context;
  range.session = context.session;
  if (!allocate_shared(context, range)) {
    // At an address that is likely to be free at the worker: a twin can have the same then.
    void* memory = nullptr;
    const uint64_t whole = whole_pages(range.bytes);
    for (int attempt = 0; attempt < 4 && memory == nullptr; attempt++)
      memory =
          map_at(random_address(whole, kAddressUnit), whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (memory == nullptr) return false;
    range.address = reinterpret_cast<uint64_t>(memory);
  }
  add(range);
  return true;
}

CUresult allocate(Call& call, void** pp, size_t bytes, unsigned flags) {
  if (call.required(pp) == nullptr || !call.ok()) return call.result();
  constexpr unsigned kKnown = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if ((flags & ~kKnown) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (bytes > (uint64_t{1} << 46)) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  Context* context = call.context();
  if (const int32_t sticky = context->sticky.load()) return call.end(static_cast<CUresult>(sticky));
  HostRange range;
  if (!make_range(*context, bytes, flags, range)) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  if (!range.shared && (flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0 && bytes <= kSmallMapped)
    if (const auto twin = twin_of_address(range.address, *context->session, context)) twin->make_always();
  *pp = reinterpret_cast<void*>(range.address);
  return call.end(CUDA_SUCCESS);
}

}  // namespace

std::optional<HostRange> find_host_range(uint64_t address) {
  if (g_ranges.load(std::memory_order_relaxed) == 0) return {};
  std::shared_lock lock(ranges_mutex());
  auto at = ranges().upper_bound(address);
  if (at == ranges().begin()) return {};
  --at;
  if (address - at->first >= at->second.bytes) return {};
  return at->second;
}

bool use_managed(uint64_t address, uint64_t bytes) {
  const std::optional<HostRange> range = find_host_range(address);
  if (!range || !range->managed || bytes > range->bytes - (address - range->address)) return false;
  if (range->twin != nullptr) (void)range->twin->send_changes(true);
  return true;
}

namespace {

// Bytes of host memory that programs may still take; 0: not known.
uint64_t available_bytes() {
  std::FILE* file = std::fopen("/proc/meminfo", "re");
  if (file == nullptr) return 0;
  char line[128];
  unsigned long long kibibytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::sscanf(line, "MemAvailable: %llu kB", &kibibytes) == 1) break;
  std::fclose(file);
  return uint64_t{kibibytes} << 10;
}

}  // namespace

uint64_t allocate_managed(Context& context, uint64_t bytes, unsigned flags) {
  // A twin takes twice its bytes on either side, which may be one machine; a program that is refused here can do
  // something else, one that runs out of memory later cannot.
  const uint64_t available = bytes > kCarefulBytes ? available_bytes() : 0;
  const bool may_have_twin = available == 0 || bytes <= available / 4;
  // The worker may have something else at the address, and then gives kernels another one.
  for (int attempt = 0; attempt < 4; attempt++) {
    HostRange range;
    if (!make_range(context, bytes, 0, range)) return 0;
    std::shared_ptr<HostTwin> twin;
    if (!range.shared && may_have_twin) twin = twin_of_address(range.address, *context.session, &context);
    const uint64_t device_address = range.shared      ? range.device_address
                                    : twin != nullptr ? twin->device_pointer(range.address)
                                                      : 0;
    if (device_address != range.address) {
      free_staging(range.address);
      continue;
    }
    if (twin != nullptr) twin->make_always();
    std::unique_lock lock(ranges_mutex());
    HostRange& kept = ranges()[range.address];
    kept.managed = true;
    kept.flags = flags;
    return range.address;
  }
  return 0;
}

bool free_managed(uint64_t address) {
  const std::optional<HostRange> range = find_host_range(address);
  if (!range || !range->managed || range->address != address) return false;
  forget(*range);
  munmap(reinterpret_cast<void*>(address), whole_pages(range->bytes));
  return true;
}

uint64_t allocate_staging(Context& context, uint64_t bytes) {
  HostRange range;
  if (!make_range(context, bytes, 0, range)) return 0;
  if (range.shared || twin_of_address(range.address, *context.session, &context) != nullptr) return range.address;
  free_staging(range.address);
  return 0;
}

void free_staging(uint64_t address) {
  const std::optional<HostRange> range = find_host_range(address);
  if (!range) return;
  forget(*range, false);
  munmap(reinterpret_cast<void*>(address), whole_pages(range->bytes));
}

bool is_pinned(const void* address, uint64_t bytes) {
  const auto at = reinterpret_cast<uint64_t>(address);
  const std::optional<HostRange> range = find_host_range(at);
  return range && range->address + range->bytes - at >= bytes;
}

std::shared_ptr<HostTwin> twin_of_address(uint64_t address, Session& session, Context* context) {
  static std::mutex& making = *new std::mutex;
  const auto holder = [address]() -> HostRange* {
    for (auto& [begin, range] : ranges()) {
      if (range.shared) continue;
      if (address - begin < range.bytes) return &range;
      if (range.twin != nullptr && address - range.twin->device_pointer(begin) < range.bytes) return &range;
    }
    return nullptr;
  };
  HostRange wanted;
  {
    std::shared_lock lock(ranges_mutex());
    const HostRange* range = holder();
    // Another node's GPU cannot follow this pointer.
    if (range == nullptr || (range->session != nullptr && range->session != &session)) return nullptr;
    if (range->twin != nullptr) return range->twin;
    wanted = *range;
  }
  std::lock_guard one_at_a_time(making);
  {
    std::shared_lock lock(ranges_mutex());
    if (const HostRange* range = holder(); range != nullptr && range->twin != nullptr) return range->twin;
  }
  std::shared_ptr<HostTwin> twin;
  // Registered memory need not begin or end with a page; what lies beside it in its pages is the program's as well.
  const uint64_t page = wanted.address / page_bytes() * page_bytes();
  const CUresult status = make_twin(session, context, page, whole_pages(wanted.address + wanted.bytes - page), twin);
  if (status != CUDA_SUCCESS) {
    log::warn("node " + session.node() + ": kernels will not see " + std::to_string(wanted.bytes) +
              " bytes of host memory of the program: the worker's driver refused them with error " +
              std::to_string(status) + ".");
    return nullptr;
  }
  std::unique_lock lock(ranges_mutex());
  auto at = ranges().find(wanted.address);
  if (at == ranges().end() || at->second.id != wanted.id) {
    lock.unlock();
    forget_twin(twin);  // freed meanwhile, by a program that races with itself
    return nullptr;
  }
  at->second.twin = twin;
  at->second.session = &session;
  note_ranges();
  return twin;
}

}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  Call call("cuMemHostAlloc", Needs::context);
  return allocate(call, pp, bytesize, Flags);
}

extern "C" CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) {
  Call call("cuMemAllocHost_v2", Needs::context);
  return allocate(call, pp, bytesize, 0);
}

extern "C" CUresult cuMemFreeHost(void* p) {
  Call call("cuMemFreeHost");
  if (!call.ok()) return call.result();
  if (p == nullptr) return call.end(CUDA_SUCCESS);
  const std::optional<HostRange> range = find_host_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->registered || range->managed || range->address != reinterpret_cast<uint64_t>(p))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  forget(*range);
  munmap(p, whole_pages(range->bytes));
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  Call call("cuMemHostRegister_v2", Needs::context);
  if (!call.ok()) return call.result();
  constexpr unsigned kKnown = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY |
                              CU_MEMHOSTREGISTER_READ_ONLY;
  if (p == nullptr || bytesize == 0 || (Flags & ~kKnown) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if ((Flags & CU_MEMHOSTREGISTER_IOMEMORY) != 0) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  const auto address = reinterpret_cast<uint64_t>(p);
  if (overlaps(address, bytesize)) return call.end(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  HostRange range;
  range.address = address;
  range.bytes = bytesize;
  range.flags = Flags;
  range.registered = true;
  range.context = call.context();
  range.session = range.context->session;
  add(range);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemHostUnregister(void* p) {
  Call call("cuMemHostUnregister");
  if (!call.ok()) return call.result();
  if (p == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  const std::optional<HostRange> range = find_host_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->address != reinterpret_cast<uint64_t>(p)) return call.end(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  if (!range->registered) return call.end(CUDA_ERROR_INVALID_VALUE);
  forget(*range);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  Call call("cuMemHostGetDevicePointer_v2");
  if (call.required(pdptr) == nullptr || !call.ok()) return call.result();
  const auto address = reinterpret_cast<uint64_t>(p);
  const std::optional<HostRange> range = find_host_range(address);
  if (Flags != 0 || !range) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (range->shared) {
    *pdptr = range->device_address + (address - range->address);
    return call.end(CUDA_SUCCESS);
  }
  Context* context = range->context;
  const auto twin = twin_of_address(address, *context->session, context);
  if (twin == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  twin->make_always();
  *pdptr = twin->device_pointer(address);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  Call call("cuMemHostGetFlags");
  if (call.required(pFlags) == nullptr || !call.ok()) return call.result();
  const std::optional<HostRange> range = find_host_range(reinterpret_cast<uint64_t>(p));
  if (!range) return call.end(CUDA_ERROR_INVALID_VALUE);
  *pFlags = range->flags;
  return call.end(CUDA_SUCCESS);
}
