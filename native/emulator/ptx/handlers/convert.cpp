// cvt: frequent pairs have handlers of their own; everything else goes through one general handler, lane by lane, by
// way of an exact double or 64-bit integer.
#include <cmath>

#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

template <class From, class To>
const Instruction* cast(Warp& w, const Instruction* in) {
  To* d = row<To>(w, in->r[0]);
  const From* a = row<From>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return static_cast<To>(a[l]); });
  return in + 1;
}
const Instruction* half_to_float(Warp& w, const Instruction* in) {
  alignas(64) float values[kLanes];
  float* d = row<float>(w, in->r[0]);
  const bool full = w.mask == kFull;
  f16_to_floats<kLanes>(row<uint16_t>(w, in->r[1]), full ? d : values);
  if (!full) blend(w, d, values);
  return in + 1;
}
const Instruction* float_to_half(Warp& w, const Instruction* in) {
  alignas(64) uint16_t values[kLanes];
  uint16_t* d = row<uint16_t>(w, in->r[0]);
  const bool full = w.mask == kFull;
  floats_to_f16<kLanes>(row<float>(w, in->r[1]), full ? d : values);
  if (!full) blend(w, d, values);
  return in + 1;
}
const Instruction* brain_to_float(Warp& w, const Instruction* in) {
  float* d = row<float>(w, in->r[0]);
  const uint16_t* a = row<uint16_t>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return from_bf16(a[l]); });
  return in + 1;
}
const Instruction* float_to_brain(Warp& w, const Instruction* in) {
  uint16_t* d = row<uint16_t>(w, in->r[0]);
  const float* a = row<float>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return nearest_bf16(a[l]); });
  return in + 1;
}
// {high, low} = a, b
template <bool kBrain>
const Instruction* floats_to_pair(Warp& w, const Instruction* in) {
  alignas(64) uint16_t high[kLanes], low[kLanes];
  if constexpr (kBrain) {
    floats_to_bf16<kLanes>(row<float>(w, in->r[1]), high);
    floats_to_bf16<kLanes>(row<float>(w, in->r[2]), low);
  } else {
    floats_to_f16<kLanes>(row<float>(w, in->r[1]), high);
    floats_to_f16<kLanes>(row<float>(w, in->r[2]), low);
  }
  each(w, row<uint32_t>(w, in->r[0]), [&](unsigned l) { return uint32_t(high[l]) << 16 | low[l]; });
  return in + 1;
}

// ---- the general handler ----

struct Plan {                    // packed into Instruction::imm
  uint8_t to, from;              // Type
  uint8_t to_bytes, from_bytes;  // of the registers
  uint8_t round;                 // Round of the result
  uint8_t whole;                 // 0, or 1 + Round towards a whole number
  uint8_t flags;
  uint8_t operands;
};
enum : uint8_t { kSat = 1, kFtz = 2, kRelu = 4, kSatFinite = 8, kAway = 16 };

template <class T>
GPOOL_INLINE T element(Warp& w, uint32_t offset, unsigned index) {
  T value;
  __builtin_memcpy(&value, w.rows + offset + index * sizeof(T), sizeof(T));
  return value;
}
GPOOL_INLINE uint64_t read_bits(Warp& w, uint32_t offset, unsigned width, unsigned lane) {
  return width == 2   ? element<uint16_t>(w, offset, lane)
         : width == 4 ? element<uint32_t>(w, offset, lane)
                      : element<uint64_t>(w, offset, lane);
}
GPOOL_INLINE void write_bits(Warp& w, uint32_t offset, unsigned width, unsigned lane, uint64_t bits) {
  __builtin_memcpy(w.rows + offset + width * lane, &bits, width);
}

