// (name, version, flags) → address: what cuGetProcAddress promises.
#pragma once

#include <span>

#include "calls/driver_api.h"

namespace gpool::calls {

// The ABI that `base` has from CUDA `version` on. Sorted by (base, per_thread, version).
struct VersionRow {
  const char* base;
  int version;
  bool per_thread;
  void* address;
};
std::span<const VersionRow> version_rows();

// As cuGetProcAddress_v2: a name that is unknown, or younger than `version`, is CUDA_SUCCESS with a null *pfn, and
// `status` (which may be null) says which. `symbol` has no suffix; an empty one answers cuGetProcAddress itself.
// CUDA_ERROR_INVALID_VALUE: a null pointer, or flags that do not exist.
CUresult resolve(const char* symbol, void** pfn, int version, cuuint64_t flags, CUdriverProcAddressQueryResult* status);

// As the cuGetProcAddress of CUDA 11, which has no status: what cannot be found is CUDA_ERROR_NOT_FOUND, *pfn
// untouched.
CUresult resolve_v1(const char* symbol, void** pfn, int version, cuuint64_t flags);

}  // namespace gpool::calls
