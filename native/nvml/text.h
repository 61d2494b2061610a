// Strings as NVML hands them out.
#pragma once

#include <cstring>
#include <string_view>

#include "nvml/nvml_api.h"

namespace gpool::nvml {

// With its terminating zero, whole or not at all.
inline nvmlReturn_t copy_text(std::string_view text, char* to, unsigned int length) {
  if (to == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (text.size() + 1 > length) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return NVML_SUCCESS;
}

}  // namespace gpool::nvml
