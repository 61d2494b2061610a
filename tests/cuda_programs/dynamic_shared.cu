// Shared memory whose size the launch names: several arrays in one block of it, the default limit, and more than that.
#include "check.h"

extern __shared__ unsigned char dynamic_memory[];

// Reverses each block's part through shared memory and sums it in doubles that lie behind the words.
__global__ void reverse_and_sum(const int* in, int* out, double* sums) {
  int* words = reinterpret_cast<int*>(dynamic_memory);
  double* parts = reinterpret_cast<double*>(dynamic_memory + blockDim.x * sizeof(int));
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  words[threadIdx.x] = in[i];
  parts[threadIdx.x] = in[i];
  __syncthreads();
  out[i] = words[blockDim.x - 1 - threadIdx.x];
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = parts[0];
}

// Touches the whole of a large block, first byte to last.
__global__ void touch_all(unsigned bytes, unsigned* result) {
  for (unsigned i = threadIdx.x; i < bytes; i += blockDim.x) dynamic_memory[i] = (unsigned char)(i * 7);
  __syncthreads();
  unsigned sum = 0;
  for (unsigned i = threadIdx.x; i < bytes; i += blockDim.x) sum += dynamic_memory[bytes - 1 - i];
  atomicAdd(result, sum);
}

void touch(unsigned bytes) {
  DeviceArray<unsigned> result(std::vector<unsigned>{0});
  touch_all<<<1, 128, bytes>>>(bytes, result.data());
  CUDA_CHECK(cudaGetLastError());
  unsigned wanted = 0;
  for (unsigned i = 0; i < bytes; ++i) wanted += (unsigned char)(i * 7);
  expect_equal("large shared memory", result.to_host(), std::vector<unsigned>{wanted});
}

int main() {
  const int threads = 256, blocks = 9, count = threads * blocks;
  std::vector<int> in(count), wanted(count);
  std::vector<double> wanted_sums(blocks);
  for (int i = 0; i < count; ++i) in[i] = (i * 37) % 1009 - 500;
  for (int i = 0; i < count; ++i) {
    wanted[i] = in[i / threads * threads + threads - 1 - i % threads];
    wanted_sums[i / threads] += in[i];
  }
  DeviceArray<int> device_in(in), out(count);
  DeviceArray<double> sums(blocks);
  reverse_and_sum<<<blocks, threads, threads * (sizeof(int) + sizeof(double))>>>(device_in.data(), out.data(),
                                                                                 sums.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("reversed", out.to_host(), wanted);
  expect_equal("sums", sums.to_host(), wanted_sums);

  int most = 0;
  CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  touch(48 * 1024);
  EXPECT(most > 48 * 1024);
  touch_all<<<1, 32, 64 * 1024>>>(64 * 1024, nullptr);  // more than a launch may have unless the kernel says so
  EXPECT_ERROR(cudaGetLastError(), cudaErrorInvalidValue);
  CUDA_CHECK(cudaFuncSetAttribute(touch_all, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024));
  touch(64 * 1024);
  return pass("dynamic_shared", "checksum=%016llx", checksum(wanted) ^ checksum(wanted_sums));
}
