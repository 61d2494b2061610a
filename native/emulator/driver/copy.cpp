// Copies. Which of them return before they are done follows CUDA's rules: pageable memory is read before an
// asynchronous call returns and written before it returns; pinned memory is touched when the stream gets there.
#include <cstring>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/shapes.h"

namespace gpool::emulator {
namespace {

// Larger pageable sources are not captured; the call waits instead.
constexpr uint64_t kStageLimit = 32 << 20;

enum class Side { device, host, any };

struct Place {
  uint64_t address;
  Side side;
};

// Known memory, or a host pointer of the program.
CUresult check_place(const Place& place, uint64_t bytes, int device, bool write, bool& pageable) {
  pageable = false;
  if (memory().covers(place.address, bytes, device, write)) return CUDA_SUCCESS;
  std::optional<Block> block = memory().find(place.address);
  if (place.side == Side::device) return CUDA_ERROR_INVALID_VALUE;
  if (block && !block->is_host()) return CUDA_ERROR_INVALID_VALUE;  // runs over the end of device memory
  if (!place.address) return CUDA_ERROR_INVALID_VALUE;
  pageable = true;
  return CUDA_SUCCESS;
}

bool is_host_memory(uint64_t address) {
  std::optional<Block> block = memory().find(address);
  return !block || block->is_host();
}

bool syncs(uint64_t address) {
  std::optional<Block> block = memory().find(address);
  return block && block->sync_memops;
}

std::shared_ptr<std::vector<std::byte>> capture_source(CopyWork& work) {
  auto staged = std::make_shared<std::vector<std::byte>>(work.bytes());
  std::byte* to = staged->data();
  for (uint64_t z = 0; z < work.depth; ++z) {
    for (uint64_t y = 0; y < work.height; ++y) {
      uint64_t from = work.source + z * work.source_slice + y * work.source_pitch;
      std::memcpy(to, reinterpret_cast<const void*>(from), work.width);
      to += work.width;
    }
  }
  work.source = reinterpret_cast<uint64_t>(staged->data());
  work.source_pitch = work.width;
  work.source_slice = work.width * work.height;
  return staged;
}

uint64_t extent(uint64_t width, uint64_t height, uint64_t depth, uint64_t pitch, uint64_t slice) {
  return (depth - 1) * slice + (height - 1) * pitch + width;
}

CUresult copy(const StreamRef& stream, CopyWork work, Side to, Side from, bool asynchronous) {
  if (work.bytes() == 0) return CUDA_SUCCESS;
  int device = stream->context->device;
  bool pageable_to, pageable_from;
  GPOOL_CHECK(check_place({work.destination, to},
                          extent(work.width, work.height, work.depth, work.destination_pitch, work.destination_slice),
                          device, true, pageable_to));
  GPOOL_CHECK(check_place({work.source, from},
                          extent(work.width, work.height, work.depth, work.source_pitch, work.source_slice), device,
                          false, pageable_from));
  bool capturing;
  {
    std::lock_guard lock(stream->context->order);
    capturing = stream->capture != nullptr;
    if (capturing && !asynchronous) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  if (capturing) return submit(stream, std::move(work));
  bool to_host = is_host_memory(work.destination), from_host = is_host_memory(work.source);
  // Between device addresses even the plain calls return at once.
  bool wait = asynchronous ? pageable_to : to_host || from_host;
  if (syncs(work.destination) || syncs(work.source)) wait = true;
  if (pageable_from && !wait) {
    if (work.bytes() <= kStageLimit) {
      work.staged = capture_source(work);
    } else {
      wait = true;
    }
  }
  return wait ? submit_and_wait(stream, std::move(work)) : submit(stream, std::move(work));
}

CUresult flat(CUstream stream_handle, uint64_t to, Side to_side, uint64_t from, Side from_side, size_t bytes,
              bool asynchronous) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  CopyWork work;
  work.destination = to;
  work.source = from;
  work.width = bytes;
  return copy(stream, work, to_side, from_side, asynchronous);
}

uint64_t address(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

CUresult shaped(CUstream stream_handle, const CUDA_MEMCPY3D* shape, bool asynchronous) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  if (!shape) return CUDA_ERROR_INVALID_VALUE;
  CopyWork work;
  GPOOL_CHECK(work_of_shape(*shape, work));
  auto side = [](CUmemorytype type) {
    return type == CU_MEMORYTYPE_HOST ? Side::host : type == CU_MEMORYTYPE_DEVICE ? Side::device : Side::any;
  };
  return copy(stream, work, side(shape->dstMemoryType), side(shape->srcMemoryType), asynchronous);
}

CUDA_MEMCPY3D widen(const CUDA_MEMCPY2D& flat_shape) {
  CUDA_MEMCPY3D shape{};
  shape.srcXInBytes = flat_shape.srcXInBytes;
  shape.srcY = flat_shape.srcY;
  shape.srcMemoryType = flat_shape.srcMemoryType;
  shape.srcHost = flat_shape.srcHost;
  shape.srcDevice = flat_shape.srcDevice;
  shape.srcArray = flat_shape.srcArray;
  shape.srcPitch = flat_shape.srcPitch;
  shape.dstXInBytes = flat_shape.dstXInBytes;
  shape.dstY = flat_shape.dstY;
  shape.dstMemoryType = flat_shape.dstMemoryType;
  shape.dstHost = flat_shape.dstHost;
  shape.dstDevice = flat_shape.dstDevice;
  shape.dstArray = flat_shape.dstArray;
  shape.dstPitch = flat_shape.dstPitch;
  shape.WidthInBytes = flat_shape.WidthInBytes;
  shape.Height = flat_shape.Height;
  shape.Depth = 1;
  return shape;
}

CUresult shaped_flat(CUstream stream, const CUDA_MEMCPY2D* shape, bool asynchronous) {
  if (!shape) {
    GPOOL_CHECK(driver().ready());
    return CUDA_ERROR_INVALID_VALUE;
  }
  CUDA_MEMCPY3D wide = widen(*shape);
  return shaped(stream, &wide, asynchronous);
}

CUDA_MEMCPY3D without_peers(const CUDA_MEMCPY3D_PEER& peer) {
  CUDA_MEMCPY3D shape{};
  shape.srcXInBytes = peer.srcXInBytes;
  shape.srcY = peer.srcY;
  shape.srcZ = peer.srcZ;
  shape.srcLOD = peer.srcLOD;
  shape.srcMemoryType = peer.srcMemoryType;
  shape.srcHost = peer.srcHost;
  shape.srcDevice = peer.srcDevice;
  shape.srcArray = peer.srcArray;
  shape.srcPitch = peer.srcPitch;
  shape.srcHeight = peer.srcHeight;
  shape.dstXInBytes = peer.dstXInBytes;
  shape.dstY = peer.dstY;
  shape.dstZ = peer.dstZ;
  shape.dstLOD = peer.dstLOD;
  shape.dstMemoryType = peer.dstMemoryType;
  shape.dstHost = peer.dstHost;
  shape.dstDevice = peer.dstDevice;
  shape.dstArray = peer.dstArray;
  shape.dstPitch = peer.dstPitch;
  shape.dstHeight = peer.dstHeight;
  shape.WidthInBytes = peer.WidthInBytes;
  shape.Height = peer.Height;
  shape.Depth = peer.Depth;
  return shape;
}

}  // namespace

CUresult work_of_shape(const CUDA_MEMCPY3D& shape, CopyWork& work) {
  if (shape.srcMemoryType == CU_MEMORYTYPE_ARRAY || shape.dstMemoryType == CU_MEMORYTYPE_ARRAY) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  if (shape.srcMemoryType < CU_MEMORYTYPE_HOST || shape.srcMemoryType > CU_MEMORYTYPE_UNIFIED ||
      shape.dstMemoryType < CU_MEMORYTYPE_HOST || shape.dstMemoryType > CU_MEMORYTYPE_UNIFIED) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  size_t source_pitch = shape.srcPitch ? shape.srcPitch : shape.WidthInBytes + shape.srcXInBytes;
  size_t destination_pitch = shape.dstPitch ? shape.dstPitch : shape.WidthInBytes + shape.dstXInBytes;
  size_t source_height = shape.srcHeight ? shape.srcHeight : shape.Height + shape.srcY;
  size_t destination_height = shape.dstHeight ? shape.dstHeight : shape.Height + shape.dstY;
  if (shape.Height > 1 || shape.Depth > 1) {
    if (source_pitch < shape.WidthInBytes + shape.srcXInBytes) return CUDA_ERROR_INVALID_VALUE;
    if (destination_pitch < shape.WidthInBytes + shape.dstXInBytes) return CUDA_ERROR_INVALID_VALUE;
  }
  if (shape.Depth > 1 &&
      (source_height < shape.Height + shape.srcY || destination_height < shape.Height + shape.dstY)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  uint64_t source = shape.srcMemoryType == CU_MEMORYTYPE_HOST ? address(shape.srcHost) : shape.srcDevice;
  uint64_t destination = shape.dstMemoryType == CU_MEMORYTYPE_HOST ? address(shape.dstHost) : shape.dstDevice;
  work.source_pitch = source_pitch;
  work.source_slice = source_pitch * source_height;
  work.destination_pitch = destination_pitch;
  work.destination_slice = destination_pitch * destination_height;
  work.source = source + shape.srcZ * work.source_slice + shape.srcY * source_pitch + shape.srcXInBytes;
  work.destination =
      destination + shape.dstZ * work.destination_slice + shape.dstY * destination_pitch + shape.dstXInBytes;
  work.width = shape.WidthInBytes;
  work.height = shape.Height;
  work.depth = shape.Depth;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return flat(nullptr, to, Side::any, from, Side::any, bytes, false);
}

GPOOL_CUDA cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return flat(stream, to, Side::any, from, Side::any, bytes, true);
}

GPOOL_CUDA cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  return flat(nullptr, to, Side::device, address(from), Side::host, bytes, false);
}

