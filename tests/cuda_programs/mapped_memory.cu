// Host memory that kernels use: mapped, plain pinned through unified addressing, and registered; seen by both sides at
// points of synchronisation. What is asked about such memory, and what is refused.
#include <cstring>

#include "check.h"

struct Job {
  const uint32_t* in;
  uint32_t* out;
  uint32_t count, factor;
};

// The pointers come inside a struct.
__global__ void scale(Job job) {
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < job.count; i += gridDim.x * blockDim.x)
    job.out[i] = job.in[i] * job.factor;
}

__global__ void count_even(const uint32_t* in, uint32_t count, uint32_t* result) {
  for (uint32_t i = threadIdx.x; i < count; i += blockDim.x)
    if (in[i] % 2 == 0) atomicAdd(result, 1u);
}

// A flag and a result in a few bytes of mapped memory, used over and over, as libraries do.
void flags_and_results() {
  uint32_t *host, *device;
  CUDA_CHECK(cudaHostAlloc(&host, 4, cudaHostAllocMapped));
  CUDA_CHECK(cudaHostGetDevicePointer(&device, host, 0));
  const std::vector<uint32_t> words = random_words(1000, 3);
  DeviceArray<uint32_t> in(words);
  uint32_t even = 0;
  for (uint32_t word : words) even += word % 2 == 0;
  for (uint32_t start = 0; start < 5; ++start) {
    *host = start * 10;
    count_even<<<1, 128>>>(in.data(), (uint32_t)in.count(), device);
    CUDA_CHECK(cudaDeviceSynchronize());
    EXPECT(*host == start * 10 + even);
  }
  CUDA_CHECK(cudaFreeHost(host));
}

void arrays(const char* what, uint32_t* in, uint32_t* out, uint32_t count) {
  const std::vector<uint32_t> words = random_words(count, 11);
  std::memcpy(in, words.data(), count * 4);
  cudaStream_t stream;
  cudaEvent_t event;
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  for (uint32_t factor = 2; factor < 5; ++factor) {
    in[count / 2] = factor;  // one word changes between the launches
    scale<<<8, 128, 0, stream>>>({in, out, count - 1, factor});
    CUDA_CHECK(cudaEventRecord(event, stream));
    out[count - 1] = 42 + factor;  // beside what the kernel writes
    CUDA_CHECK(cudaEventSynchronize(event));
    for (uint32_t i = 0; i + 1 < count; ++i)
      if (out[i] != in[i] * factor) fail("%s: index %u: expected %u, got %u", what, i, in[i] * factor, out[i]);
    EXPECT(out[count - 1] == 42 + factor);
  }
  CUDA_CHECK(cudaEventDestroy(event));
  CUDA_CHECK(cudaStreamDestroy(stream));
}

void questions(void* pinned, void* registered) {
  unsigned flags = 0;
  CUDA_CHECK(cudaHostGetFlags(&flags, pinned));
  EXPECT(flags & cudaHostAllocMapped);
  for (void* host : {pinned, registered}) {
    cudaPointerAttributes attributes{};
    CUDA_CHECK(cudaPointerGetAttributes(&attributes, host));
    EXPECT(attributes.type == cudaMemoryTypeHost);
    EXPECT(attributes.hostPointer == host);
    void* device = nullptr;
    CUDA_CHECK(cudaHostGetDevicePointer(&device, host, 0));
    EXPECT(attributes.devicePointer == device || host == registered);
  }
  EXPECT_ERROR(cudaHostRegister(registered, 4096, 0), cudaErrorHostMemoryAlreadyRegistered);
  EXPECT_ERROR(cudaHostUnregister(pinned), cudaErrorInvalidValue);
  int local = 0;
  void* device = nullptr;
  EXPECT_ERROR(cudaHostGetDevicePointer(&device, &local, 0), cudaErrorInvalidValue);
  EXPECT_ERROR(cudaFreeHost(registered), cudaErrorInvalidValue);
}

int main() {
  cudaDeviceProp properties{};
  CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
  EXPECT(properties.canMapHostMemory && properties.unifiedAddressing);
  constexpr uint32_t kCount = 200000;
  constexpr size_t kBytes = (kCount * 4 + 4095) / 4096 * 4096;

  flags_and_results();

  uint32_t *in, *out, *device_in, *device_out;
  CUDA_CHECK(cudaHostAlloc(&in, kBytes, cudaHostAllocMapped | cudaHostAllocWriteCombined));
  CUDA_CHECK(cudaMallocHost(&out, kBytes));
  arrays("pinned", in, out, kCount);

  auto* ours = static_cast<uint32_t*>(std::aligned_alloc(4096, kBytes));
  auto* theirs = static_cast<uint32_t*>(std::aligned_alloc(4096, kBytes));
  std::memset(theirs, 0, kBytes);
  CUDA_CHECK(cudaHostRegister(ours, kBytes, cudaHostRegisterMapped));
  CUDA_CHECK(cudaHostRegister(theirs, kBytes, cudaHostRegisterMapped));
  CUDA_CHECK(cudaHostGetDevicePointer(&device_in, ours, 0));
  CUDA_CHECK(cudaHostGetDevicePointer(&device_out, theirs, 0));
  if (device_in == ours && device_out == theirs) arrays("registered", ours, theirs, kCount);
  questions(out, ours);
  CUDA_CHECK(cudaHostUnregister(ours));
  EXPECT_ERROR(cudaHostUnregister(ours), cudaErrorHostMemoryNotRegistered);
  CUDA_CHECK(cudaHostUnregister(theirs));
  CUDA_CHECK(cudaFreeHost(in));
  CUDA_CHECK(cudaFreeHost(out));
  std::free(ours);
  std::free(theirs);
  return pass("mapped_memory", "count=%u", kCount);
}