GPOOL_INLINE double read_float(Type type, uint64_t bits, bool ftz) {
  switch (type) {
    case Type::f16:
      return from_f16(static_cast<uint16_t>(bits));
    case Type::bf16:
      return from_bf16(static_cast<uint16_t>(bits));
    case Type::f64:
      return cast_bits<double>(bits);
    default: {
      float value = cast_bits<float>(static_cast<uint32_t>(bits));
      return ftz ? flush(value) : value;
    }
  }
}
// The double that rounds to the same small float as the integer would: to odd.
GPOOL_INLINE double odd_double(uint64_t magnitude, bool negative) {
  if (magnitude >> 53) {
    unsigned drop = 11 - static_cast<unsigned>(__builtin_clzll(magnitude));
    uint64_t rest = magnitude & ((1ull << drop) - 1);
    magnitude = (magnitude >> drop | (rest != 0)) << drop;
  }
  double value = static_cast<double>(magnitude);
  return negative ? -value : value;
}
GPOOL_INLINE uint64_t write_float(const Plan& plan, double value) {
  const Round round = static_cast<Round>(plan.round);
  const bool finite = plan.flags & kSatFinite;
  if (plan.flags & kRelu && value < 0) value = 0;
  if (plan.flags & kSat) value = value > 0 ? (value < 1 ? value : 1) : 0;
  switch (static_cast<Type>(plan.to)) {
    case Type::f16:
      return to_f16(value, round, finite);
    case Type::bf16:
      return to_bf16(value, round, finite);
    case Type::tf32:
      return to_tf32(value, round, plan.flags & kAway, finite);
    case Type::f64:
      return cast_bits<uint64_t>(value);
    default: {
      float single;
      if (round == Round::nearest) {
        single = static_cast<float>(value);
      } else {
        Rounding rounding(round);
        asm volatile("cvtsd2ss %1, %0" : "=x"(single) : "x"(value) : "memory");
      }
      if (plan.flags & kFtz) single = flush(single);
      return cast_bits<uint32_t>(single);
    }
  }
}
GPOOL_INLINE double to_whole(double x, Round direction) {
  switch (direction) {
    case Round::nearest:
      return __builtin_rint(x);
    case Round::down:
      return __builtin_floor(x);
    case Round::up:
      return __builtin_ceil(x);
    default:
      return __builtin_trunc(x);
  }
}
GPOOL_INLINE int64_t sign_extended(uint64_t bits, unsigned bytes) {
  unsigned up = 64 - 8 * bytes;
  return static_cast<int64_t>(bits << up) >> up;
}
GPOOL_INLINE uint64_t zero_extended(uint64_t bits, unsigned bytes) {
  unsigned up = 64 - 8 * bytes;
  return bits << up >> up;
}
GPOOL_INLINE uint64_t float_to_integer(double x, bool is_signed_to, unsigned bytes, bool source_is_double) {
  const unsigned bits = 8 * bytes;
  if (x != x) return bytes == 8 || source_is_double ? 1ull << (bits - 1) : 0;
  if (is_signed_to) {
    const double limit = static_cast<double>(1ull << (bits - 1));
    if (x >= limit) return (1ull << (bits - 1)) - 1;
    if (x <= -limit) return static_cast<uint64_t>(-1) << (bits - 1);
    return static_cast<uint64_t>(static_cast<int64_t>(x));
  }
  if (x <= 0) return 0;
  const double limit = 2 * static_cast<double>(1ull << (bits - 1));
  if (x >= limit) return bits == 64 ? ~0ull : (1ull << bits) - 1;
  if (x >= 9223372036854775808.0)
    return static_cast<uint64_t>(static_cast<int64_t>(x - 9223372036854775808.0)) ^ 1ull << 63;
  return static_cast<uint64_t>(static_cast<int64_t>(x));
}
template <class T>
GPOOL_INLINE uint64_t round_integer(const Plan& plan, T value, bool negative) {
  // f32 and f64: the processor rounds once, in the wanted direction.
  const Type to = static_cast<Type>(plan.to);
  if (to == Type::f32) {
    Rounding rounding(static_cast<Round>(plan.round));
    volatile T source = value;
    volatile float result = static_cast<float>(source);
    float single = result;
    if (plan.flags & kSat) single = single > 0 ? (single < 1 ? single : 1) : 0;
    return cast_bits<uint32_t>(single);
  }
  if (to == Type::f64) {
    Rounding rounding(static_cast<Round>(plan.round));
    volatile T source = value;
    volatile double result = static_cast<double>(source);
    return cast_bits<uint64_t>(double(result));
  }
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  return write_float(plan, odd_double(magnitude, negative));
}

