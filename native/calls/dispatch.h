// Carries out one frame whose call has a number of its own. Made by the generator from calls.toml.
#pragma once

#include "calls/generated/ids.h"

namespace gpool::worker {
class Invoke;
}

namespace gpool::calls {

// Unpacks, resolves handles, calls the driver and answers: the result is what the ending of `invoke` returns. A number
// that is no call is refused with CUDA_ERROR_NOT_SUPPORTED. The frame's context is current.
bool dispatch(Id id, worker::Invoke& invoke);

}  // namespace gpool::calls
