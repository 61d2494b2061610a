// What a fuzz target is made of. The first two functions are libFuzzer's; all but the first may be left out (the weak
// ones of target.cpp do nothing).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t bytes);
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments);

// Inputs to begin with, beside the files of the command line.
void target_seeds(std::vector<std::vector<uint8_t>>& inputs);
// Numbers that mean something: handles that exist, addresses that are mapped.
std::span<const uint64_t> target_words();

// Stops here when a promise is broken.
#define FUZZ_EXPECT(condition)          \
  do {                                  \
    if (!(condition)) __builtin_trap(); \
  } while (0)
