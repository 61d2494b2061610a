// One driver call of the application, from its first line to its return: refuses where the driver cannot be used, turns
// CUDA handles into wire handles, finds the session, sends, waits, counts and traces. Generated stubs and hand-written
// calls both begin with it.
//
//   client::Call call(calls::Id::cuStreamWaitEvent, "cuStreamWaitEvent");
//   arguments.hStream = call.handle(hStream);
//   return call.post(arguments);
//
// The first thing that goes wrong is remembered and returned by whatever ends the call (post, ask, end); a call that
// has gone wrong sends nothing. Nothing here throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>

#include "calls/driver_api.h"
#include "calls/generated/ids.h"
#include "wire/frame.h"
#include "wire/handle.h"
#include "wire/messages.h"

namespace gpool::client {

class Session;
struct Context;
struct Object;

using Bytes = std::span<const std::byte>;
// What follows the packed struct in a frame: arrays, each padded to a multiple of 8 bytes.
using Parts = std::initializer_list<Bytes>;
template <typename T>
Bytes array_bytes(const T* values, size_t count) {
  return std::as_bytes(std::span<const T>(values, values == nullptr ? 0 : count));
}

// Which states of the process a call may be made in.
enum class Needs : uint8_t {
  nothing,      // works before cuInit
  initialised,  // after cuInit
  context,      // a current context as well; CUDA_ERROR_INVALID_CONTEXT without one
};

class Call {
 public:
  Call(calls::Id id, const char* name, Needs needs = Needs::initialised) noexcept;
  // A call that has no number on the wire of its own: answered here, or sent as one of the messages below 64.
  explicit Call(const char* name, Needs needs = Needs::initialised) noexcept : Call(calls::Id{}, name, needs) {}
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // -- arguments: CUDA's handle → wire handle. The call's session becomes that of the first handle
  // -------------------------- Wrong kind, generation or session: remembers CUDA_ERROR_INVALID_HANDLE (contexts:
  // CUDA_ERROR_INVALID_CONTEXT) and returns 0. The special streams 0, 1 and 2 travel as they are.
  wire::Handle handle(CUcontext context) { return check(context, wire::Kind::context); }
  wire::Handle handle(CUstream stream);
  wire::Handle handle(CUevent event) { return check(event, wire::Kind::event); }
  wire::Handle handle(CUmodule module) { return check(module, wire::Kind::module); }
  wire::Handle handle(CUlibrary library) { return check(library, wire::Kind::library); }
  wire::Handle handle(CUfunction function) { return check(function, wire::Kind::function); }  // or a kernel
  wire::Handle handle(CUkernel kernel) { return check(kernel, wire::Kind::kernel); }          // or a function
  wire::Handle handle(CUgraph graph) { return check(graph, wire::Kind::graph); }
  wire::Handle handle(CUgraphExec exec) { return check(exec, wire::Kind::graph_exec); }
  wire::Handle handle(CUgraphNode node) { return check(node, wire::Kind::graph_node); }
  wire::Handle handle(CUmemoryPool pool) { return check(pool, wire::Kind::mem_pool); }
  wire::Handle handle(CUarray array) { return check(array, wire::Kind::array); }
  wire::Handle handle(CUmipmappedArray array) { return check(array, wire::Kind::mipmapped_array); }
  wire::Handle handle(CUlinkState link) { return check(link, wire::Kind::link); }
  wire::Handle handle(CUgreenCtx green) { return check(green, wire::Kind::green_context); }
  // Those whose C types are plain numbers, and so have names of their own.
  wire::Handle texture(CUtexObject object) { return check_number(object, wire::Kind::texture); }
  wire::Handle surface(CUsurfObject object) { return check_number(object, wire::Kind::surface); }
  wire::Handle memory(CUmemGenericAllocationHandle memory) { return check_number(memory, wire::Kind::memory); }
  // As `handle`, but a null pointer is allowed and travels as 0.
  template <typename T>
  wire::Handle handle_or_null(T value) {
    return value == nullptr ? 0 : handle(value);
  }
  // As `handle`, for the call that destroys the object: the handle stops being valid when the call is sent.
  template <typename T>
  wire::Handle destroyed(T value) {
    wire::Handle h = handle(value);
    retire_ = h;
    return h;
  }
  wire::Handle destroyed_number(uint64_t value, wire::Kind kind) { return retire_ = check_number(value, kind); }
  // The client's ordinal → the ordinal within the session. Remembers CUDA_ERROR_INVALID_DEVICE.
  int32_t device(CUdevice ordinal);
  // A pointer that must not be null: remembers CUDA_ERROR_INVALID_VALUE.
  template <typename T>
  T* required(T* pointer) {
    if (pointer == nullptr) refuse(CUDA_ERROR_INVALID_VALUE);
    return pointer;
  }

