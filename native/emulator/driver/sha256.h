// SHA-256 (FIPS 180-4), for names of emulated GPUs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gpool::emulator {

std::array<uint8_t, 32> sha256(std::string_view text);

}  // namespace gpool::emulator
