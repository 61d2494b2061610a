// Two host threads, each with its own stream and its own data, at the same time in one context: neither disturbs the
// other.
#include <thread>

#include "check.h"

__global__ void step(unsigned* values, int count, unsigned salt) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = values[i] * 1664525u + 1013904223u + salt;
}

std::vector<unsigned> work(unsigned salt, int count, int steps) {
  CUDA_CHECK(cudaSetDevice(0));
  cudaStream_t stream;
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::vector<unsigned> values(count), got(count);
  for (int i = 0; i < count; ++i) values[i] = i ^ salt;
  unsigned* device = nullptr;
  CUDA_CHECK(cudaMalloc(&device, count * sizeof(unsigned)));
  CUDA_CHECK(cudaMemcpyAsync(device, values.data(), count * sizeof(unsigned), cudaMemcpyHostToDevice, stream));
  for (int i = 0; i < steps; ++i) {
    step<<<(count + 127) / 128, 128, 0, stream>>>(device, count, salt);
    CUDA_CHECK(cudaGetLastError());
    // Now and then a wait, so that one thread waits while the other one launches.
    if (i % 16 == 0) CUDA_CHECK(cudaStreamSynchronize(stream));
    if (i % 10 == 3) {  // and memory that comes and goes beside it
      void* other = nullptr;
      CUDA_CHECK(cudaMalloc(&other, 4096 + salt % 1000));
      CUDA_CHECK(cudaMemsetAsync(other, (int)salt, 4096, stream));
      CUDA_CHECK(cudaFree(other));
    }
  }
  CUDA_CHECK(cudaMemcpyAsync(got.data(), device, count * sizeof(unsigned), cudaMemcpyDeviceToHost, stream));
  CUDA_CHECK(cudaStreamSynchronize(stream));
  CUDA_CHECK(cudaFree(device));
  CUDA_CHECK(cudaStreamDestroy(stream));

  for (int s = 0; s < steps; ++s)
    for (unsigned& value : values) value = value * 1664525u + 1013904223u + salt;
  char what[32];
  std::snprintf(what, sizeof(what), "thread %u", salt);
  expect_equal(what, got, values);

  // An error of one thread is not seen by the other: the last error belongs to the thread.
  if (salt == 1) {
    EXPECT_ERROR(cudaSetDevice(9999), cudaErrorInvalidDevice);
    EXPECT_ERROR(cudaGetLastError(), cudaErrorInvalidDevice);
  }
  EXPECT_ERROR(cudaGetLastError(), cudaSuccess);
  return got;
}

int main() {
  std::vector<unsigned> first, second;
  std::thread one([&] { first = work(1, 5003, 80); });
  std::thread two([&] { second = work(2, 2999, 120); });
  one.join();
  two.join();
  return pass("two_threads", "checksum=%016llx", checksum(first) ^ checksum(second));
}
