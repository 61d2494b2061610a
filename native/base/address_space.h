// Addresses that are likely to be free in this process and in a worker alike.
#pragma once

#include <cstdint>

namespace gpool {

// Maps memory at exactly this address, as mmap does. nullptr: something is there.
void* map_at(uint64_t address, uint64_t bytes, int protection, int flags, int fd);
// A multiple of `unit` (a power of two) where nothing is likely to be, with room for `bytes` behind it.
uint64_t random_address(uint64_t bytes, uint64_t unit);

}  // namespace gpool
