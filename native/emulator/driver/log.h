// One line per event to stderr or GPOOL_LOG_FILE; GPOOL_LOG chooses how much.
#pragma once

#include <string_view>

namespace gpool::emulator {

// A notice is written whatever GPOOL_LOG says.
enum class Level { notice, error, warn, info, debug };

bool logs(Level level);
void log(Level level, std::string_view sentence);

}  // namespace gpool::emulator
