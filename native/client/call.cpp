#include "client/call.h"

#include "calls/not_supported.h"
#include "client/context.h"
#include "client/driver.h"
#include "client/host_function.h"
#include "client/host_memory.h"
#include "client/host_twin.h"
#include "client/module.h"
#include "client/session.h"
#include "client/trace.h"

namespace gpool::client {

Call::Call(calls::Id id, const char* name, Needs needs) noexcept : id_(id), name_(name) {
  if (needs == Needs::nothing) {
    begin_watching();
    return;
  }
  const Phase phase = driver().phase.load(std::memory_order_acquire);
  if (phase != Phase::ready) {
    result_ = usable(phase);
    return;
  }
  if (in_host_function()) [[unlikely]] {
    result_ = CUDA_ERROR_NOT_PERMITTED;
    return;
  }
  context_ = current_context();
  if (needs != Needs::context) return;
  if (context_ == nullptr) {
    result_ = CUDA_ERROR_INVALID_CONTEXT;
  } else if (!context_->active.load(std::memory_order_relaxed)) {
    result_ = CUDA_ERROR_CONTEXT_IS_DESTROYED;
  } else {
    session_ = context_->session;
  }
}

Call::~Call() {
  if (g_watched.load(std::memory_order_relaxed)) [[unlikely]]
    watch(name_, result_);
  // Here this thread holds no lock.
  if (g_credit_called_back.load(std::memory_order_relaxed)) [[unlikely]]
    acknowledge_credit();
}

void Call::use(Context* context) {
  context_ = context;
  session_ = context != nullptr ? context->session : nullptr;
}

wire::Handle Call::handle(CUstream stream) {
  if (stream == CU_STREAM_PER_THREAD && ok() && context_ != nullptr && context_->active.load()) {
    const wire::Handle own = thread_stream(*context_);
    if (own == 0) refuse(CUDA_ERROR_OUT_OF_MEMORY);
    return check_number(own, wire::Kind::stream);
  }
  if (wire::is_special_stream(reinterpret_cast<uint64_t>(stream))) {
    if (session_ == nullptr && context_ != nullptr) session_ = context_->session;
    return reinterpret_cast<uint64_t>(stream);
  }
  return check(stream, wire::Kind::stream);
}

wire::Handle Call::check_number(uint64_t handle, wire::Kind kind) {
  if (result_ != CUDA_SUCCESS) return 0;
  const wire::Kind found = wire::kind_of(handle);
  const bool either = (kind == wire::Kind::function || kind == wire::Kind::kernel) &&
                      (found == wire::Kind::function || found == wire::Kind::kernel);
  Session* session = found == kind || either ? driver().session_of(handle) : nullptr;
  Object* object = session != nullptr ? session->find(handle) : nullptr;
  if (object == nullptr) {
    const bool of_graph = kind >= wire::Kind::graph && kind <= wire::Kind::graph_node;
    refuse(kind == wire::Kind::context ? CUDA_ERROR_INVALID_CONTEXT
           : of_graph                  ? CUDA_ERROR_INVALID_VALUE
                                       : CUDA_ERROR_INVALID_HANDLE);
    return 0;
  }
  if (session_ == nullptr || (context_ != nullptr && session_ == context_->session && object_ == nullptr)) {
    session_ = session;
  } else if (session_ != session) {
    // Objects of two nodes in one call: no GPU has both.
    refuse(CUDA_ERROR_INVALID_HANDLE);
    return 0;
  }
  object_ = object;
  // A thread whose current context is of another node, or that has none: the object's own context serves.
  if (context_ == nullptr || context_->session != session) {
    if (Context* own = object->context.load(std::memory_order_relaxed); own != nullptr) context_ = own;
  }
  // Functions travel by the handle under which the worker has bound them.
  return kind == wire::Kind::function || kind == wire::Kind::kernel ? kernel_of(object)->wire : handle;
}

int32_t Call::device(CUdevice ordinal) {
  if (result_ != CUDA_SUCCESS) return 0;
  Device* device = driver().device(ordinal);
  if (device == nullptr) {
    refuse(CUDA_ERROR_INVALID_DEVICE);
    return 0;
  }
  session_ = device->session;
  if (context_ == nullptr || context_->session != session_) context_ = &device->primary;
  return static_cast<int32_t>(device->index);
}

bool Call::settle_session() {
  if (result_ != CUDA_SUCCESS) return false;
  if (session_ == nullptr) {
    if (context_ == nullptr) {
      result_ = CUDA_ERROR_INVALID_CONTEXT;
      return false;
    }
    session_ = context_->session;
  }
  if (context_ != nullptr && context_->session != session_) context_ = nullptr;
  if (context_ != nullptr) {
    if (const int32_t sticky = context_->sticky.load(std::memory_order_relaxed); sticky != 0) [[unlikely]]
      result_ = static_cast<CUresult>(sticky);
  }
  return result_ == CUDA_SUCCESS;
}

wire::Handle Call::mint_kind(wire::Kind kind) {
  if (!settle_session()) return 0;
  Slab& slab = session_->slab(kind);
  Object* object = slab.create(kind, session_->slot(), minted_);
  if (object == nullptr) {
    refuse(CUDA_ERROR_OUT_OF_MEMORY);
    return minted_ = 0;
  }
  object->context.store(context_, std::memory_order_relaxed);
  slab.publish(object, minted_);
  return minted_;
}

void Call::retire(wire::Handle handle) {
  if (session_ != nullptr) session_->slab(wire::kind_of(handle)).destroy(handle);
}

void Call::check_range(uint64_t address, uint64_t bytes) {
  if (!ok() || bytes == 0) return;
  Device* device = device_of_address(address);
  if (device == nullptr ? !use_managed(address, bytes) : !device->memory.covers(address, bytes))
    refuse(CUDA_ERROR_INVALID_VALUE);
}

void Call::check_rows(uint64_t address, uint64_t pitch, uint64_t width, uint64_t height, uint64_t element_bytes) {
  if (!ok() || width == 0 || height == 0) return;
  constexpr uint64_t kMost = uint64_t{1} << 44;
  if (width > kMost || height > kMost || pitch > kMost || address % element_bytes != 0 ||
      (height > 1 && pitch < width * element_bytes))
    return refuse(CUDA_ERROR_INVALID_VALUE);
  uint64_t rows = 0;
  if (__builtin_mul_overflow(height - 1, pitch, &rows) || rows > kMost) return refuse(CUDA_ERROR_INVALID_VALUE);
  check_range(address, rows + width * element_bytes);
}

void Call::remember_flags(uint32_t flags) {
  if (minted_ == 0) return;
  if (Object* object = session_->find(minted_)) object->flags.store(flags, std::memory_order_relaxed);
}

void Call::remember_priority(int32_t priority) {
  if (minted_ == 0) return;
  if (Object* object = session_->find(minted_)) object->priority.store(priority, std::memory_order_relaxed);
}

CUresult Call::send_posted(const void* arguments, size_t bytes, Parts trailing) {
  if (!settle_session()) return result_;
  result_ = session_->post(static_cast<uint16_t>(id_), context_, Bytes(static_cast<const std::byte*>(arguments), bytes),
                           trailing);
  if (retire_ != 0) retire(retire_);
  return result_;
}

CUresult Call::send_asked(const void* arguments, size_t bytes, Parts trailing, void* reply, size_t reply_bytes,
                          std::span<std::byte> reply_trailing) {
  if (!settle_session()) return result_;
  Pending pending;
  pending.reply = std::span(static_cast<std::byte*>(reply), reply_bytes);
  pending.trailing = reply_trailing;
  result_ = session_->start(pending, static_cast<uint16_t>(id_), context_,
                            Bytes(static_cast<const std::byte*>(arguments), bytes), trailing);
  if (result_ == CUDA_SUCCESS) result_ = session_->wait(pending);
  if (retire_ != 0) retire(retire_);
  return result_;
}

}  // namespace gpool::client

namespace gpool::calls {

CUresult not_supported(const char* name) noexcept {
  client::Call call(Id{}, name);
  return call.end(CUDA_ERROR_NOT_SUPPORTED);
}

}  // namespace gpool::calls
