// ld, st. Each access is checked: the whole warp at once when all its addresses lie in one region, lane by
// lane otherwise.
#include "access.h"
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Sixteen {
  uint64_t low, high;
};

// All addresses of the warp's active lanes, as host addresses.
template <Where kWhere, class A>
GPOOL_INLINE void addresses(Warp& w, const Instruction* in, uint32_t address_row, uint64_t* out) {
  const A* a = row<A>(w, address_row);
  const uint64_t displacement = in->imm;
  if constexpr (kWhere == Where::local) {
    const uint64_t base = reinterpret_cast<uint64_t>(w.local), stride = w.local_stride;
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) out[l] = base + l * stride + static_cast<A>(a[l] + displacement);
  } else {
    const uint64_t base = kWhere == Where::shared       ? reinterpret_cast<uint64_t>(w.shared)
                          : kWhere == Where::parameters ? reinterpret_cast<uint64_t>(w.parameters)
                                                        : 0;
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) out[l] = base + static_cast<A>(a[l] + displacement);
  }
}

// The first lane whose access is bad, or kLanes.
template <Where kWhere>
[[gnu::noinline]] static unsigned bad_lane(Warp& w, const Instruction* in, const uint64_t* a, unsigned bytes,
                                           bool write, bool& misaligned) {
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    misaligned = a[l] % bytes != 0;
    bool own = true;
    if constexpr (kWhere == Where::local) {
      const uint64_t base = reinterpret_cast<uint64_t>(w.local) + l * w.local_stride;
      own = a[l] >= base && a[l] + bytes <= base + w.local_stride;
    }
    if (!own || !inside<kWhere>(w, in, a[l], a[l] + bytes, write)) {
      misaligned = false;
      return l;
    }
    if (misaligned) return l;
  }
  return kLanes;
}

template <Where kWhere>
GPOOL_INLINE void window(Warp& w, const Instruction* in, uint64_t& begin, uint64_t& end) {
  if constexpr (kWhere == Where::shared) {
    begin = reinterpret_cast<uint64_t>(w.shared);
    end = begin + w.shared_bytes;
  } else if constexpr (kWhere == Where::parameters) {
    begin = reinterpret_cast<uint64_t>(w.parameters);
    end = begin + w.parameter_bytes;
  } else {
    begin = w.sites[in->site].begin;
    end = w.sites[in->site].end;
  }
}

// Do all active lanes lie in the region that the site remembers, or in the window, and at multiples of their size? One
// pass: bounds by sign bits (addresses stay below 2^63). False may also mean that the lanes touch several regions: the
// caller then looks at each.
template <Where kWhere>
GPOOL_INLINE bool all_inside(Warp& w, const Instruction* in, const uint64_t* a, const unsigned bytes) {
  if constexpr (kWhere == Where::local) return false;
  uint64_t begin, end;
  window<kWhere>(w, in, begin, end);
  const uint64_t last = end - bytes;
  uint64_t outside = 0, low_bits = 0;
  if (w.mask == kFull) {
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) {
      outside |= (a[l] - begin) | (last - a[l]);
      low_bits |= a[l];
    }
  } else {
    const uint32_t* words = w.mask_words;
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) {
      const uint64_t active = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(words[l])));
      outside |= ((a[l] - begin) | (last - a[l])) & active;
      low_bits |= a[l] & active;
    }
  }
  return static_cast<int64_t>(outside) >= 0 && !(low_bits & (bytes - 1));
}
// Stores remember only regions that may be written, so that a site's region suffices.

// ---- the fast path: all lanes, and each half of the warp reads or writes one run of memory, or reads one place ----
// Halves are looked at apart: in blocks 16 wide, the usual tiles, each is a row.

constexpr unsigned kHalf = kLanes / 2;

