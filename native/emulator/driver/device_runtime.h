#pragma once

#include <string>
#include <vector>

namespace gpool::emulator {

// Adds what CUDA's device runtime library (cudadevrt, machine code only) would bring to a link: the functions behind
// grid-wide barriers, where an input calls them.
void add_device_runtime(std::vector<std::string>& inputs);

}  // namespace gpool::emulator
