// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#include "calls/driver_api.h"

#include <cstring>

#include "calls/generated/arguments.h"
#include "calls/generated/ids.h"
#include "client/call.h"

namespace calls = gpool::calls;
namespace client = gpool::client;

extern "C" CUresult cuCtxResetPersistingL2Cache() {
  client::Call call(calls::Id::cuCtxResetPersistingL2Cache, "cuCtxResetPersistingL2Cache", client::Needs::context);
  calls::cuCtxResetPersistingL2Cache_arguments arguments{};
  return call.post(arguments);
}

extern "C" CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void *value) {
  client::Call call(calls::Id::cuDeviceGetGraphMemAttribute, "cuDeviceGetGraphMemAttribute", client::Needs::initialised);
  calls::cuDeviceGetGraphMemAttribute_arguments arguments{};
  arguments.device = call.device(device);
  arguments.attr = attr;
  call.required(value);
  calls::cuDeviceGetGraphMemAttribute_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  std::memcpy(value, &reply.value, 8);
  return CUDA_SUCCESS;
}

extern "C" CUresult cuDeviceGraphMemTrim(CUdevice device) {
  client::Call call(calls::Id::cuDeviceGraphMemTrim, "cuDeviceGraphMemTrim", client::Needs::initialised);
  calls::cuDeviceGraphMemTrim_arguments arguments{};
  arguments.device = call.device(device);
  return call.post(arguments);
}

extern "C" CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void *value) {
  client::Call call(calls::Id::cuDeviceSetGraphMemAttribute, "cuDeviceSetGraphMemAttribute", client::Needs::initialised);
  calls::cuDeviceSetGraphMemAttribute_arguments arguments{};
  arguments.device = call.device(device);
  arguments.attr = attr;
  if (call.required(value)) std::memcpy(&arguments.value, value, 8);
  return call.post(arguments);
}

extern "C" CUresult cuGraphCreate(CUgraph *phGraph, unsigned int flags) {
  client::Call call(calls::Id::cuGraphCreate, "cuGraphCreate", client::Needs::context);
  calls::cuGraphCreate_arguments arguments{};
  arguments.flags = flags;
  arguments.created = call.mint(phGraph);
  return call.post_created(arguments, phGraph);
}

extern "C" CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent event) {
  client::Call call(calls::Id::cuGraphEventWaitNodeSetEvent, "cuGraphEventWaitNodeSetEvent", client::Needs::context);
  calls::cuGraphEventWaitNodeSetEvent_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  arguments.event = call.handle(event);
  return call.post(arguments);
}

extern "C" CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  client::Call call(calls::Id::cuGraphExecEventWaitNodeSetEvent, "cuGraphExecEventWaitNodeSetEvent", client::Needs::context);
  calls::cuGraphExecEventWaitNodeSetEvent_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  arguments.hNode = call.handle(hNode);
  arguments.event = call.handle(event);
  return call.post(arguments);
}

