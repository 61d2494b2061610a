// Integer arithmetic. Wrap-around is computed unsigned; division by zero gives all ones, as hardware tends to.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

template <class T>
struct Next;
template <>
struct Next<uint16_t> {
  using Type = uint32_t;
};
template <>
struct Next<int16_t> {
  using Type = int32_t;
};
template <>
struct Next<uint32_t> {
  using Type = uint64_t;
};
template <>
struct Next<int32_t> {
  using Type = int64_t;
};
template <>
struct Next<uint64_t> {
  __extension__ using Type = unsigned __int128;
};
template <>
struct Next<int64_t> {
  __extension__ using Type = __int128;
};
template <class T>
using Wide = typename Next<T>::Type;

template <class T>
struct Unsigned {
  using Type = T;
};
template <>
struct Unsigned<int16_t> {
  using Type = uint16_t;
};
template <>
struct Unsigned<int32_t> {
  using Type = uint32_t;
};
template <>
struct Unsigned<int64_t> {
  using Type = uint64_t;
};
// Arithmetic that may wrap; 16-bit values are promoted to unsigned, never to int.
template <class T>
using U = typename Unsigned<T>::Type;
template <class T>
GPOOL_INLINE T product(T a, T b) {
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  else
    return static_cast<T>(static_cast<U<T>>(a) * static_cast<U<T>>(b));
}
template <class T>
constexpr bool kSigned = T(-1) < T(0);
template <class T>
constexpr T kLeast = kSigned<T> ? static_cast<T>(U<T>(1) << (8 * sizeof(T) - 1)) : T(0);
template <class T>
constexpr T kMost = static_cast<T>(~kLeast<T>);

struct Add {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>(U<T>(a) + U<T>(b));
  }
};
struct Sub {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>(U<T>(a) - U<T>(b));
  }
};
struct Mul {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return product(a, b);
  }
};
struct Min {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return least(a, b);
  }
};
struct Max {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return most(a, b);
  }
};
struct MinRelu {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return most(least(a, b), T(0));
  }
};
struct MaxRelu {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return most(most(a, b), T(0));
  }
};
struct MulHigh {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>((Wide<T>(a) * Wide<T>(b)) >> (8 * sizeof(T)));
  }
};
struct Div {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    if (b == 0) return static_cast<T>(-1);
    if (kSigned<T> && b == static_cast<T>(-1)) return static_cast<T>(U<T>(0) - U<T>(a));
    return static_cast<T>(a / b);
  }
};
struct Rem {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    if (b == 0) return a;
    if (kSigned<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
struct AddSat {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    int64_t sum = int64_t(a) + int64_t(b);
    return static_cast<T>(most(least(sum, int64_t(kMost<T>)), int64_t(kLeast<T>)));
  }
};
struct SubSat {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    int64_t sum = int64_t(a) - int64_t(b);
    return static_cast<T>(most(least(sum, int64_t(kMost<T>)), int64_t(kLeast<T>)));
  }
};
template <class T>
GPOOL_INLINE T low24(T a) {
  uint32_t bits = static_cast<uint32_t>(a) << 8;
  return kSigned<T> ? static_cast<T>(static_cast<int32_t>(bits) >> 8) : static_cast<T>(bits >> 8);
}
struct Mul24Low {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return product(low24(a), low24(b));
  }
};
struct Mul24High {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>((Wide<T>(low24(a)) * Wide<T>(low24(b))) >> 16);
  }
};

