// ld, st, cp.async. Each access is checked: the whole warp at once when all its addresses lie in one region, lane by
// lane otherwise.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Sixteen {
  uint64_t low, high;
};

enum class Where : uint8_t { generic, shared, local, parameters, parameter };  // parameter: named, not by a register

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

template <Where kWhere>
GPOOL_INLINE bool inside(Warp& w, const Instruction* in, uint64_t begin, uint64_t end, bool write) {
  if constexpr (kWhere == Where::shared) {
    const uint64_t base = reinterpret_cast<uint64_t>(w.shared);
    return begin >= base && end <= base + w.shared_bytes && begin <= end;
  } else if constexpr (kWhere == Where::local) {
    const uint64_t base = reinterpret_cast<uint64_t>(w.local);
    return begin >= base && end <= base + w.local_stride * kLanes && begin <= end;
  } else if constexpr (kWhere == Where::parameters) {
    const uint64_t base = reinterpret_cast<uint64_t>(w.parameters);
    return !write && begin >= base && end <= base + w.parameter_bytes && begin <= end;
  } else {
    const Site& site = w.sites[in->site];
    if (begin >= site.begin && end <= site.end && begin <= end) return true;
    return admit(w, in, begin, end, write);
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
[[gnu::noinline]] static const Instruction* report(Warp& w, const Instruction* in, unsigned lane, uint64_t address,
                                                   unsigned bytes, bool write, bool misaligned) {
  if (misaligned) return fault_misaligned(w, in, lane, address, bytes);
  uint64_t shown = address;
  const char* what = write ? "write" : "read";
  if constexpr (kWhere == Where::shared) {
    shown -= reinterpret_cast<uint64_t>(w.shared);
    what = write ? "write to shared memory" : "read of shared memory";
  }
  if constexpr (kWhere == Where::local) {
    shown -= reinterpret_cast<uint64_t>(w.local) + lane * w.local_stride;
    what = write ? "write to local memory" : "read of local memory";
  }
  if constexpr (kWhere == Where::parameters) {
    shown -= reinterpret_cast<uint64_t>(w.parameters);
    what = write ? "write to parameters" : "read of parameters";
  }
  return fault_address(w, in, lane, shown, what);
}

// How the warp's addresses lie; decides the path.
enum class Pattern : uint8_t { unit, same, scattered, bad };

// One pass over the addresses: bounds by sign bits (addresses stay below 2^63), alignment, unit stride, broadcast.
// `bad` may also mean that the lanes touch several regions: the caller then looks at each.
template <Where kWhere>
GPOOL_INLINE Pattern pattern(Warp& w, const Instruction* in, const uint64_t* a, const unsigned bytes) {
  if constexpr (kWhere == Where::local) return Pattern::bad;
  uint64_t begin, end;
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
  const uint64_t last = end - bytes;
  if (w.mask == kFull) {
    const uint64_t first = a[0];
    uint64_t not_unit = 0, not_same = 0, outside = 0, low_bits = 0;
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) {
      not_unit |= a[l] ^ (first + l * bytes);
      not_same |= a[l] ^ first;
      outside |= (a[l] - begin) | (last - a[l]);
      low_bits |= a[l];
    }
    if (static_cast<int64_t>(outside) < 0 || (low_bits & (bytes - 1))) return Pattern::bad;
    return not_unit == 0 ? Pattern::unit : not_same == 0 ? Pattern::same : Pattern::scattered;
  }
  uint64_t outside = 0, low_bits = 0;
  const uint32_t* words = w.mask_words;
  GPOOL_LANES
  for (unsigned l = 0; l < kLanes; ++l) {
    const uint64_t active = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(words[l])));
    outside |= ((a[l] - begin) | (last - a[l])) & active;
    low_bits |= a[l] & active;
  }
  return static_cast<int64_t>(outside) < 0 || (low_bits & (bytes - 1)) ? Pattern::bad : Pattern::scattered;
}
// Stores remember only regions that may be written, so that a site's region suffices.

// Full-mask paths of a load: 32 consecutive elements, one element for all, one per lane.
template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_unit(R* const* d, const M* from) {
  GPOOL_LANES
  for (unsigned l = 0; l < kLanes; ++l) {
    for (unsigned i = 0; i < kCount; ++i) d[i][l] = static_cast<R>(from[l * kCount + i]);
  }
}
template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_same(R* const* d, const void* from) {
  M values[kCount];
  __builtin_memcpy(values, from, sizeof values);
  for (unsigned i = 0; i < kCount; ++i) {
    const R value = static_cast<R>(values[i]);
    GPOOL_LANES
    for (unsigned l = 0; l < kLanes; ++l) d[i][l] = value;
  }
}
template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_one(R* const* d, unsigned l, const void* from) {
  M values[kCount];
  __builtin_memcpy(values, from, sizeof values);
  for (unsigned i = 0; i < kCount; ++i) d[i][l] = static_cast<R>(values[i]);
}

