// Parameters by value: structs of mixed alignment, arrays inside structs, pointers inside structs, many parameters, 4
// KB of them.
#include "check.h"

struct Mixed {
  char letter;
  double ratio;
  short step;
  float3 point;
  unsigned char tail[3];
};

struct alignas(16) Wide {
  long long numbers[4];
  int* target;
};

struct Large {
  int table[1000];
};

__global__ void use_mixed(Mixed mixed, int before, Wide wide, char after, double* result) {
  result[0] = mixed.letter;
  result[1] = mixed.ratio;
  result[2] = mixed.step;
  result[3] = mixed.point.x + mixed.point.y * 10 + mixed.point.z * 100;
  result[4] = mixed.tail[0] + mixed.tail[1] * 256 + mixed.tail[2] * 65536;
  result[5] = before;
  result[6] = after;
  wide.target[0] = (int)(wide.numbers[0] + wide.numbers[3]);
  wide.target[1] = (int)(wide.numbers[1] >> 33) - (int)wide.numbers[2];
}

__global__ void use_large(Large large, int* out) {
  out[threadIdx.x] = large.table[threadIdx.x * 7 % 1000];
}

__global__ void use_many(char a, short b, int c, long long d, float e, double f, unsigned char g, bool h, float2 i,
                         int4 j, unsigned short k, double* result) {
  *result = a + b + c + (double)d + e + f + g + h + i.x + i.y + j.x + j.y + j.z + j.w + k;
}

int main() {
  DeviceArray<double> result(7);
  DeviceArray<int> target(2);
  const Mixed mixed{'g', 0.125, -7, {1, 2, 3}, {4, 5, 6}};
  const Wide wide{{1000, 5ll << 33, 2, 23}, target.data()};
  use_mixed<<<1, 1>>>(mixed, -12345, wide, 'z', result.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("mixed", result.to_host(),
               std::vector<double>{'g', 0.125, -7, 321, 4 + 5 * 256 + 6 * 65536, -12345, 'z'});
  expect_equal("wide", target.to_host(), std::vector<int>{1023, 3});

  Large large{};
  std::vector<int> wanted(256);
  for (int i = 0; i < 1000; ++i) large.table[i] = i * i - 17;
  for (int i = 0; i < 256; ++i) wanted[i] = large.table[i * 7 % 1000];
  DeviceArray<int> out(256);
  use_large<<<1, 256>>>(large, out.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("large", out.to_host(), wanted);

  DeviceArray<double> sum(1);
  use_many<<<1, 1>>>(-1, 200, -3000, 40000000000ll, 0.5f, 0.25, 255, true, {1.5f, 2.5f}, {1, 2, 3, 4}, 65535,
                     sum.data());
  CUDA_CHECK(cudaGetLastError());
  const double expected = -1 + 200 - 3000 + 40000000000.0 + 0.5 + 0.25 + 255 + 1 + 1.5 + 2.5 + 10 + 65535;
  expect_equal("many", sum.to_host(), std::vector<double>{expected});
  return pass("struct_params", "checksum=%016llx", checksum(wanted));
}
