// Streams run side by side, events order them, and elapsed times never run backwards.
#include "check.h"

__global__ void multiply_add(int* values, int count, int factor, int addend) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = values[i] * factor + addend;
}

// A chain that hops from stream to stream: the result is right only if every event wait holds.
void chain_over_streams() {
  const int streams = 4, count = 4096, steps = 24;
  cudaStream_t stream[streams];
  for (cudaStream_t& one : stream) CUDA_CHECK(cudaStreamCreateWithFlags(&one, cudaStreamNonBlocking));
  std::vector<cudaEvent_t> done(steps);
  for (cudaEvent_t& event : done) CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));

  DeviceArray<int> values(std::vector<int>(count, 1));
  int wanted = 1;
  for (int step = 0; step < steps; ++step) {
    cudaStream_t here = stream[step % streams];
    if (step > 0) CUDA_CHECK(cudaStreamWaitEvent(here, done[step - 1], 0));
    const int factor = step % 3 + 1;
    multiply_add<<<count / 128, 128, 0, here>>>(values.data(), count, factor, step);
    CUDA_CHECK(cudaGetLastError());
    CUDA_CHECK(cudaEventRecord(done[step], here));
    wanted = wanted * factor + step;
  }
  CUDA_CHECK(cudaEventSynchronize(done.back()));
  for (const cudaEvent_t& event : done) CUDA_CHECK(cudaEventQuery(event));
  expect_equal("chain", values.to_host(), std::vector<int>(count, wanted));
  for (cudaEvent_t event : done) CUDA_CHECK(cudaEventDestroy(event));
  for (cudaStream_t one : stream) {
    CUDA_CHECK(cudaStreamQuery(one));
    CUDA_CHECK(cudaStreamDestroy(one));
  }
}

// The legacy default stream waits for blocking streams and they for it.
void default_stream_orders() {
  cudaStream_t blocking;
  CUDA_CHECK(cudaStreamCreate(&blocking));
  const int count = 1 << 15;
  DeviceArray<int> values(std::vector<int>(count, 5));
  multiply_add<<<count / 256, 256, 0, blocking>>>(values.data(), count, 2, 1);
  multiply_add<<<count / 256, 256>>>(values.data(), count, 3, 1);
  multiply_add<<<count / 256, 256, 0, blocking>>>(values.data(), count, 2, 7);
  CUDA_CHECK(cudaStreamSynchronize(blocking));
  expect_equal("default stream", values.to_host(), std::vector<int>(count, ((5 * 2 + 1) * 3 + 1) * 2 + 7));
  CUDA_CHECK(cudaStreamDestroy(blocking));
}

void times_are_monotone() {
  const int marks = 6, count = 1 << 15;
  cudaEvent_t mark[marks];
  for (cudaEvent_t& event : mark) CUDA_CHECK(cudaEventCreate(&event));
  DeviceArray<int> values(std::vector<int>(count, 0));
  for (int i = 0; i < marks; ++i) {
    CUDA_CHECK(cudaEventRecord(mark[i]));
    multiply_add<<<count / 256, 256>>>(values.data(), count, 1, 1);
  }
  CUDA_CHECK(cudaDeviceSynchronize());
  float before = 0;
  for (int i = 1; i < marks; ++i) {
    float since_first = -1, step = -1;
    CUDA_CHECK(cudaEventElapsedTime(&since_first, mark[0], mark[i]));
    CUDA_CHECK(cudaEventElapsedTime(&step, mark[i - 1], mark[i]));
    if (!(step >= 0) || !(since_first >= before)) fail("event times run backwards at mark %d", i);
    before = since_first;
  }
  EXPECT(before > 0);

  cudaEvent_t never;
  CUDA_CHECK(cudaEventCreate(&never));
  float unused;
  EXPECT_ERROR(cudaEventElapsedTime(&unused, mark[0], never), cudaErrorInvalidResourceHandle);
  CUDA_CHECK(cudaEventDestroy(never));
  for (cudaEvent_t event : mark) CUDA_CHECK(cudaEventDestroy(event));
  cudaGetLastError();
}

int main() {
  chain_over_streams();
  default_stream_orders();
  times_are_monotone();
  return pass("streams_events", "streams=4 steps=24");
}
