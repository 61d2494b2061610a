#include "worker/devices.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/address_space.h"
#include "wire/ticket.h"

namespace gpool::worker {
namespace {

constexpr uint64_t kArenaUnit = uint64_t{1} << 30;
constexpr uint64_t kLargestArena = uint64_t{1} << 42;

// What the hardware may have and a session over a wire has not: memory of the host that the GPU reads by itself,
// managed memory, GPUDirect, handles that are passed between processes.
constexpr CUdevice_attribute kNotHonoured[] = {
    CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY,
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS,
    CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS,
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES,
    CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED,
};

Status failed(const char* what, CUresult status) {
  return Status::failed(std::string("The node's CUDA driver failed in ") + what + " with error " +
                        std::to_string(status) + "; see the node's log.");
}

Status describe(const calls::DriverTable& driver, Device& device) {
  wire::DeviceRecord& record = device.record;
  CUuuid uuid{};
  if (CUresult status = driver.cuDeviceGetUuid_v2(&uuid, device.cu); status != CUDA_SUCCESS)
    return failed("cuDeviceGetUuid", status);
  std::memcpy(record.uuid, uuid.bytes, sizeof record.uuid);
  driver.cuDeviceGetName(record.name, sizeof record.name, device.cu);
  driver.cuDeviceGetPCIBusId(record.pci_bus_id, sizeof record.pci_bus_id, device.cu);
  for (uint32_t i = 0; i < wire::kAttributes; ++i) {
    int value = 0;
    record.attributes[i] = driver.cuDeviceGetAttribute(&value, CUdevice_attribute(i), device.cu) == CUDA_SUCCESS
                               ? value
                               : wire::kNoAttribute;
  }
  for (CUdevice_attribute off : kNotHonoured)
    if (record.attributes[off] != wire::kNoAttribute) record.attributes[off] = 0;
  size_t total = 0;
  if (CUresult status = driver.cuDeviceTotalMem_v2(&total, device.cu); status != CUDA_SUCCESS)
    return failed("cuDeviceTotalMem", status);
  record.memory_bytes = total;
  record.compute_permille = 1000;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device.cu};
  size_t granularity = 0;
  if (CUresult status =
          driver.cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
      status != CUDA_SUCCESS || granularity == 0)
    return failed("cuMemGetAllocationGranularity", status);
  record.granularity = granularity;
  return Status::ok();
}

// Limits and priorities are a context's; the primary context is cheap to ask once it exists, and every client makes it.
void describe_context(const calls::DriverTable& driver, Device& device) {
  wire::DeviceRecord& record = device.record;
  std::fill(std::begin(record.limits), std::end(record.limits), UINT64_MAX);
  CUcontext context = nullptr;
  if (driver.cuDevicePrimaryCtxRetain(&context, device.cu) != CUDA_SUCCESS) return;
  driver.cuCtxSetCurrent(context);
  for (int i = 0; i < 16; ++i) {
    size_t value = 0;
    if (driver.cuCtxGetLimit(&value, CUlimit(i)) == CUDA_SUCCESS) record.limits[i] = value;
  }
  driver.cuCtxGetStreamPriorityRange(&record.stream_priority_least, &record.stream_priority_greatest);
  driver.cuCtxSetCurrent(nullptr);
  // Kept: a context that is ready when the client asks for it.
}

Status reserve_arena(const calls::DriverTable& driver, const wire::ArenaProposal& proposal, Device& device) {
  uint64_t bytes = proposal.bytes;
  if (bytes == 0) bytes = 4 * device.record.memory_bytes;
  bytes = std::clamp((bytes + kArenaUnit - 1) / kArenaUnit * kArenaUnit, kArenaUnit, kLargestArena);
  CUdeviceptr address = 0;
  // A client that does not know our GPUs' memory proposes nothing. A driver left to itself may choose addresses among
  // the libraries of a process, where the client has its own.
  const CUdeviceptr hint = proposal.bytes ? proposal.address : random_address(bytes, kArenaUnit);
  CUresult status = driver.cuMemAddressReserve(&address, bytes, kArenaUnit, hint, 0);
  if (status != CUDA_SUCCESS) status = driver.cuMemAddressReserve(&address, bytes, 0, 0, 0);
  if (status != CUDA_SUCCESS) return failed("cuMemAddressReserve", status);
  device.record.arena_address = address;
  device.record.arena_bytes = bytes;
  return Status::ok();
}

}  // namespace

