// f32 and f64 arithmetic: IEEE, with the four roundings, .ftz and .sat.
#include <cmath>

#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Add {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return a + b;
  }
};
struct Sub {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return a - b;
  }
};
struct Mul {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return a * b;
  }
};
struct Div {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return a / b;
  }
};
struct Fma {
  GPOOL_INLINE static float of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  GPOOL_INLINE static double of(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct Sqrt {
  GPOOL_INLINE static float of(float a) { return __builtin_sqrtf(a); }
  GPOOL_INLINE static double of(double a) { return __builtin_sqrt(a); }
};
struct Rcp {
  template <class T>
  GPOOL_INLINE static T of(T a) {
    return T(1) / a;
  }
};
struct Neg {
  template <class T>
  GPOOL_INLINE static T of(T a) {
    return -a;
  }
};
struct Abs {
  GPOOL_INLINE static float of(float a) { return __builtin_fabsf(a); }
  GPOOL_INLINE static double of(double a) { return __builtin_fabs(a); }
};
template <class T>
GPOOL_INLINE bool is_nan(T a) {
  return a != a;
}
template <class T>
GPOOL_INLINE T canonical_nan() {
  if constexpr (sizeof(T) == 4)
    return cast_bits<float>(0x7fffffffu);
  else
    return cast_bits<double>(0x7fffffffffffffffull);
}
GPOOL_INLINE bool negative(float a) {
  return cast_bits<uint32_t>(a) >> 31;
}
GPOOL_INLINE bool negative(double a) {
  return cast_bits<uint64_t>(a) >> 63;
}
// The operand that is no NaN; -0 is less than +0.
template <bool kMax, bool kNan>
struct Extreme {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    bool first = kMax ? (a > b || (a == b && !negative(a))) : (a < b || (a == b && negative(a)));
    T value = first ? a : b;
    value = is_nan(a) ? b : value;
    value = is_nan(b) ? a : value;
    if (kNan ? is_nan(a) || is_nan(b) : is_nan(a) && is_nan(b)) value = canonical_nan<T>();
    return value;
  }
};
// Of three; with absolute values where asked for.
template <bool kMax, bool kNan, bool kAbs>
struct ExtremeOfThree {
  template <class T>
  GPOOL_INLINE static T of(T a, T b, T c) {
    using Two = Extreme<kMax, kNan>;
    if constexpr (kAbs)
      return Two::of(Two::of(Abs::of(a), Abs::of(b)), Abs::of(c));
    else
      return Two::of(Two::of(a, b), c);
  }
};
template <bool kMax, bool kNan>
struct ExtremeXorSign {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    T value = Extreme<kMax, kNan>::of(Abs::of(a), Abs::of(b));
    if (is_nan(value)) return value;
    return negative(a) != negative(b) ? -value : value;
  }
};

template <class T>
GPOOL_INLINE T saturate(T a) {
  T value = a > T(0) ? a : T(0);  // NaN becomes 0
  return value < T(1) ? value : T(1);
}

template <bool kFtz, bool kSat, class T>
GPOOL_INLINE T finish(T value) {
  if constexpr (kFtz) value = flush(value);
  if constexpr (kSat) value = saturate(value);
  return value;
}
template <bool kFtz, class T>
GPOOL_INLINE T take(T value) {
  if constexpr (kFtz)
    return flush(value);
  else
    return value;
}

template <class Op, class T, unsigned kOperands, bool kFtz, bool kSat>
GPOOL_INLINE void compute(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  if constexpr (kOperands == 1) {
    each(w, d, [=](unsigned l) { return finish<kFtz, kSat>(Op::of(take<kFtz>(a[l]))); });
  } else if constexpr (kOperands == 2) {
    const T* b = row<T>(w, in->r[2]);
    each(w, d, [=](unsigned l) { return finish<kFtz, kSat>(Op::of(take<kFtz>(a[l]), take<kFtz>(b[l]))); });
  } else {
    const T* b = row<T>(w, in->r[2]);
    const T* c = row<T>(w, in->r[3]);
    each(w, d,
         [=](unsigned l) { return finish<kFtz, kSat>(Op::of(take<kFtz>(a[l]), take<kFtz>(b[l]), take<kFtz>(c[l]))); });
  }
}
template <class Op, class T, unsigned kOperands, bool kFtz, bool kSat>
const Instruction* nearest(Warp& w, const Instruction* in) {
  compute<Op, T, kOperands, kFtz, kSat>(w, in);
  return in + 1;
}
template <class Op, class T, unsigned kOperands, bool kFtz, bool kSat>
const Instruction* directed(Warp& w, const Instruction* in) {
  Rounding rounding(static_cast<Round>(in->imm));
  compute<Op, T, kOperands, kFtz, kSat>(w, in);
  return in + 1;
}