#if defined(__AVX2__)
GPOOL_INLINE __m256i vector_at(const void* at) {
  return _mm256_load_si256(static_cast<const __m256i*>(at));
}
#endif
// Half a warp of addresses, each kStep behind the one before; 0: all the same.
template <unsigned kStep, class A>
GPOOL_INLINE bool in_steps(const A* a) {
#if defined(__AVX2__)
  __m256i differ = _mm256_setzero_si256();
  if constexpr (sizeof(A) == 4) {
    const int first = static_cast<int>(a[0]), step = kStep;
    const __m256i base = _mm256_set1_epi32(first);
    const __m256i rise = _mm256_setr_epi32(0, step, 2 * step, 3 * step, 4 * step, 5 * step, 6 * step, 7 * step);
    GPOOL_UNROLL
    for (int part = 0; part < 2; ++part) {
      const __m256i want = _mm256_add_epi32(base, _mm256_add_epi32(rise, _mm256_set1_epi32(8 * step * part)));
      differ = _mm256_or_si256(differ, _mm256_xor_si256(vector_at(a + 8 * part), want));
    }
  } else {
    const long long first = static_cast<long long>(a[0]), step = kStep;
    const __m256i base = _mm256_set1_epi64x(first), rise = _mm256_setr_epi64x(0, step, 2 * step, 3 * step);
    GPOOL_UNROLL
    for (int part = 0; part < 4; ++part) {
      const __m256i want = _mm256_add_epi64(base, _mm256_add_epi64(rise, _mm256_set1_epi64x(4 * step * part)));
      differ = _mm256_or_si256(differ, _mm256_xor_si256(vector_at(a + 4 * part), want));
    }
  }
  return _mm256_testz_si256(differ, differ);
#else
  A differ = 0;
  GPOOL_LANES
  for (unsigned l = 0; l < kHalf; ++l) differ |= a[l] ^ static_cast<A>(a[0] + l * kStep);
  return differ == 0;
#endif
}

// One half of the warp: where its accesses begin, and how far apart they lie. False: not simply inside, look closer.
struct Run {
  uint64_t at;
  bool same;
};
template <Where kWhere, unsigned kBytes, bool kMayBeSame, class A>
GPOOL_INLINE bool find_run(const Instruction* in, const A* a, uint64_t base, uint64_t begin, uint64_t end, Run& run) {
  run.at = base + static_cast<A>(a[0] + in->imm);
  run.same = false;
  uint64_t bytes = kHalf * kBytes;
  if (!in_steps<kBytes>(a)) {
    if (!kMayBeSame || !in_steps<0>(a)) return false;
    run.same = true;
    bytes = kBytes;
  }
  return static_cast<int64_t>((run.at - begin) | (end - bytes - run.at)) >= 0 && run.at % kBytes == 0;
}
template <Where kWhere, unsigned kBytes, bool kMayBeSame, class A>
GPOOL_INLINE bool find_runs(Warp& w, const Instruction* in, uint32_t address_row, Run* runs) {
  if constexpr (kWhere == Where::local || kWhere == Where::parameter) return false;
  if (w.mask != kFull) return false;
  const A* a = row<A>(w, address_row);
  uint64_t begin, end;
  window<kWhere>(w, in, begin, end);
  const uint64_t base = kWhere == Where::generic ? 0 : begin;
  return find_run<kWhere, kBytes, kMayBeSame>(in, a, base, begin, end, runs[0]) &&
         find_run<kWhere, kBytes, kMayBeSame>(in, a + kHalf, base, begin, end, runs[1]);
}

