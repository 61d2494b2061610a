#include <cstdio>

#include "driver.h"
#include "measures.h"

namespace gpool::bench {

void price_module(const std::string& name, size_t bytes) {
  Program program = Program::open();
  const Driver& driver = program.driver;
  const std::string image = ptx(name, bytes);
  CUdeviceptr memory = 0;
  check(driver.memory_allocate(&memory, 4096), "cuMemAlloc");
  check(driver.context_synchronize(), "cuCtxSynchronize");
  for (const char* time : {"first", "again"}) {
    const double begin = now();
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    check(driver.module_load_data(&module, image.c_str()), "cuModuleLoadData");
    check(driver.module_get_function(&function, module, (name + "_add_one").c_str()), "cuModuleGetFunction");
    void* parameters[] = {&memory};
    check(driver.launch_kernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), "cuLaunchKernel");
    check(driver.context_synchronize(), "cuCtxSynchronize");
    report(std::string("module_") + time, (now() - begin) * 1e3, "ms");
    check(driver.module_unload(module), "cuModuleUnload");
  }
}

void price_start() {
  Program program = Program::open();
  const Driver& driver = program.driver;
  CUdeviceptr memory = 0;
  check(driver.memory_allocate(&memory, 4096), "cuMemAlloc");
  check(driver.memory_set(memory, 0, 4096), "cuMemsetD8");
  void* parameters[] = {&memory};
  check(driver.launch_kernel(program.add_one, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), "cuLaunchKernel");
  uint32_t word = 0;
  check(driver.copy_to_host(&word, memory, sizeof word), "cuMemcpyDtoH");
  // CLOCK_MONOTONIC is one for the whole machine: whoever started this process subtracts the moment at which he did.
  if (word == 1) report("first_kernel_at", now(), "s");
}

}  // namespace gpool::bench
