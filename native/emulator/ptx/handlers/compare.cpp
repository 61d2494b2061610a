// setp, set, selp, slct.
#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

// The others are among these, inverted: NaNs make the ordered ones false.
enum class Relation : uint8_t { eq, ltgt, lt, le, gt, ge, num };
struct Named {
  const char* name;
  Relation relation;
  bool inverted;
  bool floating;  // for floats only
};
// lo, ls, hi, hs are unsigned compares by another name. `ne` of integers is eq inverted, that of floats is ordered.
constexpr Named kRelations[] = {
    {"eq", Relation::eq, false, false}, {"ne", Relation::eq, true, false},   {"lt", Relation::lt, false, false},
    {"le", Relation::le, false, false}, {"gt", Relation::gt, false, false},  {"ge", Relation::ge, false, false},
    {"lo", Relation::lt, false, false}, {"ls", Relation::le, false, false},  {"hi", Relation::gt, false, false},
    {"hs", Relation::ge, false, false}, {"equ", Relation::ltgt, true, true}, {"neu", Relation::eq, true, true},
    {"ltu", Relation::ge, true, true},  {"leu", Relation::gt, true, true},   {"gtu", Relation::le, true, true},
    {"geu", Relation::lt, true, true},  {"num", Relation::num, false, true}, {"nan", Relation::num, true, true}};

template <class T>
GPOOL_INLINE bool holds(Relation relation, T a, T b) {
  switch (relation) {
    case Relation::eq:
      return a == b;
    case Relation::ltgt:
      return a < b || a > b;
    case Relation::lt:
      return a < b;
    case Relation::le:
      return a <= b;
    case Relation::gt:
      return a > b;
    case Relation::ge:
      return a >= b;
    default:
      return a == a && b == b;
  }
}

// Instruction::imm
constexpr uint64_t kHow = 3;                               // 0 and, 1 or, 2 xor with a third predicate, 3 none
constexpr uint64_t kSecond = 4;                            // setp: there is a second destination
constexpr uint64_t kInverted = 8;                          // of the comparison
constexpr uint64_t kFtz = 16;                              // of the general handlers; the others know
constexpr unsigned kKind = 8, kRelation = 16, kType = 24;  // bits where set's kind of result, relation, type begin

GPOOL_INLINE uint32_t combine(uint64_t how, uint32_t bits, uint32_t other) {
  return how == 0 ? bits & other : how == 1 ? bits | other : how == 2 ? bits ^ other : bits;
}
GPOOL_INLINE uint32_t inversion(const Instruction* in) {
  return in->imm & kInverted ? ~0u : 0u;
}

// r: p, q, a, b [, c]
GPOOL_INLINE const Instruction* write_predicates(Warp& w, const Instruction* in, uint32_t bits) {
  const uint64_t how = in->imm & kHow;
  if (how == kHow && !(in->imm & kSecond)) {
    set_bits(w, in->r[0], bits);
    return in + 1;
  }
  const uint32_t other = how == kHow ? 0 : *predicate(w, in->r[4]);
  const uint32_t first = combine(how, bits, other), second = combine(how, ~bits, other);
  set_bits(w, in->r[0], first);
  set_bits(w, in->r[1], second);
  return in + 1;
}
template <Relation kRelation, class T, bool kFlush>
const Instruction* setp(Warp& w, const Instruction* in) {
  const T* a = row<T>(w, in->r[2]);
  const T* b = row<T>(w, in->r[3]);
  const uint32_t bits = bits_of<T>(w, [=](unsigned l) {
    if constexpr (kFlush)
      return holds(kRelation, flush(a[l]), flush(b[l]));
    else
      return holds(kRelation, a[l], b[l]);
  });
  return write_predicates(w, in, bits ^ inversion(in));
}

template <class T, bool kFlush = false>
Handler setp_of(Relation relation) {
  switch (relation) {
    case Relation::eq:
      return setp<Relation::eq, T, kFlush>;
    case Relation::lt:
      return setp<Relation::lt, T, kFlush>;
    case Relation::le:
      return setp<Relation::le, T, kFlush>;
    case Relation::gt:
      return setp<Relation::gt, T, kFlush>;
    case Relation::ge:
      return setp<Relation::ge, T, kFlush>;
    default:
      break;
  }
  if constexpr (T(0.5) != T(0)) {
    return relation == Relation::num ? setp<Relation::num, T, kFlush> : setp<Relation::ltgt, T, kFlush>;
  }
  return nullptr;
}
Handler setp_of(Type type, Relation relation, bool ftz) {
  switch (type) {
    case Type::u16:
    case Type::b16:
      return setp_of<uint16_t>(relation);
    case Type::s16:
      return setp_of<int16_t>(relation);
    case Type::u32:
    case Type::b32:
      return setp_of<uint32_t>(relation);
    case Type::s32:
      return setp_of<int32_t>(relation);
    case Type::u64:
    case Type::b64:
      return setp_of<uint64_t>(relation);
    case Type::s64:
      return setp_of<int64_t>(relation);
    case Type::f32:
      return ftz ? setp_of<float, true>(relation) : setp_of<float>(relation);
    case Type::f64:
      return ftz ? nullptr : setp_of<double>(relation);
    default:
      return nullptr;
  }
}

