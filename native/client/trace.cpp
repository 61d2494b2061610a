#include "client/trace.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "client/driver.h"

namespace gpool::client {

std::atomic<bool> g_watched{false};

namespace {

struct Count {
  uint64_t calls = 0, failed = 0;
};

struct Watch {
  std::mutex mutex;
  std::map<std::string_view, Count> counts;  // keys are string literals
  std::map<uint16_t, uint64_t> frames;       // by number on the wire
  int trace = -1;
  std::string statistics;
  std::once_flag once;
};

Watch& watch_state() {
  static Watch* const state = new Watch;  // never destroyed: calls may come during exit
  return *state;
}

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

int open_file(const char* path, const char* variable) {
  if (std::strcmp(path, "stderr") == 0) return STDERR_FILENO;
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) log::error(std::string(variable) + ": cannot write " + path + ": " + std::strerror(errno) + ".");
  return file;
}

struct Counters {
  uint64_t frames = 0, round_trips = 0, bytes_sent = 0, bytes_received = 0;
};

Counters sum_counters() {
  Counters sum;
  for (const auto& session : driver().sessions) {
    const transport::Counters link = session->counters();
    sum.frames += session->frames();
    sum.round_trips += session->round_trips();
    sum.bytes_sent += link.bytes_sent;
    sum.bytes_received += link.bytes_received;
  }
  return sum;
}

}  // namespace

void begin_watching() {
  Watch& state = watch_state();
  std::call_once(state.once, [&] {
    const char* trace = std::getenv("GPOOL_TRACE");
    const char* statistics = std::getenv("GPOOL_STATS");
    if (trace != nullptr && *trace != 0) state.trace = open_file(trace, "GPOOL_TRACE");
    if (statistics != nullptr && *statistics != 0) state.statistics = statistics;
    g_watched.store(state.trace >= 0 || !state.statistics.empty());
  });
}

void watch(const char* name, CUresult result) {
  Watch& state = watch_state();
  {
    std::lock_guard lock(state.mutex);
    Count& count = state.counts[name];
    count.calls++;
    if (result != CUDA_SUCCESS) count.failed++;
  }
  if (state.trace < 0) return;
  char line[160];
  const int length =
      std::snprintf(line, sizeof line, "%ld %s %d\n", syscall(SYS_gettid), name, static_cast<int>(result));
  write_all(state.trace, std::string_view(line, static_cast<size_t>(std::clamp(length, 0, 159))));
}

void watch_frame(uint16_t call) {
  Watch& state = watch_state();
  std::lock_guard lock(state.mutex);
  state.frames[call]++;
}

void write_statistics() {
  if (!g_watched.load()) return;
  Watch& state = watch_state();
  std::vector<std::pair<std::string_view, Count>> counts;
  std::map<uint16_t, uint64_t> frames_of;
  {
    std::lock_guard lock(state.mutex);
    counts.assign(state.counts.begin(), state.counts.end());
    frames_of = state.frames;
  }
  const auto [frames, round_trips, sent, received] = sum_counters();
  if (state.trace >= 0) {
    std::sort(counts.begin(), counts.end(),
              [](const auto& a, const auto& b) { return a.second.calls > b.second.calls; });
    std::string table = "calls failed name\n";
    for (const auto& [name, count] : counts)
      table += std::to_string(count.calls) + " " + std::to_string(count.failed) + " " + std::string(name) + "\n";
    table += "wire operations " + std::to_string(frames) + ", round trips " + std::to_string(round_trips) + "\n";
    write_all(state.trace, table);
  }
  if (state.statistics.empty()) return;
  std::string json = "{\"calls\": {";
  for (size_t i = 0; i < counts.size(); i++)
    json += (i == 0 ? "\"" : ", \"") + std::string(counts[i].first) + "\": " + std::to_string(counts[i].second.calls);
  json += "}, \"frames\": {";
  for (bool first = true; const auto& [call, count] : frames_of) {
    json += (first ? "\"" : ", \"") + std::to_string(call) + "\": " + std::to_string(count);
    first = false;
  }
  json += "}, \"wire_operations\": " + std::to_string(frames) + ", \"round_trips\": " + std::to_string(round_trips) +
          ", \"bytes_sent\": " + std::to_string(sent) + ", \"bytes_received\": " + std::to_string(received) + "}\n";
  const int file = open_file(state.statistics.c_str(), "GPOOL_STATS");
  if (file < 0) return;
  write_all(file, json);
  if (file != STDERR_FILENO) ::close(file);
}

}  // namespace gpool::client

// For programs that watch themselves, found with dlsym: what has been counted so far, of all sessions. Fills up to
// `count` of wire operations, round trips, bytes sent, bytes received; returns how many there are. Any thread, any time
// after cuInit.
extern "C" __attribute__((visibility("default"))) unsigned gpool_counters(uint64_t* values, unsigned count) {
  using namespace gpool::client;
  const Counters sum = driver().phase.load(std::memory_order_acquire) == Phase::ready ? sum_counters() : Counters{};
  const uint64_t all[] = {sum.frames, sum.round_trips, sum.bytes_sent, sum.bytes_received};
  for (unsigned i = 0; i < count && i < std::size(all); i++) values[i] = all[i];
  return std::size(all);
}
