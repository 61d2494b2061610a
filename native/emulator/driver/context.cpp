#include "emulator/driver/context.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <deque>

#include "emulator/driver/driver.h"
#include "emulator/driver/log.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/module.h"
#include "export_tables/export_tables.h"

namespace gpool::emulator {
namespace {

constexpr size_t kDefaultHeap = 8 << 20;
std::atomic<uint64_t> next_context_id{1};

std::map<CUlimit, size_t> default_limits() {
  return {{CU_LIMIT_STACK_SIZE, 1024},
          {CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20},
          {CU_LIMIT_MALLOC_HEAP_SIZE, kDefaultHeap},
          {CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH, 2},
          {CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT, 2048},
          {CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64},
          {CU_LIMIT_PERSISTING_L2_CACHE_SIZE, 0},
          {CU_LIMIT_CIG_ENABLED, 0}};  // cuBLAS asks whether graphics share the context
}

}  // namespace

std::vector<uint64_t>& context_stack() {
  thread_local std::vector<uint64_t> stack;
  return stack;
}

namespace {

struct Printed {
  std::mutex mutex;
  std::deque<std::string> pieces;  // one for each call of printf
  size_t bytes = 0;
  std::string complaints;
};
Printed& printed() {
  static Printed* const all = new Printed;  // never destroyed: kernels may still run then
  return *all;
}

}  // namespace

void keep_output(Context& context, std::string_view text) {
  size_t room;
  {
    std::lock_guard lock(context.settings_mutex);
    room = context.limits[CU_LIMIT_PRINTF_FIFO_SIZE];
  }
  Printed& all = printed();
  std::lock_guard lock(all.mutex);
  if (text.size() > room) return;
  all.pieces.emplace_back(text);
  all.bytes += text.size();
  while (all.bytes > room) {
    all.bytes -= all.pieces.front().size();
    all.pieces.pop_front();
  }
}

void keep_complaint(std::string_view line) {
  constexpr size_t kMost = 1 << 20;
  Printed& all = printed();
  std::lock_guard lock(all.mutex);
  if (all.complaints.size() + line.size() <= kMost) all.complaints += line;
}

void flush_output() {
  Printed& all = printed();
  std::lock_guard lock(all.mutex);
  for (const std::string& piece : all.pieces) std::fwrite(piece.data(), 1, piece.size(), stdout);
  if (!all.pieces.empty()) std::fflush(stdout);
  all.pieces.clear();
  all.bytes = 0;
  if (all.complaints.empty()) return;
  std::fwrite(all.complaints.data(), 1, all.complaints.size(), stderr);
  std::fflush(stderr);
  all.complaints.clear();
}

void Context::open() {
  std::lock_guard lock(order);
  id = next_context_id++;
  sticky = 0;
  stopping = false;
  limits = default_limits();
  peers = 0;
  legacy = std::make_shared<Stream>();
  legacy->legacy = true;
  legacy->context = shared_from_this();
  legacy->id = 0;
  active = true;
}

void Context::tear_down() {
  active = false;
  stopping = true;
  wait_for_all();
  std::set<StreamRef> gone;
  StreamRef gone_legacy;
  {
    std::lock_guard lock(order);
    gone.swap(streams);
    gone_legacy = std::move(legacy);
    leftovers.clear();
    global_captures = 0;
  }
  for (const StreamRef& stream : gone) handles().remove(stream->handle);
  for (const auto& event : handles().all<Event>()) {
    if (event->context.get() == this) handles().remove(event->handle);
  }
  export_tables::context_ended(reinterpret_cast<CUcontext>(handle));
  drop_modules_of(*this);
  for (const Block& block : memory().blocks_where([this](const Block& b) { return b.context == handle; })) {
    memory().remove(block.begin);
  }
  std::lock_guard lock(heap_mutex);
  heap_used.clear();
  heap_begin = 0;
  // Streams refer to their context; the circle ends here. Each one's drain thread holds its own reference while it
  // runs.
  for (const StreamRef& stream : gone) stream->capture = nullptr;
}

void Context::poison(CUresult code, const std::string& sentence) {
  int none = 0;
  if (sticky.compare_exchange_strong(none, code)) log(Level::error, sentence);
  flush_output();  // calls that fail from now on do not come to their own point of doing so
}

std::vector<TicketRef> Context::all_tickets() {
  std::lock_guard lock(order);
  std::vector<TicketRef> tickets;
  if (legacy && legacy->last) tickets.push_back(legacy->last);
  for (const StreamRef& stream : streams) {
    if (stream->last) tickets.push_back(stream->last);
  }
  std::erase_if(leftovers, [](const TicketRef& ticket) { return ticket->is_done(); });
  tickets.insert(tickets.end(), leftovers.begin(), leftovers.end());
  return tickets;
}

void Context::wait_for_all() {
  for (const TicketRef& ticket : all_tickets()) ticket->wait();
  flush_output();
}

// First fit over the address order; kernels that allocate are few, and so are their blocks.
uint64_t Context::heap_allocate(uint64_t bytes) {
  size_t limit;
  {
    std::lock_guard lock(settings_mutex);
    limit = limits[CU_LIMIT_MALLOC_HEAP_SIZE];
  }
  std::lock_guard lock(heap_mutex);
  if (!heap_begin || bytes == 0) return 0;
  bytes = (bytes + 15) / 16 * 16;
  uint64_t at = heap_begin;
  for (const auto& [begin, size] : heap_used) {
    if (begin - at >= bytes) break;
    at = begin + size;
  }
  if (at + bytes > heap_begin + limit) return 0;
  heap_used[at] = bytes;
  return at;
}

void Context::heap_free(uint64_t address) {
  std::lock_guard lock(heap_mutex);
  heap_used.erase(address);
}

CUresult check_alive(const ContextRef& context) {
  return context && context->active ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult current_context_even_broken(ContextRef& context) {
  GPOOL_CHECK(driver().ready());
  std::vector<uint64_t>& stack = context_stack();
  if (stack.empty() || stack.back() == 0) return CUDA_ERROR_INVALID_CONTEXT;
  context = handles().find<Context>(stack.back());
  return check_alive(context);
}

CUresult current_context(ContextRef& context) {
  GPOOL_CHECK(current_context_even_broken(context));
  return static_cast<CUresult>(context->sticky.load(std::memory_order_acquire));
}

// --- the calls ---

namespace {

constexpr unsigned kContextFlags = CU_CTX_FLAGS_MASK;

// Retaining, releasing and resetting primary contexts, one at a time; a thread may come back here from
// the destructors that ending a context runs.
std::recursive_mutex primary_mutex;

CUresult create(CUcontext* handle, unsigned flags, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  if (flags & ~kContextFlags) return CUDA_ERROR_INVALID_VALUE;
  auto context = std::make_shared<Context>();
  context->device = ordinal;
  context->flags = flags;
  handles().add(context);
  context->open();
  context_stack().push_back(context->handle);
  *handle = reinterpret_cast<CUcontext>(context->handle);
  return CUDA_SUCCESS;
}

CUresult find_context(CUcontext handle, ContextRef& context) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return current_context_even_broken(context);
  context = handles().find<Context>(handle);
  return context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

}  // namespace

GPOOL_CUDA cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
  return create(context, flags, device);
}

GPOOL_CUDA cuCtxCreate(CUcontext* context, unsigned flags, CUdevice device) {
  return create(context, flags, device);
}

GPOOL_CUDA cuCtxCreate_v3(CUcontext* context, CUexecAffinityParam*, int affinities, unsigned flags, CUdevice device) {
  if (affinities != 0) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  return create(context, flags, device);
}

GPOOL_CUDA cuCtxCreate_v4(CUcontext* context, CUctxCreateParams* parameters, unsigned flags, CUdevice device) {
  if (parameters && parameters->numExecAffinityParams != 0) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  if (parameters && parameters->cigParams) return CUDA_ERROR_NOT_SUPPORTED;
  return create(context, flags, device);
}

GPOOL_CUDA cuCtxDestroy_v2(CUcontext handle) {
  GPOOL_CHECK(driver().ready());
  ContextRef context = handles().find<Context>(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (context->primary) return CUDA_ERROR_INVALID_CONTEXT;
  if (!handles().remove(context->handle)) return CUDA_ERROR_INVALID_CONTEXT;
  context->tear_down();
  std::vector<uint64_t>& stack = context_stack();
  if (!stack.empty() && stack.back() == context->handle) stack.pop_back();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxDestroy(CUcontext context) {
  return cuCtxDestroy_v2(context);
}

GPOOL_CUDA cuCtxAttach(CUcontext* context, unsigned flags) {
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  return cuCtxGetCurrent(context);
}

GPOOL_CUDA cuCtxDetach(CUcontext context) {
  return cuCtxDestroy_v2(context);
}

GPOOL_CUDA cuCtxPushCurrent_v2(CUcontext handle) {
  GPOOL_CHECK(driver().ready());
  ContextRef context = handles().find<Context>(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  context_stack().push_back(context->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxPushCurrent(CUcontext context) {
  return cuCtxPushCurrent_v2(context);
}

GPOOL_CUDA cuCtxPopCurrent_v2(CUcontext* handle) {
  GPOOL_CHECK(driver().ready());
  std::vector<uint64_t>& stack = context_stack();
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (handle) *handle = reinterpret_cast<CUcontext>(stack.back());
  stack.pop_back();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxPopCurrent(CUcontext* context) {
  return cuCtxPopCurrent_v2(context);
}

GPOOL_CUDA cuCtxSetCurrent(CUcontext handle) {
  GPOOL_CHECK(driver().ready());
  std::vector<uint64_t>& stack = context_stack();
  if (!handle) {
    if (!stack.empty()) stack.pop_back();
    return CUDA_SUCCESS;
  }
  ContextRef context = handles().find<Context>(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (stack.empty()) {
    stack.push_back(context->handle);
  } else {
    stack.back() = context->handle;
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetCurrent(CUcontext* handle) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  std::vector<uint64_t>& stack = context_stack();
  *handle = stack.empty() ? nullptr : reinterpret_cast<CUcontext>(stack.back());
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetDevice(CUdevice* device) {
  GPOOL_CHECK(driver().ready());
  std::vector<uint64_t>& stack = context_stack();
  ContextRef context = stack.empty() ? nullptr : handles().find<Context>(stack.back());
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  *device = context->device;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetDevice_v2(CUdevice* device, CUcontext handle) {
  if (!handle) return cuCtxGetDevice(device);
  ContextRef context;
  GPOOL_CHECK(find_context(handle, context));
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  *device = context->device;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetFlags(unsigned* flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags | CU_CTX_MAP_HOST;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxSetFlags(unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (flags & ~kContextFlags) return CUDA_ERROR_INVALID_VALUE;
  context->flags = flags;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetId(CUcontext handle, unsigned long long* id) {
  ContextRef context;
  GPOOL_CHECK(find_context(handle, context));
  if (!id) return CUDA_ERROR_INVALID_VALUE;
  *id = context->id;
  return check_alive(context);
}

GPOOL_CUDA cuCtxGetApiVersion(CUcontext handle, unsigned* version) {
  ContextRef context;
  GPOOL_CHECK(find_context(handle, context));
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  *version = 3020;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxSynchronize() {
  // Also where the error is known already: what kernels have said until then comes out here.
  ContextRef context;
  GPOOL_CHECK(current_context_even_broken(context));
  {
    std::lock_guard lock(context->order);
    if (context->global_captures > 0) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  context->wait_for_all();
  return static_cast<CUresult>(context->sticky.load());
}

GPOOL_CUDA cuCtxSynchronize_v2(CUcontext handle) {
  ContextRef context;
  GPOOL_CHECK(find_context(handle, context));
  GPOOL_CHECK(check_alive(context));
  context->wait_for_all();
  return static_cast<CUresult>(context->sticky.load());
}

GPOOL_CUDA cuCtxSetLimit(CUlimit limit, size_t value) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  std::lock_guard lock(context->settings_mutex);
  auto at = context->limits.find(limit);
  if (at == context->limits.end())
    return limit < CU_LIMIT_MAX ? CUDA_ERROR_UNSUPPORTED_LIMIT : CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_CIG_ENABLED) return CUDA_ERROR_UNSUPPORTED_LIMIT;  // can only be asked about
  if (limit == CU_LIMIT_MALLOC_HEAP_SIZE) {
    // The heap is laid out when the first module is loaded.
    std::lock_guard heap(context->heap_mutex);
    if (context->heap_begin && value != at->second) return CUDA_ERROR_INVALID_VALUE;
    value = std::max<size_t>(value, 4096);
  }
  if (limit == CU_LIMIT_STACK_SIZE && value > (512 << 10)) return CUDA_ERROR_INVALID_VALUE;
  at->second = value;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetLimit(size_t* value, CUlimit limit) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(context->settings_mutex);
  auto at = context->limits.find(limit);
  if (at == context->limits.end())
    return limit < CU_LIMIT_MAX ? CUDA_ERROR_UNSUPPORTED_LIMIT : CUDA_ERROR_INVALID_VALUE;
  *value = at->second;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetCacheConfig(CUfunc_cache* config) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!config) return CUDA_ERROR_INVALID_VALUE;
  *config = context->cache_config;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxSetCacheConfig(CUfunc_cache config) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (config > CU_FUNC_CACHE_PREFER_EQUAL) return CUDA_ERROR_INVALID_VALUE;
  context->cache_config = config;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxGetSharedMemConfig(CUsharedconfig* config) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!config) return CUDA_ERROR_INVALID_VALUE;
  *config = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxSetSharedMemConfig(CUsharedconfig config) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  return config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxResetPersistingL2Cache() {
  ContextRef context;
  return current_context(context);
}

GPOOL_CUDA cuCtxGetExecAffinity(CUexecAffinityParam*, CUexecAffinityType) {
  GPOOL_CHECK(driver().ready());
  return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
}

GPOOL_CUDA cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  Context& context = *device->primary;
  std::lock_guard lock(primary_mutex);
  if (context.retained == 0 && !context.active) {
    context.open();
    log(Level::debug,
        "process " + std::to_string(getpid()) + " makes the primary context of GPU " + std::to_string(device->gpu));
  }
  ++context.retained;
  *handle = reinterpret_cast<CUcontext>(context.handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  Context& context = *device->primary;
  std::lock_guard lock(primary_mutex);
  if (context.retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--context.retained == 0) context.tear_down();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDevicePrimaryCtxRelease(CUdevice device) {
  return cuDevicePrimaryCtxRelease_v2(device);
}

GPOOL_CUDA cuDevicePrimaryCtxReset_v2(CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  Context& context = *device->primary;
  std::lock_guard lock(primary_mutex);
  if (context.active) context.tear_down();
  context.flags = 0;
  // Still retained by others: they find a fresh context behind the same handle.
  if (context.retained > 0) context.open();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDevicePrimaryCtxReset(CUdevice device) {
  return cuDevicePrimaryCtxReset_v2(device);
}

GPOOL_CUDA cuDevicePrimaryCtxSetFlags_v2(CUdevice ordinal, unsigned flags) {
  GPOOL_CHECK(driver().ready());
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (flags & ~kContextFlags) return CUDA_ERROR_INVALID_VALUE;
  device->primary->flags = flags;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
  return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

GPOOL_CUDA cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned* flags, int* active) {
  GPOOL_CHECK(driver().ready());
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (!flags || !active) return CUDA_ERROR_INVALID_VALUE;
  *flags = device->primary->flags;
  *active = device->primary->active;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  GPOOL_CHECK(driver().ready());
  if (!can) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(device) || !driver().device(peer)) return CUDA_ERROR_INVALID_DEVICE;
  *can = device != peer;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attribute, CUdevice source, CUdevice destination) {
  GPOOL_CHECK(driver().ready());
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(source) || !driver().device(destination) || source == destination)
    return CUDA_ERROR_INVALID_DEVICE;
  switch (attribute) {
    case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK:
      *value = 0;
      return CUDA_SUCCESS;
    case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED:
      *value = 1;
      return CUDA_SUCCESS;
    case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED:
      *value = 0;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

GPOOL_CUDA cuCtxEnablePeerAccess(CUcontext peer_handle, unsigned flags) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  ContextRef peer = handles().find<Context>(peer_handle);
  if (!peer || peer == context) return CUDA_ERROR_INVALID_CONTEXT;
  if (peer->device == context->device) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  uint64_t bit = uint64_t{1} << peer->device;
  if (context->peers.fetch_or(bit) & bit) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuCtxDisablePeerAccess(CUcontext peer_handle) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  ContextRef peer = handles().find<Context>(peer_handle);
  if (!peer) return CUDA_ERROR_INVALID_CONTEXT;
  uint64_t bit = uint64_t{1} << peer->device;
  if (!(context->peers.fetch_and(~bit) & bit)) return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
