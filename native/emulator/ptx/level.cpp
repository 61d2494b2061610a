// Picks the handlers for this processor.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "select.h"

namespace gpool::ptx {

#define GPOOL_DECLARE(level)                         \
  namespace level {                                  \
  bool select_any(Request& request, Choice& choice); \
  }
#ifdef GPOOL_HAS_BASELINE
GPOOL_DECLARE(baseline)
#endif
#ifdef GPOOL_HAS_V3
GPOOL_DECLARE(v3)
#endif
#ifdef GPOOL_HAS_V4
GPOOL_DECLARE(v4)
#endif
#undef GPOOL_DECLARE

const Level& host_level() {
  static const Level level = [] {
    const char* wish = std::getenv("GPOOL_PTX_LEVEL");
    [[maybe_unused]] auto may = [&](std::string_view name) { return !wish || !*wish || wish == name; };
#ifdef GPOOL_HAS_V4
    if (may("v4") && __builtin_cpu_supports("x86-64-v4")) return Level{"v4", v4::select_any};
#endif
#ifdef GPOOL_HAS_V3
    if (may("v3") && __builtin_cpu_supports("x86-64-v3")) return Level{"v3", v3::select_any};
#endif
#ifdef GPOOL_HAS_BASELINE
    return Level{"baseline", baseline::select_any};
#else
    // A build for one kind of machine.
    std::fputs(
        "gpool: this build of the PTX machine has no level for this processor; add baseline to GPOOL_PTX_LEVELS\n",
        stderr);
    std::abort();
#endif
  }();
  return level;
}

}  // namespace gpool::ptx
