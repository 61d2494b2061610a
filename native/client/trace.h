// Counting and tracing of calls, for GPOOL_TRACE and GPOOL_STATS. When neither is set a call costs one load of
// `g_watched`, and a frame another.
#pragma once

#include <atomic>
#include <cstdint>

#include "calls/driver_api.h"

namespace gpool::client {

// Set once, by the first call of the process.
extern std::atomic<bool> g_watched;

void begin_watching();
void watch(const char* name, CUresult result);
// One frame has been written; under the session's send lock.
void watch_frame(uint16_t call);
// What is between the two is counted apart as well: cuProfilerStart and cuProfilerStop. As in CUDA, a second start and
// a stop without a start do nothing.
void begin_profiled();
void end_profiled();
// At exit: the table of the trace and the file of the statistics.
void write_statistics();

}  // namespace gpool::client
