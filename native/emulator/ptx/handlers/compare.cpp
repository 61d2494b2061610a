// setp, set, selp, slct.
#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

enum class Relation : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
constexpr const char* kRelations[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                      "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};

template <Relation kRelation, class T>
GPOOL_INLINE bool holds(T a, T b) {
  switch (kRelation) {
    case Relation::eq:
      return a == b;
    case Relation::ne:
      return a < b || a > b;  // false with a NaN
    case Relation::lt:
      return a < b;
    case Relation::le:
      return a <= b;
    case Relation::gt:
      return a > b;
    case Relation::ge:
      return a >= b;
    case Relation::equ:
      return !(a < b || a > b);
    case Relation::neu:
      return a != b;
    case Relation::ltu:
      return !(a >= b);
    case Relation::leu:
      return !(a > b);
    case Relation::gtu:
      return !(a <= b);
    case Relation::geu:
      return !(a < b);
    case Relation::num:
      return a == a && b == b;
    case Relation::nan:
      return a != a || b != b;
  }
}

struct Plain {
  template <class T>
  GPOOL_INLINE static T read(T x) {
    return x;
  }
};
struct Flushed {
  GPOOL_INLINE static float read(float x) { return flush(x); }
};
struct Half {
  GPOOL_INLINE static float read(uint16_t x) { return from_f16(x); }
};
struct HalfFlushed {
  GPOOL_INLINE static float read(uint16_t x) { return from_f16((x & 0x7c00) ? x : uint16_t(x & 0x8000)); }
};
struct Brain {
  GPOOL_INLINE static float read(uint16_t x) { return from_bf16(x); }
};

template <Relation kRelation, class T, class Read>
GPOOL_INLINE uint32_t compare(Warp& w, const Instruction* in, uint32_t first) {
  const T* a = row<T>(w, in->r[first]);
  const T* b = row<T>(w, in->r[first + 1]);
  return bits_of([=](unsigned l) { return holds<kRelation>(Read::read(a[l]), Read::read(b[l])); });
}

// imm: 0 and, 1 or, 2 xor with a third predicate, 3 none
GPOOL_INLINE uint32_t combine(uint64_t how, uint32_t bits, uint32_t other) {
  return how == 0 ? bits & other : how == 1 ? bits | other : how == 2 ? bits ^ other : bits;
}

// r: p, q, a, b [, c]
template <Relation kRelation, class T, class Read>
const Instruction* setp(Warp& w, const Instruction* in) {
  uint32_t bits = compare<kRelation, T, Read>(w, in, 2);
  if (in->imm == 3) {
    set_bits(w, in->r[0], bits);
    return in + 1;
  }
  // imm 7: no third predicate, but a second destination
  uint32_t other = in->imm == 7 ? 0 : *predicate(w, in->r[4]);
  uint64_t how = in->imm & 3;
  uint32_t first = combine(how, bits, other), second = combine(how, ~bits, other);
  set_bits(w, in->r[0], first);
  set_bits(w, in->r[1], second);
  return in + 1;
}

// What a set writes for true: all ones (integers), 1.0 (f32).
// r: d, a, b [, c]; imm: combination | destination << 8 (0: b32 all ones, 1: f32)
template <Relation kRelation, class T, class Read>
const Instruction* set(Warp& w, const Instruction* in) {
  uint32_t bits = compare<kRelation, T, Read>(w, in, 1);
  uint64_t how = in->imm & 3;
  if (how != 3) bits = combine(how, bits, *predicate(w, in->r[3]));
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t yes = in->imm >> 8 ? 0x3f800000u : ~0u;
  each(w, d, [=](unsigned l) { return bits >> l & 1 ? yes : 0u; });
  return in + 1;
}
// Half results: 1.0 or all ones in 16 bits; `bits` per half.
// r: d, a, b [, c]; imm: combination | kind << 8 (0: 16-bit ones, 1: f16 1.0, 2: bf16 1.0, 3: u32 from 16-bit compare)
template <Relation kRelation, class Read, bool kPacked>
const Instruction* set_half(Warp& w, const Instruction* in) {
  constexpr unsigned kHalves = kPacked ? 64 : 32;
  const uint16_t* a = row<uint16_t>(w, in->r[1]);
  const uint16_t* b = row<uint16_t>(w, in->r[2]);
  const uint64_t how = in->imm & 3, kind = in->imm >> 8;
  uint32_t third = how == 3 ? 0 : *predicate(w, in->r[3]);
  const uint16_t yes = kind == 1 ? 0x3c00 : kind == 2 ? 0x3f80 : 0xffff;
  alignas(64) uint16_t out[64];
  for (unsigned i = 0; i < kHalves; ++i) {
    unsigned lane = kPacked ? i / 2 : i;
    bool bit = holds<kRelation>(Read::read(a[i]), Read::read(b[i]));
    out[i] = combine(how, bit, third >> lane & 1) & 1 ? yes : 0;
  }
  if (kPacked) {
    blend(w, row<uint32_t>(w, in->r[0]), reinterpret_cast<const uint32_t*>(out));
  } else if (kind == 3) {
    uint32_t* d = row<uint32_t>(w, in->r[0]);
    each(w, d, [&](unsigned l) { return out[l] ? ~0u : 0u; });
  } else {
    blend(w, row<uint16_t>(w, in->r[0]), out);
  }
  return in + 1;
}
// setp.f16x2: p from the low halves, q from the high ones.
template <Relation kRelation, class Read>
const Instruction* setp_packed(Warp& w, const Instruction* in) {
  const uint16_t* a = row<uint16_t>(w, in->r[2]);
  const uint16_t* b = row<uint16_t>(w, in->r[3]);
  uint32_t low = bits_of([=](unsigned l) { return holds<kRelation>(Read::read(a[2 * l]), Read::read(b[2 * l])); });
  uint32_t high =
      bits_of([=](unsigned l) { return holds<kRelation>(Read::read(a[2 * l + 1]), Read::read(b[2 * l + 1])); });
  const uint64_t how = in->imm & 3;
  uint32_t third = how == 3 ? 0 : *predicate(w, in->r[4]);
  set_bits(w, in->r[0], combine(how, low, third));
  set_bits(w, in->r[1], combine(how, high, third));
  return in + 1;
}

template <class F>
Handler by_relation(Relation relation, bool ordered_only, F make) {
  switch (relation) {
#define GPOOL_RELATION(name) \
  case Relation::name:       \
    return make.template operator()<Relation::name>()
    GPOOL_RELATION(eq);
    GPOOL_RELATION(ne);
    GPOOL_RELATION(lt);
    GPOOL_RELATION(le);
    GPOOL_RELATION(gt);
    GPOOL_RELATION(ge);
    default:
      break;
  }
  if (ordered_only) return nullptr;
  switch (relation) {
    GPOOL_RELATION(equ);
    GPOOL_RELATION(neu);
    GPOOL_RELATION(ltu);
    GPOOL_RELATION(leu);
    GPOOL_RELATION(gtu);
    GPOOL_RELATION(geu);
    GPOOL_RELATION(num);
    GPOOL_RELATION(nan);
#undef GPOOL_RELATION
    default:
      return nullptr;
  }
}

struct MakeSetp {
  template <class T, class Read>
  static Handler of(Relation relation, bool integer) {
    return by_relation(relation, integer, []<Relation kRelation>() -> Handler { return setp<kRelation, T, Read>; });
  }
};
struct MakeSet {
  template <class T, class Read>
  static Handler of(Relation relation, bool integer) {
    return by_relation(relation, integer, []<Relation kRelation>() -> Handler { return set<kRelation, T, Read>; });
  }
};
template <class Make>
Handler compare_of(Type type, Relation relation, bool ftz) {
  switch (type) {
    case Type::u16:
    case Type::b16:
      return Make::template of<uint16_t, Plain>(relation, true);
    case Type::s16:
      return Make::template of<int16_t, Plain>(relation, true);
    case Type::u32:
    case Type::b32:
      return Make::template of<uint32_t, Plain>(relation, true);
    case Type::s32:
      return Make::template of<int32_t, Plain>(relation, true);
    case Type::u64:
    case Type::b64:
      return Make::template of<uint64_t, Plain>(relation, true);
    case Type::s64:
      return Make::template of<int64_t, Plain>(relation, true);
    case Type::f32:
      return ftz ? Make::template of<float, Flushed>(relation, false)
                 : Make::template of<float, Plain>(relation, false);
    case Type::f64:
      return ftz ? nullptr : Make::template of<double, Plain>(relation, false);
    default:
      return nullptr;
  }
}
template <class Read, bool kPacked>
Handler set_half_of(Relation relation) {
  return by_relation(relation, false,
                     []<Relation kRelation>() -> Handler { return set_half<kRelation, Read, kPacked>; });
}
template <class Read>
Handler setp_packed_of(Relation relation) {
  return by_relation(relation, false, []<Relation kRelation>() -> Handler { return setp_packed<kRelation, Read>; });
}

template <class T>
const Instruction* selp(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const uint32_t p = *predicate(w, in->r[3]);
  each(w, d, [=](unsigned l) { return p >> l & 1 ? a[l] : b[l]; });
  return in + 1;
}
template <class T, bool kFloat, bool kFtz>
const Instruction* slct(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  if constexpr (kFloat) {
    const float* c = row<float>(w, in->r[3]);
    each(w, d, [=](unsigned l) { return (kFtz ? flush(c[l]) : c[l]) >= 0.0f ? a[l] : b[l]; });
  } else {
    const int32_t* c = row<int32_t>(w, in->r[3]);
    each(w, d, [=](unsigned l) { return c[l] >= 0 ? a[l] : b[l]; });
  }
  return in + 1;
}
template <class T>
Handler slct_of(bool is_float, bool ftz) {
  return is_float ? (ftz ? slct<T, true, true> : slct<T, true, false>) : slct<T, false, false>;
}

}  // namespace

