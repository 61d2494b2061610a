// The smallest whole path: copy in, launch, copy out; sizes around the edges of a block, three types, a grid-stride
// loop.
#include "check.h"

template <class T>
__global__ void add(const T* a, const T* b, T* sum, size_t count) {
  const size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
  if (i < count) sum[i] = a[i] + b[i];
}

template <class T>
__global__ void add_strided(const T* a, const T* b, T* sum, size_t count) {
  for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x)
    sum[i] = a[i] + b[i];
}

template <class T>
unsigned long long add_and_compare(const char* type, size_t count) {
  const std::vector<uint32_t> words = random_words(2 * count, 7);
  std::vector<T> a(count), b(count), wanted(count);
  for (size_t i = 0; i < count; ++i) {
    a[i] = (T)(words[2 * i] % 1000003) / (T)3;
    b[i] = (T)(words[2 * i + 1] % 1000003) / (T)7;
    wanted[i] = a[i] + b[i];
  }
  DeviceArray<T> device_a(a), device_b(b), sum(count);
  add<<<(unsigned)((count + 255) / 256), 256>>>(device_a.data(), device_b.data(), sum.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal(type, sum.to_host(), wanted);

  CUDA_CHECK(cudaMemset(sum.data(), 0xff, count * sizeof(T)));
  add_strided<<<3, 96>>>(device_a.data(), device_b.data(), sum.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal(type, sum.to_host(), wanted);
  return checksum(wanted);
}

int main() {
  unsigned long long sum = 0;
  for (size_t count : {1, 31, 32, 33, 255, 256, 257, 100003}) {
    sum ^= add_and_compare<float>("float", count);
    sum ^= add_and_compare<double>("double", count);
    sum ^= add_and_compare<int>("int", count);
  }
  return pass("vector_add", "checksum=%016llx", sum);
}
