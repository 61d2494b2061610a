// shfl, vote, match, redux, activemask, elect. The .sync forms wait until the lanes of their member mask are together.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

GPOOL_INLINE unsigned first_lane(uint32_t mask) {
  return static_cast<unsigned>(__builtin_ctz(mask));
}
GPOOL_INLINE uint32_t members(Warp& w, uint32_t offset) {
  return row<uint32_t>(w, offset)[first_lane(w.mask)];
}

enum class Shuffle : uint8_t { up, down, bfly, idx };

// r: d, p, a, b, c [, members]; imm 1: with members
template <Shuffle kMode>
[[gnu::noinline]] static const Instruction* shfl_any(Warp& w, const Instruction* in) {
  if (in->imm && !converged(w, in, members(w, in->r[5]))) return nullptr;
  alignas(64) uint32_t source[kLanes];
  __builtin_memcpy(source, row<uint32_t>(w, in->r[2]), sizeof source);
  const uint32_t* b = row<uint32_t>(w, in->r[3]);
  const uint32_t* c = row<uint32_t>(w, in->r[4]);
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  alignas(64) uint32_t from[kLanes];
  alignas(32) uint8_t valid[kLanes];
  GPOOL_LANES
  for (uint32_t l = 0; l < kLanes; ++l) {
    const uint32_t amount = b[l] & 31, clamp = c[l] & 31, segment = c[l] >> 8 & 31;
    const uint32_t most_lane = (l & segment) | (clamp & ~segment), least_lane = l & segment;
    int32_t j;
    bool ok;
    if constexpr (kMode == Shuffle::up) {
      j = static_cast<int32_t>(l) - static_cast<int32_t>(amount);
      ok = j >= static_cast<int32_t>(most_lane);
    } else if constexpr (kMode == Shuffle::down) {
      j = static_cast<int32_t>(l + amount);
      ok = j <= static_cast<int32_t>(most_lane);
    } else if constexpr (kMode == Shuffle::bfly) {
      j = static_cast<int32_t>(l ^ amount);
      ok = j <= static_cast<int32_t>(most_lane);
    } else {
      j = static_cast<int32_t>(least_lane | (amount & ~segment));
      ok = j <= static_cast<int32_t>(most_lane);
    }
    from[l] = ok ? static_cast<uint32_t>(j) & 31 : l;
    valid[l] = ok ? 0xff : 0;
  }
  set_bits(w, in->r[1], gather_bits(valid));
  if (w.mask == kFull) {
    for (unsigned l = 0; l < kLanes; ++l) d[l] = source[from[l]];
  } else {
    for (uint32_t left = w.mask; left; left &= left - 1) d[first_lane(left)] = source[from[first_lane(left)]];
  }
  return in + 1;
}

GPOOL_INLINE bool all_same(const uint32_t* a) {
  uint32_t differ = 0;
  GPOOL_LANES
  GPOOL_UNROLL
  for (unsigned l = 0; l < kLanes; ++l) differ |= a[l] ^ a[0];
  return differ == 0;
}
// Looks for the usual shuffles first: the same distance for all lanes, no segments, and all lanes take part. Reads past
// 32 are into the upper half of the spare row.
template <Shuffle kMode>
const Instruction* shfl(Warp& w, const Instruction* in) {
  const uint32_t* amounts = row<uint32_t>(w, in->r[3]);
  const uint32_t* bounds = row<uint32_t>(w, in->r[4]);
  const uint32_t amount = amounts[0] & 31;
  const bool usual = w.mask == kFull && (bounds[0] & 0x1f1f) == (kMode == Shuffle::up ? 0 : 31) && all_same(amounts) &&
                     all_same(bounds);
  if (!usual) return shfl_any<kMode>(w, in);
  const uint32_t* a = row<uint32_t>(w, in->r[2]);
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  uint32_t* spare = spare_row<uint32_t>(w);
  uint32_t valid = kFull;
  if constexpr (kMode == Shuffle::down) {
    valid = kFull >> amount;
    __builtin_memcpy(spare, a, 4 * kLanes);
    __builtin_memcpy(spare + kLanes, a, 4 * kLanes);
    const uint32_t last = kLanes - amount;
    const uint32_t* from = spare + amount;
    GPOOL_LANES
    GPOOL_UNROLL
    for (uint32_t l = 0; l < kLanes; ++l) {
      const uint32_t own = spare[l], other = from[l];
      d[l] = l < last ? other : own;
    }
  } else if constexpr (kMode == Shuffle::up) {
    valid = kFull << amount;
    __builtin_memcpy(spare, a, 4 * kLanes);
    __builtin_memcpy(spare + kLanes, a, 4 * kLanes);
    const uint32_t* from = spare + kLanes - amount;
    GPOOL_LANES
    GPOOL_UNROLL
    for (uint32_t l = 0; l < kLanes; ++l) {
      const uint32_t own = spare[l], other = from[l];
      d[l] = l >= amount ? other : own;
    }
  } else if constexpr (kMode == Shuffle::bfly) {
    __builtin_memcpy(spare, a, 4 * kLanes);
    const uint32_t outer = amount & 24, inner = amount & 7;
    GPOOL_UNROLL
    for (uint32_t begin = 0; begin < kLanes; begin += 8) {
#if defined(__AVX2__)
      const __m256i order =
          _mm256_xor_si256(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(static_cast<int>(inner)));
      const __m256i eight = _mm256_load_si256(reinterpret_cast<const __m256i*>(spare + (begin ^ outer)));
      _mm256_store_si256(reinterpret_cast<__m256i*>(d + begin), _mm256_permutevar8x32_epi32(eight, order));
#else
      for (uint32_t l = 0; l < 8; ++l) d[begin + l] = spare[(begin ^ outer) + (l ^ inner)];
#endif
    }
  } else {
    const uint32_t value = a[amount];
    GPOOL_LANES
    GPOOL_UNROLL
    for (uint32_t l = 0; l < kLanes; ++l) d[l] = value;
  }
  *predicate(w, in->r[1]) = valid;
  return in + 1;
}

