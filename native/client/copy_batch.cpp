// Several copies by one call: each is queued as by the call for one.
#include "client/call.h"
#include "client/driver.h"
#include "client/host_memory.h"

namespace gpool::client {
namespace {

bool is_known(CUmemcpySrcAccessOrder order) {
  return order == CU_MEMCPY_SRC_ACCESS_ORDER_STREAM || order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL ||
         order == CU_MEMCPY_SRC_ACCESS_ORDER_ANY;
}

// The source may not be read after the call. Pageable memory never is; pinned memory may be, when the stream gets
// there.
bool must_wait(CUmemcpySrcAccessOrder order, CUdeviceptr source) {
  return order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL && find_host_range(source).has_value();
}

// A batch has an order of its own only in streams that are not the legacy one.
wire::Handle check_stream(Call& call, CUstream stream) {
  const wire::Handle handle = call.handle(stream);
  if (call.ok() && wire::is_special_stream(handle)) call.refuse(CUDA_ERROR_INVALID_VALUE);
  return handle;
}

CUresult copy_one(CUdeviceptr to, CUdeviceptr from, size_t bytes, const CUmemcpyAttributes& attributes, CUstream stream,
                  bool& waits) {
  if (!is_known(attributes.srcAccessOrder) || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  waits = waits || must_wait(attributes.srcAccessOrder, from);
  return cuMemcpyAsync(to, from, bytes, stream);
}

// An operand of a 3D batch, in the terms of CUDA_MEMCPY3D. Rows and layers of 0 have the size of the copy.
CUresult read_operand(const CUmemcpy3DOperand& operand, const CUextent3D& extent, CUdeviceptr& address, size_t& pitch,
                      size_t& height) {
  if (operand.type == CU_MEMCPY_OPERAND_TYPE_ARRAY) return CUDA_ERROR_NOT_SUPPORTED;
  if (operand.type != CU_MEMCPY_OPERAND_TYPE_POINTER) return CUDA_ERROR_INVALID_VALUE;
  address = operand.op.ptr.ptr;
  pitch = operand.op.ptr.rowLength != 0 ? operand.op.ptr.rowLength : extent.width;
  height = operand.op.ptr.layerHeight != 0 ? operand.op.ptr.layerHeight : extent.height;
  return CUDA_SUCCESS;
}

CUresult copy_one(const CUDA_MEMCPY3D_BATCH_OP& one, CUstream stream, bool& waits) {
  const CUextent3D& extent = one.extent;
  if (!is_known(one.srcAccessOrder) || extent.width == 0 || extent.height == 0 || extent.depth == 0)
    return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D box{};
  box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  CUresult status = read_operand(one.src, extent, box.srcDevice, box.srcPitch, box.srcHeight);
  if (status == CUDA_SUCCESS) status = read_operand(one.dst, extent, box.dstDevice, box.dstPitch, box.dstHeight);
  if (status != CUDA_SUCCESS) return status;
  box.WidthInBytes = extent.width, box.Height = extent.height, box.Depth = extent.depth;
  waits = waits || must_wait(one.srcAccessOrder, box.srcDevice);
  return cuMemcpy3DAsync_v2(&box, stream);
}

CUresult finish(Call& call, CUresult status, bool waits, CUstream stream) {
  return call.end(status == CUDA_SUCCESS && waits ? cuStreamSynchronize(stream) : status);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                                          CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs,
                                          CUstream hStream) {
  Call call("cuMemcpyBatchAsync_v2", Needs::context);
  check_stream(call, hStream);
  call.required(dsts), call.required(srcs), call.required(sizes), call.required(attrs), call.required(attrsIdxs);
  if (count == 0 || numAttrs == 0 || numAttrs > count) call.refuse(CUDA_ERROR_INVALID_VALUE);
  // Each set of attributes holds from its index on: the first from 0, the others from ever higher ones.
  for (size_t i = 0; call.ok() && i < numAttrs; i++)
    if (i == 0 ? attrsIdxs[0] != 0 : attrsIdxs[i] <= attrsIdxs[i - 1] || attrsIdxs[i] >= count)
      call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  bool waits = false;
  CUresult status = CUDA_SUCCESS;
  for (size_t i = 0, set = 0; status == CUDA_SUCCESS && i < count; i++) {
    if (set + 1 < numAttrs && attrsIdxs[set + 1] == i) set++;
    status = copy_one(dsts[i], srcs[i], sizes[i], attrs[set], hStream, waits);
  }
  return finish(call, status, waits, hStream);
}

extern "C" CUresult cuMemcpyWithAttributesAsync(CUdeviceptr dst, CUdeviceptr src, size_t size, CUmemcpyAttributes* attr,
                                                CUstream hStream) {
  Call call("cuMemcpyWithAttributesAsync", Needs::context);
  check_stream(call, hStream);
  if (call.required(attr) == nullptr || !call.ok()) return call.result();
  bool waits = false;
  const CUresult status = copy_one(dst, src, size, *attr, hStream, waits);
  return finish(call, status, waits, hStream);
}

extern "C" CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, unsigned long long flags,
                                            CUstream hStream) {
  Call call("cuMemcpy3DBatchAsync_v2", Needs::context);
  check_stream(call, hStream);
  if (call.required(opList) == nullptr || numOps == 0 || flags != 0) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  bool waits = false;
  CUresult status = CUDA_SUCCESS;
  for (size_t i = 0; status == CUDA_SUCCESS && i < numOps; i++) status = copy_one(opList[i], hStream, waits);
  return finish(call, status, waits, hStream);
}

extern "C" CUresult cuMemcpy3DWithAttributesAsync(CUDA_MEMCPY3D_BATCH_OP* op, unsigned long long flags,
                                                  CUstream hStream) {
  return cuMemcpy3DBatchAsync_v2(op != nullptr ? 1 : 0, op, flags, hStream);
}
