// Device memory: addresses are the client's, physical memory the worker's (device_memory.h).
#include <algorithm>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/driver.h"
#include "client/host_memory.h"
#include "client/virtual_memory.h"

namespace gpool::client {
namespace {

CUresult allocate(Call& call, CUdeviceptr* result, uint64_t bytes, Allocation::Kind kind, Device* device = nullptr) {
  if (call.required(result) == nullptr || !call.ok()) return call.result();
  Context* context = call.context();
  if (const int32_t sticky = context->sticky.load()) return call.end(static_cast<CUresult>(sticky));
  if (device == nullptr) device = context->device;
  uint64_t address = 0;
  const CUresult status = device->memory.allocate(context, bytes, kind, address);
  if (status == CUDA_SUCCESS) *result = address;
  return call.end(status);
}

CUresult free_address(Call& call, CUdeviceptr address) {
  if (!call.ok()) return call.result();
  Device* device = device_of_address(address);
  if (device == nullptr) return call.end(free_managed(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
  const std::optional<Allocation> allocation = device->memory.find(address);
  if (!allocation || allocation->address != address) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (const int32_t sticky = allocation->context != nullptr ? allocation->context->sticky.load() : 0)
    return call.end(static_cast<CUresult>(sticky));
  return call.end(device->memory.free(allocation->context, address));
}

Device* pool_device(Call& call, CUmemoryPool pool) {
  call.handle(pool);
  return call.ok() && call.object() != nullptr ? static_cast<Device*>(call.object()->data.load()) : nullptr;
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  Call call("cuMemAlloc_v2", Needs::context);
  return allocate(call, dptr, bytesize, Allocation::Kind::plain);
}

extern "C" CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                                       unsigned int ElementSizeBytes) {
  Call call("cuMemAllocPitch_v2", Needs::context);
  if (call.required(dptr) == nullptr || call.required(pPitch) == nullptr || !call.ok()) return call.result();
  if (ElementSizeBytes != 4 && ElementSizeBytes != 8 && ElementSizeBytes != 16)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  if (WidthInBytes == 0 || Height == 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  constexpr uint64_t kPitch = 512;
  if (WidthInBytes > UINT64_MAX - kPitch) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  const uint64_t pitch = (WidthInBytes + kPitch - 1) / kPitch * kPitch;
  if (Height > UINT64_MAX / pitch) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  const CUresult status = allocate(call, dptr, pitch * Height, Allocation::Kind::plain);
  if (status == CUDA_SUCCESS) *pPitch = pitch;
  return status;
}

extern "C" CUresult cuMemFree_v2(CUdeviceptr dptr) {
  Call call("cuMemFree_v2");
  if (dptr == 0) return call.end(CUDA_SUCCESS);
  return free_address(call, dptr);
}

extern "C" CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  Call call("cuMemGetInfo_v2", Needs::context);
  if (!call.ok()) return call.result();
  call.as(wire::Message::memory_info);
  wire::MemoryInfo arguments{call.context()->device->index};
  wire::MemoryInfoReply reply{};
  const CUresult status = call.ask(arguments, reply);
  if (status != CUDA_SUCCESS) return status;
  const Device& device = *call.context()->device;
  reply.free_bytes = std::min(reply.free_bytes + device.memory.spare_bytes(), reply.total_bytes);
  const uint64_t promised = promised_bytes(device);
  if (free != nullptr) *free = reply.free_bytes - std::min(promised, reply.free_bytes);
  if (total != nullptr) *total = reply.total_bytes;
  return status;
}

extern "C" CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  Call call("cuMemGetAddressRange_v2", Needs::context);
  if (!call.ok()) return call.result();
  Device* device = device_of_address(dptr);
  const std::optional<Allocation> allocation = device != nullptr ? device->memory.find(dptr) : std::nullopt;
  if (const std::optional<HostRange> range = find_host_range(dptr); range && range->managed) {
    if (pbase != nullptr) *pbase = range->address;
    if (psize != nullptr) *psize = range->bytes;
    return call.end(CUDA_SUCCESS);
  }
  if (!allocation) return call.end(CUDA_ERROR_NOT_FOUND);
  if (pbase != nullptr) *pbase = allocation->address;
  if (psize != nullptr) *psize = allocation->bytes;
  return call.end(CUDA_SUCCESS);
}

// -- stream-ordered allocation: memory is there when the call returns, which is earlier than CUDA promises; what is
// freed comes
//    back only behind a fence, which orders more than CUDA asks for
//    ---------------------------------------------------------

extern "C" CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  Call call("cuMemAllocAsync", Needs::context);
  call.handle(hStream);
  return allocate(call, dptr, bytesize, Allocation::Kind::pool);
}

extern "C" CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  Call call("cuMemAllocFromPoolAsync", Needs::context);
  call.handle(hStream);
  Device* device = pool_device(call, pool);
  return allocate(call, dptr, bytesize, Allocation::Kind::pool, device);
}

extern "C" CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  Call call("cuMemFreeAsync");
  call.handle(hStream);
  if (call.ok() && dptr == 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  return free_address(call, dptr);
}

