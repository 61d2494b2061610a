// What kernels print: the worker's standard output is a pipe, emptied by a thread so that no writer ever stands still,
// and by the dispatching thread before it says that work is done.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "base/fd.h"

namespace gpool::worker {

class OutputPipe {
 public:
  // Puts the pipe in the place of standard output. `on_output` is called by the reading thread.
  void open();
  void start(std::function<void()> on_output);
  // What has been printed since the last call, at most `most` bytes of it.
  std::string take(size_t most);

 private:
  static constexpr size_t kMaxHeld = 4 << 20;  // beyond it the printer waits
  void read_what_is_there();

  Fd read_end_;
  std::mutex mutex_;
  std::string held_;
};

}  // namespace gpool::worker
