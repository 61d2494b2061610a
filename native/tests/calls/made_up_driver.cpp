// A CUDA driver with one device that computes nothing: enough for NVIDIA's runtime to start on, so that the resolver,
// the defaults and the runtime tables are tested by the program that they are made for.
//
// MADE_UP_DRIVER_LIE=version|uuid|bus|count makes the tables contradict the public calls.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "calls/not_supported.h"
#include "calls/resolver.h"
#include "export_tables/export_tables.h"

namespace {

constexpr int kVersion = 13050;
constexpr int kBus = 7;
const CUcontext kPrimary = reinterpret_cast<CUcontext>(0x6701);
thread_local CUcontext current = nullptr;
std::atomic<int> references{0};
std::atomic<int> refused{0};

bool lies(const char* about) {
  const char* lie = std::getenv("MADE_UP_DRIVER_LIE");
  return lie != nullptr && std::string_view(lie) == about;
}

void write_uuid(char* bytes) {
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<char>(0x20 + i);
}

class MadeUpHost : public gpool::export_tables::Host {
 public:
  int driver_version() override { return lies("version") ? kVersion - 10 : kVersion; }
  int device_count() override { return lies("count") ? 0 : 1; }
  bool device(int, gpool::export_tables::DeviceIdentity* identity) override {
    write_uuid(reinterpret_cast<char*>(identity->uuid));
    if (lies("uuid")) identity->uuid[15] ^= 1;
    identity->pci_domain = 0;
    identity->pci_bus = lies("bus") ? kBus + 1 : kBus;
    identity->pci_device = 0;
    return true;
  }
  CUresult primary_context(CUcontext* context, CUdevice) override {
    *context = kPrimary;
    return CUDA_SUCCESS;
  }
  CUcontext current_context() override { return current; }
  CUresult load_module(CUmodule*, const void*) override { return CUDA_ERROR_NOT_SUPPORTED; }
};
MadeUpHost host;

}  // namespace

namespace gpool::calls {
CUresult not_supported(const char* name) noexcept {
  ++refused;
  if (std::getenv("MADE_UP_DRIVER_VERBOSE")) std::fprintf(stderr, "not supported: %s\n", name);
  return CUDA_ERROR_NOT_SUPPORTED;
}
}  // namespace gpool::calls

extern "C" {

__attribute__((visibility("default"))) int gpool_made_up_driver_refused() {
  return refused;
}

CUresult cuInit(unsigned int) {
  return CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int* version) {
  return *version = kVersion, CUDA_SUCCESS;
}
CUresult cuGetProcAddress(const char* symbol, void** pfn, int version, cuuint64_t flags) {
  return gpool::calls::resolve_v1(symbol, pfn, version, flags);
}
CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int version, cuuint64_t flags,
                             CUdriverProcAddressQueryResult* status) {
  return gpool::calls::resolve(symbol, pfn, version, flags, status);
}
CUresult cuGetExportTable(const void** table, const CUuuid* id) {
  gpool::export_tables::serve(host);
  return gpool::export_tables::get(table, id);
}

CUresult cuDeviceGetCount(int* count) {
  return *count = 1, CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return *device = ordinal, CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  std::snprintf(name, static_cast<size_t>(length), "Made-up GPU");
  return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  return *bytes = size_t{1} << 30, CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice) {
  return write_uuid(uuid->bytes), CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
      *value = kBus;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = 8;
      break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      *value = 32;
      break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      *value = 4;
      break;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
      *value = 1;
      break;
    default:
      *value = 0;
  }
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned int* flags, int* active) {
  *flags = 0;
  *active = references > 0;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  ++references;
  return *context = kPrimary, CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  return --references, CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxReset_v2(CUdevice) {
  references = 0;
  gpool::export_tables::context_ended(kPrimary);
  return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  return *context = current, CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext context) {
  return current = context, CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) {
  *device = 0;
  return current != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext) {
  return *device = 0, CUDA_SUCCESS;
}
CUresult cuCtxGetApiVersion(CUcontext, unsigned int* version) {
  return *version = 3020, CUDA_SUCCESS;
}
CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  return *mode = CU_MODULE_LAZY_LOADING, CUDA_SUCCESS;
}
CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t) {
  return *address = 0x7f0000000000, CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr) {
  return CUDA_SUCCESS;
}

// The stream that a fill was asked for, so that a test sees what the per-thread names make of it.
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream stream) {
  return static_cast<CUresult>(1000 + reinterpret_cast<uintptr_t>(stream));
}
CUresult cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t) {
  return static_cast<CUresult>(1999);
}
}
