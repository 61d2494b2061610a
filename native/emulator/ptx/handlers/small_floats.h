// f16, bf16, tf32 and the 8-bit floats: exact conversion from and to wider floats.
#pragma once

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {

struct Format {
  unsigned mantissa;   // bits
  int least_exponent;  // of normal numbers
  uint32_t most;       // bits of the largest finite number
  uint32_t infinity;   // 0: there is none
  uint32_t nan;
};
constexpr Format kF16{10, -14, 0x7bff, 0x7c00, 0x7fff};
constexpr Format kBf16{7, -126, 0x7f7f, 0x7f80, 0x7fff};
constexpr Format kTf32{10, -126, 0x3fbff, 0x3fc00, 0x3ffff};
constexpr Format kE4m3{3, -6, 0x7e, 0, 0x7f};
constexpr Format kE5m2{2, -14, 0x7b, 0x7c, 0x7f};

// Magnitude bits without the sign. `away`: ties away from zero instead of to even.
GPOOL_INLINE uint32_t encode(const Format& f, double x, Round round, bool saturate, bool away = false) {
  uint64_t bits = cast_bits<uint64_t>(x);
  const bool negative = bits >> 63;
  const int raw = static_cast<int>(bits >> 52 & 2047);
  uint64_t fraction = bits & 0xfffffffffffffull;
  if (raw == 2047) {
    if (fraction) return f.nan;
    return saturate ? f.most : f.infinity ? f.infinity : f.nan;
  }
  if (raw == 0) return 0;  // zero, and doubles far below every small format
  const int exponent = raw - 1023;
  const int scale = exponent < f.least_exponent ? f.least_exponent : exponent;
  fraction |= 1ull << 52;
  const int drop = 52 - static_cast<int>(f.mantissa) + (scale - exponent);
  uint64_t kept, rest, half;
  if (drop > 62) {
    kept = 0, rest = 1, half = 2;
  } else {
    kept = fraction >> drop;
    rest = fraction & ((1ull << drop) - 1);
    half = 1ull << (drop - 1);
  }
  bool up = false;
  switch (round) {
    case Round::nearest:
      up = rest > half || (rest == half && (away || (kept & 1)));
      break;
    case Round::zero:
      break;
    case Round::up:
      up = rest && !negative;
      break;
    case Round::down:
      up = rest && negative;
      break;
  }
  uint64_t result = (static_cast<uint64_t>(scale - f.least_exponent) << f.mantissa) + kept + up;
  if (result > f.most) {
    const bool to_most =
        saturate || round == Round::zero || (round == Round::up && negative) || (round == Round::down && !negative);
    return to_most ? f.most : f.infinity ? f.infinity : f.nan;
  }
  return static_cast<uint32_t>(result);
}
GPOOL_INLINE uint32_t sign_of(double x) {
  return static_cast<uint32_t>(cast_bits<uint64_t>(x) >> 63);
}

GPOOL_INLINE uint16_t to_f16(double x, Round round = Round::nearest, bool saturate = false) {
  uint32_t magnitude = encode(kF16, x, round, saturate);
  return static_cast<uint16_t>(magnitude | (magnitude > 0x7c00 ? 0 : sign_of(x) << 15));
}
GPOOL_INLINE uint16_t to_bf16(double x, Round round = Round::nearest, bool saturate = false) {
  uint32_t magnitude = encode(kBf16, x, round, saturate);
  return static_cast<uint16_t>(magnitude | (magnitude > 0x7f80 ? 0 : sign_of(x) << 15));
}
GPOOL_INLINE uint32_t to_tf32(double x, Round round, bool away, bool saturate) {
  uint32_t magnitude = encode(kTf32, x, round, saturate, away);
  return magnitude > 0x3fc00 ? 0x7fffffffu : magnitude << 13 | sign_of(x) << 31;
}
GPOOL_INLINE uint8_t to_fp8(const Format& f, double x, bool saturate) {
  uint32_t magnitude = encode(f, x, Round::nearest, saturate);
  return static_cast<uint8_t>(magnitude | (magnitude == f.nan ? 0 : sign_of(x) << 7));
}

GPOOL_INLINE float from_f16(uint16_t h) {
  // Normal numbers by moving the exponent; subnormals by one exact subtraction.
  uint32_t magnitude = (h & 0x7fffu) << 13;
  uint32_t exponent = magnitude & 0x0f800000u;
  uint32_t bits = magnitude + (112u << 23);
  float subnormal = cast_bits<float>(bits + (1u << 23)) - cast_bits<float>(113u << 23);
  bits = exponent == 0x0f800000u ? bits + (112u << 23) : bits;
  bits = exponent == 0 ? cast_bits<uint32_t>(subnormal) : bits;
  return cast_bits<float>(bits | (h & 0x8000u) << 16);
}
GPOOL_INLINE float from_bf16(uint16_t h) {
  return cast_bits<float>(static_cast<uint32_t>(h) << 16);
}
// Nearest even, without a branch.
GPOOL_INLINE uint16_t nearest_bf16(float x) {
  uint32_t bits = cast_bits<uint32_t>(x);
  uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : rounded);
}
GPOOL_INLINE float from_fp8(const Format& f, uint8_t x) {
  uint32_t magnitude = x & 127;
  if (f.infinity && magnitude == f.infinity) return cast_bits<float>(0x7f800000u | uint32_t(x & 128) << 24);
  if (magnitude > f.most) return cast_bits<float>(0x7fffffffu);
  uint32_t exponent = magnitude >> f.mantissa, fraction = magnitude & ((1u << f.mantissa) - 1);
  // 2^k as a float; exact for these ranges.
  auto power = [](int k) { return cast_bits<float>(static_cast<uint32_t>(k + 127) << 23); };
  float value = exponent ? static_cast<float>(fraction | 1u << f.mantissa) *
                               power(f.least_exponent + static_cast<int>(exponent) - 1 - static_cast<int>(f.mantissa))
                         : static_cast<float>(fraction) * power(f.least_exponent - static_cast<int>(f.mantissa));
  return x & 128 ? -value : value;
}

template <unsigned kCount>
GPOOL_INLINE void f16_to_floats(const uint16_t* from, float* to) {
#if defined(__F16C__)
  for (unsigned i = 0; i < kCount; i += 8) {
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
  }
#else
  GPOOL_LANES
  for (unsigned i = 0; i < kCount; ++i) to[i] = from_f16(from[i]);
#endif
}
template <unsigned kCount>
GPOOL_INLINE void floats_to_f16(const float* from, uint16_t* to) {
#if defined(__F16C__)
  for (unsigned i = 0; i < kCount; i += 8) {
    __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), halves);
  }
  GPOOL_LANES
  for (unsigned i = 0; i < kCount; ++i) to[i] = (to[i] & 0x7fff) > 0x7c00 ? uint16_t(0x7fff) : to[i];
#else
  for (unsigned i = 0; i < kCount; ++i) to[i] = to_f16(from[i]);
#endif
}
template <unsigned kCount>
GPOOL_INLINE void bf16_to_floats(const uint16_t* from, float* to) {
  GPOOL_LANES
  for (unsigned i = 0; i < kCount; ++i) to[i] = from_bf16(from[i]);
}
template <unsigned kCount>
GPOOL_INLINE void floats_to_bf16(const float* from, uint16_t* to) {
  GPOOL_LANES
  for (unsigned i = 0; i < kCount; ++i) to[i] = nearest_bf16(from[i]);
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