template <class Op, class T>
const Instruction* binary(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  each(w, d, [=](unsigned l) { return Op::of(a[l], b[l]); });
  return in + 1;
}
// d = op(a, b) + c
template <class Op, class T>
const Instruction* ternary(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const T* c = row<T>(w, in->r[3]);
  each(w, d, [=](unsigned l) { return Add::of(Op::of(a[l], b[l]), c[l]); });
  return in + 1;
}
template <class Op>
const Instruction* ternary_sat(Warp& w, const Instruction* in) {
  int32_t* d = row<int32_t>(w, in->r[0]);
  const int32_t* a = row<int32_t>(w, in->r[1]);
  const int32_t* b = row<int32_t>(w, in->r[2]);
  const int32_t* c = row<int32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) { return AddSat::of(Op::of(a[l], b[l]), c[l]); });
  return in + 1;
}
template <class T>
const Instruction* sum_of_differences(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const T* c = row<T>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    T difference = a[l] < b[l] ? Sub::of(b[l], a[l]) : Sub::of(a[l], b[l]);
    return Add::of(difference, c[l]);
  });
  return in + 1;
}
template <class T>
const Instruction* mul_wide(Warp& w, const Instruction* in) {
  Wide<T>* d = row<Wide<T>>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  each(w, d, [=](unsigned l) { return static_cast<Wide<T>>(Wide<T>(a[l]) * Wide<T>(b[l])); });
  return in + 1;
}
template <class T>
const Instruction* mad_wide(Warp& w, const Instruction* in) {
  Wide<T>* d = row<Wide<T>>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const Wide<T>* c = row<Wide<T>>(w, in->r[3]);
  each(w, d, [=](unsigned l) { return Add::of(static_cast<Wide<T>>(Wide<T>(a[l]) * Wide<T>(b[l])), c[l]); });
  return in + 1;
}
template <class T>
const Instruction* negate(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return Sub::of(T(0), a[l]); });
  return in + 1;
}
template <class T>
const Instruction* absolute(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return a[l] < 0 ? Sub::of(T(0), a[l]) : a[l]; });
  return in + 1;
}
// Two 16-bit values per word.
template <class Op, class T>
const Instruction* packed(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  each(w, d, [=](unsigned l) {
    U<T> low = static_cast<U<T>>(Op::of(static_cast<T>(a[l]), static_cast<T>(b[l])));
    U<T> high = static_cast<U<T>>(Op::of(static_cast<T>(a[l] >> 16), static_cast<T>(b[l] >> 16)));
    return uint32_t(low) | uint32_t(high) << 16;
  });
  return in + 1;
}

// Extended precision. The carry flag of a thread is a hidden predicate at the end of the scratch row: chains of these
// instructions stand together in one function.
constexpr uint32_t kCarry = 508;

// d = a + b (+ carry), with subtraction as a + ~b + borrow. kReads: uses the flag; kWrites: sets it.
template <class T, bool kSubtract, bool kReads, bool kWrites>
const Instruction* carry_add(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  uint32_t* flag = predicate(w, kCarry);
  uint32_t out = *flag;
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    bool carry_in = kReads ? (*flag >> l & 1) : false;
    T sum;
    bool carry;
    if (kSubtract) {  // the flag holds the borrow
      bool first = __builtin_sub_overflow(a[l], b[l], &sum);
      carry = __builtin_sub_overflow(sum, T(carry_in), &sum) || first;
    } else {
      bool first = __builtin_add_overflow(a[l], b[l], &sum);
      carry = __builtin_add_overflow(sum, T(carry_in), &sum) || first;
    }
    d[l] = sum;
    out = (out & ~(1u << l)) | uint32_t(carry) << l;
  }
  if (kWrites) *flag = out;
  return in + 1;
}
template <class T, bool kHigh, bool kReads, bool kWrites>
const Instruction* carry_mad(Warp& w, const Instruction* in) {
  U<T>* d = row<U<T>>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const U<T>* c = row<U<T>>(w, in->r[3]);
  uint32_t* flag = predicate(w, kCarry);
  uint32_t out = *flag;
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    bool carry_in = kReads ? (*flag >> l & 1) : false;
    U<T> part = static_cast<U<T>>(kHigh ? MulHigh::of(a[l], b[l]) : Mul::of(a[l], b[l]));
    U<T> sum;
    bool carry = __builtin_add_overflow(part, c[l], &sum);
    carry |= __builtin_add_overflow(sum, U<T>(carry_in), &sum);
    d[l] = sum;
    out = (out & ~(1u << l)) | uint32_t(carry) << l;
  }
  if (kWrites) *flag = out;
  return in + 1;
}

