#include "worker/output_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

namespace gpool::worker {

void OutputPipe::open() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  read_end_.reset(ends[0]);
  Fd write_end(ends[1]);
  fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
  fcntl(read_end_.get(), F_SETPIPE_SZ, 1 << 20);
  dup2(write_end.get(), STDOUT_FILENO);
}

void OutputPipe::start(std::function<void()> on_output) {
  if (!read_end_) return;
  // Ends with the process: this end of the pipe is never closed while it runs.
  std::thread([this, on_output = std::move(on_output)] {
    for (;;) {
      pollfd state{read_end_.get(), POLLIN, 0};
      if (poll(&state, 1, -1) != 1) continue;
      bool full;
      {
        std::scoped_lock lock(mutex_);
        read_what_is_there();
        full = held_.size() >= kMaxHeld;
      }
      on_output();
      if (full) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }).detach();
}

void OutputPipe::read_what_is_there() {
  char buffer[16 * 1024];
  while (held_.size() < kMaxHeld) {
    ssize_t got = read(read_end_.get(), buffer, sizeof buffer);
    if (got <= 0) return;
    held_.append(buffer, size_t(got));
  }
}

std::string OutputPipe::take(size_t most) {
  if (!read_end_) return {};
  std::scoped_lock lock(mutex_);
  read_what_is_there();
  if (held_.size() <= most) return std::exchange(held_, {});
  std::string taken = held_.substr(0, most);
  held_.erase(0, most);
  return taken;
}

}  // namespace gpool::worker
