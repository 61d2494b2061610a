// Memory that cuMemCreate has promised and that is mapped nowhere yet, so that the worker does not know of it.
#pragma once

#include <cstdint>

namespace gpool::client {

struct Device;

uint64_t promised_bytes(const Device& device);

}  // namespace gpool::client
