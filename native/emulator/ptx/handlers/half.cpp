// f16 and bf16 arithmetic, single and packed. A row of packed pairs is 64 halves side by side, so both are loops over
// halves. add, sub and mul in f32 round like one operation (24 >= 2 * 11 + 2 bits); fma rounds to odd in between.
#include <cmath>

#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

enum : uint64_t { kFtz = 1, kSat = 2, kRelu = 4, kNan = 8 };

struct F16 {
  template <unsigned kCount>
  GPOOL_INLINE static void widen(const uint16_t* from, float* to) {
    f16_to_floats<kCount>(from, to);
  }
  template <unsigned kCount>
  GPOOL_INLINE static void narrow(const float* from, uint16_t* to) {
    floats_to_f16<kCount>(from, to);
  }
  GPOOL_INLINE static uint16_t round(double x) { return to_f16(x); }
  static constexpr uint16_t kExponent = 0x7c00;
};
struct Bf16 {
  template <unsigned kCount>
  GPOOL_INLINE static void widen(const uint16_t* from, float* to) {
    bf16_to_floats<kCount>(from, to);
  }
  template <unsigned kCount>
  GPOOL_INLINE static void narrow(const float* from, uint16_t* to) {
    floats_to_bf16<kCount>(from, to);
  }
  GPOOL_INLINE static uint16_t round(double x) { return to_bf16(x); }
  static constexpr uint16_t kExponent = 0x7f80;
};

// x * y is exact in double; the sum is rounded to odd, so that rounding it once more is right.
GPOOL_INLINE double fma_odd(float x, float y, float z) {
  const double p = static_cast<double>(x) * y, c = z;
  const double s = p + c;
  const double back = s - p;
  const double error = (p - (s - back)) + (c - back);
  int64_t bits = cast_bits<int64_t>(s);
  const bool inexact = error == error && error != 0 && (bits & 1) == 0 && s - s == 0;
  if (inexact) bits += (error > 0) == (s > 0) ? 1 : -1;
  return cast_bits<double>(bits);
}

struct Add {
  static constexpr unsigned kOperands = 2;
  GPOOL_INLINE static float of(float a, float b) { return a + b; }
};
struct Sub {
  static constexpr unsigned kOperands = 2;
  GPOOL_INLINE static float of(float a, float b) { return a - b; }
};
struct Mul {
  static constexpr unsigned kOperands = 2;
  GPOOL_INLINE static float of(float a, float b) { return a * b; }
};
struct Fma {
  static constexpr unsigned kOperands = 3;
};
struct Ex2 {
  static constexpr unsigned kOperands = 1;
  GPOOL_INLINE static float of(float a) { return ::exp2f(a); }
};
struct Tanh {
  static constexpr unsigned kOperands = 1;
  GPOOL_INLINE static float of(float a) { return ::tanhf(a); }
};

template <class Format, unsigned kCount>
GPOOL_INLINE void put(Warp& w, const Instruction* in, uint16_t* halves) {
  if (in->imm & kFtz) {
    for (unsigned i = 0; i < kCount; ++i) halves[i] = halves[i] & Format::kExponent ? halves[i] : halves[i] & 0x8000;
  }
  if constexpr (kCount == 64)
    blend(w, row<uint32_t>(w, in->r[0]), reinterpret_cast<const uint32_t*>(halves));
  else
    blend(w, row<uint16_t>(w, in->r[0]), halves);
}
template <class Format, unsigned kCount>
GPOOL_INLINE void get(Warp& w, const Instruction* in, unsigned operand, float* out) {
  const uint16_t* from = row<uint16_t>(w, in->r[operand]);
  if (in->imm & kFtz) {
    alignas(64) uint16_t flushed[kCount];
    for (unsigned i = 0; i < kCount; ++i) flushed[i] = from[i] & Format::kExponent ? from[i] : from[i] & 0x8000;
    Format::template widen<kCount>(flushed, out);
  } else {
    Format::template widen<kCount>(from, out);
  }
}

template <class Op, class Format, unsigned kCount>
const Instruction* compute(Warp& w, const Instruction* in) {
  alignas(64) float a[kCount], b[kCount], c[kCount], value[kCount];
  alignas(64) uint16_t out[kCount];
  get<Format, kCount>(w, in, 1, a);
  if constexpr (Op::kOperands >= 2) get<Format, kCount>(w, in, 2, b);
  if constexpr (Op::kOperands == 3) {
    get<Format, kCount>(w, in, 3, c);
    for (unsigned i = 0; i < kCount; ++i) {
      double exact = fma_odd(a[i], b[i], c[i]);
      if (in->imm & kSat) exact = exact > 0 ? (exact < 1 ? exact : 1) : 0;
      if (in->imm & kRelu) exact = exact < 0 ? 0 : exact;
      out[i] = Format::round(exact);
    }
  } else {
    for (unsigned i = 0; i < kCount; ++i) {
      if constexpr (Op::kOperands == 1)
        value[i] = Op::of(a[i]);
      else
        value[i] = Op::of(a[i], b[i]);
    }
    if (in->imm & kSat) {
      for (unsigned i = 0; i < kCount; ++i) value[i] = value[i] > 0 ? (value[i] < 1 ? value[i] : 1) : 0;
    }
    Format::template narrow<kCount>(value, out);
  }
  put<Format, kCount>(w, in, out);
  return in + 1;
}

