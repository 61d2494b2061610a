// The context stack of each thread.
#include "client/context.h"

namespace gpool::client {
namespace {

// Read by nearly every call: plain, and reached without a function call.
__attribute__((tls_model("initial-exec"))) thread_local Context* t_current = nullptr;

std::vector<Context*>& below() {
  thread_local std::vector<Context*> t_below;
  return t_below;
}

}  // namespace

Context* current_context() {
  return t_current;
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