bool select_compare(Request& request, Choice& choice) {
  Form& form = request.form;
  std::string_view base = form.base();
  Type type = form.type(0);
  if (base == "selp") {
    switch (bytes_of(type)) {
      case 2:
        choice.run = selp<uint16_t>;
        choice.shape = "hhhp";
        break;
      case 4:
        choice.run = selp<uint32_t>;
        choice.shape = type == Type::f32 ? "fffp" : "wwwp";
        break;
      case 8:
        choice.run = selp<uint64_t>;
        choice.shape = type == Type::f64 ? "dddp" : "qqqp";
        break;
    }
    return choice.run;
  }
  if (base == "slct") {
    const bool ftz = form.take("ftz"), is_f = form.type(1) == Type::f32;
    if (!is_f && form.type(1) != Type::s32) return false;
    switch (bytes_of(type)) {
      case 2:
        choice.run = slct_of<uint16_t>(is_f, ftz);
        choice.shape = is_f ? "hhhf" : "hhhw";
        break;
      case 4:
        choice.run = slct_of<uint32_t>(is_f, ftz);
        choice.shape = type == Type::f32 ? (is_f ? "ffff" : "fffw") : (is_f ? "wwwf" : "wwww");
        break;
      case 8:
        choice.run = slct_of<uint64_t>(is_f, ftz);
        choice.shape = type == Type::f64 ? (is_f ? "dddf" : "dddw") : (is_f ? "qqqf" : "qqqw");
        break;
    }
    return choice.run;
  }
  // lo, ls, hi, hs are unsigned compares by another name.
  Relation relation = Relation::eq;
  bool found = false;
  for (unsigned i = 0; i < 14 && !found; ++i) {
    if (form.take(kRelations[i])) relation = static_cast<Relation>(i), found = true;
  }
  if (!found) {
    if (form.take("lo"))
      relation = Relation::lt;
    else if (form.take("ls"))
      relation = Relation::le;
    else if (form.take("hi"))
      relation = Relation::gt;
    else if (form.take("hs"))
      relation = Relation::ge;
    else
      return false;
  }
  const bool ftz = form.take("ftz");
  uint64_t how = form.take("and") ? 0 : form.take("or") ? 1 : form.take("xor") ? 2 : 3;
  if (base == "setp") {
    choice.imm = how == 3 && request.has_second ? 7 : how;
    const bool third = how != 3;
    switch (type) {
      case Type::f16:
      case Type::bf16:
        choice.shape = third ? "P2hhp" : "P2hh";
        choice.run = type == Type::bf16 ? MakeSetp::of<uint16_t, Brain>(relation, false)
                     : ftz              ? MakeSetp::of<uint16_t, HalfFlushed>(relation, false)
                                        : MakeSetp::of<uint16_t, Half>(relation, false);
        return choice.run;
      case Type::f16x2:
      case Type::bf16x2:
        choice.shape = third ? "P2wwp" : "P2ww";
        choice.run = type == Type::bf16x2 ? setp_packed_of<Brain>(relation)
                     : ftz                ? setp_packed_of<HalfFlushed>(relation)
                                          : setp_packed_of<Half>(relation);
        choice.imm = how;
        return choice.run;
      default:
        break;
    }
    switch (bytes_of(type)) {
      case 2:
        choice.shape = third ? "P2hhp" : "P2hh";
        break;
      case 4:
        choice.shape = type == Type::f32 ? (third ? "P2ffp" : "P2ff") : (third ? "P2wwp" : "P2ww");
        break;
      case 8:
        choice.shape = type == Type::f64 ? (third ? "P2ddp" : "P2dd") : (third ? "P2qqp" : "P2qq");
        break;
    }
    choice.run = compare_of<MakeSetp>(type, relation, ftz);
    return choice.run;
  }
  // set.relation.dtype.stype
  Type source = form.type(1);
  if (form.type_count() != 2) return false;
  const bool third = how != 3;
  if (is_half(source)) {
    const bool packed = bytes_of(source) == 4, brain = source == Type::bf16 || source == Type::bf16x2;
    uint64_t kind;
    if (packed) {
      kind = type == Type::f16x2 ? 1 : type == Type::bf16x2 ? 2 : 0;
      if (kind == 0 && type != Type::u32 && type != Type::s32) return false;
      choice.shape = third ? "wwwp" : "www";
      choice.run = brain ? set_half_of<Brain, true>(relation)
                   : ftz ? set_half_of<HalfFlushed, true>(relation)
                         : set_half_of<Half, true>(relation);
    } else {
      kind = type == Type::f16 ? 1 : type == Type::bf16 ? 2 : type == Type::u32 || type == Type::s32 ? 3 : 0;
      if (kind == 0 && bytes_of(type) != 2) return false;
      choice.shape = kind == 3 ? (third ? "whhp" : "whh") : (third ? "hhhp" : "hhh");
      choice.run = brain ? set_half_of<Brain, false>(relation)
                   : ftz ? set_half_of<HalfFlushed, false>(relation)
                         : set_half_of<Half, false>(relation);
    }
    choice.imm = how | kind << 8;
    return choice.run;
  }
  if (bytes_of(type) != 4) return false;
  choice.imm = how | (type == Type::f32 ? 1 << 8 : 0);
  switch (bytes_of(source)) {
    case 2:
      choice.shape = third ? "whhp" : "whh";
      break;
    case 4:
      choice.shape = source == Type::f32 ? (third ? "wffp" : "wff") : (third ? "wwwp" : "www");
      break;
    case 8:
      choice.shape = source == Type::f64 ? (third ? "wddp" : "wdd") : (third ? "wqqp" : "wqq");
      break;
  }
  choice.run = compare_of<MakeSet>(source, relation, ftz);
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