  // -- results
  // ----------------------------------------------------------------------------------------------------------- A new
  // handle of the kind that belongs to T, in the call's session and the current context. Null pointer: remembers
  // CUDA_ERROR_INVALID_VALUE. Nothing is written through `result` before `post_created` or `ask_created`.
  template <typename T>
  wire::Handle mint(T* result) {
    if (result == nullptr) refuse(CUDA_ERROR_INVALID_VALUE);
    return mint_kind(kind_of_type<T>());
  }
  wire::Handle mint_kind(wire::Kind kind);
  // One that an earlier call has minted, and this one's worker is to hear of.
  wire::Handle minted_before(wire::Handle handle) { return minted_ = handle; }

  // -- endings
  // ----------------------------------------------------------------------------------------------------------- Queues
  // the call.
  template <typename Arguments>
  CUresult post(const Arguments& arguments, Parts trailing = {}) {
    static_assert(std::is_trivially_copyable_v<Arguments>);
    check_ranges(arguments);
    return send_posted(&arguments, std::is_empty_v<Arguments> ? 0 : sizeof(Arguments), trailing);
  }
  // Queues a creation and hands out the handle that was minted.
  template <typename Arguments, typename T>
  CUresult post_created(const Arguments& arguments, T* result, Parts trailing = {}) {
    remember_creation(arguments);
    CUresult status = post(arguments, trailing);
    return hand_out(status, result);
  }
  // Sends the question and waits for the answer. What follows the reply's struct lands in `reply_trailing`, as much as
  // fits.
  template <typename Arguments, typename Reply>
  CUresult ask(const Arguments& arguments, Reply& reply, Parts trailing = {},
               std::span<std::byte> reply_trailing = {}) {
    static_assert(std::is_trivially_copyable_v<Arguments> && std::is_trivially_copyable_v<Reply>);
    return send_asked(&arguments, std::is_empty_v<Arguments> ? 0 : sizeof(Arguments), trailing, &reply,
                      std::is_empty_v<Reply> ? 0 : sizeof(Reply), reply_trailing);
  }
  template <typename Arguments>
  CUresult ask(const Arguments& arguments, Parts trailing = {}) {
    return send_asked(&arguments, std::is_empty_v<Arguments> ? 0 : sizeof(Arguments), trailing, nullptr, 0, {});
  }
  // A creation that must know its outcome at once.
  template <typename Arguments, typename Reply, typename T>
  CUresult ask_created(const Arguments& arguments, Reply& reply, T* result, Parts trailing = {}) {
    remember_creation(arguments);
    CUresult status = ask(arguments, reply, trailing);
    return hand_out(status, result);
  }
  // The call is answered here.
  CUresult end(CUresult status) { return result_ = result_ != CUDA_SUCCESS ? result_ : status; }

  // -- for hand-written calls
  // ----------------------------------------------------------------------------------------------
  bool ok() const { return result_ == CUDA_SUCCESS; }
  CUresult result() const { return result_; }
  void refuse(CUresult why) {
    if (result_ == CUDA_SUCCESS) result_ = why;
  }
  Session* session() const { return session_; }
  void use(Session* session) { session_ = session; }
  Context* context() const { return context_; }  // current one of the thread, or null
  void use(Context* context);                    // runs the call in this one, and in its session
  calls::Id id() const { return id_; }
  // The client's state of a handle that `handle` has accepted.
  Object* object() const { return object_; }
  // The same call as another frame: hand-written messages below 64.
  void as(wire::Message message) { id_ = static_cast<calls::Id>(static_cast<uint16_t>(message)); }

  // Device memory that a hand-written call is about to fill: refuses what is not allocated.
  void check_fill(uint64_t address, uint64_t pitch, uint64_t width, uint64_t height, uint64_t element_bytes) {
    check_rows(address, pitch, width, height, element_bytes);
  }

 private:
  template <typename T>
  static constexpr wire::Kind kind_of_type();

