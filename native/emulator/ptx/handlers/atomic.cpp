// atom and red. Global memory: real host atomics, since other blocks run on other threads. Shared memory belongs to one
// block, which runs on one thread: plain operations.
#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

enum class Op : uint8_t { add, min, max, inc, dec, op_and, op_or, op_xor, exch, cas };

struct AsInteger {};
struct AsF16 {};
struct AsBf16 {};

// The new value. T is an integer, float or double; for pairs of halves T is uint32_t and Half says how to read them.
template <Op kOp, class T>
GPOOL_INLINE T apply(T old, T b, T c) {
  if constexpr (kOp == Op::exch)
    return b;
  else if constexpr (kOp == Op::cas)
    return old == b ? c : old;
  else if constexpr (kOp == Op::add) {
    if constexpr (T(0.5) != T(0))
      return old + b;
    else
      return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(b));
  } else if constexpr (kOp == Op::min) {
    return b < old || old != old ? b : old;
  } else if constexpr (kOp == Op::max) {
    return b > old || old != old ? b : old;
  } else if constexpr (kOp == Op::inc) {
    return old >= b ? T(0) : static_cast<T>(old + 1);
  } else if constexpr (kOp == Op::dec) {
    return old == T(0) || old > b ? b : static_cast<T>(old - 1);
  } else if constexpr (kOp == Op::op_and) {
    return static_cast<T>(old & b);
  } else if constexpr (kOp == Op::op_or) {
    return static_cast<T>(old | b);
  } else {
    return static_cast<T>(old ^ b);
  }
}
template <Op kOp, class Half>
GPOOL_INLINE uint16_t apply_half(uint16_t old, uint16_t b) {
  if constexpr (__is_same(Half, AsF16))
    return to_f16(apply<kOp, float>(from_f16(old), from_f16(b), 0));
  else
    return nearest_bf16(apply<kOp, float>(from_bf16(old), from_bf16(b), 0));
}

// Bits: the unsigned type of the memory word; T: how it is computed with; kParts: halves in it.
template <Op kOp, class Bits, class T, class Half, unsigned kParts>
GPOOL_INLINE Bits updated(Bits old, Bits b, Bits c) {
  if constexpr (__is_same(Half, AsInteger)) {
    return cast_bits<Bits>(apply<kOp, T>(cast_bits<T>(old), cast_bits<T>(b), cast_bits<T>(c)));
  } else {
    Bits result = 0;
    for (unsigned i = 0; i < kParts; ++i) {
      uint16_t part = apply_half<kOp, Half>(static_cast<uint16_t>(old >> 16 * i), static_cast<uint16_t>(b >> 16 * i));
      result = static_cast<Bits>(result | static_cast<Bits>(part) << 16 * i);
    }
    return result;
  }
}

template <Op kOp, class Bits, class T, class Half, unsigned kParts>
GPOOL_INLINE Bits update_host(Bits* p, Bits b, Bits c) {
  if constexpr (kOp == Op::exch) {
    return __atomic_exchange_n(p, b, __ATOMIC_SEQ_CST);
  } else if constexpr (kOp == Op::cas) {
    Bits expected = b;
    __atomic_compare_exchange_n(p, &expected, c, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
  } else if constexpr (kOp == Op::add && __is_same(Half, AsInteger) && T(0.5) == T(0)) {
    return __atomic_fetch_add(p, b, __ATOMIC_SEQ_CST);
  } else if constexpr (kOp == Op::op_and) {
    return __atomic_fetch_and(p, b, __ATOMIC_SEQ_CST);
  } else if constexpr (kOp == Op::op_or) {
    return __atomic_fetch_or(p, b, __ATOMIC_SEQ_CST);
  } else if constexpr (kOp == Op::op_xor) {
    return __atomic_fetch_xor(p, b, __ATOMIC_SEQ_CST);
  } else {
    Bits old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, updated<kOp, Bits, T, Half, kParts>(old, b, c), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    return old;
  }
}

// r: d, address, b, c. kShared: the address lies in the shared window; A: its register.
template <Op kOp, class Bits, class T, class Half, unsigned kParts, bool kShared, class A>
const Instruction* atomic(Warp& w, const Instruction* in) {
  Bits* d = in->r[0] == kNoRow ? nullptr : row<Bits>(w, in->r[0]);
  const A* address = row<A>(w, in->r[1]);
  const Bits* b = row<Bits>(w, in->r[2]);
  const Bits* c = kOp == Op::cas ? row<Bits>(w, in->r[3]) : b;
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    uint64_t at = static_cast<A>(address[l] + in->imm);
    if constexpr (kShared) {
      if (at + sizeof(Bits) > w.shared_bytes || at + sizeof(Bits) < at) {
        return fault_address(w, in, l, at, "atomic operation on shared memory");
      }
      if (at % sizeof(Bits)) return fault_misaligned(w, in, l, at, sizeof(Bits));
      Bits* p = reinterpret_cast<Bits*>(w.shared + at);
      Bits old = *p;
      *p = updated<kOp, Bits, T, Half, kParts>(old, b[l], c[l]);
      if (d) d[l] = old;
    } else {
      const Site& site = w.sites[in->site];
      if (!(at >= site.begin && at + sizeof(Bits) <= site.end) && !admit(w, in, at, at + sizeof(Bits), true)) {
        return fault_address(w, in, l, at, "atomic operation");
      }
      if (at % sizeof(Bits)) return fault_misaligned(w, in, l, at, sizeof(Bits));
      Bits old = update_host<kOp, Bits, T, Half, kParts>(reinterpret_cast<Bits*>(at), b[l], c[l]);
      if (d) d[l] = old;
    }
  }
  return in + 1;
}

