// Several copies by one call, each queued as by the call for one.
#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/stream.h"

namespace gpool::emulator {
namespace {

CUresult check(CUstream handle, CUmemcpySrcAccessOrder order, StreamRef& stream) {
  GPOOL_CHECK(find_stream(handle, stream));
  if (stream->legacy || order < CU_MEMCPY_SRC_ACCESS_ORDER_STREAM || order > CU_MEMCPY_SRC_ACCESS_ORDER_ANY)
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// The source must have been read when the call returns.
CUresult finish(const StreamRef& stream, CUmemcpySrcAccessOrder order) {
  return order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL ? synchronize(stream) : CUDA_SUCCESS;
}

CUresult copy(const CUDA_MEMCPY3D_BATCH_OP& one, CUstream handle) {
  StreamRef stream;
  GPOOL_CHECK(check(handle, one.srcAccessOrder, stream));
  const CUextent3D& extent = one.extent;
  if (extent.width == 0 || extent.height == 0 || extent.depth == 0) return CUDA_ERROR_INVALID_VALUE;
  if (one.src.type != CU_MEMCPY_OPERAND_TYPE_POINTER || one.dst.type != CU_MEMCPY_OPERAND_TYPE_POINTER)
    return CUDA_ERROR_NOT_SUPPORTED;
  const auto &from = one.src.op.ptr, &to = one.dst.op.ptr;
  CUDA_MEMCPY3D box{};
  box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  box.srcDevice = from.ptr, box.dstDevice = to.ptr;
  box.srcPitch = from.rowLength ? from.rowLength : extent.width;
  box.srcHeight = from.layerHeight ? from.layerHeight : extent.height;
  box.dstPitch = to.rowLength ? to.rowLength : extent.width;
  box.dstHeight = to.layerHeight ? to.layerHeight : extent.height;
  box.WidthInBytes = extent.width, box.Height = extent.height, box.Depth = extent.depth;
  GPOOL_CHECK(cuMemcpy3DAsync_v2(&box, handle));
  return finish(stream, one.srcAccessOrder);
}

}  // namespace

GPOOL_CUDA cuMemcpyWithAttributesAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUmemcpyAttributes* attributes,
                                       CUstream handle) {
  StreamRef stream;
  if (!attributes || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(check(handle, attributes->srcAccessOrder, stream));
  GPOOL_CHECK(cuMemcpyAsync(to, from, bytes, handle));
  return finish(stream, attributes->srcAccessOrder);
}

GPOOL_CUDA cuMemcpyBatchAsync_v2(CUdeviceptr* to, CUdeviceptr* from, size_t* bytes, size_t count,
                                 CUmemcpyAttributes* attributes, size_t* begins, size_t sets, CUstream stream) {
  GPOOL_CHECK(driver().ready());
  if (!to || !from || !bytes || !attributes || !begins || count == 0 || sets == 0 || sets > count)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < sets; ++i)
    if (i == 0 ? begins[0] != 0 : begins[i] <= begins[i - 1] || begins[i] >= count) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0, set = 0; i < count; ++i) {
    if (set + 1 < sets && begins[set + 1] == i) ++set;
    GPOOL_CHECK(cuMemcpyWithAttributesAsync(to[i], from[i], bytes[i], &attributes[set], stream));
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemcpy3DBatchAsync_v2(size_t count, CUDA_MEMCPY3D_BATCH_OP* list, unsigned long long flags,
                                   CUstream stream) {
  GPOOL_CHECK(driver().ready());
  if (!list || count == 0 || flags) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) GPOOL_CHECK(copy(list[i], stream));
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuMemcpy3DWithAttributesAsync(CUDA_MEMCPY3D_BATCH_OP* one, unsigned long long flags, CUstream stream) {
  return cuMemcpy3DBatchAsync_v2(one ? 1 : 0, one, flags, stream);
}

}  // namespace gpool::emulator
