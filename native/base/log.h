// Log lines for operators: `2026-01-31T12:00:01.123Z info  workerd: session opened id=3 lease=l-…`.
// GPOOL_LOG sets the level (error by default), GPOOL_LOG_FILE the file (else stderr). One write per line, so that lines
// of several processes do not mix. Never throws and never fails; safe in somebody else's process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gpool::log {

enum class Level : uint8_t { error = 0, warn = 1, info = 2, debug = 3 };

// Who writes: "client", "workerd", "worker 12". Set once at start.
void set_source(std::string_view source);
// Another place than standard error, unless GPOOL_LOG_FILE names one.
void write_to(int descriptor);
// Overrides what GPOOL_LOG says, unless GPOOL_LOG is set.
void set_default_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view message);

inline void error(std::string_view message) {
  write(Level::error, message);
}
inline void warn(std::string_view message) {
  write(Level::warn, message);
}
inline void info(std::string_view message) {
  if (enabled(Level::info)) write(Level::info, message);
}
inline void debug(std::string_view message) {
  if (enabled(Level::debug)) write(Level::debug, message);
}

}  // namespace gpool::log