// `make` is called with a value of the C++ type for `type`; picks the instantiation.
template <class F>
Handler by_type(Type type, F make) {
  switch (type) {
    case Type::u16:
    case Type::b16:
      return make(uint16_t{});
    case Type::s16:
      return make(int16_t{});
    case Type::u32:
    case Type::b32:
      return make(uint32_t{});
    case Type::s32:
      return make(int32_t{});
    case Type::u64:
    case Type::b64:
      return make(uint64_t{});
    case Type::s64:
      return make(int64_t{});
    default:
      return nullptr;
  }
}
template <class Op>
Handler binary_of(Type type) {
  return by_type(type, [](auto t) -> Handler { return binary<Op, decltype(t)>; });
}
template <class Op>
Handler ternary_of(Type type) {
  return by_type(type, [](auto t) -> Handler { return ternary<Op, decltype(t)>; });
}

const char* shape_of(Type type, const char* narrow, const char* word, const char* wide) {
  unsigned bytes = bytes_of(type);
  return bytes == 2 ? narrow : bytes == 4 ? word : wide;
}

template <bool kSubtract>
Handler carry_of(Type type, bool reads, bool writes) {
  auto of = [&](auto t) -> Handler {
    using T = U<decltype(t)>;
    if (reads) return writes ? carry_add<T, kSubtract, true, true> : carry_add<T, kSubtract, true, false>;
    return carry_add<T, kSubtract, false, true>;
  };
  return bytes_of(type) == 4 ? of(uint32_t{}) : bytes_of(type) == 8 ? of(uint64_t{}) : nullptr;
}
template <class T>
Handler carry_mad_of(bool high, bool reads, bool writes) {
  if (high) {
    if (reads) return writes ? carry_mad<T, true, true, true> : carry_mad<T, true, true, false>;
    return carry_mad<T, true, false, true>;
  }
  if (reads) return writes ? carry_mad<T, false, true, true> : carry_mad<T, false, true, false>;
  return carry_mad<T, false, false, true>;
}

}  // namespace

