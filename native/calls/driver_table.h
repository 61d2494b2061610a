// The functions of the driver below a worker: NVIDIA's or the emulated one, whichever the loader path leads to.
#pragma once

#include "base/status.h"
#include "calls/driver_api.h"

namespace gpool::calls {

// Stands in for a function that the loaded driver does not have.
template <typename... Arguments>
CUresult missing(Arguments...) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

// One member for each function that calls.toml does not put off. A member is never null: calling one that the driver
// lacks answers CUDA_ERROR_NOT_SUPPORTED.
struct DriverTable {
#include "calls/generated/driver_table_members.h"
};

template <typename... Arguments>
bool is_missing(CUresult (*function)(Arguments...)) {
  return function == &missing<Arguments...>;
}

// Opens the driver (`path` as for dlopen: "libcuda.so.1", or a full path) and fills the table, each function in exactly
// the version that the member's type is of. The library is never closed again: drivers do not survive it.
Status load_driver(const char* path, DriverTable& table);

}  // namespace gpool::calls
