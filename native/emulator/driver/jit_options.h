// The parts of CUjit_option that a program reads back: the log buffers.
#pragma once

#include <cstring>
#include <string>

#include "calls/driver_api.h"

namespace gpool::emulator {

class JitOptions {
 public:
  JitOptions() = default;
  JitOptions(unsigned count, CUjit_option* options, void** values)
      : count_(options && values ? count : 0), options_(options), values_(values) {}

  void report_error(const std::string& sentence) {
    write(CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, sentence);
    write(CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, "");
  }
  void report_success() {
    write(CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, "");
    write(CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, "");
    for (unsigned i = 0; i < count_; ++i) {
      if (options_[i] == CU_JIT_WALL_TIME) {
        float nothing = 0;
        std::memcpy(&values_[i], &nothing, sizeof nothing);
      }
    }
  }

 private:
  // The size option carries the room, and afterwards the bytes written.
  void write(CUjit_option buffer, CUjit_option size, const std::string& text) {
    char* to = nullptr;
    void** size_value = nullptr;
    for (unsigned i = 0; i < count_; ++i) {
      if (options_[i] == buffer) to = static_cast<char*>(values_[i]);
      if (options_[i] == size) size_value = &values_[i];
    }
    if (!size_value) return;
    size_t room = reinterpret_cast<uintptr_t>(*size_value) & 0xffffffffu;
    size_t written = 0;
    if (to && room > 0) {
      written = std::min(room - 1, text.size());
      std::memcpy(to, text.data(), written);
      to[written] = 0;
    }
    *size_value = reinterpret_cast<void*>(written);
  }

  unsigned count_ = 0;
  CUjit_option* options_ = nullptr;
  void** values_ = nullptr;
};

}  // namespace gpool::emulator
