// Contexts: all of it is the client's own state. The worker hears of the first retain of a primary context and of its
// last release, and does not answer.
#include "client/context.h"

#include <algorithm>

#include "calls/generated/arguments.h"
#include "client/call.h"
#include "client/driver.h"
#include "client/graph_holdings.h"
#include "export_tables/export_tables.h"

namespace gpool::client {
namespace {

constexpr unsigned kContextFlags = CU_CTX_FLAGS_MASK;

CUresult send_context(const Device& device, Context& context, wire::DeviceContext::Action action, uint32_t flags) {
  // The worker ends a context only when its streams are done, and hears of functions that are done from here.
  if (action != wire::DeviceContext::retain_primary && action != wire::DeviceContext::create)
    context.session->wait_for_host_functions();
  wire::DeviceContext arguments{};
  arguments.action = action;
  arguments.device = device.index;
  arguments.context = context.handle;
  arguments.flags = flags;
  return device.session->post(wire::Message::device_context, nullptr, arguments);
}

bool scheduling_is_valid(unsigned flags) {
  if ((flags & ~kContextFlags) != 0) return false;
  const unsigned schedule = flags & CU_CTX_SCHED_MASK;
  return schedule == CU_CTX_SCHED_AUTO || schedule == CU_CTX_SCHED_SPIN || schedule == CU_CTX_SCHED_YIELD ||
         schedule == CU_CTX_SCHED_BLOCKING_SYNC;
}

void forget(Device& device, Context& context) {
  context.active = false;
  context.life++;
  context.sticky = 0;
  context.cache_config = 0;
  for (size_t i = 0; i < 16; i++) context.limits[i] = device.record.limits[i];
  device.memory.reset(&context);
  export_tables::context_ended(context.cuda());
}

// The context that a call names, or the current one when it names none.
Context* named(Call& call, CUcontext handle) {
  if (!call.ok()) return nullptr;
  Context* context = handle != nullptr ? find_context(handle) : call.context();
  if (context == nullptr) call.refuse(CUDA_ERROR_INVALID_CONTEXT);
  return context;
}

CUresult synchronize(Call& call, Context* context) {
  if (!call.ok()) return call.result();
  if (!context->active.load()) return call.end(CUDA_ERROR_CONTEXT_IS_DESTROYED);
  wire::Wait arguments{};
  arguments.what = wire::Wait::context;
  arguments.handle = context->handle;
  Pending pending;
  const CUresult status = context->session->ask(wire::Message::wait, context, arguments, pending);
  if (status == CUDA_SUCCESS) end_staged(*context->session, UINT64_MAX);
  return call.end(settle(context, status, pending.sequence));
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

// -- primary contexts
// ----------------------------------------------------------------------------------------------------------

extern "C" CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  Call call("cuDevicePrimaryCtxRetain");
  if (call.required(pctx) == nullptr || !call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  std::lock_guard lock(device->mutex);
  if (device->primary.retained == 0) {
    const CUresult status =
        send_context(*device, device->primary, wire::DeviceContext::retain_primary, device->primary.flags.load());
    if (status != CUDA_SUCCESS) return call.end(status);
    device->primary.active = true;
  }
  device->primary.retained++;
  *pctx = device->primary.cuda();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  Call call("cuDevicePrimaryCtxRelease_v2");
  if (!call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  std::unique_lock lock(device->mutex);
  if (device->primary.retained == 0) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (--device->primary.retained > 0) return call.end(CUDA_SUCCESS);
  lock.unlock();
  forget(*device, device->primary);
  return call.end(send_context(*device, device->primary, wire::DeviceContext::release_primary, 0));
}

extern "C" CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  Call call("cuDevicePrimaryCtxReset_v2");
  if (!call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  std::unique_lock lock(device->mutex);
  const bool was_active = device->primary.active;
  lock.unlock();
  if (!was_active) return call.end(CUDA_SUCCESS);
  forget(*device, device->primary);
  CUresult status = send_context(*device, device->primary, wire::DeviceContext::reset_primary, 0);
  lock.lock();
  // Whoever has retained it keeps it: the reset one begins anew at its next use.
  if (status == CUDA_SUCCESS && device->primary.retained > 0) {
    status = send_context(*device, device->primary, wire::DeviceContext::retain_primary, device->primary.flags.load());
    device->primary.active = status == CUDA_SUCCESS;
  }
  return call.end(status);
}

extern "C" CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  Call call("cuDevicePrimaryCtxSetFlags_v2");
  if (!call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  if (!scheduling_is_valid(flags)) return call.end(CUDA_ERROR_INVALID_VALUE);
  device->primary.flags = flags;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  Call call("cuDevicePrimaryCtxGetState");
  if (!call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  if (flags == nullptr || active == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  *flags = device->primary.flags.load(std::memory_order_relaxed);
  *active = device->primary.active.load(std::memory_order_relaxed) ? 1 : 0;
  return call.end(CUDA_SUCCESS);
}

// -- other contexts
// ------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags,
                                   CUdevice dev) {
  Call call("cuCtxCreate_v4");
  if (call.required(pctx) == nullptr || !call.ok()) return call.result();
  Device* device = driver().device(dev);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  if (!scheduling_is_valid(flags)) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (ctxCreateParams != nullptr &&
      (ctxCreateParams->numExecAffinityParams != 0 || ctxCreateParams->cigParams != nullptr))
    return call.end(CUDA_ERROR_NOT_SUPPORTED);
  Slab& slab = device->session->slab(wire::Kind::context);
  auto* context = new (std::nothrow) Context();
  Object* object =
      context != nullptr ? slab.create(wire::Kind::context, device->session->slot(), context->handle) : nullptr;
  if (object == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  static std::atomic<uint64_t> next_id{uint64_t{1} << 32};
  context->session = device->session;
  context->device = device;
  context->flags = flags;
  context->id = next_id.fetch_add(1);
  for (size_t i = 0; i < 16; i++) context->limits[i] = device->record.limits[i];
  const CUresult status = send_context(*device, *context, wire::DeviceContext::create, flags);
  if (status != CUDA_SUCCESS) return call.end(status);
  context->active = true;
  object->data = context;
  object->context = context;
  slab.publish(object, context->handle);
  device->session->add_context(context);
  push_context(context);
  *pctx = context->cuda();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxDestroy_v2(CUcontext ctx) {
  Call call("cuCtxDestroy_v2");
  Context* context = ctx != nullptr ? named(call, ctx) : nullptr;
  if (context == nullptr || context->primary) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (!context->active.exchange(false)) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (current_context() == context) pop_context();
  forget(*context->device, *context);
  context->session->slab(wire::Kind::context).destroy(context->handle);
  return call.end(send_context(*context->device, *context, wire::DeviceContext::destroy, 0));
}

extern "C" CUresult cuCtxAttach(CUcontext* pctx, unsigned int flags) {
  Call call("cuCtxAttach", Needs::context);
  if (call.required(pctx) == nullptr || !call.ok()) return call.result();
  if (flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  *pctx = call.context()->cuda();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxDetach(CUcontext ctx) {
  Call call("cuCtxDetach", Needs::context);
  if (call.ok() && (ctx == nullptr || find_context(ctx) != call.context())) call.refuse(CUDA_ERROR_INVALID_CONTEXT);
  return call.end(CUDA_SUCCESS);
}

// -- the thread's stack
// ----------------------------------------------------------------------------------------------------------

extern "C" CUresult cuCtxGetCurrent(CUcontext* pctx) {
  Call call("cuCtxGetCurrent");
  if (call.required(pctx) == nullptr || !call.ok()) return call.result();
  *pctx = call.context() != nullptr ? call.context()->cuda() : nullptr;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxSetCurrent(CUcontext ctx) {
  Call call("cuCtxSetCurrent");
  if (!call.ok()) return call.result();
  if (ctx == nullptr) {
    pop_context();
    return call.end(CUDA_SUCCESS);
  }
  Context* context = named(call, ctx);
  if (context == nullptr) return call.result();
  set_current_context(context);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  Call call("cuCtxPushCurrent_v2");
  Context* context = ctx != nullptr ? named(call, ctx) : nullptr;
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  push_context(context);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  Call call("cuCtxPopCurrent_v2");
  if (!call.ok()) return call.result();
  Context* popped = pop_context();
  if (popped == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (pctx != nullptr) *pctx = popped->cuda();
  return call.end(CUDA_SUCCESS);
}

// -- questions
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  Call call("cuCtxGetDevice_v2");
  Context* context = named(call, ctx);
  if (context == nullptr || call.required(device) == nullptr) return call.result();
  *device = context->device->ordinal;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetDevice(CUdevice* device) {
  Call call("cuCtxGetDevice");
  Context* context = named(call, nullptr);
  if (context == nullptr || call.required(device) == nullptr) return call.result();
  *device = context->device->ordinal;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetFlags(unsigned int* flags) {
  Call call("cuCtxGetFlags");
  Context* context = named(call, nullptr);
  if (context == nullptr || call.required(flags) == nullptr) return call.result();
  *flags = context->flags.load();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxSetFlags(unsigned int flags) {
  Call call("cuCtxSetFlags");
  Context* context = named(call, nullptr);
  if (context == nullptr) return call.result();
  if (!scheduling_is_valid(flags)) return call.end(CUDA_ERROR_INVALID_VALUE);
  context->flags = flags;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  Call call("cuCtxGetId");
  Context* context = named(call, ctx);
  if (context == nullptr || call.required(ctxId) == nullptr) return call.result();
  *ctxId = context->id.load();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  Call call("cuCtxGetApiVersion");
  Context* context = named(call, ctx);
  if (context == nullptr || call.required(version) == nullptr) return call.result();
  *version = 3020;  // that of every context made since CUDA 3.2
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  Call call("cuCtxGetStreamPriorityRange");
  Context* context = named(call, nullptr);
  if (context == nullptr) return call.result();
  if (leastPriority != nullptr) *leastPriority = context->device->record.stream_priority_least;
  if (greatestPriority != nullptr) *greatestPriority = context->device->record.stream_priority_greatest;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  Call call("cuCtxGetLimit", Needs::context);
  if (call.required(pvalue) == nullptr || !call.ok()) return call.result();
  if (limit < 0 || limit >= CU_LIMIT_MAX || limit >= 16) return call.end(CUDA_ERROR_INVALID_VALUE);
  const uint64_t value = call.context()->limits[limit].load();
  if (value == UINT64_MAX) return call.end(CUDA_ERROR_UNSUPPORTED_LIMIT);
  *pvalue = value;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  Call call(calls::Id::cuCtxSetLimit, "cuCtxSetLimit", Needs::context);
  if (!call.ok()) return call.result();
  if (limit < 0 || limit >= CU_LIMIT_MAX || limit >= 16) return call.end(CUDA_ERROR_INVALID_VALUE);
  // Of CIG and its shared memory one may only ask.
  const bool fixed = limit == CU_LIMIT_SHMEM_SIZE || limit == CU_LIMIT_CIG_ENABLED;
  if (fixed || call.context()->limits[limit].load() == UINT64_MAX) return call.end(CUDA_ERROR_UNSUPPORTED_LIMIT);
  if (call.context()->limits[limit].load() == value) return call.end(CUDA_SUCCESS);
  calls::cuCtxSetLimit_arguments arguments{};
  arguments.limit = limit;
  arguments.value = value;
  const CUresult status = call.post(arguments);
  // A driver may round the value; until then it is what was asked for.
  if (status == CUDA_SUCCESS) call.context()->limits[limit].store(value);
  return status;
}

extern "C" CUresult cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  Call call("cuCtxGetCacheConfig", Needs::context);
  if (call.required(pconfig) == nullptr || !call.ok()) return call.result();
  *pconfig = static_cast<CUfunc_cache>(call.context()->cache_config.load());
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  Call call(calls::Id::cuCtxSetCacheConfig, "cuCtxSetCacheConfig", Needs::context);
  if (!call.ok()) return call.result();
  if (config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  if (call.context()->cache_config.exchange(config) == static_cast<uint32_t>(config)) return call.end(CUDA_SUCCESS);
  calls::cuCtxSetCacheConfig_arguments arguments{};
  arguments.config = config;
  return call.post(arguments);
}

extern "C" CUresult cuCtxGetSharedMemConfig(CUsharedconfig* pConfig) {
  Call call("cuCtxGetSharedMemConfig", Needs::context);
  if (call.required(pConfig) == nullptr || !call.ok()) return call.result();
  *pConfig = static_cast<CUsharedconfig>(call.context()->shared_config.load());
  return call.end(CUDA_SUCCESS);
}

// Banks of shared memory have had one width since Maxwell: the setting is remembered and has no effect, as on any GPU
// of today.
extern "C" CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
  Call call("cuCtxSetSharedMemConfig", Needs::context);
  if (!call.ok()) return call.result();
  call.context()->shared_config = config;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxGetExecAffinity(CUexecAffinityParam* pExecAffinity, CUexecAffinityType type) {
  Call call("cuCtxGetExecAffinity", Needs::context);
  if (call.required(pExecAffinity) == nullptr || !call.ok()) return call.result();
  return call.end(type == CU_EXEC_AFFINITY_TYPE_SM_COUNT ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY
                                                         : CUDA_ERROR_INVALID_VALUE);
}

// -- waiting
// ---------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuCtxSynchronize(void) {
  Call call("cuCtxSynchronize", Needs::context);
  return synchronize(call, call.context());
}

extern "C" CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  Call call("cuCtxSynchronize_v2");
  return synchronize(call, named(call, ctx));
}

// -- peers
// -----------------------------------------------------------------------------------------------------------------------

// The worker maps memory for every GPU of the session that can reach it, so that enabling is a matter of bookkeeping
// here.
extern "C" CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  Call call("cuCtxEnablePeerAccess", Needs::context);
  Context* peer = peerContext != nullptr ? named(call, peerContext) : nullptr;
  if (!call.ok()) return call.result();
  if (Flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (peer == nullptr || peer == call.context()) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  const Device &from = *call.context()->device, &to = *peer->device;
  if (from.session != to.session || to.index >= 32 || (from.record.peer_mask_low >> to.index & 1) == 0)
    return call.end(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
  if (!call.context()->enable_peer(peer)) return call.end(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuCtxDisablePeerAccess(CUcontext peerContext) {
  Call call("cuCtxDisablePeerAccess", Needs::context);
  Context* peer = peerContext != nullptr ? named(call, peerContext) : nullptr;
  if (!call.ok()) return call.result();
  if (peer == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  return call.end(call.context()->disable_peer(peer) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
}
