// Kernels and functions: questions from the record, settings sent when they change something.
#include <cstring>

#include "client/call.h"
#include "client/driver.h"
#include "client/module.h"

namespace gpool::client {
namespace {

CUresult get_attribute(Call& call, int* value, CUfunction_attribute attribute, const void* handle) {
  Kernel* kernel = find_kernel(call, handle);
  if (call.required(value) == nullptr || kernel == nullptr) return call.result();
  if (attribute < 0 || attribute >= static_cast<int>(wire::kFunctionAttributes) || attribute >= CU_FUNC_ATTRIBUTE_MAX)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  *value = kernel->attributes[attribute].load(std::memory_order_relaxed);
  return call.end(CUDA_SUCCESS);
}

CUresult send_attribute(Call& call, const Kernel& kernel, int32_t attribute, int32_t value, int32_t device,
                        int32_t cache) {
  wire::FunctionAttribute arguments{};
  arguments.function = kernel.wire;
  arguments.attribute = attribute;
  arguments.value = value;
  arguments.device = device;
  arguments.cache_config = cache;
  call.as(wire::Message::function_attribute);
  return call.post(arguments);
}

CUresult set_attribute(Call& call, CUfunction_attribute attribute, int value, const void* handle, int32_t device) {
  Kernel* kernel = find_kernel(call, handle);
  if (kernel == nullptr) return call.result();
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: {
      const Context* context = call.context();
      const Device* on = context != nullptr ? context->device : kernel->code->session->devices[0];
      const int32_t most = on->record.attributes[CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN];
      const int32_t fixed = kernel->attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES].load();
      if (value < 0 || (most > 0 && value > most - fixed)) return call.end(CUDA_ERROR_INVALID_VALUE);
      break;
    }
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return call.end(CUDA_ERROR_INVALID_VALUE);
      break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      break;
    default:
      return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  // Libraries set the same values again and again.
  if (kernel->attributes[attribute].exchange(value) == value) return call.end(CUDA_SUCCESS);
  kernel->changes.fetch_add(1);
  return send_attribute(call, *kernel, attribute, value, device, 0);
}

CUresult set_cache_config(Call& call, const void* handle, CUfunc_cache config, int32_t device) {
  Kernel* kernel = find_kernel(call, handle);
  if (kernel == nullptr) return call.result();
  if (config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  if (kernel->cache_config.exchange(config) == static_cast<int32_t>(config)) return call.end(CUDA_SUCCESS);
  kernel->changes.fetch_add(1);
  return send_attribute(call, *kernel, -1, 0, device, config);
}

CUresult parameter_info(Call& call, const void* handle, size_t index, size_t* offset, size_t* size) {
  Kernel* kernel = find_kernel(call, handle);
  if (call.required(offset) == nullptr || kernel == nullptr) return call.result();
  if (index >= kernel->parameter_count) return call.end(CUDA_ERROR_INVALID_VALUE);
  *offset = kernel->parameters[index].offset;
  if (size != nullptr) *size = kernel->parameters[index].bytes;
  return call.end(CUDA_SUCCESS);
}

CUresult parameter_count(Call& call, const void* handle, size_t* count) {
  Kernel* kernel = find_kernel(call, handle);
  if (call.required(count) == nullptr || kernel == nullptr) return call.result();
  *count = kernel->parameter_count;
  return call.end(CUDA_SUCCESS);
}

CUresult name_of(Call& call, const void* handle, const char** name) {
  Kernel* kernel = find_kernel(call, handle);
  if (call.required(name) == nullptr || kernel == nullptr) return call.result();
  *name = kernel->name.c_str();
  return call.end(CUDA_SUCCESS);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  Call call("cuFuncGetAttribute");
  return get_attribute(call, pi, attrib, hfunc);
}

extern "C" CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  Call call("cuKernelGetAttribute");
  if (call.ok() && driver().device(dev) == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  return get_attribute(call, pi, attrib, kernel);
}

extern "C" CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  Call call("cuFuncSetAttribute");
  return set_attribute(call, attrib, value, hfunc, -1);
}

extern "C" CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  Call call("cuKernelSetAttribute");
  Device* device = call.ok() ? driver().device(dev) : nullptr;
  if (call.ok() && device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  return set_attribute(call, attrib, val, kernel, device != nullptr ? static_cast<int32_t>(device->index) : 0);
}

extern "C" CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config) {
  Call call("cuFuncSetCacheConfig");
  return set_cache_config(call, hfunc, config, -1);
}

extern "C" CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice dev) {
  Call call("cuKernelSetCacheConfig");
  Device* device = call.ok() ? driver().device(dev) : nullptr;
  if (call.ok() && device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  return set_cache_config(call, kernel, config, device != nullptr ? static_cast<int32_t>(device->index) : 0);
}

// Without effect since Maxwell (see cuCtxSetSharedMemConfig).
extern "C" CUresult cuFuncSetSharedMemConfig(CUfunction hfunc, CUsharedconfig) {
  Call call("cuFuncSetSharedMemConfig");
  find_kernel(call, hfunc);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  Call call("cuKernelGetFunction", Needs::context);
  Kernel* found = find_kernel(call, kernel);
  if (call.required(pFunc) == nullptr || found == nullptr) return call.result();
  *pFunc = reinterpret_cast<CUfunction>(found->function);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) {
  Call call("cuKernelGetLibrary");
  Kernel* found = find_kernel(call, kernel);
  if (call.required(pLib) == nullptr || found == nullptr) return call.result();
  if (!found->code->library) return call.end(CUDA_ERROR_INVALID_HANDLE);
  *pLib = reinterpret_cast<CUlibrary>(found->code->handle);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  Call call("cuFuncGetModule");
  Kernel* kernel = find_kernel(call, hfunc);
  if (call.required(hmod) == nullptr || kernel == nullptr) return call.result();
  if (kernel->code->library)
    return call.end(cuLibraryGetModule(hmod, reinterpret_cast<CUlibrary>(kernel->code->handle)));
  *hmod = reinterpret_cast<CUmodule>(kernel->code->handle);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  Call call("cuFuncGetName");
  return name_of(call, hfunc, name);
}

extern "C" CUresult cuKernelGetName(const char** name, CUkernel hfunc) {
  Call call("cuKernelGetName");
  return name_of(call, hfunc, name);
}

extern "C" CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  Call call("cuFuncGetParamInfo");
  return parameter_info(call, func, paramIndex, paramOffset, paramSize);
}

extern "C" CUresult cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  Call call("cuKernelGetParamInfo");
  return parameter_info(call, kernel, paramIndex, paramOffset, paramSize);
}

extern "C" CUresult cuFuncGetParamCount(CUfunction func, size_t* paramCount) {
  Call call("cuFuncGetParamCount");
  return parameter_count(call, func, paramCount);
}

extern "C" CUresult cuKernelGetParamCount(CUkernel kernel, size_t* paramCount) {
  Call call("cuKernelGetParamCount");
  return parameter_count(call, kernel, paramCount);
}

extern "C" CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  Call call("cuFuncIsLoaded");
  find_kernel(call, function);
  if (call.required(state) == nullptr || !call.ok()) return call.result();
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuFuncLoad(CUfunction function) {
  Call call("cuFuncLoad");
  find_kernel(call, function);
  return call.end(CUDA_SUCCESS);
}
