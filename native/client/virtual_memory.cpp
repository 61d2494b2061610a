// Virtual memory management: addresses come from the device's arena, physical memory is taken when a handle is mapped.
// A handle can be mapped in one place at a time; sharing it with other processes is not supported.
#include "client/virtual_memory.h"

#include <atomic>
#include <map>
#include <mutex>

#include "client/call.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

struct Physical {
  CUmemAllocationProp properties{};
  Device* device = nullptr;
  uint64_t bytes = 0;
  uint64_t address = 0;  // where it is mapped, or 0
  uint32_t references = 1;
};

std::mutex& physical_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

Physical* physical(Call& call, CUmemGenericAllocationHandle handle) {
  call.memory(handle);
  return call.ok() ? static_cast<Physical*>(call.object()->data.load()) : nullptr;
}

// Under physical_mutex.
std::map<const Device*, uint64_t>& promises() {
  static auto& by_device = *new std::map<const Device*, uint64_t>;
  return by_device;
}

// Under physical_mutex: the handle dies when nobody refers to it and it is mapped nowhere.
void drop_if_unused(Session& session, wire::Handle handle, Physical* memory) {
  if (memory->references > 0 || memory->address != 0) return;
  promises()[memory->device] -= memory->bytes;
  session.slab(wire::Kind::memory).destroy(handle);
  delete memory;
}

std::map<uint64_t, wire::Handle>& mapped() {
  static auto& by_address = *new std::map<uint64_t, wire::Handle>;
  return by_address;
}

Context* context_for(Device& device) {
  Context* current = current_context();
  return current != nullptr && current->session == device.session ? current : &device.primary;
}

}  // namespace

uint64_t promised_bytes(const Device& device) {
  std::lock_guard lock(physical_mutex());
  auto at = promises().find(&device);
  return at != promises().end() ? at->second : 0;
}

}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                                  CUmemAllocationGranularity_flags) {
  Call call("cuMemGetAllocationGranularity");
  if (call.required(granularity) == nullptr || call.required(prop) == nullptr || !call.ok()) return call.result();
  if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  Device* device = driver().device(prop->location.id);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  *granularity = device->memory.granularity();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                                        unsigned long long flags) {
  Call call("cuMemAddressReserve");
  if (call.required(ptr) == nullptr || !call.ok()) return call.result();
  if (flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  // The call names no device: the current one's arena, the hinted one's, or the first's.
  Device* device = device_of_address(addr);
  if (device == nullptr) device = call.context() != nullptr ? call.context()->device : driver().devices[0];
  uint64_t address = 0;
  const CUresult status = device->memory.reserve(size, alignment, addr, address);
  if (status == CUDA_SUCCESS) *ptr = address;
  return call.end(status);
}

extern "C" CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  Call call("cuMemAddressFree");
  if (!call.ok()) return call.result();
  Device* device = device_of_address(ptr);
  return call.end(device != nullptr ? device->memory.unreserve(ptr, size) : CUDA_ERROR_INVALID_VALUE);
}

