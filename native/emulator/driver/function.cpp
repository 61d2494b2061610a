// Attributes of functions and kernels, and occupancy.
#include <climits>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/launch.h"
#include "emulator/driver/limits.h"
#include "emulator/driver/module.h"

namespace gpool::emulator {
namespace {

using FunctionRef = std::shared_ptr<Function>;

// Functions name their context; kernels take the current one.
CUresult find(CUfunction handle, FunctionRef& function) {
  GPOOL_CHECK(driver().ready());
  function = handles().find<Function>(handle);
  if (function) return check_alive(function->context);
  if (!handles().find<KernelHandle>(handle)) return CUDA_ERROR_INVALID_HANDLE;
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  return find_function(handle, context, function);
}

CUresult attribute_of(const ptx::Module& code, const ptx::Kernel& kernel, const FunctionSettings& settings,
                      CUfunction_attribute attribute, int* value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: {
      int by_registers = kernel.registers ? kRegisters / static_cast<int>(kernel.registers) / 32 * 32 : INT_MAX;
      *value = std::min({kMaxThreadsPerBlock, static_cast<int>(kernel.max_threads), by_registers});
      return CUDA_SUCCESS;
    }
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *value = static_cast<int>(kernel.shared_bytes);
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: {
      uint64_t bytes = 0;
      for (const ptx::Variable& variable : code.variables()) bytes += variable.constant ? variable.bytes : 0;
      *value = static_cast<int>(bytes);
      return CUDA_SUCCESS;
    }
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *value = static_cast<int>(kernel.local_bytes);
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *value = static_cast<int>(kernel.registers);
      return CUDA_SUCCESS;
    // CUB chooses a kernel's tuning by the first, and launches nothing where that is no architecture it was built for.
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      *value = code.target();
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      if (code.version() == 0) {
        *value = code.target();
        return CUDA_SUCCESS;
      }
      *value = driver().settings().major * 10 + driver().settings().minor;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
      *value = 0;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *value = settings.max_dynamic_shared >= 0 ? settings.max_dynamic_shared.load()
                                                : std::max(0, kSharedPerBlock - static_cast<int>(kernel.shared_bytes));
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      *value = settings.carveout;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
      *value = settings.cluster_required;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
      *value = settings.cluster[attribute - CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH];
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
      *value = settings.non_portable;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      *value = settings.cluster_policy;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult set_attribute(const ptx::Kernel& kernel, FunctionSettings& settings, CUfunction_attribute attribute,
                       int value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || value > kSharedPerBlockOptIn - static_cast<int>(kernel.shared_bytes))
        return CUDA_ERROR_INVALID_VALUE;
      settings.max_dynamic_shared = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
      settings.carveout = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
      if (value < 0 || value > 8) return CUDA_ERROR_INVALID_VALUE;
      settings.cluster[attribute - CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH] = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
      settings.non_portable = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      settings.cluster_policy = value;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult parameter_info(const ptx::Kernel& kernel, size_t index, size_t* offset, size_t* bytes) {
  if (!offset) return CUDA_ERROR_INVALID_VALUE;
  if (index >= kernel.parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = kernel.parameters[index].offset;
  if (bytes) *bytes = kernel.parameters[index].bytes;
  return CUDA_SUCCESS;
}

// A kernel of a library, without need for a context.
struct KernelView {
  std::shared_ptr<KernelHandle> handle;
  std::shared_ptr<Library> library;
  const ptx::Kernel* kernel = nullptr;
  std::shared_ptr<FunctionSettings> settings_on(int device) {
    std::lock_guard lock(library->mutex);
    auto& settings = handle->settings[device];
    if (!settings) settings = std::make_shared<FunctionSettings>();
    return settings;
  }
};

CUresult find_kernel(CUkernel handle, KernelView& view) {
  GPOOL_CHECK(driver().ready());
  view.handle = handles().find<KernelHandle>(handle);
  view.library = view.handle ? view.handle->library.lock() : nullptr;
  if (!view.library) return CUDA_ERROR_INVALID_HANDLE;
  view.kernel = &view.library->code->kernels()[view.handle->index];
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  return attribute_of(*function->code, function->kernel(), *function->settings, attribute, value);
}

GPOOL_CUDA cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  return set_attribute(function->kernel(), *function->settings, attribute, value);
}

GPOOL_CUDA cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (config > CU_FUNC_CACHE_PREFER_EQUAL) return CUDA_ERROR_INVALID_VALUE;
  function->settings->cache = config;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig) {
  FunctionRef function;
  return find(handle, function);
}

GPOOL_CUDA cuFuncGetModule(CUmodule* module, CUfunction handle) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!module) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Module> owner = function->module.lock();
  if (!owner) return CUDA_ERROR_INVALID_HANDLE;
  *module = reinterpret_cast<CUmodule>(owner->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuFuncGetName(const char** name, CUfunction handle) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  *name = function->kernel().name.c_str();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuFuncGetParamInfo(CUfunction handle, size_t index, size_t* offset, size_t* bytes) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  return parameter_info(function->kernel(), index, offset, bytes);
}

GPOOL_CUDA cuFuncGetParamCount(CUfunction handle, size_t* count) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = function->kernel().parameters.size();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction handle) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!state) return CUDA_ERROR_INVALID_VALUE;
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuFuncLoad(CUfunction handle) {
  FunctionRef function;
  return find(handle, function);
}

