// Values that the CUDA runtime keeps per context: (context, key) → value. One question precedes nearly every runtime
// call, so an answer that was found before costs one load and four comparisons.
#pragma once

#include "calls/driver_api.h"

namespace gpool::export_tables {

using StorageDestructor = void (*)(CUcontext context, void* key, void* value);

class ContextStorage {
 public:
  // Replaces what the key had; the old value's destructor is not run (the caller owns it).
  static void put(CUcontext context, void* key, void* value, StorageDestructor destructor);
  static bool erase(CUcontext context, void* key);
  static bool find(CUcontext context, void* key, void** value);
  // Removes everything of a context, then runs the destructors, without a lock held.
  static void end(CUcontext context);
};

}  // namespace gpool::export_tables
