// Atomics in shared and in global memory, in all the widths and operations that programs use.
#include <algorithm>

#include "check.h"

constexpr int kBins = 256;

__global__ void histogram_shared(const unsigned char* bytes, int count, unsigned* bins) {
  __shared__ unsigned block_bins[kBins];
  for (int i = threadIdx.x; i < kBins; i += blockDim.x) block_bins[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    atomicAdd(&block_bins[bytes[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < kBins; i += blockDim.x) atomicAdd(&bins[i], block_bins[i]);
}

__global__ void histogram_global(const unsigned char* bytes, int count, unsigned* bins) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    atomicAdd(&bins[bytes[i]], 1u);
}

struct Extremes {
  int smallest, largest;
  unsigned all_bits, any_bits, parity;
  unsigned long long sum;
  float float_sum;
  double double_sum;
  int spins;       // counted by compare-and-swap
  unsigned turns;  // atomicInc wraps at 10
};

__global__ void extremes(const unsigned* words, int count, Extremes* result) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const unsigned word = words[i];
  atomicMin(&result->smallest, (int)word);
  atomicMax(&result->largest, (int)word);
  atomicAnd(&result->all_bits, word | 0x80000001u);
  atomicOr(&result->any_bits, word & 0x0ffffff0u);
  atomicXor(&result->parity, word);
  atomicAdd(&result->sum, (unsigned long long)word);
  atomicAdd(&result->float_sum, (float)(word % 4));  // small whole numbers: the sum is exact in any order
  atomicAdd(&result->double_sum, (double)(word % 1024));
  atomicInc(&result->turns, 9);
  int seen = result->spins, wanted;
  do {
    wanted = seen;
    seen = atomicCAS(&result->spins, wanted, wanted + 1);
  } while (seen != wanted);
}

int main() {
  const int count = 60001;
  const std::vector<uint32_t> words = random_words(count, 11);
  std::vector<unsigned char> bytes(count);
  std::vector<unsigned> wanted(kBins);
  for (int i = 0; i < count; ++i) {
    bytes[i] = (unsigned char)(i % 3 ? words[i] : words[i] % 4);  // some bins are much fuller: contention
    ++wanted[bytes[i]];
  }
  DeviceArray<unsigned char> device_bytes(bytes);
  DeviceArray<unsigned> shared_bins(std::vector<unsigned>(kBins, 0)), global_bins(std::vector<unsigned>(kBins, 0));
  histogram_shared<<<6, 192>>>(device_bytes.data(), count, shared_bins.data());
  CUDA_CHECK(cudaGetLastError());
  histogram_global<<<6, 192>>>(device_bytes.data(), count, global_bins.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("histogram in shared memory", shared_bins.to_host(), wanted);
  expect_equal("histogram in global memory", global_bins.to_host(), wanted);

  const int few = 5000;
  Extremes expected{INT32_MAX, INT32_MIN, ~0u, 0, 0, 0, 0, 0, 0, 0};
  DeviceArray<Extremes> device_extremes(std::vector<Extremes>{expected});
  DeviceArray<unsigned> device_words(std::vector<unsigned>(words.begin(), words.begin() + few));
  extremes<<<(few + 127) / 128, 128>>>(device_words.data(), few, device_extremes.data());
  CUDA_CHECK(cudaGetLastError());
  for (int i = 0; i < few; ++i) {
    expected.smallest = std::min(expected.smallest, (int)words[i]);
    expected.largest = std::max(expected.largest, (int)words[i]);
    expected.all_bits &= words[i] | 0x80000001u;
    expected.any_bits |= words[i] & 0x0ffffff0u;
    expected.parity ^= words[i];
    expected.sum += words[i];
    expected.float_sum += (float)(words[i] % 4);
    expected.double_sum += words[i] % 1024;
  }
  const Extremes got = device_extremes.to_host()[0];
  EXPECT(got.smallest == expected.smallest);
  EXPECT(got.largest == expected.largest);
  EXPECT(got.all_bits == expected.all_bits);
  EXPECT(got.any_bits == expected.any_bits);
  EXPECT(got.parity == expected.parity);
  EXPECT(got.sum == expected.sum);
  EXPECT(got.float_sum == expected.float_sum);
  EXPECT(got.double_sum == expected.double_sum);
  EXPECT(got.spins == few);
  EXPECT(got.turns == few % 10);
  return pass("histogram", "values=%d checksum=%016llx", count, checksum(wanted));
}
