// What the environment says about the emulated GPUs, read once by cuInit.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace gpool::emulator {

using Uuid = std::array<uint8_t, 16>;

struct Faults {
  uint64_t oom_after = 0;       // this many allocations succeed, all later ones fail; 0: off (`oom-after=0` is refused)
  uint64_t launch_fail_at = 0;  // the n-th launch of the process faults
  uint64_t ecc_error_at = 0;    // the n-th launch of the process finds broken memory
  uint64_t crash_at = 0;        // the n-th launch is the death of the process: a driver has bugs, too
  uint64_t device_lost_at = 0;  // from the n-th launch on every context answers CUDA_ERROR_UNKNOWN
  std::string hang_kernel;      // a kernel of this name never ends
  uint64_t slow_copies = 0;     // bytes per second of every copy
  uint64_t slow_kernels_us = 0;  // every kernel takes at least this long
};

struct Settings {
  int gpus = 1;
  uint64_t memory = uint64_t{8} << 30;
  std::string node;
  int major = 12, minor = 1;
  int driver_version = 13000;
  std::string name = "Emulated GPU";
  unsigned threads = 0;
  Faults faults;
  std::vector<int> visible;  // physical GPU of each ordinal, after CUDA_VISIBLE_DEVICES
};

// Fills `settings`; a bad value gives a sentence that names the variable.
Status read_settings(Settings& settings);

Uuid uuid_of(const std::string& node, int gpu);
std::string format_uuid(const Uuid& uuid);  // GPU-8-4-4-4-12

}  // namespace gpool::emulator
