// Errors that a program may make and survive: each has its code, and the context works on after it.
#include "check.h"

__global__ void write_index(int* out) {
  out[threadIdx.x] = threadIdx.x;
}

void still_works() {
  DeviceArray<int> out(64);
  write_index<<<1, 64>>>(out.data());
  CUDA_CHECK(cudaGetLastError());
  const std::vector<int> got = out.to_host();
  for (int i = 0; i < 64; ++i) EXPECT(got[i] == i);
}

int main() {
  int devices = 0;
  CUDA_CHECK(cudaGetDeviceCount(&devices));
  EXPECT(devices >= 1);

  DeviceArray<int> out(4096);
  // The runtime hands the driver's code on as it is (its translation is the identity), and what cuLaunchKernel
  // documents for such a shape is CUDA_ERROR_INVALID_VALUE. NVIDIA's driver tells its own runtime InvalidConfiguration,
  // a code that the driver's interface does not have. Every driver here must say the same: the code is part of the
  // output.
  write_index<<<1, 4096>>>(out.data());  // more threads than a block may have
  const cudaError_t refused = cudaPeekAtLastError();
  EXPECT(refused == cudaErrorInvalidConfiguration || refused == cudaErrorInvalidValue);
  EXPECT_ERROR(cudaGetLastError(), refused);
  EXPECT_ERROR(cudaGetLastError(), cudaSuccess);
  write_index<<<0, 32>>>(out.data());  // an empty grid
  EXPECT_ERROR(cudaGetLastError(), refused);
  still_works();

  void* memory = nullptr;
  EXPECT_ERROR(cudaMalloc(&memory, size_t{1} << 50), cudaErrorMemoryAllocation);
  EXPECT_ERROR(cudaGetLastError(), cudaErrorMemoryAllocation);
  still_works();
  size_t free_bytes = 0, total_bytes = 0;
  CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  EXPECT(free_bytes > 0 && free_bytes <= total_bytes);
  EXPECT_ERROR(cudaMalloc(&memory, total_bytes + 1), cudaErrorMemoryAllocation);
  cudaGetLastError();
  still_works();

  EXPECT_ERROR(cudaSetDevice(devices), cudaErrorInvalidDevice);
  cudaGetLastError();
  int value = 0;
  EXPECT_ERROR(cudaMemcpy(&value, out.data(), sizeof(value), (cudaMemcpyKind)77), cudaErrorInvalidMemcpyDirection);
  cudaGetLastError();
  EXPECT_ERROR(cudaMemcpy(nullptr, out.data(), 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  cudaGetLastError();
  EXPECT_ERROR(cudaFree(reinterpret_cast<void*>(0x1234)), cudaErrorInvalidValue);
  cudaGetLastError();
  CUDA_CHECK(cudaFree(nullptr));
  still_works();
  return pass("errors", "codes=%d,%d,%d,%d", (int)refused, (int)cudaErrorMemoryAllocation, (int)cudaErrorInvalidDevice,
              (int)cudaErrorInvalidValue);
}