template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_run(R* const* d, unsigned first_lane, const Run& run) {
  const M* from = reinterpret_cast<const M*>(run.at);
  if (!run.same) {
    GPOOL_LANES
    GPOOL_UNROLL
    for (unsigned l = 0; l < kHalf; ++l) {
      for (unsigned i = 0; i < kCount; ++i) d[i][first_lane + l] = static_cast<R>(from[l * kCount + i]);
    }
    return;
  }
  M values[kCount];
  __builtin_memcpy(values, from, sizeof values);
  for (unsigned i = 0; i < kCount; ++i) {
    const R value = static_cast<R>(values[i]);
    GPOOL_LANES
    GPOOL_UNROLL
    for (unsigned l = 0; l < kHalf; ++l) d[i][first_lane + l] = value;
  }
}
template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_one(R* const* d, unsigned l, const void* from) {
  M values[kCount];
  __builtin_memcpy(values, from, sizeof values);
  for (unsigned i = 0; i < kCount; ++i) d[i][l] = static_cast<R>(values[i]);
}

// Every other load.
template <class A, Where kWhere, class M, class R, unsigned kCount>
[[gnu::noinline]] static const Instruction* load_lanes_apart(Warp& w, const Instruction* in) {
  constexpr unsigned kBytes = sizeof(M) * kCount;
  R* d[kCount];
  for (unsigned i = 0; i < kCount; ++i) d[i] = row<R>(w, in->r[i]);
  alignas(64) uint64_t a[kLanes];
  addresses<kWhere, A>(w, in, in->r[kCount], a);
  if (!all_inside<kWhere>(w, in, a, kBytes)) {
    bool misaligned = false;
    unsigned lane = bad_lane<kWhere>(w, in, a, kBytes, false, misaligned);
    if (lane < kLanes) return report<kWhere>(w, in, lane, a[lane], kBytes, false, misaligned);
  }
  if (w.mask == kFull) {
#pragma GCC unroll 8
    for (unsigned l = 0; l < kLanes; ++l) load_one<M, R, kCount>(d, l, reinterpret_cast<const void*>(a[l]));
    return in + 1;
  }
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    load_one<M, R, kCount>(d, l, reinterpret_cast<const void*>(a[l]));
  }
  return in + 1;
}
template <class A, Where kWhere, class M, class R, unsigned kCount>
GPOOL_INLINE const Instruction* load(Warp& w, const Instruction* in) {
  Run runs[2];
  if (!find_runs<kWhere, sizeof(M) * kCount, true, A>(w, in, in->r[kCount], runs)) {
    return load_lanes_apart<A, kWhere, M, R, kCount>(w, in);
  }
  R* d[kCount];
  for (unsigned i = 0; i < kCount; ++i) d[i] = row<R>(w, in->r[i]);
  load_run<M, R, kCount>(d, 0, runs[0]);
  load_run<M, R, kCount>(d, kHalf, runs[1]);
  return in + 1;
}

template <class A, Where kWhere, class M, class R, unsigned kCount>
[[gnu::noinline]] static const Instruction* store_lanes_apart(Warp& w, const Instruction* in) {
  constexpr unsigned kBytes = sizeof(M) * kCount;
  alignas(64) uint64_t a[kLanes];
  addresses<kWhere, A>(w, in, in->r[0], a);
  const R* s[kCount];
  for (unsigned i = 0; i < kCount; ++i) s[i] = row<R>(w, in->r[1 + i]);
  if (!all_inside<kWhere>(w, in, a, kBytes)) {
    bool misaligned = false;
    unsigned lane = bad_lane<kWhere>(w, in, a, kBytes, true, misaligned);
    if (lane < kLanes) return report<kWhere>(w, in, lane, a[lane], kBytes, true, misaligned);
  }
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    M values[kCount];
    for (unsigned i = 0; i < kCount; ++i) values[i] = static_cast<M>(s[i][l]);
    __builtin_memcpy(reinterpret_cast<void*>(a[l]), values, kBytes);
  }
  return in + 1;
}
template <class A, Where kWhere, class M, class R, unsigned kCount>
GPOOL_INLINE const Instruction* store(Warp& w, const Instruction* in) {
  Run runs[2];
  if (!find_runs<kWhere, sizeof(M) * kCount, false, A>(w, in, in->r[0], runs)) {
    return store_lanes_apart<A, kWhere, M, R, kCount>(w, in);
  }
  const R* s[kCount];
  for (unsigned i = 0; i < kCount; ++i) s[i] = row<R>(w, in->r[1 + i]);
  GPOOL_UNROLL
  for (unsigned half = 0; half < 2; ++half) {
    M* to = reinterpret_cast<M*>(runs[half].at);
    GPOOL_LANES
    GPOOL_UNROLL
    for (unsigned l = 0; l < kHalf; ++l) {
      for (unsigned i = 0; i < kCount; ++i) to[l * kCount + i] = static_cast<M>(s[i][half * kHalf + l]);
    }
  }
  return in + 1;
}

