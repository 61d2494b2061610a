// The worker: the process that carries out one session's CUDA calls.
#pragma once

#include "base/fd.h"
#include "worker/grant.h"

namespace gpool::worker {

// The whole life of a worker, in the forked process. Does not return: exits with an ExitCode.
[[noreturn]] void run_worker(const Grant& grant, Fd client, Fd report);

}  // namespace gpool::worker
