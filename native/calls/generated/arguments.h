// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#pragma once

#include "calls/driver_api.h"

#include <cstdint>

#include "wire/handle.h"

namespace gpool::calls {

struct cuCtxRecordEvent_arguments {
  wire::Handle hCtx;
  wire::Handle hEvent;
};
static_assert(sizeof(cuCtxRecordEvent_arguments) == 16 && alignof(cuCtxRecordEvent_arguments) <= 8);
struct cuCtxRecordEvent_reply {};

struct cuCtxResetPersistingL2Cache_arguments {};
struct cuCtxResetPersistingL2Cache_reply {};

struct cuCtxSetCacheConfig_arguments {
  int32_t config;
  uint8_t reserved[4];
};
static_assert(sizeof(cuCtxSetCacheConfig_arguments) == 8 && alignof(cuCtxSetCacheConfig_arguments) <= 8);
struct cuCtxSetCacheConfig_reply {};

struct cuCtxSetLimit_arguments {
  uint64_t value;
  int32_t limit;
  uint8_t reserved[4];
};
static_assert(sizeof(cuCtxSetLimit_arguments) == 16 && alignof(cuCtxSetLimit_arguments) <= 8);
struct cuCtxSetLimit_reply {};

struct cuCtxWaitEvent_arguments {
  wire::Handle hCtx;
  wire::Handle hEvent;
};
static_assert(sizeof(cuCtxWaitEvent_arguments) == 16 && alignof(cuCtxWaitEvent_arguments) <= 8);
struct cuCtxWaitEvent_reply {};

struct cuDeviceGetGraphMemAttribute_arguments {
  int32_t device;
  int32_t attr;
};
static_assert(sizeof(cuDeviceGetGraphMemAttribute_arguments) == 8 && alignof(cuDeviceGetGraphMemAttribute_arguments) <= 8);
struct cuDeviceGetGraphMemAttribute_reply {
  uint64_t value;
};
static_assert(sizeof(cuDeviceGetGraphMemAttribute_reply) == 8 && alignof(cuDeviceGetGraphMemAttribute_reply) <= 8);

struct cuDeviceGraphMemTrim_arguments {
  int32_t device;
  uint8_t reserved[4];
};
static_assert(sizeof(cuDeviceGraphMemTrim_arguments) == 8 && alignof(cuDeviceGraphMemTrim_arguments) <= 8);
struct cuDeviceGraphMemTrim_reply {};

struct cuDeviceSetGraphMemAttribute_arguments {
  uint64_t value;
  int32_t device;
  int32_t attr;
};
static_assert(sizeof(cuDeviceSetGraphMemAttribute_arguments) == 16 && alignof(cuDeviceSetGraphMemAttribute_arguments) <= 8);
struct cuDeviceSetGraphMemAttribute_reply {};

struct cuEventCreate_arguments {
  wire::Handle created;
  uint32_t Flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuEventCreate_arguments) == 16 && alignof(cuEventCreate_arguments) <= 8);
struct cuEventCreate_reply {};

struct cuEventDestroy_v2_arguments {
  wire::Handle hEvent;
};
static_assert(sizeof(cuEventDestroy_v2_arguments) == 8 && alignof(cuEventDestroy_v2_arguments) <= 8);
struct cuEventDestroy_v2_reply {};

struct cuEventRecordWithFlags_arguments {
  wire::Handle hEvent;
  wire::Handle hStream;
  uint32_t flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuEventRecordWithFlags_arguments) == 24 && alignof(cuEventRecordWithFlags_arguments) <= 8);
struct cuEventRecordWithFlags_reply {};

struct cuGraphClone_arguments {
  wire::Handle created;
  wire::Handle originalGraph;
};
static_assert(sizeof(cuGraphClone_arguments) == 16 && alignof(cuGraphClone_arguments) <= 8);
struct cuGraphClone_reply {};

struct cuGraphCreate_arguments {
  wire::Handle created;
  uint32_t flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphCreate_arguments) == 16 && alignof(cuGraphCreate_arguments) <= 8);
struct cuGraphCreate_reply {};

