// Dry run: code without PTX is loaded as far as its cubin describes it, and its kernels are counted instead of run.
// Whoever switches it on (GPOOL_EMULATOR_DRY_RUN) gets the flow of a program, not its results: memory stays as skipped
// kernels found it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "emulator/image/image.h"
#include "emulator/ptx/ptx.h"

namespace gpool::emulator {

// The kernels and variables of a cubin, in the shape of a PTX module that has nothing to run.
std::shared_ptr<ptx::Module> describe_cubin(const image::Cubin& cubin);

// Counts skipped launches by kernel; the first of each is logged, all of them at exit.
class SkippedLaunches {
 public:
  void count(const std::string& kernel);
  void report() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;
};

}  // namespace gpool::emulator