enum class Vote : uint8_t { all, any, uni, ballot };
// r: d, p [, members]; imm 1: with members
template <Vote kVote>
const Instruction* vote(Warp& w, const Instruction* in) {
  uint32_t counted = w.mask;
  if (in->imm) {
    const uint32_t of = members(w, in->r[2]);
    if (!converged(w, in, of)) return nullptr;
    counted &= of;
  }
  const uint32_t yes = *predicate(w, in->r[1]) & counted;
  if constexpr (kVote == Vote::ballot) {
    each(w, row<uint32_t>(w, in->r[0]), [=](unsigned) { return yes; });
  } else {
    bool result = kVote == Vote::all ? yes == counted : kVote == Vote::any ? yes != 0 : yes == counted || yes == 0;
    set_bits(w, in->r[0], result ? kFull : 0);
  }
  return in + 1;
}

// r: d, p, a, members; imm 1: all
template <class T>
const Instruction* match(Warp& w, const Instruction* in) {
  const uint32_t of = members(w, in->r[3]);
  if (!converged(w, in, of)) return nullptr;
  const T* a = row<T>(w, in->r[2]);
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t counted = w.mask & of;
  if (counted == 0) return in + 1;
  T values[kLanes];
  __builtin_memcpy(values, a, sizeof values);
  auto same_as = [&](T value) {
    uint32_t same = 0;
    for (unsigned l = 0; l < kLanes; ++l) same |= uint32_t(values[l] == value) << l;
    return same & counted;
  };
  if (in->imm) {
    const bool all = same_as(values[first_lane(counted)]) == counted;
    set_bits(w, in->r[1], all ? kFull : 0);
    each(w, d, [=](unsigned) { return all ? counted : 0u; });
  } else {
    each_active(w, d, [&](unsigned l) { return same_as(values[l]); });
  }
  return in + 1;
}

enum class Reduce : uint8_t { add, min, max, op_and, op_or, op_xor };
// r: d, a, members
template <Reduce kOp, class T>
const Instruction* redux(Warp& w, const Instruction* in) {
  const uint32_t of = members(w, in->r[2]);
  if (!converged(w, in, of)) return nullptr;
  const T* a = row<T>(w, in->r[1]);
  uint32_t left = w.mask & of;
  if (left == 0) return in + 1;
  T result = a[first_lane(left)];
  for (left &= left - 1; left; left &= left - 1) {
    T value = a[first_lane(left)];
    if constexpr (kOp == Reduce::add)
      result = static_cast<T>(static_cast<uint32_t>(result) + static_cast<uint32_t>(value));
    else if constexpr (kOp == Reduce::min)
      result = least(result, value);
    else if constexpr (kOp == Reduce::max)
      result = most(result, value);
    else if constexpr (kOp == Reduce::op_and)
      result = static_cast<T>(static_cast<uint32_t>(result) & static_cast<uint32_t>(value));
    else if constexpr (kOp == Reduce::op_or)
      result = static_cast<T>(static_cast<uint32_t>(result) | static_cast<uint32_t>(value));
    else
      result = static_cast<T>(static_cast<uint32_t>(result) ^ static_cast<uint32_t>(value));
  }
  each(w, row<T>(w, in->r[0]), [=](unsigned) { return result; });
  return in + 1;
}
// imm: 1 max, 2 absolute values, 4 NaN wins
const Instruction* redux_float(Warp& w, const Instruction* in) {
  const uint32_t of = members(w, in->r[2]);
  if (!converged(w, in, of)) return nullptr;
  const float* a = row<float>(w, in->r[1]);
  float result = 0;
  bool first = true, nan = false;
  for (uint32_t left = w.mask & of; left; left &= left - 1) {
    float value = a[first_lane(left)];
    if (in->imm & 2) value = __builtin_fabsf(value);
    if (value != value) {
      nan = true;
      continue;
    }
    if (first || (in->imm & 1 ? value > result : value < result)) result = value;
    first = false;
  }
  if (first || (nan && in->imm & 4)) result = cast_bits<float>(0x7fffffffu);
  each(w, row<float>(w, in->r[0]), [=](unsigned) { return result; });
  return in + 1;
}

