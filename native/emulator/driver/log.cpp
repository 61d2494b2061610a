#include "emulator/driver/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace gpool::emulator {
namespace {

Level read_level() {
  const char* text = std::getenv("GPOOL_LOG");
  std::string_view value = text ? text : "";
  if (value == "debug") return Level::debug;
  if (value == "info") return Level::info;
  if (value == "warn") return Level::warn;
  return Level::error;
}

int open_target() {
  if (const char* path = std::getenv("GPOOL_LOG_FILE"); path && *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0) return fd;
  }
  return STDERR_FILENO;
}

}  // namespace

bool logs(Level level) {
  static const Level limit = read_level();
  return level <= limit;
}

void log(Level level, std::string_view sentence) {
  if (!logs(level)) return;
  static const int target = open_target();
  static constexpr const char* kNames[] = {"notice", "error", "warning", "info", "debug"};
  std::string line = "gpool emulated GPU: ";
  line += kNames[static_cast<int>(level)];
  line += ": ";
  line += sentence;
  line += '\n';
  // One write, so that lines of several processes do not mix. Nobody to tell when the log itself cannot be written.
  [[maybe_unused]] ssize_t written = write(target, line.data(), line.size());
}

}  // namespace gpool::emulator
