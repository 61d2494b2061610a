#include "base/log.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gpool::log {
namespace {

constexpr const char* kNames[] = {"error", "warn ", "info ", "debug"};

struct Sink {
  std::atomic<Level> level{Level::error};
  bool level_from_environment = false;
  std::atomic<int> fd{STDERR_FILENO};
  char source[32] = "gpool";

  Sink() {
    if (const char* text = std::getenv("GPOOL_LOG")) {
      level_from_environment = true;
      if (!std::strcmp(text, "warn")) level = Level::warn;
      if (!std::strcmp(text, "info")) level = Level::info;
      if (!std::strcmp(text, "debug")) level = Level::debug;
    }
    if (const char* path = std::getenv("GPOOL_LOG_FILE"); path && *path) {
      int opened = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (opened >= 0) fd = opened;
    }
  }
};

Sink& sink() {
  static Sink* const the_sink = new Sink;  // never destroyed: destructors of others may still write
  return *the_sink;
}

}  // namespace

void write_to(int descriptor) {
  if (sink().fd == STDERR_FILENO) sink().fd = descriptor;
}

void set_source(std::string_view source) {
  size_t length = std::min(source.size(), sizeof(Sink::source) - 1);
  std::memcpy(sink().source, source.data(), length);
  sink().source[length] = 0;
}

void set_default_level(Level level) {
  if (!sink().level_from_environment) sink().level = level;
}

bool enabled(Level level) {
  return level <= sink().level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view message) {
  if (!enabled(level)) return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char line[2048];
  size_t length = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &parts);
  length += size_t(snprintf(line + length, sizeof line - length, ".%03ldZ %s %s: ", now.tv_nsec / 1000000,
                            kNames[size_t(level)], sink().source));
  // Text from outside ends up here: control characters must not forge lines.
  for (char c : message) {
    if (length >= sizeof line - 1) break;
    line[length++] = (c >= 0 && c < 32) || c == 127 ? ' ' : c;
  }
  line[length++] = '\n';
  ssize_t ignored = ::write(sink().fd, line, length);
  (void)ignored;
}

}  // namespace gpool::log