  wire::Handle check(const void* handle, wire::Kind kind) {
    return check_number(reinterpret_cast<uint64_t>(handle), kind);
  }
  wire::Handle check_number(uint64_t handle, wire::Kind kind);
  bool settle_session();
  CUresult send_posted(const void* arguments, size_t bytes, Parts trailing);
  CUresult send_asked(const void* arguments, size_t bytes, Parts trailing, void* reply, size_t reply_bytes,
                      std::span<std::byte> reply_trailing);
  void retire(wire::Handle handle);

  // Fills and copies outside what is allocated are refused at the call, as drivers do.
  template <typename Arguments>
  void check_ranges(const Arguments& arguments) {
    if constexpr (requires { arguments.dstDevice, arguments.srcDevice, arguments.ByteCount; }) {
      check_range(arguments.dstDevice, arguments.ByteCount);
      check_range(arguments.srcDevice, arguments.ByteCount);
    } else if constexpr (requires { arguments.dstDevice, arguments.dstPitch, arguments.Width, arguments.Height; }) {
      check_rows(arguments.dstDevice, arguments.dstPitch, arguments.Width, arguments.Height, element_bytes(arguments));
    } else if constexpr (requires { arguments.dstDevice, arguments.N; }) {
      check_rows(arguments.dstDevice, 0, arguments.N, 1, element_bytes(arguments));
    }
  }
  template <typename Arguments>
  static constexpr uint64_t element_bytes(const Arguments&) {
    if constexpr (requires(Arguments a) { a.ui; }) return 4;
    if constexpr (requires(Arguments a) { a.us; }) return 2;
    return 1;
  }
  void check_range(uint64_t address, uint64_t bytes);
  void check_rows(uint64_t address, uint64_t pitch, uint64_t width, uint64_t height, uint64_t element_bytes);

  // Flags and priority of a new stream or event are questions that the client answers.
  template <typename Arguments>
  void remember_creation(const Arguments& arguments) {
    if constexpr (requires { arguments.Flags; }) remember_flags(static_cast<uint32_t>(arguments.Flags));
    if constexpr (requires { arguments.flags; }) remember_flags(static_cast<uint32_t>(arguments.flags));
    if constexpr (requires { arguments.priority; }) remember_priority(static_cast<int32_t>(arguments.priority));
  }
  void remember_flags(uint32_t flags);
  void remember_priority(int32_t priority);

  template <typename T>
  CUresult hand_out(CUresult status, T* result) {
    if (status != CUDA_SUCCESS) {
      if (minted_ != 0) retire(minted_);
      return status;
    }
    if constexpr (std::is_pointer_v<T>) {
      *result = reinterpret_cast<T>(minted_);
    } else {
      *result = static_cast<T>(minted_);
    }
    return status;
  }

  calls::Id id_;
  CUresult result_ = CUDA_SUCCESS;
  const char* name_;
  Session* session_ = nullptr;
  Context* context_ = nullptr;
  Object* object_ = nullptr;
  wire::Handle minted_ = 0;
  wire::Handle retire_ = 0;
};

template <typename T>
constexpr wire::Kind Call::kind_of_type() {
  using wire::Kind;
  if constexpr (std::is_same_v<T, CUcontext>) return Kind::context;
  if constexpr (std::is_same_v<T, CUstream>) return Kind::stream;
  if constexpr (std::is_same_v<T, CUevent>) return Kind::event;
  if constexpr (std::is_same_v<T, CUmodule>) return Kind::module;
  if constexpr (std::is_same_v<T, CUlibrary>) return Kind::library;
  if constexpr (std::is_same_v<T, CUfunction>) return Kind::function;
  if constexpr (std::is_same_v<T, CUkernel>) return Kind::kernel;
  if constexpr (std::is_same_v<T, CUgraph>) return Kind::graph;
  if constexpr (std::is_same_v<T, CUgraphExec>) return Kind::graph_exec;
  if constexpr (std::is_same_v<T, CUgraphNode>) return Kind::graph_node;
  if constexpr (std::is_same_v<T, CUmemoryPool>) return Kind::mem_pool;
  if constexpr (std::is_same_v<T, CUarray>) return Kind::array;
  if constexpr (std::is_same_v<T, CUmipmappedArray>) return Kind::mipmapped_array;
  if constexpr (std::is_same_v<T, CUlinkState>) return Kind::link;
  if constexpr (std::is_same_v<T, CUgreenCtx>) return Kind::green_context;
  return Kind::none;  // plain numbers: use mint_kind
}

}  // namespace gpool::client