// ---- the general comparison: relation and type are looked up, one lane after the other ----

template <class T>
static uint32_t compare_rows(Warp& w, uint32_t a_row, uint32_t b_row, Relation relation) {
  const T* a = row<T>(w, a_row);
  const T* b = row<T>(w, b_row);
  uint32_t bits = 0;
  for (unsigned l = 0; l < kLanes; ++l) bits |= uint32_t(holds(relation, a[l], b[l])) << l;
  return bits;
}
// Bit i is of half i; of packed ones there are 64.
static uint64_t compare_halves(Warp& w, const Instruction* in, uint32_t a_row, uint32_t b_row, Type type) {
  const uint16_t* a = row<uint16_t>(w, a_row);
  const uint16_t* b = row<uint16_t>(w, b_row);
  const Relation relation = static_cast<Relation>(in->imm >> kRelation & 0xff);
  const bool brain = type == Type::bf16 || type == Type::bf16x2, ftz = in->imm & kFtz;
  auto read = [=](uint16_t x) {
    if (brain) return from_bf16(x);
    return from_f16(ftz && !(x & 0x7c00) ? static_cast<uint16_t>(x & 0x8000) : x);
  };
  const unsigned halves = bytes_of(type) == 4 ? 64 : 32;
  uint64_t bits = 0;
  for (unsigned i = 0; i < halves; ++i) bits |= uint64_t(holds(relation, read(a[i]), read(b[i]))) << i;
  return bits ^ (in->imm & kInverted ? ~0ull : 0);
}
static uint32_t compare_any(Warp& w, const Instruction* in, uint32_t a, uint32_t b) {
  const Type type = static_cast<Type>(in->imm >> kType);
  const Relation relation = static_cast<Relation>(in->imm >> kRelation & 0xff);
  uint32_t bits = 0;
  switch (type) {
    case Type::s16:
      bits = compare_rows<int16_t>(w, a, b, relation);
      break;
    case Type::u32:
    case Type::b32:
      bits = compare_rows<uint32_t>(w, a, b, relation);
      break;
    case Type::s32:
      bits = compare_rows<int32_t>(w, a, b, relation);
      break;
    case Type::u64:
    case Type::b64:
      bits = compare_rows<uint64_t>(w, a, b, relation);
      break;
    case Type::s64:
      bits = compare_rows<int64_t>(w, a, b, relation);
      break;
    case Type::f64:
      bits = compare_rows<double>(w, a, b, relation);
      break;
    case Type::f32: {
      const float* x = row<float>(w, a);
      const float* y = row<float>(w, b);
      const bool ftz = in->imm & kFtz;
      for (unsigned l = 0; l < kLanes; ++l) {
        bits |= uint32_t(holds(relation, ftz ? flush(x[l]) : x[l], ftz ? flush(y[l]) : y[l])) << l;
      }
      break;
    }
    case Type::f16:
    case Type::bf16:
      return static_cast<uint32_t>(compare_halves(w, in, a, b, type));
    default:
      bits = compare_rows<uint16_t>(w, a, b, relation);
  }
  return bits ^ inversion(in);
}

const Instruction* setp_half(Warp& w, const Instruction* in) {
  return write_predicates(w, in, compare_any(w, in, in->r[2], in->r[3]));
}
GPOOL_INLINE uint32_t every_second(uint64_t bits) {
  uint32_t result = 0;
  for (unsigned l = 0; l < kLanes; ++l) result |= static_cast<uint32_t>(bits >> 2 * l & 1) << l;
  return result;
}
// setp.f16x2: p from the low halves, q from the high ones.
const Instruction* setp_packed(Warp& w, const Instruction* in) {
  const uint64_t bits = compare_halves(w, in, in->r[2], in->r[3], static_cast<Type>(in->imm >> kType));
  const uint64_t how = in->imm & kHow;
  const uint32_t third = how == kHow ? 0 : *predicate(w, in->r[4]);
  set_bits(w, in->r[0], combine(how, every_second(bits), third));
  set_bits(w, in->r[1], combine(how, every_second(bits >> 1), third));
  return in + 1;
}

