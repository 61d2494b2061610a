// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#include "calls/driver_api.h"

#include <vector>

#include "calls/dispatch.h"
#include "calls/driver_table.h"
#include "calls/generated/arguments.h"
#include "worker/invoke.h"

namespace gpool::calls {
namespace {

// A location names a device by the session's ordinal; the driver below has its own.
[[maybe_unused]] void find_device(worker::Invoke& invoke, CUmemLocation& location) {
  if (location.type == CU_MEM_LOCATION_TYPE_DEVICE) location.id = invoke.device(location.id);
}

}  // namespace

bool dispatch(Id id, worker::Invoke& invoke) {
  switch (id) {
    case Id::cuCtxRecordEvent: {
      const auto& arguments = invoke.arguments<cuCtxRecordEvent_arguments>();
      CUcontext hCtx = invoke.resolve<CUcontext>(arguments.hCtx);
      CUevent hEvent = invoke.resolve<CUevent>(arguments.hEvent);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuCtxRecordEvent(hCtx, hEvent);
      return invoke.finish(result);
    }
    case Id::cuCtxResetPersistingL2Cache: {
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuCtxResetPersistingL2Cache();
      return invoke.finish(result);
    }
    case Id::cuCtxSetCacheConfig: {
      const auto& arguments = invoke.arguments<cuCtxSetCacheConfig_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuCtxSetCacheConfig(static_cast<CUfunc_cache>(arguments.config));
      return invoke.finish(result);
    }
    case Id::cuCtxSetLimit: {
      const auto& arguments = invoke.arguments<cuCtxSetLimit_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuCtxSetLimit(static_cast<CUlimit>(arguments.limit), arguments.value);
      return invoke.finish(result);
    }
    case Id::cuCtxWaitEvent: {
      const auto& arguments = invoke.arguments<cuCtxWaitEvent_arguments>();
      CUcontext hCtx = invoke.resolve<CUcontext>(arguments.hCtx);
      CUevent hEvent = invoke.resolve<CUevent>(arguments.hEvent);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuCtxWaitEvent(hCtx, hEvent);
      return invoke.finish(result);
    }
    case Id::cuDeviceGetGraphMemAttribute: {
      const auto& arguments = invoke.arguments<cuDeviceGetGraphMemAttribute_arguments>();
      CUdevice device = invoke.device(arguments.device);
      if (!invoke.valid()) return invoke.refuse();
      uint64_t value{};
      CUresult result = invoke.driver().cuDeviceGetGraphMemAttribute(device, static_cast<CUgraphMem_attribute>(arguments.attr), &value);
      cuDeviceGetGraphMemAttribute_reply reply{};
      reply.value = value;
      return invoke.reply(result, reply);
    }
    case Id::cuDeviceGraphMemTrim: {
      const auto& arguments = invoke.arguments<cuDeviceGraphMemTrim_arguments>();
      CUdevice device = invoke.device(arguments.device);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuDeviceGraphMemTrim(device);
      return invoke.finish(result);
    }
    case Id::cuDeviceSetGraphMemAttribute: {
      const auto& arguments = invoke.arguments<cuDeviceSetGraphMemAttribute_arguments>();
      CUdevice device = invoke.device(arguments.device);
      uint64_t value = arguments.value;
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuDeviceSetGraphMemAttribute(device, static_cast<CUgraphMem_attribute>(arguments.attr), &value);
      return invoke.finish(result);
    }
    case Id::cuEventCreate: {
      const auto& arguments = invoke.arguments<cuEventCreate_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUevent created{};
      CUresult result = invoke.driver().cuEventCreate(&created, arguments.Flags);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUevent>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuEventDestroy_v2: {
      const auto& arguments = invoke.arguments<cuEventDestroy_v2_arguments>();
      CUevent hEvent = invoke.resolve<CUevent>(arguments.hEvent);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuEventDestroy_v2(hEvent);
      invoke.unbind<CUevent>(arguments.hEvent);
      return invoke.finish(result);
    }
    case Id::cuEventRecordWithFlags: {
      const auto& arguments = invoke.arguments<cuEventRecordWithFlags_arguments>();
      CUevent hEvent = invoke.resolve<CUevent>(arguments.hEvent);
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuEventRecordWithFlags(hEvent, hStream, arguments.flags);
      return invoke.finish(result);
    }
    case Id::cuGraphClone: {
      const auto& arguments = invoke.arguments<cuGraphClone_arguments>();
      CUgraph originalGraph = invoke.resolve<CUgraph>(arguments.originalGraph);
      if (!invoke.valid()) return invoke.refuse();
      CUgraph created{};
      CUresult result = invoke.driver().cuGraphClone(&created, originalGraph);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUgraph>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuGraphCreate: {
      const auto& arguments = invoke.arguments<cuGraphCreate_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUgraph created{};
      CUresult result = invoke.driver().cuGraphCreate(&created, arguments.flags);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUgraph>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuGraphDestroy: {
      const auto& arguments = invoke.arguments<cuGraphDestroy_arguments>();
      CUgraph hGraph = invoke.resolve<CUgraph>(arguments.hGraph);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphDestroy(hGraph);
      invoke.unbind<CUgraph>(arguments.hGraph);
      return invoke.finish(result);
    }
    case Id::cuGraphDestroyNode: {
      const auto& arguments = invoke.arguments<cuGraphDestroyNode_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphDestroyNode(hNode);
      invoke.unbind<CUgraphNode>(arguments.hNode);
      return invoke.finish(result);
    }
    case Id::cuGraphEventRecordNodeSetEvent: {
      const auto& arguments = invoke.arguments<cuGraphEventRecordNodeSetEvent_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUevent event = invoke.resolve<CUevent>(arguments.event);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphEventRecordNodeSetEvent(hNode, event);
      return invoke.finish(result);
    }
    case Id::cuGraphEventWaitNodeSetEvent: {
      const auto& arguments = invoke.arguments<cuGraphEventWaitNodeSetEvent_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUevent event = invoke.resolve<CUevent>(arguments.event);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphEventWaitNodeSetEvent(hNode, event);
      return invoke.finish(result);
    }
    case Id::cuGraphExecChildGraphNodeSetParams: {
      const auto& arguments = invoke.arguments<cuGraphExecChildGraphNodeSetParams_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUgraph childGraph = invoke.resolve<CUgraph>(arguments.childGraph);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphExecChildGraphNodeSetParams(hGraphExec, hNode, childGraph);
      return invoke.finish(result);
    }
    case Id::cuGraphExecDestroy: {
      const auto& arguments = invoke.arguments<cuGraphExecDestroy_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphExecDestroy(hGraphExec);
      invoke.unbind<CUgraphExec>(arguments.hGraphExec);
      return invoke.finish(result);
    }
    case Id::cuGraphExecEventRecordNodeSetEvent: {
      const auto& arguments = invoke.arguments<cuGraphExecEventRecordNodeSetEvent_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUevent event = invoke.resolve<CUevent>(arguments.event);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphExecEventRecordNodeSetEvent(hGraphExec, hNode, event);
      return invoke.finish(result);
    }
    case Id::cuGraphExecEventWaitNodeSetEvent: {
      const auto& arguments = invoke.arguments<cuGraphExecEventWaitNodeSetEvent_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUevent event = invoke.resolve<CUevent>(arguments.event);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphExecEventWaitNodeSetEvent(hGraphExec, hNode, event);
      return invoke.finish(result);
    }
    case Id::cuGraphExecGetFlags: {
      const auto& arguments = invoke.arguments<cuGraphExecGetFlags_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      if (!invoke.valid()) return invoke.refuse();
      cuuint64_t flags{};
      CUresult result = invoke.driver().cuGraphExecGetFlags(hGraphExec, &flags);
      cuGraphExecGetFlags_reply reply{};
      reply.flags = flags;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphExecGetId: {
      const auto& arguments = invoke.arguments<cuGraphExecGetId_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      if (!invoke.valid()) return invoke.refuse();
      unsigned int graphId{};
      CUresult result = invoke.driver().cuGraphExecGetId(hGraphExec, &graphId);
      cuGraphExecGetId_reply reply{};
      reply.graphId = graphId;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphGetId: {
      const auto& arguments = invoke.arguments<cuGraphGetId_arguments>();
      CUgraph hGraph = invoke.resolve<CUgraph>(arguments.hGraph);
      if (!invoke.valid()) return invoke.refuse();
      unsigned int graphId{};
      CUresult result = invoke.driver().cuGraphGetId(hGraph, &graphId);
      cuGraphGetId_reply reply{};
      reply.graphId = graphId;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphInstantiateWithFlags: {
      const auto& arguments = invoke.arguments<cuGraphInstantiateWithFlags_arguments>();
      CUgraph hGraph = invoke.resolve<CUgraph>(arguments.hGraph);
      if (!invoke.valid()) return invoke.refuse();
      CUgraphExec created{};
      CUresult result = invoke.driver().cuGraphInstantiateWithFlags(&created, hGraph, arguments.flags);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUgraphExec>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuGraphKernelNodeCopyAttributes: {
      const auto& arguments = invoke.arguments<cuGraphKernelNodeCopyAttributes_arguments>();
      CUgraphNode dst = invoke.resolve<CUgraphNode>(arguments.dst);
      CUgraphNode src = invoke.resolve<CUgraphNode>(arguments.src);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphKernelNodeCopyAttributes(dst, src);
      return invoke.finish(result);
    }
    case Id::cuGraphKernelNodeGetAttribute: {
      const auto& arguments = invoke.arguments<cuGraphKernelNodeGetAttribute_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      CUkernelNodeAttrValue value_out{};
      CUresult result = invoke.driver().cuGraphKernelNodeGetAttribute(hNode, static_cast<CUkernelNodeAttrID>(arguments.attr), &value_out);
      cuGraphKernelNodeGetAttribute_reply reply{};
      reply.value_out = value_out;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphKernelNodeSetAttribute: {
      const auto& arguments = invoke.arguments<cuGraphKernelNodeSetAttribute_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      CUkernelNodeAttrValue value = arguments.value;
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphKernelNodeSetAttribute(hNode, static_cast<CUkernelNodeAttrID>(arguments.attr), &value);
      return invoke.finish(result);
    }
    case Id::cuGraphLaunch: {
      const auto& arguments = invoke.arguments<cuGraphLaunch_arguments>();
      CUgraphExec hGraph = invoke.resolve<CUgraphExec>(arguments.hGraph);
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphLaunch(hGraph, hStream);
      return invoke.finish(result);
    }
    case Id::cuGraphNodeGetEnabled: {
      const auto& arguments = invoke.arguments<cuGraphNodeGetEnabled_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      unsigned int isEnabled{};
      CUresult result = invoke.driver().cuGraphNodeGetEnabled(hGraphExec, hNode, &isEnabled);
      cuGraphNodeGetEnabled_reply reply{};
      reply.isEnabled = isEnabled;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphNodeGetLocalId: {
      const auto& arguments = invoke.arguments<cuGraphNodeGetLocalId_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      unsigned int nodeId{};
      CUresult result = invoke.driver().cuGraphNodeGetLocalId(hNode, &nodeId);
      cuGraphNodeGetLocalId_reply reply{};
      reply.nodeId = nodeId;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphNodeGetToolsId: {
      const auto& arguments = invoke.arguments<cuGraphNodeGetToolsId_arguments>();
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      unsigned long long toolsNodeId{};
      CUresult result = invoke.driver().cuGraphNodeGetToolsId(hNode, &toolsNodeId);
      cuGraphNodeGetToolsId_reply reply{};
      reply.toolsNodeId = toolsNodeId;
      return invoke.reply(result, reply);
    }
    case Id::cuGraphNodeSetEnabled: {
      const auto& arguments = invoke.arguments<cuGraphNodeSetEnabled_arguments>();
      CUgraphExec hGraphExec = invoke.resolve<CUgraphExec>(arguments.hGraphExec);
      CUgraphNode hNode = invoke.resolve<CUgraphNode>(arguments.hNode);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphNodeSetEnabled(hGraphExec, hNode, arguments.isEnabled);
      return invoke.finish(result);
    }
    case Id::cuGraphUpload: {
      const auto& arguments = invoke.arguments<cuGraphUpload_arguments>();
      CUgraphExec hGraph = invoke.resolve<CUgraphExec>(arguments.hGraph);
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuGraphUpload(hGraph, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemPoolCreate: {
      const auto& arguments = invoke.arguments<cuMemPoolCreate_arguments>();
      CUmemPoolProps poolProps = arguments.poolProps;
      find_device(invoke, poolProps.location);
      if (!invoke.valid()) return invoke.refuse();
      CUmemoryPool created{};
      CUresult result = invoke.driver().cuMemPoolCreate(&created, &poolProps);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUmemoryPool>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuMemPoolDestroy: {
      const auto& arguments = invoke.arguments<cuMemPoolDestroy_arguments>();
      CUmemoryPool pool = invoke.resolve<CUmemoryPool>(arguments.pool);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemPoolDestroy(pool);
      invoke.unbind<CUmemoryPool>(arguments.pool);
      return invoke.finish(result);
    }
    case Id::cuMemPoolGetAccess: {
      const auto& arguments = invoke.arguments<cuMemPoolGetAccess_arguments>();
      CUmemoryPool memPool = invoke.resolve<CUmemoryPool>(arguments.memPool);
      CUmemLocation location = arguments.location;
      find_device(invoke, location);
      if (!invoke.valid()) return invoke.refuse();
      CUmemAccess_flags flags{};
      CUresult result = invoke.driver().cuMemPoolGetAccess(&flags, memPool, &location);
      cuMemPoolGetAccess_reply reply{};
      reply.flags = static_cast<int32_t>(flags);
      return invoke.reply(result, reply);
    }
    case Id::cuMemPoolGetAttribute: {
      const auto& arguments = invoke.arguments<cuMemPoolGetAttribute_arguments>();
      CUmemoryPool pool = invoke.resolve<CUmemoryPool>(arguments.pool);
      if (!invoke.valid()) return invoke.refuse();
      uint64_t value{};
      CUresult result = invoke.driver().cuMemPoolGetAttribute(pool, static_cast<CUmemPool_attribute>(arguments.attr), &value);
      cuMemPoolGetAttribute_reply reply{};
      reply.value = value;
      return invoke.reply(result, reply);
    }
    case Id::cuMemPoolSetAccess: {
      const auto& arguments = invoke.arguments<cuMemPoolSetAccess_arguments>();
      CUmemoryPool pool = invoke.resolve<CUmemoryPool>(arguments.pool);
      auto map_sent = invoke.array<CUmemAccessDesc>(arguments.count);
      std::vector<CUmemAccessDesc> map(map_sent.begin(), map_sent.end());
      for (auto& one : map) find_device(invoke, one.location);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemPoolSetAccess(pool, map.data(), arguments.count);
      return invoke.finish(result);
    }
    case Id::cuMemPoolSetAttribute: {
      const auto& arguments = invoke.arguments<cuMemPoolSetAttribute_arguments>();
      CUmemoryPool pool = invoke.resolve<CUmemoryPool>(arguments.pool);
      uint64_t value = arguments.value;
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemPoolSetAttribute(pool, static_cast<CUmemPool_attribute>(arguments.attr), &value);
      return invoke.finish(result);
    }
    case Id::cuMemPoolTrimTo: {
      const auto& arguments = invoke.arguments<cuMemPoolTrimTo_arguments>();
      CUmemoryPool pool = invoke.resolve<CUmemoryPool>(arguments.pool);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemPoolTrimTo(pool, arguments.minBytesToKeep);
      return invoke.finish(result);
    }
    case Id::cuMemcpyDtoDAsync_v2: {
      const auto& arguments = invoke.arguments<cuMemcpyDtoDAsync_v2_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemcpyDtoDAsync_v2(arguments.dstDevice, arguments.srcDevice, arguments.ByteCount, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemcpyDtoD_v2: {
      const auto& arguments = invoke.arguments<cuMemcpyDtoD_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemcpyDtoD_v2(arguments.dstDevice, arguments.srcDevice, arguments.ByteCount);
      return invoke.finish(result);
    }
    case Id::cuMemcpyPeer: {
      const auto& arguments = invoke.arguments<cuMemcpyPeer_arguments>();
      CUcontext dstContext = invoke.resolve<CUcontext>(arguments.dstContext);
      CUcontext srcContext = invoke.resolve<CUcontext>(arguments.srcContext);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemcpyPeer(arguments.dstDevice, dstContext, arguments.srcDevice, srcContext, arguments.ByteCount);
      return invoke.finish(result);
    }
    case Id::cuMemcpyPeerAsync: {
      const auto& arguments = invoke.arguments<cuMemcpyPeerAsync_arguments>();
      CUcontext dstContext = invoke.resolve<CUcontext>(arguments.dstContext);
      CUcontext srcContext = invoke.resolve<CUcontext>(arguments.srcContext);
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemcpyPeerAsync(arguments.dstDevice, dstContext, arguments.srcDevice, srcContext, arguments.ByteCount, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD16Async: {
      const auto& arguments = invoke.arguments<cuMemsetD16Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD16Async(arguments.dstDevice, arguments.us, arguments.N, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD16_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD16_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD16_v2(arguments.dstDevice, arguments.us, arguments.N);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D16Async: {
      const auto& arguments = invoke.arguments<cuMemsetD2D16Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D16Async(arguments.dstDevice, arguments.dstPitch, arguments.us, arguments.Width, arguments.Height, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D16_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD2D16_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D16_v2(arguments.dstDevice, arguments.dstPitch, arguments.us, arguments.Width, arguments.Height);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D32Async: {
      const auto& arguments = invoke.arguments<cuMemsetD2D32Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D32Async(arguments.dstDevice, arguments.dstPitch, arguments.ui, arguments.Width, arguments.Height, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D32_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD2D32_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D32_v2(arguments.dstDevice, arguments.dstPitch, arguments.ui, arguments.Width, arguments.Height);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D8Async: {
      const auto& arguments = invoke.arguments<cuMemsetD2D8Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D8Async(arguments.dstDevice, arguments.dstPitch, arguments.uc, arguments.Width, arguments.Height, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD2D8_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD2D8_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD2D8_v2(arguments.dstDevice, arguments.dstPitch, arguments.uc, arguments.Width, arguments.Height);
      return invoke.finish(result);
    }
    case Id::cuMemsetD32Async: {
      const auto& arguments = invoke.arguments<cuMemsetD32Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD32Async(arguments.dstDevice, arguments.ui, arguments.N, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD32_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD32_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD32_v2(arguments.dstDevice, arguments.ui, arguments.N);
      return invoke.finish(result);
    }
    case Id::cuMemsetD8Async: {
      const auto& arguments = invoke.arguments<cuMemsetD8Async_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD8Async(arguments.dstDevice, arguments.uc, arguments.N, hStream);
      return invoke.finish(result);
    }
    case Id::cuMemsetD8_v2: {
      const auto& arguments = invoke.arguments<cuMemsetD8_v2_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuMemsetD8_v2(arguments.dstDevice, arguments.uc, arguments.N);
      return invoke.finish(result);
    }
    case Id::cuOccupancyAvailableDynamicSMemPerBlock: {
      const auto& arguments = invoke.arguments<cuOccupancyAvailableDynamicSMemPerBlock_arguments>();
      CUfunction func = invoke.resolve<CUfunction>(arguments.func);
      if (!invoke.valid()) return invoke.refuse();
      size_t dynamicSmemSize{};
      CUresult result = invoke.driver().cuOccupancyAvailableDynamicSMemPerBlock(&dynamicSmemSize, func, arguments.numBlocks, arguments.blockSize);
      cuOccupancyAvailableDynamicSMemPerBlock_reply reply{};
      reply.dynamicSmemSize = dynamicSmemSize;
      return invoke.reply(result, reply);
    }
    case Id::cuStreamBeginCapture_v2: {
      const auto& arguments = invoke.arguments<cuStreamBeginCapture_v2_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamBeginCapture_v2(hStream, static_cast<CUstreamCaptureMode>(arguments.mode));
      return invoke.finish(result);
    }
    case Id::cuStreamCopyAttributes: {
      const auto& arguments = invoke.arguments<cuStreamCopyAttributes_arguments>();
      CUstream dstStream = invoke.resolve<CUstream>(arguments.dstStream);
      CUstream srcStream = invoke.resolve<CUstream>(arguments.srcStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamCopyAttributes(dstStream, srcStream);
      return invoke.finish(result);
    }
    case Id::cuStreamCreateWithPriority: {
      const auto& arguments = invoke.arguments<cuStreamCreateWithPriority_arguments>();
      if (!invoke.valid()) return invoke.refuse();
      CUstream created{};
      CUresult result = invoke.driver().cuStreamCreateWithPriority(&created, arguments.flags, arguments.priority);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUstream>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuStreamDestroy_v2: {
      const auto& arguments = invoke.arguments<cuStreamDestroy_v2_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamDestroy_v2(hStream);
      invoke.unbind<CUstream>(arguments.hStream);
      return invoke.finish(result);
    }
    case Id::cuStreamEndCapture: {
      const auto& arguments = invoke.arguments<cuStreamEndCapture_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUgraph created{};
      CUresult result = invoke.driver().cuStreamEndCapture(hStream, &created);
      if (result == CUDA_SUCCESS) result = invoke.bind<CUgraph>(arguments.created, created);
      return invoke.finish(result);
    }
    case Id::cuStreamGetAttribute: {
      const auto& arguments = invoke.arguments<cuStreamGetAttribute_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      if (!invoke.valid()) return invoke.refuse();
      CUstreamAttrValue value{};
      CUresult result = invoke.driver().cuStreamGetAttribute(hStream, static_cast<CUstreamAttrID>(arguments.attr), &value);
      cuStreamGetAttribute_reply reply{};
      reply.value = value;
      return invoke.reply(result, reply);
    }
    case Id::cuStreamSetAttribute: {
      const auto& arguments = invoke.arguments<cuStreamSetAttribute_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      CUstreamAttrValue param = arguments.param;
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamSetAttribute(hStream, static_cast<CUstreamAttrID>(arguments.attr), &param);
      return invoke.finish(result);
    }
    case Id::cuStreamWaitEvent: {
      const auto& arguments = invoke.arguments<cuStreamWaitEvent_arguments>();
      CUstream hStream = invoke.resolve<CUstream>(arguments.hStream);
      CUevent hEvent = invoke.resolve<CUevent>(arguments.hEvent);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamWaitEvent(hStream, hEvent, arguments.Flags);
      return invoke.finish(result);
    }
    case Id::cuStreamWaitValue32_v2: {
      const auto& arguments = invoke.arguments<cuStreamWaitValue32_v2_arguments>();
      CUstream stream = invoke.resolve<CUstream>(arguments.stream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamWaitValue32_v2(stream, arguments.addr, arguments.value, arguments.flags);
      return invoke.finish(result);
    }
    case Id::cuStreamWaitValue64_v2: {
      const auto& arguments = invoke.arguments<cuStreamWaitValue64_v2_arguments>();
      CUstream stream = invoke.resolve<CUstream>(arguments.stream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamWaitValue64_v2(stream, arguments.addr, arguments.value, arguments.flags);
      return invoke.finish(result);
    }
    case Id::cuStreamWriteValue32_v2: {
      const auto& arguments = invoke.arguments<cuStreamWriteValue32_v2_arguments>();
      CUstream stream = invoke.resolve<CUstream>(arguments.stream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamWriteValue32_v2(stream, arguments.addr, arguments.value, arguments.flags);
      return invoke.finish(result);
    }
    case Id::cuStreamWriteValue64_v2: {
      const auto& arguments = invoke.arguments<cuStreamWriteValue64_v2_arguments>();
      CUstream stream = invoke.resolve<CUstream>(arguments.stream);
      if (!invoke.valid()) return invoke.refuse();
      CUresult result = invoke.driver().cuStreamWriteValue64_v2(stream, arguments.addr, arguments.value, arguments.flags);
      return invoke.finish(result);
    }
    default:
      invoke.reject(CUDA_ERROR_NOT_SUPPORTED);
      return invoke.refuse();
  }
}

}  // namespace gpool::calls