// Half a warp of a load from shared memory. Halves are looked at apart: in blocks 16 wide, the usual tiles, each is a
// row.
template <class M, class R, unsigned kCount>
GPOOL_INLINE void load_half(R* const* d, unsigned begin, const std::byte* shared, const uint32_t* offsets,
                            uint32_t not_unit, uint32_t not_same) {
  constexpr unsigned kHalf = kLanes / 2;
  const std::byte* from = shared + offsets[begin];
  if (not_unit == 0) {
    GPOOL_LANES
    for (unsigned l = 0; l < kHalf; ++l) {
      for (unsigned i = 0; i < kCount; ++i) {
        M value;
        __builtin_memcpy(&value, from + (l * kCount + i) * sizeof(M), sizeof value);
        d[i][begin + l] = static_cast<R>(value);
      }
    }
  } else if (not_same == 0) {
    M values[kCount];
    __builtin_memcpy(values, from, sizeof values);
    for (unsigned i = 0; i < kCount; ++i) {
      const R value = static_cast<R>(values[i]);
      GPOOL_LANES
      for (unsigned l = 0; l < kHalf; ++l) d[i][begin + l] = value;
    }
  } else {
#pragma GCC unroll 8
    for (unsigned l = begin; l < begin + kHalf; ++l) load_one<M, R, kCount>(d, l, shared + offsets[l]);
  }
}

// The usual load of shared memory, with 32-bit addresses and all lanes: half the work of the general path. False: not
// simply inside, look closer.
template <class M, class R, unsigned kCount>
GPOOL_INLINE bool load_shared(Warp& w, const Instruction* in, R* const* d) {
  constexpr uint32_t kBytes = sizeof(M) * kCount;
  constexpr unsigned kHalf = kLanes / 2;
  const uint32_t* a = row<uint32_t>(w, in->r[kCount]);
  const uint32_t displacement = static_cast<uint32_t>(in->imm);
  const uint32_t first[2] = {a[0] + displacement, a[kHalf] + displacement};
  alignas(64) uint32_t offsets[kLanes];
  uint32_t not_unit[2] = {}, not_same[2] = {}, low_bits = 0, high = 0;
  GPOOL_LANES
  for (uint32_t l = 0; l < kHalf; ++l) {
    const uint32_t lower = a[l] + displacement, upper = a[kHalf + l] + displacement;
    offsets[l] = lower;
    offsets[kHalf + l] = upper;
    not_unit[0] |= lower ^ (first[0] + l * kBytes);
    not_unit[1] |= upper ^ (first[1] + l * kBytes);
    not_same[0] |= lower ^ first[0];
    not_same[1] |= upper ^ first[1];
    low_bits |= lower | upper;
    high = lower > high ? lower : high;
    high = upper > high ? upper : high;
  }
  if (low_bits % kBytes || uint64_t{high} + kBytes > w.shared_bytes) return false;
  load_half<M, R, kCount>(d, 0, w.shared, offsets, not_unit[0], not_same[0]);
  load_half<M, R, kCount>(d, kHalf, w.shared, offsets, not_unit[1], not_same[1]);
  return true;
}

template <class A, Where kWhere, class M, class R, unsigned kCount>
GPOOL_INLINE const Instruction* load(Warp& w, const Instruction* in) {
  constexpr unsigned kBytes = sizeof(M) * kCount;
  R* d[kCount];
  for (unsigned i = 0; i < kCount; ++i) d[i] = row<R>(w, in->r[i]);
  if constexpr (kWhere == Where::shared && sizeof(A) == 4) {
    if (w.mask == kFull && load_shared<M, R, kCount>(w, in, d)) return in + 1;
  }
  alignas(64) uint64_t a[kLanes];
  addresses<kWhere, A>(w, in, in->r[kCount], a);
  switch (pattern<kWhere>(w, in, a, kBytes)) {
    case Pattern::unit:
      load_unit<M, R, kCount>(d, reinterpret_cast<const M*>(a[0]));
      return in + 1;
    case Pattern::same:
      load_same<M, R, kCount>(d, reinterpret_cast<const void*>(a[0]));
      return in + 1;
    case Pattern::bad: {
      bool misaligned = false;
      unsigned lane = bad_lane<kWhere>(w, in, a, kBytes, false, misaligned);
      if (lane < kLanes) return report<kWhere>(w, in, lane, a[lane], kBytes, false, misaligned);
      break;
    }
    case Pattern::scattered:
      break;
  }
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    load_one<M, R, kCount>(d, l, reinterpret_cast<const void*>(a[l]));
  }
  return in + 1;
}

