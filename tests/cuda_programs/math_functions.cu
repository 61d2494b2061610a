// The mathematics library inside kernels against the CPU's, and the integer intrinsics.
#include "check.h"

enum { kFunctions = 22 };

template <class T>
__host__ __device__ void evaluate(T x, T* y) {  // x in (0.01, 4)
  y[0] = sin(x);
  y[1] = cos(x);
  y[2] = tan(x * (T)0.3);
  y[3] = exp(x);
  y[4] = exp2(x);
  y[5] = log(x);
  y[6] = log2(x);
  y[7] = log10(x);
  y[8] = log1p(x);
  y[9] = expm1(x);
  y[10] = pow(x, (T)2.7);
  y[11] = sqrt(x);
  y[12] = cbrt(x);
  y[13] = tanh(x);
  y[14] = erf(x);
  y[15] = atan(x);
  y[16] = asin(x * (T)0.24);
  y[17] = sinh(x);
  y[18] = tgamma(x);
  y[19] = fmod((T)10, x);
  y[20] = hypot(x, (T)1.5);
  y[21] = (T)1 / x;
}

template <class T>
__global__ void functions(const T* x, T* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) evaluate(x[i], y + i * kFunctions);
}

__global__ void rounding(const float* x, int* out, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  out[4 * i] = __float2int_rn(x[i]);
  out[4 * i + 1] = __float2int_rz(x[i]);
  out[4 * i + 2] = (int)floorf(x[i]);
  out[4 * i + 3] = (int)ceilf(x[i]);
}

__global__ void integers(const unsigned* x, unsigned* out, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const unsigned a = x[i], b = x[(i + 1) % count];
  out[8 * i] = __popc(a);
  out[8 * i + 1] = __clz(a);
  out[8 * i + 2] = __brev(a);
  out[8 * i + 3] = __ffs(a);
  out[8 * i + 4] = __umulhi(a, b);
  out[8 * i + 5] = __byte_perm(a, b, 0x5140);
  out[8 * i + 6] = a / (b | 1) + a % (b | 1);
  out[8 * i + 7] = __funnelshift_l(a, b, 11);
}

template <class T>
unsigned long long compare_functions(const char* type, double relative) {
  const int count = 500;
  const std::vector<float> numbers = random_floats(count, 17, 0.01f, 4.0f);
  const std::vector<T> x(numbers.begin(), numbers.end());
  std::vector<T> wanted(count * kFunctions);
  for (int i = 0; i < count; ++i) evaluate(x[i], wanted.data() + i * kFunctions);
  DeviceArray<T> device_x(x), device_y(wanted.size());
  functions<<<(count + 63) / 64, 64>>>(device_x.data(), device_y.data(), count);
  CUDA_CHECK(cudaGetLastError());
  const std::vector<T> got = device_y.to_host();
  // fmod jumps where x divides 10 nearly; it is exact, so it is compared exactly, the rest to a few units in the last
  // place.
  for (int i = 0; i < count; ++i) {
    for (int f = 0; f < kFunctions; ++f) {
      const double expected = wanted[i * kFunctions + f], actual = got[i * kFunctions + f];
      const double bound = f == 19 ? 0 : relative * std::fmax(std::fabs(expected), 0.05);
      if (!(std::fabs(expected - actual) <= bound))
        fail("%s function %d of %.9g: expected %.17g, got %.17g", type, f, (double)x[i], expected, actual);
    }
  }
  return checksum(got);
}

int main() {
  unsigned long long sum = compare_functions<float>("float", 2e-6);
  sum ^= compare_functions<double>("double", 6e-15);

  const int count = 300;
  std::vector<float> x = random_floats(count, 23, -1000, 1000);
  x[0] = 0.5f, x[1] = 1.5f, x[2] = -2.5f, x[3] = -0.0f, x[4] = 7;
  std::vector<int> wanted(4 * count);
  for (int i = 0; i < count; ++i) {
    wanted[4 * i] = (int)std::nearbyint(x[i]);
    wanted[4 * i + 1] = (int)x[i];
    wanted[4 * i + 2] = (int)std::floor(x[i]);
    wanted[4 * i + 3] = (int)std::ceil(x[i]);
  }
  DeviceArray<float> device_x(x);
  DeviceArray<int> rounded(4 * count);
  rounding<<<3, 128>>>(device_x.data(), rounded.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal("rounding", rounded.to_host(), wanted);

  std::vector<uint32_t> words = random_words(count, 29);
  words[0] = 0, words[1] = 1, words[2] = 0x80000000u, words[3] = ~0u;
  std::vector<unsigned> expected(8 * count);
  for (int i = 0; i < count; ++i) {
    const unsigned a = words[i], b = words[(i + 1) % count];
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; ++bit) reversed |= (a >> bit & 1) << (31 - bit);
    const unsigned char bytes[8] = {(unsigned char)a,         (unsigned char)(a >> 8), (unsigned char)(a >> 16),
                                    (unsigned char)(a >> 24), (unsigned char)b,        (unsigned char)(b >> 8),
                                    (unsigned char)(b >> 16), (unsigned char)(b >> 24)};
    unsigned* out = expected.data() + 8 * i;
    out[0] = __builtin_popcount(a);
    out[1] = a ? __builtin_clz(a) : 32;
    out[2] = reversed;
    out[3] = __builtin_ffs((int)a);
    out[4] = (unsigned)((unsigned long long)a * b >> 32);
    out[5] = bytes[0] | bytes[4] << 8 | bytes[1] << 16 | (unsigned)bytes[5] << 24;
    out[6] = a / (b | 1) + a % (b | 1);
    out[7] = b << 11 | a >> 21;
  }
  DeviceArray<unsigned> device_words(words), device_out(8 * count);
  integers<<<3, 128>>>(device_words.data(), device_out.data(), count);
  CUDA_CHECK(cudaGetLastError());
  expect_equal("integers", device_out.to_host(), expected);
  return pass("math_functions", "functions=%d checksum=%016llx", (int)kFunctions, sum);
}
