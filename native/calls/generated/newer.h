// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#pragma once

#define GPOOL_OLDEST_CUDA 13000

// Names and types that an older cuda.h lacks: what the tree exports does not depend on the header's age.
#if CUDA_VERSION < 13010
struct CU_DEV_SM_RESOURCE_GROUP_PARAMS;
struct CUstreamCigCaptureParams;
extern "C" __attribute__((visibility("default"))) CUresult cuDevSmResourceSplit(CUdevResource *result, unsigned int nbGroups, const CUdevResource *input, CUdevResource *remainder, unsigned int flags, CU_DEV_SM_RESOURCE_GROUP_PARAMS *groupParams);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphExecGetId(CUgraphExec hGraphExec, unsigned int *graphId);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphGetId(CUgraph hGraph, unsigned int *graphId);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphNodeGetContainingGraph(CUgraphNode hNode, CUgraph *phGraph);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphNodeGetLocalId(CUgraphNode hNode, unsigned int *nodeId);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphNodeGetToolsId(CUgraphNode hNode, unsigned long long *toolsNodeId);
extern "C" __attribute__((visibility("default"))) CUresult cuLaunchHostFunc_v2(CUstream hStream, CUhostFn fn, void *userData, unsigned int syncMode);
extern "C" __attribute__((visibility("default"))) CUresult cuLaunchHostFunc_v2_ptsz(CUstream hStream, CUhostFn fn, void *userData, unsigned int syncMode);
extern "C" __attribute__((visibility("default"))) CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle mcHandle, CUdevice dev, size_t mcOffset, CUdeviceptr memptr, size_t size, unsigned long long flags);
extern "C" __attribute__((visibility("default"))) CUresult cuMulticastBindMem_v2(CUmemGenericAllocationHandle mcHandle, CUdevice dev, size_t mcOffset, CUmemGenericAllocationHandle memHandle, size_t memOffset, size_t size, unsigned long long flags);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamBeginCaptureToCig(CUstream hStream, CUstreamCigCaptureParams *streamCigCaptureParams);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamBeginCaptureToCig_ptsz(CUstream hStream, CUstreamCigCaptureParams *streamCigCaptureParams);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamEndCaptureToCig(CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamEndCaptureToCig_ptsz(CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamGetDevResource(CUstream hStream, CUdevResource *resource, CUdevResourceType type);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamGetDevResource_ptsz(CUstream hStream, CUdevResource *resource, CUdevResourceType type);
#endif
#if CUDA_VERSION < 13020
typedef void *CUcoredumpCallbackHandle;
typedef void *CUcoredumpStatusCallback;
extern "C" __attribute__((visibility("default"))) CUresult cuCoredumpDeregisterCompleteCallback(CUcoredumpCallbackHandle callback);
extern "C" __attribute__((visibility("default"))) CUresult cuCoredumpDeregisterStartCallback(CUcoredumpCallbackHandle callback);
extern "C" __attribute__((visibility("default"))) CUresult cuCoredumpRegisterCompleteCallback(CUcoredumpStatusCallback callback, void *userData, CUcoredumpCallbackHandle *callbackOut);
extern "C" __attribute__((visibility("default"))) CUresult cuCoredumpRegisterStartCallback(CUcoredumpStatusCallback callback, void *userData, CUcoredumpCallbackHandle *callbackOut);
extern "C" __attribute__((visibility("default"))) CUresult cuFuncGetParamCount(CUfunction func, size_t *paramCount);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphNodeGetParams(CUgraphNode hNode, CUgraphNodeParams *nodeParams);
extern "C" __attribute__((visibility("default"))) CUresult cuKernelGetParamCount(CUkernel kernel, size_t *paramCount);
extern "C" __attribute__((visibility("default"))) CUresult cuMemcpy3DWithAttributesAsync(CUDA_MEMCPY3D_BATCH_OP *op, unsigned long long flags, CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuMemcpy3DWithAttributesAsync_ptsz(CUDA_MEMCPY3D_BATCH_OP *op, unsigned long long flags, CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuMemcpyWithAttributesAsync(CUdeviceptr dst, CUdeviceptr src, size_t size, CUmemcpyAttributes *attr, CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuMemcpyWithAttributesAsync_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t size, CUmemcpyAttributes *attr, CUstream hStream);
#endif
#if CUDA_VERSION < 13030
typedef void *CUgraphRecaptureCallback;
typedef unsigned int CUlogicalEndpointId;
enum CUlogicalEndpointIpcHandleType : int {};
struct CUlogicalEndpointProp;
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointAddDevice(CUlogicalEndpointId leId, CUdevice dev);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointBindAddr(CUlogicalEndpointId leId, CUdevice dev, cuuint64_t offset, void *ptr, cuuint64_t size, unsigned long long flags);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointBindMem(CUlogicalEndpointId leId, CUdevice dev, cuuint64_t offset, CUmemGenericAllocationHandle memHandle, cuuint64_t memOffset, cuuint64_t size, unsigned long long flags);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointCreate(CUlogicalEndpointId leId, const CUlogicalEndpointProp *prop);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointDestroy(CUlogicalEndpointId leId);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointExport(void *handle, CUlogicalEndpointId leId, CUlogicalEndpointIpcHandleType handleType);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointGetLimits(cuuint64_t *bindAlignment, cuuint64_t *maxSize, const CUlogicalEndpointProp *prop);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointIdRelease(CUlogicalEndpointId baseLeId, cuuint32_t count);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointIdReserve(CUlogicalEndpointId *baseLeId, cuuint32_t count);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointImport(CUlogicalEndpointId leId, const void *handle, CUlogicalEndpointIpcHandleType handleType);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointQuery(CUlogicalEndpointId leId, cuuint32_t count, int *queryStatus);
extern "C" __attribute__((visibility("default"))) CUresult cuLogicalEndpointUnbind(CUlogicalEndpointId leId, CUdevice dev, cuuint64_t offset, cuuint64_t size);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamBeginRecaptureToGraph(CUstream hStream, CUstreamCaptureMode mode, CUgraph hGraph, CUgraphRecaptureCallback callbackFunc, void *userData);
extern "C" __attribute__((visibility("default"))) CUresult cuStreamBeginRecaptureToGraph_ptsz(CUstream hStream, CUstreamCaptureMode mode, CUgraph hGraph, CUgraphRecaptureCallback callbackFunc, void *userData);
#endif
#if CUDA_VERSION < 13040
typedef void *CUcheckpointOperationHandle;
struct CUcliqueInfo;
extern "C" __attribute__((visibility("default"))) CUresult cuCheckpointOperationComplete(CUcheckpointOperationHandle handle);
extern "C" __attribute__((visibility("default"))) CUresult cuDeviceGetCliqueCount(size_t *count, CUdevice dev);
extern "C" __attribute__((visibility("default"))) CUresult cuDeviceGetCliqueInfo(CUcliqueInfo *cliqueInfo, size_t *count, CUdevice dev);
extern "C" __attribute__((visibility("default"))) CUresult cuDeviceGetFabricClusterUuid(CUuuid *uuid, CUdevice dev);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphAddNode_v3(CUgraphNode *phGraphNode, CUgraph hGraph, const CUgraphNode *dependencies, const CUgraphEdgeData *dependencyData, size_t numDependencies, CUgraphNodeParams *nodeParams);
extern "C" __attribute__((visibility("default"))) CUresult cuGraphNodeSetParams_v2(CUgraphNode hNode, CUgraphNodeParams *nodeParams);
extern "C" __attribute__((visibility("default"))) CUresult cuMemGetLocationInfo(CUdeviceptr ptr, size_t size, size_t summaryGranularity, size_t samplingGranularity, CUmemLocation *location_out);
#endif
#if CUDA_VERSION < 13050
struct CUDA_FABRIC_COPY_BATCH_OP;
enum CUtensorMapAllocClass : int {};
extern "C" __attribute__((visibility("default"))) CUresult cuFabricCpyBatchAsync(size_t numOps, CUDA_FABRIC_COPY_BATCH_OP *opList, unsigned long long flags, CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuFabricCpyBatchAsync_ptsz(size_t numOps, CUDA_FABRIC_COPY_BATCH_OP *opList, unsigned long long flags, CUstream hStream);
extern "C" __attribute__((visibility("default"))) CUresult cuTensorMapSetAllocationClass(CUtensorMap *tensorMap, CUtensorMapAllocClass allocClass, CUtensorMapAllocClass *outAllocClass);
#endif
