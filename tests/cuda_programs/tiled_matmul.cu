// Shared memory and barriers: C = A B by tiles, with sizes that do not divide by the tile.
#include "check.h"

constexpr int kTile = 16;

__global__ void matmul(const float* a, const float* b, float* c, int rows, int inner, int columns) {
  __shared__ float tile_a[kTile][kTile];
  __shared__ float tile_b[kTile][kTile + 1];
  const int row = blockIdx.y * kTile + threadIdx.y;
  const int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int start = 0; start < inner; start += kTile) {
    const int inner_a = start + threadIdx.x;
    const int inner_b = start + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] = row < rows && inner_a < inner ? a[row * inner + inner_a] : 0.0f;
    tile_b[threadIdx.y][threadIdx.x] = inner_b < inner && column < columns ? b[inner_b * columns + column] : 0.0f;
    __syncthreads();
    for (int k = 0; k < kTile; ++k) sum += tile_a[threadIdx.y][k] * tile_b[k][threadIdx.x];
    __syncthreads();
  }
  if (row < rows && column < columns) c[row * columns + column] = sum;
}

int main() {
  const int rows = 201, inner = 149, columns = 173;
  const std::vector<float> a = random_floats(rows * inner, 1, -1, 1);
  const std::vector<float> b = random_floats(inner * columns, 2, -1, 1);
  std::vector<double> wanted(rows * columns);
  for (int i = 0; i < rows; ++i)
    for (int k = 0; k < inner; ++k)
      for (int j = 0; j < columns; ++j) wanted[i * columns + j] += (double)a[i * inner + k] * b[k * columns + j];

  DeviceArray<float> device_a(a), device_b(b), device_c((size_t)rows * columns);
  const dim3 grid((columns + kTile - 1) / kTile, (rows + kTile - 1) / kTile);
  matmul<<<grid, dim3(kTile, kTile)>>>(device_a.data(), device_b.data(), device_c.data(), rows, inner, columns);
  CUDA_CHECK(cudaGetLastError());
  const std::vector<float> got = device_c.to_host();
  expect_near("C", got, wanted, 1e-5, 1.0);
  return pass("tiled_matmul", "%dx%dx%d checksum=%016llx", rows, inner, columns, checksum(got));
}