Status find_devices(const calls::DriverTable& driver, std::vector<Device>& devices) {
  if (CUresult status = driver.cuInit(0); status != CUDA_SUCCESS) return failed("cuInit", status);
  int count = 0;
  if (CUresult status = driver.cuDeviceGetCount(&count); status != CUDA_SUCCESS)
    return failed("cuDeviceGetCount", status);
  if (count == 0) return Status::failed("The node's CUDA driver sees no GPU.");
  devices.resize(std::min<size_t>(size_t(count), wire::kMaxDevices));
  for (size_t i = 0; i < devices.size(); ++i) {
    Device& device = devices[i];
    if (CUresult status = driver.cuDeviceGet(&device.cu, int(i)); status != CUDA_SUCCESS)
      return failed("cuDeviceGet", status);
    if (Status status = describe(driver, device); !status) return status;
    describe_context(driver, device);
  }
  for (size_t i = 0; i < devices.size() && i < 32; ++i)
    for (size_t j = 0; j < devices.size() && j < 32; ++j) {
      int can = 0;
      if (i != j && driver.cuDeviceCanAccessPeer(&can, devices[i].cu, devices[j].cu) == CUDA_SUCCESS && can)
        devices[i].record.peer_mask_low |= 1u << j;
    }
  return Status::ok();
}

bool are_alive(const calls::DriverTable& driver, const std::vector<Device>& devices) {
  bool alive = true;
  for (const Device& device : devices) {
    unsigned flags = 0;
    int active = 0;
    CUcontext context = nullptr;
    if (driver.cuDevicePrimaryCtxGetState(device.cu, &flags, &active) != CUDA_SUCCESS || !active) continue;
    if (driver.cuDevicePrimaryCtxRetain(&context, device.cu) == CUDA_SUCCESS) {
      alive &= driver.cuCtxSetCurrent(context) == CUDA_SUCCESS && driver.cuStreamQuery(nullptr) == CUDA_SUCCESS;
      driver.cuDevicePrimaryCtxRelease_v2(device.cu);
    } else {
      alive = false;
    }
  }
  driver.cuCtxSetCurrent(nullptr);
  return alive;
}

Status grant_devices(const calls::DriverTable& driver, const Grant& grant, std::vector<Device>& devices) {
  if (grant.vgpu_count != 0 && devices.size() != grant.vgpu_count)
    return Status::failed("The node's CUDA driver sees " + std::to_string(devices.size()) + " of the " +
                          std::to_string(grant.vgpu_count) + " GPUs of the lease; see gpool doctor on that node.");
  for (size_t i = 0; i < devices.size(); ++i) {
    Device& device = devices[i];
    if (grant.vgpu_count != 0) {
      const GrantedVgpu& vgpu = grant.vgpus[i];
      if (std::memcmp(device.record.uuid, vgpu.uuid, sizeof vgpu.uuid) != 0)
        return Status::failed(
            "The node's CUDA driver shows other GPUs than the lease names; see gpool doctor on that node.");
      device.limit_bytes = vgpu.memory_bytes;
      device.ledger_index = vgpu.ledger_index;
      device.record.compute_permille = vgpu.compute_permille;
      if (device.limit_bytes != 0)
        device.record.memory_bytes = std::min(device.record.memory_bytes, device.limit_bytes);
    }
    wire::ArenaProposal proposal = i < grant.arena_count ? grant.arenas[i] : wire::ArenaProposal{};
    if (Status status = reserve_arena(driver, proposal, device); !status) return status;
  }
  return Status::ok();
}

}  // namespace gpool::worker