// .v2, .v4, .v8: each element is updated by itself. extra: d (unless it is red), address, b. r[9]: elements, | 16 for
// atom.
template <Op kOp, class Bits, class T, class Half, unsigned kParts>
const Instruction* atomic_vector(Warp& w, const Instruction* in) {
  const unsigned count = in->r[9] & 15, bytes = count * sizeof(Bits);
  const uint32_t* d = w.extra + in->r[0];
  const uint32_t* rows = in->r[9] & 16 ? d + count : d;
  const uint64_t* address = row<uint64_t>(w, rows[0]);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    const uint64_t at = address[l] + in->imm;
    if (!admit(w, in, at, at + bytes, true)) return fault_address(w, in, l, at, "atomic operation");
    if (at % bytes) return fault_misaligned(w, in, l, at, bytes);
    Bits old[8];
    for (unsigned i = 0; i < count; ++i) {
      const Bits b = row<Bits>(w, rows[1 + i])[l];
      old[i] = update_host<kOp, Bits, T, Half, kParts>(reinterpret_cast<Bits*>(at) + i, b, b);
    }
    if (rows == d) continue;
    for (unsigned i = 0; i < count; ++i) row<Bits>(w, d[i])[l] = old[i];
  }
  return in + 1;
}
template <Op kOp>
Handler vector_of(Type type, unsigned count) {
  switch (type) {
    case Type::f32:
      if constexpr (kOp == Op::add) return count <= 4 ? atomic_vector<kOp, uint32_t, float, AsInteger, 1> : nullptr;
      return nullptr;
    case Type::f16:
      return atomic_vector<kOp, uint16_t, uint16_t, AsF16, 1>;
    case Type::bf16:
      return atomic_vector<kOp, uint16_t, uint16_t, AsBf16, 1>;
    case Type::f16x2:
      return count <= 4 ? atomic_vector<kOp, uint32_t, uint32_t, AsF16, 2> : nullptr;
    case Type::bf16x2:
      return count <= 4 ? atomic_vector<kOp, uint32_t, uint32_t, AsBf16, 2> : nullptr;
    default:
      return nullptr;
  }
}

