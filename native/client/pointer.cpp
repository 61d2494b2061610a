// Questions about pointers, from the maps of what is allocated and pinned.
#include <cstring>

#include "client/call.h"
#include "client/driver.h"
#include "client/host_memory.h"
#include "client/host_twin.h"

namespace gpool::client {
namespace {

// What is known of an address. Neither device nor host: an address that CUDA has nothing to do with.
struct Place {
  Device* device = nullptr;
  std::optional<Allocation> allocation;
  std::optional<HostRange> host;

  explicit Place(CUdeviceptr address) {
    device = device_of_address(address);
    if (device != nullptr) allocation = device->memory.find(address);
    if (!allocation) {
      device = nullptr;
      host = find_host_range(address);
    }
  }
  bool managed() const { return host && host->managed; }
  bool known() const { return allocation.has_value() || host.has_value(); }
  Context* context() const {
    return allocation ? (allocation->context != nullptr ? allocation->context : &device->primary)
                      : (host ? host->context : nullptr);
  }
};

template <typename T>
void write(void* data, T value) {
  std::memcpy(data, &value, sizeof value);
}

// `unknown` says how an unknown pointer is answered: with an error, or with zeros, as the two public calls do.
CUresult get(const Place& place, CUdeviceptr address, CUpointer_attribute attribute, void* data,
             bool unknown_is_error) {
  if (!place.known() && unknown_is_error) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      write<CUcontext>(data, place.context() != nullptr ? place.context()->cuda() : nullptr);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      write<unsigned>(data, place.allocation || place.managed() ? CU_MEMORYTYPE_DEVICE
                            : place.host                        ? CU_MEMORYTYPE_HOST
                                                                : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      write<CUdeviceptr>(data, place.host && place.host->shared
                                   ? place.host->device_address + (address - place.host->address)
                               : place.host && place.host->twin != nullptr ? place.host->twin->device_pointer(address)
                               : place.known()                             ? address
                                                                           : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (place.allocation && unknown_is_error) return CUDA_ERROR_INVALID_VALUE;
      write<CUdeviceptr>(data, place.allocation ? 0 : address);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      write<unsigned>(data, place.managed() ? 1 : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: {
      const Context* context = place.context();
      write<int>(data, place.allocation ? place.device->ordinal
                       : place.host     ? (context != nullptr ? context->device->ordinal : 0)
                                        : -2);
      return CUDA_SUCCESS;
    }
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      write<CUdeviceptr>(data, place.allocation ? place.allocation->address : place.host ? place.host->address : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      write<size_t>(data, place.allocation ? place.allocation->bytes : place.host ? place.host->bytes : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      write<unsigned>(data, place.known() ? 1 : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
      write<unsigned>(data, place.allocation ? place.allocation->sync_memops : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      write<unsigned long long>(data, place.allocation ? place.allocation->id : place.host ? place.host->id : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
      write<cuuint64_t>(data, 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
      write<unsigned>(data, 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
      write<unsigned>(data, 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
      write<unsigned>(data, place.known() ? CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      write<CUmemoryPool>(data, place.allocation && place.allocation->kind == Allocation::Kind::pool
                                    ? reinterpret_cast<CUmemoryPool>(place.device->default_pool)
                                    : nullptr);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
      write<size_t>(data, place.allocation ? place.allocation->mapped : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
      write<CUdeviceptr>(data, place.allocation && place.allocation->mapped != 0 ? place.allocation->address : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID:
      write<unsigned long long>(data, place.allocation ? place.allocation->id : 0);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE:
      write<unsigned>(data, 0);
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  Call call("cuPointerGetAttribute");
  if (call.required(data) == nullptr || !call.ok()) return call.result();
  return call.end(get(Place(ptr), ptr, attribute, data, true));
}

extern "C" CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data,
                                           CUdeviceptr ptr) {
  Call call("cuPointerGetAttributes");
  if (call.required(attributes) == nullptr || call.required(data) == nullptr || !call.ok()) return call.result();
  const Place place(ptr);
  for (unsigned i = 0; i < numAttributes; i++) {
    const CUresult status =
        data[i] != nullptr ? get(place, ptr, attributes[i], data[i], false) : CUDA_ERROR_INVALID_VALUE;
    if (status != CUDA_SUCCESS) return call.end(status);
  }
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr ptr) {
  Call call("cuPointerSetAttribute");
  if (call.required(value) == nullptr || !call.ok()) return call.result();
  Device* device = device_of_address(ptr);
  if (attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS || device == nullptr || !device->memory.find(ptr))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  unsigned flag;
  std::memcpy(&flag, value, sizeof flag);
  device->memory.set_sync_memops(ptr, flag != 0 ? 1 : 0);
  return call.end(CUDA_SUCCESS);
}
