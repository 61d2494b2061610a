#pragma once

#include <cuda.h>

#include <cstddef>
#include <string>

namespace gpool::bench {

/// The calls that are priced, out of whichever `libcuda.so.1` the loader finds. Looked up by name, so that one program
/// measures every driver.
struct Driver {
  decltype(&::cuInit) init;
  decltype(&::cuDeviceGet) device_get;
  decltype(&::cuDeviceGetName) device_get_name;
  decltype(&::cuDevicePrimaryCtxRetain) primary_context_retain;
  decltype(&::cuCtxSetCurrent) context_set_current;
  decltype(&::cuCtxSynchronize) context_synchronize;
  decltype(&::cuStreamCreate) stream_create;
  decltype(&::cuStreamSynchronize) stream_synchronize;
  decltype(&::cuModuleLoadData) module_load_data;
  decltype(&::cuModuleUnload) module_unload;
  decltype(&::cuModuleGetFunction) module_get_function;
  decltype(&::cuLaunchKernel) launch_kernel;
  decltype(&::cuMemAlloc) memory_allocate;
  decltype(&::cuMemFree) memory_free;
  decltype(&::cuMemAllocHost) host_allocate;
  decltype(&::cuMemFreeHost) host_free;
  decltype(&::cuMemcpyHtoD) copy_to_device;
  decltype(&::cuMemcpyDtoH) copy_to_host;
  decltype(&::cuMemcpyHtoDAsync) copy_to_device_async;
  decltype(&::cuMemcpyDtoHAsync) copy_to_host_async;
  decltype(&::cuMemsetD8) memory_set;
};

/// Loads the driver. Throws std::runtime_error when there is none or it lacks a call.
Driver load_driver();

/// Throws std::runtime_error that names `what` unless `result` is CUDA_SUCCESS.
void check(CUresult result, const char* what);

/// The driver with the primary context of device 0 current, and a module with the kernels of `kKernels`.
struct Program {
  Driver driver;
  CUmodule module = nullptr;
  CUfunction nothing = nullptr;  ///< eight parameters of 8 bytes, returns at once
  CUfunction add_one = nullptr;  ///< (uint64_t address): adds one to the 32-bit word there
  static Program open();
};

/// PTX of both kernels; `name` goes into the names of the kernels, so that no cache has seen the image, and comments
/// fill it up to at least `bytes`.
std::string ptx(const std::string& name, size_t bytes);

/// Prints one figure as a line of JSON: {"name": …, "value": …, "unit": …}.
void report(const std::string& name, double value, const char* unit);

/// CLOCK_MONOTONIC, in seconds.
double now();

}  // namespace gpool::bench
