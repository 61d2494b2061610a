// nvcc: -arch=compute_80
// Products of small matrices on tensor cores: nvcuda::wmma in every type and shape, row and column layouts, from global
// and shared memory; and mma.sync where C++ has no way to it.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include "check.h"

namespace wmma = nvcuda::wmma;

// d = a b + c for one tile; `scale` tries that elements of fragments can be changed one by one.
template <int M, int N, int K, class T, class Memory, class Sum, class LayoutA, class LayoutB>
__global__ void one_tile(const Memory* a, const Memory* b, const Sum* c, Sum* d, bool by_rows, float scale) {
  __shared__ alignas(32) Memory staged[M * K];
  for (int i = threadIdx.x; i < M * K; i += 32) staged[i] = a[i];
  __syncwarp();
  wmma::fragment<wmma::matrix_a, M, N, K, T, LayoutA> fa;
  wmma::fragment<wmma::matrix_b, M, N, K, T, LayoutB> fb;
  wmma::fragment<wmma::accumulator, M, N, K, Sum> sum;
  constexpr bool a_rows = std::is_same<LayoutA, wmma::row_major>::value;
  constexpr bool b_rows = std::is_same<LayoutB, wmma::row_major>::value;
  wmma::load_matrix_sync(fa, staged, a_rows ? K : M);
  wmma::load_matrix_sync(fb, b, b_rows ? N : K);
  wmma::load_matrix_sync(sum, c, by_rows ? N : M, by_rows ? wmma::mem_row_major : wmma::mem_col_major);
  for (int i = 0; i < sum.num_elements; ++i) sum.x[i] = (Sum)((float)sum.x[i] * scale);
  wmma::mma_sync(sum, fa, fb, sum);
  wmma::store_matrix_sync(d, sum, by_rows ? N : M, by_rows ? wmma::mem_row_major : wmma::mem_col_major);
}

template <int M, int N, int K, class T, class Memory, class Sum, class LayoutA, class LayoutB>
void check_tile(const char* what, bool by_rows, double tolerance) {
  constexpr bool a_rows = std::is_same<LayoutA, wmma::row_major>::value;
  constexpr bool b_rows = std::is_same<LayoutB, wmma::row_major>::value;
  const std::vector<uint32_t> words = random_words(M * K + K * N + M * N, 5 + M + (int)sizeof(Memory));
  std::vector<Memory> a(M * K), b(K * N);
  std::vector<Sum> c(M * N);
  std::vector<double> wanted(M * N);
  // Eighths between -2 and 2, or small whole numbers: exact in every type here.
  const int least = std::is_unsigned<Memory>::value ? 0 : -16;
  auto number = [&](int i) { return (int)(words[i] % 33) + least; };
  constexpr bool whole = std::is_same<Sum, int>::value;
  const double unit = whole ? 1 : 0.125;
  for (int i = 0; i < M * K; ++i) a[i] = (Memory)(float)(number(i) * unit);
  for (int i = 0; i < K * N; ++i) b[i] = (Memory)(float)(number(M * K + i) * unit);
  for (int i = 0; i < M * N; ++i) c[i] = (Sum)(float)(number(M * K + K * N + i) * unit);
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) {
      const int at = by_rows ? i * N + j : j * M + i;
      double sum = 2 * (double)(float)c[at];
      for (int k = 0; k < K; ++k)
        sum += (double)(float)a[a_rows ? i * K + k : k * M + i] * (double)(float)b[b_rows ? k * N + j : j * K + k];
      wanted[at] = sum;
    }
  DeviceArray<Memory> da(a), db(b);
  DeviceArray<Sum> dc(c), dd(M * N);
  one_tile<M, N, K, T, Memory, Sum, LayoutA, LayoutB>
      <<<1, 32>>>(da.data(), db.data(), dc.data(), dd.data(), by_rows, 2.0f);
  CUDA_CHECK(cudaGetLastError());
  std::vector<float> got;
  for (Sum value : dd.to_host()) got.push_back((float)value);
  expect_near(what, got, wanted, tolerance, 1);
}

using Row = wmma::row_major;
using Column = wmma::col_major;

template <class T, class Memory, class Sum>
void check_shapes(const char* what, double tolerance) {
  check_tile<16, 16, 16, T, Memory, Sum, Row, Column>(what, true, tolerance);
  check_tile<16, 16, 16, T, Memory, Sum, Column, Row>(what, false, tolerance);
  check_tile<8, 32, 16, T, Memory, Sum, Row, Row>(what, false, tolerance);
  check_tile<32, 8, 16, T, Memory, Sum, Column, Column>(what, true, tolerance);
}

// One mma.sync of 16 x 8 x K: fragments are gathered from memory as the manual lays them out.
__global__ void f64_product(const double* a, const double* b, double* d) {
  const int group = threadIdx.x / 4, place = threadIdx.x % 4;
  double d0, d1;
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%4, %5};"
      : "=d"(d0), "=d"(d1)
      : "d"(a[group * 4 + place]), "d"(b[place * 8 + group]), "d"(0.0), "d"(1.0));
  d[group * 8 + 2 * place] = d0;
  d[group * 8 + 2 * place + 1] = d1 - 1.0;
}

