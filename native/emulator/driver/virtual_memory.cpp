// Address ranges and physical memory apart: cuMemAddressReserve, cuMemCreate, cuMemMap. Physical memory is a memfd, so
// it can be mapped at several addresses and handed to other processes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/memory.h"

namespace gpool::emulator {
namespace {

constexpr uint64_t kGranularity = 2 << 20;

struct Physical : Object {
  static constexpr Kind kKind = Kind::physical;
  Physical() : Object(kKind) {}
  ~Physical() override {
    if (fd >= 0) close(fd);
    if (charged) driver().release_bytes(properties.location.id, bytes);
  }
  CUmemAllocationProp properties{};
  uint64_t bytes = 0;
  bool charged = false;
  int fd = -1;
  int references = 1;  // handles given out; mappings hold the object itself
};
using PhysicalRef = std::shared_ptr<Physical>;

struct Reservations {
  std::mutex mutex;
  std::map<uint64_t, uint64_t> ranges;     // begin → bytes
  std::map<uint64_t, PhysicalRef> mapped;  // by begin of the mapping
};

Reservations& reservations() {
  static Reservations* const reservations = new Reservations;
  return *reservations;
}

bool inside_a_reservation(const Reservations& all, uint64_t begin, uint64_t bytes) {
  auto at = all.ranges.upper_bound(begin);
  if (at == all.ranges.begin()) return false;
  --at;
  return begin + bytes <= at->first + at->second && begin + bytes > begin;
}

CUresult check_properties(const CUmemAllocationProp* properties) {
  if (!properties || properties->type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  switch (properties->location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE:
      return driver().device(properties->location.id) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT:
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

GPOOL_CUDA cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* properties,
                                         CUmemAllocationGranularity_flags option) {
  GPOOL_CHECK(driver().ready());
  if (!granularity || option > CU_MEM_ALLOC_GRANULARITY_RECOMMENDED) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(check_properties(properties));
  *granularity = kGranularity;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemAddressReserve(CUdeviceptr* pointer, size_t bytes, size_t alignment, CUdeviceptr hint,
                               unsigned long long flags) {
  GPOOL_CHECK(driver().ready());
  if (!pointer || bytes == 0 || bytes % kGranularity || flags) return CUDA_ERROR_INVALID_VALUE;
  if (alignment & (alignment - 1)) return CUDA_ERROR_INVALID_VALUE;
  alignment = std::max<size_t>(alignment, kGranularity);
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  uint64_t begin = 0;
  if (hint && hint % alignment == 0) {
    void* wanted = reinterpret_cast<void*>(hint);
    void* got = mmap(wanted, bytes, PROT_NONE, kFlags | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == wanted) {
      begin = hint;
    } else if (got != MAP_FAILED) {
      munmap(got, bytes);  // a kernel that does not know the flag
    }
  }
  if (!begin) {
    // A little more than asked, then the ends are cut off.
    void* got = mmap(nullptr, bytes + alignment, PROT_NONE, kFlags, -1, 0);
    if (got == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
    uint64_t raw = reinterpret_cast<uint64_t>(got);
    begin = (raw + alignment - 1) / alignment * alignment;
    if (begin > raw) munmap(got, begin - raw);
    uint64_t tail = raw + bytes + alignment - (begin + bytes);
    if (tail) munmap(reinterpret_cast<void*>(begin + bytes), tail);
  }
  madvise(reinterpret_cast<void*>(begin), bytes, MADV_DONTDUMP);
  std::lock_guard lock(reservations().mutex);
  reservations().ranges[begin] = bytes;
  *pointer = begin;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemAddressFree(CUdeviceptr pointer, size_t bytes) {
  GPOOL_CHECK(driver().ready());
  Reservations& all = reservations();
  std::lock_guard lock(all.mutex);
  auto at = all.ranges.find(pointer);
  if (at == all.ranges.end() || at->second != bytes) return CUDA_ERROR_INVALID_VALUE;
  auto mapped = all.mapped.lower_bound(pointer);
  if (mapped != all.mapped.end() && mapped->first < pointer + bytes) return CUDA_ERROR_INVALID_VALUE;
  munmap(reinterpret_cast<void*>(pointer), bytes);
  all.ranges.erase(at);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemCreate(CUmemGenericAllocationHandle* handle, size_t bytes, const CUmemAllocationProp* properties,
                       unsigned long long flags) {
  GPOOL_CHECK(driver().ready());
  if (!handle || bytes == 0 || bytes % kGranularity || flags) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(check_properties(properties));
  if (properties->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  auto physical = std::make_shared<Physical>();
  physical->properties = *properties;
  physical->bytes = bytes;
  if (!driver().take_allocation()) return CUDA_ERROR_OUT_OF_MEMORY;
  if (properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE) {
    if (!driver().reserve_bytes(properties->location.id, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    physical->charged = true;
  }
  physical->fd = memfd_create("gpool-emulated-memory", MFD_CLOEXEC);
  if (physical->fd < 0 || ftruncate(physical->fd, static_cast<off_t>(bytes)) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  handles().add(physical);
  *handle = physical->handle;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemRelease(CUmemGenericAllocationHandle handle) {
  GPOOL_CHECK(driver().ready());
  PhysicalRef physical = handles().find<Physical>(handle);
  if (!physical) return CUDA_ERROR_INVALID_VALUE;
  Reservations& all = reservations();
  std::lock_guard lock(all.mutex);
  if (--physical->references == 0) {
    // Mappings keep the memory; the handle is gone.
    handles().remove(handle);
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* address) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  Reservations& all = reservations();
  std::lock_guard lock(all.mutex);
  uint64_t pointer = reinterpret_cast<uint64_t>(address);
  auto at = all.mapped.upper_bound(pointer);
  if (at == all.mapped.begin()) return CUDA_ERROR_INVALID_VALUE;
  --at;
  std::optional<Block> block = memory().find(pointer);
  if (!block || block->kind != Block::Kind::mapped) return CUDA_ERROR_INVALID_VALUE;
  PhysicalRef physical = at->second;
  if (physical->references == 0) handles().add(physical);  // a new handle for memory that only its mapping kept
  ++physical->references;
  *handle = physical->handle;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemMap(CUdeviceptr pointer, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                    unsigned long long flags) {
  GPOOL_CHECK(driver().ready());
  PhysicalRef physical = handles().find<Physical>(handle);
  if (!physical || flags || bytes == 0 || bytes % kGranularity || pointer % kGranularity || offset % kGranularity) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (offset > physical->bytes || bytes > physical->bytes - offset) return CUDA_ERROR_INVALID_VALUE;
  Reservations& all = reservations();
  std::lock_guard lock(all.mutex);
  if (!inside_a_reservation(all, pointer, bytes) || memory().overlaps(pointer, bytes)) return CUDA_ERROR_INVALID_VALUE;
  void* at = reinterpret_cast<void*>(pointer);
  if (mmap(at, bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, physical->fd, static_cast<off_t>(offset)) == MAP_FAILED) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  Block block;
  block.begin = pointer;
  block.bytes = bytes;
  block.kind = Block::Kind::mapped;
  block.device = physical->charged ? physical->properties.location.id : 0;
  block.owner = handle;
  block.offset = offset;
  block.access.assign(driver().devices().size(), 0);
  memory().insert(block);
  all.mapped[pointer] = physical;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemUnmap(CUdeviceptr pointer, size_t bytes) {
  GPOOL_CHECK(driver().ready());
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  Reservations& all = reservations();
  std::lock_guard lock(all.mutex);
  // Exactly whole mappings.
  std::vector<uint64_t> begins;
  uint64_t at = pointer;
  while (at < pointer + bytes) {
    std::optional<Block> block = memory().find(at);
    if (!block || block->kind != Block::Kind::mapped || block->begin != at || block->end() > pointer + bytes) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    begins.push_back(at);
    at = block->end();
  }
  // Without waiting for anything, unlike cuMemFree: who unmaps has seen to it that nothing uses the memory.
  for (uint64_t begin : begins) {
    memory().remove(begin);
    all.mapped.erase(begin);
  }
  mmap(reinterpret_cast<void*>(pointer), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
       0);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemSetAccess(CUdeviceptr pointer, size_t bytes, const CUmemAccessDesc* grants, size_t count) {
  GPOOL_CHECK(driver().ready());
  if (!grants || count == 0 || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    if (grants[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE && !driver().device(grants[i].location.id)) {
      return CUDA_ERROR_INVALID_DEVICE;
    }
    if (grants[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE && grants[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READ &&
        grants[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  std::lock_guard lock(reservations().mutex);
  std::vector<Block> blocks;
  uint64_t at = pointer;
  while (at < pointer + bytes) {
    std::optional<Block> block = memory().find(at);
    if (!block || block->kind != Block::Kind::mapped || block->begin != at || block->end() > pointer + bytes) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    blocks.push_back(*block);
    at = block->end();
  }
  for (const Block& block : blocks) {
    uint8_t any = 0;
    memory().update(block.begin, [&](Block& change) {
      for (size_t i = 0; i < count; ++i) {
        if (grants[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE) {
          change.access[grants[i].location.id] = static_cast<uint8_t>(grants[i].flags);
        } else {
          any |= static_cast<uint8_t>(grants[i].flags);
        }
      }
      for (uint8_t granted : change.access) any |= granted;
    });
    // The pages serve all devices of this process; who may use them is kept by Block::access.
    mprotect(reinterpret_cast<void*>(block.begin), block.bytes, any ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr pointer) {
  GPOOL_CHECK(driver().ready());
  if (!flags || !location) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(pointer);
  if (!block || block->kind != Block::Kind::mapped) return CUDA_ERROR_INVALID_VALUE;
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE || !driver().device(location->id)) return CUDA_ERROR_INVALID_VALUE;
  *flags = block->access[location->id];
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* properties,
                                                  CUmemGenericAllocationHandle handle) {
  GPOOL_CHECK(driver().ready());
  PhysicalRef physical = handles().find<Physical>(handle);
  if (!physical || !properties) return CUDA_ERROR_INVALID_VALUE;
  *properties = physical->properties;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemExportToShareableHandle(void* shareable, CUmemGenericAllocationHandle handle,
                                        CUmemAllocationHandleType type, unsigned long long flags) {
  GPOOL_CHECK(driver().ready());
  PhysicalRef physical = handles().find<Physical>(handle);
  if (!physical || !shareable || flags) return CUDA_ERROR_INVALID_VALUE;
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  if (!(physical->properties.requestedHandleTypes & type)) return CUDA_ERROR_INVALID_VALUE;
  int copy = fcntl(physical->fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  *static_cast<int*>(shareable) = copy;
  return CUDA_SUCCESS;
}

// The exporter pays for the memory; an importer only maps it.
GPOOL_CUDA cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* shareable,
                                          CUmemAllocationHandleType type) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  int fd = static_cast<int>(reinterpret_cast<uintptr_t>(shareable));
  struct stat about{};
  if (fstat(fd, &about) != 0 || about.st_size == 0 || about.st_size % static_cast<off_t>(kGranularity)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto physical = std::make_shared<Physical>();
  physical->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (physical->fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  physical->bytes = static_cast<uint64_t>(about.st_size);
  physical->properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  physical->properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  physical->properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  handles().add(physical);
  *handle = physical->handle;
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