struct cuGraphDestroy_arguments {
  wire::Handle hGraph;
};
static_assert(sizeof(cuGraphDestroy_arguments) == 8 && alignof(cuGraphDestroy_arguments) <= 8);
struct cuGraphDestroy_reply {};

struct cuGraphDestroyNode_arguments {
  wire::Handle hNode;
};
static_assert(sizeof(cuGraphDestroyNode_arguments) == 8 && alignof(cuGraphDestroyNode_arguments) <= 8);
struct cuGraphDestroyNode_reply {};

struct cuGraphEventRecordNodeSetEvent_arguments {
  wire::Handle hNode;
  wire::Handle event;
};
static_assert(sizeof(cuGraphEventRecordNodeSetEvent_arguments) == 16 && alignof(cuGraphEventRecordNodeSetEvent_arguments) <= 8);
struct cuGraphEventRecordNodeSetEvent_reply {};

struct cuGraphEventWaitNodeSetEvent_arguments {
  wire::Handle hNode;
  wire::Handle event;
};
static_assert(sizeof(cuGraphEventWaitNodeSetEvent_arguments) == 16 && alignof(cuGraphEventWaitNodeSetEvent_arguments) <= 8);
struct cuGraphEventWaitNodeSetEvent_reply {};

struct cuGraphExecChildGraphNodeSetParams_arguments {
  wire::Handle hGraphExec;
  wire::Handle hNode;
  wire::Handle childGraph;
};
static_assert(sizeof(cuGraphExecChildGraphNodeSetParams_arguments) == 24 && alignof(cuGraphExecChildGraphNodeSetParams_arguments) <= 8);
struct cuGraphExecChildGraphNodeSetParams_reply {};

struct cuGraphExecDestroy_arguments {
  wire::Handle hGraphExec;
};
static_assert(sizeof(cuGraphExecDestroy_arguments) == 8 && alignof(cuGraphExecDestroy_arguments) <= 8);
struct cuGraphExecDestroy_reply {};

struct cuGraphExecEventRecordNodeSetEvent_arguments {
  wire::Handle hGraphExec;
  wire::Handle hNode;
  wire::Handle event;
};
static_assert(sizeof(cuGraphExecEventRecordNodeSetEvent_arguments) == 24 && alignof(cuGraphExecEventRecordNodeSetEvent_arguments) <= 8);
struct cuGraphExecEventRecordNodeSetEvent_reply {};

struct cuGraphExecEventWaitNodeSetEvent_arguments {
  wire::Handle hGraphExec;
  wire::Handle hNode;
  wire::Handle event;
};
static_assert(sizeof(cuGraphExecEventWaitNodeSetEvent_arguments) == 24 && alignof(cuGraphExecEventWaitNodeSetEvent_arguments) <= 8);
struct cuGraphExecEventWaitNodeSetEvent_reply {};

struct cuGraphExecGetFlags_arguments {
  wire::Handle hGraphExec;
};
static_assert(sizeof(cuGraphExecGetFlags_arguments) == 8 && alignof(cuGraphExecGetFlags_arguments) <= 8);
struct cuGraphExecGetFlags_reply {
  uint64_t flags;
};
static_assert(sizeof(cuGraphExecGetFlags_reply) == 8 && alignof(cuGraphExecGetFlags_reply) <= 8);

struct cuGraphExecGetId_arguments {
  wire::Handle hGraphExec;
};
static_assert(sizeof(cuGraphExecGetId_arguments) == 8 && alignof(cuGraphExecGetId_arguments) <= 8);
struct cuGraphExecGetId_reply {
  uint32_t graphId;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphExecGetId_reply) == 8 && alignof(cuGraphExecGetId_reply) <= 8);

struct cuGraphGetId_arguments {
  wire::Handle hGraph;
};
static_assert(sizeof(cuGraphGetId_arguments) == 8 && alignof(cuGraphGetId_arguments) <= 8);
struct cuGraphGetId_reply {
  uint32_t graphId;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphGetId_reply) == 8 && alignof(cuGraphGetId_reply) <= 8);

struct cuGraphInstantiateWithFlags_arguments {
  wire::Handle created;
  wire::Handle hGraph;
  uint64_t flags;
};
static_assert(sizeof(cuGraphInstantiateWithFlags_arguments) == 24 && alignof(cuGraphInstantiateWithFlags_arguments) <= 8);
struct cuGraphInstantiateWithFlags_reply {};

