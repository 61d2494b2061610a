// Events: recorded without an answer, asked about when somebody wants to know.
#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/capture.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

// Bits of Object::flags that belong to the client, above CUDA's.
constexpr uint32_t kRecorded = 1u << 31;
constexpr uint32_t kInGraph = 1u << 30;  // a graph records it, nobody here knows when

CUresult ask_event(Call& call, CUevent event, wire::Message message) {
  wire::Wait arguments{};
  arguments.what = wire::Wait::event;
  arguments.handle = call.handle(event);
  if (!call.ok()) return call.result();
  Context* context = call.context();
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  // An event that was never recorded is done, by definition.
  if ((call.object()->flags.load(std::memory_order_relaxed) & kRecorded) == 0) return call.end(CUDA_SUCCESS);
  if (call.object()->mark.load(std::memory_order_relaxed) != 0) return call.end(CUDA_ERROR_CAPTURED_EVENT);
  const uint64_t recorded = (call.object()->flags.load() & kInGraph) != 0
                                ? context->session->last_sequence()
                                : reinterpret_cast<uint64_t>(call.object()->data.load());
  Pending pending;
  const CUresult status = context->session->ask(message, context, arguments, pending);
  if (status == CUDA_ERROR_NOT_READY) return call.end(status);
  // What was due before the record is due now.
  return call.end(settle(context, status, recorded));
}

CUresult record(Call& call, CUevent event, CUstream stream, unsigned flags) {
  calls::cuEventRecordWithFlags_arguments arguments{};
  arguments.hEvent = call.handle(event);
  Object* object = call.object();
  arguments.hStream = call.handle(stream);
  arguments.flags = flags;
  if (!call.ok()) return call.result();
  const Context* of_stream =
      wire::is_special_stream(arguments.hStream) ? call.context() : call.object()->context.load();
  if (object->context.load() != of_stream) return call.end(CUDA_ERROR_INVALID_HANDLE);
  if ((flags & ~static_cast<unsigned>(CU_EVENT_RECORD_EXTERNAL)) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  const CUresult status = call.post(arguments);
  if (status != CUDA_SUCCESS) return status;
  object->flags.fetch_or(kRecorded, std::memory_order_relaxed);
  object->data.store(reinterpret_cast<void*>(call.session()->last_sequence()), std::memory_order_relaxed);
  if ((flags & CU_EVENT_RECORD_EXTERNAL) != 0 && capture_of(stream) != 0)
    note_graph_records(*object);
  else
    note_capture_records(event, stream);
  return status;
}

}  // namespace

void note_graph_records(Object& event) {
  event.flags.fetch_or(kRecorded | kInGraph);
}

}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  Call call(calls::Id::cuEventCreate, "cuEventCreate", Needs::context);
  if (!call.ok()) return call.result();
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if ((Flags & ~kKnown) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if ((Flags & CU_EVENT_INTERPROCESS) != 0)
    return call.end((Flags & CU_EVENT_DISABLE_TIMING) == 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED);
  calls::cuEventCreate_arguments arguments{};
  arguments.created = call.mint(phEvent);
  arguments.Flags = Flags;
  return call.post_created(arguments, phEvent);
}

extern "C" CUresult cuEventDestroy_v2(CUevent hEvent) {
  Call call(calls::Id::cuEventDestroy_v2, "cuEventDestroy_v2");
  calls::cuEventDestroy_v2_arguments arguments{};
  arguments.hEvent = call.destroyed(hEvent);
  return call.post(arguments);
}

extern "C" CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  Call call(calls::Id::cuEventRecordWithFlags, "cuEventRecordWithFlags");
  return record(call, hEvent, hStream, flags);
}

extern "C" CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  Call call(calls::Id::cuEventRecordWithFlags, "cuEventRecord");
  return record(call, hEvent, hStream, 0);
}

extern "C" CUresult cuEventQuery(CUevent hEvent) {
  Call call("cuEventQuery");
  return ask_event(call, hEvent, wire::Message::query);
}

extern "C" CUresult cuEventSynchronize(CUevent hEvent) {
  Call call("cuEventSynchronize");
  return ask_event(call, hEvent, wire::Message::wait);
}

extern "C" CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  Call call("cuEventElapsedTime_v2");
  wire::EventElapsed arguments{};
  arguments.start = call.handle(hStart);
  Object* start = call.object();
  arguments.end = call.handle(hEnd);
  Object* end = call.object();
  if (call.required(pMilliseconds) == nullptr || !call.ok()) return call.result();
  for (Object* event : {start, end}) {
    const uint32_t flags = event->flags.load(std::memory_order_relaxed);
    if ((flags & kRecorded) == 0 || (flags & CU_EVENT_DISABLE_TIMING) != 0) return call.end(CUDA_ERROR_INVALID_HANDLE);
  }
  wire::EventElapsedReply reply{};
  call.as(wire::Message::event_elapsed);
  const CUresult status = call.ask(arguments, reply);
  if (status == CUDA_SUCCESS) *pMilliseconds = reply.milliseconds;
  return status;
}

extern "C" CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent) {
  Call call(calls::Id::cuCtxRecordEvent, "cuCtxRecordEvent");
  calls::cuCtxRecordEvent_arguments arguments{};
  arguments.hCtx = call.handle(hCtx);
  arguments.hEvent = call.handle(hEvent);
  Object* object = call.object();
  const CUresult status = call.post(arguments);
  if (status == CUDA_SUCCESS) {
    object->flags.fetch_or(kRecorded);
    object->data.store(reinterpret_cast<void*>(call.session()->last_sequence()));
  }
  return status;
}

extern "C" CUresult cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent) {
  Call call(calls::Id::cuCtxWaitEvent, "cuCtxWaitEvent");
  calls::cuCtxWaitEvent_arguments arguments{};
  arguments.hCtx = call.handle(hCtx);
  arguments.hEvent = call.handle(hEvent);
  return call.post(arguments);
}