template <class A, Where kWhere, class M, class R, unsigned kCount, bool kStore>
const Instruction* access(Warp& w, const Instruction* in) {
  if constexpr (kStore)
    return store<A, kWhere, M, R, kCount>(w, in);
  else
    return load<A, kWhere, M, R, kCount>(w, in);
}

// ---- the general handlers: any place, any type, lane by lane ----

// What they need to know, in Instruction::r[9].
struct Plan {
  Where where;
  uint8_t element;  // bytes in memory
  uint8_t width;    // bytes of the register: loads extend, stores cut off
  uint8_t count : 6, narrow : 1, extend_sign : 1;
};

template <Where kWhere, class A>
[[gnu::noinline]] static const Instruction* locate(Warp& w, const Instruction* in, uint32_t address_row, unsigned bytes,
                                                   bool write, uint64_t* a) {
  addresses<kWhere, A>(w, in, address_row, a);
  if (all_inside<kWhere>(w, in, a, bytes)) return in;
  bool misaligned = false;
  const unsigned lane = bad_lane<kWhere>(w, in, a, bytes, write, misaligned);
  return lane < kLanes ? report<kWhere>(w, in, lane, a[lane], bytes, write, misaligned) : in;
}
// nullptr: an access is bad, and reported.
static const Instruction* locate_any(Warp& w, const Instruction* in, Plan plan, uint32_t address_row, bool write,
                                     uint64_t* a) {
  const unsigned bytes = plan.element * plan.count;
  switch (plan.where) {
    case Where::generic:
      return locate<Where::generic, uint64_t>(w, in, address_row, bytes, write, a);
    case Where::shared:
      return plan.narrow ? locate<Where::shared, uint32_t>(w, in, address_row, bytes, write, a)
                         : locate<Where::shared, uint64_t>(w, in, address_row, bytes, write, a);
    case Where::local:
      return plan.narrow ? locate<Where::local, uint32_t>(w, in, address_row, bytes, write, a)
                         : locate<Where::local, uint64_t>(w, in, address_row, bytes, write, a);
    case Where::parameters:
      return locate<Where::parameters, uint64_t>(w, in, address_row, bytes, write, a);
    case Where::parameter:
      break;
  }
  // A parameter of the kernel by its name: the same address for all lanes.
  const uint64_t at = row<uint64_t>(w, address_row)[0] + in->imm;
  if (at + bytes > w.parameter_bytes || at + bytes < at) {
    return fault_address(w, in, static_cast<unsigned>(__builtin_ctz(w.mask)), at, "read of parameters");
  }
  for (unsigned l = 0; l < kLanes; ++l) a[l] = reinterpret_cast<uint64_t>(w.parameters) + at;
  return in;
}

template <class M, class R>
static void load_lanes(Warp& w, R* d, const uint64_t* a, unsigned skip) {
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    M value;
    __builtin_memcpy(&value, reinterpret_cast<const void*>(a[l] + skip), sizeof value);
    if constexpr (sizeof(M) == 16)
      d[l] = value;
    else
      d[l] = static_cast<R>(value);
  }
}
template <class M>
static void load_wide(Warp& w, std::byte* d, unsigned width, const uint64_t* a, unsigned skip) {
  if (width == 2) {
    if constexpr (sizeof(M) <= 2) load_lanes<M>(w, reinterpret_cast<uint16_t*>(d), a, skip);
  } else if (width == 4) {
    if constexpr (sizeof(M) <= 4) load_lanes<M>(w, reinterpret_cast<uint32_t*>(d), a, skip);
  } else {
    load_lanes<M>(w, reinterpret_cast<uint64_t*>(d), a, skip);
  }
}
template <unsigned kBytes>
static void store_lanes(Warp& w, const std::byte* s, unsigned width, const uint64_t* a, unsigned skip) {
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    __builtin_memcpy(reinterpret_cast<void*>(a[l] + skip), s + l * width, kBytes);
  }
}

