// What every program here shares: ways to compare with the CPU's answer and to say what differs. A program prints one
// line `PASS name details` and exits with 0, or one line `FAIL …` and exits with 1. The details hold nothing that may
// vary between two runs (no times, no addresses): the tests compare them between drivers.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

[[noreturn]] inline void fail(const char* format, ...) {
  std::fputs("FAIL ", stdout);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::fputs("\n", stdout);
  std::fflush(stdout);
  std::_Exit(1);
}

inline int pass(const char* name, const char* format, ...) {
  std::printf("PASS %s ", name);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::fputs("\n", stdout);
  return 0;
}

#define CUDA_CHECK(call)                                                                                         \
  do {                                                                                                           \
    const cudaError_t check_result = (call);                                                                     \
    if (check_result != cudaSuccess)                                                                             \
      fail("%s:%d %s: %s (%d)", __FILE__, __LINE__, #call, cudaGetErrorString(check_result), (int)check_result); \
  } while (0)

#define EXPECT(condition)                                                        \
  do {                                                                           \
    if (!(condition)) fail("%s:%d expected %s", __FILE__, __LINE__, #condition); \
  } while (0)

// The call must answer exactly this error.
#define EXPECT_ERROR(call, wanted)                                                                         \
  do {                                                                                                     \
    const cudaError_t expect_result = (call);                                                              \
    if (expect_result != (wanted))                                                                         \
      fail("%s:%d %s: expected %s (%d), got %s (%d)", __FILE__, __LINE__, #call, cudaGetErrorName(wanted), \
           (int)(wanted), cudaGetErrorName(expect_result), (int)expect_result);                            \
  } while (0)

// Memory of the device that goes away with its scope, so that no program leaks on any path.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) { CUDA_CHECK(cudaMalloc(&data_, count * sizeof(T))); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    CUDA_CHECK(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { CUDA_CHECK(cudaFree(data_)); }

  T* data() const { return data_; }
  size_t count() const { return count_; }
  std::vector<T> to_host() const {
    std::vector<T> values(count_);
    CUDA_CHECK(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

template <class T>
void expect_equal(const char* what, const std::vector<T>& got, const std::vector<T>& wanted) {
  if (got.size() != wanted.size()) fail("%s: %zu values, expected %zu", what, got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (!(got[i] == wanted[i]))
      fail("%s: first difference at index %zu: expected %.17g, got %.17g", what, i, (double)wanted[i], (double)got[i]);
}

// |got - wanted| <= relative * max(|wanted|, scale)
template <class T, class U>
void expect_near(const char* what, const std::vector<T>& got, const std::vector<U>& wanted, double relative,
                 double scale) {
  if (got.size() != wanted.size()) fail("%s: %zu values, expected %zu", what, got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::fabs((double)got[i] - (double)wanted[i]);
    const double bound = relative * std::fmax(std::fabs((double)wanted[i]), scale);
    if (!(difference <= bound))
      fail("%s: first difference at index %zu: expected %.17g, got %.17g (bound %.3g)", what, i, (double)wanted[i],
           (double)got[i], bound);
  }
}

inline uint64_t checksum_bytes(const void* data, size_t bytes) {  // FNV-1a
  uint64_t hash = 1469598103934665603ull;
  const auto* byte = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ byte[i]) * 1099511628211ull;
  return hash;
}

template <class T>
unsigned long long checksum(const std::vector<T>& values) {
  return checksum_bytes(values.data(), values.size() * sizeof(T));
}

// The same numbers on every machine: the standard fixes mt19937, but not the distributions above it.
inline std::vector<float> random_floats(size_t count, uint32_t seed, float low, float high) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float& value : values) value = low + (high - low) * ((engine() >> 8) * (1.0f / 16777216.0f));
  return values;
}

inline std::vector<uint32_t> random_words(size_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<uint32_t> values(count);
  for (uint32_t& value : values) value = engine();
  return values;
}