template <class Op, unsigned kOperands>
bool rounded(Type type, const FloatModifiers& m, Choice& choice) {
  choice.imm = static_cast<uint64_t>(m.round);
  const bool direct = m.round != Round::nearest;
  if (type == Type::f64) {
    if (m.ftz || m.sat) return false;
    choice.run = direct ? directed<Op, double, kOperands, false, false> : nearest<Op, double, kOperands, false, false>;
  } else if (type == Type::f32) {
    if (direct) {
      choice.run =
          m.ftz ? (m.sat ? directed<Op, float, kOperands, true, true> : directed<Op, float, kOperands, true, false>)
                : (m.sat ? directed<Op, float, kOperands, false, true> : directed<Op, float, kOperands, false, false>);
    } else {
      choice.run =
          m.ftz ? (m.sat ? nearest<Op, float, kOperands, true, true> : nearest<Op, float, kOperands, true, false>)
                : (m.sat ? nearest<Op, float, kOperands, false, true> : nearest<Op, float, kOperands, false, false>);
    }
  }
  return choice.run;
}
template <class Op, unsigned kOperands>
bool exact(Type type, bool ftz, Choice& choice) {
  if (type == Type::f64)
    choice.run = ftz ? nullptr : nearest<Op, double, kOperands, false, false>;
  else
    choice.run = ftz ? nearest<Op, float, kOperands, true, false> : nearest<Op, float, kOperands, false, false>;
  return choice.run;
}

// Two floats side by side in each lane: 64 floats in a row of 8-byte lanes.
template <class Op, unsigned kOperands>
const Instruction* pairs(Warp& w, const Instruction* in) {
  struct Pair {
    float x, y;
  };
  uint64_t* d = row<uint64_t>(w, in->r[0]);
  const uint64_t* a = row<uint64_t>(w, in->r[1]);
  const uint64_t* b = row<uint64_t>(w, in->r[2]);
  const uint64_t* c = row<uint64_t>(w, in->r[3]);
  Rounding rounding(static_cast<Round>(in->imm & 3));
  const bool ftz = in->imm & 4;
  each(w, d, [=](unsigned l) {
    float result[2];
    for (unsigned i = 0; i < 2; ++i) {
      auto half = [&](const uint64_t* x) {
        float value = cast_bits<float>(static_cast<uint32_t>(x[l] >> 32 * i));
        return ftz ? flush(value) : value;
      };
      if constexpr (kOperands == 2)
        result[i] = Op::of(half(a), half(b));
      else
        result[i] = Op::of(half(a), half(b), half(c));
      if (ftz) result[i] = flush(result[i]);
    }
    return uint64_t(cast_bits<uint32_t>(result[0])) | uint64_t(cast_bits<uint32_t>(result[1])) << 32;
  });
  return in + 1;
}

template <class T>
const Instruction* copysign(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  constexpr T kSign = T(1) << (8 * sizeof(T) - 1);
  each(w, d, [=](unsigned l) { return static_cast<T>((b[l] & ~kSign) | (a[l] & kSign)); });
  return in + 1;
}

enum class Test : uint8_t { finite, infinite, number, notanumber, normal, subnormal };
template <class B>
const Instruction* testp(Warp& w, const Instruction* in) {
  constexpr unsigned kMantissa = sizeof(B) == 4 ? 23 : 52;
  constexpr B kTop = sizeof(B) == 4 ? 255 : 2047;
  const B* a = row<B>(w, in->r[1]);
  const Test test = static_cast<Test>(in->imm);
  uint32_t bits = 0;
  for (unsigned l = 0; l < kLanes; ++l) {
    B exponent = a[l] >> kMantissa & kTop, mantissa = a[l] & ((B(1) << kMantissa) - 1);
    bool holds = false;
    switch (test) {
      case Test::finite:
        holds = exponent != kTop;
        break;
      case Test::infinite:
        holds = exponent == kTop && mantissa == 0;
        break;
      case Test::number:
        holds = exponent != kTop || mantissa == 0;
        break;
      case Test::notanumber:
        holds = exponent == kTop && mantissa != 0;
        break;
      case Test::normal:
        holds = exponent != 0 && exponent != kTop;
        break;
      case Test::subnormal:
        holds = exponent == 0 && mantissa != 0;
        break;
    }
    bits |= uint32_t(holds) << l;
  }
  set_bits(w, in->r[0], bits);
  return in + 1;
}

