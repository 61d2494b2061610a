// What launches and the kernel nodes of graphs share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "calls/driver_api.h"

namespace gpool::client {

struct Device;
struct Kernel;

struct Shape {
  uint32_t grid[3], block[3], shared_bytes;
};

// What a driver refuses at the call itself.
CUresult check_shape(const Kernel& kernel, const Device& device, const Shape& shape);
// The kernel's parameters by its layout, from either of CUDA's two forms.
CUresult pack_parameters(const Kernel& kernel, void** parameters, void** extra, std::vector<std::byte>& packed);

}  // namespace gpool::client