template <class Format, unsigned kCount, bool kMax>
const Instruction* extreme(Warp& w, const Instruction* in) {
  alignas(64) float a[kCount], b[kCount];
  alignas(64) uint16_t out[kCount];
  get<Format, kCount>(w, in, 1, a);
  get<Format, kCount>(w, in, 2, b);
  const uint16_t* x = row<uint16_t>(w, in->r[1]);
  const uint16_t* y = row<uint16_t>(w, in->r[2]);
  for (unsigned i = 0; i < kCount; ++i) {
    const bool a_nan = a[i] != a[i], b_nan = b[i] != b[i];
    const bool negative = x[i] >> 15;
    bool first = kMax ? a[i] > b[i] || (a[i] == b[i] && !negative) : a[i] < b[i] || (a[i] == b[i] && negative);
    if (a_nan) first = false;
    if (b_nan) first = true;
    out[i] = first ? x[i] : y[i];
    if (in->imm & kNan ? a_nan || b_nan : a_nan && b_nan) out[i] = 0x7fff;
  }
  put<Format, kCount>(w, in, out);
  return in + 1;
}

// imm bit 4: absolute value, else negation.
template <class Format, unsigned kCount>
const Instruction* sign(Warp& w, const Instruction* in) {
  alignas(64) uint16_t out[kCount];
  const uint16_t* a = row<uint16_t>(w, in->r[1]);
  const bool absolute = in->imm & 16;
  for (unsigned i = 0; i < kCount; ++i) out[i] = absolute ? a[i] & 0x7fff : a[i] ^ 0x8000;
  put<Format, kCount>(w, in, out);
  return in + 1;
}

template <class Op>
Handler of(Type type) {
  switch (type) {
    case Type::f16:
      return compute<Op, F16, 32>;
    case Type::f16x2:
      return compute<Op, F16, 64>;
    case Type::bf16:
      return compute<Op, Bf16, 32>;
    default:
      return compute<Op, Bf16, 64>;
  }
}
template <bool kMax>
Handler extreme_of(Type type) {
  switch (type) {
    case Type::f16:
      return extreme<F16, 32, kMax>;
    case Type::f16x2:
      return extreme<F16, 64, kMax>;
    case Type::bf16:
      return extreme<Bf16, 32, kMax>;
    default:
      return extreme<Bf16, 64, kMax>;
  }
}

}  // namespace

bool select_half(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  const Type type = form.type(0);
  if (!is_half(type) || form.type_count() != 1) return false;
  const bool packed = bytes_of(type) == 4;
  form.take("rn");
  form.take("noftz");
  if (form.take("ftz")) choice.imm |= kFtz;
  if (form.take("sat")) choice.imm |= kSat;
  choice.shape = packed ? "www" : "hhh";
  if (base == "add") choice.run = of<Add>(type);
  if (base == "sub") choice.run = of<Sub>(type);
  if (base == "mul") choice.run = of<Mul>(type);
  if (base == "min" || base == "max") {
    if (choice.imm & kSat) return false;
    if (form.take("NaN")) choice.imm |= kNan;
    choice.run = base == "min" ? extreme_of<false>(type) : extreme_of<true>(type);
  }
  if (base == "fma") {
    choice.shape = packed ? "wwww" : "hhhh";
    if (form.take("relu")) choice.imm |= kRelu;
    choice.run = of<Fma>(type);
  }
  if (choice.run) return true;
  choice.shape = packed ? "ww" : "hh";
  if (base == "neg" || base == "abs") {
    if (base == "abs") choice.imm |= 16;
    switch (type) {
      case Type::f16:
        choice.run = sign<F16, 32>;
        break;
      case Type::f16x2:
        choice.run = sign<F16, 64>;
        break;
      case Type::bf16:
        choice.run = sign<Bf16, 32>;
        break;
      default:
        choice.run = sign<Bf16, 64>;
    }
  }
  if ((base == "ex2" || base == "tanh") && form.take("approx"))
    choice.run = base == "ex2" ? of<Ex2>(type) : of<Tanh>(type);
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
