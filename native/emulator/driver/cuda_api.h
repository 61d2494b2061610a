#pragma once
#if __has_include("calls/driver_api.h")
#include "calls/driver_api.h"
#else
#define __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_PUSH_VISIBILITY_DEFAULT
#include <cuda.h>
#undef __CUDA_API_PUSH_VISIBILITY_DEFAULT
extern "C" {
__attribute__((visibility("default"))) CUresult cuProfilerInitialize(const char*, const char*, int);
__attribute__((visibility("default"))) CUresult cuProfilerStart(void);
__attribute__((visibility("default"))) CUresult cuProfilerStop(void);
}
#endif
