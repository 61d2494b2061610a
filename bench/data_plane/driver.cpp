#include "driver.h"

#include <dlfcn.h>
#include <time.h>

#include <cstdio>
#include <stdexcept>

#define NAME_OF(function) TEXT_OF(function)
#define TEXT_OF(function) #function

namespace gpool::bench {

Driver load_driver() {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) throw std::runtime_error(std::string("no CUDA driver: ") + ::dlerror());
  const auto find = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) throw std::runtime_error(std::string("the CUDA driver lacks ") + name);
  };
  Driver driver{};
  // cuda.h renames calls that have newer versions (cuMemAlloc is cuMemAlloc_v2); NAME_OF gives the name that is
  // exported.
  find(driver.init, NAME_OF(cuInit));
  find(driver.device_get, NAME_OF(cuDeviceGet));
  find(driver.device_get_name, NAME_OF(cuDeviceGetName));
  find(driver.primary_context_retain, NAME_OF(cuDevicePrimaryCtxRetain));
  find(driver.context_set_current, NAME_OF(cuCtxSetCurrent));
  find(driver.context_synchronize, "cuCtxSynchronize");
  find(driver.stream_create, NAME_OF(cuStreamCreate));
  find(driver.stream_synchronize, NAME_OF(cuStreamSynchronize));
  find(driver.module_load_data, NAME_OF(cuModuleLoadData));
  find(driver.module_unload, NAME_OF(cuModuleUnload));
  find(driver.module_get_function, NAME_OF(cuModuleGetFunction));
  find(driver.launch_kernel, NAME_OF(cuLaunchKernel));
  find(driver.memory_allocate, NAME_OF(cuMemAlloc));
  find(driver.memory_free, NAME_OF(cuMemFree));
  find(driver.host_allocate, NAME_OF(cuMemAllocHost));
  find(driver.host_free, NAME_OF(cuMemFreeHost));
  find(driver.copy_to_device, NAME_OF(cuMemcpyHtoD));
  find(driver.copy_to_host, NAME_OF(cuMemcpyDtoH));
  find(driver.copy_to_device_async, NAME_OF(cuMemcpyHtoDAsync));
  find(driver.copy_to_host_async, NAME_OF(cuMemcpyDtoHAsync));
  find(driver.memory_set, NAME_OF(cuMemsetD8));
  return driver;
}

void check(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS)
    throw std::runtime_error(std::string(what) + " answered " + std::to_string(static_cast<int>(result)));
}

Program Program::open() {
  Program program{load_driver()};
  const Driver& driver = program.driver;
  check(driver.init(0), "cuInit");
  CUdevice device = 0;
  CUcontext context = nullptr;
  check(driver.device_get(&device, 0), "cuDeviceGet");
  check(driver.primary_context_retain(&context, device), "cuDevicePrimaryCtxRetain");
  check(driver.context_set_current(context), "cuCtxSetCurrent");
  check(driver.module_load_data(&program.module, ptx("price", 0).c_str()), "cuModuleLoadData");
  check(driver.module_get_function(&program.nothing, program.module, "price_nothing"), "cuModuleGetFunction");
  check(driver.module_get_function(&program.add_one, program.module, "price_add_one"), "cuModuleGetFunction");
  return program;
}

std::string ptx(const std::string& name, size_t bytes) {
  std::string text = ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry " + name + "_nothing(";
  for (int i = 0; i < 8; i++) text += std::string(i == 0 ? "" : ", ") + ".param .u64 p" + std::to_string(i);
  text += ")\n{\n  ret;\n}\n.visible .entry " + name + "_add_one(.param .u64 address)\n{\n";
  text += "  .reg .u64 %rd<2>;\n  .reg .u32 %r<2>;\n";
  text += "  ld.param.u64 %rd0, [address];\n  cvta.to.global.u64 %rd1, %rd0;\n";
  text += "  ld.global.u32 %r0, [%rd1];\n  add.u32 %r1, %r0, 1;\n  st.global.u32 [%rd1], %r1;\n  ret;\n}\n";
  const std::string line = "// " + std::string(117, '-') + "\n";
  while (text.size() < bytes) text += line;
  return text;
}

void report(const std::string& name, double value, const char* unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.9g, \"unit\": \"%s\"}\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace gpool::bench