__global__ void s8_product(const uint32_t* a, const uint32_t* b, int* d) {  // b by columns, both four bytes a word
  const int group = threadIdx.x / 4, place = threadIdx.x % 4;
  uint32_t ra[4], rb[2];
  int sums[4];
  for (int r = 0; r < 4; ++r) ra[r] = a[(group + 8 * (r & 1)) * 8 + place + 4 * (r >> 1)];
  for (int r = 0; r < 2; ++r) rb[r] = b[group * 8 + place + 4 * r];
  asm("mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%10, %11, %12, %13};"
      : "=r"(sums[0]), "=r"(sums[1]), "=r"(sums[2]), "=r"(sums[3])
      : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]), "r"(0), "r"(0), "r"(0),
        "r"(0x7fffffff));
  for (int r = 0; r < 4; ++r) d[(group + 8 * (r >> 1)) * 8 + 2 * place + (r & 1)] = sums[r];
}

// f16 sums, and operands that ldmatrix brings from shared memory.
__global__ void f16_product(const __half* a, const __half* b, __half* d) {
  __shared__ alignas(16) __half tile_a[16 * 16], tile_b[16 * 8];
  for (int i = threadIdx.x; i < 256; i += 32) tile_a[i] = a[i];
  for (int i = threadIdx.x; i < 128; i += 32) tile_b[i] = b[i];
  __syncwarp();
  const int lane = threadIdx.x;
  uint32_t ra[4], rb[2], sums[2];
  const auto at_a = (uint32_t)__cvta_generic_to_shared(&tile_a[(lane % 16) * 16 + lane / 16 * 8]);
  const auto at_b = (uint32_t)__cvta_generic_to_shared(&tile_b[(lane % 16) * 8]);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3])
               : "r"(at_a));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(rb[0]), "=r"(rb[1]) : "r"(at_b));
  asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%8, %8};"
      : "=r"(sums[0]), "=r"(sums[1])
      : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]), "r"(0));
  for (int r = 0; r < 2; ++r) memcpy(&d[(lane / 4 + 8 * r) * 8 + 2 * (lane % 4)], &sums[r], sizeof(uint32_t));
}

int main() {
  check_shapes<__half, __half, float>("f16 to f32", 0);
  check_shapes<__half, __half, __half>("f16 to f16", 0);
  check_shapes<__nv_bfloat16, __nv_bfloat16, float>("bf16 to f32", 0);
  check_shapes<signed char, signed char, int>("s8 to s32", 0);
  check_shapes<unsigned char, unsigned char, int>("u8 to s32", 0);
  check_tile<16, 16, 8, wmma::precision::tf32, float, float, Row, Column>("tf32", true, 0);
  check_tile<16, 16, 8, wmma::precision::tf32, float, float, Column, Row>("tf32", false, 0);
  check_tile<8, 8, 4, double, double, double, Row, Column>("f64", true, 0);

  const std::vector<uint32_t> words = random_words(512, 9);
  std::vector<double> a64(32), b64(32), d64(64);
  for (int i = 0; i < 32; ++i) a64[i] = (int)words[i] * 0x1p-30, b64[i] = (int)words[32 + i] * 0x1p-30;
  for (int i = 0; i < 64; ++i)
    for (int k = 0; k < 4; ++k) d64[i] += a64[i / 8 * 4 + k] * b64[k * 8 + i % 8];
  DeviceArray<double> da64(a64), db64(b64), dd64(64);
  f64_product<<<1, 32>>>(da64.data(), db64.data(), dd64.data());
  CUDA_CHECK(cudaGetLastError());
  expect_near("mma f64", dd64.to_host(), d64, 1e-14, 1);

  std::vector<uint32_t> a8(words.begin(), words.begin() + 128), b8(words.begin() + 128, words.begin() + 192);
  std::vector<int> d8(128);
  auto byte = [](const std::vector<uint32_t>& from, int line, int k) {
    return (int)(int8_t)(from[line * 8 + k / 4] >> 8 * (k % 4));
  };
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      long long sum = i >= 8 && j % 2 ? 0x7fffffff : 0;  // the fourth register of C
      for (int k = 0; k < 32; ++k) sum += byte(a8, i, k) * byte(b8, j, k);
      d8[i * 8 + j] = (int)(sum > 0x7fffffff ? 0x7fffffff : sum);
    }
  DeviceArray<uint32_t> da8(a8), db8(b8);
  DeviceArray<int> dd8(128);
  s8_product<<<1, 32>>>(da8.data(), db8.data(), dd8.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("mma s8, saturated", dd8.to_host(), d8);

  std::vector<__half> a16(256), b16(128);
  std::vector<double> d16(128);
  for (int i = 0; i < 256; ++i) a16[i] = (float)((int)(words[i] % 17) - 8) * 0.25f;
  for (int i = 0; i < 128; ++i) b16[i] = (float)((int)(words[256 + i] % 17) - 8) * 0.25f;
  for (int i = 0; i < 128; ++i)
    for (int k = 0; k < 16; ++k) d16[i] += (double)(float)a16[i / 8 * 16 + k] * (double)(float)b16[k * 8 + i % 8];
  DeviceArray<__half> da16(a16), db16(b16), dd16(128);
  f16_product<<<1, 32>>>(da16.data(), db16.data(), dd16.data());
  CUDA_CHECK(cudaGetLastError());
  std::vector<float> got16;
  for (__half value : dd16.to_host()) got16.push_back(value);
  expect_near("mma f16 with ldmatrix", got16, d16, 0, 1);
  return pass("tensor_cores", "checksum=%016llx", checksum(dd64.to_host()) ^ checksum(d8));
}
