// What every handler file shares. Included by files that are compiled once per instruction-set level: everything here
// lives in the level's own namespace and is inlined, so that no function of a high level can be linked into a low one.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>

#include "../program.h"
#include "../select.h"
#include "../warp.h"

#if defined(__clang__)
#define GPOOL_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define GPOOL_LANES _Pragma("GCC ivdep")
#endif
// For the loops of nearly every handler: whole rows in a straight line of vectors.
#define GPOOL_UNROLL _Pragma("GCC unroll 8")
#define GPOOL_INLINE __attribute__((always_inline)) inline

namespace gpool::ptx::GPOOL_PTX_LEVEL {

template <class T>
GPOOL_INLINE T* row(Warp& w, uint32_t offset) {
  return static_cast<T*>(__builtin_assume_aligned(w.rows + offset, 64));
}
GPOOL_INLINE uint32_t* predicate(Warp& w, uint32_t offset) {
  return reinterpret_cast<uint32_t*>(w.rows + offset);
}

// destination[lane] = values[lane] for the lanes of the mask.
template <class T>
[[gnu::noinline]] static void blend(Warp& w, T* destination, const T* values) {
  const uint32_t* words = w.mask_words;
  GPOOL_LANES
  for (unsigned lane = 0; lane < kLanes; ++lane) destination[lane] = words[lane] ? values[lane] : destination[lane];
}

// The first row of a frame takes what nobody wants (sinks). Nobody reads it, so handlers may use it in between: unlike
// a buffer on the stack it costs them no aligned stack frame.
template <class T>
GPOOL_INLINE T* spare_row(Warp& w) {
  return row<T>(w, 0);
}

// One loop over all lanes, whatever the mask: `value(lane)` must not trap. Partial masks go through the spare row.
template <class T, class F>
GPOOL_INLINE void each(Warp& w, T* destination, F value) {
  T* spare = spare_row<T>(w);
  const bool full = w.mask == kFull;
  T* out = static_cast<T*>(__builtin_assume_aligned(full ? destination : spare, 64));
  GPOOL_LANES
  GPOOL_UNROLL
  for (unsigned lane = 0; lane < kLanes; ++lane) out[lane] = value(lane);
  if (!full) blend(w, destination, spare);
}

// The same for values that are expensive: only the lanes of the mask are computed.
template <class T, class F>
GPOOL_INLINE void each_active(Warp& w, T* destination, F value) {
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned lane = static_cast<unsigned>(__builtin_ctz(left));
    destination[lane] = value(lane);
  }
}

// One bit per lane from a byte per lane (0 or 0xff).
GPOOL_INLINE uint32_t gather_bits(const uint8_t* bytes) {
  uint32_t bits = 0;
  for (unsigned part = 0; part < 4; ++part) {
    uint64_t eight;
    __builtin_memcpy(&eight, bytes + 8 * part, 8);
    bits |= static_cast<uint32_t>(((eight & 0x8040201008040201ull) * 0x0101010101010101ull) >> 56) << 8 * part;
  }
  return bits;
}
// T: the type of what is compared.
template <class T, class F>
GPOOL_INLINE uint32_t bits_of(Warp& w, F holds) {
#if defined(__AVX2__)
  uint32_t bits = 0;
  if constexpr (sizeof(T) == 8) {
    int64_t* words = spare_row<int64_t>(w);
    GPOOL_LANES
    GPOOL_UNROLL
    for (unsigned lane = 0; lane < kLanes; ++lane) words[lane] = holds(lane) ? -1 : 0;
    GPOOL_UNROLL
    for (unsigned part = 0; part < 8; ++part) {
      bits |= static_cast<uint32_t>(_mm256_movemask_pd(_mm256_load_pd(reinterpret_cast<double*>(words + 4 * part))))
              << 4 * part;
    }
  } else {
    int32_t* words = spare_row<int32_t>(w);
    GPOOL_LANES
    GPOOL_UNROLL
    for (unsigned lane = 0; lane < kLanes; ++lane) words[lane] = holds(lane) ? -1 : 0;
    GPOOL_UNROLL
    for (unsigned part = 0; part < 4; ++part) {
      bits |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_load_ps(reinterpret_cast<float*>(words + 8 * part))))
              << 8 * part;
    }
  }
  return bits;
#else
  uint8_t* bytes = spare_row<uint8_t>(w);
  GPOOL_LANES
  for (unsigned lane = 0; lane < kLanes; ++lane) bytes[lane] = holds(lane) ? 0xff : 0;
  return gather_bits(bytes);
#endif
}
GPOOL_INLINE void set_bits(Warp& w, uint32_t offset, uint32_t bits) {
  uint32_t* p = predicate(w, offset);
  *p = (*p & ~w.mask) | (bits & w.mask);
}

template <class To, class From>
GPOOL_INLINE To cast_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

template <class T>
GPOOL_INLINE T least(T a, T b) {
  return b < a ? b : a;
}
template <class T>
GPOOL_INLINE T most(T a, T b) {
  return a < b ? b : a;
}

// Denormals become zeros of their sign.
GPOOL_INLINE float flush(float x) {
  uint32_t bits = cast_bits<uint32_t>(x);
  return cast_bits<float>((bits & 0x7f800000u) ? bits : bits & 0x80000000u);
}

// The host's rounding direction for the time of a scope; for .rz .rm .rp.
enum class Round : uint8_t { nearest = 0, down = 1, up = 2, zero = 3 };
class Rounding {
 public:
  GPOOL_INLINE explicit Rounding(Round direction) {
    asm volatile("stmxcsr %0" : "=m"(saved_)::"memory");
    uint32_t changed = (saved_ & ~0x6000u) | static_cast<uint32_t>(direction) << 13;
    asm volatile("ldmxcsr %0" ::"m"(changed) : "memory");
  }
  GPOOL_INLINE ~Rounding() { asm volatile("ldmxcsr %0" ::"m"(saved_) : "memory"); }
  Rounding(const Rounding&) = delete;
  Rounding& operator=(const Rounding&) = delete;

 private:
  uint32_t saved_;
};

// Modifiers in common use.
struct FloatModifiers {
  Round round = Round::nearest;
  bool ftz = false, sat = false;
};
GPOOL_INLINE FloatModifiers float_modifiers(Form& form) {
  FloatModifiers m;
  if (form.take("rz"))
    m.round = Round::zero;
  else if (form.take("rm"))
    m.round = Round::down;
  else if (form.take("rp"))
    m.round = Round::up;
  else
    form.take("rn");
  m.ftz = form.take("ftz");
  m.sat = form.take("sat");
  return m;
}

bool select_integer(Request& request, Choice& choice);
bool select_logic(Request& request, Choice& choice);
bool select_bits(Request& request, Choice& choice);
bool select_float(Request& request, Choice& choice);
bool select_approximate(Request& request, Choice& choice);
bool select_half(Request& request, Choice& choice);
bool select_compare(Request& request, Choice& choice);
bool select_move(Request& request, Choice& choice);
bool select_convert(Request& request, Choice& choice);
bool select_memory(Request& request, Choice& choice);
bool select_async(Request& request, Choice& choice);
bool select_atomic(Request& request, Choice& choice);
bool select_warp(Request& request, Choice& choice);
bool select_matrix(Request& request, Choice& choice);
bool select_wmma(Request& request, Choice& choice);

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