// What a set writes for true, by its kind: all ones, or 1.0.
enum class Yes : uint8_t { ones, single, half, brain };
GPOOL_INLINE uint32_t yes(const Instruction* in) {
  switch (static_cast<Yes>(in->imm >> kKind & 0xff)) {
    case Yes::single:
      return 0x3f800000u;
    case Yes::half:
      return 0x3c00;
    case Yes::brain:
      return 0x3f80;
    default:
      return ~0u;
  }
}
// r: d, a, b [, c]; T: of the result
template <class T>
const Instruction* set(Warp& w, const Instruction* in) {
  uint32_t bits = compare_any(w, in, in->r[1], in->r[2]);
  const uint64_t how = in->imm & kHow;
  if (how != kHow) bits = combine(how, bits, *predicate(w, in->r[3]));
  const T value = static_cast<T>(yes(in));
  each(w, row<T>(w, in->r[0]), [=](unsigned l) { return bits >> l & 1 ? value : T(0); });
  return in + 1;
}
const Instruction* set_packed(Warp& w, const Instruction* in) {
  const uint64_t bits = compare_halves(w, in, in->r[1], in->r[2], static_cast<Type>(in->imm >> kType));
  const uint64_t how = in->imm & kHow;
  const uint32_t third = how == kHow ? 0 : *predicate(w, in->r[3]);
  const uint32_t low = combine(how, every_second(bits), third), high = combine(how, every_second(bits >> 1), third);
  const uint32_t value = yes(in) & 0xffff;
  each(w, row<uint32_t>(w, in->r[0]),
       [=](unsigned l) { return (low >> l & 1 ? value : 0u) | (high >> l & 1 ? value << 16 : 0u); });
  return in + 1;
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
  const Opcode base = form.opcode();
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
  const Named* named = nullptr;
  for (const Named& one : kRelations) {
    if (form.take(one.name)) {
      named = &one;
      break;
    }
  }
  if (!named) return false;
  const bool ftz = form.take("ftz");
  const uint64_t how = form.take("and") ? 0 : form.take("or") ? 1 : form.take("xor") ? 2 : 3;
  const bool third = how != 3, is_setp = base == "setp";
  // setp.relation.type, set.relation.dtype.stype
  if (form.type_count() != (is_setp ? 1u : 2u)) return false;
  const Type source = form.type(is_setp ? 0 : 1);
  const bool floating = is_float(source) || is_half(source);
  Relation relation = named->relation;
  bool inverted = named->inverted;
  if (named->floating && !floating) return false;
  if (floating && relation == Relation::eq && inverted && !named->floating) relation = Relation::ltgt, inverted = false;
  if (ftz && (!floating || source == Type::f64)) return false;
  choice.imm = how | (inverted ? kInverted : 0) | (ftz ? kFtz : 0) |
               uint64_t{static_cast<uint8_t>(relation)} << kRelation | uint64_t{static_cast<uint8_t>(source)} << kType;
  const bool packed = is_half(source) && bytes_of(source) == 4;
  const unsigned bytes = bytes_of(source);
  if (is_setp) {
    if (request.has_second) choice.imm |= kSecond;
    switch (bytes) {
      case 2:
        choice.shape = third ? "P2hhp" : "P2hh";
        break;
      case 4:
        choice.shape = source == Type::f32 ? (third ? "P2ffp" : "P2ff") : (third ? "P2wwp" : "P2ww");
        break;
      case 8:
        choice.shape = source == Type::f64 ? (third ? "P2ddp" : "P2dd") : (third ? "P2qqp" : "P2qq");
        break;
      default:
        return false;
    }
    choice.run = packed ? setp_packed : is_half(source) ? setp_half : setp_of(source, relation, ftz);
    return choice.run;
  }
  Yes kind = Yes::ones;
  if (type == Type::f32)
    kind = Yes::single;
  else if (type == Type::f16 || type == Type::f16x2)
    kind = Yes::half;
  else if (type == Type::bf16 || type == Type::bf16x2)
    kind = Yes::brain;
  choice.imm |= uint64_t{static_cast<uint8_t>(kind)} << kKind;
  if (packed) {
    if (bytes_of(type) != 4 || kind == Yes::single) return false;
    choice.shape = third ? "wwwp" : "www";
    choice.run = set_packed;
    return true;
  }
  if (is_half(type) && bytes_of(type) == 4) return false;
  if (bytes_of(type) == 2) {
    if (!is_half(source)) return false;
    choice.shape = third ? "hhhp" : "hhh";
    choice.run = set<uint16_t>;
    return true;
  }
  if (bytes_of(type) != 4) return false;
  switch (bytes) {
    case 2:
      choice.shape = third ? "whhp" : "whh";
      break;
    case 4:
      choice.shape = source == Type::f32 ? (third ? "wffp" : "wff") : (third ? "wwwp" : "www");
      break;
    case 8:
      choice.shape = source == Type::f64 ? (third ? "wddp" : "wdd") : (third ? "wqqp" : "wqq");
      break;
    default:
      return false;
  }
  choice.run = set<uint32_t>;
  return true;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