GPOOL_CUDA cuKernelGetAttribute(int* value, CUfunction_attribute attribute, CUkernel handle, CUdevice device) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(device)) return CUDA_ERROR_INVALID_DEVICE;
  return attribute_of(*view.library->code, *view.kernel, *view.settings_on(device), attribute, value);
}

GPOOL_CUDA cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel handle, CUdevice device) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  if (!driver().device(device)) return CUDA_ERROR_INVALID_DEVICE;
  return set_attribute(*view.kernel, *view.settings_on(device), attribute, value);
}

GPOOL_CUDA cuKernelSetCacheConfig(CUkernel handle, CUfunc_cache config, CUdevice device) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  if (!driver().device(device)) return CUDA_ERROR_INVALID_DEVICE;
  if (config > CU_FUNC_CACHE_PREFER_EQUAL) return CUDA_ERROR_INVALID_VALUE;
  view.settings_on(device)->cache = config;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuKernelGetName(const char** name, CUkernel handle) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  *name = view.kernel->name.c_str();
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuKernelGetParamInfo(CUkernel handle, size_t index, size_t* offset, size_t* bytes) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  return parameter_info(*view.kernel, index, offset, bytes);
}

GPOOL_CUDA cuKernelGetParamCount(CUkernel handle, size_t* count) {
  KernelView view;
  GPOOL_CHECK(find_kernel(handle, view));
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = view.kernel->parameters.size();
  return CUDA_SUCCESS;
}

// --- occupancy ---

GPOOL_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction handle, int threads,
                                                                size_t shared, unsigned flags) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!blocks || threads <= 0 || (flags & ~CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)) return CUDA_ERROR_INVALID_VALUE;
  *blocks = blocks_per_multiprocessor(*function, threads, shared);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads, size_t shared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, shared, 0);
}

GPOOL_CUDA cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, CUfunction handle,
                                                     CUoccupancyB2DSize shared_of_block, size_t shared, int limit,
                                                     unsigned flags) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!grid || !block || (flags & ~CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)) return CUDA_ERROR_INVALID_VALUE;
  int most = max_threads(*function);
  if (limit > 0) most = std::min(most, limit);
  // The block size that keeps most threads resident; of equals the largest.
  int best_threads = 0;
  *grid = *block = 0;
  for (int threads = most; threads > 0; threads = threads % 32 ? threads / 32 * 32 : threads - 32) {
    size_t dynamic = shared_of_block ? shared_of_block(threads) : shared;
    int blocks = blocks_per_multiprocessor(*function, threads, dynamic);
    if (blocks * threads > best_threads) {
      best_threads = blocks * threads;
      *block = threads;
      *grid = blocks * kMultiprocessors;
    }
  }
  return best_threads ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction function,
                                            CUoccupancyB2DSize shared_of_block, size_t shared, int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, function, shared_of_block, shared, limit, 0);
}

GPOOL_CUDA cuOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, CUfunction handle, int blocks, int threads) {
  FunctionRef function;
  GPOOL_CHECK(find(handle, function));
  if (!bytes || blocks <= 0 || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  int per_block =
      kSharedPerMultiprocessor / blocks - kSharedReserved - static_cast<int>(function->kernel().shared_bytes);
  *bytes = static_cast<size_t>(std::max(0, std::min(per_block, max_dynamic_shared(*function))));
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuOccupancyMaxActiveClusters(int*, CUfunction, const CUlaunchConfig*) {
  GPOOL_CHECK(driver().ready());
  return CUDA_ERROR_NOT_SUPPORTED;
}

GPOOL_CUDA cuOccupancyMaxPotentialClusterSize(int*, CUfunction, const CUlaunchConfig*) {
  GPOOL_CHECK(driver().ready());
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace gpool::emulator
