// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#pragma once

#include <cstdint>

namespace gpool::calls {

// Assigned once in ids.toml, never reused. Below 64: wire::Message.
enum class Id : uint16_t {
  none = 0,
  cuCtxRecordEvent = 64,
  cuCtxResetPersistingL2Cache = 65,
  cuCtxSetCacheConfig = 66,
  cuCtxSetLimit = 67,
  cuCtxWaitEvent = 68,
  cuDeviceGetGraphMemAttribute = 69,
  cuDeviceGraphMemTrim = 70,
  cuDeviceSetGraphMemAttribute = 71,
  cuEventCreate = 72,
  cuEventDestroy_v2 = 73,
  cuEventRecordWithFlags = 74,
  cuGraphClone = 75,
  cuGraphCreate = 76,
  cuGraphDestroy = 77,
  cuGraphExecDestroy = 78,
  cuGraphExecGetFlags = 79,
  cuGraphExecGetId = 80,
  cuGraphGetId = 81,
  cuGraphInstantiateWithFlags = 82,
  cuGraphLaunch = 83,
  cuGraphUpload = 84,
  cuMemPoolCreate = 85,
  cuMemPoolDestroy = 86,
  cuMemPoolGetAccess = 87,
  cuMemPoolGetAttribute = 88,
  cuMemPoolSetAccess = 89,
  cuMemPoolSetAttribute = 90,
  cuMemPoolTrimTo = 91,
  cuMemcpyDtoDAsync_v2 = 92,
  cuMemcpyDtoD_v2 = 93,
  cuMemcpyPeer = 94,
  cuMemcpyPeerAsync = 95,
  cuMemsetD16Async = 96,
  cuMemsetD16_v2 = 97,
  cuMemsetD2D16Async = 98,
  cuMemsetD2D16_v2 = 99,
  cuMemsetD2D32Async = 100,
  cuMemsetD2D32_v2 = 101,
  cuMemsetD2D8Async = 102,
  cuMemsetD2D8_v2 = 103,
  cuMemsetD32Async = 104,
  cuMemsetD32_v2 = 105,
  cuMemsetD8Async = 106,
  cuMemsetD8_v2 = 107,
  cuOccupancyAvailableDynamicSMemPerBlock = 108,
  cuStreamBeginCapture_v2 = 109,
  cuStreamCopyAttributes = 110,
  cuStreamCreateWithPriority = 111,
  cuStreamDestroy_v2 = 112,
  cuStreamEndCapture = 113,
  cuStreamGetAttribute = 114,
  cuStreamSetAttribute = 115,
  cuStreamWaitEvent = 116,
  cuStreamWaitValue32_v2 = 117,
  cuStreamWaitValue64_v2 = 118,
  cuStreamWriteValue32_v2 = 119,
  cuStreamWriteValue64_v2 = 120,
  cuGraphDestroyNode = 121,
  cuGraphEventRecordNodeSetEvent = 122,
  cuGraphEventWaitNodeSetEvent = 123,
  cuGraphExecChildGraphNodeSetParams = 124,
  cuGraphExecEventRecordNodeSetEvent = 125,
  cuGraphExecEventWaitNodeSetEvent = 126,
  cuGraphKernelNodeCopyAttributes = 127,
  cuGraphKernelNodeGetAttribute = 128,
  cuGraphKernelNodeSetAttribute = 129,
  cuGraphNodeGetEnabled = 130,
  cuGraphNodeGetLocalId = 131,
  cuGraphNodeGetToolsId = 132,
  cuGraphNodeSetEnabled = 133,
};

// For logs and traces; null for a number that is no call.
constexpr const char* name_of(Id id) {
  switch (id) {
    case Id::cuCtxRecordEvent: return "cuCtxRecordEvent";
    case Id::cuCtxResetPersistingL2Cache: return "cuCtxResetPersistingL2Cache";
    case Id::cuCtxSetCacheConfig: return "cuCtxSetCacheConfig";
    case Id::cuCtxSetLimit: return "cuCtxSetLimit";
    case Id::cuCtxWaitEvent: return "cuCtxWaitEvent";
    case Id::cuDeviceGetGraphMemAttribute: return "cuDeviceGetGraphMemAttribute";
    case Id::cuDeviceGraphMemTrim: return "cuDeviceGraphMemTrim";
    case Id::cuDeviceSetGraphMemAttribute: return "cuDeviceSetGraphMemAttribute";
    case Id::cuEventCreate: return "cuEventCreate";
    case Id::cuEventDestroy_v2: return "cuEventDestroy_v2";
    case Id::cuEventRecordWithFlags: return "cuEventRecordWithFlags";
    case Id::cuGraphClone: return "cuGraphClone";
    case Id::cuGraphCreate: return "cuGraphCreate";
    case Id::cuGraphDestroy: return "cuGraphDestroy";
    case Id::cuGraphExecDestroy: return "cuGraphExecDestroy";
    case Id::cuGraphExecGetFlags: return "cuGraphExecGetFlags";
    case Id::cuGraphExecGetId: return "cuGraphExecGetId";
    case Id::cuGraphGetId: return "cuGraphGetId";
    case Id::cuGraphInstantiateWithFlags: return "cuGraphInstantiateWithFlags";
    case Id::cuGraphLaunch: return "cuGraphLaunch";
    case Id::cuGraphUpload: return "cuGraphUpload";
    case Id::cuMemPoolCreate: return "cuMemPoolCreate";
    case Id::cuMemPoolDestroy: return "cuMemPoolDestroy";
    case Id::cuMemPoolGetAccess: return "cuMemPoolGetAccess";
    case Id::cuMemPoolGetAttribute: return "cuMemPoolGetAttribute";
    case Id::cuMemPoolSetAccess: return "cuMemPoolSetAccess";
    case Id::cuMemPoolSetAttribute: return "cuMemPoolSetAttribute";
    case Id::cuMemPoolTrimTo: return "cuMemPoolTrimTo";
    case Id::cuMemcpyDtoDAsync_v2: return "cuMemcpyDtoDAsync_v2";
    case Id::cuMemcpyDtoD_v2: return "cuMemcpyDtoD_v2";
    case Id::cuMemcpyPeer: return "cuMemcpyPeer";
    case Id::cuMemcpyPeerAsync: return "cuMemcpyPeerAsync";
    case Id::cuMemsetD16Async: return "cuMemsetD16Async";
    case Id::cuMemsetD16_v2: return "cuMemsetD16_v2";
    case Id::cuMemsetD2D16Async: return "cuMemsetD2D16Async";
    case Id::cuMemsetD2D16_v2: return "cuMemsetD2D16_v2";
    case Id::cuMemsetD2D32Async: return "cuMemsetD2D32Async";
    case Id::cuMemsetD2D32_v2: return "cuMemsetD2D32_v2";
    case Id::cuMemsetD2D8Async: return "cuMemsetD2D8Async";
    case Id::cuMemsetD2D8_v2: return "cuMemsetD2D8_v2";
    case Id::cuMemsetD32Async: return "cuMemsetD32Async";
    case Id::cuMemsetD32_v2: return "cuMemsetD32_v2";
    case Id::cuMemsetD8Async: return "cuMemsetD8Async";
    case Id::cuMemsetD8_v2: return "cuMemsetD8_v2";
    case Id::cuOccupancyAvailableDynamicSMemPerBlock: return "cuOccupancyAvailableDynamicSMemPerBlock";
    case Id::cuStreamBeginCapture_v2: return "cuStreamBeginCapture_v2";
    case Id::cuStreamCopyAttributes: return "cuStreamCopyAttributes";
    case Id::cuStreamCreateWithPriority: return "cuStreamCreateWithPriority";
    case Id::cuStreamDestroy_v2: return "cuStreamDestroy_v2";
    case Id::cuStreamEndCapture: return "cuStreamEndCapture";
    case Id::cuStreamGetAttribute: return "cuStreamGetAttribute";
    case Id::cuStreamSetAttribute: return "cuStreamSetAttribute";
    case Id::cuStreamWaitEvent: return "cuStreamWaitEvent";
    case Id::cuStreamWaitValue32_v2: return "cuStreamWaitValue32_v2";
    case Id::cuStreamWaitValue64_v2: return "cuStreamWaitValue64_v2";
    case Id::cuStreamWriteValue32_v2: return "cuStreamWriteValue32_v2";
    case Id::cuStreamWriteValue64_v2: return "cuStreamWriteValue64_v2";
    case Id::cuGraphDestroyNode: return "cuGraphDestroyNode";
    case Id::cuGraphEventRecordNodeSetEvent: return "cuGraphEventRecordNodeSetEvent";
    case Id::cuGraphEventWaitNodeSetEvent: return "cuGraphEventWaitNodeSetEvent";
    case Id::cuGraphExecChildGraphNodeSetParams: return "cuGraphExecChildGraphNodeSetParams";
    case Id::cuGraphExecEventRecordNodeSetEvent: return "cuGraphExecEventRecordNodeSetEvent";
    case Id::cuGraphExecEventWaitNodeSetEvent: return "cuGraphExecEventWaitNodeSetEvent";
    case Id::cuGraphKernelNodeCopyAttributes: return "cuGraphKernelNodeCopyAttributes";
    case Id::cuGraphKernelNodeGetAttribute: return "cuGraphKernelNodeGetAttribute";
    case Id::cuGraphKernelNodeSetAttribute: return "cuGraphKernelNodeSetAttribute";
    case Id::cuGraphNodeGetEnabled: return "cuGraphNodeGetEnabled";
    case Id::cuGraphNodeGetLocalId: return "cuGraphNodeGetLocalId";
    case Id::cuGraphNodeGetToolsId: return "cuGraphNodeGetToolsId";
    case Id::cuGraphNodeSetEnabled: return "cuGraphNodeSetEnabled";
    default: return nullptr;
  }
}

}  // namespace gpool::calls
