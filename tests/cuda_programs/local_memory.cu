// What a thread keeps for itself: arrays indexed at run time, calls that are not inlined, recursion, deep divergence.
#include "check.h"

__device__ __noinline__ int ackermann(int m, int n) {  // recursion in both positions
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

__global__ void recurse(int* out) {
  out[threadIdx.x] = ackermann(threadIdx.x % 3, threadIdx.x / 3 % 4);
}

__global__ void sort_own(const int* in, int* out, int each) {
  int own[16];
  const int base = (blockIdx.x * blockDim.x + threadIdx.x) * each;
  for (int i = 0; i < each; ++i) own[i] = in[base + i];
  for (int i = 1; i < each; ++i)  // insertion sort: how far each lane goes differs
    for (int j = i; j > 0 && own[j - 1] > own[j]; --j) {
      const int swapped = own[j];
      own[j] = own[j - 1];
      own[j - 1] = swapped;
    }
  for (int i = 0; i < each; ++i) out[base + i] = own[i];
}

__global__ void collatz(int* steps, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  long long value = i + 1;
  int taken = 0;
  while (value != 1) {
    value = value % 2 ? 3 * value + 1 : value / 2;
    if (++taken > 100000) break;
  }
  steps[i] = taken;
}

int host_ackermann(int m, int n) {
  if (m == 0) return n + 1;
  return host_ackermann(m - 1, n == 0 ? 1 : host_ackermann(m, n - 1));
}

int main() {
  std::vector<int> wanted(48);
  for (int i = 0; i < 48; ++i) wanted[i] = host_ackermann(i % 3, i / 3 % 4);
  DeviceArray<int> out(48);
  recurse<<<1, 48>>>(out.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("recursion", out.to_host(), wanted);

  const int threads = 96, each = 16;
  const std::vector<uint32_t> words = random_words(threads * each, 31);
  std::vector<int> in(words.begin(), words.end()), sorted(in);
  for (int t = 0; t < threads; ++t)
    for (int i = 1; i < each; ++i)
      for (int j = i; j > 0 && sorted[t * each + j - 1] > sorted[t * each + j]; --j)
        std::swap(sorted[t * each + j - 1], sorted[t * each + j]);
  DeviceArray<int> device_in(in), device_sorted(in.size());
  sort_own<<<3, 32>>>(device_in.data(), device_sorted.data(), each);
  CUDA_CHECK(cudaGetLastError());
  expect_equal("sorted", device_sorted.to_host(), sorted);

  const int count = 3000;
  std::vector<int> steps(count);
  for (int i = 0; i < count; ++i)
    for (long long value = i + 1; value != 1; value = value % 2 ? 3 * value + 1 : value / 2) ++steps[i];
  DeviceArray<int> device_steps(count);
  collatz<<<(count + 255) / 256, 256>>>(device_steps.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal("collatz", device_steps.to_host(), steps);
  return pass("local_memory", "checksum=%016llx", checksum(sorted) ^ checksum(steps));
}
