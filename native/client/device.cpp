// Questions about devices: all answered from the records that came with the welcome.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "client/call.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

// The device, or null with the refusal remembered.
Device* device_of(Call& call, CUdevice ordinal) {
  if (!call.ok()) return nullptr;
  Device* device = driver().device(ordinal);
  if (device == nullptr) call.refuse(CUDA_ERROR_INVALID_DEVICE);
  return device;
}

int32_t attribute(const Device& device, CUdevice_attribute which) {
  const int32_t value = device.record.attributes[which];
  return value == wire::kNoAttribute ? 0 : value;
}

bool can_access(const Device& from, const Device& to) {
  return &from != &to && from.session == to.session && to.index < 32 &&
         (from.record.peer_mask_low >> to.index & 1) != 0;
}

// "domain:bus:device.function", each in hex; the domain and the function may be left out.
bool parse_pci(const char* text, unsigned& domain, unsigned& bus, unsigned& device) {
  unsigned function = 0;
  char rest = 0;
  domain = 0;
  if (std::sscanf(text, "%x:%x:%x.%x%c", &domain, &bus, &device, &function, &rest) == 4) return true;
  if (std::sscanf(text, "%x:%x:%x%c", &domain, &bus, &device, &rest) == 3) return true;
  domain = 0;
  return std::sscanf(text, "%x:%x.%x%c", &bus, &device, &function, &rest) == 3;
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  Call call("cuDeviceGet");
  if (call.required(device) == nullptr || device_of(call, ordinal) == nullptr) return call.result();
  *device = ordinal;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetCount(int* count) {
  Call call("cuDeviceGetCount");
  if (call.required(count) == nullptr || !call.ok()) return call.result();
  *count = static_cast<int>(driver().devices.size());
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  Call call("cuDeviceGetName");
  Device* device = device_of(call, dev);
  if (call.required(name) == nullptr || device == nullptr) return call.result();
  if (len <= 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  std::snprintf(name, static_cast<size_t>(len), "%s", device->record.name);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) {
  Call call("cuDeviceGetUuid_v2");
  Device* device = device_of(call, dev);
  if (call.required(uuid) == nullptr || device == nullptr) return call.result();
  std::memcpy(uuid->bytes, device->record.uuid, 16);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetLuid(char* luid, unsigned int* deviceNodeMask, CUdevice dev) {
  Call call("cuDeviceGetLuid");
  Device* device = device_of(call, dev);
  if (call.required(luid) == nullptr || call.required(deviceNodeMask) == nullptr || device == nullptr)
    return call.result();
  if (device->record.luid_valid == 0) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  std::memcpy(luid, device->record.luid, 8);
  *deviceNodeMask = device->record.luid_node_mask;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  Call call("cuDeviceTotalMem_v2");
  Device* device = device_of(call, dev);
  if (call.required(bytes) == nullptr || device == nullptr) return call.result();
  *bytes = device->record.memory_bytes;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  Call call("cuDeviceGetAttribute");
  Device* device = device_of(call, dev);
  if (call.required(pi) == nullptr || device == nullptr) return call.result();
  const auto index = static_cast<uint32_t>(attrib);
  if (index == 0 || index >= wire::kAttributes || device->record.attributes[index] == wire::kNoAttribute)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  *pi = device->record.attributes[index];
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  Call call("cuDeviceComputeCapability");
  Device* device = device_of(call, dev);
  if (call.required(major) == nullptr || call.required(minor) == nullptr || device == nullptr) return call.result();
  *major = attribute(*device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  *minor = attribute(*device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetProperties(CUdevprop* prop, CUdevice dev) {
  Call call("cuDeviceGetProperties");
  Device* device = device_of(call, dev);
  if (call.required(prop) == nullptr || device == nullptr) return call.result();
  prop->maxThreadsPerBlock = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  for (int i = 0; i < 3; i++) {
    prop->maxThreadsDim[i] =
        attribute(*device, static_cast<CUdevice_attribute>(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i));
    prop->maxGridSize[i] = attribute(*device, static_cast<CUdevice_attribute>(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i));
  }
  prop->sharedMemPerBlock = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
  prop->totalConstantMemory = attribute(*device, CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY);
  prop->SIMDWidth = attribute(*device, CU_DEVICE_ATTRIBUTE_WARP_SIZE);
  prop->memPitch = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_PITCH);
  prop->regsPerBlock = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
  prop->clockRate = attribute(*device, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  prop->textureAlign = attribute(*device, CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  Call call("cuDeviceGetPCIBusId");
  Device* device = device_of(call, dev);
  if (call.required(pciBusId) == nullptr || device == nullptr) return call.result();
  if (len <= 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  std::snprintf(pciBusId, static_cast<size_t>(len), "%s", device->record.pci_bus_id);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  Call call("cuDeviceGetByPCIBusId");
  if (call.required(dev) == nullptr || call.required(pciBusId) == nullptr || !call.ok()) return call.result();
  unsigned domain, bus, slot, have_domain, have_bus, have_slot;
  if (!parse_pci(pciBusId, domain, bus, slot)) return call.end(CUDA_ERROR_INVALID_VALUE);
  for (Device* device : driver().devices) {
    if (!parse_pci(device->record.pci_bus_id, have_domain, have_bus, have_slot)) continue;
    if (domain != have_domain || bus != have_bus || slot != have_slot) continue;
    *dev = device->ordinal;
    return call.end(CUDA_SUCCESS);
  }
  return call.end(CUDA_ERROR_INVALID_DEVICE);
}

extern "C" CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  Call call("cuDeviceCanAccessPeer");
  if (call.required(canAccessPeer) == nullptr) return call.result();
  Device* from = device_of(call, dev);
  Device* to = device_of(call, peerDev);
  if (!call.ok()) return call.result();
  *canAccessPeer = can_access(*from, *to) ? 1 : 0;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attrib, CUdevice srcDevice,
                                            CUdevice dstDevice) {
  Call call("cuDeviceGetP2PAttribute");
  if (call.required(value) == nullptr) return call.result();
  Device* from = device_of(call, srcDevice);
  Device* to = device_of(call, dstDevice);
  if (!call.ok()) return call.result();
  if (from == to) return call.end(CUDA_ERROR_INVALID_DEVICE);
  if (attrib < CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK || attrib > CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  *value = attrib == CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED && can_access(*from, *to) ? 1 : 0;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetExecAffinitySupport(int* pi, CUexecAffinityType type, CUdevice dev) {
  Call call("cuDeviceGetExecAffinitySupport");
  Device* device = device_of(call, dev);
  if (call.required(pi) == nullptr || device == nullptr) return call.result();
  if (type != CU_EXEC_AFFINITY_TYPE_SM_COUNT) return call.end(CUDA_ERROR_INVALID_VALUE);
  *pi = 0;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetHostAtomicCapabilities(unsigned int* capabilities, const CUatomicOperation* operations,
                                                      unsigned int count, CUdevice dev) {
  Call call("cuDeviceGetHostAtomicCapabilities");
  Device* device = device_of(call, dev);
  if (call.required(capabilities) == nullptr || call.required(operations) == nullptr || device == nullptr)
    return call.result();
  std::fill_n(capabilities, count, 0u);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetP2PAtomicCapabilities(unsigned int* capabilities, const CUatomicOperation* operations,
                                                     unsigned int count, CUdevice srcDevice, CUdevice dstDevice) {
  Call call("cuDeviceGetP2PAtomicCapabilities");
  Device* from = device_of(call, srcDevice);
  Device* to = device_of(call, dstDevice);
  if (call.required(capabilities) == nullptr || call.required(operations) == nullptr || from == nullptr ||
      to == nullptr)
    return call.result();
  std::fill_n(capabilities, count, 0u);
  return call.end(CUDA_SUCCESS);
}

// The worker's device memory has one default pool per device; so has the client (memory_pool.cpp).
extern "C" CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  Call call("cuDeviceGetDefaultMemPool");
  Device* device = device_of(call, dev);
  if (call.required(pool_out) == nullptr || device == nullptr) return call.result();
  *pool_out = reinterpret_cast<CUmemoryPool>(device->default_pool);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) {
  Call call("cuDeviceGetMemPool");
  Device* device = device_of(call, dev);
  if (call.required(pool) == nullptr || device == nullptr) return call.result();
  std::lock_guard lock(device->mutex);
  *pool = reinterpret_cast<CUmemoryPool>(device->current_pool);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) {
  Call call("cuDeviceSetMemPool");
  Device* device = device_of(call, dev);
  if (device == nullptr) return call.result();
  call.handle(pool);
  if (!call.ok()) return call.result();
  std::lock_guard lock(device->mutex);
  device->current_pool = reinterpret_cast<wire::Handle>(pool);
  return call.end(CUDA_SUCCESS);
}