// A kernel parameter by its name: every kernel begins with some.
template <class T>
const Instruction* load_parameter(Warp& w, const Instruction* in) {
  const uint64_t at = row<uint64_t>(w, in->r[1])[0] + in->imm;
  if (at + sizeof(T) > w.parameter_bytes || at + sizeof(T) < at) {
    return fault_address(w, in, static_cast<unsigned>(__builtin_ctz(w.mask)), at, "read of parameters");
  }
  T value;
  __builtin_memcpy(&value, w.parameters + at, sizeof value);
  each(w, row<T>(w, in->r[0]), [=](unsigned) { return value; });
  return in + 1;
}

const Instruction* load_any(Warp& w, const Instruction* in) {
  const Plan plan = cast_bits<Plan>(in->r[9]);
  alignas(64) uint64_t a[kLanes];
  if (!locate_any(w, in, plan, in->r[plan.count], false, a)) return nullptr;
  for (unsigned i = 0; i < plan.count; ++i) {
    std::byte* d = row<std::byte>(w, in->r[i]);
    const unsigned skip = i * plan.element, width = plan.width;
    switch (plan.element) {
      case 1:
        plan.extend_sign ? load_wide<int8_t>(w, d, width, a, skip) : load_wide<uint8_t>(w, d, width, a, skip);
        break;
      case 2:
        plan.extend_sign ? load_wide<int16_t>(w, d, width, a, skip) : load_wide<uint16_t>(w, d, width, a, skip);
        break;
      case 4:
        plan.extend_sign ? load_wide<int32_t>(w, d, width, a, skip) : load_wide<uint32_t>(w, d, width, a, skip);
        break;
      case 8:
        load_wide<uint64_t>(w, d, width, a, skip);
        break;
      default:
        load_lanes<Sixteen>(w, reinterpret_cast<Sixteen*>(d), a, skip);
    }
  }
  return in + 1;
}
const Instruction* store_any(Warp& w, const Instruction* in) {
  const Plan plan = cast_bits<Plan>(in->r[9]);
  alignas(64) uint64_t a[kLanes];
  if (!locate_any(w, in, plan, in->r[0], true, a)) return nullptr;
  for (unsigned i = 0; i < plan.count; ++i) {
    const std::byte* s = row<std::byte>(w, in->r[1 + i]);
    const unsigned skip = i * plan.element, width = plan.width;
    switch (plan.element) {
      case 1:
        store_lanes<1>(w, s, width, a, skip);
        break;
      case 2:
        store_lanes<2>(w, s, width, a, skip);
        break;
      case 4:
        store_lanes<4>(w, s, width, a, skip);
        break;
      case 8:
        store_lanes<8>(w, s, width, a, skip);
        break;
      default:
        store_lanes<16>(w, s, width, a, skip);
    }
  }
  return in + 1;
}

// ---- the choice ----

