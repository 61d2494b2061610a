// Copies between the host and devices, for the calls in copy.cpp and copy_3d.cpp.
#pragma once

#include <cstdint>

#include "client/call.h"

namespace gpool::client {

class Holdings;

CUresult copy_to_device(Call& call, uint64_t to, const void* from, uint64_t bytes, CUstream stream, bool synchronous);
CUresult copy_to_host(Call& call, void* to, uint64_t from, uint64_t bytes, CUstream stream, bool synchronous);
// Between GPUs of two nodes, through this process. Waits.
CUresult copy_between_sessions(Call& call, uint64_t to, uint64_t from, uint64_t bytes);
// The message for a copy that a graph makes at each launch, checked: host memory must be where the worker's driver
// finds it, and is held there.
CUresult node_copy(Call& call, const CUDA_MEMCPY3D* copy, Holdings& holdings, wire::Copy3D& arguments);

}  // namespace gpool::client