// -- pools: names for a device's memory. Attributes are kept and read back; nothing is hoarded, so there is nothing to
// trim ------

namespace gpool::client {
namespace {

struct PoolSettings {
  std::atomic<uint64_t> values[16] = {};
  PoolSettings() {
    for (int attribute : {CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC,
                          CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES})
      values[attribute] = 1;
  }
};

// One set of settings per pool handle; pools are few.
PoolSettings& settings_of(CUmemoryPool pool) {
  static std::mutex& mutex = *new std::mutex;
  static auto& all = *new std::map<CUmemoryPool, PoolSettings>;
  std::lock_guard lock(mutex);
  return all[pool];
}

bool is_flag(CUmemPool_attribute attribute) {
  return attribute == CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES ||
         attribute == CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC ||
         attribute == CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
}
bool is_number(CUmemPool_attribute attribute) {
  return attribute >= CU_MEMPOOL_ATTR_RELEASE_THRESHOLD && attribute <= CU_MEMPOOL_ATTR_USED_MEM_HIGH;
}

}  // namespace
}  // namespace gpool::client

extern "C" CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  Call call("cuMemPoolCreate");
  if (call.required(pool) == nullptr || call.required(poolProps) == nullptr || !call.ok()) return call.result();
  if (poolProps->allocType != CU_MEM_ALLOCATION_TYPE_PINNED || poolProps->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return call.end(CUDA_ERROR_NOT_SUPPORTED);
  if (poolProps->handleTypes != CU_MEM_HANDLE_TYPE_NONE) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  Device* device = driver().device(poolProps->location.id);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  Slab& slab = device->session->slab(wire::Kind::mem_pool);
  wire::Handle handle = 0;
  Object* object = slab.create(wire::Kind::mem_pool, device->session->slot(), handle);
  if (object == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  object->data = device;
  object->context = &device->primary;
  slab.publish(object, handle);
  *pool = reinterpret_cast<CUmemoryPool>(handle);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  Call call("cuMemPoolDestroy");
  Device* device = pool_device(call, pool);
  if (device == nullptr) return call.result();
  const auto handle = reinterpret_cast<wire::Handle>(pool);
  if (handle == device->default_pool) return call.end(CUDA_ERROR_INVALID_VALUE);
  {
    std::lock_guard lock(device->mutex);
    if (device->current_pool == handle) device->current_pool = device->default_pool;
  }
  device->session->slab(wire::Kind::mem_pool).destroy(handle);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  Call call("cuMemPoolSetAttribute");
  if (pool_device(call, pool) == nullptr || call.required(value) == nullptr) return call.result();
  if (is_flag(attr)) {
    settings_of(pool).values[attr] = *static_cast<int*>(value) != 0 ? 1 : 0;
  } else if (attr == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
    settings_of(pool).values[attr] = *static_cast<cuuint64_t*>(value);
  } else if (attr == CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH || attr == CU_MEMPOOL_ATTR_USED_MEM_HIGH) {
    if (*static_cast<cuuint64_t*>(value) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
    settings_of(pool).values[attr] = 0;
  } else {
    return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  Call call("cuMemPoolGetAttribute");
  Device* device = pool_device(call, pool);
  if (device == nullptr || call.required(value) == nullptr) return call.result();
  if (is_flag(attr)) {
    *static_cast<int*>(value) = static_cast<int>(settings_of(pool).values[attr].load());
  } else if (attr == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
    *static_cast<cuuint64_t*>(value) = settings_of(pool).values[attr].load();
  } else if (is_number(attr)) {
    *static_cast<cuuint64_t*>(value) = device->memory.pool_bytes();
  } else {
    return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  Call call("cuMemPoolTrimTo");
  pool_device(call, pool);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* map, size_t count) {
  Call call("cuMemPoolSetAccess");
  Device* device = pool_device(call, pool);
  if (device == nullptr || call.required(map) == nullptr) return call.result();
  for (size_t i = 0; i < count; i++) {
    if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return call.end(CUDA_ERROR_INVALID_VALUE);
    Device* peer = driver().device(map[i].location.id);
    if (peer == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
    const bool reachable = peer == device || (peer->session == device->session && device->index < 32 &&
                                              (peer->record.peer_mask_low >> device->index & 1) != 0);
    if (!reachable && map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE) return call.end(CUDA_ERROR_NOT_SUPPORTED);
    if (peer == device && map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE) return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool memPool, CUmemLocation* location) {
  Call call("cuMemPoolGetAccess");
  Device* device = pool_device(call, memPool);
  if (device == nullptr || call.required(flags) == nullptr || call.required(location) == nullptr) return call.result();
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE) return call.end(CUDA_ERROR_INVALID_VALUE);
  Device* peer = driver().device(location->id);
  if (peer == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  const bool reachable = peer == device || (peer->session == device->session && device->index < 32 &&
                                            (peer->record.peer_mask_low >> device->index & 1) != 0);
  *flags = reachable ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return call.end(CUDA_SUCCESS);
}