const Instruction* general(Warp& w, const Instruction* in) {
  const Plan plan = cast_bits<Plan>(in->imm);
  const Type to = static_cast<Type>(plan.to), from = static_cast<Type>(plan.from);
  const unsigned to_size = bytes_of(to), from_size = bytes_of(from);
  const bool from_integer = is_integer(from), to_integer = is_integer(to);
  const bool to_signed = is_signed(to), from_signed = is_signed(from);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    uint64_t bits = read_bits(w, in->r[1], plan.from_bytes, l);
    uint64_t result;
    if (from_integer) {
      int64_t value =
          from_signed ? sign_extended(bits, from_size) : static_cast<int64_t>(zero_extended(bits, from_size));
      if (to_integer) {
        if (plan.flags & kSat) {
          const bool huge = !from_signed && value < 0;  // u64 above the signed range
          const int64_t most_value = to_signed      ? static_cast<int64_t>((1ull << (8 * to_size - 1)) - 1)
                                     : to_size == 8 ? -1
                                                    : static_cast<int64_t>((1ull << 8 * to_size) - 1);
          const int64_t least_value = to_signed ? -static_cast<int64_t>((1ull << (8 * to_size - 1)) - 1) - 1 : 0;
          if (!(to_size == 8 && !to_signed)) {
            if (huge || value > most_value)
              value = most_value;
            else if (value < least_value)
              value = least_value;
          } else if (from_signed && value < 0) {
            value = 0;
          }
        }
        result = static_cast<uint64_t>(value);
      } else if (from_signed) {
        result = round_integer(plan, value, value < 0);
      } else {
        result = round_integer(plan, static_cast<uint64_t>(value), false);
      }
    } else {
      double value = read_float(from, bits, plan.flags & kFtz);
      if (plan.whole) value = to_whole(value, static_cast<Round>(plan.whole - 1));
      result = to_integer ? float_to_integer(value, to_signed, to_size, from == Type::f64) : write_float(plan, value);
    }
    if (to_integer) {
      result = to_signed ? static_cast<uint64_t>(sign_extended(result, to_size)) : zero_extended(result, to_size);
    }
    write_bits(w, in->r[0], plan.to_bytes, l, result);
  }
  return in + 1;
}

// Two results per lane from one or two operands; the first operand goes to the upper half.
const Instruction* general_pair(Warp& w, const Instruction* in) {
  const Plan plan = cast_bits<Plan>(in->imm);
  const Type to = static_cast<Type>(plan.to), from = static_cast<Type>(plan.from);
  const Format* format = to == Type::e4m3x2 ? &kE4m3 : to == Type::e5m2x2 ? &kE5m2 : nullptr;
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    double values[2];  // low, high
    switch (from) {
      case Type::f16x2:
        for (unsigned i = 0; i < 2; ++i) values[i] = from_f16(element<uint16_t>(w, in->r[1], 2 * l + i));
        break;
      case Type::bf16x2:
        for (unsigned i = 0; i < 2; ++i) values[i] = from_bf16(element<uint16_t>(w, in->r[1], 2 * l + i));
        break;
      case Type::e4m3x2:
      case Type::e5m2x2:
        for (unsigned i = 0; i < 2; ++i) {
          values[i] = from_fp8(from == Type::e4m3x2 ? kE4m3 : kE5m2, element<uint8_t>(w, in->r[1], 2 * l + i));
        }
        break;
      default:
        values[1] = element<float>(w, in->r[1], l);
        values[0] = element<float>(w, in->r[2], l);
    }
    uint32_t result = 0;
    for (unsigned i = 0; i < 2; ++i) {
      double value = values[i];
      if (plan.flags & kRelu && value < 0) value = 0;
      const Round round = static_cast<Round>(plan.round);
      if (format)
        result |= uint32_t(to_fp8(*format, value, plan.flags & kSatFinite)) << 8 * i;
      else if (to == Type::bf16x2)
        result |= uint32_t(to_bf16(value, round, plan.flags & kSatFinite)) << 16 * i;
      else
        result |= uint32_t(to_f16(value, round, plan.flags & kSatFinite)) << 16 * i;
    }
    write_bits(w, in->r[0], format ? 2 : 4, l, result);
  }
  return in + 1;
}

