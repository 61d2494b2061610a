// Managed memory: pinned memory at an address that program and kernels share (host_memory.h), one memory near the GPU
// and a twin of it elsewhere. Devices say that they cannot use it while the program does
// (CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS is 0); CUDA then asks programs to wait before they touch it, which is
// when twins are told. It takes no device memory. Where it lies cannot be chosen, so what hints say is only remembered.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "client/call.h"
#include "client/driver.h"
#include "client/host_memory.h"

namespace gpool::client {
namespace {

// What a program has advised, by the allocation's number.
struct Hints {
  bool read_mostly = false;
  int preferred = CU_DEVICE_INVALID;
  std::set<int> accessed_by;
};
std::mutex& hints_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}
std::map<uint64_t, Hints>& hints() {
  static auto& map = *new std::map<uint64_t, Hints>;
  return map;
}

// The allocation that holds all of a range; empty with the refusal remembered.
std::optional<HostRange> managed_range(Call& call, CUdeviceptr address, size_t bytes) {
  std::optional<HostRange> range = find_host_range(address);
  if (!range || !range->managed || bytes == 0 || bytes > range->bytes - (address - range->address))
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  return call.ok() ? range : std::nullopt;
}

// A GPU must be able to use managed memory while the host does, and none of ours is.
void check_location(Call& call, const CUmemLocation& location) {
  if (!call.ok()) return;
  const bool device = location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  const bool host = location.type == CU_MEM_LOCATION_TYPE_HOST || location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA ||
                    location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
  if (device) call.refuse(CUDA_ERROR_INVALID_DEVICE);
  if (!device && !host) call.refuse(CUDA_ERROR_INVALID_VALUE);
}

CUmemLocation location_of(CUdevice device) {
  CUmemLocation location{};
  location.type = device == CU_DEVICE_CPU ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE;
  location.id = device;
  return location;
}

CUresult advise(Call& call, CUdeviceptr address, size_t bytes, CUmem_advise advice, const CUmemLocation& location) {
  const std::optional<HostRange> range = managed_range(call, address, bytes);
  if (!range) return call.result();
  std::lock_guard lock(hints_mutex());
  switch (advice) {
    case CU_MEM_ADVISE_SET_READ_MOSTLY:
    case CU_MEM_ADVISE_UNSET_READ_MOSTLY:
      hints()[range->id].read_mostly = advice == CU_MEM_ADVISE_SET_READ_MOSTLY;
      break;
    case CU_MEM_ADVISE_SET_PREFERRED_LOCATION:
      check_location(call, location);
      if (call.ok()) hints()[range->id].preferred = CU_DEVICE_CPU;
      break;
    case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION:
      hints()[range->id].preferred = CU_DEVICE_INVALID;
      break;
    case CU_MEM_ADVISE_SET_ACCESSED_BY:
      check_location(call, location);
      if (call.ok()) hints()[range->id].accessed_by.insert(CU_DEVICE_CPU);
      break;
    case CU_MEM_ADVISE_UNSET_ACCESSED_BY:
      check_location(call, location);
      if (call.ok()) hints()[range->id].accessed_by.erase(CU_DEVICE_CPU);
      break;
    default:
      return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  return call.end(CUDA_SUCCESS);
}

CUresult prefetch(Call& call, CUdeviceptr address, size_t bytes, const CUmemLocation& location, CUstream stream) {
  call.handle(stream);
  if (!managed_range(call, address, bytes)) return call.result();
  check_location(call, location);
  // To the host as well: the stream's GPU takes part.
  return call.end(CUDA_ERROR_INVALID_DEVICE);
}

CUresult tell(const Hints& known, void* data, size_t bytes, CUmem_range_attribute attribute) {
  if (data == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (attribute == CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY) {
    if (bytes % sizeof(int) != 0) return CUDA_ERROR_INVALID_VALUE;
    auto* devices = static_cast<int*>(data);
    std::fill_n(devices, bytes / sizeof(int), CU_DEVICE_INVALID);
    std::copy_n(known.accessed_by.begin(), std::min(known.accessed_by.size(), bytes / sizeof(int)), devices);
    return CUDA_SUCCESS;
  }
  int value = 0;
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
      value = known.read_mostly ? 1 : 0;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID:
      value = known.preferred;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE:
      value = known.preferred == CU_DEVICE_CPU ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_INVALID;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID:
      value = CU_DEVICE_INVALID;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE:
      value = CU_MEM_LOCATION_TYPE_INVALID;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
  if (bytes != sizeof value) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  Call call("cuMemAllocManaged", Needs::context);
  if (call.required(dptr) == nullptr || !call.ok()) return call.result();
  if (bytesize == 0 || (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  if (bytesize > (uint64_t{1} << 46)) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  if (const int32_t sticky = call.context()->sticky.load()) return call.end(static_cast<CUresult>(sticky));
  const uint64_t address = allocate_managed(*call.context(), bytesize, flags);
  if (address == 0) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  *dptr = address;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags,
                                          CUstream hStream) {
  Call call("cuMemPrefetchAsync_v2", Needs::context);
  if (flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  return prefetch(call, devPtr, count, location, hStream);
}

extern "C" CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  Call call("cuMemPrefetchAsync", Needs::context);
  return prefetch(call, devPtr, count, location_of(dstDevice), hStream);
}

extern "C" CUresult cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  Call call("cuMemAdvise_v2", Needs::context);
  return advise(call, devPtr, count, advice, location);
}

extern "C" CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) {
  Call call("cuMemAdvise", Needs::context);
  return advise(call, devPtr, count, advice, location_of(device));
}

extern "C" CUresult cuMemRangeGetAttribute(void* data, size_t dataSize, CUmem_range_attribute attribute,
                                           CUdeviceptr devPtr, size_t count) {
  Call call("cuMemRangeGetAttribute", Needs::context);
  const std::optional<HostRange> range = managed_range(call, devPtr, count);
  if (!range) return call.result();
  std::lock_guard lock(hints_mutex());
  return call.end(tell(hints()[range->id], data, dataSize, attribute));
}

extern "C" CUresult cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes,
                                            size_t numAttributes, CUdeviceptr devPtr, size_t count) {
  Call call("cuMemRangeGetAttributes", Needs::context);
  const std::optional<HostRange> range = managed_range(call, devPtr, count);
  if (!range) return call.result();
  if (numAttributes == 0 || data == nullptr || dataSizes == nullptr || attributes == nullptr)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(hints_mutex());
  for (size_t i = 0; i < numAttributes; i++)
    call.refuse(tell(hints()[range->id], data[i], dataSizes[i], attributes[i]));
  return call.end(CUDA_SUCCESS);
}

// Any stream may use it, which allows more than each of the flags does.
extern "C" CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  Call call("cuStreamAttachMemAsync", Needs::context);
  call.handle(hStream);
  const std::optional<HostRange> range = call.ok() ? find_host_range(dptr) : std::nullopt;
  if (!range || !range->managed) call.refuse(CUDA_ERROR_INVALID_VALUE);
  // The whole allocation, by its length or by 0.
  if (call.ok() && (dptr != range->address || (length != 0 && length != range->bytes)))
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST && flags != CU_MEM_ATTACH_SINGLE)
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  return call.end(CUDA_SUCCESS);
}
