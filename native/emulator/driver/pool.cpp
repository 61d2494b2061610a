#include "emulator/driver/pool.h"

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/memory.h"

namespace gpool::emulator {
namespace {

using PoolRef = std::shared_ptr<Pool>;

CUresult find_pool(CUmemoryPool handle, PoolRef& pool) {
  GPOOL_CHECK(driver().ready());
  pool = handles().find<Pool>(handle);
  return pool ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult allocate(CUdeviceptr* pointer, size_t bytes, const PoolRef& pool, const StreamRef& stream) {
  if (!pointer || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  Block like;
  like.bytes = bytes;
  like.kind = Block::Kind::pool;
  like.device = pool->device;
  like.owner = pool->handle;
  {
    std::lock_guard lock(pool->mutex);
    like.access = pool->access;
  }
  if (pool->max_bytes && pool->used + bytes > pool->max_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  std::optional<Block> block = memory().allocate_device(like);
  if (!block) {
    // What queued frees will give back counts as free in stream order: let them happen, then try once more. Also when
    // none is queued any more: the last may have happened since the first try.
    bool pending =
        !memory().blocks_where([&](const Block& b) { return b.free_pending && b.device == pool->device; }).empty();
    if (pending) stream->context->wait_for_all();
    block = memory().allocate_device(like);
    if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  uint64_t used = pool->used += bytes;
  uint64_t high = pool->used_high;
  while (used > high && !pool->used_high.compare_exchange_weak(high, used)) {
  }
  *pointer = block->begin;
  return CUDA_SUCCESS;
}

CUresult pool_of_location(const CUmemLocation* location, PoolRef Device::* which, CUmemoryPool* pool) {
  GPOOL_CHECK(driver().ready());
  if (!pool || !location) return CUDA_ERROR_INVALID_VALUE;
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  Device* device = driver().device(location->id);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(driver().pools_mutex);
  *pool = reinterpret_cast<CUmemoryPool>((device->*which)->handle);
  return CUDA_SUCCESS;
}

}  // namespace

void free_pool_memory(uint64_t address) {
  std::optional<Block> block = memory().find(address);
  if (!block) return;
  if (PoolRef pool = handles().find<Pool>(block->owner)) pool->used -= block->bytes;
  memory().remove(address);
}

GPOOL_CUDA cuMemAllocAsync(CUdeviceptr* pointer, size_t bytes, CUstream stream_handle) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  PoolRef pool;
  {
    std::lock_guard lock(driver().pools_mutex);
    pool = driver().devices()[stream->context->device].current_pool;
  }
  return allocate(pointer, bytes, pool, stream);
}

GPOOL_CUDA cuMemAllocFromPoolAsync(CUdeviceptr* pointer, size_t bytes, CUmemoryPool pool_handle,
                                   CUstream stream_handle) {
  StreamRef stream;
  PoolRef pool;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  GPOOL_CHECK(find_pool(pool_handle, pool));
  return allocate(pointer, bytes, pool, stream);
}

GPOOL_CUDA cuMemFreeAsync(CUdeviceptr pointer, CUstream stream_handle) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  std::optional<Block> block = memory().find(pointer);
  if (!block || block->begin != pointer || block->internal || block->free_pending) return CUDA_ERROR_INVALID_VALUE;
  if (block->kind != Block::Kind::pool && block->kind != Block::Kind::device) return CUDA_ERROR_INVALID_VALUE;
  memory().update(pointer, [](Block& change) { change.free_pending = true; });
  CUresult result = submit(stream, FreeWork{pointer});
  if (result != CUDA_SUCCESS) memory().update(pointer, [](Block& change) { change.free_pending = false; });
  return result;
}

GPOOL_CUDA cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!pool) return CUDA_ERROR_INVALID_VALUE;
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  *pool = reinterpret_cast<CUmemoryPool>(device->default_pool->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!pool) return CUDA_ERROR_INVALID_VALUE;
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(driver().pools_mutex);
  *pool = reinterpret_cast<CUmemoryPool>(device->current_pool->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceSetMemPool(CUdevice ordinal, CUmemoryPool handle) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (pool->device != ordinal) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(driver().pools_mutex);
  device->current_pool = pool;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemGetDefaultMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType) {
  return pool_of_location(location, &Device::default_pool, pool);
}

GPOOL_CUDA cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType) {
  return pool_of_location(location, &Device::current_pool, pool);
}

GPOOL_CUDA cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType, CUmemoryPool pool) {
  if (!location) return CUDA_ERROR_INVALID_VALUE;
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  return cuDeviceSetMemPool(location->id, pool);
}

GPOOL_CUDA cuMemPoolCreate(CUmemoryPool* handle, const CUmemPoolProps* properties) {
  GPOOL_CHECK(driver().ready());
  if (!handle || !properties) return CUDA_ERROR_INVALID_VALUE;
  if (properties->allocType != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  if (properties->handleTypes != CU_MEM_HANDLE_TYPE_NONE) return CUDA_ERROR_NOT_SUPPORTED;
  if (!driver().device(properties->location.id)) return CUDA_ERROR_INVALID_DEVICE;
  auto pool = std::make_shared<Pool>();
  pool->device = properties->location.id;
  pool->max_bytes = properties->maxSize;
  handles().add(pool);
  *handle = reinterpret_cast<CUmemoryPool>(pool->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemPoolDestroy(CUmemoryPool handle) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  if (pool->is_default) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(driver().pools_mutex);
  Device& device = driver().devices()[pool->device];
  if (device.current_pool == pool) device.current_pool = device.default_pool;
  // Memory from it stays valid until it is freed.
  return handles().remove(pool->handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  PoolRef pool;
  return find_pool(handle, pool);
}

GPOOL_CUDA cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(pool->mutex);
  switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      pool->numbers[attribute] = *static_cast<int*>(value);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      pool->numbers[attribute] = *static_cast<cuuint64_t*>(value);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      if (*static_cast<cuuint64_t*>(value) != 0) return CUDA_ERROR_INVALID_VALUE;
      pool->used_high = pool->used.load();
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

GPOOL_CUDA cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(pool->mutex);
  switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: {
      auto at = pool->numbers.find(attribute);
      *static_cast<int*>(value) = at == pool->numbers.end() ? 1 : static_cast<int>(at->second);
      return CUDA_SUCCESS;
    }
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *static_cast<cuuint64_t*>(value) = pool->numbers[attribute];
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      *static_cast<cuuint64_t*>(value) = pool->used;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      *static_cast<cuuint64_t*>(value) = pool->used_high;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

GPOOL_CUDA cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc* grants, size_t count) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  if (!grants || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    if (grants[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
    if (!driver().device(grants[i].location.id)) return CUDA_ERROR_INVALID_DEVICE;
    if (grants[i].location.id == pool->device && grants[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  std::lock_guard lock(pool->mutex);
  pool->access.resize(driver().devices().size());
  for (size_t i = 0; i < count; ++i) pool->access[grants[i].location.id] = static_cast<uint8_t>(grants[i].flags);
  for (const Block& block : memory().blocks_where([&](const Block& b) { return b.owner == pool->handle; })) {
    memory().update(block.begin, [&](Block& change) { change.access = pool->access; });
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool handle, CUmemLocation* location) {
  PoolRef pool;
  GPOOL_CHECK(find_pool(handle, pool));
  if (!flags || !location || location->type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(location->id)) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(pool->mutex);
  if (location->id == pool->device) {
    *flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  } else {
    *flags = static_cast<size_t>(location->id) < pool->access.size()
                 ? static_cast<CUmemAccess_flags>(pool->access[location->id])
                 : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  }
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
