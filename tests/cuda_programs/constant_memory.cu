// Module globals: __constant__ and __device__ variables, with initial values, written and read through their symbols.
#include "check.h"

__constant__ float coefficients[8] = {1, 2, 3, 4, 5, 6, 7, 8};
__constant__ short small_table[5] = {-3, -1, 0, 1, 3};
__device__ int counter = 40;
__device__ double scale = 0.25;

__global__ void polynomial(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = 0;
  for (int k = 7; k >= 0; --k) sum = __fadd_rn(__fmul_rn(sum, x[i]), coefficients[k]);
  y[i] = sum + small_table[i % 5];
  if (i % 2) atomicAdd(&counter, 1);
}

__global__ void read_scale(double* result) {
  *result = scale * 2;
}

std::vector<float> expected(const std::vector<float>& x, const float* table) {
  const float small[5] = {-3, -1, 0, 1, 3};
  std::vector<float> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    volatile float sum = 0;  // volatile: the CPU's compiler must not fuse the multiplication into the addition
    for (int k = 7; k >= 0; --k) {
      volatile float product = sum * x[i];
      sum = product + table[k];
    }
    y[i] = sum + small[i % 5];
  }
  return y;
}

int main() {
  const int count = 1001;
  const std::vector<float> x = random_floats(count, 5, -2, 2);
  DeviceArray<float> device_x(x), device_y(count);
  const float initial[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  polynomial<<<(count + 127) / 128, 128>>>(device_x.data(), device_y.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal("with initial values", device_y.to_host(), expected(x, initial));

  const float changed[8] = {0.5f, -1, 0.25f, 3, -2, 1, 0.125f, -0.75f};
  CUDA_CHECK(cudaMemcpyToSymbol(coefficients, changed, sizeof(changed)));
  polynomial<<<(count + 127) / 128, 128>>>(device_x.data(), device_y.data(), count);
  CUDA_CHECK(cudaGetLastError());
  const std::vector<float> wanted = expected(x, changed);
  expect_equal("after cudaMemcpyToSymbol", device_y.to_host(), wanted);

  float back[8] = {};
  CUDA_CHECK(cudaMemcpyFromSymbol(back, coefficients, sizeof(back)));
  for (int k = 0; k < 8; ++k) EXPECT(back[k] == changed[k]);
  const float third = 9;
  CUDA_CHECK(cudaMemcpyToSymbol(coefficients, &third, sizeof(third), 2 * sizeof(float)));
  CUDA_CHECK(cudaMemcpyFromSymbol(back, coefficients, sizeof(back)));
  EXPECT(back[1] == changed[1] && back[2] == 9 && back[3] == changed[3]);

  int counted = 0;
  CUDA_CHECK(cudaMemcpyFromSymbol(&counted, counter, sizeof(counted)));
  EXPECT(counted == 40 + 2 * (count / 2));

  void* address = nullptr;
  size_t bytes = 0;
  CUDA_CHECK(cudaGetSymbolAddress(&address, scale));
  CUDA_CHECK(cudaGetSymbolSize(&bytes, scale));
  EXPECT(address != nullptr && bytes == sizeof(double));
  const double new_scale = 1.5;
  CUDA_CHECK(cudaMemcpy(address, &new_scale, sizeof(new_scale), cudaMemcpyHostToDevice));
  DeviceArray<double> doubled(1);
  read_scale<<<1, 1>>>(doubled.data());
  EXPECT(doubled.to_host()[0] == 3.0);
  return pass("constant_memory", "checksum=%016llx", checksum(wanted));
}
