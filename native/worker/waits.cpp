// Synchronising, asking whether work is done, and small questions about it.
#include <cstring>

#include "worker/session.h"

namespace gpool::worker {
namespace {

// What a wait or query is about; false: nothing that exists.
struct Target {
  StreamState* stream = nullptr;
  CUevent event = nullptr;
  ContextState* context = nullptr;
};

bool find_target(Session& session, Invoke& invoke, const wire::Wait& wait, Target& target) {
  uint32_t frame_context = invoke.frame().context;
  target.context = session.context_of_frame(frame_context);
  switch (wait.what) {
    case wire::Wait::stream:
      target.stream = session.find_stream(wait.handle, frame_context);
      if (!target.stream) return false;
      target.context = &session.contexts[target.stream->context];
      return true;
    case wire::Wait::event:
      target.event = invoke.resolve<CUevent>(wait.handle);
      return target.event != nullptr;
    case wire::Wait::context: {
      Slab::Entry* entry = session.slab(wire::Kind::context).find(wait.handle);
      if (wire::kind_of(wait.handle) == wire::Kind::context && entry) target.context = &session.contexts[entry->extra];
      return target.context != nullptr;
    }
    default:
      return false;
  }
}

uint32_t index_of(Session& session, const ContextState* context) {
  for (uint32_t i = 0; i < session.contexts.size(); ++i)
    if (&session.contexts[i] == context) return i;
  return 0;
}

}  // namespace

void carry_out_wait(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::Wait>();
  Target target;
  if (!invoke.valid() || !find_target(session, invoke, arguments, target)) {
    invoke.finish(CUDA_ERROR_INVALID_HANDLE);
    return;
  }
  auto done = [&session, context = target.context, question = invoke.frame()](CUresult result) {
    session.answer(question, session.settle(context, result));
  };
  if (target.context)
    if (CUresult status = session.make_current(index_of(session, target.context)); status != CUDA_SUCCESS)
      return done(status);
  if (target.stream) {
    // Idle streams, the common case after a copy, are answered at once.
    CUresult now = session.driver.cuStreamQuery(target.stream->cu);
    if (now != CUDA_ERROR_NOT_READY) {
      if (now == CUDA_SUCCESS) target.stream->done_uses = target.stream->uses;
      return done(now);
    }
    return session.after_stream(*target.stream, done);
  }
  if (target.event) {
    CUresult now = session.driver.cuEventQuery(target.event);
    if (now != CUDA_ERROR_NOT_READY || !target.context) return done(now);
    return session.after_event(target.event, index_of(session, target.context), done);
  }
  session.after_device(target.context->device, index_of(session, target.context), done);
}

void carry_out_query(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::Wait>();
  Target target;
  if (!invoke.valid() || !find_target(session, invoke, arguments, target)) {
    invoke.finish(CUDA_ERROR_INVALID_HANDLE);
    return;
  }
  CUresult result = CUDA_SUCCESS;
  if (target.stream) {
    result = session.make_current(target.stream->context);
    if (result == CUDA_SUCCESS) result = session.driver.cuStreamQuery(target.stream->cu);
  } else if (target.event) {
    result = session.driver.cuEventQuery(target.event);
  } else {
    for (StreamState* stream : session.busy_streams(target.context->device, index_of(session, target.context))) {
      CUresult one = session.driver.cuStreamQuery(stream->cu);
      if (one != CUDA_SUCCESS && (result == CUDA_SUCCESS || result == CUDA_ERROR_NOT_READY)) result = one;
    }
  }
  if (result != CUDA_ERROR_NOT_READY) result = session.settle(target.context, result, false);
  invoke.finish(result);
}

void carry_out_event_elapsed(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::EventElapsed>();
  CUevent start = invoke.resolve<CUevent>(arguments.start), end = invoke.resolve<CUevent>(arguments.end);
  if (!invoke.valid()) {
    invoke.refuse();
    return;
  }
  wire::EventElapsedReply reply{};
  CUresult status = session.driver.cuEventElapsedTime_v2(&reply.milliseconds, start, end);
  invoke.reply(status, reply);
}

void carry_out_error_text(Session& session, Invoke& invoke) {
  wire::ErrorTextReply reply{};
  auto code = static_cast<CUresult>(invoke.arguments<wire::ErrorText>().code);
  if (!invoke.valid()) {
    invoke.refuse();
    return;
  }
  const char *name = nullptr, *text = nullptr;
  CUresult status = session.driver.cuGetErrorName(code, &name);
  if (status == CUDA_SUCCESS) status = session.driver.cuGetErrorString(code, &text);
  if (name) std::strncpy(reply.name, name, sizeof reply.name - 1);
  if (text) std::strncpy(reply.text, text, sizeof reply.text - 1);
  invoke.reply(status, reply);
}

}  // namespace gpool::worker
