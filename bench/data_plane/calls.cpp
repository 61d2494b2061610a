// What the calling thread pays. Launches are timed in bursts that fit into every queue on the way, with a wait between
// the bursts that is not timed: a burst longer than the queue would measure the GPU. Each is timed alone, less what
// reading the clock costs; and the bursts as a whole, which holds whatever else had this core meanwhile, the worker and
// the emulated GPU among it where there are few cores.
#include <algorithm>
#include <array>

#include "driver.h"
#include "measures.h"

namespace gpool::bench {
namespace {

constexpr int kBurst = 64;
constexpr int kBursts = 300;
constexpr int kRoundTrips = 2000;
constexpr int kStream = 20000;

struct Launch {
  std::array<uint64_t, 8> values{};
  std::array<void*, 8> parameters{};
  Launch() {
    for (size_t i = 0; i < values.size(); i++) parameters[i] = &values[i];
  }
};

}  // namespace

void price_calls() {
  Program program = Program::open();
  const Driver& driver = program.driver;
  Launch launch;
  CUstream stream = nullptr;
  check(driver.stream_create(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
  const auto one = [&] {
    check(driver.launch_kernel(program.nothing, 1, 1, 1, 1, 1, 1, 0, stream, launch.parameters.data(), nullptr),
          "cuLaunchKernel");
  };
  std::vector<double> samples, bursts, clocks;
  for (int i = -20; i < kBursts; i++) {
    std::array<double, kBurst + 1> at;
    at[0] = now();
    for (int j = 0; j < kBurst; j++) {
      one();
      at[j + 1] = now();
    }
    check(driver.stream_synchronize(stream), "cuStreamSynchronize");
    const double clock_begin = now();
    const double clock_end = now();
    if (i < 0) continue;
    for (int j = 0; j < kBurst; j++) samples.push_back(at[j + 1] - at[j]);
    bursts.push_back((at[kBurst] - at[0]) / kBurst);
    clocks.push_back(clock_end - clock_begin);
  }
  report("launch_call", std::max(0.0, median(samples) - median(clocks)) * 1e9, "ns");
  report("launch_in_bursts", median(bursts) * 1e9, "ns");

  CUdeviceptr memory = 0;
  check(driver.memory_allocate(&memory, 4096), "cuMemAlloc");
  uint32_t word = 0;
  samples.clear();
  for (int i = -100; i < kRoundTrips; i++) {
    const double begin = now();
    check(driver.copy_to_host(&word, memory, sizeof word), "cuMemcpyDtoH");
    if (i >= 0) samples.push_back(now() - begin);
  }
  report("round_trip", median(samples) * 1e6, "us");

  samples.clear();
  for (int i = -50; i < kRoundTrips / 2; i++) {
    const double begin = now();
    one();
    check(driver.stream_synchronize(stream), "cuStreamSynchronize");
    if (i >= 0) samples.push_back(now() - begin);
  }
  report("launch_and_wait", median(samples) * 1e6, "us");

  const double begin = now();
  for (int i = 0; i < kStream; i++) one();
  check(driver.stream_synchronize(stream), "cuStreamSynchronize");
  report("launch_rate", kStream / (now() - begin), "1/s");
  check(driver.memory_free(memory), "cuMemFree");
}

void price_launches(int count) {
  Program program = Program::open();
  Launch launch;
  for (int i = 0; i < count; i++) {
    check(
        program.driver.launch_kernel(program.nothing, 1, 1, 1, 1, 1, 1, 0, nullptr, launch.parameters.data(), nullptr),
        "cuLaunchKernel");
  }
  check(program.driver.context_synchronize(), "cuCtxSynchronize");
}

}  // namespace gpool::bench