template <Op kOp, class Bits, class T, class Half, unsigned kParts>
Handler placed(bool shared, bool narrow) {
  if (shared) {
    return narrow ? atomic<kOp, Bits, T, Half, kParts, true, uint32_t>
                  : atomic<kOp, Bits, T, Half, kParts, true, uint64_t>;
  }
  return narrow ? nullptr : atomic<kOp, Bits, T, Half, kParts, false, uint64_t>;
}
template <Op kOp>
Handler integer(Type type, bool shared, bool narrow) {
  switch (type) {
    case Type::b16:
      if constexpr (kOp == Op::cas) return placed<kOp, uint16_t, uint16_t, AsInteger, 1>(shared, narrow);
      return nullptr;
    case Type::u32:
    case Type::b32:
      return placed<kOp, uint32_t, uint32_t, AsInteger, 1>(shared, narrow);
    case Type::s32:
      return placed<kOp, uint32_t, int32_t, AsInteger, 1>(shared, narrow);
    case Type::u64:
    case Type::b64:
      return placed<kOp, uint64_t, uint64_t, AsInteger, 1>(shared, narrow);
    case Type::s64:
      return placed<kOp, uint64_t, int64_t, AsInteger, 1>(shared, narrow);
    default:
      return nullptr;
  }
}
template <Op kOp>
Handler floating(Type type, bool shared, bool narrow) {
  switch (type) {
    case Type::f32:
      return placed<kOp, uint32_t, float, AsInteger, 1>(shared, narrow);
    case Type::f64:
      return placed<kOp, uint64_t, double, AsInteger, 1>(shared, narrow);
    case Type::f16:
      return placed<kOp, uint16_t, uint16_t, AsF16, 1>(shared, narrow);
    case Type::bf16:
      return placed<kOp, uint16_t, uint16_t, AsBf16, 1>(shared, narrow);
    case Type::f16x2:
      return placed<kOp, uint32_t, uint32_t, AsF16, 2>(shared, narrow);
    case Type::bf16x2:
      return placed<kOp, uint32_t, uint32_t, AsBf16, 2>(shared, narrow);
    default:
      return integer<kOp>(type, shared, narrow);
  }
}

const char* shape_of(bool red, bool cas, unsigned bytes, bool is_f) {
  if (red) return bytes == 2 ? "_mh" : bytes == 4 ? (is_f ? "_mf" : "_mw") : (is_f ? "_md" : "_mq");
  if (cas) return bytes == 2 ? "hmhh" : bytes == 4 ? "wmww" : "qmqq";
  return bytes == 2 ? "hmh" : bytes == 4 ? (is_f ? "fmf" : "wmw") : (is_f ? "dmd" : "qmq");
}

}  // namespace

bool select_atomic(Request& request, Choice& choice) {
  Form& form = request.form;
  const bool red = form.opcode() == "red";
  if (form.type_count() != 1 || form.has("async")) return false;
  const Type type = form.type(0);
  for (std::string_view modifier :
       {"relaxed", "acquire", "release", "acq_rel", "cta", "cluster", "gpu", "sys", "noftz"}) {
    form.take(modifier);
  }
  choice.ignores_last = form.take("L2::cache_hint");
  const bool shared = form.take("shared") || form.take("shared::cta") || form.take("shared::cluster");
  if (!shared) form.take("global");
  const bool narrow = request.widths[red ? 0 : 1] == 4;
  choice.touches_memory = true;
  if (const unsigned count = form.take("v2") ? 2 : form.take("v4") ? 4 : form.take("v8") ? 8 : 0) {
    if (shared || narrow || request.elements[red ? 1 : 0] != count || (!red && request.elements[2] != count)) {
      return false;
    }
    choice.run = form.take("add")   ? vector_of<Op::add>(type, count)
                 : form.take("min") ? vector_of<Op::min>(type, count)
                 : form.take("max") ? vector_of<Op::max>(type, count)
                                    : nullptr;
    const bool wide = bytes_of(type) == 4;
    choice.shape = red ? (wide ? "*mVw" : "*mVh") : wide ? "*VwmVw" : "*VhmVh";
    choice.note = count | (red ? 0 : 16);
    return choice.run;
  }
  if (form.take("add"))
    choice.run = floating<Op::add>(type, shared, narrow);
  else if (form.take("min"))
    choice.run = floating<Op::min>(type, shared, narrow);
  else if (form.take("max"))
    choice.run = floating<Op::max>(type, shared, narrow);
  else if (form.take("inc"))
    choice.run = type == Type::u32 ? integer<Op::inc>(type, shared, narrow) : nullptr;
  else if (form.take("dec"))
    choice.run = type == Type::u32 ? integer<Op::dec>(type, shared, narrow) : nullptr;
  else if (form.take("and"))
    choice.run = integer<Op::op_and>(type, shared, narrow);
  else if (form.take("or"))
    choice.run = integer<Op::op_or>(type, shared, narrow);
  else if (form.take("xor"))
    choice.run = integer<Op::op_xor>(type, shared, narrow);
  else if (form.take("exch") && !red)
    choice.run = integer<Op::exch>(type, shared, narrow);
  const bool cas = !choice.run && !red && form.take("cas");
  if (cas) choice.run = integer<Op::cas>(type, shared, narrow);
  choice.shape = shape_of(red, cas, bytes_of(type), is_float(type));
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
