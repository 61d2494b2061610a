// Memory of the emulated GPUs, counted over all processes of this user that use the same node name. A small file in
// shared memory holds one entry per process; a lock on the file (released by the kernel when its holder dies) guards
// it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/status.h"

namespace gpool::emulator {

class Ledger {
 public:
  static constexpr int kGpus = 16, kProcesses = 256;

  // Enters this process. Entries of processes that are gone are dropped.
  Status open(const std::string& node);
  // Leaves; the last process removes the file.
  void close();

  // False when the bytes do not fit below `limit`.
  bool reserve(int gpu, uint64_t bytes, uint64_t limit);
  void release(int gpu, uint64_t bytes);
  uint64_t used(int gpu);  // by all living processes

 private:
  struct File;
  struct Lock;
  static void sweep(const std::string& folder, const std::string& own_path);
  uint64_t sum(int gpu) const;
  void drop_the_dead();

  std::mutex mutex_;
  std::string path_;
  int fd_ = -1;
  int slot_ = -1;
  File* file_ = nullptr;
};

}  // namespace gpool::emulator
