// The whole CUDA driver API, every exported name as itself: this header switches off the macros by which cuda.h renames
// `cuMemAlloc` to `cuMemAlloc_v2` and so on. In this tree `cuMemAlloc` is therefore the *old* function of that name, as
// it is in the symbol table of a driver; write the suffix that you mean. Include it instead of <cuda.h>, everywhere.
#pragma once

#ifdef __cuda_cuda_h__
#error \
    "Include native/calls/driver_api.h instead of <cuda.h>: the two declare different functions under the same names."
#endif

#define __CUDA_API_VERSION_INTERNAL
// Everything else of our libraries is hidden; the driver's own names are what they exist for.
#define __CUDA_API_PUSH_VISIBILITY_DEFAULT
#include <cuda.h>
#undef __CUDA_API_PUSH_VISIBILITY_DEFAULT

#include "calls/generated/newer.h"

#if CUDA_VERSION < GPOOL_OLDEST_CUDA
#error "cuda.h is too old. Install the PyPI package nvidia-cuda-runtime 13.0 or later, or set -DGPOOL_CUDA_INCLUDE."
#endif

// From cudaProfiler.h, which the header packages do not carry. CUoutput_mode is a plain enumeration.
extern "C" {
__attribute__((visibility("default"))) CUresult cuProfilerInitialize(const char* configFile, const char* outputFile,
                                                                     int outputMode);
__attribute__((visibility("default"))) CUresult cuProfilerStart(void);
__attribute__((visibility("default"))) CUresult cuProfilerStop(void);
}