bool select_integer(Request& request, Choice& choice) {
  Form& form = request.form;
  Type type = form.type(0);
  const Opcode base = form.opcode();
  // u16x2 and s16x2 are types of add, min and max only.
  if (const bool sgn = form.take("s16x2"); sgn || form.take("u16x2")) {
    choice.shape = "www";
    const bool relu = form.take("relu");
    if (relu && !sgn) return false;
    if (base == "add") choice.run = relu ? nullptr : packed<Add, uint16_t>;
    if (base == "min")
      choice.run = relu ? packed<MinRelu, int16_t> : sgn ? packed<Min, int16_t> : packed<Min, uint16_t>;
    if (base == "max")
      choice.run = relu ? packed<MaxRelu, int16_t> : sgn ? packed<Max, int16_t> : packed<Max, uint16_t>;
    return choice.run;
  }
  if (!is_integer(type) || bytes_of(type) == 1) return false;
  const bool carry_out = form.take("cc");
  if (base == "add" || base == "sub" || base == "addc" || base == "subc") {
    choice.shape = shape_of(type, "hhh", "www", "qqq");
    bool subtract = base.text[0] == 's';
    bool reads = base.text.size() == 4;
    if (carry_out || reads) {
      choice.run = subtract ? carry_of<true>(type, reads, carry_out) : carry_of<false>(type, reads, carry_out);
      return choice.run;
    }
    if (form.take("sat")) {
      if (type != Type::s32) return false;
      choice.run = subtract ? binary<SubSat, int32_t> : binary<AddSat, int32_t>;
      return true;
    }
    choice.run = subtract ? binary_of<Sub>(type) : binary_of<Add>(type);
    return choice.run;
  }
  if (base == "mul" || base == "mad" || base == "madc") {
    const bool three = base != "mul";
    const bool wide = form.take("wide"), high = form.take("hi"), low = form.take("lo");
    if (base == "madc" || carry_out) {
      if (wide || bytes_of(type) < 4 || !three) return false;
      bool reads = base == "madc";
      choice.shape = shape_of(type, "", "wwww", "qqqq");
      switch (type) {
        case Type::s32:
          choice.run = carry_mad_of<int32_t>(high, reads, carry_out);
          break;
        case Type::s64:
          choice.run = carry_mad_of<int64_t>(high, reads, carry_out);
          break;
        case Type::u32:
          choice.run = carry_mad_of<uint32_t>(high, reads, carry_out);
          break;
        case Type::u64:
          choice.run = carry_mad_of<uint64_t>(high, reads, carry_out);
          break;
        default:
          return false;
      }
      return true;
    }
    if (wide) {
      if (bytes_of(type) > 4) return false;
      choice.shape = three ? shape_of(type, "whhw", "qwwq", "") : shape_of(type, "whh", "qww", "");
      auto make = [&](auto t) -> Handler {
        using T = decltype(t);
        if constexpr (sizeof(T) < 8)
          return three ? Handler(mad_wide<T>) : Handler(mul_wide<T>);
        else
          return nullptr;
      };
      choice.run = by_type(type, make);
      return choice.run;
    }
    if (!high && !low) return false;
    choice.shape = three ? shape_of(type, "hhhh", "wwww", "qqqq") : shape_of(type, "hhh", "www", "qqq");
    if (three && form.take("sat")) {
      if (!high || type != Type::s32) return false;
      choice.run = ternary_sat<MulHigh>;
      return true;
    }
    if (high)
      choice.run = three ? ternary_of<MulHigh>(type) : binary_of<MulHigh>(type);
    else
      choice.run = three ? ternary_of<Mul>(type) : binary_of<Mul>(type);
    return choice.run;
  }
  if (base == "mul24" || base == "mad24") {
    const bool three = base.text[1] == 'a';
    const bool high = form.take("hi");
    if ((!high && !form.take("lo")) || bytes_of(type) != 4) return false;
    choice.shape = three ? "wwww" : "www";
    const bool sgn = type == Type::s32;
    if (three && form.take("sat")) {
      if (!high || !sgn) return false;
      choice.run = ternary_sat<Mul24High>;
    } else if (high) {
      choice.run = three ? (sgn ? ternary<Mul24High, int32_t> : ternary<Mul24High, uint32_t>)
                         : (sgn ? binary<Mul24High, int32_t> : binary<Mul24High, uint32_t>);
    } else {
      choice.run = three ? (sgn ? ternary<Mul24Low, int32_t> : ternary<Mul24Low, uint32_t>)
                         : (sgn ? binary<Mul24Low, int32_t> : binary<Mul24Low, uint32_t>);
    }
    return true;
  }
  if (base == "sad") {
    choice.shape = shape_of(type, "hhhh", "wwww", "qqqq");
    choice.run = by_type(type, [](auto t) -> Handler { return sum_of_differences<decltype(t)>; });
    return choice.run;
  }
  choice.shape = shape_of(type, "hhh", "www", "qqq");
  if (base == "div") choice.run = binary_of<Div>(type);
  if (base == "rem") choice.run = binary_of<Rem>(type);
  if (base == "min" || base == "max") {
    const bool max = base.text[1] == 'a';
    if (form.take("relu")) {
      if (type != Type::s32) return false;
      choice.run = max ? binary<MaxRelu, int32_t> : binary<MinRelu, int32_t>;
    } else {
      choice.run = max ? binary_of<Max>(type) : binary_of<Min>(type);
    }
  }
  if (choice.run) return true;
  choice.shape = shape_of(type, "hh", "ww", "qq");
  if (!is_signed(type)) return false;
  if (base == "neg") choice.run = by_type(type, [](auto t) -> Handler { return negate<decltype(t)>; });
  if (base == "abs") choice.run = by_type(type, [](auto t) -> Handler { return absolute<decltype(t)>; });
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
