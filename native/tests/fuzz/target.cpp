#include "tests/fuzz/target.h"

extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int*, char***) {
  return 0;
}

__attribute__((weak)) void target_seeds(std::vector<std::vector<uint8_t>>&) {}

__attribute__((weak)) std::span<const uint64_t> target_words() {
  return {};
}
