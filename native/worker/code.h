// Code in the driver: loading it, describing it, unloading it. Nothing here knows of sessions, so that the side thread
// can do it while the dispatching thread goes on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "calls/driver_table.h"

namespace gpool::worker {

struct JitOptions {
  std::vector<CUjit_option> options;
  std::vector<void*> values;
};

struct LoadedCode {
  CUresult status = CUDA_ERROR_INVALID_VALUE;
  bool library = false;
  uint64_t handle = 0;  // CUmodule or CUlibrary
  struct Kernel {
    uint64_t handle;  // CUfunction or CUkernel
    uint32_t parameter_bytes;
  };
  std::vector<Kernel> kernels;
  std::vector<std::byte> record;  // native/wire/module_record.h
};

// `image` is followed by zeros (kImageTail). When it fails, nothing stays loaded. A library's attributes are those on
// `device`; a module is loaded into the calling thread's context. `known`, the record of an earlier load or nothing, is
// taken where it names the kernels that are there: some twenty questions to the driver for each kernel less, after
// which it would have loaded them all.
LoadedCode load_code(const calls::DriverTable& driver, CUdevice device, const void* image, bool library,
                     JitOptions& options, std::span<const std::byte> known = {});
// What else than image and options decides what a record says: the driver and the kind of device.
std::string driver_identity(const calls::DriverTable& driver, CUdevice device);
// May wait in the driver for kernels that still run from the code.
CUresult unload_code(const calls::DriverTable& driver, bool library, uint64_t handle);

}  // namespace gpool::worker
