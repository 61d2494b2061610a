// The client's last frame: the session ends in good order.
#pragma once

#include <cstdint>

#include "transport/link.h"

namespace gpool::client {

// False: no room for it now, or the link is broken.
bool say_goodbye(transport::Link& link, uint64_t sequence);

}  // namespace gpool::client
