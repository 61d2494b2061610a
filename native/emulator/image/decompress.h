// The two compressions of fatbins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gpool::image {

// One LZ4 block. False with a reason unless exactly `bytes` bytes come out.
bool decompress_lz4(std::span<const std::byte> block, uint64_t bytes, std::string& plain, std::string& why);
// One zstd frame, by the system's libzstd.so.1.
bool decompress_zstd(std::span<const std::byte> frame, uint64_t bytes, std::string& plain, std::string& why);

}  // namespace gpool::image
