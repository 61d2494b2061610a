// Devices: start, names, attributes.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/limits.h"

namespace gpool::emulator {
namespace {

CUresult find_device(CUdevice ordinal, Device*& device) {
  GPOOL_CHECK(driver().ready());
  device = driver().device(ordinal);
  return device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

// What is not listed is 0: textures, surfaces, pageable access, GPUDirect, clusters, IPC, multicast.
int attribute_value(CUdevice_attribute attribute, const Device& device) {
  switch (static_cast<int>(attribute)) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
      return kMaxThreadsPerBlock;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
      return kMaxBlockZ;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      return kMaxGridX;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
      return kMaxGridYZ;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      return kSharedPerBlock;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      return kSharedPerBlockOptIn;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      return kSharedPerMultiprocessor;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
      return kSharedReserved;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
      return 65536;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
      return 2147483647;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return kRegisters;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return 1000000;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
    case CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT:
      return 512;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
      return 32;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return kMultiprocessors;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      return 256;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      return 4 << 20;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      return kThreadsPerMultiprocessor;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      return kBlocksPerMultiprocessor;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
      return 2;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
      return device.gpu + 1;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return driver().settings().major;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return driver().settings().minor;
    case CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO:
      return 1;
    case CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES:
      return CU_MEM_HANDLE_TYPE_NONE;
    case CU_DEVICE_ATTRIBUTE_NUMA_CONFIG:
    case CU_DEVICE_ATTRIBUTE_NUMA_ID:
    case CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID:
      return attribute == CU_DEVICE_ATTRIBUTE_NUMA_CONFIG ? 0 : -1;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY:
    case CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR:
    case CU_DEVICE_ATTRIBUTE_MEM_SYNC_DOMAIN_COUNT:
      return 1;
    default:
      return 0;
  }
}

void format_pci_id(const Device& device, char* text, size_t length) {
  std::snprintf(text, length, "0000:%02x:00.0", device.gpu + 1);
}

}  // namespace

GPOOL_CUDA cuInit(unsigned flags) {
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  return driver().initialize();
}

// May be called before cuInit; a value that cannot be read is then cuInit's to complain about.
GPOOL_CUDA cuDriverGetVersion(int* version) {
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  const char* text = std::getenv("GPOOL_EMULATOR_DRIVER_VERSION");
  int asked = text ? std::atoi(text) : 0;
  *version = asked >= 11000 ? asked : 13000;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetCount(int* count) {
  GPOOL_CHECK(driver().ready());
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = static_cast<int>(driver().devices().size());
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGet(CUdevice* handle, int ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *handle = ordinal;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetName(char* name, int length, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!name || length < 1) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  std::snprintf(name, length, "%s", driver().settings().name.c_str());
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice ordinal) {
  Device* device;
  GPOOL_CHECK(find_device(ordinal, device));
  if (!uuid) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(uuid, device->uuid.data(), sizeof *uuid);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return cuDeviceGetUuid_v2(uuid, device);
}

GPOOL_CUDA cuDeviceGetLuid(char*, unsigned*, CUdevice) {
  GPOOL_CHECK(driver().ready());
  return CUDA_ERROR_NOT_SUPPORTED;  // of Windows only
}

GPOOL_CUDA cuDeviceTotalMem_v2(size_t* bytes, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = driver().settings().memory;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceTotalMem(unsigned* bytes, CUdevice ordinal) {
  size_t total = 0;
  GPOOL_CHECK(cuDeviceTotalMem_v2(&total, ordinal));
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  *bytes = static_cast<unsigned>(std::min<size_t>(total, 0xffffffffu));
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  if (attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
  *value = attribute_value(attribute, *device);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceComputeCapability(int* major, int* minor, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!major || !minor) return CUDA_ERROR_INVALID_VALUE;
  if (!driver().device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *major = driver().settings().major;
  *minor = driver().settings().minor;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetProperties(CUdevprop* properties, CUdevice ordinal) {
  Device* device;
  GPOOL_CHECK(find_device(ordinal, device));
  if (!properties) return CUDA_ERROR_INVALID_VALUE;
  *properties = CUdevprop{};
  properties->maxThreadsPerBlock = kMaxThreadsPerBlock;
  properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = kMaxThreadsPerBlock;
  properties->maxThreadsDim[2] = kMaxBlockZ;
  properties->maxGridSize[0] = kMaxGridX;
  properties->maxGridSize[1] = properties->maxGridSize[2] = kMaxGridYZ;
  properties->sharedMemPerBlock = kSharedPerBlock;
  properties->totalConstantMemory = 65536;
  properties->SIMDWidth = 32;
  properties->memPitch = 2147483647;
  properties->regsPerBlock = kRegisters;
  properties->clockRate = 1000000;
  properties->textureAlign = 512;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetPCIBusId(char* text, int length, CUdevice ordinal) {
  GPOOL_CHECK(driver().ready());
  if (!text || length < 13) return CUDA_ERROR_INVALID_VALUE;
  Device* device = driver().device(ordinal);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  format_pci_id(*device, text, length);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetByPCIBusId(CUdevice* handle, const char* text) {
  GPOOL_CHECK(driver().ready());
  if (!handle || !text) return CUDA_ERROR_INVALID_VALUE;
  unsigned domain = 0, bus = 0, slot = 0, function = 0;
  bool read = std::sscanf(text, "%x:%x:%x.%x", &domain, &bus, &slot, &function) >= 3;
  if (!read) read = std::sscanf(text, "%x:%x.%x", &bus, &slot, &function) >= 2 && (domain = 0, true);
  if (!read) return CUDA_ERROR_INVALID_VALUE;
  for (const Device& device : driver().devices()) {
    if (domain == 0 && bus == static_cast<unsigned>(device.gpu + 1) && slot == 0 && function == 0) {
      *handle = device.ordinal;
      return CUDA_SUCCESS;
    }
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

GPOOL_CUDA cuDeviceGetExecAffinitySupport(int* supported, CUexecAffinityType, CUdevice ordinal) {
  Device* device;
  GPOOL_CHECK(find_device(ordinal, device));
  if (!supported) return CUDA_ERROR_INVALID_VALUE;
  *supported = 0;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuDeviceGetTexture1DLinearMaxWidth(size_t* width, CUarray_format, unsigned, CUdevice ordinal) {
  Device* device;
  GPOOL_CHECK(find_device(ordinal, device));
  if (!width) return CUDA_ERROR_INVALID_VALUE;
  *width = 0;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuProfilerStart() {
  ContextRef context;
  return current_context(context);
}

GPOOL_CUDA cuProfilerStop() {
  ContextRef context;
  return current_context(context);
}

}  // namespace gpool::emulator
