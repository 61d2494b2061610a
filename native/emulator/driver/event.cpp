// Events: marks in streams, with times.
#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"

namespace gpool::emulator {
namespace {

using EventRef = std::shared_ptr<Event>;

CUresult find_event(CUevent handle, EventRef& event) {
  GPOOL_CHECK(driver().ready());
  event = handles().find<Event>(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  return check_alive(event->context);
}

CUresult record_event(const EventRef& event, const StreamRef& stream, bool external) {
  if (event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
  {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) {
      if (stream->capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      if (external) return record(stream, EventRecordWork{event, nullptr});
      std::lock_guard hold(event->mutex);
      event->capture = stream->capture;
      event->capture_tips = stream->capture_tips;
      return CUDA_SUCCESS;
    }
  }
  TicketRef done;
  GPOOL_CHECK(submit(stream, EventRecordWork{event, nullptr}, {}, &done));
  std::lock_guard hold(event->mutex);
  event->recorded = done;
  event->capture = nullptr;
  event->capture_tips.clear();
  return CUDA_SUCCESS;
}

CUresult elapsed(float* milliseconds, CUevent start_handle, CUevent end_handle) {
  EventRef start, end;
  GPOOL_CHECK(find_event(start_handle, start));
  GPOOL_CHECK(find_event(end_handle, end));
  if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
  if ((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) return CUDA_ERROR_INVALID_HANDLE;
  TicketRef from, to;
  {
    std::lock_guard lock(start->mutex);
    from = start->recorded;
  }
  {
    std::lock_guard lock(end->mutex);
    to = end->recorded;
  }
  if (!from || !to) return CUDA_ERROR_INVALID_HANDLE;
  if (!from->is_done() || !to->is_done()) return CUDA_ERROR_NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(to->at() - from->at()).count();
  return CUDA_SUCCESS;
}

CUresult ticket_of(const EventRef& event, TicketRef& ticket) {
  std::lock_guard lock(event->mutex);
  if (event->capture) return CUDA_ERROR_CAPTURED_EVENT;
  ticket = event->recorded;
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuEventCreate(CUevent* handle, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (!handle || (flags & ~kKnown)) return CUDA_ERROR_INVALID_VALUE;
  if (flags & CU_EVENT_INTERPROCESS) {
    return flags & CU_EVENT_DISABLE_TIMING ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  }
  auto event = std::make_shared<Event>();
  event->context = context;
  event->flags = flags;
  handles().add(event);
  *handle = reinterpret_cast<CUevent>(event->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuEventDestroy_v2(CUevent handle) {
  GPOOL_CHECK(driver().ready());
  EventRef event = handles().find<Event>(handle);
  if (!event || !handles().remove(event->handle)) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuEventDestroy(CUevent event) {
  return cuEventDestroy_v2(event);
}

GPOOL_CUDA cuEventRecordWithFlags(CUevent event_handle, CUstream stream_handle, unsigned flags) {
  EventRef event;
  StreamRef stream;
  GPOOL_CHECK(find_event(event_handle, event));
  if (flags & ~CU_EVENT_RECORD_EXTERNAL) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  return record_event(event, stream, flags & CU_EVENT_RECORD_EXTERNAL);
}

GPOOL_CUDA cuEventRecord(CUevent event, CUstream stream) {
  return cuEventRecordWithFlags(event, stream, 0);
}

GPOOL_CUDA cuEventQuery(CUevent handle) {
  EventRef event;
  GPOOL_CHECK(find_event(handle, event));
  TicketRef ticket;
  GPOOL_CHECK(ticket_of(event, ticket));
  if (int sticky = event->context->sticky.load()) return static_cast<CUresult>(sticky);
  return !ticket || ticket->is_done() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

GPOOL_CUDA cuEventSynchronize(CUevent handle) {
  EventRef event;
  GPOOL_CHECK(find_event(handle, event));
  TicketRef ticket;
  GPOOL_CHECK(ticket_of(event, ticket));
  if (ticket) ticket->wait();
  flush_output();
  return static_cast<CUresult>(event->context->sticky.load());
}

GPOOL_CUDA cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(milliseconds, start, end);
}

GPOOL_CUDA cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(milliseconds, start, end);
}

GPOOL_CUDA cuStreamWaitEvent(CUstream stream_handle, CUevent event_handle, unsigned flags) {
  StreamRef stream;
  EventRef event;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  GPOOL_CHECK(find_event(event_handle, event));
  if (flags & ~CU_EVENT_WAIT_EXTERNAL) return CUDA_ERROR_INVALID_VALUE;
  if (flags & CU_EVENT_WAIT_EXTERNAL) {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) return record(stream, EventWaitWork{event, nullptr});
  }
  std::shared_ptr<Capture> capture;
  std::vector<std::shared_ptr<Node>> tips;
  TicketRef ticket;
  {
    std::lock_guard lock(event->mutex);
    capture = event->capture;
    tips = event->capture_tips;
    ticket = event->recorded;
  }
  if (capture) {
    std::lock_guard lock(stream->context->order);
    if (capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream->capture && stream->capture != capture) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    if (stream->legacy) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    if (!stream->capture) {
      stream->capture = capture;
      stream->capture_tips.clear();
      capture->joined.push_back(stream);
    }
    stream->capture_tips.insert(stream->capture_tips.end(), tips.begin(), tips.end());
    return CUDA_SUCCESS;
  }
  {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
  }
  if (!ticket) return CUDA_SUCCESS;
  return submit(stream, EmptyWork{}, {ticket});
}

GPOOL_CUDA cuCtxRecordEvent(CUcontext, CUevent) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

GPOOL_CUDA cuCtxWaitEvent(CUcontext, CUevent) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace gpool::emulator
