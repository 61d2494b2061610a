// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#include "calls/driver_api.h"
#include "calls/not_supported.h"

// Weak: a driver implements a function by defining it.
#define GPOOL_DEFAULT __attribute__((weak))

extern "C" GPOOL_DEFAULT CUresult cuArray3DCreate(CUarray *, const CUDA_ARRAY3D_DESCRIPTOR_v1 *) { return gpool::calls::not_supported("cuArray3DCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuArray3DCreate_v2(CUarray *, const CUDA_ARRAY3D_DESCRIPTOR *) { return gpool::calls::not_supported("cuArray3DCreate_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR_v1 *, CUarray) { return gpool::calls::not_supported("cuArray3DGetDescriptor"); }
extern "C" GPOOL_DEFAULT CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *, CUarray) { return gpool::calls::not_supported("cuArray3DGetDescriptor_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayCreate(CUarray *, const CUDA_ARRAY_DESCRIPTOR_v1 *) { return gpool::calls::not_supported("cuArrayCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayCreate_v2(CUarray *, const CUDA_ARRAY_DESCRIPTOR *) { return gpool::calls::not_supported("cuArrayCreate_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayDestroy(CUarray) { return gpool::calls::not_supported("cuArrayDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR_v1 *, CUarray) { return gpool::calls::not_supported("cuArrayGetDescriptor"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR *, CUarray) { return gpool::calls::not_supported("cuArrayGetDescriptor_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *, CUarray, CUdevice) { return gpool::calls::not_supported("cuArrayGetMemoryRequirements"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayGetPlane(CUarray *, CUarray, unsigned int) { return gpool::calls::not_supported("cuArrayGetPlane"); }
extern "C" GPOOL_DEFAULT CUresult cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *, CUarray) { return gpool::calls::not_supported("cuArrayGetSparseProperties"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointOperationComplete(CUcheckpointOperationHandle) { return gpool::calls::not_supported("cuCheckpointOperationComplete"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessCheckpoint(int, CUcheckpointCheckpointArgs *) { return gpool::calls::not_supported("cuCheckpointProcessCheckpoint"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessGetRestoreThreadId(int, int *) { return gpool::calls::not_supported("cuCheckpointProcessGetRestoreThreadId"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessGetState(int, CUprocessState *) { return gpool::calls::not_supported("cuCheckpointProcessGetState"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessLock(int, CUcheckpointLockArgs *) { return gpool::calls::not_supported("cuCheckpointProcessLock"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessRestore(int, CUcheckpointRestoreArgs *) { return gpool::calls::not_supported("cuCheckpointProcessRestore"); }
extern "C" GPOOL_DEFAULT CUresult cuCheckpointProcessUnlock(int, CUcheckpointUnlockArgs *) { return gpool::calls::not_supported("cuCheckpointProcessUnlock"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpDeregisterCompleteCallback(CUcoredumpCallbackHandle) { return gpool::calls::not_supported("cuCoredumpDeregisterCompleteCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpDeregisterStartCallback(CUcoredumpCallbackHandle) { return gpool::calls::not_supported("cuCoredumpDeregisterStartCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpGetAttribute(CUcoredumpSettings, void *, size_t *) { return gpool::calls::not_supported("cuCoredumpGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpGetAttributeGlobal(CUcoredumpSettings, void *, size_t *) { return gpool::calls::not_supported("cuCoredumpGetAttributeGlobal"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpRegisterCompleteCallback(CUcoredumpStatusCallback, void *, CUcoredumpCallbackHandle *) { return gpool::calls::not_supported("cuCoredumpRegisterCompleteCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpRegisterStartCallback(CUcoredumpStatusCallback, void *, CUcoredumpCallbackHandle *) { return gpool::calls::not_supported("cuCoredumpRegisterStartCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpSetAttribute(CUcoredumpSettings, void *, size_t *) { return gpool::calls::not_supported("cuCoredumpSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuCoredumpSetAttributeGlobal(CUcoredumpSettings, void *, size_t *) { return gpool::calls::not_supported("cuCoredumpSetAttributeGlobal"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxAttach(CUcontext *, unsigned int) { return gpool::calls::not_supported("cuCtxAttach"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxCreate(CUcontext *pctx, unsigned int flags, CUdevice dev) { return cuCtxCreate_v4(pctx, nullptr, flags, dev); }
extern "C" GPOOL_DEFAULT CUresult cuCtxCreate_v2(CUcontext *pctx, unsigned int flags, CUdevice dev) { return cuCtxCreate_v4(pctx, nullptr, flags, dev); }
extern "C" GPOOL_DEFAULT CUresult cuCtxCreate_v3(CUcontext *pctx, CUexecAffinityParam *paramsArray, int numParams, unsigned int flags, CUdevice dev) { return static_cast<void>(paramsArray), numParams == 0 ? cuCtxCreate_v4(pctx, nullptr, flags, dev) : CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY; }
extern "C" GPOOL_DEFAULT CUresult cuCtxCreate_v4(CUcontext *, CUctxCreateParams *, unsigned int, CUdevice) { return gpool::calls::not_supported("cuCtxCreate_v4"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxDestroy(CUcontext ctx) { return cuCtxDestroy_v2(ctx); }
extern "C" GPOOL_DEFAULT CUresult cuCtxDestroy_v2(CUcontext) { return gpool::calls::not_supported("cuCtxDestroy_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxDetach(CUcontext) { return gpool::calls::not_supported("cuCtxDetach"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxDisablePeerAccess(CUcontext) { return gpool::calls::not_supported("cuCtxDisablePeerAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxEnablePeerAccess(CUcontext, unsigned int) { return gpool::calls::not_supported("cuCtxEnablePeerAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxFromGreenCtx(CUcontext *, CUgreenCtx) { return gpool::calls::not_supported("cuCtxFromGreenCtx"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetApiVersion(CUcontext, unsigned int *) { return gpool::calls::not_supported("cuCtxGetApiVersion"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetCacheConfig(CUfunc_cache *) { return gpool::calls::not_supported("cuCtxGetCacheConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetCurrent(CUcontext *) { return gpool::calls::not_supported("cuCtxGetCurrent"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetDevResource(CUcontext, CUdevResource *, CUdevResourceType) { return gpool::calls::not_supported("cuCtxGetDevResource"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetDevice(CUdevice *device) { return cuCtxGetDevice_v2(device, nullptr); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetDevice_v2(CUdevice *, CUcontext) { return gpool::calls::not_supported("cuCtxGetDevice_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetExecAffinity(CUexecAffinityParam *, CUexecAffinityType) { return gpool::calls::not_supported("cuCtxGetExecAffinity"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetFlags(unsigned int *) { return gpool::calls::not_supported("cuCtxGetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetId(CUcontext, unsigned long long *) { return gpool::calls::not_supported("cuCtxGetId"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetLimit(size_t *, CUlimit) { return gpool::calls::not_supported("cuCtxGetLimit"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetSharedMemConfig(CUsharedconfig *) { return gpool::calls::not_supported("cuCtxGetSharedMemConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxGetStreamPriorityRange(int *, int *) { return gpool::calls::not_supported("cuCtxGetStreamPriorityRange"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxPopCurrent(CUcontext *pctx) { return cuCtxPopCurrent_v2(pctx); }
extern "C" GPOOL_DEFAULT CUresult cuCtxPopCurrent_v2(CUcontext *) { return gpool::calls::not_supported("cuCtxPopCurrent_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxPushCurrent(CUcontext ctx) { return cuCtxPushCurrent_v2(ctx); }
extern "C" GPOOL_DEFAULT CUresult cuCtxPushCurrent_v2(CUcontext) { return gpool::calls::not_supported("cuCtxPushCurrent_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxRecordEvent(CUcontext, CUevent) { return gpool::calls::not_supported("cuCtxRecordEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxResetPersistingL2Cache() { return gpool::calls::not_supported("cuCtxResetPersistingL2Cache"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSetCacheConfig(CUfunc_cache) { return gpool::calls::not_supported("cuCtxSetCacheConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSetCurrent(CUcontext) { return gpool::calls::not_supported("cuCtxSetCurrent"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSetFlags(unsigned int) { return gpool::calls::not_supported("cuCtxSetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSetLimit(CUlimit, size_t) { return gpool::calls::not_supported("cuCtxSetLimit"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSetSharedMemConfig(CUsharedconfig) { return gpool::calls::not_supported("cuCtxSetSharedMemConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSynchronize() { return cuCtxSynchronize_v2(nullptr); }
extern "C" GPOOL_DEFAULT CUresult cuCtxSynchronize_v2(CUcontext) { return gpool::calls::not_supported("cuCtxSynchronize_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuCtxWaitEvent(CUcontext, CUevent) { return gpool::calls::not_supported("cuCtxWaitEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuDestroyExternalMemory(CUexternalMemory) { return gpool::calls::not_supported("cuDestroyExternalMemory"); }
extern "C" GPOOL_DEFAULT CUresult cuDestroyExternalSemaphore(CUexternalSemaphore) { return gpool::calls::not_supported("cuDestroyExternalSemaphore"); }
extern "C" GPOOL_DEFAULT CUresult cuDevResourceGenerateDesc(CUdevResourceDesc *, CUdevResource *, unsigned int) { return gpool::calls::not_supported("cuDevResourceGenerateDesc"); }
extern "C" GPOOL_DEFAULT CUresult cuDevSmResourceSplit(CUdevResource *, unsigned int, const CUdevResource *, CUdevResource *, unsigned int, CU_DEV_SM_RESOURCE_GROUP_PARAMS *) { return gpool::calls::not_supported("cuDevSmResourceSplit"); }
extern "C" GPOOL_DEFAULT CUresult cuDevSmResourceSplitByCount(CUdevResource *, unsigned int *, const CUdevResource *, CUdevResource *, unsigned int, unsigned int) { return gpool::calls::not_supported("cuDevSmResourceSplitByCount"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceCanAccessPeer(int *, CUdevice, CUdevice) { return gpool::calls::not_supported("cuDeviceCanAccessPeer"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceComputeCapability(int *, int *, CUdevice) { return gpool::calls::not_supported("cuDeviceComputeCapability"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGet(CUdevice *, int) { return gpool::calls::not_supported("cuDeviceGet"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetAttribute(int *, CUdevice_attribute, CUdevice) { return gpool::calls::not_supported("cuDeviceGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetByPCIBusId(CUdevice *, const char *) { return gpool::calls::not_supported("cuDeviceGetByPCIBusId"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetCliqueCount(size_t *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetCliqueCount"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetCliqueInfo(CUcliqueInfo *, size_t *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetCliqueInfo"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetCount(int *) { return gpool::calls::not_supported("cuDeviceGetCount"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetDefaultMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetDevResource(CUdevice, CUdevResource *, CUdevResourceType) { return gpool::calls::not_supported("cuDeviceGetDevResource"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetExecAffinitySupport(int *, CUexecAffinityType, CUdevice) { return gpool::calls::not_supported("cuDeviceGetExecAffinitySupport"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetFabricClusterUuid(CUuuid *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetFabricClusterUuid"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetGraphMemAttribute(CUdevice, CUgraphMem_attribute, void *) { return gpool::calls::not_supported("cuDeviceGetGraphMemAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetHostAtomicCapabilities(unsigned int *, const CUatomicOperation *, unsigned int, CUdevice) { return gpool::calls::not_supported("cuDeviceGetHostAtomicCapabilities"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetLuid(char *, unsigned int *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetLuid"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetMemPool(CUmemoryPool *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetName(char *, int, CUdevice) { return gpool::calls::not_supported("cuDeviceGetName"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetNvSciSyncAttributes(void *, CUdevice, int) { return gpool::calls::not_supported("cuDeviceGetNvSciSyncAttributes"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetP2PAtomicCapabilities(unsigned int *, const CUatomicOperation *, unsigned int, CUdevice, CUdevice) { return gpool::calls::not_supported("cuDeviceGetP2PAtomicCapabilities"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetP2PAttribute(int *, CUdevice_P2PAttribute, CUdevice, CUdevice) { return gpool::calls::not_supported("cuDeviceGetP2PAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetPCIBusId(char *, int, CUdevice) { return gpool::calls::not_supported("cuDeviceGetPCIBusId"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetProperties(CUdevprop *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetProperties"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t *, CUarray_format, unsigned, CUdevice) { return gpool::calls::not_supported("cuDeviceGetTexture1DLinearMaxWidth"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice dev) { return cuDeviceGetUuid_v2(uuid, dev); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGetUuid_v2(CUuuid *, CUdevice) { return gpool::calls::not_supported("cuDeviceGetUuid_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceGraphMemTrim(CUdevice) { return gpool::calls::not_supported("cuDeviceGraphMemTrim"); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned int *, int *) { return gpool::calls::not_supported("cuDevicePrimaryCtxGetState"); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxRelease(CUdevice dev) { return cuDevicePrimaryCtxRelease_v2(dev); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return gpool::calls::not_supported("cuDevicePrimaryCtxRelease_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxReset(CUdevice dev) { return cuDevicePrimaryCtxReset_v2(dev); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxReset_v2(CUdevice) { return gpool::calls::not_supported("cuDevicePrimaryCtxReset_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice) { return gpool::calls::not_supported("cuDevicePrimaryCtxRetain"); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) { return cuDevicePrimaryCtxSetFlags_v2(dev, flags); }
extern "C" GPOOL_DEFAULT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned int) { return gpool::calls::not_supported("cuDevicePrimaryCtxSetFlags_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceRegisterAsyncNotification(CUdevice, CUasyncCallback, void *, CUasyncCallbackHandle *) { return gpool::calls::not_supported("cuDeviceRegisterAsyncNotification"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceSetGraphMemAttribute(CUdevice, CUgraphMem_attribute, void *) { return gpool::calls::not_supported("cuDeviceSetGraphMemAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceSetMemPool(CUdevice, CUmemoryPool) { return gpool::calls::not_supported("cuDeviceSetMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceTotalMem(unsigned int *, CUdevice) { return gpool::calls::not_supported("cuDeviceTotalMem"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceTotalMem_v2(size_t *, CUdevice) { return gpool::calls::not_supported("cuDeviceTotalMem_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuDeviceUnregisterAsyncNotification(CUdevice, CUasyncCallbackHandle) { return gpool::calls::not_supported("cuDeviceUnregisterAsyncNotification"); }
extern "C" GPOOL_DEFAULT CUresult cuDriverGetVersion(int *) { return gpool::calls::not_supported("cuDriverGetVersion"); }
extern "C" GPOOL_DEFAULT CUresult cuEventCreate(CUevent *, unsigned int) { return gpool::calls::not_supported("cuEventCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuEventDestroy(CUevent hEvent) { return cuEventDestroy_v2(hEvent); }
extern "C" GPOOL_DEFAULT CUresult cuEventDestroy_v2(CUevent) { return gpool::calls::not_supported("cuEventDestroy_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd) { return cuEventElapsedTime_v2(pMilliseconds, hStart, hEnd); }
extern "C" GPOOL_DEFAULT CUresult cuEventElapsedTime_v2(float *, CUevent, CUevent) { return gpool::calls::not_supported("cuEventElapsedTime_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuEventQuery(CUevent) { return gpool::calls::not_supported("cuEventQuery"); }
extern "C" GPOOL_DEFAULT CUresult cuEventRecord(CUevent, CUstream) { return gpool::calls::not_supported("cuEventRecord"); }
extern "C" GPOOL_DEFAULT CUresult cuEventRecordWithFlags(CUevent, CUstream, unsigned int) { return gpool::calls::not_supported("cuEventRecordWithFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuEventSynchronize(CUevent) { return gpool::calls::not_supported("cuEventSynchronize"); }
extern "C" GPOOL_DEFAULT CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *, CUexternalMemory, const CUDA_EXTERNAL_MEMORY_BUFFER_DESC *) { return gpool::calls::not_supported("cuExternalMemoryGetMappedBuffer"); }
extern "C" GPOOL_DEFAULT CUresult cuExternalMemoryGetMappedMipmappedArray(CUmipmappedArray *, CUexternalMemory, const CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC *) { return gpool::calls::not_supported("cuExternalMemoryGetMappedMipmappedArray"); }
extern "C" GPOOL_DEFAULT CUresult cuFabricCpyBatchAsync(size_t, CUDA_FABRIC_COPY_BATCH_OP *, unsigned long long, CUstream) { return gpool::calls::not_supported("cuFabricCpyBatchAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuFlushGPUDirectRDMAWrites(CUflushGPUDirectRDMAWritesTarget, CUflushGPUDirectRDMAWritesScope) { return gpool::calls::not_supported("cuFlushGPUDirectRDMAWrites"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncGetAttribute(int *, CUfunction_attribute, CUfunction) { return gpool::calls::not_supported("cuFuncGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncGetModule(CUmodule *, CUfunction) { return gpool::calls::not_supported("cuFuncGetModule"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncGetName(const char **, CUfunction) { return gpool::calls::not_supported("cuFuncGetName"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncGetParamCount(CUfunction, size_t *) { return gpool::calls::not_supported("cuFuncGetParamCount"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncGetParamInfo(CUfunction, size_t, size_t *, size_t *) { return gpool::calls::not_supported("cuFuncGetParamInfo"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncIsLoaded(CUfunctionLoadingState *, CUfunction) { return gpool::calls::not_supported("cuFuncIsLoaded"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncLoad(CUfunction) { return gpool::calls::not_supported("cuFuncLoad"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return gpool::calls::not_supported("cuFuncSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncSetBlockShape(CUfunction, int, int, int) { return gpool::calls::not_supported("cuFuncSetBlockShape"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return gpool::calls::not_supported("cuFuncSetCacheConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncSetSharedMemConfig(CUfunction, CUsharedconfig) { return gpool::calls::not_supported("cuFuncSetSharedMemConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuFuncSetSharedSize(CUfunction, unsigned int) { return gpool::calls::not_supported("cuFuncSetSharedSize"); }
extern "C" GPOOL_DEFAULT CUresult cuGetErrorName(CUresult, const char **) { return gpool::calls::not_supported("cuGetErrorName"); }
extern "C" GPOOL_DEFAULT CUresult cuGetErrorString(CUresult, const char **) { return gpool::calls::not_supported("cuGetErrorString"); }
extern "C" GPOOL_DEFAULT CUresult cuGetExportTable(const void **, const CUuuid *) { return gpool::calls::not_supported("cuGetExportTable"); }
extern "C" GPOOL_DEFAULT CUresult cuGetProcAddress(const char *, void **, int, cuuint64_t) { return gpool::calls::not_supported("cuGetProcAddress"); }
extern "C" GPOOL_DEFAULT CUresult cuGetProcAddress_v2(const char *, void **, int, cuuint64_t, CUdriverProcAddressQueryResult *) { return gpool::calls::not_supported("cuGetProcAddress_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddBatchMemOpNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_BATCH_MEM_OP_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddBatchMemOpNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddChildGraphNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, CUgraph) { return gpool::calls::not_supported("cuGraphAddChildGraphNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode *from, const CUgraphNode *to, size_t numDependencies) { return cuGraphAddDependencies_v2(hGraph, from, to, nullptr, numDependencies); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddDependencies_v2(CUgraph, const CUgraphNode *, const CUgraphNode *, const CUgraphEdgeData *, size_t) { return gpool::calls::not_supported("cuGraphAddDependencies_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddEmptyNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t) { return gpool::calls::not_supported("cuGraphAddEmptyNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddEventRecordNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, CUevent) { return gpool::calls::not_supported("cuGraphAddEventRecordNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddEventWaitNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, CUevent) { return gpool::calls::not_supported("cuGraphAddEventWaitNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddExternalSemaphoresSignalNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddExternalSemaphoresSignalNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddExternalSemaphoresWaitNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_EXT_SEM_WAIT_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddExternalSemaphoresWaitNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddHostNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_HOST_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddHostNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddKernelNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_KERNEL_NODE_PARAMS_v1 *) { return gpool::calls::not_supported("cuGraphAddKernelNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddKernelNode_v2(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_KERNEL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddKernelNode_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddMemAllocNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, CUDA_MEM_ALLOC_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphAddMemAllocNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddMemFreeNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, CUdeviceptr) { return gpool::calls::not_supported("cuGraphAddMemFreeNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddMemcpyNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_MEMCPY3D *, CUcontext) { return gpool::calls::not_supported("cuGraphAddMemcpyNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddMemsetNode(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const CUDA_MEMSET_NODE_PARAMS *, CUcontext) { return gpool::calls::not_supported("cuGraphAddMemsetNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddNode(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies, size_t numDependencies, CUgraphNodeParams *nodeParams) { return cuGraphAddNode_v3(phGraphNode, hGraph, dependencies, nullptr, numDependencies, nodeParams); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddNode_v2(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies, const CUgraphEdgeData *dependencyData, size_t numDependencies, CUgraphNodeParams *nodeParams) { return cuGraphAddNode_v3(phGraphNode, hGraph, dependencies, dependencyData, numDependencies, nodeParams); }
extern "C" GPOOL_DEFAULT CUresult cuGraphAddNode_v3(CUgraphNode *, CUgraph, const CUgraphNode *, const CUgraphEdgeData *, size_t, CUgraphNodeParams *) { return gpool::calls::not_supported("cuGraphAddNode_v3"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode, CUDA_BATCH_MEM_OP_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphBatchMemOpNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphBatchMemOpNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode, CUgraph *) { return gpool::calls::not_supported("cuGraphChildGraphNodeGetGraph"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphClone(CUgraph *, CUgraph) { return gpool::calls::not_supported("cuGraphClone"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphConditionalHandleCreate(CUgraphConditionalHandle *, CUgraph, CUcontext, unsigned int, unsigned int) { return gpool::calls::not_supported("cuGraphConditionalHandleCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphCreate(CUgraph *, unsigned int) { return gpool::calls::not_supported("cuGraphCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphDebugDotPrint(CUgraph, const char *, unsigned int) { return gpool::calls::not_supported("cuGraphDebugDotPrint"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphDestroy(CUgraph) { return gpool::calls::not_supported("cuGraphDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphDestroyNode(CUgraphNode) { return gpool::calls::not_supported("cuGraphDestroyNode"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode, CUevent *) { return gpool::calls::not_supported("cuGraphEventRecordNodeGetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode, CUevent) { return gpool::calls::not_supported("cuGraphEventRecordNodeSetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode, CUevent *) { return gpool::calls::not_supported("cuGraphEventWaitNodeGetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode, CUevent) { return gpool::calls::not_supported("cuGraphEventWaitNodeSetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExecBatchMemOpNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec, CUgraphNode, CUgraph) { return gpool::calls::not_supported("cuGraphExecChildGraphNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecDestroy(CUgraphExec) { return gpool::calls::not_supported("cuGraphExecDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec, CUgraphNode, CUevent) { return gpool::calls::not_supported("cuGraphExecEventRecordNodeSetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec, CUgraphNode, CUevent) { return gpool::calls::not_supported("cuGraphExecEventWaitNodeSetEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecExternalSemaphoresSignalNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExecExternalSemaphoresSignalNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecExternalSemaphoresWaitNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_EXT_SEM_WAIT_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExecExternalSemaphoresWaitNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecGetFlags(CUgraphExec, cuuint64_t *) { return gpool::calls::not_supported("cuGraphExecGetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecGetId(CUgraphExec, unsigned int *) { return gpool::calls::not_supported("cuGraphExecGetId"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecHostNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_HOST_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExecHostNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_KERNEL_NODE_PARAMS_v1 *) { return gpool::calls::not_supported("cuGraphExecKernelNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec, CUgraphNode, const CUDA_KERNEL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExecKernelNodeSetParams_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_MEMCPY3D *, CUcontext) { return gpool::calls::not_supported("cuGraphExecMemcpyNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec, CUgraphNode, const CUDA_MEMSET_NODE_PARAMS *, CUcontext) { return gpool::calls::not_supported("cuGraphExecMemsetNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecNodeSetParams(CUgraphExec, CUgraphNode, CUgraphNodeParams *) { return gpool::calls::not_supported("cuGraphExecNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecUpdate(CUgraphExec, CUgraph, CUgraphNode *, CUgraphExecUpdateResult *) { return gpool::calls::not_supported("cuGraphExecUpdate"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExecUpdate_v2(CUgraphExec, CUgraph, CUgraphExecUpdateResultInfo *) { return gpool::calls::not_supported("cuGraphExecUpdate_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExternalSemaphoresSignalNodeGetParams(CUgraphNode, CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExternalSemaphoresSignalNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExternalSemaphoresSignalNodeSetParams(CUgraphNode, const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExternalSemaphoresSignalNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExternalSemaphoresWaitNodeGetParams(CUgraphNode, CUDA_EXT_SEM_WAIT_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExternalSemaphoresWaitNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphExternalSemaphoresWaitNodeSetParams(CUgraphNode, const CUDA_EXT_SEM_WAIT_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphExternalSemaphoresWaitNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphGetEdges(CUgraph hGraph, CUgraphNode *from, CUgraphNode *to, size_t *numEdges) { return cuGraphGetEdges_v2(hGraph, from, to, nullptr, numEdges); }
extern "C" GPOOL_DEFAULT CUresult cuGraphGetEdges_v2(CUgraph, CUgraphNode *, CUgraphNode *, CUgraphEdgeData *, size_t *) { return gpool::calls::not_supported("cuGraphGetEdges_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphGetId(CUgraph, unsigned int *) { return gpool::calls::not_supported("cuGraphGetId"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphGetNodes(CUgraph, CUgraphNode *, size_t *) { return gpool::calls::not_supported("cuGraphGetNodes"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphGetRootNodes(CUgraph, CUgraphNode *, size_t *) { return gpool::calls::not_supported("cuGraphGetRootNodes"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphHostNodeGetParams(CUgraphNode, CUDA_HOST_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphHostNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphHostNodeSetParams(CUgraphNode, const CUDA_HOST_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphHostNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphInstantiate(CUgraphExec *phGraphExec, CUgraph hGraph, CUgraphNode *phErrorNode, char *logBuffer, size_t bufferSize) { return static_cast<void>(bufferSize), static_cast<void>(logBuffer), static_cast<void>(phErrorNode), cuGraphInstantiateWithFlags(phGraphExec, hGraph, 0); }
extern "C" GPOOL_DEFAULT CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long) { return gpool::calls::not_supported("cuGraphInstantiateWithFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphInstantiateWithParams(CUgraphExec *, CUgraph, CUDA_GRAPH_INSTANTIATE_PARAMS *) { return gpool::calls::not_supported("cuGraphInstantiateWithParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphInstantiate_v2(CUgraphExec *phGraphExec, CUgraph hGraph, CUgraphNode *phErrorNode, char *logBuffer, size_t bufferSize) { return static_cast<void>(bufferSize), static_cast<void>(logBuffer), static_cast<void>(phErrorNode), cuGraphInstantiateWithFlags(phGraphExec, hGraph, 0); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode, CUgraphNode) { return gpool::calls::not_supported("cuGraphKernelNodeCopyAttributes"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeGetAttribute(CUgraphNode, CUkernelNodeAttrID, CUkernelNodeAttrValue *) { return gpool::calls::not_supported("cuGraphKernelNodeGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeGetParams(CUgraphNode, CUDA_KERNEL_NODE_PARAMS_v1 *) { return gpool::calls::not_supported("cuGraphKernelNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode, CUDA_KERNEL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphKernelNodeGetParams_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeSetAttribute(CUgraphNode, CUkernelNodeAttrID, const CUkernelNodeAttrValue *) { return gpool::calls::not_supported("cuGraphKernelNodeSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeSetParams(CUgraphNode, const CUDA_KERNEL_NODE_PARAMS_v1 *) { return gpool::calls::not_supported("cuGraphKernelNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode, const CUDA_KERNEL_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphKernelNodeSetParams_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphLaunch(CUgraphExec, CUstream) { return gpool::calls::not_supported("cuGraphLaunch"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemAllocNodeGetParams(CUgraphNode, CUDA_MEM_ALLOC_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphMemAllocNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemFreeNodeGetParams(CUgraphNode, CUdeviceptr *) { return gpool::calls::not_supported("cuGraphMemFreeNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemcpyNodeGetParams(CUgraphNode, CUDA_MEMCPY3D *) { return gpool::calls::not_supported("cuGraphMemcpyNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemcpyNodeSetParams(CUgraphNode, const CUDA_MEMCPY3D *) { return gpool::calls::not_supported("cuGraphMemcpyNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemsetNodeGetParams(CUgraphNode, CUDA_MEMSET_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphMemsetNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphMemsetNodeSetParams(CUgraphNode, const CUDA_MEMSET_NODE_PARAMS *) { return gpool::calls::not_supported("cuGraphMemsetNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeFindInClone(CUgraphNode *, CUgraphNode, CUgraph) { return gpool::calls::not_supported("cuGraphNodeFindInClone"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetContainingGraph(CUgraphNode, CUgraph *) { return gpool::calls::not_supported("cuGraphNodeGetContainingGraph"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode *dependencies, size_t *numDependencies) { return cuGraphNodeGetDependencies_v2(hNode, dependencies, nullptr, numDependencies); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetDependencies_v2(CUgraphNode, CUgraphNode *, CUgraphEdgeData *, size_t *) { return gpool::calls::not_supported("cuGraphNodeGetDependencies_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode *dependentNodes, size_t *numDependentNodes) { return cuGraphNodeGetDependentNodes_v2(hNode, dependentNodes, nullptr, numDependentNodes); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode, CUgraphNode *, CUgraphEdgeData *, size_t *) { return gpool::calls::not_supported("cuGraphNodeGetDependentNodes_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetEnabled(CUgraphExec, CUgraphNode, unsigned int *) { return gpool::calls::not_supported("cuGraphNodeGetEnabled"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetLocalId(CUgraphNode, unsigned int *) { return gpool::calls::not_supported("cuGraphNodeGetLocalId"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetParams(CUgraphNode, CUgraphNodeParams *) { return gpool::calls::not_supported("cuGraphNodeGetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetToolsId(CUgraphNode, unsigned long long *) { return gpool::calls::not_supported("cuGraphNodeGetToolsId"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeGetType(CUgraphNode, CUgraphNodeType *) { return gpool::calls::not_supported("cuGraphNodeGetType"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeSetEnabled(CUgraphExec, CUgraphNode, unsigned int) { return gpool::calls::not_supported("cuGraphNodeSetEnabled"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeSetParams(CUgraphNode, CUgraphNodeParams *) { return gpool::calls::not_supported("cuGraphNodeSetParams"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphNodeSetParams_v2(CUgraphNode, CUgraphNodeParams *) { return gpool::calls::not_supported("cuGraphNodeSetParams_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphReleaseUserObject(CUgraph, CUuserObject, unsigned int) { return gpool::calls::not_supported("cuGraphReleaseUserObject"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode *from, const CUgraphNode *to, size_t numDependencies) { return cuGraphRemoveDependencies_v2(hGraph, from, to, nullptr, numDependencies); }
extern "C" GPOOL_DEFAULT CUresult cuGraphRemoveDependencies_v2(CUgraph, const CUgraphNode *, const CUgraphNode *, const CUgraphEdgeData *, size_t) { return gpool::calls::not_supported("cuGraphRemoveDependencies_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphRetainUserObject(CUgraph, CUuserObject, unsigned int, unsigned int) { return gpool::calls::not_supported("cuGraphRetainUserObject"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphUpload(CUgraphExec, CUstream) { return gpool::calls::not_supported("cuGraphUpload"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsMapResources(unsigned int, CUgraphicsResource *, CUstream) { return gpool::calls::not_supported("cuGraphicsMapResources"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsResourceGetMappedMipmappedArray(CUmipmappedArray *, CUgraphicsResource) { return gpool::calls::not_supported("cuGraphicsResourceGetMappedMipmappedArray"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsResourceGetMappedPointer(CUdeviceptr_v1 *, unsigned int *, CUgraphicsResource) { return gpool::calls::not_supported("cuGraphicsResourceGetMappedPointer"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsResourceGetMappedPointer_v2(CUdeviceptr *, size_t *, CUgraphicsResource) { return gpool::calls::not_supported("cuGraphicsResourceGetMappedPointer_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsResourceSetMapFlags(CUgraphicsResource, unsigned int) { return gpool::calls::not_supported("cuGraphicsResourceSetMapFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsResourceSetMapFlags_v2(CUgraphicsResource, unsigned int) { return gpool::calls::not_supported("cuGraphicsResourceSetMapFlags_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsSubResourceGetMappedArray(CUarray *, CUgraphicsResource, unsigned int, unsigned int) { return gpool::calls::not_supported("cuGraphicsSubResourceGetMappedArray"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsUnmapResources(unsigned int, CUgraphicsResource *, CUstream) { return gpool::calls::not_supported("cuGraphicsUnmapResources"); }
extern "C" GPOOL_DEFAULT CUresult cuGraphicsUnregisterResource(CUgraphicsResource) { return gpool::calls::not_supported("cuGraphicsUnregisterResource"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxCreate(CUgreenCtx *, CUdevResourceDesc, CUdevice, unsigned int) { return gpool::calls::not_supported("cuGreenCtxCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxDestroy(CUgreenCtx) { return gpool::calls::not_supported("cuGreenCtxDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxGetDevResource(CUgreenCtx, CUdevResource *, CUdevResourceType) { return gpool::calls::not_supported("cuGreenCtxGetDevResource"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxGetId(CUgreenCtx, unsigned long long *) { return gpool::calls::not_supported("cuGreenCtxGetId"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxRecordEvent(CUgreenCtx, CUevent) { return gpool::calls::not_supported("cuGreenCtxRecordEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxStreamCreate(CUstream *, CUgreenCtx, unsigned int, int) { return gpool::calls::not_supported("cuGreenCtxStreamCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuGreenCtxWaitEvent(CUgreenCtx, CUevent) { return gpool::calls::not_supported("cuGreenCtxWaitEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuImportExternalMemory(CUexternalMemory *, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *) { return gpool::calls::not_supported("cuImportExternalMemory"); }
extern "C" GPOOL_DEFAULT CUresult cuImportExternalSemaphore(CUexternalSemaphore *, const CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC *) { return gpool::calls::not_supported("cuImportExternalSemaphore"); }
extern "C" GPOOL_DEFAULT CUresult cuInit(unsigned int) { return gpool::calls::not_supported("cuInit"); }
extern "C" GPOOL_DEFAULT CUresult cuIpcCloseMemHandle(CUdeviceptr) { return gpool::calls::not_supported("cuIpcCloseMemHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuIpcGetEventHandle(CUipcEventHandle *, CUevent) { return gpool::calls::not_supported("cuIpcGetEventHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuIpcGetMemHandle(CUipcMemHandle *, CUdeviceptr) { return gpool::calls::not_supported("cuIpcGetMemHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuIpcOpenEventHandle(CUevent *, CUipcEventHandle) { return gpool::calls::not_supported("cuIpcOpenEventHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuIpcOpenMemHandle(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned int Flags) { return cuIpcOpenMemHandle_v2(pdptr, handle, Flags); }
extern "C" GPOOL_DEFAULT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *, CUipcMemHandle, unsigned int) { return gpool::calls::not_supported("cuIpcOpenMemHandle_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetAttribute(int *, CUfunction_attribute, CUkernel, CUdevice) { return gpool::calls::not_supported("cuKernelGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetFunction(CUfunction *, CUkernel) { return gpool::calls::not_supported("cuKernelGetFunction"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetLibrary(CUlibrary *, CUkernel) { return gpool::calls::not_supported("cuKernelGetLibrary"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetName(const char **, CUkernel) { return gpool::calls::not_supported("cuKernelGetName"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetParamCount(CUkernel, size_t *) { return gpool::calls::not_supported("cuKernelGetParamCount"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelGetParamInfo(CUkernel, size_t, size_t *, size_t *) { return gpool::calls::not_supported("cuKernelGetParamInfo"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelSetAttribute(CUfunction_attribute, int, CUkernel, CUdevice) { return gpool::calls::not_supported("cuKernelSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuKernelSetCacheConfig(CUkernel, CUfunc_cache, CUdevice) { return gpool::calls::not_supported("cuKernelSetCacheConfig"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunch(CUfunction) { return gpool::calls::not_supported("cuLaunch"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchCooperativeKernel(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, CUstream, void **) { return gpool::calls::not_supported("cuLaunchCooperativeKernel"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS *, unsigned int, unsigned int) { return gpool::calls::not_supported("cuLaunchCooperativeKernelMultiDevice"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchGrid(CUfunction, int, int) { return gpool::calls::not_supported("cuLaunchGrid"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchGridAsync(CUfunction, int, int, CUstream) { return gpool::calls::not_supported("cuLaunchGridAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void *userData) { return cuLaunchHostFunc_v2(hStream, fn, userData, 0); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchHostFunc_v2(CUstream, CUhostFn, void *, unsigned int) { return gpool::calls::not_supported("cuLaunchHostFunc_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchKernel(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, CUstream, void **, void **) { return gpool::calls::not_supported("cuLaunchKernel"); }
extern "C" GPOOL_DEFAULT CUresult cuLaunchKernelEx(const CUlaunchConfig *, CUfunction, void **, void **) { return gpool::calls::not_supported("cuLaunchKernelEx"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryEnumerateKernels(CUkernel *, unsigned int, CUlibrary) { return gpool::calls::not_supported("cuLibraryEnumerateKernels"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetGlobal(CUdeviceptr *, size_t *, CUlibrary, const char *) { return gpool::calls::not_supported("cuLibraryGetGlobal"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetKernel(CUkernel *, CUlibrary, const char *) { return gpool::calls::not_supported("cuLibraryGetKernel"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetKernelCount(unsigned int *, CUlibrary) { return gpool::calls::not_supported("cuLibraryGetKernelCount"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetManaged(CUdeviceptr *, size_t *, CUlibrary, const char *) { return gpool::calls::not_supported("cuLibraryGetManaged"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetModule(CUmodule *, CUlibrary) { return gpool::calls::not_supported("cuLibraryGetModule"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryGetUnifiedFunction(void **, CUlibrary, const char *) { return gpool::calls::not_supported("cuLibraryGetUnifiedFunction"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryLoadData(CUlibrary *, const void *, CUjit_option *, void **, unsigned int, CUlibraryOption *, void **, unsigned int) { return gpool::calls::not_supported("cuLibraryLoadData"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryLoadFromFile(CUlibrary *, const char *, CUjit_option *, void **, unsigned int, CUlibraryOption *, void **, unsigned int) { return gpool::calls::not_supported("cuLibraryLoadFromFile"); }
extern "C" GPOOL_DEFAULT CUresult cuLibraryUnload(CUlibrary) { return gpool::calls::not_supported("cuLibraryUnload"); }
extern "C" GPOOL_DEFAULT CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void *data, size_t size, const char *name, unsigned int numOptions, CUjit_option *options, void **optionValues) { return cuLinkAddData_v2(state, type, data, size, name, numOptions, options, optionValues); }
extern "C" GPOOL_DEFAULT CUresult cuLinkAddData_v2(CUlinkState, CUjitInputType, void *, size_t, const char *, unsigned int, CUjit_option *, void **) { return gpool::calls::not_supported("cuLinkAddData_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char *path, unsigned int numOptions, CUjit_option *options, void **optionValues) { return cuLinkAddFile_v2(state, type, path, numOptions, options, optionValues); }
extern "C" GPOOL_DEFAULT CUresult cuLinkAddFile_v2(CUlinkState, CUjitInputType, const char *, unsigned int, CUjit_option *, void **) { return gpool::calls::not_supported("cuLinkAddFile_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuLinkComplete(CUlinkState, void **, size_t *) { return gpool::calls::not_supported("cuLinkComplete"); }
extern "C" GPOOL_DEFAULT CUresult cuLinkCreate(unsigned int numOptions, CUjit_option *options, void **optionValues, CUlinkState *stateOut) { return cuLinkCreate_v2(numOptions, options, optionValues, stateOut); }
extern "C" GPOOL_DEFAULT CUresult cuLinkCreate_v2(unsigned int, CUjit_option *, void **, CUlinkState *) { return gpool::calls::not_supported("cuLinkCreate_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuLinkDestroy(CUlinkState) { return gpool::calls::not_supported("cuLinkDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointAddDevice(CUlogicalEndpointId, CUdevice) { return gpool::calls::not_supported("cuLogicalEndpointAddDevice"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointBindAddr(CUlogicalEndpointId, CUdevice, cuuint64_t, void *, cuuint64_t, unsigned long long) { return gpool::calls::not_supported("cuLogicalEndpointBindAddr"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointBindMem(CUlogicalEndpointId, CUdevice, cuuint64_t, CUmemGenericAllocationHandle, cuuint64_t, cuuint64_t, unsigned long long) { return gpool::calls::not_supported("cuLogicalEndpointBindMem"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointCreate(CUlogicalEndpointId, const CUlogicalEndpointProp *) { return gpool::calls::not_supported("cuLogicalEndpointCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointDestroy(CUlogicalEndpointId) { return gpool::calls::not_supported("cuLogicalEndpointDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointExport(void *, CUlogicalEndpointId, CUlogicalEndpointIpcHandleType) { return gpool::calls::not_supported("cuLogicalEndpointExport"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointGetLimits(cuuint64_t *, cuuint64_t *, const CUlogicalEndpointProp *) { return gpool::calls::not_supported("cuLogicalEndpointGetLimits"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointIdRelease(CUlogicalEndpointId, cuuint32_t) { return gpool::calls::not_supported("cuLogicalEndpointIdRelease"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointIdReserve(CUlogicalEndpointId *, cuuint32_t) { return gpool::calls::not_supported("cuLogicalEndpointIdReserve"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointImport(CUlogicalEndpointId, const void *, CUlogicalEndpointIpcHandleType) { return gpool::calls::not_supported("cuLogicalEndpointImport"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointQuery(CUlogicalEndpointId, cuuint32_t, int *) { return gpool::calls::not_supported("cuLogicalEndpointQuery"); }
extern "C" GPOOL_DEFAULT CUresult cuLogicalEndpointUnbind(CUlogicalEndpointId, CUdevice, cuuint64_t, cuuint64_t) { return gpool::calls::not_supported("cuLogicalEndpointUnbind"); }
extern "C" GPOOL_DEFAULT CUresult cuLogsCurrent(CUlogIterator *, unsigned int) { return gpool::calls::not_supported("cuLogsCurrent"); }
extern "C" GPOOL_DEFAULT CUresult cuLogsDumpToFile(CUlogIterator *, const char *, unsigned int) { return gpool::calls::not_supported("cuLogsDumpToFile"); }
extern "C" GPOOL_DEFAULT CUresult cuLogsDumpToMemory(CUlogIterator *, char *, size_t *, unsigned int) { return gpool::calls::not_supported("cuLogsDumpToMemory"); }
extern "C" GPOOL_DEFAULT CUresult cuLogsRegisterCallback(CUlogsCallback, void *, CUlogsCallbackHandle *) { return gpool::calls::not_supported("cuLogsRegisterCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuLogsUnregisterCallback(CUlogsCallbackHandle) { return gpool::calls::not_supported("cuLogsUnregisterCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAddressFree(CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemAddressFree"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAddressReserve(CUdeviceptr *, size_t, size_t, CUdeviceptr, unsigned long long) { return gpool::calls::not_supported("cuMemAddressReserve"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAdvise(CUdeviceptr, size_t, CUmem_advise, CUdevice) { return gpool::calls::not_supported("cuMemAdvise"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAdvise_v2(CUdeviceptr, size_t, CUmem_advise, CUmemLocation) { return gpool::calls::not_supported("cuMemAdvise_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAlloc(CUdeviceptr_v1 *, unsigned int) { return gpool::calls::not_supported("cuMemAlloc"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocAsync(CUdeviceptr *, size_t, CUstream) { return gpool::calls::not_supported("cuMemAllocAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *, size_t, CUmemoryPool, CUstream) { return gpool::calls::not_supported("cuMemAllocFromPoolAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocHost(void **pp, unsigned int bytesize) { return cuMemAllocHost_v2(pp, bytesize); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocHost_v2(void **, size_t) { return gpool::calls::not_supported("cuMemAllocHost_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocManaged(CUdeviceptr *, size_t, unsigned int) { return gpool::calls::not_supported("cuMemAllocManaged"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocPitch(CUdeviceptr_v1 *, unsigned int *, unsigned int, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemAllocPitch"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAllocPitch_v2(CUdeviceptr *, size_t *, size_t, size_t, unsigned int) { return gpool::calls::not_supported("cuMemAllocPitch_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemAlloc_v2(CUdeviceptr *, size_t) { return gpool::calls::not_supported("cuMemAlloc_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemBatchDecompressAsync(CUmemDecompressParams *, size_t, unsigned int, size_t *, CUstream) { return gpool::calls::not_supported("cuMemBatchDecompressAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemCreate(CUmemGenericAllocationHandle *, size_t, const CUmemAllocationProp *, unsigned long long) { return gpool::calls::not_supported("cuMemCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr *, size_t *, size_t, CUmemLocation *, size_t *, size_t, unsigned long long, CUstream) { return gpool::calls::not_supported("cuMemDiscardAndPrefetchBatchAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemDiscardBatchAsync(CUdeviceptr *, size_t *, size_t, unsigned long long, CUstream) { return gpool::calls::not_supported("cuMemDiscardBatchAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemExportToShareableHandle(void *, CUmemGenericAllocationHandle, CUmemAllocationHandleType, unsigned long long) { return gpool::calls::not_supported("cuMemExportToShareableHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemFree(CUdeviceptr_v1) { return gpool::calls::not_supported("cuMemFree"); }
extern "C" GPOOL_DEFAULT CUresult cuMemFreeAsync(CUdeviceptr, CUstream) { return gpool::calls::not_supported("cuMemFreeAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemFreeHost(void *) { return gpool::calls::not_supported("cuMemFreeHost"); }
extern "C" GPOOL_DEFAULT CUresult cuMemFree_v2(CUdeviceptr) { return gpool::calls::not_supported("cuMemFree_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetAccess(unsigned long long *, const CUmemLocation *, CUdeviceptr) { return gpool::calls::not_supported("cuMemGetAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetAddressRange(CUdeviceptr_v1 *, unsigned int *, CUdeviceptr_v1) { return gpool::calls::not_supported("cuMemGetAddressRange"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetAddressRange_v2(CUdeviceptr *, size_t *, CUdeviceptr) { return gpool::calls::not_supported("cuMemGetAddressRange_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetAllocationGranularity(size_t *, const CUmemAllocationProp *, CUmemAllocationGranularity_flags) { return gpool::calls::not_supported("cuMemGetAllocationGranularity"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *, CUmemGenericAllocationHandle) { return gpool::calls::not_supported("cuMemGetAllocationPropertiesFromHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetDefaultMemPool(CUmemoryPool *, CUmemLocation *, CUmemAllocationType) { return gpool::calls::not_supported("cuMemGetDefaultMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetHandleForAddressRange(void *, CUdeviceptr, size_t, CUmemRangeHandleType, unsigned long long) { return gpool::calls::not_supported("cuMemGetHandleForAddressRange"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetInfo(unsigned int *, unsigned int *) { return gpool::calls::not_supported("cuMemGetInfo"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetInfo_v2(size_t *, size_t *) { return gpool::calls::not_supported("cuMemGetInfo_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetLocationInfo(CUdeviceptr, size_t, size_t, size_t, CUmemLocation *) { return gpool::calls::not_supported("cuMemGetLocationInfo"); }
extern "C" GPOOL_DEFAULT CUresult cuMemGetMemPool(CUmemoryPool *, CUmemLocation *, CUmemAllocationType) { return gpool::calls::not_supported("cuMemGetMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostAlloc(void **, size_t, unsigned int) { return gpool::calls::not_supported("cuMemHostAlloc"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostGetDevicePointer(CUdeviceptr_v1 *, void *, unsigned int) { return gpool::calls::not_supported("cuMemHostGetDevicePointer"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *, void *, unsigned int) { return gpool::calls::not_supported("cuMemHostGetDevicePointer_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostGetFlags(unsigned int *, void *) { return gpool::calls::not_supported("cuMemHostGetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostRegister(void *p, size_t bytesize, unsigned int Flags) { return cuMemHostRegister_v2(p, bytesize, Flags); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostRegister_v2(void *, size_t, unsigned int) { return gpool::calls::not_supported("cuMemHostRegister_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemHostUnregister(void *) { return gpool::calls::not_supported("cuMemHostUnregister"); }
extern "C" GPOOL_DEFAULT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *, void *, CUmemAllocationHandleType) { return gpool::calls::not_supported("cuMemImportFromShareableHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemMap(CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long) { return gpool::calls::not_supported("cuMemMap"); }
extern "C" GPOOL_DEFAULT CUresult cuMemMapArrayAsync(CUarrayMapInfo *, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemMapArrayAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolCreate(CUmemoryPool *, const CUmemPoolProps *) { return gpool::calls::not_supported("cuMemPoolCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolDestroy(CUmemoryPool) { return gpool::calls::not_supported("cuMemPoolDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolExportPointer(CUmemPoolPtrExportData *, CUdeviceptr) { return gpool::calls::not_supported("cuMemPoolExportPointer"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolExportToShareableHandle(void *, CUmemoryPool, CUmemAllocationHandleType, unsigned long long) { return gpool::calls::not_supported("cuMemPoolExportToShareableHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolGetAccess(CUmemAccess_flags *, CUmemoryPool, CUmemLocation *) { return gpool::calls::not_supported("cuMemPoolGetAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolGetAttribute(CUmemoryPool, CUmemPool_attribute, void *) { return gpool::calls::not_supported("cuMemPoolGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *, void *, CUmemAllocationHandleType, unsigned long long) { return gpool::calls::not_supported("cuMemPoolImportFromShareableHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolImportPointer(CUdeviceptr *, CUmemoryPool, CUmemPoolPtrExportData *) { return gpool::calls::not_supported("cuMemPoolImportPointer"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolSetAccess(CUmemoryPool, const CUmemAccessDesc *, size_t) { return gpool::calls::not_supported("cuMemPoolSetAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolSetAttribute(CUmemoryPool, CUmemPool_attribute, void *) { return gpool::calls::not_supported("cuMemPoolSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPoolTrimTo(CUmemoryPool, size_t) { return gpool::calls::not_supported("cuMemPoolTrimTo"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchAsync(CUdeviceptr, size_t, CUdevice, CUstream) { return gpool::calls::not_supported("cuMemPrefetchAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchAsync_v2(CUdeviceptr, size_t, CUmemLocation, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemPrefetchAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemPrefetchBatchAsync(CUdeviceptr *, size_t *, size_t, CUmemLocation *, size_t *, size_t, unsigned long long, CUstream) { return gpool::calls::not_supported("cuMemPrefetchBatchAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemRangeGetAttribute(void *, size_t, CUmem_range_attribute, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemRangeGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuMemRangeGetAttributes(void **, size_t *, CUmem_range_attribute *, size_t, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemRangeGetAttributes"); }
extern "C" GPOOL_DEFAULT CUresult cuMemRelease(CUmemGenericAllocationHandle) { return gpool::calls::not_supported("cuMemRelease"); }
extern "C" GPOOL_DEFAULT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *, void *) { return gpool::calls::not_supported("cuMemRetainAllocationHandle"); }
extern "C" GPOOL_DEFAULT CUresult cuMemSetAccess(CUdeviceptr, size_t, const CUmemAccessDesc *, size_t) { return gpool::calls::not_supported("cuMemSetAccess"); }
extern "C" GPOOL_DEFAULT CUresult cuMemSetMemPool(CUmemLocation *, CUmemAllocationType, CUmemoryPool) { return gpool::calls::not_supported("cuMemSetMemPool"); }
extern "C" GPOOL_DEFAULT CUresult cuMemUnmap(CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemUnmap"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy(CUdeviceptr, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemcpy"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2D(const CUDA_MEMCPY2D_v1 *) { return gpool::calls::not_supported("cuMemcpy2D"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D_v1 *, CUstream) { return gpool::calls::not_supported("cuMemcpy2DAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *, CUstream) { return gpool::calls::not_supported("cuMemcpy2DAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D_v1 *) { return gpool::calls::not_supported("cuMemcpy2DUnaligned"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *) { return gpool::calls::not_supported("cuMemcpy2DUnaligned_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *) { return gpool::calls::not_supported("cuMemcpy2D_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3D(const CUDA_MEMCPY3D_v1 *) { return gpool::calls::not_supported("cuMemcpy3D"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DAsync(const CUDA_MEMCPY3D_v1 *, CUstream) { return gpool::calls::not_supported("cuMemcpy3DAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *, CUstream) { return gpool::calls::not_supported("cuMemcpy3DAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList, size_t *failIdx, unsigned long long flags, CUstream hStream) { return static_cast<void>(failIdx != nullptr ? *failIdx = SIZE_MAX : 0), cuMemcpy3DBatchAsync_v2(numOps, opList, flags, hStream); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DBatchAsync_v2(size_t, CUDA_MEMCPY3D_BATCH_OP *, unsigned long long, CUstream) { return gpool::calls::not_supported("cuMemcpy3DBatchAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER *) { return gpool::calls::not_supported("cuMemcpy3DPeer"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *, CUstream) { return gpool::calls::not_supported("cuMemcpy3DPeerAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3DWithAttributesAsync(CUDA_MEMCPY3D_BATCH_OP *, unsigned long long, CUstream) { return gpool::calls::not_supported("cuMemcpy3DWithAttributesAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D *) { return gpool::calls::not_supported("cuMemcpy3D_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAsync(CUdeviceptr, CUdeviceptr, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoA(CUarray, unsigned int, CUarray, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemcpyAtoA"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoA_v2(CUarray, size_t, CUarray, size_t, size_t) { return gpool::calls::not_supported("cuMemcpyAtoA_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoD(CUdeviceptr_v1, CUarray, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemcpyAtoD"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoD_v2(CUdeviceptr, CUarray, size_t, size_t) { return gpool::calls::not_supported("cuMemcpyAtoD_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoH(void *, CUarray, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemcpyAtoH"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoHAsync(void *, CUarray, unsigned int, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemcpyAtoHAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoHAsync_v2(void *, CUarray, size_t, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyAtoHAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyAtoH_v2(void *, CUarray, size_t, size_t) { return gpool::calls::not_supported("cuMemcpyAtoH_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyBatchAsync(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs, size_t *failIdx, CUstream hStream) { return static_cast<void>(failIdx != nullptr ? *failIdx = SIZE_MAX : 0), cuMemcpyBatchAsync_v2(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyBatchAsync_v2(CUdeviceptr *, CUdeviceptr *, size_t *, size_t, CUmemcpyAttributes *, size_t *, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyBatchAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoA(CUarray, unsigned int, CUdeviceptr_v1, unsigned int) { return gpool::calls::not_supported("cuMemcpyDtoA"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoA_v2(CUarray, size_t, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemcpyDtoA_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoD(CUdeviceptr_v1, CUdeviceptr_v1, unsigned int) { return gpool::calls::not_supported("cuMemcpyDtoD"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoDAsync(CUdeviceptr_v1, CUdeviceptr_v1, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemcpyDtoDAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr, CUdeviceptr, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyDtoDAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoD_v2(CUdeviceptr, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemcpyDtoD_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoH(void *, CUdeviceptr_v1, unsigned int) { return gpool::calls::not_supported("cuMemcpyDtoH"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoHAsync(void *, CUdeviceptr_v1, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemcpyDtoHAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyDtoHAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuMemcpyDtoH_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoA(CUarray, unsigned int, const void *, unsigned int) { return gpool::calls::not_supported("cuMemcpyHtoA"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoAAsync(CUarray, unsigned int, const void *, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemcpyHtoAAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoAAsync_v2(CUarray, size_t, const void *, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyHtoAAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoA_v2(CUarray, size_t, const void *, size_t) { return gpool::calls::not_supported("cuMemcpyHtoA_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoD(CUdeviceptr_v1, const void *, unsigned int) { return gpool::calls::not_supported("cuMemcpyHtoD"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoDAsync(CUdeviceptr_v1, const void *, unsigned int, CUstream) { return gpool::calls::not_supported("cuMemcpyHtoDAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyHtoDAsync_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t) { return gpool::calls::not_supported("cuMemcpyHtoD_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyPeer(CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, size_t) { return gpool::calls::not_supported("cuMemcpyPeer"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyPeerAsync(CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, size_t, CUstream) { return gpool::calls::not_supported("cuMemcpyPeerAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemcpyWithAttributesAsync(CUdeviceptr, CUdeviceptr, size_t, CUmemcpyAttributes *, CUstream) { return gpool::calls::not_supported("cuMemcpyWithAttributesAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD16(CUdeviceptr_v1, unsigned short, unsigned int) { return gpool::calls::not_supported("cuMemsetD16"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD16Async(CUdeviceptr, unsigned short, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD16Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD16_v2(CUdeviceptr, unsigned short, size_t) { return gpool::calls::not_supported("cuMemsetD16_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D16(CUdeviceptr_v1, unsigned int, unsigned short, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemsetD2D16"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D16Async(CUdeviceptr, size_t, unsigned short, size_t, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD2D16Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D16_v2(CUdeviceptr, size_t, unsigned short, size_t, size_t) { return gpool::calls::not_supported("cuMemsetD2D16_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D32(CUdeviceptr_v1, unsigned int, unsigned int, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemsetD2D32"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D32Async(CUdeviceptr, size_t, unsigned int, size_t, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD2D32Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D32_v2(CUdeviceptr, size_t, unsigned int, size_t, size_t) { return gpool::calls::not_supported("cuMemsetD2D32_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D8(CUdeviceptr_v1, unsigned int, unsigned char, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemsetD2D8"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D8Async(CUdeviceptr, size_t, unsigned char, size_t, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD2D8Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD2D8_v2(CUdeviceptr, size_t, unsigned char, size_t, size_t) { return gpool::calls::not_supported("cuMemsetD2D8_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD32(CUdeviceptr_v1, unsigned int, unsigned int) { return gpool::calls::not_supported("cuMemsetD32"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD32Async(CUdeviceptr, unsigned int, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD32Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD32_v2(CUdeviceptr, unsigned int, size_t) { return gpool::calls::not_supported("cuMemsetD32_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD8(CUdeviceptr_v1, unsigned char, unsigned int) { return gpool::calls::not_supported("cuMemsetD8"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream) { return gpool::calls::not_supported("cuMemsetD8Async"); }
extern "C" GPOOL_DEFAULT CUresult cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t) { return gpool::calls::not_supported("cuMemsetD8_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMipmappedArrayCreate(CUmipmappedArray *, const CUDA_ARRAY3D_DESCRIPTOR *, unsigned int) { return gpool::calls::not_supported("cuMipmappedArrayCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuMipmappedArrayDestroy(CUmipmappedArray) { return gpool::calls::not_supported("cuMipmappedArrayDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuMipmappedArrayGetLevel(CUarray *, CUmipmappedArray, unsigned int) { return gpool::calls::not_supported("cuMipmappedArrayGetLevel"); }
extern "C" GPOOL_DEFAULT CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *, CUmipmappedArray, CUdevice) { return gpool::calls::not_supported("cuMipmappedArrayGetMemoryRequirements"); }
extern "C" GPOOL_DEFAULT CUresult cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *, CUmipmappedArray) { return gpool::calls::not_supported("cuMipmappedArrayGetSparseProperties"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleEnumerateFunctions(CUfunction *, unsigned int, CUmodule) { return gpool::calls::not_supported("cuModuleEnumerateFunctions"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *) { return gpool::calls::not_supported("cuModuleGetFunction"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetFunctionCount(unsigned int *, CUmodule) { return gpool::calls::not_supported("cuModuleGetFunctionCount"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetGlobal(CUdeviceptr_v1 *, unsigned int *, CUmodule, const char *) { return gpool::calls::not_supported("cuModuleGetGlobal"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetGlobal_v2(CUdeviceptr *, size_t *, CUmodule, const char *) { return gpool::calls::not_supported("cuModuleGetGlobal_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode *) { return gpool::calls::not_supported("cuModuleGetLoadingMode"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetSurfRef(CUsurfref *, CUmodule, const char *) { return gpool::calls::not_supported("cuModuleGetSurfRef"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleGetTexRef(CUtexref *, CUmodule, const char *) { return gpool::calls::not_supported("cuModuleGetTexRef"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleLoad(CUmodule *, const char *) { return gpool::calls::not_supported("cuModuleLoad"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleLoadData(CUmodule *, const void *) { return gpool::calls::not_supported("cuModuleLoadData"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleLoadDataEx(CUmodule *, const void *, unsigned int, CUjit_option *, void **) { return gpool::calls::not_supported("cuModuleLoadDataEx"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleLoadFatBinary(CUmodule *, const void *) { return gpool::calls::not_supported("cuModuleLoadFatBinary"); }
extern "C" GPOOL_DEFAULT CUresult cuModuleUnload(CUmodule) { return gpool::calls::not_supported("cuModuleUnload"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle, CUdevice) { return gpool::calls::not_supported("cuMulticastAddDevice"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle, size_t, CUdeviceptr, size_t, unsigned long long) { return gpool::calls::not_supported("cuMulticastBindAddr"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle, CUdevice, size_t, CUdeviceptr, size_t, unsigned long long) { return gpool::calls::not_supported("cuMulticastBindAddr_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastBindMem(CUmemGenericAllocationHandle, size_t, CUmemGenericAllocationHandle, size_t, size_t, unsigned long long) { return gpool::calls::not_supported("cuMulticastBindMem"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastBindMem_v2(CUmemGenericAllocationHandle, CUdevice, size_t, CUmemGenericAllocationHandle, size_t, size_t, unsigned long long) { return gpool::calls::not_supported("cuMulticastBindMem_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastCreate(CUmemGenericAllocationHandle *, const CUmulticastObjectProp *) { return gpool::calls::not_supported("cuMulticastCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastGetGranularity(size_t *, const CUmulticastObjectProp *, CUmulticastGranularity_flags) { return gpool::calls::not_supported("cuMulticastGetGranularity"); }
extern "C" GPOOL_DEFAULT CUresult cuMulticastUnbind(CUmemGenericAllocationHandle, CUdevice, size_t, size_t) { return gpool::calls::not_supported("cuMulticastUnbind"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t *, CUfunction, int, int) { return gpool::calls::not_supported("cuOccupancyAvailableDynamicSMemPerBlock"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *, CUfunction, int, size_t) { return gpool::calls::not_supported("cuOccupancyMaxActiveBlocksPerMultiprocessor"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *, CUfunction, int, size_t, unsigned int) { return gpool::calls::not_supported("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxActiveClusters(int *, CUfunction, const CUlaunchConfig *) { return gpool::calls::not_supported("cuOccupancyMaxActiveClusters"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxPotentialBlockSize(int *, int *, CUfunction, CUoccupancyB2DSize, size_t, int) { return gpool::calls::not_supported("cuOccupancyMaxPotentialBlockSize"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *, int *, CUfunction, CUoccupancyB2DSize, size_t, int, unsigned int) { return gpool::calls::not_supported("cuOccupancyMaxPotentialBlockSizeWithFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuOccupancyMaxPotentialClusterSize(int *, CUfunction, const CUlaunchConfig *) { return gpool::calls::not_supported("cuOccupancyMaxPotentialClusterSize"); }
extern "C" GPOOL_DEFAULT CUresult cuParamSetSize(CUfunction, unsigned int) { return gpool::calls::not_supported("cuParamSetSize"); }
extern "C" GPOOL_DEFAULT CUresult cuParamSetTexRef(CUfunction, int, CUtexref) { return gpool::calls::not_supported("cuParamSetTexRef"); }
extern "C" GPOOL_DEFAULT CUresult cuParamSetf(CUfunction, int, float) { return gpool::calls::not_supported("cuParamSetf"); }
extern "C" GPOOL_DEFAULT CUresult cuParamSeti(CUfunction, int, unsigned int) { return gpool::calls::not_supported("cuParamSeti"); }
extern "C" GPOOL_DEFAULT CUresult cuParamSetv(CUfunction, int, void *, unsigned int) { return gpool::calls::not_supported("cuParamSetv"); }
extern "C" GPOOL_DEFAULT CUresult cuPointerGetAttribute(void *, CUpointer_attribute, CUdeviceptr) { return gpool::calls::not_supported("cuPointerGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuPointerGetAttributes(unsigned int, CUpointer_attribute *, void **, CUdeviceptr) { return gpool::calls::not_supported("cuPointerGetAttributes"); }
extern "C" GPOOL_DEFAULT CUresult cuPointerSetAttribute(const void *, CUpointer_attribute, CUdeviceptr) { return gpool::calls::not_supported("cuPointerSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuProfilerInitialize(const char *, const char *, int) { return gpool::calls::not_supported("cuProfilerInitialize"); }
extern "C" GPOOL_DEFAULT CUresult cuProfilerStart() { return gpool::calls::not_supported("cuProfilerStart"); }
extern "C" GPOOL_DEFAULT CUresult cuProfilerStop() { return gpool::calls::not_supported("cuProfilerStop"); }
extern "C" GPOOL_DEFAULT CUresult cuSignalExternalSemaphoresAsync(const CUexternalSemaphore *, const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *, unsigned int, CUstream) { return gpool::calls::not_supported("cuSignalExternalSemaphoresAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamAddCallback(CUstream, CUstreamCallback, void *, unsigned int) { return gpool::calls::not_supported("cuStreamAddCallback"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamAttachMemAsync(CUstream, CUdeviceptr, size_t, unsigned int) { return gpool::calls::not_supported("cuStreamAttachMemAsync"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBatchMemOp(CUstream stream, unsigned int count, CUstreamBatchMemOpParams *paramArray, unsigned int flags) { return cuStreamBatchMemOp_v2(stream, count, paramArray, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBatchMemOp_v2(CUstream, unsigned int, CUstreamBatchMemOpParams *, unsigned int) { return gpool::calls::not_supported("cuStreamBatchMemOp_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCapture(CUstream hStream) { return cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCaptureToCig(CUstream, CUstreamCigCaptureParams *) { return gpool::calls::not_supported("cuStreamBeginCaptureToCig"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCaptureToGraph(CUstream, CUgraph, const CUgraphNode *, const CUgraphEdgeData *, size_t, CUstreamCaptureMode) { return gpool::calls::not_supported("cuStreamBeginCaptureToGraph"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode) { return gpool::calls::not_supported("cuStreamBeginCapture_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamBeginRecaptureToGraph(CUstream, CUstreamCaptureMode, CUgraph, CUgraphRecaptureCallback, void *) { return gpool::calls::not_supported("cuStreamBeginRecaptureToGraph"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamCopyAttributes(CUstream, CUstream) { return gpool::calls::not_supported("cuStreamCopyAttributes"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamCreate(CUstream *, unsigned int) { return gpool::calls::not_supported("cuStreamCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamCreateWithPriority(CUstream *, unsigned int, int) { return gpool::calls::not_supported("cuStreamCreateWithPriority"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamDestroy(CUstream hStream) { return cuStreamDestroy_v2(hStream); }
extern "C" GPOOL_DEFAULT CUresult cuStreamDestroy_v2(CUstream) { return gpool::calls::not_supported("cuStreamDestroy_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamEndCapture(CUstream, CUgraph *) { return gpool::calls::not_supported("cuStreamEndCapture"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamEndCaptureToCig(CUstream) { return gpool::calls::not_supported("cuStreamEndCaptureToCig"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetAttribute(CUstream, CUstreamAttrID, CUstreamAttrValue *) { return gpool::calls::not_supported("cuStreamGetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus *captureStatus_out, cuuint64_t *id_out) { return cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, nullptr, nullptr, nullptr, nullptr); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus *captureStatus_out, cuuint64_t *id_out, CUgraph *graph_out, const CUgraphNode **dependencies_out, size_t *numDependencies_out) { return cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr, numDependencies_out); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCaptureInfo_v3(CUstream, CUstreamCaptureStatus *, cuuint64_t *, CUgraph *, const CUgraphNode **, const CUgraphEdgeData **, size_t *) { return gpool::calls::not_supported("cuStreamGetCaptureInfo_v3"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCtx(CUstream hStream, CUcontext *pctx) { return cuStreamGetCtx_v2(hStream, pctx, nullptr); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetCtx_v2(CUstream, CUcontext *, CUgreenCtx *) { return gpool::calls::not_supported("cuStreamGetCtx_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetDevResource(CUstream, CUdevResource *, CUdevResourceType) { return gpool::calls::not_supported("cuStreamGetDevResource"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetDevice(CUstream, CUdevice *) { return gpool::calls::not_supported("cuStreamGetDevice"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetFlags(CUstream, unsigned int *) { return gpool::calls::not_supported("cuStreamGetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetGreenCtx(CUstream, CUgreenCtx *) { return gpool::calls::not_supported("cuStreamGetGreenCtx"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetId(CUstream, unsigned long long *) { return gpool::calls::not_supported("cuStreamGetId"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamGetPriority(CUstream, int *) { return gpool::calls::not_supported("cuStreamGetPriority"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamIsCapturing(CUstream, CUstreamCaptureStatus *) { return gpool::calls::not_supported("cuStreamIsCapturing"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamQuery(CUstream) { return gpool::calls::not_supported("cuStreamQuery"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamSetAttribute(CUstream, CUstreamAttrID, const CUstreamAttrValue *) { return gpool::calls::not_supported("cuStreamSetAttribute"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamSynchronize(CUstream) { return gpool::calls::not_supported("cuStreamSynchronize"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode *dependencies, size_t numDependencies, unsigned int flags) { return cuStreamUpdateCaptureDependencies_v2(hStream, dependencies, nullptr, numDependencies, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamUpdateCaptureDependencies_v2(CUstream, CUgraphNode *, const CUgraphEdgeData *, size_t, unsigned int) { return gpool::calls::not_supported("cuStreamUpdateCaptureDependencies_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned int) { return gpool::calls::not_supported("cuStreamWaitEvent"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) { return cuStreamWaitValue32_v2(stream, addr, value, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue32_v2(CUstream, CUdeviceptr, cuuint32_t, unsigned int) { return gpool::calls::not_supported("cuStreamWaitValue32_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) { return cuStreamWaitValue64_v2(stream, addr, value, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWaitValue64_v2(CUstream, CUdeviceptr, cuuint64_t, unsigned int) { return gpool::calls::not_supported("cuStreamWaitValue64_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) { return cuStreamWriteValue32_v2(stream, addr, value, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue32_v2(CUstream, CUdeviceptr, cuuint32_t, unsigned int) { return gpool::calls::not_supported("cuStreamWriteValue32_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) { return cuStreamWriteValue64_v2(stream, addr, value, flags); }
extern "C" GPOOL_DEFAULT CUresult cuStreamWriteValue64_v2(CUstream, CUdeviceptr, cuuint64_t, unsigned int) { return gpool::calls::not_supported("cuStreamWriteValue64_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuSurfObjectCreate(CUsurfObject *, const CUDA_RESOURCE_DESC *) { return gpool::calls::not_supported("cuSurfObjectCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuSurfObjectDestroy(CUsurfObject) { return gpool::calls::not_supported("cuSurfObjectDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC *, CUsurfObject) { return gpool::calls::not_supported("cuSurfObjectGetResourceDesc"); }
extern "C" GPOOL_DEFAULT CUresult cuSurfRefGetArray(CUarray *, CUsurfref) { return gpool::calls::not_supported("cuSurfRefGetArray"); }
extern "C" GPOOL_DEFAULT CUresult cuSurfRefSetArray(CUsurfref, CUarray, unsigned int) { return gpool::calls::not_supported("cuSurfRefSetArray"); }
extern "C" GPOOL_DEFAULT CUresult cuTensorMapEncodeIm2col(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, const int *, const int *, cuuint32_t, cuuint32_t, const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return gpool::calls::not_supported("cuTensorMapEncodeIm2col"); }
extern "C" GPOOL_DEFAULT CUresult cuTensorMapEncodeIm2colWide(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, int, int, cuuint32_t, cuuint32_t, const cuuint32_t *, CUtensorMapInterleave, CUtensorMapIm2ColWideMode, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return gpool::calls::not_supported("cuTensorMapEncodeIm2colWide"); }
extern "C" GPOOL_DEFAULT CUresult cuTensorMapEncodeTiled(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return gpool::calls::not_supported("cuTensorMapEncodeTiled"); }
extern "C" GPOOL_DEFAULT CUresult cuTensorMapReplaceAddress(CUtensorMap *, void *) { return gpool::calls::not_supported("cuTensorMapReplaceAddress"); }
extern "C" GPOOL_DEFAULT CUresult cuTensorMapSetAllocationClass(CUtensorMap *, CUtensorMapAllocClass, CUtensorMapAllocClass *) { return gpool::calls::not_supported("cuTensorMapSetAllocationClass"); }
extern "C" GPOOL_DEFAULT CUresult cuTexObjectCreate(CUtexObject *, const CUDA_RESOURCE_DESC *, const CUDA_TEXTURE_DESC *, const CUDA_RESOURCE_VIEW_DESC *) { return gpool::calls::not_supported("cuTexObjectCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuTexObjectDestroy(CUtexObject) { return gpool::calls::not_supported("cuTexObjectDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC *, CUtexObject) { return gpool::calls::not_supported("cuTexObjectGetResourceDesc"); }
extern "C" GPOOL_DEFAULT CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC *, CUtexObject) { return gpool::calls::not_supported("cuTexObjectGetResourceViewDesc"); }
extern "C" GPOOL_DEFAULT CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC *, CUtexObject) { return gpool::calls::not_supported("cuTexObjectGetTextureDesc"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefCreate(CUtexref *) { return gpool::calls::not_supported("cuTexRefCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefDestroy(CUtexref) { return gpool::calls::not_supported("cuTexRefDestroy"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetAddress(CUdeviceptr_v1 *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetAddress"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetAddressMode(CUaddress_mode *, CUtexref, int) { return gpool::calls::not_supported("cuTexRefGetAddressMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetAddress_v2(CUdeviceptr *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetAddress_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetArray(CUarray *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetArray"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetBorderColor(float *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetBorderColor"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetFilterMode(CUfilter_mode *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetFilterMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetFlags(unsigned int *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetFormat(CUarray_format *, int *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetFormat"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetMaxAnisotropy(int *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetMaxAnisotropy"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetMipmapFilterMode(CUfilter_mode *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetMipmapFilterMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetMipmapLevelBias(float *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetMipmapLevelBias"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetMipmapLevelClamp(float *, float *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetMipmapLevelClamp"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefGetMipmappedArray(CUmipmappedArray *, CUtexref) { return gpool::calls::not_supported("cuTexRefGetMipmappedArray"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddress(unsigned int *, CUtexref, CUdeviceptr_v1, unsigned int) { return gpool::calls::not_supported("cuTexRefSetAddress"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddress2D(CUtexref, const CUDA_ARRAY_DESCRIPTOR_v1 *, CUdeviceptr_v1, unsigned int) { return gpool::calls::not_supported("cuTexRefSetAddress2D"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddress2D_v2(CUtexref, const CUDA_ARRAY_DESCRIPTOR *, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuTexRefSetAddress2D_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddress2D_v3(CUtexref, const CUDA_ARRAY_DESCRIPTOR *, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuTexRefSetAddress2D_v3"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddressMode(CUtexref, int, CUaddress_mode) { return gpool::calls::not_supported("cuTexRefSetAddressMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetAddress_v2(size_t *, CUtexref, CUdeviceptr, size_t) { return gpool::calls::not_supported("cuTexRefSetAddress_v2"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetArray(CUtexref, CUarray, unsigned int) { return gpool::calls::not_supported("cuTexRefSetArray"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetBorderColor(CUtexref, float *) { return gpool::calls::not_supported("cuTexRefSetBorderColor"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetFilterMode(CUtexref, CUfilter_mode) { return gpool::calls::not_supported("cuTexRefSetFilterMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetFlags(CUtexref, unsigned int) { return gpool::calls::not_supported("cuTexRefSetFlags"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetFormat(CUtexref, CUarray_format, int) { return gpool::calls::not_supported("cuTexRefSetFormat"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetMaxAnisotropy(CUtexref, unsigned int) { return gpool::calls::not_supported("cuTexRefSetMaxAnisotropy"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetMipmapFilterMode(CUtexref, CUfilter_mode) { return gpool::calls::not_supported("cuTexRefSetMipmapFilterMode"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetMipmapLevelBias(CUtexref, float) { return gpool::calls::not_supported("cuTexRefSetMipmapLevelBias"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetMipmapLevelClamp(CUtexref, float, float) { return gpool::calls::not_supported("cuTexRefSetMipmapLevelClamp"); }
extern "C" GPOOL_DEFAULT CUresult cuTexRefSetMipmappedArray(CUtexref, CUmipmappedArray, unsigned int) { return gpool::calls::not_supported("cuTexRefSetMipmappedArray"); }
extern "C" GPOOL_DEFAULT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *) { return gpool::calls::not_supported("cuThreadExchangeStreamCaptureMode"); }
extern "C" GPOOL_DEFAULT CUresult cuUserObjectCreate(CUuserObject *, void *, CUhostFn, unsigned int, unsigned int) { return gpool::calls::not_supported("cuUserObjectCreate"); }
extern "C" GPOOL_DEFAULT CUresult cuUserObjectRelease(CUuserObject, unsigned int) { return gpool::calls::not_supported("cuUserObjectRelease"); }
extern "C" GPOOL_DEFAULT CUresult cuUserObjectRetain(CUuserObject, unsigned int) { return gpool::calls::not_supported("cuUserObjectRetain"); }
extern "C" GPOOL_DEFAULT CUresult cuWaitExternalSemaphoresAsync(const CUexternalSemaphore *, const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *, unsigned int, CUstream) { return gpool::calls::not_supported("cuWaitExternalSemaphoresAsync"); }