GPOOL_CUDA cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  return flat(nullptr, address(to), Side::host, from, Side::device, bytes, false);
}

GPOOL_CUDA cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return flat(nullptr, to, Side::device, from, Side::device, bytes, false);
}

GPOOL_CUDA cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return flat(stream, to, Side::device, address(from), Side::host, bytes, true);
}

GPOOL_CUDA cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return flat(stream, address(to), Side::host, from, Side::device, bytes, true);
}

GPOOL_CUDA cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return flat(stream, to, Side::device, from, Side::device, bytes, true);
}

GPOOL_CUDA cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t bytes) {
  GPOOL_CHECK(driver().ready());
  if (!handles().find<Context>(to_context) || !handles().find<Context>(from_context)) return CUDA_ERROR_INVALID_CONTEXT;
  return flat(nullptr, to, Side::device, from, Side::device, bytes, false);
}

GPOOL_CUDA cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                             size_t bytes, CUstream stream) {
  GPOOL_CHECK(driver().ready());
  if (!handles().find<Context>(to_context) || !handles().find<Context>(from_context)) return CUDA_ERROR_INVALID_CONTEXT;
  return flat(stream, to, Side::device, from, Side::device, bytes, true);
}

GPOOL_CUDA cuMemcpy2D_v2(const CUDA_MEMCPY2D* shape) {
  return shaped_flat(nullptr, shape, false);
}

