// Streams: made here, known to the worker by what is queued; questions about them are the client's.
#include <algorithm>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/capture.h"
#include "client/driver.h"
#include "client/graph_holdings.h"

namespace gpool::client {
namespace {

CUresult ask_stream(Call& call, CUstream stream, wire::Message message, bool settles) {
  wire::Wait arguments{};
  arguments.what = wire::Wait::stream;
  arguments.handle = call.handle(stream);
  if (!call.ok()) return call.result();
  Context* context = call.context();
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (capture_of(stream) != 0) {
    invalidate_capture(stream);
    return call.end(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  const uint64_t before = context->session->last_sequence();
  Pending pending;
  const CUresult status = context->session->ask(message, context, arguments, pending);
  if (!settles && status != CUDA_SUCCESS) return call.end(status);
  end_staged(*context->session, arguments.handle);
  return call.end(settle(context, status, before));
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  Call call(calls::Id::cuStreamCreateWithPriority, "cuStreamCreateWithPriority", Needs::context);
  if (!call.ok()) return call.result();
  if ((flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  const wire::DeviceRecord& record = call.context()->device->record;
  // Out of range is no error: the nearest one is taken.
  priority = std::min(std::max(priority, record.stream_priority_greatest), record.stream_priority_least);
  calls::cuStreamCreateWithPriority_arguments arguments{};
  arguments.created = call.mint(phStream);
  arguments.flags = flags;
  arguments.priority = priority;
  return call.post_created(arguments, phStream);
}

extern "C" CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) {
  return cuStreamCreateWithPriority(phStream, Flags, 0);
}

extern "C" CUresult cuStreamDestroy_v2(CUstream hStream) {
  Call call(calls::Id::cuStreamDestroy_v2, "cuStreamDestroy_v2");
  calls::cuStreamDestroy_v2_arguments arguments{};
  if (call.ok() && wire::is_special_stream(reinterpret_cast<uint64_t>(hStream)))
    return call.end(CUDA_ERROR_INVALID_HANDLE);
  arguments.hStream = call.destroyed(hStream);
  return call.post(arguments);
}

extern "C" CUresult cuStreamSynchronize(CUstream hStream) {
  Call call("cuStreamSynchronize");
  return ask_stream(call, hStream, wire::Message::wait, true);
}

extern "C" CUresult cuStreamQuery(CUstream hStream) {
  Call call("cuStreamQuery");
  return ask_stream(call, hStream, wire::Message::query, false);
}

extern "C" CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  Call call(calls::Id::cuStreamWaitEvent, "cuStreamWaitEvent");
  calls::cuStreamWaitEvent_arguments arguments{};
  arguments.hEvent = call.handle(hEvent);
  if ((Flags & ~static_cast<unsigned>(CU_EVENT_WAIT_EXTERNAL)) != 0) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (call.ok() && reinterpret_cast<uint64_t>(hStream) > 2 &&
      wire::session_of(reinterpret_cast<uint64_t>(hStream)) != wire::session_of(arguments.hEvent)) {
    // The event is of another node, whose GPU this one cannot wait for: the host does.
    return call.end(cuEventSynchronize(hEvent));
  }
  arguments.hStream = call.handle(hStream);
  arguments.Flags = Flags;
  if ((Flags & CU_EVENT_WAIT_EXTERNAL) == 0) note_capture_waits(hStream, hEvent);
  return call.post(arguments);
}

// -- questions
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  Call call("cuStreamGetFlags");
  call.handle(hStream);
  if (call.required(flags) == nullptr || !call.ok()) return call.result();
  *flags = call.object() != nullptr ? call.object()->flags.load() & CU_STREAM_NON_BLOCKING : 0;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  Call call("cuStreamGetPriority");
  call.handle(hStream);
  if (call.required(priority) == nullptr || !call.ok()) return call.result();
  *priority = call.object() != nullptr ? call.object()->priority.load() : 0;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  Call call("cuStreamGetId");
  const wire::Handle stream = call.handle(hStream);
  if (call.required(streamId) == nullptr || !call.ok()) return call.result();
  const Context* context = call.context();
  // Unique in the process; the legacy stream is one per context.
  *streamId = stream > 2 ? stream : (context != nullptr ? context->handle : 0);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  Call call("cuStreamGetCtx_v2");
  call.handle(hStream);
  if (call.required(pCtx) == nullptr || !call.ok()) return call.result();
  Context* context = call.object() != nullptr ? call.object()->context.load() : call.context();
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  *pCtx = context->cuda();
  if (pGreenCtx != nullptr) *pGreenCtx = nullptr;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetDevice(CUstream hStream, CUdevice* device) {
  Call call("cuStreamGetDevice");
  call.handle(hStream);
  if (call.required(device) == nullptr || !call.ok()) return call.result();
  Context* context = call.object() != nullptr ? call.object()->context.load() : call.context();
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  *device = context->device->ordinal;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetGreenCtx(CUstream hStream, CUgreenCtx* phCtx) {
  Call call("cuStreamGetGreenCtx");
  call.handle(hStream);
  if (call.required(phCtx) == nullptr || !call.ok()) return call.result();
  *phCtx = nullptr;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue* value) {
  Call call(calls::Id::cuStreamGetAttribute, "cuStreamGetAttribute");
  calls::cuStreamGetAttribute_arguments arguments{};
  arguments.hStream = call.handle(hStream);
  arguments.attr = attr;
  call.required(value);
  calls::cuStreamGetAttribute_reply reply{};
  const CUresult status = call.ask(arguments, reply);
  if (status == CUDA_SUCCESS) *value = reply.value;
  return status;
}

extern "C" CUresult cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue* param) {
  Call call(calls::Id::cuStreamSetAttribute, "cuStreamSetAttribute");
  calls::cuStreamSetAttribute_arguments arguments{};
  arguments.hStream = call.handle(hStream);
  arguments.attr = attr;
  if (call.required(param) != nullptr) arguments.param = *param;
  return call.post(arguments);
}

extern "C" CUresult cuStreamCopyAttributes(CUstream dst, CUstream src) {
  Call call(calls::Id::cuStreamCopyAttributes, "cuStreamCopyAttributes");
  calls::cuStreamCopyAttributes_arguments arguments{};
  arguments.dstStream = call.handle(dst);
  arguments.srcStream = call.handle(src);
  return call.post(arguments);
}
