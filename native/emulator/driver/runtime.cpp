// The doors into the driver: symbol lookup, the CUDA runtime's private tables, calls that nobody has written.
#include <cstring>

#include "calls/driver_api.h"
#include "calls/not_supported.h"
#include "calls/resolver.h"
#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/log.h"
#include "export_tables/export_tables.h"

namespace gpool::calls {

CUresult not_supported(const char* name) noexcept {
  using namespace gpool::emulator;
  GPOOL_CHECK(driver().ready());
  log(Level::info, std::string(name) + " is not supported");
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace gpool::calls

namespace gpool::emulator {
namespace {

class TableHost final : public export_tables::Host {
 public:
  int driver_version() override {
    int version = 0;
    cuDriverGetVersion(&version);
    return version;
  }
  int device_count() override { return static_cast<int>(driver().devices().size()); }
  bool device(int ordinal, export_tables::DeviceIdentity* identity) override {
    const Device* device = driver().device(ordinal);
    if (!device) return false;
    *identity = {};
    std::memcpy(identity->uuid, device->uuid.data(), sizeof identity->uuid);
    identity->pci_bus = device->gpu + 1;
    return true;
  }
  CUresult primary_context(CUcontext* context, CUdevice ordinal) override {
    GPOOL_CHECK(driver().ready());
    Device* device = driver().device(ordinal);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    *context = reinterpret_cast<CUcontext>(device->primary->handle);
    return CUDA_SUCCESS;
  }
  CUcontext current_context() override {
    std::vector<uint64_t>& stack = context_stack();
    return stack.empty() ? nullptr : reinterpret_cast<CUcontext>(stack.back());
  }
  CUresult load_module(CUmodule* module, const void* image) override { return cuModuleLoadData(module, image); }
};

}  // namespace

GPOOL_CUDA cuGetExportTable(const void** table, const CUuuid* id) {
  static TableHost* const host = [] {
    auto* made = new TableHost;
    export_tables::serve(*made);
    return made;
  }();
  static_cast<void>(host);
  return export_tables::get(table, id);
}

GPOOL_CUDA cuGetProcAddress_v2(const char* symbol, void** address, int version, cuuint64_t flags,
                               CUdriverProcAddressQueryResult* status) {
  return calls::resolve(symbol, address, version, flags, status);
}

GPOOL_CUDA cuGetProcAddress(const char* symbol, void** address, int version, cuuint64_t flags) {
  return calls::resolve_v1(symbol, address, version, flags);
}

}  // namespace gpool::emulator
