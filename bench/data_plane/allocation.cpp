#include "driver.h"
#include "measures.h"

namespace gpool::bench {
namespace {

constexpr int kPairs = 400;
constexpr int kHeld = 64;

double pair_us(const Driver& driver, size_t bytes) {
  std::vector<double> samples;
  for (int i = -20; i < kPairs; i++) {
    const double begin = now();
    CUdeviceptr memory = 0;
    check(driver.memory_allocate(&memory, bytes), "cuMemAlloc");
    check(driver.memory_free(memory), "cuMemFree");
    if (i >= 0) samples.push_back(now() - begin);
  }
  return median(samples) * 1e6;
}

}  // namespace

void price_allocation() {
  Program program = Program::open();
  const Driver& driver = program.driver;
  report("allocate_free_4KiB", pair_us(driver, 4 << 10), "us");
  report("allocate_free_4MiB", pair_us(driver, 4 << 20), "us");
  // A program that starts holds on to what it allocates: nothing comes back from a free list.
  std::vector<CUdeviceptr> held(kHeld);
  const double begin = now();
  for (CUdeviceptr& memory : held) check(driver.memory_allocate(&memory, 4 << 20), "cuMemAlloc");
  report("allocate_64x4MiB", (now() - begin) / kHeld * 1e6, "us");
  for (const CUdeviceptr memory : held) check(driver.memory_free(memory), "cuMemFree");
}

}  // namespace gpool::bench
