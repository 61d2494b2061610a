// Many launches at once: threads with two streams each, whose kernels depend on the one before, differ in shape from
// stream to stream, use shared memory, barriers and atomics, and run in turns on whatever executes blocks. Every result
// is exact.
#include <thread>

#include "check.h"

constexpr int kHosts = 4, kStreams = 2, kSteps = 12, kCount = 3000;

// Each block turns its part of the values around, and mixes in the number of the step; odd lanes take longer.
__global__ void mix(const uint32_t* in, uint32_t* out, int count, uint32_t step, unsigned long long* total) {
  extern __shared__ uint32_t part[];
  __shared__ uint32_t sum;
  const int first = blockIdx.x * blockDim.x, length = min((int)blockDim.x, count - first);
  if (threadIdx.x == 0) sum = 0;
  if (threadIdx.x < length) part[threadIdx.x] = in[first + threadIdx.x];
  __syncthreads();
  uint32_t value = 0;
  if (threadIdx.x < length) {
    value = part[length - 1 - threadIdx.x];
    for (int i = 0; i < (threadIdx.x & 1 ? 9 : 1); ++i) value = value * 1664525u + step;
    out[first + threadIdx.x] = value;
    atomicAdd(&sum, value);
  }
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(total, (unsigned long long)sum);
}

int shape(int host, int stream) {
  return 32 + 48 * host + 17 * stream;
}

// What `mix` does, step after step, for one stream.
uint64_t mix_on_host(std::vector<uint32_t>& values, int block) {
  uint64_t total = 0;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<uint32_t> next(values.size());
    for (int first = 0; first < kCount; first += block) {
      const int length = std::min(block, kCount - first);
      uint32_t sum = 0;
      for (int i = 0; i < length; ++i) {
        uint32_t value = values[first + length - 1 - i];
        for (int k = 0; k < (i & 1 ? 9 : 1); ++k) value = value * 1664525u + (uint32_t)step;
        sum += next[first + i] = value;
      }
      total += sum;
    }
    values = next;
  }
  return total;
}

int main() {
  DeviceArray<unsigned long long> total(1);
  CUDA_CHECK(cudaMemset(total.data(), 0, sizeof(unsigned long long)));
  std::vector<std::vector<uint32_t>> results(kHosts * kStreams);
  auto host = [&](int number) {
    cudaStream_t streams[kStreams];
    std::vector<DeviceArray<uint32_t>*> buffers;
    for (int s = 0; s < kStreams; ++s) {
      CUDA_CHECK(cudaStreamCreateWithFlags(&streams[s], cudaStreamNonBlocking));
      buffers.push_back(new DeviceArray<uint32_t>(random_words(kCount, 40 + number * kStreams + s)));
      buffers.push_back(new DeviceArray<uint32_t>(kCount));
    }
    for (int step = 0; step < kSteps; ++step)
      for (int s = 0; s < kStreams; ++s) {
        const int block = shape(number, s);
        mix<<<(kCount + block - 1) / block, block, block * 4, streams[s]>>>(buffers[2 * s + step % 2]->data(),
                                                                            buffers[2 * s + 1 - step % 2]->data(),
                                                                            kCount, (uint32_t)step, total.data());
        CUDA_CHECK(cudaGetLastError());
      }
    for (int s = 0; s < kStreams; ++s) {
      CUDA_CHECK(cudaStreamSynchronize(streams[s]));
      results[number * kStreams + s] = buffers[2 * s + kSteps % 2]->to_host();
      CUDA_CHECK(cudaStreamDestroy(streams[s]));
    }
    for (auto* buffer : buffers) delete buffer;
  };
  std::vector<std::thread> threads;
  for (int number = 0; number < kHosts; ++number) threads.emplace_back(host, number);
  for (std::thread& thread : threads) thread.join();

  unsigned long long wanted_total = 0, hash = 0;
  for (int i = 0; i < kHosts * kStreams; ++i) {
    std::vector<uint32_t> wanted = random_words(kCount, 40 + i);
    wanted_total += mix_on_host(wanted, shape(i / kStreams, i % kStreams));
    expect_equal("a stream's values", results[i], wanted);
    hash ^= checksum(wanted);
  }
  expect_equal("the common total", total.to_host(), std::vector<unsigned long long>{wanted_total});
  return pass("concurrent_launches", "checksum=%016llx", hash);
}
