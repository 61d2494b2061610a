// What a call that nobody has written does.
#pragma once

#include "calls/driver_api.h"

namespace gpool::calls {

// Defined once by each driver (client, emulator): counts the call and answers CUDA_ERROR_NOT_SUPPORTED, or what comes
// first (CUDA_ERROR_NOT_INITIALIZED before cuInit, CUDA_ERROR_DEINITIALIZED after the end). `name` is a string literal.
CUresult not_supported(const char* name) noexcept;

}  // namespace gpool::calls
