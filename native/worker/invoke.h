// What generated code (native/calls/generated/worker_dispatch.cpp) sees of the worker: one frame being carried out.
//
// A case of the generated dispatch reads the arguments, resolves the handles, asks valid(), calls the driver and ends
// with exactly one of refuse, finish or reply. Everything that comes off the wire is untrusted: whatever does not
// resolve makes valid() false, and refuse() then answers (or pushes) the first error found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "wire/frame.h"
#include "wire/handle.h"
#include "worker/handle_kinds.h"

namespace gpool::calls {
struct DriverTable;
}

namespace gpool::worker {

class Session;

class Invoke {
 public:
  // `frame` is the worker's private copy: nobody changes it while it is read.
  Invoke(Session& session, const wire::FrameHeader& frame, const std::byte* arguments, size_t argument_bytes,
         std::span<const std::byte> bulk);

  // -- reading
  // --------------------------------------------------------------------------------------------------------- The
  // packed struct at the beginning of the arguments; zeros when the frame is too short (then valid() is false).
  template <class Arguments>
  const Arguments& arguments() {
    static_assert(std::is_trivially_copyable_v<Arguments> && alignof(Arguments) <= 8);
    static const Arguments kZeros{};
    const std::byte* at = take(sizeof(Arguments), 1);
    return at ? *reinterpret_cast<const Arguments*>(at) : kZeros;
  }
  // The next `count` values behind what was taken so far; each part starts at a multiple of 8. Empty and invalid when
  // the frame does not hold them.
  template <class T>
  std::span<const T> array(uint64_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    const std::byte* at = take(sizeof(T), count);
    return at ? std::span<const T>(reinterpret_cast<const T*>(at), count) : std::span<const T>();
  }
  std::span<const std::byte> bulk() const { return bulk_; }
  const wire::FrameHeader& frame() const { return frame_; }
  bool wants_reply() const { return frame_.flags & wire::kWantsReply; }

  // -- handles
  // --------------------------------------------------------------------------------------------------------- The
  // driver's handle behind ours. Streams 0, 1 and 2 are CUDA's special ones. A kernel is accepted where a CUfunction is
  // wanted. Unknown, stale or of the wrong kind: null, and valid() becomes false.
  template <class T>
  T resolve(wire::Handle handle) {
    static_assert(kKindOf<T> != wire::Kind::none, "a number in cuda.h: use resolve_number with its kind");
    return reinterpret_cast<T>(lookup(kKindOf<T>, handle));
  }
  // The same, where a null handle is a legal argument.
  template <class T>
  T resolve_nullable(wire::Handle handle) {
    return handle == 0 ? T{} : resolve<T>(handle);
  }
  // Texture and surface objects, allocation handles: numbers in cuda.h.
  uint64_t resolve_number(wire::Kind kind, wire::Handle handle) { return lookup(kind, handle); }
  // The driver's device behind the session's ordinal.
  CUdevice device(int64_t ordinal);

  // Makes `value` known under the handle that the client has minted. Answers the status to finish with: a handle of the
  // wrong kind, or one that is taken, is an error (the created object is the caller's to destroy then, or dies with the
  // worker). When the driver's call has failed, bind nothing.
  template <class T>
  CUresult bind(wire::Handle handle, T value) {
    static_assert(kKindOf<T> != wire::Kind::none, "a number in cuda.h: use bind_number with its kind");
    return record(kKindOf<T>, handle, reinterpret_cast<uint64_t>(value));
  }
  CUresult bind_number(wire::Kind kind, wire::Handle handle, uint64_t value) { return record(kind, handle, value); }
  // Forgets a handle: after the driver's destroying call has been made.
  template <class T>
  void unbind(wire::Handle handle) {
    forget(kKindOf<T>, handle);
  }
  void unbind_number(wire::Kind kind, wire::Handle handle) { forget(kind, handle); }

  // -- ending
  // ----------------------------------------------------------------------------------------------------------
  bool valid() const { return first_error_ == CUDA_SUCCESS; }
  // Marks the frame as invalid (the first error is kept): for checks that a case makes by itself.
  void reject(CUresult error) {
    if (first_error_ == CUDA_SUCCESS) first_error_ = error;
  }
  bool refuse() { return finish(first_error_ == CUDA_SUCCESS ? CUDA_ERROR_INVALID_VALUE : first_error_); }
  // No answer beyond the status: an asker gets an empty reply; for a post, an error becomes push_error.
  bool finish(CUresult status);
  // The answer of a sync call: `reply` travels with the status, whatever it is; `trailing` (padded to 8) behind it.
  template <class Reply>
  bool reply(CUresult status, const Reply& reply, std::span<const std::byte> trailing = {}) {
    static_assert(std::is_trivially_copyable_v<Reply>);
    return answer(status, std::as_bytes(std::span<const Reply, 1>(&reply, 1)), trailing);
  }

  const calls::DriverTable& driver() const;
  Session& session() { return session_; }

 private:
  const std::byte* take(size_t bytes_each, uint64_t count);
  uint64_t lookup(wire::Kind kind, wire::Handle handle);
  CUresult record(wire::Kind kind, wire::Handle handle, uint64_t value);
  void forget(wire::Kind kind, wire::Handle handle);
  bool answer(CUresult status, std::span<const std::byte> reply, std::span<const std::byte> trailing);

  Session& session_;
  const wire::FrameHeader frame_;
  const std::byte* arguments_;
  size_t argument_bytes_;
  size_t taken_ = 0;
  std::span<const std::byte> bulk_;
  CUresult first_error_ = CUDA_SUCCESS;
};

}  // namespace gpool::worker