// cvt.pack.sat: two saturated integers, and (8 bits) the lower half of c above them.
template <class T>
const Instruction* pack_saturated(Warp& w, const Instruction* in) {
  constexpr int64_t kMostValue = T(-1) < T(0) ? (1ll << (8 * sizeof(T) - 1)) - 1 : (1ll << 8 * sizeof(T)) - 1;
  constexpr int64_t kLeastValue = T(-1) < T(0) ? -kMostValue - 1 : 0;
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const int32_t* a = row<int32_t>(w, in->r[1]);
  const int32_t* b = row<int32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  constexpr unsigned kBits = 8 * sizeof(T);
  constexpr uint32_t kMask = (1u << kBits) - 1;
  each(w, d, [=](unsigned l) {
    uint32_t high = static_cast<uint32_t>(most(least(int64_t(a[l]), kMostValue), kLeastValue)) & kMask;
    uint32_t low = static_cast<uint32_t>(most(least(int64_t(b[l]), kMostValue), kLeastValue)) & kMask;
    uint32_t rest = kBits == 8 ? c[l] << 16 : 0;
    return rest | high << kBits | low;
  });
  return in + 1;
}

char letter(unsigned width, bool floating) {
  return width == 2 ? 'h' : width == 4 ? (floating ? 'f' : 'w') : (floating ? 'd' : 'q');
}

// Shapes live as long as the program.
const char* shape_of(char to, char from) {
  static const char* const kShapes[] = {"hh", "hw", "hq", "hf", "hd", "wh", "ww", "wq", "wf", "wd", "qh", "qw", "qq",
                                        "qf", "qd", "fh", "fw", "fq", "ff", "fd", "dh", "dw", "dq", "df", "dd"};
  for (const char* shape : kShapes) {
    if (shape[0] == to && shape[1] == from) return shape;
  }
  return nullptr;
}

