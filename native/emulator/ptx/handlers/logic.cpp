// and, or, xor, not, cnot, shifts, lop3, shf; on predicates too.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct And {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  GPOOL_INLINE static T of(T a, T b) {
    return static_cast<T>(a ^ b);
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
template <class Op>
const Instruction* predicates(Warp& w, const Instruction* in) {
  set_bits(w, in->r[0], Op::of(*predicate(w, in->r[1]), *predicate(w, in->r[2])));
  return in + 1;
}
const Instruction* not_predicate(Warp& w, const Instruction* in) {
  set_bits(w, in->r[0], ~*predicate(w, in->r[1]));
  return in + 1;
}
template <class T>
const Instruction* invert(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return static_cast<T>(~a[l]); });
  return in + 1;
}
template <class T>
const Instruction* is_zero(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return static_cast<T>(a[l] == 0); });
  return in + 1;
}
// Counts at or above the width shift everything out.
template <class T>
const Instruction* shift_left(Warp& w, const Instruction* in) {
  constexpr unsigned kBits = 8 * sizeof(T);
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  each(w, d, [=](unsigned l) {
    T shifted = static_cast<T>(a[l] << (b[l] & (kBits - 1)));
    return b[l] < kBits ? shifted : T(0);
  });
  return in + 1;
}
template <class T>
const Instruction* shift_right(Warp& w, const Instruction* in) {
  constexpr unsigned kBits = 8 * sizeof(T);
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  if constexpr (T(-1) < T(0)) {
    each(w, d, [=](unsigned l) { return static_cast<T>(a[l] >> (b[l] < kBits ? b[l] : kBits - 1)); });
  } else {
    each(w, d, [=](unsigned l) {
      T shifted = static_cast<T>(a[l] >> (b[l] & (kBits - 1)));
      return b[l] < kBits ? shifted : T(0);
    });
  }
  return in + 1;
}
const Instruction* lop3(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  uint32_t t[8];
  for (unsigned i = 0; i < 8; ++i) t[i] = in->imm >> i & 1 ? ~0u : 0;
  each(w, d, [=](unsigned l) {
    uint32_t x = a[l], y = b[l], z = c[l];
    return (~x & ~y & ~z & t[0]) | (~x & ~y & z & t[1]) | (~x & y & ~z & t[2]) | (~x & y & z & t[3]) |
           (x & ~y & ~z & t[4]) | (x & ~y & z & t[5]) | (x & y & ~z & t[6]) | (x & y & z & t[7]);
  });
  return in + 1;
}
template <bool kLeft, bool kClamp>
const Instruction* funnel(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    uint32_t n = kClamp ? (c[l] < 32 ? c[l] : 32) : c[l] & 31;
    uint64_t both = uint64_t(b[l]) << 32 | a[l];
    return static_cast<uint32_t>(kLeft ? (both << n) >> 32 : both >> n);
  });
  return in + 1;
}

template <class Op>
Handler binary_of(Type type) {
  switch (bytes_of(type)) {
    case 2:
      return binary<Op, uint16_t>;
    case 4:
      return binary<Op, uint32_t>;
    case 8:
      return binary<Op, uint64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

bool select_logic(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  Type type = form.type(0);
  if (type == Type::pred) {
    choice.shape = base == "not" ? "Pp" : "Ppp";
    if (base == "and") choice.run = predicates<And>;
    if (base == "or") choice.run = predicates<Or>;
    if (base == "xor") choice.run = predicates<Xor>;
    if (base == "not") choice.run = not_predicate;
    return choice.run;
  }
  if (base == "lop3") {
    if (type != Type::b32 || form.has("BoolOp")) return false;
    choice.run = lop3;
    choice.shape = "wwwwi";
    return true;
  }
  if (base == "shf") {
    const bool left = form.take("l"), right = form.take("r"), clamp = form.take("clamp"), wrap = form.take("wrap");
    if (left == right || clamp == wrap || bytes_of(type) != 4) return false;
    choice.run = left ? (clamp ? funnel<true, true> : funnel<true, false>)
                      : (clamp ? funnel<false, true> : funnel<false, false>);
    choice.shape = "wwww";
    return true;
  }
  if (!is_integer(type)) return false;
  const unsigned bytes = bytes_of(type);
  if (bytes == 1) return false;
  choice.shape = bytes == 2 ? "hhh" : bytes == 4 ? "www" : "qqq";
  if (base == "and") choice.run = binary_of<And>(type);
  if (base == "or") choice.run = binary_of<Or>(type);
  if (base == "xor") choice.run = binary_of<Xor>(type);
  if (choice.run) return true;
  choice.shape = bytes == 2 ? "hhw" : bytes == 4 ? "www" : "qqw";
  if (base == "shl") {
    choice.run = bytes == 2 ? shift_left<uint16_t> : bytes == 4 ? shift_left<uint32_t> : shift_left<uint64_t>;
  } else if (base == "shr" && is_signed(type)) {
    choice.run = bytes == 2 ? shift_right<int16_t> : bytes == 4 ? shift_right<int32_t> : shift_right<int64_t>;
  } else if (base == "shr") {
    choice.run = bytes == 2 ? shift_right<uint16_t> : bytes == 4 ? shift_right<uint32_t> : shift_right<uint64_t>;
  } else {
    choice.shape = bytes == 2 ? "hh" : bytes == 4 ? "ww" : "qq";
    if (base == "not") choice.run = bytes == 2 ? invert<uint16_t> : bytes == 4 ? invert<uint32_t> : invert<uint64_t>;
    if (base == "cnot")
      choice.run = bytes == 2 ? is_zero<uint16_t> : bytes == 4 ? is_zero<uint32_t> : is_zero<uint64_t>;
  }
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