struct cuGraphKernelNodeCopyAttributes_arguments {
  wire::Handle dst;
  wire::Handle src;
};
static_assert(sizeof(cuGraphKernelNodeCopyAttributes_arguments) == 16 && alignof(cuGraphKernelNodeCopyAttributes_arguments) <= 8);
struct cuGraphKernelNodeCopyAttributes_reply {};

struct cuGraphKernelNodeGetAttribute_arguments {
  wire::Handle hNode;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphKernelNodeGetAttribute_arguments) == 16 && alignof(cuGraphKernelNodeGetAttribute_arguments) <= 8);
struct cuGraphKernelNodeGetAttribute_reply {
  CUkernelNodeAttrValue value_out;
};
static_assert(sizeof(cuGraphKernelNodeGetAttribute_reply) == 64 && alignof(cuGraphKernelNodeGetAttribute_reply) <= 8);

struct cuGraphKernelNodeSetAttribute_arguments {
  wire::Handle hNode;
  CUkernelNodeAttrValue value;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphKernelNodeSetAttribute_arguments) == 80 && alignof(cuGraphKernelNodeSetAttribute_arguments) <= 8);
struct cuGraphKernelNodeSetAttribute_reply {};

struct cuGraphLaunch_arguments {
  wire::Handle hGraph;
  wire::Handle hStream;
};
static_assert(sizeof(cuGraphLaunch_arguments) == 16 && alignof(cuGraphLaunch_arguments) <= 8);
struct cuGraphLaunch_reply {};

struct cuGraphNodeGetEnabled_arguments {
  wire::Handle hGraphExec;
  wire::Handle hNode;
};
static_assert(sizeof(cuGraphNodeGetEnabled_arguments) == 16 && alignof(cuGraphNodeGetEnabled_arguments) <= 8);
struct cuGraphNodeGetEnabled_reply {
  uint32_t isEnabled;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphNodeGetEnabled_reply) == 8 && alignof(cuGraphNodeGetEnabled_reply) <= 8);

struct cuGraphNodeGetLocalId_arguments {
  wire::Handle hNode;
};
static_assert(sizeof(cuGraphNodeGetLocalId_arguments) == 8 && alignof(cuGraphNodeGetLocalId_arguments) <= 8);
struct cuGraphNodeGetLocalId_reply {
  uint32_t nodeId;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphNodeGetLocalId_reply) == 8 && alignof(cuGraphNodeGetLocalId_reply) <= 8);

struct cuGraphNodeGetToolsId_arguments {
  wire::Handle hNode;
};
static_assert(sizeof(cuGraphNodeGetToolsId_arguments) == 8 && alignof(cuGraphNodeGetToolsId_arguments) <= 8);
struct cuGraphNodeGetToolsId_reply {
  uint64_t toolsNodeId;
};
static_assert(sizeof(cuGraphNodeGetToolsId_reply) == 8 && alignof(cuGraphNodeGetToolsId_reply) <= 8);

struct cuGraphNodeSetEnabled_arguments {
  wire::Handle hGraphExec;
  wire::Handle hNode;
  uint32_t isEnabled;
  uint8_t reserved[4];
};
static_assert(sizeof(cuGraphNodeSetEnabled_arguments) == 24 && alignof(cuGraphNodeSetEnabled_arguments) <= 8);
struct cuGraphNodeSetEnabled_reply {};

struct cuGraphUpload_arguments {
  wire::Handle hGraph;
  wire::Handle hStream;
};
static_assert(sizeof(cuGraphUpload_arguments) == 16 && alignof(cuGraphUpload_arguments) <= 8);
struct cuGraphUpload_reply {};

struct cuMemPoolCreate_arguments {
  wire::Handle created;
  CUmemPoolProps poolProps;
};
static_assert(sizeof(cuMemPoolCreate_arguments) == 96 && alignof(cuMemPoolCreate_arguments) <= 8);
struct cuMemPoolCreate_reply {};

