// A failed assertion says where, on standard error, and its context is lost.
#include <cuda_runtime.h>

#include <cassert>

#include "../check.h"

__global__ void at_most(int limit) {
  assert(static_cast<int>(threadIdx.x) < limit);
}

int main() {
  at_most<<<1, 4>>>(4);
  CUDA_CHECK(cudaDeviceSynchronize());
  at_most<<<1, 4>>>(2);
  EXPECT_ERROR(cudaDeviceSynchronize(), cudaErrorAssert);
  std::fputs("the program has been told\n", stderr);
  EXPECT_ERROR(cudaDeviceSynchronize(), cudaErrorAssert);
  void* memory = nullptr;
  EXPECT_ERROR(cudaMalloc(&memory, 16), cudaErrorAssert);
  EXPECT_ERROR(cudaGetLastError(), cudaErrorAssert);
  return pass("device_assert", "stays");
}
