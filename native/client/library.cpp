// Modules and libraries: loading, and what can be asked of them. A library belongs to no context: it is loaded in the
// session of the current context, or in the first one.
#include <cstdio>
#include <cstring>
#include <fstream>

#include "client/call.h"
#include "client/driver.h"
#include "client/module.h"

namespace gpool::client {
namespace {

// The JIT options whose values are numbers of the caller's; those that point at buffers stay here (logs are left
// empty).
std::vector<JitOption> plain_options(unsigned count, const CUjit_option* options, void* const* values) {
  std::vector<JitOption> plain;
  for (unsigned i = 0; options != nullptr && values != nullptr && i < count; i++) {
    const auto value = reinterpret_cast<uint64_t>(values[i]);
    switch (options[i]) {
      case CU_JIT_MAX_REGISTERS:
      case CU_JIT_THREADS_PER_BLOCK:
      case CU_JIT_OPTIMIZATION_LEVEL:
      case CU_JIT_TARGET:
      case CU_JIT_FALLBACK_STRATEGY:
      case CU_JIT_GENERATE_DEBUG_INFO:
      case CU_JIT_GENERATE_LINE_INFO:
      case CU_JIT_CACHE_MODE:
      case CU_JIT_POSITION_INDEPENDENT_CODE:
      case CU_JIT_MIN_CTA_PER_SM:
      case CU_JIT_MAX_THREADS_PER_BLOCK:
        plain.push_back({static_cast<uint32_t>(options[i]), 0, value & 0xffffffff});
        break;
      case CU_JIT_INFO_LOG_BUFFER:
      case CU_JIT_ERROR_LOG_BUFFER:
        if (values[i] != nullptr) *static_cast<char*>(values[i]) = 0;
        break;
      default:
        break;
    }
  }
  return plain;
}

bool log_sizes_are_sound(unsigned count, const CUjit_option* options, void* const* values) {
  return count == 0 || (options != nullptr && values != nullptr);
}

CUresult load_module(Call& call, CUmodule* module, const void* image, std::span<const JitOption> options) {
  if (call.required(module) == nullptr || !call.ok()) return call.result();
  Code* code = nullptr;
  const CUresult status = load_code(call, image, false, options, code);
  if (status == CUDA_SUCCESS) *module = reinterpret_cast<CUmodule>(code->handle);
  return status;
}

CUresult read_file(const char* path, std::vector<std::byte>& bytes) {
  if (path == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  const std::streamoff size = file.tellg();
  if (size <= 0 || size > (std::streamoff{2} << 30)) return CUDA_ERROR_INVALID_IMAGE;
  // Zeros behind it: text ends, and truncated headers read as nothing.
  bytes.assign(static_cast<size_t>(size) + 64, std::byte{0});
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  return file ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

CUresult give_global(Call& call, Code* code, CUdeviceptr* address, size_t* bytes, const char* name) {
  if (call.required(name) == nullptr || code == nullptr) return call.result();
  Global global;
  if (const CUresult status = client::find_global(call, *code, name, global); status != CUDA_SUCCESS)
    return call.end(status);
  if (address != nullptr) *address = global.address;
  if (bytes != nullptr) *bytes = global.bytes;
  return call.end(CUDA_SUCCESS);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

// -- modules
// -------------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  Call call("cuModuleLoadData", Needs::context);
  return load_module(call, module, image, {});
}

extern "C" CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions,
                                       CUjit_option* options, void** optionValues) {
  Call call("cuModuleLoadDataEx", Needs::context);
  if (!log_sizes_are_sound(numOptions, options, optionValues)) return call.end(CUDA_ERROR_INVALID_VALUE);
  return load_module(call, module, image, plain_options(numOptions, options, optionValues));
}

extern "C" CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) {
  Call call("cuModuleLoadFatBinary", Needs::context);
  return load_module(call, module, fatCubin, {});
}

extern "C" CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  Call call("cuModuleLoad", Needs::context);
  if (!call.ok()) return call.result();
  std::vector<std::byte> bytes;
  if (const CUresult status = read_file(fname, bytes); status != CUDA_SUCCESS) return call.end(status);
  return load_module(call, module, bytes.data(), {});
}

extern "C" CUresult cuModuleUnload(CUmodule hmod) {
  Call call("cuModuleUnload");
  Code* code = find_code(call, hmod);
  if (code == nullptr) return call.result();
  if (code->library) return call.end(CUDA_ERROR_INVALID_HANDLE);
  return unload_code(call, *code);
}

extern "C" CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  Call call("cuModuleGetLoadingMode");
  if (call.required(mode) == nullptr || !call.ok()) return call.result();
  *mode = CU_MODULE_LAZY_LOADING;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  Call call("cuModuleGetFunction");
  Code* code = find_code(call, hmod);
  if (call.required(hfunc) == nullptr || call.required(name) == nullptr || code == nullptr) return call.result();
  auto at = code->kernel_by_name.find(name);
  if (at == code->kernel_by_name.end()) return call.end(CUDA_ERROR_NOT_FOUND);
  *hfunc = reinterpret_cast<CUfunction>(code->kernels[at->second].function);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  Call call("cuModuleGetFunctionCount");
  Code* code = find_code(call, mod);
  if (call.required(count) == nullptr || code == nullptr) return call.result();
  *count = code->kernel_count;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  Call call("cuModuleEnumerateFunctions");
  Code* code = find_code(call, mod);
  if (call.required(functions) == nullptr || code == nullptr) return call.result();
  for (unsigned i = 0; i < std::min(numFunctions, code->kernel_count); i++)
    functions[i] = reinterpret_cast<CUfunction>(code->kernels[i].function);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  Call call("cuModuleGetGlobal_v2");
  return give_global(call, find_code(call, hmod), dptr, bytes, name);
}