struct cuMemPoolDestroy_arguments {
  wire::Handle pool;
};
static_assert(sizeof(cuMemPoolDestroy_arguments) == 8 && alignof(cuMemPoolDestroy_arguments) <= 8);
struct cuMemPoolDestroy_reply {};

struct cuMemPoolGetAccess_arguments {
  wire::Handle memPool;
  CUmemLocation location;
};
static_assert(sizeof(cuMemPoolGetAccess_arguments) == 16 && alignof(cuMemPoolGetAccess_arguments) <= 8);
struct cuMemPoolGetAccess_reply {
  int32_t flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemPoolGetAccess_reply) == 8 && alignof(cuMemPoolGetAccess_reply) <= 8);

struct cuMemPoolGetAttribute_arguments {
  wire::Handle pool;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemPoolGetAttribute_arguments) == 16 && alignof(cuMemPoolGetAttribute_arguments) <= 8);
struct cuMemPoolGetAttribute_reply {
  uint64_t value;
};
static_assert(sizeof(cuMemPoolGetAttribute_reply) == 8 && alignof(cuMemPoolGetAttribute_reply) <= 8);

// Followed by map (CUmemAccessDesc × count).
struct cuMemPoolSetAccess_arguments {
  wire::Handle pool;
  uint64_t count;
};
static_assert(sizeof(cuMemPoolSetAccess_arguments) == 16 && alignof(cuMemPoolSetAccess_arguments) <= 8);
struct cuMemPoolSetAccess_reply {};

struct cuMemPoolSetAttribute_arguments {
  wire::Handle pool;
  uint64_t value;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemPoolSetAttribute_arguments) == 24 && alignof(cuMemPoolSetAttribute_arguments) <= 8);
struct cuMemPoolSetAttribute_reply {};

struct cuMemPoolTrimTo_arguments {
  wire::Handle pool;
  uint64_t minBytesToKeep;
};
static_assert(sizeof(cuMemPoolTrimTo_arguments) == 16 && alignof(cuMemPoolTrimTo_arguments) <= 8);
struct cuMemPoolTrimTo_reply {};

struct cuMemcpyDtoDAsync_v2_arguments {
  uint64_t dstDevice;
  uint64_t srcDevice;
  uint64_t ByteCount;
  wire::Handle hStream;
};
static_assert(sizeof(cuMemcpyDtoDAsync_v2_arguments) == 32 && alignof(cuMemcpyDtoDAsync_v2_arguments) <= 8);
struct cuMemcpyDtoDAsync_v2_reply {};

struct cuMemcpyDtoD_v2_arguments {
  uint64_t dstDevice;
  uint64_t srcDevice;
  uint64_t ByteCount;
};
static_assert(sizeof(cuMemcpyDtoD_v2_arguments) == 24 && alignof(cuMemcpyDtoD_v2_arguments) <= 8);
struct cuMemcpyDtoD_v2_reply {};

struct cuMemcpyPeer_arguments {
  uint64_t dstDevice;
  wire::Handle dstContext;
  uint64_t srcDevice;
  wire::Handle srcContext;
  uint64_t ByteCount;
};
static_assert(sizeof(cuMemcpyPeer_arguments) == 40 && alignof(cuMemcpyPeer_arguments) <= 8);
struct cuMemcpyPeer_reply {};

struct cuMemcpyPeerAsync_arguments {
  uint64_t dstDevice;
  wire::Handle dstContext;
  uint64_t srcDevice;
  wire::Handle srcContext;
  uint64_t ByteCount;
  wire::Handle hStream;
};
static_assert(sizeof(cuMemcpyPeerAsync_arguments) == 48 && alignof(cuMemcpyPeerAsync_arguments) <= 8);
struct cuMemcpyPeerAsync_reply {};

struct cuMemsetD16Async_arguments {
  uint64_t dstDevice;
  uint64_t N;
  wire::Handle hStream;
  uint16_t us;
  uint8_t reserved[6];
};
static_assert(sizeof(cuMemsetD16Async_arguments) == 32 && alignof(cuMemsetD16Async_arguments) <= 8);
struct cuMemsetD16Async_reply {};