template <class A, Where kWhere, class M, class R, unsigned kCount>
GPOOL_INLINE const Instruction* store(Warp& w, const Instruction* in) {
  constexpr unsigned kBytes = sizeof(M) * kCount;
  alignas(64) uint64_t a[kLanes];
  addresses<kWhere, A>(w, in, in->r[0], a);
  const R* s[kCount];
  for (unsigned i = 0; i < kCount; ++i) s[i] = row<R>(w, in->r[1 + i]);
  switch (pattern<kWhere>(w, in, a, kBytes)) {
    case Pattern::unit: {
      M* to = reinterpret_cast<M*>(a[0]);
      GPOOL_LANES
      for (unsigned l = 0; l < kLanes; ++l) {
        for (unsigned i = 0; i < kCount; ++i) to[l * kCount + i] = static_cast<M>(s[i][l]);
      }
      return in + 1;
    }
    case Pattern::bad: {
      bool misaligned = false;
      unsigned lane = bad_lane<kWhere>(w, in, a, kBytes, true, misaligned);
      if (lane < kLanes) return report<kWhere>(w, in, lane, a[lane], kBytes, true, misaligned);
      break;
    }
    case Pattern::same:
    case Pattern::scattered:
      break;
  }
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    M values[kCount];
    for (unsigned i = 0; i < kCount; ++i) values[i] = static_cast<M>(s[i][l]);
    __builtin_memcpy(reinterpret_cast<void*>(a[l]), values, kBytes);
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
  if (pattern<kWhere>(w, in, a, bytes) != Pattern::bad) return in;
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

// cp.async: copies at once. r: shared address, generic address [, bytes of the source that are read; the rest is zero].
// imm: bytes, | 32 when the source size is given.
template <class A>
const Instruction* copy_async(Warp& w, const Instruction* in) {
  const unsigned bytes = in->imm & 31;
  const bool sized = in->imm & 32;
  const A* to = row<A>(w, in->r[0]);
  const uint64_t* from = row<uint64_t>(w, in->r[1]);
  const uint32_t* size = row<uint32_t>(w, in->r[2]);
  const uint64_t base = reinterpret_cast<uint64_t>(w.shared);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    uint64_t target = base + static_cast<A>(to[l] + in->r[8]);
    // 64-bit displacements of addresses are not in use by any compiler; 32 bits with sign are kept.
    uint64_t source = from[l] + static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(in->r[9])));
    uint32_t part = sized ? least(size[l], bytes) : bytes;
    if (target % bytes) return fault_misaligned(w, in, l, target - base, bytes);
    if (!inside<Where::shared>(w, in, target, target + bytes, true)) {
      return report<Where::shared>(w, in, l, target, bytes, true, false);
    }
    if (part) {
      if (source % bytes) return fault_misaligned(w, in, l, source, bytes);
      if (!inside<Where::generic>(w, in, source, source + part, false)) {
        return report<Where::generic>(w, in, l, source, part, false, false);
      }
    }
    unsigned char buffer[16] = {};
    __builtin_memcpy(buffer, reinterpret_cast<const void*>(source), part);
    __builtin_memcpy(reinterpret_cast<void*>(target), buffer, bytes);
  }
  return in + 1;
}
const Instruction* nothing(Warp&, const Instruction* in) {
  return in + 1;
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

// Caching, ordering and hints change nothing: every access here is in order and visible at once.
void take_hints(Form& form) {
  for (std::string_view hint : {"ca",
                                "cg",
                                "cs",
                                "cv",
                                "lu",
                                "wb",
                                "wt",
                                "nc",
                                "volatile",
                                "relaxed",
                                "acquire",
                                "release",
                                "weak",
                                "mmio",
                                "cta",
                                "cluster",
                                "gpu",
                                "sys",
                                "L1::no_allocate",
                                "L1::evict_last",
                                "L1::evict_first",
                                "L1::evict_normal",
                                "L1::evict_unchanged",
                                "L2::64B",
                                "L2::128B",
                                "L2::256B",
                                "L2::evict_last",
                                "L2::evict_first",
                                "L2::evict_normal",
                                "L1::no_allocate",
                                "L2::cache_hint",
                                "level::eviction_priority"}) {
    form.take(hint);
  }
}

}  // namespace

bool select_memory(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  choice.touches_memory = true;
  if (base == "cp") {
    if (!form.take("async") || form.has("bulk")) return false;
    if (form.take("commit_group") || form.take("wait_all")) {
      choice.run = nothing;
      return true;
    }
    if (form.take("wait_group")) {
      choice.run = nothing;
      choice.shape = "i";
      return true;
    }
    const bool hint = form.has("L2::cache_hint");
    take_hints(form);
    if (!form.take("shared") && !form.take("shared::cta")) return false;
    if (!form.take("global")) return false;
    if (form.type_count()) return false;
    choice.ignores_last = hint;
    const bool sized = request.operands - hint == 4;
    choice.run = request.widths[0] == 4 ? copy_async<uint32_t> : copy_async<uint64_t>;
    choice.shape = sized ? "aaiw" : "aai";
    choice.imm = sized ? 32 : 0;
    return true;
  }
  const bool is_store = base == "st";
  const bool hint = form.has("L2::cache_hint");
  take_hints(form);
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