const Instruction* activemask(Warp& w, const Instruction* in) {
  const uint32_t mask = w.mask;
  each(w, row<uint32_t>(w, in->r[0]), [=](unsigned) { return mask; });
  return in + 1;
}
// r: d, p, members
const Instruction* elect(Warp& w, const Instruction* in) {
  const uint32_t of = members(w, in->r[2]);
  if (!converged(w, in, of)) return nullptr;
  const uint32_t counted = w.mask & of;
  if (counted == 0) return in + 1;
  const uint32_t leader = first_lane(counted);
  each(w, row<uint32_t>(w, in->r[0]), [=](unsigned) { return leader; });
  set_bits(w, in->r[1], 1u << leader);
  return in + 1;
}

template <class T>
Handler redux_of(Form& form) {
  if (form.take("add")) return redux<Reduce::add, T>;
  if (form.take("min")) return redux<Reduce::min, T>;
  if (form.take("max")) return redux<Reduce::max, T>;
  return nullptr;
}

}  // namespace

bool select_warp(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  const bool sync = form.take("sync");
  choice.imm = sync;
  if (base == "shfl") {
    if (bytes_of(form.type(0)) != 4) return false;
    choice.shape = sync ? "w2wwww" : "w2www";
    if (form.take("up"))
      choice.run = shfl<Shuffle::up>;
    else if (form.take("down"))
      choice.run = shfl<Shuffle::down>;
    else if (form.take("bfly"))
      choice.run = shfl<Shuffle::bfly>;
    else if (form.take("idx"))
      choice.run = shfl<Shuffle::idx>;
  } else if (base == "vote") {
    choice.shape = sync ? "Ppw" : "Pp";
    if (form.take("all"))
      choice.run = vote<Vote::all>;
    else if (form.take("any"))
      choice.run = vote<Vote::any>;
    else if (form.take("uni"))
      choice.run = vote<Vote::uni>;
    else if (form.take("ballot"))
      choice.run = vote<Vote::ballot>, choice.shape = sync ? "wpw" : "wp";
  } else if (base == "match") {
    if (!sync) return false;
    choice.imm = form.take("all");
    if (!choice.imm && !form.take("any")) return false;
    const bool wide = bytes_of(form.type(0)) == 8;
    choice.run = wide ? match<uint64_t> : match<uint32_t>;
    choice.shape = wide ? "w2qw" : "w2ww";
  } else if (base == "redux") {
    if (!sync) return false;
    choice.shape = "www";
    if (form.type(0) == Type::f32) {
      choice.imm = form.take("max") ? 1 : form.take("min") ? 0 : 8;
      if (choice.imm == 8) return false;
      if (form.take("abs")) choice.imm |= 2;
      if (form.take("NaN")) choice.imm |= 4;
      choice.run = redux_float;
    } else if (bytes_of(form.type(0)) == 4) {
      if (form.take("and"))
        choice.run = redux<Reduce::op_and, uint32_t>;
      else if (form.take("or"))
        choice.run = redux<Reduce::op_or, uint32_t>;
      else if (form.take("xor"))
        choice.run = redux<Reduce::op_xor, uint32_t>;
      else
        choice.run = is_signed(form.type(0)) ? redux_of<int32_t>(form) : redux_of<uint32_t>(form);
    }
  } else if (base == "activemask") {
    choice.run = activemask;
    choice.shape = "w";
  } else if (base == "elect") {
    choice.run = elect;
    choice.shape = "w2w";
  }
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
