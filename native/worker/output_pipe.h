// What kernels print: the worker's standard output is a pipe, emptied by a thread so that no writer ever stands still,
// and by the dispatching thread before it says that work is done. Drivers write failed assertions to standard error,
// which becomes a pipe as well once there are kernels that may fail so: those lines are the client's, all others are
// this node's log. Not before, because the last words of a worker that crashes would be lost with the pipe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace gpool::worker {

class OutputPipe {
 public:
  // Puts the pipe in the place of standard output.
  void open();
  // The same for standard error. The log goes on to where that was.
  void divert_errors();
  // `on_output` is called by the reading thread.
  void start(std::function<void()> on_output);
  // What has been printed since the last call, at most `most` bytes of it.
  std::string take(size_t most);
  // The same of failed assertions, in whole lines.
  std::string take_assertions(size_t most);

 private:
  static constexpr size_t kMaxHeld = 4 << 20;  // beyond it the printer waits
  struct Pipe {
    Fd read_end, write_end;
    std::string held;
    void open();
    // Takes the place of `descriptor`.
    void divert(int descriptor);
    void read_what_is_there();
    std::string take(size_t most);
  };
  void sort_lines();

  std::mutex mutex_;
  Pipe output_, error_;
  std::string assertions_;
  Fd log_;
};

// `file:line: function: block: [x,y,z], thread: [x,y,z] Assertion `text` failed.`
bool is_assertion(std::string_view line);

}  // namespace gpool::worker