template <class From>
Handler cast_from(Type to) {
  switch (to) {
    case Type::u8:
      return cast<From, uint8_t>;
    case Type::u16:
    case Type::s16:
      return cast<From, uint16_t>;
    case Type::u32:
    case Type::s32:
      return cast<From, uint32_t>;
    case Type::u64:
    case Type::s64:
      return cast<From, uint64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

bool select_convert(Request& request, Choice& choice) {
  Form& form = request.form;
  if (form.take("pack")) {
    if (!form.take("sat") || form.type(1) != Type::s32) return false;
    const bool narrow = bytes_of(form.type(0)) == 1;
    choice.shape = narrow ? "wwww" : "www";
    switch (form.type(0)) {
      case Type::s8:
        choice.run = pack_saturated<int8_t>;
        break;
      case Type::u8:
        choice.run = pack_saturated<uint8_t>;
        break;
      case Type::s16:
        choice.run = pack_saturated<int16_t>;
        break;
      case Type::u16:
        choice.run = pack_saturated<uint16_t>;
        break;
      default:
        return false;
    }
    return form.type_count() == (narrow ? 3u : 2u);
  }
  if (form.type_count() != 2) return false;
  const Type to = form.type(0), from = form.type(1);
  Plan plan{};
  plan.to = static_cast<uint8_t>(to);
  plan.from = static_cast<uint8_t>(from);
  if (form.take("rni"))
    plan.whole = 1 + static_cast<uint8_t>(Round::nearest);
  else if (form.take("rmi"))
    plan.whole = 1 + static_cast<uint8_t>(Round::down);
  else if (form.take("rpi"))
    plan.whole = 1 + static_cast<uint8_t>(Round::up);
  else if (form.take("rzi"))
    plan.whole = 1 + static_cast<uint8_t>(Round::zero);
  if (form.take("rna")) plan.flags |= kAway;
  FloatModifiers m = float_modifiers(form);
  plan.round = static_cast<uint8_t>(m.round);
  if (m.sat) plan.flags |= kSat;
  if (m.ftz) plan.flags |= kFtz;
  if (form.take("relu")) plan.flags |= kRelu;
  if (form.take("satfinite")) plan.flags |= kSatFinite;
  if (plan.flags & kAway && to != Type::tf32) return false;

  const bool pair = to == Type::f16x2 || to == Type::bf16x2 || to == Type::e4m3x2 || to == Type::e5m2x2;
  if (pair) {
    choice.imm = cast_bits<uint64_t>(plan);
    const bool eight = to == Type::e4m3x2 || to == Type::e5m2x2;
    if (from == Type::f32) {
      choice.shape = eight ? "hff" : "wff";
      const bool simple = !eight && plan.round == 0 && plan.flags == 0;
      choice.run = simple ? (to == Type::bf16x2 ? floats_to_pair<true> : floats_to_pair<false>) : general_pair;
      return true;
    }
    if (eight && (from == Type::f16x2 || from == Type::bf16x2)) choice.run = general_pair, choice.shape = "hw";
    if (!eight && (from == Type::e4m3x2 || from == Type::e5m2x2)) choice.run = general_pair, choice.shape = "wh";
    return choice.run;
  }
  auto scalar = [](Type t) { return is_integer(t) || is_float(t) || t == Type::f16 || t == Type::bf16; };
  if (!scalar(from) || (!scalar(to) && to != Type::tf32)) return false;
  if (to == Type::tf32 && from != Type::f32) return false;
  auto natural = [](Type t) { return bytes_of(t) < 2 ? 2u : bytes_of(t); };
  plan.to_bytes = request.widths[0] ? request.widths[0] : static_cast<uint8_t>(natural(to));
  plan.from_bytes = request.widths[1] ? request.widths[1] : static_cast<uint8_t>(natural(from));
  if (plan.to_bytes < natural(to) || plan.from_bytes < natural(from) || plan.to_bytes > 8 || plan.from_bytes > 8)
    return false;
  choice.imm = cast_bits<uint64_t>(plan);
  choice.shape = shape_of(letter(plan.to_bytes, is_float(to)), letter(plan.from_bytes, is_float(from)));
  choice.run = general;
  if (!choice.shape) return false;
  const bool exact_rows = plan.to_bytes == natural(to) && plan.from_bytes == natural(from);
  const bool bare = plan.flags == 0 && plan.whole == 0 && plan.round == 0;
  if (!exact_rows || !bare) return true;
  // The frequent ones.
  Handler fast = nullptr;
  if (is_integer(to) && bytes_of(to) > 1) {
    switch (from) {
      case Type::u16:
        fast = cast_from<uint16_t>(to);
        break;
      case Type::s16:
        fast = cast_from<int16_t>(to);
        break;
      case Type::u32:
        fast = cast_from<uint32_t>(to);
        break;
      case Type::s32:
        fast = cast_from<int32_t>(to);
        break;
      case Type::u64:
      case Type::s64:
        fast = cast_from<uint64_t>(to);
        break;
      default:
        break;
    }
  } else if (to == Type::f32) {
    switch (from) {
      case Type::s16:
        fast = cast<int16_t, float>;
        break;
      case Type::u16:
        fast = cast<uint16_t, float>;
        break;
      case Type::s32:
        fast = cast<int32_t, float>;
        break;
      case Type::u32:
        fast = cast<uint32_t, float>;
        break;
      case Type::s64:
        fast = cast<int64_t, float>;
        break;
      case Type::u64:
        fast = cast<uint64_t, float>;
        break;
      case Type::f64:
        fast = cast<double, float>;
        break;
      case Type::f16:
        fast = half_to_float;
        break;
      case Type::bf16:
        fast = brain_to_float;
        break;
      default:
        break;
    }
  } else if (to == Type::f64) {
    switch (from) {
      case Type::s32:
        fast = cast<int32_t, double>;
        break;
      case Type::u32:
        fast = cast<uint32_t, double>;
        break;
      case Type::s64:
        fast = cast<int64_t, double>;
        break;
      case Type::u64:
        fast = cast<uint64_t, double>;
        break;
      case Type::f32:
        fast = cast<float, double>;
        break;
      default:
        break;
    }
  } else if (from == Type::f32 && to == Type::f16) {
    fast = float_to_half;
  } else if (from == Type::f32 && to == Type::bf16) {
    fast = float_to_brain;
  }
  if (fast) choice.run = fast;
  return true;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
