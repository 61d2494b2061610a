// From CUDA's descriptions of copies and memsets to work.
#pragma once

#include "calls/driver_api.h"
#include "emulator/driver/work.h"

namespace gpool::emulator {

CUresult work_of_shape(const CUDA_MEMCPY3D& shape, CopyWork& work);
CUresult check_memset(const MemsetWork& work, int device);

}  // namespace gpool::emulator
