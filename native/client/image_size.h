// How many bytes a module image has. CUDA's loading calls get a pointer without a length; the length follows from the
// image's own headers. The source is the application's memory, which is trusted as far as CUDA itself would trust it:
// the headers are believed, but sizes are bounded, so that rubbish ends as CUDA_ERROR_INVALID_IMAGE.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace gpool::client {

inline constexpr size_t kMaxImageBytes = size_t{2} << 30;

// The image that `code` points at: a fatbin wrapper (its payload is the result), a fatbin, an ELF cubin, or PTX text
// with its terminating zero. Nothing: it is none of them.
std::optional<std::span<const std::byte>> find_image(const void* code);

}  // namespace gpool::client
