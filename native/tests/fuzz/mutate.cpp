// Feeds a fuzz target with mutated inputs, for compilers without libFuzzer; where there is libFuzzer, it takes the
// place of this file. The options bear its names, so the same command lines work:
//
//   gpool-fuzz-TARGET [-seed=N] [-runs=N] [-max_total_time=SECONDS] [-max_len=BYTES] [-only=RUN] FILE-OR-FOLDER…
//
// ends after the runs or after the time, whichever is sooner. Run I of seed S depends on S, I and the files alone as
// long as nothing new is found before it, and on the inputs that reached new code otherwise; what killed the process is
// written to ./crash-TARGET, which can be given as a FILE with -runs=0.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr unsigned kPatience = 20;  // seconds that one input may take
constexpr size_t kMostKept = 4096;

// Which edges between pieces of instrumented code have been seen (g++ -fsanitize-coverage=trace-pc).
constexpr size_t kEdges = size_t{1} << 16;
uint8_t seen[kEdges];
bool found_new = false;
thread_local uint64_t before = 0;

Bytes current;
std::string crash_file;

void save_current() {
  const int file = open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, current.data(), current.size()) < 0) return;
  close(file);
  std::fprintf(stderr, "The input of %zu bytes is in %s.\n", current.size(), crash_file.c_str());
}

void on_signal(int number) {
  std::fprintf(stderr, number == SIGALRM ? "An input took longer than %u s.\n" : "", kPatience);
  save_current();
  signal(number, SIG_DFL);
  raise(number);
}

void read_inputs(const std::string& path, std::vector<Bytes>& inputs) {
  if (DIR* folder = opendir(path.c_str())) {
    std::vector<std::string> names;
    while (dirent* entry = readdir(folder))
      if (entry->d_name[0] != '.') names.push_back(path + "/" + entry->d_name);
    closedir(folder);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) read_inputs(name, inputs);
    return;
  }
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    std::perror(path.c_str());
    std::exit(1);
  }
  Bytes bytes;
  uint8_t buffer[4096];
  for (size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    bytes.insert(bytes.end(), buffer, buffer + got);
  std::fclose(file);
  inputs.push_back(std::move(bytes));
}

class Mutator {
 public:
  Mutator(uint64_t seed, uint64_t run, size_t most, std::span<const uint64_t> words)
      : engine_(seed * 0x9e3779b97f4a7c15 + run), most_(most), words_(words) {}

  Bytes mutate(const std::vector<Bytes>& inputs) {
    Bytes bytes = inputs[below(inputs.size())];
    for (uint64_t steps = 1 + below(8); steps > 0; --steps) change(bytes, inputs);
    if (bytes.size() > most_) bytes.resize(most_);
    return bytes;
  }

