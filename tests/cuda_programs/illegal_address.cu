// An error that a context does not survive: a kernel writes where nothing is. It surfaces at the next wait, and stays.
#include "check.h"

__global__ void write_to(int* address) {
  *address = 42;
}

int main() {
  int* good = nullptr;
  CUDA_CHECK(cudaMalloc(&good, sizeof(int)));
  write_to<<<1, 1>>>(good);
  CUDA_CHECK(cudaDeviceSynchronize());

  write_to<<<1, 1>>>(reinterpret_cast<int*>(0x10));
  EXPECT_ERROR(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  int value = 0;
  EXPECT_ERROR(cudaMemcpy(&value, good, sizeof(value), cudaMemcpyDeviceToHost), cudaErrorIllegalAddress);
  void* more = nullptr;
  EXPECT_ERROR(cudaMalloc(&more, 1 << 20), cudaErrorIllegalAddress);
  EXPECT_ERROR(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  return pass("illegal_address", "code=%d", (int)cudaErrorIllegalAddress);
}