extern "C" CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                                unsigned long long flags) {
  Call call("cuMemCreate");
  if (call.required(handle) == nullptr || call.required(prop) == nullptr || !call.ok()) return call.result();
  if (flags != 0 || prop->type != CU_MEM_ALLOCATION_TYPE_PINNED) return call.end(CUDA_ERROR_INVALID_VALUE);
  // PyTorch's expandable segments can only be had as what might be exported as a descriptor; hardly a program does.
  // Exporting is what fails here.
  const bool unknown = (prop->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != 0;
  if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE || unknown) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  Device* device = driver().device(prop->location.id);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
  if (size == 0 || size % device->memory.granularity() != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  // Memory is taken at the mapping; what could not be had then is refused now, when programs expect it.
  wire::MemoryInfoReply left{};
  const CUresult asked =
      device->session->ask(wire::Message::memory_info, context_for(*device), wire::MemoryInfo{device->index}, left);
  if (asked != CUDA_SUCCESS) return call.end(asked);
  std::lock_guard lock(physical_mutex());
  uint64_t& promised = promises()[device];
  if (size > left.free_bytes || promised > left.free_bytes - size) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  Slab& slab = device->session->slab(wire::Kind::memory);
  wire::Handle minted = 0;
  Object* object = slab.create(wire::Kind::memory, device->session->slot(), minted);
  if (object == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  auto* memory = new Physical;
  memory->properties = *prop;
  memory->device = device;
  memory->bytes = size;
  object->data = memory;
  slab.publish(object, minted);
  promised += size;
  *handle = minted;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  Call call("cuMemRelease");
  std::lock_guard lock(physical_mutex());
  Physical* memory = physical(call, handle);
  if (memory == nullptr) return call.result();
  if (memory->references == 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  memory->references--;
  drop_if_unused(*memory->device->session, handle, memory);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                             unsigned long long flags) {
  Call call("cuMemMap");
  std::lock_guard lock(physical_mutex());
  Physical* memory = physical(call, handle);
  if (memory == nullptr) return call.result();
  if (flags != 0 || offset != 0 || size != memory->bytes || memory->references == 0)
    return call.end(CUDA_ERROR_INVALID_VALUE);
  if (memory->address == ptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (memory->address != 0 || !memory->device->memory.contains(ptr)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  const CUresult status = memory->device->memory.map(context_for(*memory->device), ptr, size);
  if (status != CUDA_SUCCESS) return call.end(status);
  memory->address = ptr;
  promises()[memory->device] -= size;
  mapped()[ptr] = handle;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  Call call("cuMemUnmap");
  if (!call.ok()) return call.result();
  Device* device = device_of_address(ptr);
  if (device == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(physical_mutex());
  const CUresult status = device->memory.unmap(context_for(*device), ptr, size);
  if (status != CUDA_SUCCESS) return call.end(status);
  for (auto at = mapped().lower_bound(ptr); at != mapped().end() && at->first < ptr + size;) {
    Object* object = device->session->find(at->second);
    auto* memory = object != nullptr ? static_cast<Physical*>(object->data.load()) : nullptr;
    if (memory != nullptr) {
      memory->address = 0;
      promises()[memory->device] += memory->bytes;
      drop_if_unused(*device->session, at->second, memory);
    }
    at = mapped().erase(at);
  }
  return call.end(CUDA_SUCCESS);
}

// The worker maps memory readable and writable for its device, and for the peers that can reach it.
extern "C" CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  Call call("cuMemSetAccess");
  if (call.required(desc) == nullptr || !call.ok()) return call.result();
  Device* device = device_of_address(ptr);
  if (device == nullptr || count == 0 || size == 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  bool accessible = false;
  for (size_t i = 0; i < count; i++) {
    if (desc[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return call.end(CUDA_ERROR_NOT_SUPPORTED);
    if (driver().device(desc[i].location.id) == nullptr) return call.end(CUDA_ERROR_INVALID_DEVICE);
    accessible |= desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE;
  }
  return call.end(device->memory.set_access(ptr, size, accessible));
}

extern "C" CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  Call call("cuMemGetAccess");
  if (call.required(flags) == nullptr || call.required(location) == nullptr || !call.ok()) return call.result();
  Device* device = device_of_address(ptr);
  if (device == nullptr || location->type != CU_MEM_LOCATION_TYPE_DEVICE) return call.end(CUDA_ERROR_INVALID_VALUE);
  const bool own = driver().device(location->id) == device && device->memory.covers(ptr, 1);
  *flags = own ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop,
                                                           CUmemGenericAllocationHandle handle) {
  Call call("cuMemGetAllocationPropertiesFromHandle");
  std::lock_guard lock(physical_mutex());
  Physical* memory = physical(call, handle);
  if (call.required(prop) == nullptr || memory == nullptr) return call.result();
  *prop = memory->properties;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  Call call("cuMemRetainAllocationHandle");
  if (call.required(handle) == nullptr || !call.ok()) return call.result();
  const auto address = reinterpret_cast<uint64_t>(addr);
  Device* device = device_of_address(address);
  const std::optional<Allocation> part = device != nullptr ? device->memory.find(address) : std::nullopt;
  std::lock_guard lock(physical_mutex());
  auto at = part ? mapped().find(part->address) : mapped().end();
  if (at == mapped().end()) return call.end(CUDA_ERROR_INVALID_VALUE);
  static_cast<Physical*>(device->session->find(at->second)->data.load())->references++;
  *handle = at->second;
  return call.end(CUDA_SUCCESS);
}
