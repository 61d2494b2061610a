// A session's connection over shared memory. The socket stays open beside it: it says when the peer has died.
#pragma once

#include <memory>

#include "base/fd.h"
#include "transport/link.h"
#include "transport/shm_memory.h"

namespace gpool::transport {

std::unique_ptr<Link> make_shm_link(ShmMemory memory, Fd socket, Side side);

}  // namespace gpool::transport
