#include "worker/invoke.h"

#include "worker/session.h"

namespace gpool::worker {

Invoke::Invoke(Session& session, const wire::FrameHeader& frame, const std::byte* arguments, size_t argument_bytes,
               std::span<const std::byte> bulk)
    : session_(session), frame_(frame), arguments_(arguments), argument_bytes_(argument_bytes), bulk_(bulk) {}

const std::byte* Invoke::take(size_t bytes_each, uint64_t count) {
  size_t left = argument_bytes_ - taken_;
  if (count > left / bytes_each) {
    reject(CUDA_ERROR_INVALID_VALUE);
    return nullptr;
  }
  const std::byte* at = arguments_ + taken_;
  size_t step = wire::padded(bytes_each * count);
  taken_ += step < left ? step : left;
  return at;
}

uint64_t Invoke::lookup(wire::Kind kind, wire::Handle handle) {
  if (kind == wire::Kind::stream) {
    StreamState* stream = session_.use_stream(handle, frame_.context);
    if (!stream) reject(CUDA_ERROR_INVALID_HANDLE);
    return stream ? reinterpret_cast<uint64_t>(stream->cu) : 0;
  }
  wire::Kind given = wire::kind_of(handle);
  bool fits = given == kind || (kind == wire::Kind::function && given == wire::Kind::kernel);
  Slab::Entry* entry = fits ? session_.slab(given).find(handle) : nullptr;
  if (!entry) reject(kind == wire::Kind::context ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_HANDLE);
  return entry ? entry->value : 0;
}

CUdevice Invoke::device(int64_t ordinal) {
  Device* device = ordinal < 0 ? nullptr : session_.device(uint64_t(ordinal));
  if (!device) reject(CUDA_ERROR_INVALID_DEVICE);
  return device ? device->cu : 0;
}

CUresult Invoke::record(wire::Kind kind, wire::Handle handle, uint64_t value) {
  if (wire::kind_of(handle) != kind) return CUDA_ERROR_INVALID_HANDLE;
  uint32_t context = 0;
  if (kind == wire::Kind::stream) {
    ContextState* state = session_.context_of_frame(frame_.context);
    if (!state) return CUDA_ERROR_INVALID_CONTEXT;
    context = uint32_t(session_.slab(wire::Kind::context).find_index(frame_.context)->extra);
  }
  Slab::Entry* entry = session_.slab(kind).bind(handle, value);
  if (!entry) return CUDA_ERROR_INVALID_HANDLE;
  if (kind == wire::Kind::stream) entry->extra = session_.add_stream(reinterpret_cast<CUstream>(value), context);
  return CUDA_SUCCESS;
}

void Invoke::forget(wire::Kind kind, wire::Handle handle) {
  if (kind == wire::Kind::stream)
    if (Slab::Entry* entry = session_.slab(kind).find(handle)) session_.streams[entry->extra].live = false;
  session_.slab(kind).forget(handle);
}

bool Invoke::finish(CUresult status) {
  session_.finish(frame_, status);
  return status == CUDA_SUCCESS;
}

bool Invoke::answer(CUresult status, std::span<const std::byte> reply, std::span<const std::byte> trailing) {
  if (!wants_reply()) return finish(status);
  session_.answer(frame_, status, reply, trailing);
  return status == CUDA_SUCCESS;
}

const calls::DriverTable& Invoke::driver() const {
  return session_.driver;
}

}  // namespace gpool::worker
