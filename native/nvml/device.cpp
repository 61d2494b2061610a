// Questions about one GPU: what the lease knows, then what its node knows.
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "base/log.h"
#include "nvml/nvml_api.h"
#include "nvml/text.h"
#include "nvml/view.h"

namespace gpool::nvml {
namespace {

// CUDA's numbers of device attributes; this library includes no cuda.h.
enum CudaAttribute : int {
  kClockKilohertz = 13,
  kMemoryClockKilohertz = 36,
  kMemoryBusBits = 37,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
};

// Looks the device up and calls `answer(view, gpu)`.
template <typename Answer>
nvmlReturn_t ask(nvmlDevice_t device, Answer answer) {
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  const Gpu* gpu = view->find(device);
  return gpu == nullptr ? NVML_ERROR_INVALID_ARGUMENT : answer(*view, *gpu);
}

// The same for what only the node knows.
template <typename Answer>
nvmlReturn_t ask_node(nvmlDevice_t device, Answer answer) {
  return ask(device, [&](View& view, const Gpu& gpu) {
    const wire::DeviceRecord* record = view.record(gpu);
    return record == nullptr ? NVML_ERROR_GPU_IS_LOST : answer(*record);
  });
}

template <size_t N>
std::string_view text_of(const char (&field)[N]) {
  return {field, strnlen(field, N)};
}

nvmlReturn_t attribute(const wire::DeviceRecord& record, CudaAttribute which, int& value) {
  value = record.attributes[which];
  return value == wire::kNoAttribute || value <= 0 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

struct PciAddress {
  unsigned int domain = 0, bus = 0, device = 0;
  bool operator==(const PciAddress&) const = default;
};

// "domain:bus:device.function"; the domain and the function may be missing.
bool parse_pci(std::string_view text, PciAddress& address) {
  const std::string copy(text);
  unsigned int function = 0;
  int end = 0;
  const auto whole = [&] { return end == static_cast<int>(copy.size()); };
  if (std::sscanf(copy.c_str(), "%x:%x:%x.%x%n", &address.domain, &address.bus, &address.device, &function, &end) ==
      4) {
    return whole();
  }
  if (std::sscanf(copy.c_str(), "%x:%x:%x%n", &address.domain, &address.bus, &address.device, &end) == 3)
    return whole();
  address.domain = 0;
  return std::sscanf(copy.c_str(), "%x:%x.%x%n", &address.bus, &address.device, &function, &end) == 3 && whole();
}

nvmlReturn_t memory_of(View& view, const Gpu& gpu, wire::MemoryInfoReply& reply) {
  NodeSession* node = view.session(gpu);
  if (node == nullptr) return NVML_ERROR_GPU_IS_LOST;
  if (Status status = node->memory(gpu.device, reply); !status) {
    log::error("NVML cannot ask for the memory of GPU " + client::format_uuid(gpu.uuid.data()) + ": " +
               status.sentence());
    return NVML_ERROR_GPU_IS_LOST;
  }
  return reply.free_bytes <= reply.total_bytes ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

}  // namespace
}  // namespace gpool::nvml

using namespace gpool;
using namespace gpool::nvml;

extern "C" {

// -- finding a device
// ---------------------------------------------------------------------------------------------------

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  if (device == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  if (index >= view->gpus().size()) return NVML_ERROR_INVALID_ARGUMENT;
  *device = View::handle(index);
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  if (uuid == nullptr || device == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  std::array<uint8_t, 16> wanted;
  if (!client::parse_uuid(uuid, wanted)) return NVML_ERROR_INVALID_ARGUMENT;
  for (const Gpu& gpu : view->gpus()) {
    if (gpu.uuid != wanted) continue;
    *device = View::handle(view->index_of(gpu));
    return NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, nvmlDevice_t* device) {
  if (bus_id == nullptr || device == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  PciAddress wanted, have;
  if (!parse_pci(bus_id, wanted)) return NVML_ERROR_INVALID_ARGUMENT;
  for (const Gpu& gpu : view->gpus()) {
    const wire::DeviceRecord* record = view->record(gpu);
    if (record == nullptr || !parse_pci(text_of(record->pci_bus_id), have) || have != wanted) continue;
    *device = View::handle(view->index_of(gpu));
    return NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* bus_id, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int* index) {
  if (index == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask(device, [&](View& view, const Gpu& gpu) {
    *index = view.index_of(gpu);
    return NVML_SUCCESS;
  });
}
nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minor) {
  return nvmlDeviceGetIndex(device, minor);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  return ask(device,
             [&](View&, const Gpu& gpu) { return copy_text(client::format_uuid(gpu.uuid.data()), uuid, length); });
}

// -- what it is
// ---------------------------------------------------------------------------------------------------------

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  return ask_node(device,
                  [&](const wire::DeviceRecord& record) { return copy_text(text_of(record.name), name, length); });
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major, int* minor) {
  if (major == nullptr || minor == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask_node(device, [&](const wire::DeviceRecord& record) {
    if (nvmlReturn_t result = attribute(record, kCapabilityMajor, *major); result != NVML_SUCCESS) return result;
    *minor = record.attributes[kCapabilityMinor];
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned int* bits) {
  if (bits == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask_node(device, [&](const wire::DeviceRecord& record) {
    int value = 0;
    nvmlReturn_t result = attribute(record, kMemoryBusBits, value);
    if (result == NVML_SUCCESS) *bits = static_cast<unsigned int>(value);
    return result;
  });
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* megahertz) {
  if (megahertz == nullptr || type >= NVML_CLOCK_COUNT) return NVML_ERROR_INVALID_ARGUMENT;
  return ask_node(device, [&](const wire::DeviceRecord& record) {
    if (type == NVML_CLOCK_VIDEO) return NVML_ERROR_NOT_SUPPORTED;
    int kilohertz = 0;
    nvmlReturn_t result =
        attribute(record, type == NVML_CLOCK_MEM ? kMemoryClockKilohertz : kClockKilohertz, kilohertz);
    if (result == NVML_SUCCESS) *megahertz = static_cast<unsigned int>(kilohertz) / 1000;
    return result;
  });
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  if (pci == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask_node(device, [&](const wire::DeviceRecord& record) {
    PciAddress address;
    if (!parse_pci(text_of(record.pci_bus_id), address)) return NVML_ERROR_NOT_SUPPORTED;
    // The vendor's and the board's numbers are not known here and stay 0.
    *pci = nvmlPciInfo_t{};
    pci->domain = address.domain;
    pci->bus = address.bus;
    pci->device = address.device;
    std::snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.0", address.domain & 0xffff,
                  address.bus & 0xff, address.device & 0xff);
    std::snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.0", address.domain, address.bus & 0xff,
                  address.device & 0xff);
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_t* pci) {
  if (pci == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (pci->version != nvmlPciInfoExt_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlPciInfo_t known;
  if (nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, &known); result != NVML_SUCCESS) return result;
  *pci = nvmlPciInfoExt_t{};
  pci->version = nvmlPciInfoExt_v1;
  pci->domain = known.domain;
  pci->bus = known.bus;
  pci->device = known.device;
  std::memcpy(pci->busId, known.busId, sizeof(pci->busId));
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t* mode) {
  if (mode == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask(device, [&](View&, const Gpu&) {
    // Any number of processes may use a lease.
    *mode = NVML_COMPUTEMODE_DEFAULT;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t first, nvmlDevice_t second, nvmlGpuP2PCapsIndex_t capability,
                                    nvmlGpuP2PStatus_t* status) {
  if (status == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask(first, [&](View& view, const Gpu& from) {
    const Gpu* to = view.find(second);
    if (to == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
    const wire::DeviceRecord* record = view.record(from);
    if (record == nullptr) return NVML_ERROR_GPU_IS_LOST;
    const bool asked = capability == NVML_P2P_CAPS_INDEX_READ || capability == NVML_P2P_CAPS_INDEX_WRITE;
    // NCCL asks about each GPU and itself too.
    const bool peers = from.session == to->session && to->device < 32 && ((record->peer_mask_low >> to->device) & 1);
    const bool linked = peers || to == &from;
    *status = asked && linked ? NVML_P2P_STATUS_OK : NVML_P2P_STATUS_NOT_SUPPORTED;
    return NVML_SUCCESS;
  });
}

// -- what it does
// -------------------------------------------------------------------------------------------------------

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  if (memory == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return ask(device, [&](View& view, const Gpu& gpu) {
    wire::MemoryInfoReply reply{};
    if (nvmlReturn_t result = memory_of(view, gpu, reply); result != NVML_SUCCESS) return result;
    *memory = nvmlMemory_t{};
    memory->total = reply.total_bytes;
    memory->free = reply.free_bytes;
    memory->used = reply.total_bytes - reply.free_bytes;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
  if (memory == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (memory->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlMemory_t known;
  if (nvmlReturn_t result = nvmlDeviceGetMemoryInfo(device, &known); result != NVML_SUCCESS) return result;
  memory->total = known.total;
  memory->reserved = 0;
  memory->free = known.free;
  memory->used = known.used;
  return NVML_SUCCESS;
}

}  // extern "C"
