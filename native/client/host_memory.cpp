#include "client/host_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <shared_mutex>

#include "client/call.h"
#include "client/context.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

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

void add(const HostRange& range) {
  static std::atomic<uint64_t> next_id{uint64_t{1} << 40};
  std::unique_lock lock(ranges_mutex());
  HostRange& kept = ranges()[range.address] = range;
  kept.id = next_id.fetch_add(1);
  g_ranges = ranges().size();
}

bool overlaps(uint64_t address, uint64_t bytes) {
  std::shared_lock lock(ranges_mutex());
  auto at = ranges().lower_bound(address);
  if (at != ranges().end() && at->first < address + bytes) return true;
  return at != ranges().begin() && std::prev(at)->first + std::prev(at)->second.bytes > address;
}

CUresult allocate(Call& call, void** pp, size_t bytes, unsigned flags) {
  if (call.required(pp) == nullptr || !call.ok()) return call.result();
  constexpr unsigned kKnown = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if ((flags & ~kKnown) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (bytes > (uint64_t{1} << 46)) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  void* memory = mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  HostRange range;
  range.address = reinterpret_cast<uint64_t>(memory);
  range.bytes = std::max<uint64_t>(bytes, 1);
  // With unified addressing every allocation is mapped and portable, whatever was asked for.
  range.flags = flags | CU_MEMHOSTALLOC_DEVICEMAP;
  range.context = call.context();
  add(range);
  *pp = memory;
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

bool is_pinned(const void* address, uint64_t bytes) {
  const auto at = reinterpret_cast<uint64_t>(address);
  const std::optional<HostRange> range = find_host_range(at);
  return range && range->address + range->bytes - at >= bytes;
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
  if (!range || range->registered || range->address != reinterpret_cast<uint64_t>(p))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  // Copies that are still to land there must not find it gone.
  for (const auto& session : driver().sessions) (void)session->settle_due(session->last_sequence());
  {
    std::unique_lock lock(ranges_mutex());
    ranges().erase(range->address);
    g_ranges = ranges().size();
  }
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
  for (const auto& session : driver().sessions) (void)session->settle_due(session->last_sequence());
  std::unique_lock lock(ranges_mutex());
  ranges().erase(range->address);
  g_ranges = ranges().size();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  Call call("cuMemHostGetDevicePointer_v2");
  if (call.required(pdptr) == nullptr || !call.ok()) return call.result();
  if (Flags != 0 || !find_host_range(reinterpret_cast<uint64_t>(p))) return call.end(CUDA_ERROR_INVALID_VALUE);
  *pdptr = reinterpret_cast<CUdeviceptr>(p);
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
