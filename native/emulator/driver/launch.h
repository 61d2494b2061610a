// Checks of a launch, and the packing of its arguments.
#pragma once

#include "calls/driver_api.h"
#include "emulator/driver/module.h"
#include "emulator/driver/work.h"

namespace gpool::emulator {

struct LaunchShape {
  unsigned grid[3], block[3];
  unsigned shared = 0;
  bool cooperative = false;
};

// Everything the real driver refuses at the call, with its codes.
CUresult prepare_launch(const std::shared_ptr<Context>& context, CUfunction handle, const LaunchShape& shape,
                        void** parameters, void** extra, KernelWork& work);

// Blocks of this size that fit on one multiprocessor at a time.
int blocks_per_multiprocessor(const Function& function, int threads, uint64_t dynamic_shared);
int max_dynamic_shared(const Function& function);
int max_threads(const Function& function);

}  // namespace gpool::emulator
