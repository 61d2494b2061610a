#include "worker/session.h"

namespace gpool::worker {

ContextState* Session::context_of_frame(uint32_t index) {
  Slab::Entry* entry = slab(wire::Kind::context).find_index(index);
  return entry ? &contexts[entry->extra] : nullptr;
}

CUresult Session::make_current(uint32_t context) {
  if (current_context_ == int64_t(context)) return CUDA_SUCCESS;
  CUresult status = driver.cuCtxSetCurrent(contexts[context].cu);
  current_context_ = status == CUDA_SUCCESS ? int64_t(context) : -1;
  return status;
}

uint32_t Session::add_stream(CUstream stream, uint32_t context) {
  StreamState state;
  state.cu = stream;
  state.context = context;
  streams.push_back(state);
  return uint32_t(streams.size() - 1);
}

StreamState* Session::find_stream(wire::Handle handle, uint32_t frame_context) {
  if (wire::is_special_stream(handle)) {
    ContextState* context = context_of_frame(frame_context);
    if (!context) return nullptr;
    return &streams[handle == 2 ? context->thread_stream : context->legacy_stream];
  }
  if (wire::kind_of(handle) != wire::Kind::stream) return nullptr;
  Slab::Entry* entry = slab(wire::Kind::stream).find(handle);
  return entry ? &streams[entry->extra] : nullptr;
}

StreamState* Session::use_stream(wire::Handle handle, uint32_t frame_context) {
  StreamState* stream = find_stream(handle, frame_context);
  if (!stream) return nullptr;
  ++stream->uses;
  if (twins_for_all > 0) suspect_twins();
  Device& device = devices[contexts[stream->context].device];
  if (stream->fence_seen == device.fence_number) return stream;
  // A stream that is being captured takes no foreign events; what is captured runs later, behind its own fences.
  CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
  if (driver.cuStreamIsCapturing(stream->cu, &capture) == CUDA_SUCCESS && capture != CU_STREAM_CAPTURE_STATUS_NONE)
    return stream;
  for (const Device::FencePoint& point : device.fences)
    if (point.number > stream->fence_seen && (point.stream == UINT32_MAX || &streams[point.stream] != stream))
      driver.cuStreamWaitEvent(stream->cu, point.event, 0);
  stream->fence_seen = device.fence_number;
  return stream;
}

std::vector<StreamState*> Session::busy_streams(uint32_t device, int64_t only_context) {
  std::vector<StreamState*> found;
  for (StreamState& stream : streams) {
    if (!stream.live || !stream.busy()) continue;
    ContextState& context = contexts[stream.context];
    if (!context.live || context.device != device || (only_context >= 0 && stream.context != only_context)) continue;
    CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
    if (make_current(stream.context) != CUDA_SUCCESS) continue;
    if (driver.cuStreamIsCapturing(stream.cu, &capture) == CUDA_SUCCESS && capture != CU_STREAM_CAPTURE_STATUS_NONE)
      continue;
    found.push_back(&stream);
  }
  return found;
}

// Points whose event is done bind nobody any more.
void Session::forget_done_fences(Device& device) {
  std::erase_if(device.fences, [&](const Device::FencePoint& point) {
    if (driver.cuEventQuery(point.event) == CUDA_ERROR_NOT_READY) return false;
    if (point.stream == UINT32_MAX)
      destroy_later(point.event);  // somebody may wait for it
    else if (contexts[point.context].live)
      contexts[point.context].free_events.push_back(point.event);
    return true;
  });
}

void Session::fence_behind(StreamState& stream) {
  CUresult status;
  CUevent event = mark(stream, status);
  if (!event) return;
  Device& device = devices[contexts[stream.context].device];
  forget_done_fences(device);
  uint32_t index = 0;
  while (&streams[index] != &stream) ++index;
  device.fences.push_back({event, index, stream.context, ++device.fence_number});
}

void Session::fence(Device& device) {
  forget_done_fences(device);
  std::vector<StreamState*> busy = busy_streams(uint32_t(&device - devices.data()));
  if (busy.empty() && device.orphans.empty()) return;
  ++device.fence_number;
  for (Device::FencePoint point : device.orphans) {
    point.number = device.fence_number;
    device.fences.push_back(point);
  }
  device.orphans.clear();
  for (StreamState* stream : busy) {
    CUresult status;
    CUevent event = mark(*stream, status);
    if (!event) continue;
    uint32_t index = 0;
    while (&streams[index] != stream) ++index;
    device.fences.push_back({event, index, stream->context, device.fence_number});
  }
}

// In order: what the side thread has been given before may still work in the context.
bool Session::end_contexts() {
  const size_t before = ending_contexts_.size();
  std::erase_if(ending_contexts_, [&](const EndingContext& ending) {
    if (waited_for_in(ending.index) || side_thread_->jobs() >= SideThread::kMostJobs) return false;
    auto status = std::make_shared<CUresult>();
    side_thread_->give(
        [this, status, cu = contexts[ending.index].cu] {
          driver.cuCtxSetCurrent(nullptr);
          *status = driver.cuCtxDestroy_v2(cu);
        },
        [this, status, question = ending.question] {
          finish(question, *status);
          return true;
        });
    return true;
  });
  return ending_contexts_.size() != before;
}

CUresult Session::change_context(const wire::DeviceContext& message, const wire::FrameHeader& question) {
  Device* device = this->device(message.device);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (wire::kind_of(message.context) != wire::Kind::context) return CUDA_ERROR_INVALID_CONTEXT;
  Slab& slab = this->slab(wire::Kind::context);
  Slab::Entry* entry = slab.find(message.context);
  auto add = [&](CUcontext cu, bool primary) {
    Slab::Entry* bound = slab.bind(message.context, reinterpret_cast<uint64_t>(cu));
    if (!bound) return CUDA_ERROR_INVALID_CONTEXT;
    ContextState state;
    state.handle = message.context, state.cu = cu, state.device = message.device;
    state.primary = primary, state.retains = 1;
    contexts.push_back(state);
    uint32_t index = uint32_t(contexts.size() - 1);
    bound->extra = index;
    contexts[index].legacy_stream = add_stream(CU_STREAM_LEGACY, index);
    contexts[index].thread_stream = add_stream(CU_STREAM_PER_THREAD, index);
    return CUDA_SUCCESS;
  };
  auto end = [&](uint32_t index) {
    open_gates();
    for (StreamState& stream : streams)
      if (stream.context == index) stream.live = false;
    for (auto* points : {&device->fences, &device->orphans})
      std::erase_if(*points, [&](const Device::FencePoint& point) { return point.context == index; });
    contexts[index].live = false;
    contexts[index].free_events.clear();  // they end with the context
    current_context_ = -1;
    slab.forget(message.context);
  };
  CUcontext cu = nullptr;
  switch (message.action) {
    case wire::DeviceContext::retain_primary: {
      if (message.flags != 0) driver.cuDevicePrimaryCtxSetFlags_v2(device->cu, message.flags);
      CUresult status = driver.cuDevicePrimaryCtxRetain(&cu, device->cu);
      if (status != CUDA_SUCCESS) return status;
      if (!entry) return add(cu, true);
      ++contexts[entry->extra].retains;
      return CUDA_SUCCESS;
    }
    case wire::DeviceContext::release_primary: {
      if (!entry || !contexts[entry->extra].primary) return CUDA_ERROR_INVALID_CONTEXT;
      if (contexts[entry->extra].retains == 1)
        open_gates(), drain_context(entry->extra), end(entry->extra);
      else
        --contexts[entry->extra].retains;
      return driver.cuDevicePrimaryCtxRelease_v2(device->cu);
    }
    case wire::DeviceContext::reset_primary: {
      if (!entry || !contexts[entry->extra].primary) return CUDA_ERROR_INVALID_CONTEXT;
      uint32_t index = entry->extra, retains = contexts[index].retains;
      // The handle stands for the fresh context from the next frame on, so the stream stands still here.
      open_gates();
      drain_context(index);
      side_thread_->wait_until_done();
      end(index);
      for (uint32_t i = 0; i < retains; ++i) driver.cuDevicePrimaryCtxRelease_v2(device->cu);
      driver.cuDevicePrimaryCtxReset_v2(device->cu);
      // The client's retains outlive a reset: the handle stands for the fresh context.
      for (uint32_t i = 0; i < retains; ++i)
        if (CUresult status = driver.cuDevicePrimaryCtxRetain(&cu, device->cu); status != CUDA_SUCCESS) return status;
      CUresult status = add(cu, true);
      if (status == CUDA_SUCCESS) contexts.back().retains = retains;
      return status;
    }
    case wire::DeviceContext::create: {
      if (entry) return CUDA_ERROR_INVALID_CONTEXT;
      CUresult status = driver.cuCtxCreate_v4(&cu, nullptr, message.flags, device->cu);
      current_context_ = -1;
      return status == CUDA_SUCCESS ? add(cu, false) : status;
    }
    case wire::DeviceContext::destroy: {
      if (!entry || contexts[entry->extra].primary) return CUDA_ERROR_INVALID_CONTEXT;
      ending_contexts_.push_back({entry->extra, question});
      ending_contexts_.back().question.flags = 0;  // the answer is given here, errors are told later
      end(entry->extra);
      driver.cuCtxSetCurrent(nullptr);
      return CUDA_SUCCESS;
    }
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace gpool::worker
