#pragma once

#include <string>
#include <vector>

namespace gpool::emulator {

// One PTX text out of several: the newest .version and .target, one .address_size, then all bodies; an .extern
// declaration is left out when another input defines the symbol.
std::string merge_ptx(const std::vector<std::string>& inputs);

}  // namespace gpool::emulator