struct cuMemsetD16_v2_arguments {
  uint64_t dstDevice;
  uint64_t N;
  uint16_t us;
  uint8_t reserved[6];
};
static_assert(sizeof(cuMemsetD16_v2_arguments) == 24 && alignof(cuMemsetD16_v2_arguments) <= 8);
struct cuMemsetD16_v2_reply {};

struct cuMemsetD2D16Async_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  wire::Handle hStream;
  uint16_t us;
  uint8_t reserved[6];
};
static_assert(sizeof(cuMemsetD2D16Async_arguments) == 48 && alignof(cuMemsetD2D16Async_arguments) <= 8);
struct cuMemsetD2D16Async_reply {};

struct cuMemsetD2D16_v2_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  uint16_t us;
  uint8_t reserved[6];
};
static_assert(sizeof(cuMemsetD2D16_v2_arguments) == 40 && alignof(cuMemsetD2D16_v2_arguments) <= 8);
struct cuMemsetD2D16_v2_reply {};

struct cuMemsetD2D32Async_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  wire::Handle hStream;
  uint32_t ui;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemsetD2D32Async_arguments) == 48 && alignof(cuMemsetD2D32Async_arguments) <= 8);
struct cuMemsetD2D32Async_reply {};

struct cuMemsetD2D32_v2_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  uint32_t ui;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemsetD2D32_v2_arguments) == 40 && alignof(cuMemsetD2D32_v2_arguments) <= 8);
struct cuMemsetD2D32_v2_reply {};

struct cuMemsetD2D8Async_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  wire::Handle hStream;
  uint8_t uc;
  uint8_t reserved[7];
};
static_assert(sizeof(cuMemsetD2D8Async_arguments) == 48 && alignof(cuMemsetD2D8Async_arguments) <= 8);
struct cuMemsetD2D8Async_reply {};

struct cuMemsetD2D8_v2_arguments {
  uint64_t dstDevice;
  uint64_t dstPitch;
  uint64_t Width;
  uint64_t Height;
  uint8_t uc;
  uint8_t reserved[7];
};
static_assert(sizeof(cuMemsetD2D8_v2_arguments) == 40 && alignof(cuMemsetD2D8_v2_arguments) <= 8);
struct cuMemsetD2D8_v2_reply {};

struct cuMemsetD32Async_arguments {
  uint64_t dstDevice;
  uint64_t N;
  wire::Handle hStream;
  uint32_t ui;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemsetD32Async_arguments) == 32 && alignof(cuMemsetD32Async_arguments) <= 8);
struct cuMemsetD32Async_reply {};

struct cuMemsetD32_v2_arguments {
  uint64_t dstDevice;
  uint64_t N;
  uint32_t ui;
  uint8_t reserved[4];
};
static_assert(sizeof(cuMemsetD32_v2_arguments) == 24 && alignof(cuMemsetD32_v2_arguments) <= 8);
struct cuMemsetD32_v2_reply {};

struct cuMemsetD8Async_arguments {
  uint64_t dstDevice;
  uint64_t N;
  wire::Handle hStream;
  uint8_t uc;
  uint8_t reserved[7];
};
static_assert(sizeof(cuMemsetD8Async_arguments) == 32 && alignof(cuMemsetD8Async_arguments) <= 8);
struct cuMemsetD8Async_reply {};

struct cuMemsetD8_v2_arguments {
  uint64_t dstDevice;
  uint64_t N;
  uint8_t uc;
  uint8_t reserved[7];
};
static_assert(sizeof(cuMemsetD8_v2_arguments) == 24 && alignof(cuMemsetD8_v2_arguments) <= 8);
struct cuMemsetD8_v2_reply {};

struct cuOccupancyAvailableDynamicSMemPerBlock_arguments {
  wire::Handle func;
  int32_t numBlocks;
  int32_t blockSize;
};
static_assert(sizeof(cuOccupancyAvailableDynamicSMemPerBlock_arguments) == 16 && alignof(cuOccupancyAvailableDynamicSMemPerBlock_arguments) <= 8);
struct cuOccupancyAvailableDynamicSMemPerBlock_reply {
  uint64_t dynamicSmemSize;
};
static_assert(sizeof(cuOccupancyAvailableDynamicSMemPerBlock_reply) == 8 && alignof(cuOccupancyAvailableDynamicSMemPerBlock_reply) <= 8);

