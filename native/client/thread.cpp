// The context stack of each thread, and its own default streams.
#include <span>

#include "calls/generated/arguments.h"
#include "calls/generated/ids.h"
#include "client/context.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

class ThreadStreams {
 public:
  ~ThreadStreams() {
    if (driver().phase.load() != Phase::ready) return;  // the end of the process, or a forked child
    for (const Entry& one : entries_)
      if (is_current(one)) destroy(one);
  }

  wire::Handle find(Context& context) {
    for (Entry& one : entries_) {
      if (one.context != &context) continue;
      if (!is_current(one)) one = make(context);
      return one.stream;
    }
    entries_.push_back(make(context));
    return entries_.back().stream;
  }

 private:
  struct Entry {
    Context* context;
    uint32_t life;
    wire::Handle stream;
  };
  static bool is_current(const Entry& one) {
    return one.stream != 0 && one.life == one.context->life.load() && one.context->active.load();
  }
  static Entry make(Context& context) {
    Session& session = *context.session;
    Slab& slab = session.slab(wire::Kind::stream);
    Entry made{&context, context.life.load(), 0};
    wire::Handle handle = 0;
    Object* object = slab.create(wire::Kind::stream, session.slot(), handle);
    if (object == nullptr) return made;
    calls::cuStreamCreateWithPriority_arguments arguments{};
    arguments.created = handle;
    if (session.post(static_cast<uint16_t>(calls::Id::cuStreamCreateWithPriority), &context,
                     std::as_bytes(std::span(&arguments, 1))) != CUDA_SUCCESS)
      return made;
    object->context = &context;
    slab.publish(object, handle);
    made.stream = handle;
    return made;
  }
  static void destroy(const Entry& one) {
    Session& session = *one.context->session;
    calls::cuStreamDestroy_v2_arguments arguments{};
    arguments.hStream = one.stream;
    session.slab(wire::Kind::stream).destroy(one.stream);
    (void)session.post(static_cast<uint16_t>(calls::Id::cuStreamDestroy_v2), one.context,
                       std::as_bytes(std::span(&arguments, 1)));
  }

  std::vector<Entry> entries_;
};

std::vector<Context*>& below() {
  thread_local std::vector<Context*> t_below;
  return t_below;
}

}  // namespace

constinit thread_local Context* t_current = nullptr;

wire::Handle thread_stream(Context& context) {
  thread_local ThreadStreams t_streams;
  return t_streams.find(context);
}

void set_current_context(Context* context) {
  t_current = context;
}

void push_context(Context* context) {
  below().push_back(t_current);
  t_current = context;
}

Context* pop_context() {
  Context* popped = t_current;
  if (popped == nullptr) return nullptr;
  std::vector<Context*>& stack = below();
  t_current = nullptr;
  if (!stack.empty()) {
    t_current = stack.back();
    stack.pop_back();
  }
  return popped;
}

}  // namespace gpool::client