 private:
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : engine_() % bound; }

  void put(Bytes& bytes, uint64_t value, size_t width) {
    if (bytes.size() < width) return;
    // Fields lie at multiples of their size, mostly.
    size_t at = below(bytes.size() - width + 1);
    if (below(4) != 0) at = at / width * width;
    std::memcpy(bytes.data() + at, &value, width);
  }

  void change(Bytes& bytes, const std::vector<Bytes>& inputs) {
    static constexpr uint64_t kEdgeValues[] = {0,
                                               1,
                                               2,
                                               7,
                                               8,
                                               0x7f,
                                               0x80,
                                               0xff,
                                               0x7fff,
                                               0x8000,
                                               0xffff,
                                               0x10000,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               1 << 20,
                                               1 << 21,
                                               (1 << 20) + 8,
                                               UINT64_MAX,
                                               UINT64_MAX >> 1,
                                               uint64_t{1} << 63,
                                               uint64_t{1} << 32};
    static constexpr size_t kWidths[] = {1, 2, 4, 8};
    switch (below(words_.empty() ? 8 : 10)) {
      case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] ^= uint8_t(1u << below(8));
        break;
      case 1:
        if (!bytes.empty()) bytes[below(bytes.size())] = uint8_t(below(256));
        break;
      case 2:
        put(bytes, kEdgeValues[below(std::size(kEdgeValues))], kWidths[below(4)]);
        break;
      case 3:
        put(bytes, below(256), kWidths[below(4)]);
        break;
      case 4: {  // a piece goes
        const size_t at = below(bytes.size() + 1), length = below(std::min<size_t>(bytes.size() - at, 64) + 1);
        bytes.erase(bytes.begin() + long(at), bytes.begin() + long(at + length));
        break;
      }
      case 5: {  // a piece comes twice
        const size_t at = below(bytes.size() + 1), length = below(std::min<size_t>(bytes.size() - at, 256) + 1);
        const Bytes piece(bytes.begin() + long(at), bytes.begin() + long(at + length));
        bytes.insert(bytes.begin() + long(below(bytes.size() + 1)), piece.begin(), piece.end());
        break;
      }
      case 6: {  // a piece of another one comes in
        const Bytes& other = inputs[below(inputs.size())];
        const size_t from = below(other.size() + 1), length = below(other.size() - from + 1);
        bytes.insert(bytes.begin() + long(below(bytes.size() + 1)), other.begin() + long(from),
                     other.begin() + long(from + length));
        break;
      }
      case 7: {  // another one follows
        const Bytes& other = inputs[below(inputs.size())];
        bytes.insert(bytes.end(), other.begin(), other.end());
        break;
      }
      default:
        put(bytes, words_[below(words_.size())] + (below(4) == 0 ? below(4096) : 0), 8);
        break;
    }
  }

  std::mt19937_64 engine_;
  size_t most_;
  std::span<const uint64_t> words_;
};

void run(const Bytes& bytes) {
  current = bytes;
  alarm(kPatience);
  // Memory of exactly this size, so that a byte too far is found.
  auto exact = std::make_unique_for_overwrite<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  before = 0;
  LLVMFuzzerTestOneInput(exact.get(), bytes.size());
  alarm(0);
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  const size_t edge = (here ^ (before << 1) ^ (here >> 16)) % kEdges;
  before = here;
  if (seen[edge] == 0) seen[edge] = 1, found_new = true;
}

int main(int count, char** arguments) {
  uint64_t seed = 1, runs = UINT64_MAX, seconds = 0, most = 65536, only = UINT64_MAX;
  std::vector<Bytes> inputs;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    auto number = [&](const char* option, uint64_t& value) {
      if (!word.starts_with(option)) return false;
      value = std::strtoull(word.c_str() + std::strlen(option), nullptr, 0);
      return true;
    };
    if (number("-seed=", seed) || number("-runs=", runs) || number("-max_total_time=", seconds) ||
        number("-max_len=", most) || number("-only=", only))
      continue;
    read_inputs(word, inputs);
  }
  const std::string program = arguments[0];
  const std::string name = program.substr(program.rfind('/') + 1);
  crash_file = "crash-" + name.substr(name.rfind('-') + 1);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(save_current);
  for (int number : {SIGALRM, SIGABRT, SIGILL, SIGTRAP}) signal(number, on_signal);
  if (LLVMFuzzerInitialize(&count, &arguments) != 0) return 1;
  target_seeds(inputs);
  if (inputs.empty()) inputs.emplace_back();
  for (const Bytes& input : inputs) run(input);
  const size_t given = inputs.size();
  if (runs == UINT64_MAX && seconds == 0) runs = 100000;
  const auto end = seconds == 0 ? Clock::time_point::max() : Clock::now() + std::chrono::seconds(seconds);
  uint64_t i = 0;
  for (; i < runs && Clock::now() < end; ++i) {
    if (only != UINT64_MAX && i != only) continue;
    const Bytes bytes = Mutator(seed, i, most, target_words()).mutate(inputs);
    found_new = false;
    run(bytes);
    if (found_new && inputs.size() < kMostKept) inputs.push_back(bytes);
  }
  std::printf("%s: seed %llu, %llu runs, %zu inputs given, %zu kept, %zu edges\n", name.c_str(),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(i), given, inputs.size() - given,
              size_t(std::count(std::begin(seen), std::end(seen), 1)));
  return 0;
}