// Handlers of their own have the frequent accesses: global and shared memory, registers of the size of the element.
template <class M, class R, unsigned kCount, bool kStore>
Handler by_place(const Plan& plan) {
  if (plan.where == Where::generic) return access<uint64_t, Where::generic, M, R, kCount, kStore>;
  if (plan.where != Where::shared) return nullptr;
  return plan.narrow ? access<uint32_t, Where::shared, M, R, kCount, kStore>
                     : access<uint64_t, Where::shared, M, R, kCount, kStore>;
}
template <class M, bool kStore>
Handler by_count(const Plan& plan) {
  switch (plan.count) {
    case 1:
      return by_place<M, M, 1, kStore>(plan);
    case 2:
      return by_place<M, M, 2, kStore>(plan);
    case 4:
      if constexpr (sizeof(M) <= 4) return by_place<M, M, 4, kStore>(plan);
      break;
  }
  return nullptr;
}
template <bool kStore>
Handler by_type(const Plan& plan) {
  Handler fast = nullptr;
  if (plan.where == Where::parameter) {
    if (plan.count == 1 && plan.element == plan.width && plan.element == 4) return load_parameter<uint32_t>;
    if (plan.count == 1 && plan.element == plan.width && plan.element == 8) return load_parameter<uint64_t>;
    return load_any;
  }
  if (plan.element == 1 && plan.width == 2 && plan.count == 1 && !plan.extend_sign)
    fast = by_place<uint8_t, uint16_t, 1, kStore>(plan);
  else if (plan.element == plan.width && plan.element == 2)
    fast = by_count<uint16_t, kStore>(plan);
  else if (plan.element == plan.width && plan.element == 4)
    fast = by_count<uint32_t, kStore>(plan);
  else if (plan.element == plan.width && plan.element == 8)
    fast = by_count<uint64_t, kStore>(plan);
  return fast ? fast : kStore ? store_any : load_any;
}

// Fixed shapes for vectors.
const char* vector_shape(bool store, unsigned width, bool floating) {
  if (store) {
    switch (width) {
      case 2:
        return "mVh";
      case 4:
        return floating ? "mVf" : "mVw";
      case 8:
        return floating ? "mVd" : "mVq";
      case 16:
        return "mVo";
    }
  }
  switch (width) {
    case 2:
      return "Vhm";
    case 4:
      return "Vwm";
    case 8:
      return "Vqm";
    case 16:
      return "Vom";
  }
  return nullptr;
}

}  // namespace

bool select_memory(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  choice.touches_memory = true;
  const bool is_store = base == "st";
  const bool hint = form.has("L2::cache_hint");
  take_memory_hints(form);
  Where where = Where::generic;
  if (form.take("global") || form.take("const")) {
  } else if (form.take("shared") || form.take("shared::cta") || form.take("shared::cluster")) {
    where = Where::shared;
  } else if (form.take("local")) {
    where = Where::local;
  } else if (form.take("param") || form.take("param::entry") || form.take("param::func")) {
    where = request.local_parameter ? Where::local : request.named_parameter ? Where::parameter : Where::parameters;
  }
  const unsigned count = form.take("v2") ? 2 : form.take("v4") ? 4 : form.take("v8") ? 8 : 1;
  if (form.type_count() != 1) return false;
  const Type type = form.type(0);
  const unsigned data = is_store ? 1 : 0, address = is_store ? 0 : 1;
  unsigned width = request.widths[data];
  const unsigned natural = bytes_of(type) < 2 ? 2 : bytes_of(type);
  if (width == 0) width = natural;
  if (width < bytes_of(type) || (request.elements[data] ? request.elements[data] : 1u) != count) return false;
  const bool narrow = request.widths[address] == 4;
  if (bytes_of(type) * count > 32) return false;
  if (narrow && where != Where::shared && where != Where::local) return false;
  if (is_store && (where == Where::parameters || where == Where::parameter)) return false;
  const Plan plan{
      where,  static_cast<uint8_t>(bytes_of(type)), static_cast<uint8_t>(width), static_cast<uint8_t>(count & 63),
      narrow, is_signed(type) && !is_store};
  choice.run = is_store ? by_type<true>(plan) : by_type<false>(plan);
  choice.note = cast_bits<uint32_t>(plan);
  choice.shape = vector_shape(is_store, width, is_float(type));
  choice.ignores_last = hint;
  return choice.run && choice.shape;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
