#include "client/trace.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "calls/generated/ids.h"
#include "client/driver.h"
#include "wire/messages.h"

namespace gpool::client {

std::atomic<bool> g_watched{false};

namespace {

struct Count {
  uint64_t calls = 0, failed = 0;
};

// Everything that is counted, up to one moment.
struct Totals {
  std::map<std::string_view, Count> calls;  // keys are string literals
  std::map<uint16_t, uint64_t> frames;      // by FrameHeader::call
  uint64_t wire_operations = 0, round_trips = 0, bytes_sent = 0, bytes_received = 0;
};

struct Watch {
  std::mutex mutex;  // of `counted`, `start` and `profiled`; a leaf
  Totals counted;    // its four sums are the sessions', and zero here
  std::optional<Totals> start;
  std::vector<Totals> profiled;
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

Totals totals_now(Watch& state) {
  Totals totals;
  {
    std::lock_guard lock(state.mutex);
    totals = state.counted;
  }
  for (const auto& session : driver().sessions) {
    const transport::Counters counters = session->counters();
    totals.wire_operations += session->frames();
    totals.round_trips += session->round_trips();
    totals.bytes_sent += counters.bytes_sent;
    totals.bytes_received += counters.bytes_received;
  }
  return totals;
}

Totals difference(Totals later, const Totals& earlier) {
  for (const auto& [name, count] : earlier.calls) {
    Count& left = later.calls[name];
    left.calls -= count.calls;
    left.failed -= count.failed;
  }
  for (const auto& [call, count] : earlier.frames) later.frames[call] -= count;
  std::erase_if(later.calls, [](const auto& entry) { return entry.second.calls == 0; });
  std::erase_if(later.frames, [](const auto& entry) { return entry.second == 0; });
  later.wire_operations -= earlier.wire_operations;
  later.round_trips -= earlier.round_trips;
  later.bytes_sent -= earlier.bytes_sent;
  later.bytes_received -= earlier.bytes_received;
  return later;
}

std::string name_of_frame(uint16_t call) {
  const char* name =
      call < 64 ? wire::name_of(static_cast<wire::Message>(call)) : calls::name_of(static_cast<calls::Id>(call));
  return name != nullptr ? name : std::to_string(call);
}

void add_member(std::string& object, std::string_view name, uint64_t value) {
  if (object.back() != '{') object += ", ";
  object += '"';
  object += name;
  object += "\": " + std::to_string(value);
}

// The members of a JSON object, without its braces.
std::string json_members(const Totals& totals) {
  std::string calls = "{", failed = "{", messages = "{", sums = "{";
  for (const auto& [name, count] : totals.calls) {
    add_member(calls, name, count.calls);
    if (count.failed != 0) add_member(failed, name, count.failed);
  }
  for (const auto& [call, count] : totals.frames) add_member(messages, name_of_frame(call), count);
  add_member(sums, "wire_operations", totals.wire_operations);
  add_member(sums, "round_trips", totals.round_trips);
  add_member(sums, "bytes_sent", totals.bytes_sent);
  add_member(sums, "bytes_received", totals.bytes_received);
  return "\"calls\": " + calls + "}, \"failed\": " + failed + "}, \"messages\": " + messages + "}, " + sums.substr(1);
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
    Count& count = state.counted.calls[name];
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
  state.counted.frames[call]++;
}

void begin_profiled() {
  if (!g_watched.load()) return;
  Watch& state = watch_state();
  Totals now = totals_now(state);
  std::lock_guard lock(state.mutex);
  if (!state.start) state.start = std::move(now);
}

void end_profiled() {
  if (!g_watched.load()) return;
  Watch& state = watch_state();
  Totals now = totals_now(state);
  std::lock_guard lock(state.mutex);
  if (!state.start) return;
  state.profiled.push_back(difference(std::move(now), *state.start));
  state.start.reset();
}

void write_statistics() {
  if (!g_watched.load()) return;
  Watch& state = watch_state();
  const Totals totals = totals_now(state);
  if (state.trace >= 0) {
    std::vector<std::pair<std::string_view, Count>> counts(totals.calls.begin(), totals.calls.end());
    std::sort(counts.begin(), counts.end(),
              [](const auto& a, const auto& b) { return a.second.calls > b.second.calls; });
    std::string table = "calls failed name\n";
    for (const auto& [name, count] : counts)
      table += std::to_string(count.calls) + " " + std::to_string(count.failed) + " " + std::string(name) + "\n";
    table += "wire operations " + std::to_string(totals.wire_operations) + ", round trips " +
             std::to_string(totals.round_trips) + "\n";
    write_all(state.trace, table);
  }
  if (state.statistics.empty()) return;
  std::string json = "{" + json_members(totals) + ", \"profiled\": [";
  {
    std::lock_guard lock(state.mutex);
    for (size_t i = 0; i < state.profiled.size(); i++)
      json += (i == 0 ? "{" : ", {") + json_members(state.profiled[i]) + "}";
  }
  json += "]}\n";
  const int file = open_file(state.statistics.c_str(), "GPOOL_STATS");
  if (file < 0) return;
  write_all(file, json);
  if (file != STDERR_FILENO) ::close(file);
}

}  // namespace gpool::client