// Some forms write the type before .ftz; order does not matter to Form.
template <bool kMax>
bool extreme(Request& request, Type type, Choice& choice) {
  Form& form = request.form;
  const bool ftz = form.take("ftz"), nan = form.take("NaN");
  if (request.operands == 4) {
    if (type != Type::f32) return false;
    choice.shape = "ffff";
    if (form.take("abs")) {
      return nan ? exact<ExtremeOfThree<kMax, true, true>, 3>(type, ftz, choice)
                 : exact<ExtremeOfThree<kMax, false, true>, 3>(type, ftz, choice);
    }
    return nan ? exact<ExtremeOfThree<kMax, true, false>, 3>(type, ftz, choice)
               : exact<ExtremeOfThree<kMax, false, false>, 3>(type, ftz, choice);
  }
  if (form.take("xorsign")) {
    if (!form.take("abs") || type != Type::f32) return false;
    return nan ? exact<ExtremeXorSign<kMax, true>, 2>(type, ftz, choice)
               : exact<ExtremeXorSign<kMax, false>, 2>(type, ftz, choice);
  }
  return nan ? exact<Extreme<kMax, true>, 2>(type, ftz, choice) : exact<Extreme<kMax, false>, 2>(type, ftz, choice);
}

}  // namespace

bool select_float(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  Type type = form.type(0);
  if (form.type_count() != 1) return false;
  if (type == Type::f32x2) {
    FloatModifiers m = float_modifiers(form);
    if (m.sat) return false;
    choice.imm = static_cast<uint64_t>(m.round) | (m.ftz ? 4 : 0);
    choice.shape = base == "fma" ? "qqqq" : "qqq";
    if (base == "add") choice.run = pairs<Add, 2>;
    if (base == "sub") choice.run = pairs<Sub, 2>;
    if (base == "mul") choice.run = pairs<Mul, 2>;
    if (base == "fma") choice.run = pairs<Fma, 3>;
    return choice.run;
  }
  if (!is_float(type)) {
    if (base == "copysign" || base == "testp") return false;
    return false;
  }
  const bool single = type == Type::f32;
  if (base == "copysign") {
    choice.run = single ? copysign<uint32_t> : copysign<uint64_t>;
    choice.shape = single ? "fff" : "ddd";
    return true;
  }
  if (base == "testp") {
    constexpr const char* kNames[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
    for (unsigned i = 0; i < 6; ++i) {
      if (form.take(kNames[i])) {
        choice.imm = i;
        choice.run = single ? testp<uint32_t> : testp<uint64_t>;
      }
    }
    choice.shape = single ? "Pf" : "Pd";
    return choice.run;
  }
  choice.shape = single ? "fff" : "ddd";
  if (base == "min") return extreme<false>(request, type, choice);
  if (base == "max") return extreme<true>(request, type, choice);
  if (base == "add") return rounded<Add, 2>(type, float_modifiers(form), choice);
  if (base == "sub") return rounded<Sub, 2>(type, float_modifiers(form), choice);
  if (base == "mul") return rounded<Mul, 2>(type, float_modifiers(form), choice);
  if (base == "div") {
    // .approx and .full are allowed to be as good as .rn.
    if (!form.take("approx")) form.take("full");
    return rounded<Div, 2>(type, float_modifiers(form), choice);
  }
  if (base == "fma" || base == "mad") {
    choice.shape = single ? "ffff" : "dddd";
    return rounded<Fma, 3>(type, float_modifiers(form), choice);
  }
  choice.shape = single ? "ff" : "dd";
  if (base == "sqrt" || base == "rcp") {
    form.take("approx");
    FloatModifiers m = float_modifiers(form);
    if (!single) m.ftz = false;  // rcp.approx.ftz.f64: better than it needs to be
    return base == "sqrt" ? rounded<Sqrt, 1>(type, m, choice) : rounded<Rcp, 1>(type, m, choice);
  }
  if (base == "neg") return exact<Neg, 1>(type, form.take("ftz"), choice);
  if (base == "abs") return exact<Abs, 1>(type, form.take("ftz"), choice);
  return false;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
