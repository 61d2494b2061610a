// Allocation calls: device, pinned, registered and managed memory, and questions about addresses.
#include <algorithm>
#include <cstring>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/pool.h"

namespace gpool::emulator {
namespace {

// Captured streams cannot take part in calls that may wait or change what is mapped. A thread that has made itself
// relaxed may call them all the same, a thread-local one is bound by its own captures only.
CUresult refuse_while_capturing(Context& context) {
  const CUstreamCaptureMode mine = capture_mode_of_thread();
  if (mine == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  std::lock_guard lock(context.order);
  for (const StreamRef& stream : context.streams) {
    if (!stream->capture || stream->capture->invalidated) continue;
    const CUstreamCaptureMode mode = stream->capture->mode;
    const bool own = stream->capture->thread == std::this_thread::get_id();
    if (own ? mode != CU_STREAM_CAPTURE_MODE_RELAXED
            : mode == CU_STREAM_CAPTURE_MODE_GLOBAL && mine == CU_STREAM_CAPTURE_MODE_GLOBAL)
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return CUDA_SUCCESS;
}

CUresult allocate(CUdeviceptr* pointer, size_t bytes) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!pointer || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(refuse_while_capturing(*context));
  Block like;
  like.bytes = bytes;
  like.kind = Block::Kind::device;
  like.device = context->device;
  like.context = context->handle;
  std::optional<Block> block = memory().allocate_device(like, bytes >= (2 << 20) ? 2 << 20 : 512);
  if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = block->begin;
  return CUDA_SUCCESS;
}

CUresult allocate_host(void** pointer, size_t bytes, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  constexpr unsigned kKnown = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if (!pointer || (flags & ~kKnown)) return CUDA_ERROR_INVALID_VALUE;
  Block like;
  like.bytes = bytes;
  like.kind = Block::Kind::host;
  like.device = context->device;
  like.context = context->handle;
  like.flags = flags | CU_MEMHOSTALLOC_DEVICEMAP;
  std::optional<Block> block = memory().allocate_host(like);
  if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = reinterpret_cast<void*>(block->begin);
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  return allocate(pointer, bytes);
}

GPOOL_CUDA cuMemAllocPitch_v2(CUdeviceptr* pointer, size_t* pitch, size_t width, size_t height, unsigned element) {
  if (!pitch || width == 0 || height == 0) return CUDA_ERROR_INVALID_VALUE;
  if (element != 4 && element != 8 && element != 16) return CUDA_ERROR_INVALID_VALUE;
  if (width > 2147483647) return CUDA_ERROR_INVALID_VALUE;
  size_t row = (width + 511) / 512 * 512;
  GPOOL_CHECK(allocate(pointer, row * height));
  *pitch = row;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemFree_v2(CUdeviceptr pointer) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (pointer == 0) return CUDA_SUCCESS;
  std::optional<Block> block = memory().find(pointer);
  if (!block || block->begin != pointer || block->internal) return CUDA_ERROR_INVALID_VALUE;
  switch (block->kind) {
    case Block::Kind::device:
    case Block::Kind::managed:
      break;
    case Block::Kind::pool:
      if (block->free_pending) return CUDA_ERROR_INVALID_VALUE;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
  GPOOL_CHECK(refuse_while_capturing(*context));
  // Freeing waits for everything that may still use the memory.
  ContextRef owner = block->context ? handles().find<Context>(block->context) : nullptr;
  (owner ? owner : context)->wait_for_all();
  if (block->kind == Block::Kind::pool) {
    free_pool_memory(pointer);
    return CUDA_SUCCESS;
  }
  return memory().remove(pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuMemAllocHost_v2(void** pointer, size_t bytes) {
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  return allocate_host(pointer, bytes, 0);
}

GPOOL_CUDA cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return allocate_host(pointer, bytes, flags);
}

GPOOL_CUDA cuMemFreeHost(void* pointer) {
  ContextRef context;
  GPOOL_CHECK(current_context_even_broken(context));
  std::optional<Block> block = memory().find(reinterpret_cast<uint64_t>(pointer));
  if (!block || block->kind != Block::Kind::host || block->begin != reinterpret_cast<uint64_t>(pointer)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ContextRef owner = handles().find<Context>(block->context);
  (owner ? owner : context)->wait_for_all();
  return memory().remove(block->begin) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuMemAllocManaged(CUdeviceptr* pointer, size_t bytes, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!pointer || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST) return CUDA_ERROR_INVALID_VALUE;
  Block like;
  like.bytes = bytes;
  like.kind = Block::Kind::managed;
  like.device = context->device;
  like.context = context->handle;
  std::optional<Block> block = memory().allocate_host(like);
  if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = block->begin;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  constexpr unsigned kKnown = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY |
                              CU_MEMHOSTREGISTER_READ_ONLY;
  uint64_t begin = reinterpret_cast<uint64_t>(pointer);
  if (!pointer || bytes == 0 || (flags & ~kKnown)) return CUDA_ERROR_INVALID_VALUE;
  if (flags & CU_MEMHOSTREGISTER_IOMEMORY) return CUDA_ERROR_NOT_SUPPORTED;
  if (memory().overlaps(begin, bytes)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  Block block;
  block.begin = begin;
  block.bytes = bytes;
  block.kind = Block::Kind::registered;
  block.device = context->device;
  block.context = context->handle;
  block.flags = flags | CU_MEMHOSTREGISTER_DEVICEMAP;
  memory().insert(block);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemHostRegister(void* pointer, size_t bytes, unsigned flags) {
  return cuMemHostRegister_v2(pointer, bytes, flags);
}

GPOOL_CUDA cuMemHostUnregister(void* pointer) {
  ContextRef context;
  GPOOL_CHECK(current_context_even_broken(context));
  if (!pointer) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(reinterpret_cast<uint64_t>(pointer));
  if (!block) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  if (block->kind != Block::Kind::registered || block->begin != reinterpret_cast<uint64_t>(pointer)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ContextRef owner = handles().find<Context>(block->context);
  (owner ? owner : context)->wait_for_all();
  return memory().remove(block->begin) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

GPOOL_CUDA cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* pointer, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!device || flags) return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  std::optional<Block> block = memory().find(reinterpret_cast<uint64_t>(pointer));
  if (!block || !(block->is_host() || block->kind == Block::Kind::managed)) return CUDA_ERROR_INVALID_VALUE;
  *device = reinterpret_cast<CUdeviceptr>(pointer);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemHostGetFlags(unsigned* flags, void* pointer) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(reinterpret_cast<uint64_t>(pointer));
  if (!block || !block->is_host()) return CUDA_ERROR_INVALID_VALUE;
  *flags = block->flags;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemGetInfo_v2(size_t* free, size_t* total) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!free || !total) return CUDA_ERROR_INVALID_VALUE;
  uint64_t limit = driver().settings().memory, used = driver().used_bytes(context->device);
  *total = limit;
  *free = used < limit ? limit - used : 0;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr pointer) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  std::optional<Block> block = memory().find(pointer);
  if (!block) return CUDA_ERROR_NOT_FOUND;
  if (base) *base = block->begin;
  if (bytes) *bytes = block->bytes;
  return CUDA_SUCCESS;
}

// --- pointer attributes ---

namespace {

// Answers for `pointer` whether or not it is known; `known` says which.
CUresult pointer_attribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer,
                           const std::optional<Block>& block) {
  auto put = [data](auto value) {
    *static_cast<decltype(value)*>(data) = value;
    return CUDA_SUCCESS;
  };
  bool host = block && block->is_host();
  bool managed = block && block->kind == Block::Kind::managed;
  switch (static_cast<int>(attribute)) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      return put(reinterpret_cast<CUcontext>(block ? block->context : 0));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      return put(static_cast<unsigned>(!block ? 0 : host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      return put(static_cast<CUdeviceptr>(block ? pointer : 0));
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      return put(reinterpret_cast<void*>(!block || host || managed ? pointer : 0));
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
      return put(static_cast<int>(block ? block->sync_memops : 0));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      return put(static_cast<unsigned long long>(block ? block->id : 0));
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      return put(static_cast<int>(managed));
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      return put(block ? block->device : -2);
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
      return put(0);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      return put(static_cast<CUdeviceptr>(block ? block->begin : 0));
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      return put(static_cast<size_t>(block ? block->bytes : 0));
    case CU_POINTER_ATTRIBUTE_MAPPED:
      return put(static_cast<int>(block.has_value()));
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
      return put(static_cast<unsigned long long>(
          block && block->kind == Block::Kind::mapped ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : 0));
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
      return put(0);
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
      return put(static_cast<int>(block ? CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE : 0));
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      return put(reinterpret_cast<CUmemoryPool>(block && block->kind == Block::Kind::pool ? block->owner : 0));
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
      return put(static_cast<size_t>(block ? block->bytes : 0));
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
      return put(static_cast<CUdeviceptr>(block ? block->begin : 0));
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID:
      return put(static_cast<unsigned long long>(block ? block->id : 0));
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

GPOOL_CUDA cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  GPOOL_CHECK(driver().ready());
  if (!data) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(pointer);
  bool answers_unknown = attribute == CU_POINTER_ATTRIBUTE_MAPPED;
  if (!block && !answers_unknown) return CUDA_ERROR_INVALID_VALUE;
  // A pointer that only the device can follow has no host address.
  if (block && attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER && !block->is_host() &&
      block->kind != Block::Kind::managed) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return pointer_attribute(data, attribute, pointer, block);
}

GPOOL_CUDA cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** data, CUdeviceptr pointer) {
  GPOOL_CHECK(driver().ready());
  if (count == 0 || !attributes || !data) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(pointer);
  for (unsigned i = 0; i < count; ++i) {
    if (!data[i]) return CUDA_ERROR_INVALID_VALUE;
    GPOOL_CHECK(pointer_attribute(data[i], attributes[i], pointer, block));
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr pointer) {
  GPOOL_CHECK(driver().ready());
  if (!value || attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Block> block = memory().find(pointer);
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  bool on = *static_cast<const unsigned*>(value) != 0;
  memory().update(block->begin, [on](Block& change) { change.sync_memops = on; });
  return CUDA_SUCCESS;
}

// --- hints about managed memory: there is only one copy of it, so they are checked and nothing else ---

namespace {

CUresult check_hint(CUdeviceptr pointer, size_t bytes) {
  GPOOL_CHECK(driver().ready());
  std::optional<Block> block = memory().find(pointer);
  if (!block || bytes == 0 || pointer + bytes > block->end()) return CUDA_ERROR_INVALID_VALUE;
  return block->kind == Block::Kind::managed ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

GPOOL_CUDA cuMemAdvise(CUdeviceptr pointer, size_t bytes, CUmem_advise advice, CUdevice device) {
  GPOOL_CHECK(check_hint(pointer, bytes));
  memory().update(memory().find(pointer)->begin, [advice, device](Block& block) {
    switch (advice) {
      case CU_MEM_ADVISE_SET_READ_MOSTLY:
      case CU_MEM_ADVISE_UNSET_READ_MOSTLY:
        block.read_mostly = advice == CU_MEM_ADVISE_SET_READ_MOSTLY;
        break;
      case CU_MEM_ADVISE_SET_PREFERRED_LOCATION:
        block.preferred = device;
        break;
      case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION:
        block.preferred = CU_DEVICE_INVALID;
        break;
      default:
        break;  // who will access it changes nothing, and is not kept
    }
  });
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemAdvise_v2(CUdeviceptr pointer, size_t bytes, CUmem_advise advice, CUmemLocation location) {
  return cuMemAdvise(pointer, bytes, advice,
                     location.type == CU_MEM_LOCATION_TYPE_DEVICE ? location.id : CU_DEVICE_CPU);
}

GPOOL_CUDA cuMemRangeGetAttribute(void* data, size_t room, CUmem_range_attribute attribute, CUdeviceptr pointer,
                                  size_t bytes) {
  GPOOL_CHECK(check_hint(pointer, bytes));
  if (!data || room != sizeof(int)) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Block> block = memory().find(pointer);
  int value = CU_DEVICE_INVALID;  // of prefetches and accesses, nothing is known
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
      value = block->read_mostly ? 1 : 0;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
      value = block->preferred;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY:
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
      break;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemRangeGetAttributes(void** data, size_t* rooms, CUmem_range_attribute* attributes, size_t count,
                                   CUdeviceptr pointer, size_t bytes) {
  GPOOL_CHECK(driver().ready());
  if (!data || !rooms || !attributes || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i)
    GPOOL_CHECK(cuMemRangeGetAttribute(data[i], rooms[i], attributes[i], pointer, bytes));
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemPrefetchAsync(CUdeviceptr pointer, size_t bytes, CUdevice, CUstream stream_handle) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  GPOOL_CHECK(check_hint(pointer, bytes));
  return submit(stream, EmptyWork{});
}

GPOOL_CUDA cuMemPrefetchAsync_v2(CUdeviceptr pointer, size_t bytes, CUmemLocation, unsigned, CUstream stream) {
  return cuMemPrefetchAsync(pointer, bytes, 0, stream);
}

GPOOL_CUDA cuStreamAttachMemAsync(CUstream stream_handle, CUdeviceptr pointer, size_t bytes, unsigned) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  std::optional<Block> block = memory().find(pointer);
  if (!block || block->kind != Block::Kind::managed || (bytes && pointer + bytes > block->end())) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return submit(stream, EmptyWork{});
}

}  // namespace gpool::emulator