struct cuStreamBeginCapture_v2_arguments {
  wire::Handle hStream;
  int32_t mode;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamBeginCapture_v2_arguments) == 16 && alignof(cuStreamBeginCapture_v2_arguments) <= 8);
struct cuStreamBeginCapture_v2_reply {};

struct cuStreamCopyAttributes_arguments {
  wire::Handle dstStream;
  wire::Handle srcStream;
};
static_assert(sizeof(cuStreamCopyAttributes_arguments) == 16 && alignof(cuStreamCopyAttributes_arguments) <= 8);
struct cuStreamCopyAttributes_reply {};

struct cuStreamCreateWithPriority_arguments {
  wire::Handle created;
  uint32_t flags;
  int32_t priority;
};
static_assert(sizeof(cuStreamCreateWithPriority_arguments) == 16 && alignof(cuStreamCreateWithPriority_arguments) <= 8);
struct cuStreamCreateWithPriority_reply {};

struct cuStreamDestroy_v2_arguments {
  wire::Handle hStream;
};
static_assert(sizeof(cuStreamDestroy_v2_arguments) == 8 && alignof(cuStreamDestroy_v2_arguments) <= 8);
struct cuStreamDestroy_v2_reply {};

struct cuStreamEndCapture_arguments {
  wire::Handle created;
  wire::Handle hStream;
};
static_assert(sizeof(cuStreamEndCapture_arguments) == 16 && alignof(cuStreamEndCapture_arguments) <= 8);
struct cuStreamEndCapture_reply {};

struct cuStreamGetAttribute_arguments {
  wire::Handle hStream;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamGetAttribute_arguments) == 16 && alignof(cuStreamGetAttribute_arguments) <= 8);
struct cuStreamGetAttribute_reply {
  CUstreamAttrValue value;
};
static_assert(sizeof(cuStreamGetAttribute_reply) == 64 && alignof(cuStreamGetAttribute_reply) <= 8);

struct cuStreamSetAttribute_arguments {
  wire::Handle hStream;
  CUstreamAttrValue param;
  int32_t attr;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamSetAttribute_arguments) == 80 && alignof(cuStreamSetAttribute_arguments) <= 8);
struct cuStreamSetAttribute_reply {};

struct cuStreamWaitEvent_arguments {
  wire::Handle hStream;
  wire::Handle hEvent;
  uint32_t Flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamWaitEvent_arguments) == 24 && alignof(cuStreamWaitEvent_arguments) <= 8);
struct cuStreamWaitEvent_reply {};

struct cuStreamWaitValue32_v2_arguments {
  wire::Handle stream;
  uint64_t addr;
  uint32_t value;
  uint32_t flags;
};
static_assert(sizeof(cuStreamWaitValue32_v2_arguments) == 24 && alignof(cuStreamWaitValue32_v2_arguments) <= 8);
struct cuStreamWaitValue32_v2_reply {};

struct cuStreamWaitValue64_v2_arguments {
  wire::Handle stream;
  uint64_t addr;
  uint64_t value;
  uint32_t flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamWaitValue64_v2_arguments) == 32 && alignof(cuStreamWaitValue64_v2_arguments) <= 8);
struct cuStreamWaitValue64_v2_reply {};

struct cuStreamWriteValue32_v2_arguments {
  wire::Handle stream;
  uint64_t addr;
  uint32_t value;
  uint32_t flags;
};
static_assert(sizeof(cuStreamWriteValue32_v2_arguments) == 24 && alignof(cuStreamWriteValue32_v2_arguments) <= 8);
struct cuStreamWriteValue32_v2_reply {};

struct cuStreamWriteValue64_v2_arguments {
  wire::Handle stream;
  uint64_t addr;
  uint64_t value;
  uint32_t flags;
  uint8_t reserved[4];
};
static_assert(sizeof(cuStreamWriteValue64_v2_arguments) == 32 && alignof(cuStreamWriteValue64_v2_arguments) <= 8);
struct cuStreamWriteValue64_v2_reply {};

}  // namespace gpool::calls