// -- libraries
// -----------------------------------------------------------------------------------------------------------------

extern "C" CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions,
                                      void** jitOptionsValues, unsigned int numJitOptions, CUlibraryOption*, void**,
                                      unsigned int) {
  Call call("cuLibraryLoadData");
  if (call.required(library) == nullptr || !call.ok()) return call.result();
  if (!log_sizes_are_sound(numJitOptions, jitOptions, jitOptionsValues)) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (call.context() != nullptr) {
    call.use(call.context());
  } else {
    call.use(driver().sessions[0].get());
  }
  Code* loaded = nullptr;
  const CUresult status =
      load_code(call, code, true, plain_options(numJitOptions, jitOptions, jitOptionsValues), loaded);
  if (status == CUDA_SUCCESS) *library = reinterpret_cast<CUlibrary>(loaded->handle);
  return status;
}

extern "C" CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions,
                                          void** jitOptionsValues, unsigned int numJitOptions,
                                          CUlibraryOption* libraryOptions, void** libraryOptionValues,
                                          unsigned int numLibraryOptions) {
  Call call("cuLibraryLoadFromFile");
  if (!call.ok()) return call.result();
  std::vector<std::byte> bytes;
  if (const CUresult status = read_file(fileName, bytes); status != CUDA_SUCCESS) return call.end(status);
  return call.end(cuLibraryLoadData(library, bytes.data(), jitOptions, jitOptionsValues, numJitOptions, libraryOptions,
                                    libraryOptionValues, numLibraryOptions));
}

extern "C" CUresult cuLibraryUnload(CUlibrary library) {
  Call call("cuLibraryUnload");
  Code* code = find_code(call, library);
  return code != nullptr ? unload_code(call, *code) : call.result();
}

extern "C" CUresult cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  Call call("cuLibraryGetKernel");
  Code* code = find_code(call, library);
  if (call.required(pKernel) == nullptr || call.required(name) == nullptr || code == nullptr) return call.result();
  auto at = code->kernel_by_name.find(name);
  if (at == code->kernel_by_name.end()) return call.end(CUDA_ERROR_NOT_FOUND);
  *pKernel = reinterpret_cast<CUkernel>(code->kernels[at->second].kernel);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) {
  Call call("cuLibraryGetKernelCount");
  Code* code = find_code(call, lib);
  if (call.required(count) == nullptr || code == nullptr) return call.result();
  *count = code->kernel_count;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  Call call("cuLibraryEnumerateKernels");
  Code* code = find_code(call, lib);
  if (call.required(kernels) == nullptr || code == nullptr) return call.result();
  for (unsigned i = 0; i < std::min(numKernels, code->kernel_count); i++)
    kernels[i] = reinterpret_cast<CUkernel>(code->kernels[i].kernel);
  return call.end(CUDA_SUCCESS);
}

// The module of a library is another name for it: its functions are the library's kernels.
extern "C" CUresult cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  Call call("cuLibraryGetModule", Needs::context);
  Code* code = find_code(call, library);
  if (call.required(pMod) == nullptr || code == nullptr) return call.result();
  std::lock_guard lock(code->mutex);
  if (code->module_of_library == 0) {
    const wire::Handle handle = call.mint_kind(wire::Kind::module);
    if (handle == 0) return call.result();
    code->session->find(handle)->data = code;
    code->module_of_library = handle;
  }
  *pMod = reinterpret_cast<CUmodule>(code->module_of_library);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  Call call("cuLibraryGetGlobal", Needs::context);
  return give_global(call, find_code(call, library), dptr, bytes, name);
}

extern "C" CUresult cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  Call call("cuLibraryGetManaged");
  return give_global(call, find_code(call, library), dptr, bytes, name);
}

extern "C" CUresult cuLibraryGetUnifiedFunction(void** fptr, CUlibrary library, const char*) {
  Call call("cuLibraryGetUnifiedFunction");
  find_code(call, library);
  call.required(fptr);
  return call.end(CUDA_ERROR_NOT_FOUND);
}
