#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "driver.h"
#include "measures.h"

namespace gpool::bench {
namespace {

struct Size {
  size_t bytes;
  const char* name;
};

constexpr Size kSizes[] = {
    {4 << 10, "4KiB"}, {64 << 10, "64KiB"}, {1 << 20, "1MiB"}, {16 << 20, "16MiB"}, {128 << 20, "128MiB"}};
constexpr double kSeconds = 0.15;  // for one row of the table, or five copies, whichever is more
constexpr int kAtLeast = 5, kAtMost = 2000;

double gigabytes_a_second(size_t bytes, const std::function<void()>& copy) {
  copy();  // pages are touched, buffers exist
  std::vector<double> samples;
  const double begin = now();
  while (static_cast<int>(samples.size()) < kAtLeast ||
         (now() - begin < kSeconds && static_cast<int>(samples.size()) < kAtMost)) {
    const double start = now();
    copy();
    samples.push_back(now() - start);
  }
  return static_cast<double>(bytes) / median(samples) * 1e-9;
}

}  // namespace

void price_copies() {
  Program program = Program::open();
  const Driver& driver = program.driver;
  const size_t most = std::end(kSizes)[-1].bytes;
  CUdeviceptr device = 0;
  void* pinned = nullptr;
  check(driver.memory_allocate(&device, most), "cuMemAlloc");
  check(driver.host_allocate(&pinned, most), "cuMemAllocHost");
  const std::unique_ptr<void, decltype(&std::free)> pageable(std::aligned_alloc(4096, most), &std::free);
  std::memset(pinned, 1, most);
  std::memset(pageable.get(), 2, most);
  const auto wait = [&] { check(driver.stream_synchronize(nullptr), "cuStreamSynchronize"); };
  for (const Size& size : kSizes) {
    const std::string end = std::string("_") + size.name;
    report("h2d_pinned" + end,
           gigabytes_a_second(size.bytes,
                              [&] {
                                check(driver.copy_to_device_async(device, pinned, size.bytes, nullptr),
                                      "cuMemcpyHtoDAsync");
                                wait();
                              }),
           "GB/s");
    report("d2h_pinned" + end,
           gigabytes_a_second(size.bytes,
                              [&] {
                                check(driver.copy_to_host_async(pinned, device, size.bytes, nullptr),
                                      "cuMemcpyDtoHAsync");
                                wait();
                              }),
           "GB/s");
    report("h2d_pageable" + end,
           gigabytes_a_second(
               size.bytes, [&] { check(driver.copy_to_device(device, pageable.get(), size.bytes), "cuMemcpyHtoD"); }),
           "GB/s");
    report("d2h_pageable" + end,
           gigabytes_a_second(size.bytes,
                              [&] { check(driver.copy_to_host(pageable.get(), device, size.bytes), "cuMemcpyDtoH"); }),
           "GB/s");
  }
  check(driver.host_free(pinned), "cuMemFreeHost");
  check(driver.memory_free(device), "cuMemFree");
}

}  // namespace gpool::bench
