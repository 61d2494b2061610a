// What kernels print: every conversion, at each of CUDA's points of synchronisation, and more than there is room for.
#include <cuda_runtime.h>

#include "../check.h"

__global__ void conversions() {
  printf("%d %i %u %o %x %X %c %%\n", -7, 8, 9u, 8, 255, 255, 'k');
  printf("%ld %lld %llu %lx\n", -1234567890123L, -5LL, 18446744073709551615ULL, 0xdeadbeefcafeL);
  printf("%f %.2f %e %g|%10.3f|%-8.1f|%+d\n", 1.5, 2.375, 12345.678, 0.0001, 3.14159, 2.5, 5);
  printf("%s|%8s|%-8s|%.3s\n", "text", "right", "left", "cut off");
  printf("%5d|%-5d|%05d|%*d\n", 42, 42, 42, 6, 42);
  printf("no arguments\n");
}

__global__ void many(int turn) {
  printf("turn %d thread %d\n", turn, (int)(blockIdx.x * blockDim.x + threadIdx.x));
}

__global__ void fill(int turn) {
  printf("filler %d %04d\n", turn, (int)threadIdx.x);
}

int main() {
  conversions<<<1, 1>>>();
  CUDA_CHECK(cudaDeviceSynchronize());
  std::printf("after conversions\n");

  cudaStream_t stream;
  CUDA_CHECK(cudaStreamCreate(&stream));
  cudaEvent_t event;
  CUDA_CHECK(cudaEventCreate(&event));
  DeviceArray<int> word(1);
  int value = 0;
  for (int turn = 0; turn < 3; ++turn) {
    many<<<2, 64, 0, stream>>>(turn);
    CUDA_CHECK(cudaEventRecord(event, stream));
    if (turn == 0) CUDA_CHECK(cudaStreamSynchronize(stream));
    if (turn == 1) CUDA_CHECK(cudaEventSynchronize(event));
    if (turn == 2) CUDA_CHECK(cudaMemcpy(&value, word.data(), sizeof value, cudaMemcpyDeviceToHost));
    std::printf("after turn %d\n", turn);
  }

  size_t room = 0;
  CUDA_CHECK(cudaDeviceGetLimit(&room, cudaLimitPrintfFifoSize));
  EXPECT(room >= (1u << 20));
  CUDA_CHECK(cudaDeviceSetLimit(cudaLimitPrintfFifoSize, 4096));
  for (int turn = 0; turn < 4; ++turn) fill<<<1, 1024>>>(turn);
  CUDA_CHECK(cudaDeviceSynchronize());
  return pass("device_printf", "prints");
}
