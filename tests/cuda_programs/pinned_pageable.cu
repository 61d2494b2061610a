// Copies both ways from pageable and from pinned memory, blocking and not, from one byte to 64 MB, in one and two
// dimensions.
#include <cstring>

#include "check.h"

constexpr size_t kLargest = size_t{64} << 20;

__global__ void invert(unsigned char* bytes, size_t count) {
  for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x)
    bytes[i] = (unsigned char)~bytes[i];
}

void fill(unsigned char* bytes, size_t count, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes[i] = (unsigned char)(state >> 24);
  }
}

void expect_same(const char* what, size_t bytes, const unsigned char* got, const unsigned char* wanted, int flip) {
  for (size_t i = 0; i < bytes; ++i)
    if (got[i] != (unsigned char)(wanted[i] ^ flip))
      fail("%s, %zu bytes: first difference at %zu: expected %d, got %d", what, bytes, i, wanted[i] ^ flip, got[i]);
}

struct Buffers {
  unsigned char *pageable, *pinned, *back_pageable, *back_pinned, *device;
};

void round_trips(const Buffers& at, size_t bytes, bool with_kernel) {
  cudaStream_t stream;
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  struct Way {
    const char* name;
    unsigned char *from, *to;
    bool async;
  };
  const Way ways[] = {{"pageable to pageable", at.pageable, at.back_pageable, false},
                      {"pinned to pinned", at.pinned, at.back_pinned, false},
                      {"pageable to pinned, asynchronous", at.pageable, at.back_pinned, true},
                      {"pinned to pageable, asynchronous", at.pinned, at.back_pageable, true},
                      {"pinned to pinned, asynchronous", at.pinned, at.back_pinned, true}};
  for (const Way& way : ways) {
    std::memset(way.to, 0x5a, bytes);
    const int flip = with_kernel ? 0xff : 0;
    if (way.async) {
      CUDA_CHECK(cudaMemcpyAsync(at.device, way.from, bytes, cudaMemcpyHostToDevice, stream));
      if (with_kernel) invert<<<16, 128, 0, stream>>>(at.device, bytes);
      CUDA_CHECK(cudaMemcpyAsync(way.to, at.device, bytes, cudaMemcpyDeviceToHost, stream));
      CUDA_CHECK(cudaStreamSynchronize(stream));
    } else {
      CUDA_CHECK(cudaMemcpy(at.device, way.from, bytes, cudaMemcpyHostToDevice));
      if (with_kernel) invert<<<16, 128>>>(at.device, bytes);
      CUDA_CHECK(cudaMemcpy(way.to, at.device, bytes, cudaMemcpyDeviceToHost));
    }
    expect_same(way.name, bytes, way.to, way.from, flip);
  }
  CUDA_CHECK(cudaStreamDestroy(stream));
}

// A pageable source may be changed as soon as the asynchronous copy has returned.
void pageable_source_is_read_before_return(const Buffers& at) {
  const size_t bytes = 3 << 20;
  fill(at.pinned, bytes, 99);
  std::memcpy(at.pageable, at.pinned, bytes);
  CUDA_CHECK(cudaMemcpyAsync(at.device, at.pageable, bytes, cudaMemcpyHostToDevice, 0));
  std::memset(at.pageable, 0, bytes);
  CUDA_CHECK(cudaMemcpy(at.back_pageable, at.device, bytes, cudaMemcpyDeviceToHost));
  expect_same("changed source", bytes, at.back_pageable, at.pinned, 0);
}

void two_dimensions(const Buffers& at) {
  const size_t width = 1000, rows = 77, host_pitch = 1024;
  size_t device_pitch = 0;
  unsigned char *first, *second;
  CUDA_CHECK(cudaMallocPitch(&first, &device_pitch, width, rows));
  EXPECT(device_pitch >= width);
  CUDA_CHECK(cudaMallocPitch(&second, &device_pitch, width, rows));
  for (unsigned char* from : {at.pageable, at.pinned}) {
    fill(from, host_pitch * rows, 5);
    std::memset(at.back_pageable, 0xee, host_pitch * rows);
    CUDA_CHECK(cudaMemcpy2D(first, device_pitch, from, host_pitch, width, rows, cudaMemcpyHostToDevice));
    CUDA_CHECK(cudaMemcpy2D(second, device_pitch, first, device_pitch, width, rows, cudaMemcpyDeviceToDevice));
    CUDA_CHECK(cudaMemset2D(second, device_pitch, 0x11, 10, rows));
    CUDA_CHECK(cudaMemcpy2D(at.back_pageable, host_pitch, second, device_pitch, width, rows, cudaMemcpyDeviceToHost));
    for (size_t row = 0; row < rows; ++row) {
      for (size_t column = 0; column < host_pitch; ++column) {
        const size_t i = row * host_pitch + column;
        const unsigned char wanted = column < 10 ? 0x11 : column < width ? from[i] : 0xee;
        if (at.back_pageable[i] != wanted)
          fail("2D copy: row %zu column %zu: expected %d, got %d", row, column, wanted, at.back_pageable[i]);
      }
    }
  }
  CUDA_CHECK(cudaFree(first));
  CUDA_CHECK(cudaFree(second));
}

void inside_the_device(const Buffers& at) {
  const size_t bytes = 100001;
  fill(at.pageable, bytes, 21);
  CUDA_CHECK(cudaMemcpy(at.device, at.pageable, bytes, cudaMemcpyHostToDevice));
  CUDA_CHECK(cudaMemcpy(at.device + 200000, at.device, bytes, cudaMemcpyDeviceToDevice));
  CUDA_CHECK(cudaMemset(at.device, 0, bytes));
  CUDA_CHECK(cudaMemcpy(at.back_pinned, at.device + 200000, bytes,
                        cudaMemcpyDefault));  // the driver knows which side is which
  expect_same("device to device", bytes, at.back_pinned, at.pageable, 0);
}

int main() {
  Buffers at{};
  at.pageable = static_cast<unsigned char*>(std::malloc(kLargest));
  at.back_pageable = static_cast<unsigned char*>(std::malloc(kLargest));
  CUDA_CHECK(cudaMallocHost(&at.pinned, kLargest));
  CUDA_CHECK(cudaHostAlloc(&at.back_pinned, kLargest, cudaHostAllocDefault));
  CUDA_CHECK(cudaMalloc(&at.device, kLargest));
  fill(at.pageable, kLargest, 1);
  fill(at.pinned, kLargest, 2);

  const size_t sizes[] = {1, 2, 3, 255, 4095, 4096, 4097, 65535, 65536, 65537, 1048576, 2097153, kLargest};
  for (size_t bytes : sizes) round_trips(at, bytes, bytes <= 65537);
  pageable_source_is_read_before_return(at);
  two_dimensions(at);
  inside_the_device(at);
  CUDA_CHECK(cudaMemcpy(at.device, at.pageable, 0, cudaMemcpyHostToDevice));

  CUDA_CHECK(cudaFree(at.device));
  CUDA_CHECK(cudaFreeHost(at.pinned));
  CUDA_CHECK(cudaFreeHost(at.back_pinned));
  std::free(at.pageable);
  std::free(at.back_pageable);
  return pass("pinned_pageable", "sizes=%zu largest=%zu", sizeof(sizes) / sizeof(sizes[0]), kLargest);
}
