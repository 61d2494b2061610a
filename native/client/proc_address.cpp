// How programs find the driver's functions and the runtime its private tables.
#include "calls/resolver.h"
#include "client/call.h"
#include "client/driver.h"
#include "export_tables/export_tables.h"

namespace gpool::client {
namespace {

class TableHost final : public export_tables::Host {
 public:
  int driver_version() override { return driver().driver_version; }
  int device_count() override { return static_cast<int>(driver().devices.size()); }
  bool device(int ordinal, export_tables::DeviceIdentity* identity) override {
    const Device* device = driver().device(ordinal);
    if (device == nullptr) return false;
    std::memcpy(identity->uuid, device->record.uuid, 16);
    identity->pci_domain = device->record.attributes[CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID];
    identity->pci_bus = device->record.attributes[CU_DEVICE_ATTRIBUTE_PCI_BUS_ID];
    identity->pci_device = device->record.attributes[CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID];
    return true;
  }
  CUresult primary_context(CUcontext* context, CUdevice ordinal) override {
    Device* device = driver().device(ordinal);
    if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *context = device->primary.cuda();
    return CUDA_SUCCESS;
  }
  CUcontext current_context() override {
    const Context* context = client::current_context();
    return context != nullptr ? context->cuda() : nullptr;
  }
  CUresult load_module(CUmodule* module, const void* image) override { return cuModuleLoadData(module, image); }
};

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags,
                                        CUdriverProcAddressQueryResult* symbolStatus) {
  Call call("cuGetProcAddress_v2", Needs::nothing);
  return call.end(calls::resolve(symbol, pfn, cudaVersion, flags, symbolStatus));
}

extern "C" CUresult cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  Call call("cuGetProcAddress", Needs::nothing);
  return call.end(calls::resolve_v1(symbol, pfn, cudaVersion, flags));
}

extern "C" CUresult cuGetExportTable(const void** ppExportTable, const CUuuid* pExportTableId) {
  Call call("cuGetExportTable", Needs::nothing);
  if (ppExportTable == nullptr || pExportTableId == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  static TableHost& host = *new TableHost;
  static const bool served = [] {
    export_tables::serve(host);
    return true;
  }();
  (void)served;
  return call.end(export_tables::get(ppExportTable, pExportTableId));
}
