// What is free goes down and up again; allocations do not overlap; memory that was freed comes back.
#include <algorithm>

#include "check.h"

__global__ void stamp(unsigned* words, size_t count, unsigned value) {
  for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x)
    words[i] = value;
}

size_t free_now() {
  size_t free_bytes = 0, total_bytes = 0;
  CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  return free_bytes;
}

int main() {
  CUDA_CHECK(cudaFree(nullptr));  // creates the context
  const size_t before = free_now(), large = size_t{256} << 20;
  void* block = nullptr;
  CUDA_CHECK(cudaMalloc(&block, large));
  const size_t during = free_now();
  EXPECT(during + large <= before);
  CUDA_CHECK(cudaFree(block));
  CUDA_CHECK(cudaDeviceSynchronize());
  EXPECT(free_now() >= during + large);

  const int pieces = 200;
  std::vector<unsigned*> piece(pieces);
  std::vector<size_t> words(pieces);
  const std::vector<uint32_t> random = random_words(pieces, 41);
  for (int i = 0; i < pieces; ++i) {
    words[i] = 1 + random[i] % (i % 10 == 0 ? 200000 : 900);
    CUDA_CHECK(cudaMalloc(&piece[i], words[i] * sizeof(unsigned)));
    EXPECT(reinterpret_cast<uintptr_t>(piece[i]) % 256 == 0);
    if (i % 3 == 2) {  // frees and allocates in between: holes that later pieces may fill
      CUDA_CHECK(cudaFree(piece[i - 1]));
      CUDA_CHECK(cudaMalloc(&piece[i - 1], words[i - 1] * sizeof(unsigned)));
    }
  }
  for (int i = 0; i < pieces; ++i) stamp<<<4, 64>>>(piece[i], words[i], 0xabc00000u + i);
  CUDA_CHECK(cudaGetLastError());
  for (int i = 0; i < pieces; ++i) {
    std::vector<unsigned> got(words[i]);
    CUDA_CHECK(cudaMemcpy(got.data(), piece[i], words[i] * sizeof(unsigned), cudaMemcpyDeviceToHost));
    expect_equal("piece", got, std::vector<unsigned>(words[i], 0xabc00000u + i));
    CUDA_CHECK(cudaFree(piece[i]));
  }

  // Freed while a kernel still uses it: what comes next may have the same place, but only after that kernel.
  std::vector<unsigned> got(1 << 16);
  for (unsigned round = 0; round < 20; ++round) {
    unsigned* first = nullptr;
    CUDA_CHECK(cudaMalloc(&first, got.size() * sizeof(unsigned)));
    stamp<<<8, 128>>>(first, got.size(), 1000 + round);
    CUDA_CHECK(cudaFree(first));
    unsigned* second = nullptr;
    CUDA_CHECK(cudaMalloc(&second, got.size() * sizeof(unsigned)));
    stamp<<<8, 128>>>(second, got.size(), 2000 + round);
    CUDA_CHECK(cudaMemcpy(got.data(), second, got.size() * sizeof(unsigned), cudaMemcpyDeviceToHost));
    expect_equal("after free", got, std::vector<unsigned>(got.size(), 2000 + round));
    CUDA_CHECK(cudaFree(second));
  }
  return pass("memory_accounting", "pieces=%d", pieces);
}
