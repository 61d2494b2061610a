// The private tables that the CUDA runtime asks a driver for (cuGetExportTable). Both of our drivers serve them from
// here. docs/decisions/0002-runtime-tables.md says why they exist and what is not served.
#pragma once

#include <cstdint>

#include "calls/driver_api.h"

namespace gpool::export_tables {

struct DeviceIdentity {
  uint8_t uuid[16];    // as cuDeviceGetUuid_v2
  int32_t pci_domain;  // attribute 50
  int32_t pci_bus;     // attribute 33
  int32_t pci_device;  // attribute 34
};

// What the tables need of the driver that serves them. Every value must be what the driver's public calls answer: the
// runtime compares them. Called from any thread, never before the driver has handed out a table.
class Host {
 public:
  virtual int driver_version() = 0;
  virtual int device_count() = 0;
  virtual bool device(int ordinal, DeviceIdentity* identity) = 0;
  // The handle that cuDevicePrimaryCtxRetain will return for this device, without retaining it.
  virtual CUresult primary_context(CUcontext* context, CUdevice device) = 0;
  // Of the calling thread; null without one.
  virtual CUcontext current_context() = 0;
  // As cuModuleLoadData; `image` may be a fatbin wrapper or what one points at.
  virtual CUresult load_module(CUmodule* module, const void* image) = 0;

 protected:
  ~Host() = default;
};

// Before the first `get`. The host must live as long as the process.
void serve(Host& host);

// cuGetExportTable. A table keeps its address for the life of the process. CUDA_ERROR_INVALID_VALUE with a null table:
// unknown id, or GPOOL_RUNTIME_TABLES=off.
CUresult get(const void** table, const CUuuid* id);

// The context has been reset or destroyed, or its last reference is gone: runs the destructors of what the runtime has
// stored for it. Call it without holding locks.
void context_ended(CUcontext context);

}  // namespace gpool::export_tables
