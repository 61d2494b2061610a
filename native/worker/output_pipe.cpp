#include "worker/output_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"

namespace gpool::worker {

bool is_assertion(std::string_view line) {
  const size_t block = line.find(": block: [");
  const size_t thread = line.find("], thread: [", block == line.npos ? 0 : block);
  return block != line.npos && thread != line.npos && line.find(" Assertion `", thread) != line.npos;
}

void OutputPipe::Pipe::open() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  fcntl(read_end.get(), F_SETPIPE_SZ, 1 << 20);
}

void OutputPipe::Pipe::divert(int descriptor) {
  if (write_end) dup2(write_end.get(), descriptor);
}

void OutputPipe::Pipe::read_what_is_there() {
  char buffer[16 * 1024];
  while (read_end && held.size() < kMaxHeld) {
    ssize_t got = read(read_end.get(), buffer, sizeof buffer);
    if (got <= 0) return;
    held.append(buffer, size_t(got));
  }
}

std::string OutputPipe::Pipe::take(size_t most) {
  read_what_is_there();
  if (held.size() <= most) return std::exchange(held, {});
  std::string taken = held.substr(0, most);
  held.erase(0, most);
  return taken;
}

void OutputPipe::open() {
  output_.open();
  output_.divert(STDOUT_FILENO);
  error_.open();
}

void OutputPipe::divert_errors() {
  std::scoped_lock lock(mutex_);
  if (log_ || !error_.write_end) return;
  log_.reset(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!log_) return;
  log::write_to(log_.get());
  error_.divert(STDERR_FILENO);
}

void OutputPipe::start(std::function<void()> on_output) {
  if (!output_.read_end) return;
  // Ends with the process: these ends of the pipes are never closed while it runs.
  std::thread([this, on_output = std::move(on_output)] {
    for (;;) {
      pollfd states[2] = {{output_.read_end.get(), POLLIN, 0}, {error_.read_end.get(), POLLIN, 0}};
      if (poll(states, 2, -1) < 1) continue;
      bool full;
      {
        std::scoped_lock lock(mutex_);
        output_.read_what_is_there();
        sort_lines();
        full = output_.held.size() >= kMaxHeld || assertions_.size() >= kMaxHeld;
      }
      on_output();
      if (full) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }).detach();
}

void OutputPipe::sort_lines() {
  error_.read_what_is_there();
  size_t begin = 0;
  for (size_t end; (end = error_.held.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view line(error_.held.data() + begin, end + 1 - begin);
    if (is_assertion(line) && assertions_.size() < kMaxHeld)
      assertions_ += line;
    else
      (void)!write(log_.get(), line.data(), line.size());
  }
  error_.held.erase(0, begin);
  if (error_.held.size() < kMaxHeld) return;
  (void)!write(log_.get(), error_.held.data(), error_.held.size());  // a line without an end
  error_.held.clear();
}

std::string OutputPipe::take(size_t most) {
  std::scoped_lock lock(mutex_);
  return output_.take(most);
}

std::string OutputPipe::take_assertions(size_t most) {
  std::scoped_lock lock(mutex_);
  sort_lines();
  if (assertions_.size() <= most) return std::exchange(assertions_, {});
  const size_t end = assertions_.rfind('\n', most - 1) + 1;  // 0: no whole line fits, so a part of one goes
  std::string taken = assertions_.substr(0, end != 0 ? end : most);
  assertions_.erase(0, taken.size());
  return taken;
}

}  // namespace gpool::worker