extern "C" CUresult cuGraphExecGetFlags(CUgraphExec hGraphExec, cuuint64_t *flags) {
  client::Call call(calls::Id::cuGraphExecGetFlags, "cuGraphExecGetFlags", client::Needs::context);
  calls::cuGraphExecGetFlags_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  call.required(flags);
  calls::cuGraphExecGetFlags_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *flags = reply.flags;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphExecGetId(CUgraphExec hGraphExec, unsigned int *graphId) {
  client::Call call(calls::Id::cuGraphExecGetId, "cuGraphExecGetId", client::Needs::context);
  calls::cuGraphExecGetId_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  call.required(graphId);
  calls::cuGraphExecGetId_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *graphId = reply.graphId;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphGetId(CUgraph hGraph, unsigned int *graphId) {
  client::Call call(calls::Id::cuGraphGetId, "cuGraphGetId", client::Needs::context);
  calls::cuGraphGetId_arguments arguments{};
  arguments.hGraph = call.handle(hGraph);
  call.required(graphId);
  calls::cuGraphGetId_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *graphId = reply.graphId;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  client::Call call(calls::Id::cuGraphKernelNodeCopyAttributes, "cuGraphKernelNodeCopyAttributes", client::Needs::context);
  calls::cuGraphKernelNodeCopyAttributes_arguments arguments{};
  arguments.dst = call.handle(dst);
  arguments.src = call.handle(src);
  return call.post(arguments);
}

extern "C" CUresult cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr, CUkernelNodeAttrValue *value_out) {
  client::Call call(calls::Id::cuGraphKernelNodeGetAttribute, "cuGraphKernelNodeGetAttribute", client::Needs::context);
  calls::cuGraphKernelNodeGetAttribute_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  arguments.attr = attr;
  call.required(value_out);
  calls::cuGraphKernelNodeGetAttribute_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *value_out = reply.value_out;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr, const CUkernelNodeAttrValue *value) {
  client::Call call(calls::Id::cuGraphKernelNodeSetAttribute, "cuGraphKernelNodeSetAttribute", client::Needs::context);
  calls::cuGraphKernelNodeSetAttribute_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  arguments.attr = attr;
  if (call.required(value)) arguments.value = *value;
  return call.post(arguments);
}

extern "C" CUresult cuGraphNodeGetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int *isEnabled) {
  client::Call call(calls::Id::cuGraphNodeGetEnabled, "cuGraphNodeGetEnabled", client::Needs::context);
  calls::cuGraphNodeGetEnabled_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  arguments.hNode = call.handle(hNode);
  call.required(isEnabled);
  calls::cuGraphNodeGetEnabled_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *isEnabled = reply.isEnabled;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphNodeGetLocalId(CUgraphNode hNode, unsigned int *nodeId) {
  client::Call call(calls::Id::cuGraphNodeGetLocalId, "cuGraphNodeGetLocalId", client::Needs::context);
  calls::cuGraphNodeGetLocalId_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  call.required(nodeId);
  calls::cuGraphNodeGetLocalId_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *nodeId = reply.nodeId;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphNodeGetToolsId(CUgraphNode hNode, unsigned long long *toolsNodeId) {
  client::Call call(calls::Id::cuGraphNodeGetToolsId, "cuGraphNodeGetToolsId", client::Needs::context);
  calls::cuGraphNodeGetToolsId_arguments arguments{};
  arguments.hNode = call.handle(hNode);
  call.required(toolsNodeId);
  calls::cuGraphNodeGetToolsId_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *toolsNodeId = reply.toolsNodeId;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuGraphNodeSetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int isEnabled) {
  client::Call call(calls::Id::cuGraphNodeSetEnabled, "cuGraphNodeSetEnabled", client::Needs::context);
  calls::cuGraphNodeSetEnabled_arguments arguments{};
  arguments.hGraphExec = call.handle(hGraphExec);
  arguments.hNode = call.handle(hNode);
  arguments.isEnabled = isEnabled;
  return call.post(arguments);
}

extern "C" CUresult cuGraphUpload(CUgraphExec hGraph, CUstream hStream) {
  client::Call call(calls::Id::cuGraphUpload, "cuGraphUpload", client::Needs::context);
  calls::cuGraphUpload_arguments arguments{};
  arguments.hGraph = call.handle(hGraph);
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  client::Call call(calls::Id::cuMemcpyDtoDAsync_v2, "cuMemcpyDtoDAsync_v2", client::Needs::context);
  calls::cuMemcpyDtoDAsync_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.srcDevice = srcDevice;
  arguments.ByteCount = ByteCount;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  client::Call call(calls::Id::cuMemcpyDtoD_v2, "cuMemcpyDtoD_v2", client::Needs::context);
  calls::cuMemcpyDtoD_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.srcDevice = srcDevice;
  arguments.ByteCount = ByteCount;
  return call.post(arguments);
}

extern "C" CUresult cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount) {
  client::Call call(calls::Id::cuMemcpyPeer, "cuMemcpyPeer", client::Needs::context);
  calls::cuMemcpyPeer_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstContext = call.handle(dstContext);
  arguments.srcDevice = srcDevice;
  arguments.srcContext = call.handle(srcContext);
  arguments.ByteCount = ByteCount;
  return call.post(arguments);
}

extern "C" CUresult cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount, CUstream hStream) {
  client::Call call(calls::Id::cuMemcpyPeerAsync, "cuMemcpyPeerAsync", client::Needs::context);
  calls::cuMemcpyPeerAsync_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstContext = call.handle(dstContext);
  arguments.srcDevice = srcDevice;
  arguments.srcContext = call.handle(srcContext);
  arguments.ByteCount = ByteCount;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD16Async(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD16Async, "cuMemsetD16Async", client::Needs::context);
  calls::cuMemsetD16Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.us = us;
  arguments.N = N;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD16_v2(CUdeviceptr dstDevice, unsigned short us, size_t N) {
  client::Call call(calls::Id::cuMemsetD16_v2, "cuMemsetD16_v2", client::Needs::context);
  calls::cuMemsetD16_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.us = us;
  arguments.N = N;
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D16Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD2D16Async, "cuMemsetD2D16Async", client::Needs::context);
  calls::cuMemsetD2D16Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.us = us;
  arguments.Width = Width;
  arguments.Height = Height;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D16_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height) {
  client::Call call(calls::Id::cuMemsetD2D16_v2, "cuMemsetD2D16_v2", client::Needs::context);
  calls::cuMemsetD2D16_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.us = us;
  arguments.Width = Width;
  arguments.Height = Height;
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D32Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD2D32Async, "cuMemsetD2D32Async", client::Needs::context);
  calls::cuMemsetD2D32Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.ui = ui;
  arguments.Width = Width;
  arguments.Height = Height;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D32_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height) {
  client::Call call(calls::Id::cuMemsetD2D32_v2, "cuMemsetD2D32_v2", client::Needs::context);
  calls::cuMemsetD2D32_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.ui = ui;
  arguments.Width = Width;
  arguments.Height = Height;
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D8Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD2D8Async, "cuMemsetD2D8Async", client::Needs::context);
  calls::cuMemsetD2D8Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.uc = uc;
  arguments.Width = Width;
  arguments.Height = Height;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD2D8_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height) {
  client::Call call(calls::Id::cuMemsetD2D8_v2, "cuMemsetD2D8_v2", client::Needs::context);
  calls::cuMemsetD2D8_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.dstPitch = dstPitch;
  arguments.uc = uc;
  arguments.Width = Width;
  arguments.Height = Height;
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD32Async(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD32Async, "cuMemsetD32Async", client::Needs::context);
  calls::cuMemsetD32Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.ui = ui;
  arguments.N = N;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD32_v2(CUdeviceptr dstDevice, unsigned int ui, size_t N) {
  client::Call call(calls::Id::cuMemsetD32_v2, "cuMemsetD32_v2", client::Needs::context);
  calls::cuMemsetD32_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.ui = ui;
  arguments.N = N;
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
  client::Call call(calls::Id::cuMemsetD8Async, "cuMemsetD8Async", client::Needs::context);
  calls::cuMemsetD8Async_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.uc = uc;
  arguments.N = N;
  arguments.hStream = call.handle(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuMemsetD8_v2(CUdeviceptr dstDevice, unsigned char uc, size_t N) {
  client::Call call(calls::Id::cuMemsetD8_v2, "cuMemsetD8_v2", client::Needs::context);
  calls::cuMemsetD8_v2_arguments arguments{};
  arguments.dstDevice = dstDevice;
  arguments.uc = uc;
  arguments.N = N;
  return call.post(arguments);
}

extern "C" CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t *dynamicSmemSize, CUfunction func, int numBlocks, int blockSize) {
  client::Call call(calls::Id::cuOccupancyAvailableDynamicSMemPerBlock, "cuOccupancyAvailableDynamicSMemPerBlock", client::Needs::context);
  calls::cuOccupancyAvailableDynamicSMemPerBlock_arguments arguments{};
  arguments.func = call.handle(func);
  arguments.numBlocks = numBlocks;
  arguments.blockSize = blockSize;
  call.required(dynamicSmemSize);
  calls::cuOccupancyAvailableDynamicSMemPerBlock_reply reply{};
  CUresult result = call.ask(arguments, reply);
  if (result != CUDA_SUCCESS) return result;
  *dynamicSmemSize = reply.dynamicSmemSize;
  return CUDA_SUCCESS;
}

extern "C" CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  client::Call call(calls::Id::cuStreamWaitValue32_v2, "cuStreamWaitValue32_v2", client::Needs::context);
  calls::cuStreamWaitValue32_v2_arguments arguments{};
  arguments.stream = call.handle(stream);
  arguments.addr = addr;
  arguments.value = value;
  arguments.flags = flags;
  return call.post(arguments);
}

extern "C" CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  client::Call call(calls::Id::cuStreamWaitValue64_v2, "cuStreamWaitValue64_v2", client::Needs::context);
  calls::cuStreamWaitValue64_v2_arguments arguments{};
  arguments.stream = call.handle(stream);
  arguments.addr = addr;
  arguments.value = value;
  arguments.flags = flags;
  return call.post(arguments);
}

extern "C" CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  client::Call call(calls::Id::cuStreamWriteValue32_v2, "cuStreamWriteValue32_v2", client::Needs::context);
  calls::cuStreamWriteValue32_v2_arguments arguments{};
  arguments.stream = call.handle(stream);
  arguments.addr = addr;
  arguments.value = value;
  arguments.flags = flags;
  return call.post(arguments);
}

extern "C" CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  client::Call call(calls::Id::cuStreamWriteValue64_v2, "cuStreamWriteValue64_v2", client::Needs::context);
  calls::cuStreamWriteValue64_v2_arguments arguments{};
  arguments.stream = call.handle(stream);
  arguments.addr = addr;
  arguments.value = value;
  arguments.flags = flags;
  return call.post(arguments);
}