GPOOL_CUDA cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* shape) {
  return shaped_flat(nullptr, shape, false);
}

GPOOL_CUDA cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* shape, CUstream stream) {
  return shaped_flat(stream, shape, true);
}

GPOOL_CUDA cuMemcpy3D_v2(const CUDA_MEMCPY3D* shape) {
  return shaped(nullptr, shape, false);
}

GPOOL_CUDA cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* shape, CUstream stream) {
  return shaped(stream, shape, true);
}

GPOOL_CUDA cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* shape) {
  if (!shape) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D plain = without_peers(*shape);
  return shaped(nullptr, &plain, false);
}

GPOOL_CUDA cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* shape, CUstream stream) {
  if (!shape) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D plain = without_peers(*shape);
  return shaped(stream, &plain, true);
}

// --- memset ---

namespace {

CUresult fill(CUstream stream_handle, CUdeviceptr to, size_t pitch, uint32_t value, uint32_t element, size_t width,
              size_t height, bool asynchronous) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  if (width == 0 || height == 0) return CUDA_SUCCESS;
  MemsetWork work{to, pitch, value, element, width, height};
  GPOOL_CHECK(check_memset(work, stream->context->device));
  // Of the plain calls only those on host memory return when they are done.
  if (!asynchronous && is_host_memory(to)) return submit_and_wait(stream, work);
  return submit(stream, work);
}

}  // namespace

CUresult check_memset(const MemsetWork& work, int device) {
  if (work.address % work.element || work.pitch % work.element) return CUDA_ERROR_INVALID_VALUE;
  if (work.height > 1 && work.pitch < work.width * work.element) return CUDA_ERROR_INVALID_VALUE;
  uint64_t bytes = (work.height - 1) * work.pitch + work.width * work.element;
  return memory().covers(work.address, bytes, device, true) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return fill(nullptr, to, 0, value, 1, count, 1, false);
}
GPOOL_CUDA cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  return fill(nullptr, to, 0, value, 2, count, 1, false);
}
GPOOL_CUDA cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  return fill(nullptr, to, 0, value, 4, count, 1, false);
}
GPOOL_CUDA cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height) {
  return fill(nullptr, to, pitch, value, 1, width, height, false);
}
GPOOL_CUDA cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height) {
  return fill(nullptr, to, pitch, value, 2, width, height, false);
}
GPOOL_CUDA cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height) {
  return fill(nullptr, to, pitch, value, 4, width, height, false);
}
GPOOL_CUDA cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return fill(stream, to, 0, value, 1, count, 1, true);
}
GPOOL_CUDA cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  return fill(stream, to, 0, value, 2, count, 1, true);
}
GPOOL_CUDA cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return fill(stream, to, 0, value, 4, count, 1, true);
}
GPOOL_CUDA cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                             CUstream stream) {
  return fill(stream, to, pitch, value, 1, width, height, true);
}
GPOOL_CUDA cuMemsetD2D16Async(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height,
                              CUstream stream) {
  return fill(stream, to, pitch, value, 2, width, height, true);
}
GPOOL_CUDA cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height,
                              CUstream stream) {
  return fill(stream, to, pitch, value, 4, width, height, true);
}

}  // namespace gpool::emulator
