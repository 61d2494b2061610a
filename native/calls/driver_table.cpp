#include "calls/driver_table.h"

#include <dlfcn.h>

#include <string>

namespace gpool::calls {
namespace {

using GetProcAddress = decltype(&cuGetProcAddress_v2);

struct Source {
  void* library;
  GetProcAddress resolve;
};

// By name and version first, because names without a suffix change their meaning between drivers. A driver that is
// older than the version refuses it; then the exported name decides, and last the older name with the same parameters.
void* find(const Source& source, const char* base, int version, const char* exported, const char* older) {
  void* address = nullptr;
  CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  if (source.resolve != nullptr &&
      source.resolve(base, &address, version, CU_GET_PROC_ADDRESS_LEGACY_STREAM, &status) == CUDA_SUCCESS &&
      status == CU_GET_PROC_ADDRESS_SUCCESS && address != nullptr) {
    return address;
  }
  if (void* symbol = dlsym(source.library, exported)) return symbol;
  return older != nullptr ? dlsym(source.library, older) : nullptr;
}

template <typename Function>
void fill(Function& member, void* address) {
  if (address != nullptr) member = reinterpret_cast<Function>(address);
}

}  // namespace

Status load_driver(const char* path, DriverTable& table) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Status::failed(std::string("the CUDA driver could not be loaded: ") + (why ? why : path));
  }
  Source source{library, reinterpret_cast<GetProcAddress>(dlsym(library, "cuGetProcAddress_v2"))};
#define GPOOL_DRIVER_ROW(name, base, version, older) fill(table.name, find(source, base, version, #name, older));
#include "calls/generated/driver_table_rows.h"
#undef GPOOL_DRIVER_ROW
  if (is_missing(table.cuInit)) return Status::failed(std::string(path) + " is not a CUDA driver: it has no cuInit");
  return Status::ok();
}

}  // namespace gpool::calls
