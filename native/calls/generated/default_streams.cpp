// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#include "calls/driver_api.h"
#include "calls/not_supported.h"

// Weak: a driver implements a function by defining it.
#define GPOOL_DEFAULT __attribute__((weak))

namespace {
CUstream of_thread(CUstream stream) { return stream == nullptr ? CU_STREAM_PER_THREAD : stream; }
}  // namespace

extern "C" GPOOL_DEFAULT CUresult cuEventRecordWithFlags_ptsz(CUevent hEvent, CUstream hStream, unsigned int flags) {
  return cuEventRecordWithFlags(hEvent, of_thread(hStream), flags);
}
extern "C" GPOOL_DEFAULT CUresult cuEventRecord_ptsz(CUevent hEvent, CUstream hStream) {
  return cuEventRecord(hEvent, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuFabricCpyBatchAsync_ptsz(size_t numOps, CUDA_FABRIC_COPY_BATCH_OP *opList, unsigned long long flags, CUstream hStream) {
  return cuFabricCpyBatchAsync(numOps, opList, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *phGraphExec, CUgraph hGraph, CUDA_GRAPH_INSTANTIATE_PARAMS *instantiateParams) {
  if (instantiateParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto changed = *instantiateParams;
  changed.hUploadStream = of_thread(changed.hUploadStream);
  CUresult result = cuGraphInstantiateWithParams(phGraphExec, hGraph, &changed);
  changed.hUploadStream = instantiateParams->hUploadStream;
  *instantiateParams = changed;
  return result;
}
extern "C" GPOOL_DEFAULT CUresult cuGraphLaunch_ptsz(CUgraphExec hGraphExec, CUstream hStream) {
  return cuGraphLaunch(hGraphExec, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuGraphUpload_ptsz(CUgraphExec hGraphExec, CUstream hStream) {
  return cuGraphUpload(hGraphExec, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuGraphicsMapResources_ptsz(unsigned int count, CUgraphicsResource *resources, CUstream hStream) {
  return cuGraphicsMapResources(count, resources, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuGraphicsUnmapResources_ptsz(unsigned int count, CUgraphicsResource *resources, CUstream hStream) {
  return cuGraphicsUnmapResources(count, resources, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuLaunchCooperativeKernel_ptsz(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream, void **kernelParams) {
  return cuLaunchCooperativeKernel(f, gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, of_thread(hStream), kernelParams);
}
extern "C" GPOOL_DEFAULT CUresult cuLaunchHostFunc_ptsz(CUstream hStream, CUhostFn fn, void *userData) {
  return cuLaunchHostFunc(of_thread(hStream), fn, userData);
}
extern "C" GPOOL_DEFAULT CUresult cuLaunchHostFunc_v2_ptsz(CUstream hStream, CUhostFn fn, void *userData, unsigned int syncMode) {
  return cuLaunchHostFunc_v2(of_thread(hStream), fn, userData, syncMode);
}
extern "C" GPOOL_DEFAULT CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction f, void **kernelParams, void **extra) {
  if (config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto changed = *config;
  changed.hStream = of_thread(changed.hStream);
  return cuLaunchKernelEx(&changed, f, kernelParams, extra);
}
extern "C" GPOOL_DEFAULT CUresult cuLaunchKernel_ptsz(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream, void **kernelParams, void **extra) {
  return cuLaunchKernel(f, gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, of_thread(hStream), kernelParams, extra);
}
extern "C" GPOOL_DEFAULT CUresult cuMemAllocAsync_ptsz(CUdeviceptr *dptr, size_t bytesize, CUstream hStream) {
  return cuMemAllocAsync(dptr, bytesize, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  return cuMemAllocFromPoolAsync(dptr, bytesize, pool, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemBatchDecompressAsync_ptsz(CUmemDecompressParams *paramsArray, size_t count, unsigned int flags, size_t *errorIndex, CUstream stream) {
  return cuMemBatchDecompressAsync(paramsArray, count, flags, errorIndex, of_thread(stream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemDiscardAndPrefetchBatchAsync_ptsz(CUdeviceptr *dptrs, size_t *sizes, size_t count, CUmemLocation *prefetchLocs, size_t *prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags, CUstream hStream) {
  return cuMemDiscardAndPrefetchBatchAsync(dptrs, sizes, count, prefetchLocs, prefetchLocIdxs, numPrefetchLocs, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemDiscardBatchAsync_ptsz(CUdeviceptr *dptrs, size_t *sizes, size_t count, unsigned long long flags, CUstream hStream) {
  return cuMemDiscardBatchAsync(dptrs, sizes, count, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemFreeAsync_ptsz(CUdeviceptr dptr, CUstream hStream) {
  return cuMemFreeAsync(dptr, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemMapArrayAsync_ptsz(CUarrayMapInfo *mapInfoList, unsigned int count, CUstream hStream) {
  return cuMemMapArrayAsync(mapInfoList, count, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchAsync_ptsz(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  return cuMemPrefetchAsync(devPtr, count, dstDevice, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchAsync_v2_ptsz(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags, CUstream hStream) {
  return cuMemPrefetchAsync_v2(devPtr, count, location, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchBatchAsync_ptsz(CUdeviceptr *dptrs, size_t *sizes, size_t count, CUmemLocation *prefetchLocs, size_t *prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags, CUstream hStream) {
  return cuMemPrefetchBatchAsync(dptrs, sizes, count, prefetchLocs, prefetchLocIdxs, numPrefetchLocs, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DAsync_v2_ptsz(const CUDA_MEMCPY2D *pCopy, CUstream hStream) {
  return cuMemcpy2DAsync_v2(pCopy, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DUnaligned_v2_ptds(const CUDA_MEMCPY2D *pCopy) {
  return cuMemcpy2DUnaligned_v2(pCopy);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2D_v2_ptds(const CUDA_MEMCPY2D *pCopy) {
  CUresult result = cuMemcpy2DAsync_v2(pCopy, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DAsync_v2_ptsz(const CUDA_MEMCPY3D *pCopy, CUstream hStream) {
  return cuMemcpy3DAsync_v2(pCopy, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DBatchAsync_ptsz(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList, size_t *failIdx, unsigned long long flags, CUstream hStream) {
  return cuMemcpy3DBatchAsync(numOps, opList, failIdx, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DBatchAsync_v2_ptsz(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList, unsigned long long flags, CUstream hStream) {
  return cuMemcpy3DBatchAsync_v2(numOps, opList, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DPeerAsync_ptsz(const CUDA_MEMCPY3D_PEER *pCopy, CUstream hStream) {
  return cuMemcpy3DPeerAsync(pCopy, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DPeer_ptds(const CUDA_MEMCPY3D_PEER *pCopy) {
  CUresult result = cuMemcpy3DPeerAsync(pCopy, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DWithAttributesAsync_ptsz(CUDA_MEMCPY3D_BATCH_OP *op, unsigned long long flags, CUstream hStream) {
  return cuMemcpy3DWithAttributesAsync(op, flags, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3D_v2_ptds(const CUDA_MEMCPY3D *pCopy) {
  CUresult result = cuMemcpy3DAsync_v2(pCopy, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAsync_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return cuMemcpyAsync(dst, src, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoA_v2_ptds(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return cuMemcpyAtoA_v2(dstArray, dstOffset, srcArray, srcOffset, ByteCount);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoD_v2_ptds(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return cuMemcpyAtoD_v2(dstDevice, srcArray, srcOffset, ByteCount);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoHAsync_v2_ptsz(void *dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return cuMemcpyAtoHAsync_v2(dstHost, srcArray, srcOffset, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoH_v2_ptds(void *dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  CUresult result = cuMemcpyAtoHAsync_v2(dstHost, srcArray, srcOffset, ByteCount, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyBatchAsync_ptsz(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs, size_t *failIdx, CUstream hStream) {
  return cuMemcpyBatchAsync(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, failIdx, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyBatchAsync_v2_ptsz(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs, CUstream hStream) {
  return cuMemcpyBatchAsync_v2(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoA_v2_ptds(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return cuMemcpyDtoA_v2(dstArray, dstOffset, srcDevice, ByteCount);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoDAsync_v2_ptsz(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoD_v2_ptds(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoHAsync_v2_ptsz(void *dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return cuMemcpyDtoHAsync_v2(dstHost, srcDevice, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoH_v2_ptds(void *dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  CUresult result = cuMemcpyDtoHAsync_v2(dstHost, srcDevice, ByteCount, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoAAsync_v2_ptsz(CUarray dstArray, size_t dstOffset, const void *srcHost, size_t ByteCount, CUstream hStream) {
  return cuMemcpyHtoAAsync_v2(dstArray, dstOffset, srcHost, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoA_v2_ptds(CUarray dstArray, size_t dstOffset, const void *srcHost, size_t ByteCount) {
  CUresult result = cuMemcpyHtoAAsync_v2(dstArray, dstOffset, srcHost, ByteCount, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoDAsync_v2_ptsz(CUdeviceptr dstDevice, const void *srcHost, size_t ByteCount, CUstream hStream) {
  return cuMemcpyHtoDAsync_v2(dstDevice, srcHost, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoD_v2_ptds(CUdeviceptr dstDevice, const void *srcHost, size_t ByteCount) {
  CUresult result = cuMemcpyHtoDAsync_v2(dstDevice, srcHost, ByteCount, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyPeerAsync_ptsz(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount, CUstream hStream) {
  return cuMemcpyPeerAsync(dstDevice, dstContext, srcDevice, srcContext, ByteCount, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyPeer_ptds(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount) {
  return cuMemcpyPeerAsync(dstDevice, dstContext, srcDevice, srcContext, ByteCount, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpyWithAttributesAsync_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t size, CUmemcpyAttributes *attr, CUstream hStream) {
  return cuMemcpyWithAttributesAsync(dst, src, size, attr, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemcpy_ptds(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  CUresult result = cuMemcpyAsync(dst, src, ByteCount, CU_STREAM_PER_THREAD);
  return result == CUDA_SUCCESS ? cuStreamSynchronize(CU_STREAM_PER_THREAD) : result;
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD16Async_ptsz(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
  return cuMemsetD16Async(dstDevice, us, N, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD16_v2_ptds(CUdeviceptr dstDevice, unsigned short us, size_t N) {
  return cuMemsetD16Async(dstDevice, us, N, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D16Async_ptsz(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height, CUstream hStream) {
  return cuMemsetD2D16Async(dstDevice, dstPitch, us, Width, Height, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D16_v2_ptds(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height) {
  return cuMemsetD2D16Async(dstDevice, dstPitch, us, Width, Height, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D32Async_ptsz(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height, CUstream hStream) {
  return cuMemsetD2D32Async(dstDevice, dstPitch, ui, Width, Height, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D32_v2_ptds(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height) {
  return cuMemsetD2D32Async(dstDevice, dstPitch, ui, Width, Height, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D8Async_ptsz(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height, CUstream hStream) {
  return cuMemsetD2D8Async(dstDevice, dstPitch, uc, Width, Height, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D8_v2_ptds(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height) {
  return cuMemsetD2D8Async(dstDevice, dstPitch, uc, Width, Height, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD32Async_ptsz(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
  return cuMemsetD32Async(dstDevice, ui, N, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD32_v2_ptds(CUdeviceptr dstDevice, unsigned int ui, size_t N) {
  return cuMemsetD32Async(dstDevice, ui, N, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD8Async_ptsz(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
  return cuMemsetD8Async(dstDevice, uc, N, of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuMemsetD8_v2_ptds(CUdeviceptr dstDevice, unsigned char uc, size_t N) {
  return cuMemsetD8Async(dstDevice, uc, N, CU_STREAM_PER_THREAD);
}
extern "C" GPOOL_DEFAULT CUresult cuSignalExternalSemaphoresAsync_ptsz(const CUexternalSemaphore *extSemArray, const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *paramsArray, unsigned int numExtSems, CUstream stream) {
  return cuSignalExternalSemaphoresAsync(extSemArray, paramsArray, numExtSems, of_thread(stream));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamAddCallback_ptsz(CUstream hStream, CUstreamCallback callback, void *userData, unsigned int flags) {
  return cuStreamAddCallback(of_thread(hStream), callback, userData, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamAttachMemAsync_ptsz(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  return cuStreamAttachMemAsync(of_thread(hStream), dptr, length, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBatchMemOp_ptsz(CUstream stream, unsigned int count, CUstreamBatchMemOpParams *paramArray, unsigned int flags) {
  return cuStreamBatchMemOp(of_thread(stream), count, paramArray, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBatchMemOp_v2_ptsz(CUstream stream, unsigned int count, CUstreamBatchMemOpParams *paramArray, unsigned int flags) {
  return cuStreamBatchMemOp_v2(of_thread(stream), count, paramArray, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCaptureToCig_ptsz(CUstream hStream, CUstreamCigCaptureParams *streamCigCaptureParams) {
  return cuStreamBeginCaptureToCig(of_thread(hStream), streamCigCaptureParams);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCaptureToGraph_ptsz(CUstream hStream, CUgraph hGraph, const CUgraphNode *dependencies, const CUgraphEdgeData *dependencyData, size_t numDependencies, CUstreamCaptureMode mode) {
  return cuStreamBeginCaptureToGraph(of_thread(hStream), hGraph, dependencies, dependencyData, numDependencies, mode);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCapture_ptsz(CUstream hStream) {
  return cuStreamBeginCapture(of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCapture_v2_ptsz(CUstream hStream, CUstreamCaptureMode mode) {
  return cuStreamBeginCapture_v2(of_thread(hStream), mode);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginRecaptureToGraph_ptsz(CUstream hStream, CUstreamCaptureMode mode, CUgraph hGraph, CUgraphRecaptureCallback callbackFunc, void *userData) {
  return cuStreamBeginRecaptureToGraph(of_thread(hStream), mode, hGraph, callbackFunc, userData);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamCopyAttributes_ptsz(CUstream dst, CUstream src) {
  return cuStreamCopyAttributes(of_thread(dst), of_thread(src));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamEndCaptureToCig_ptsz(CUstream hStream) {
  return cuStreamEndCaptureToCig(of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamEndCapture_ptsz(CUstream hStream, CUgraph *phGraph) {
  return cuStreamEndCapture(of_thread(hStream), phGraph);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetAttribute_ptsz(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue *value_out) {
  return cuStreamGetAttribute(of_thread(hStream), attr, value_out);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo_ptsz(CUstream hStream, CUstreamCaptureStatus *captureStatus_out, cuuint64_t *id_out) {
  return cuStreamGetCaptureInfo(of_thread(hStream), captureStatus_out, id_out);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream hStream, CUstreamCaptureStatus *captureStatus_out, cuuint64_t *id_out, CUgraph *graph_out, const CUgraphNode **dependencies_out, size_t *numDependencies_out) {
  return cuStreamGetCaptureInfo_v2(of_thread(hStream), captureStatus_out, id_out, graph_out, dependencies_out, numDependencies_out);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream hStream, CUstreamCaptureStatus *captureStatus_out, cuuint64_t *id_out, CUgraph *graph_out, const CUgraphNode **dependencies_out, const CUgraphEdgeData **edgeData_out, size_t *numDependencies_out) {
  return cuStreamGetCaptureInfo_v3(of_thread(hStream), captureStatus_out, id_out, graph_out, dependencies_out, edgeData_out, numDependencies_out);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCtx_ptsz(CUstream hStream, CUcontext *pctx) {
  return cuStreamGetCtx(of_thread(hStream), pctx);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCtx_v2_ptsz(CUstream hStream, CUcontext *pCtx, CUgreenCtx *pGreenCtx) {
  return cuStreamGetCtx_v2(of_thread(hStream), pCtx, pGreenCtx);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetDevResource_ptsz(CUstream hStream, CUdevResource *resource, CUdevResourceType type) {
  return cuStreamGetDevResource(of_thread(hStream), resource, type);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetDevice_ptsz(CUstream hStream, CUdevice *device) {
  return cuStreamGetDevice(of_thread(hStream), device);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetFlags_ptsz(CUstream hStream, unsigned int *flags) {
  return cuStreamGetFlags(of_thread(hStream), flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetId_ptsz(CUstream hStream, unsigned long long *streamId) {
  return cuStreamGetId(of_thread(hStream), streamId);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamGetPriority_ptsz(CUstream hStream, int *priority) {
  return cuStreamGetPriority(of_thread(hStream), priority);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamIsCapturing_ptsz(CUstream hStream, CUstreamCaptureStatus *captureStatus) {
  return cuStreamIsCapturing(of_thread(hStream), captureStatus);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamQuery_ptsz(CUstream hStream) {
  return cuStreamQuery(of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamSetAttribute_ptsz(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue *value) {
  return cuStreamSetAttribute(of_thread(hStream), attr, value);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamSynchronize_ptsz(CUstream hStream) {
  return cuStreamSynchronize(of_thread(hStream));
}
extern "C" GPOOL_DEFAULT CUresult cuStreamUpdateCaptureDependencies_ptsz(CUstream hStream, CUgraphNode *dependencies, size_t numDependencies, unsigned int flags) {
  return cuStreamUpdateCaptureDependencies(of_thread(hStream), dependencies, numDependencies, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamUpdateCaptureDependencies_v2_ptsz(CUstream hStream, CUgraphNode *dependencies, const CUgraphEdgeData *dependencyData, size_t numDependencies, unsigned int flags) {
  return cuStreamUpdateCaptureDependencies_v2(of_thread(hStream), dependencies, dependencyData, numDependencies, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitEvent_ptsz(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  return cuStreamWaitEvent(of_thread(hStream), hEvent, Flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue32_ptsz(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return cuStreamWaitValue32(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue32_v2_ptsz(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return cuStreamWaitValue32_v2(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue64_ptsz(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return cuStreamWaitValue64(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue64_v2_ptsz(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return cuStreamWaitValue64_v2(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue32_ptsz(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return cuStreamWriteValue32(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue32_v2_ptsz(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return cuStreamWriteValue32_v2(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue64_ptsz(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return cuStreamWriteValue64(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue64_v2_ptsz(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return cuStreamWriteValue64_v2(of_thread(stream), addr, value, flags);
}
extern "C" GPOOL_DEFAULT CUresult cuWaitExternalSemaphoresAsync_ptsz(const CUexternalSemaphore *extSemArray, const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *paramsArray, unsigned int numExtSems, CUstream stream) {
  return cuWaitExternalSemaphoresAsync(extSemArray, paramsArray, numExtSems, of_thread(stream));
}
