// cp.async, cp.async.bulk and mbarrier. Copies are made at once, so waiting for a group of them is nothing; an mbarrier
// still counts bytes and arrivals, because programs read its phase.
#include "access.h"
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

// r: shared address, generic address [, bytes of the source that are read; the rest is zero]; displacements in r[7] and
// r[8]. imm: bytes, | 32 when the source size is given.
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
    uint64_t target = base + static_cast<A>(to[l] + in->r[7]);
    // 64-bit displacements of addresses are not in use by any compiler; 32 bits with sign are kept.
    uint64_t source = from[l] + static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(in->r[8])));
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

// ---- mbarrier ----

// The 64-bit object, opaque to programs: who is still expected in this phase, and in each phase to come. A phase ends
// when nobody and no byte is missing.
constexpr uint64_t kCountMask = 0xfffff, kBytesMask = 0x3fffff, kPhase = 1ull << 63;
constexpr unsigned kExpectedShift = 20, kBytesShift = 40;
GPOOL_INLINE uint64_t pending(uint64_t word) {
  return word & kCountMask;
}
GPOOL_INLINE uint64_t changed(uint64_t word, uint64_t fewer_arrivals, uint64_t more_bytes) {
  const uint64_t bytes = ((word >> kBytesShift) + more_bytes) & kBytesMask;
  word = (word & ~kCountMask) | ((pending(word) - fewer_arrivals) & kCountMask);
  word = (word & ~(kBytesMask << kBytesShift)) | bytes << kBytesShift;
  if (pending(word) || bytes) return word;
  return (word ^ kPhase) | (word >> kExpectedShift & kCountMask);
}

enum class Action : uint8_t {
  init,
  inval,
  arrive,
  arrive_drop,
  arrive_async,  // of a thread's cp.async copies, which are done
  expect_bytes,
  complete_bytes,
  test,
  test_parity
};
// In Instruction::r[9].
struct BarrierPlan {
  Action action;
  uint8_t shared : 1, narrow : 1, expects_bytes : 1, counted : 1;
  uint8_t unused[2];
};

// The place of lane l's mbarrier, or 0: it is no good, and reported.
GPOOL_INLINE uint64_t place_of(Warp& w, const Instruction* in, unsigned l, uint32_t address_row, uint64_t displacement,
                               bool shared, bool narrow) {
  uint64_t at = narrow ? static_cast<uint32_t>(row<uint32_t>(w, address_row)[l] + displacement)
                       : row<uint64_t>(w, address_row)[l] + displacement;
  const uint64_t base = reinterpret_cast<uint64_t>(w.shared);
  if (shared) at += base;
  if (!inside<Where::shared>(w, in, at, at + 8, true)) {
    report<Where::shared>(w, in, l, at, 8, true, false);
    return 0;
  }
  if (at % 8) {
    fault_misaligned(w, in, l, at - base, 8);
    return 0;
  }
  return at;
}
GPOOL_INLINE uint64_t load_word(uint64_t at) {
  uint64_t word;
  __builtin_memcpy(&word, reinterpret_cast<const void*>(at), 8);
  return word;
}
GPOOL_INLINE void store_word(uint64_t at, uint64_t word) {
  __builtin_memcpy(reinterpret_cast<void*>(at), &word, 8);
}

// r: result or kNoRow, address, value or kNoRow. Lanes one after the other, as if they came at different times.
const Instruction* mbarrier(Warp& w, const Instruction* in) {
  const BarrierPlan plan = cast_bits<BarrierPlan>(in->r[9]);
  uint32_t holds = 0;
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    const uint64_t at = place_of(w, in, l, in->r[1], in->imm, plan.shared, plan.narrow);
    if (!at) return nullptr;
    const uint64_t word = load_word(at);
    const uint32_t value = plan.counted ? row<uint32_t>(w, in->r[2])[l] : 1;
    switch (plan.action) {
      case Action::init:
        if (value == 0 || value > kCountMask) {
          return fault_operand(w, in, l, "an mbarrier expects 1 to 1048575 arrivals");
        }
        store_word(at, value | uint64_t{value} << kExpectedShift);
        break;
      case Action::inval:
        store_word(at, 0);
        break;
      case Action::expect_bytes:
        store_word(at, changed(word, 0, value));
        break;
      case Action::complete_bytes:
        store_word(at, changed(word, 0, 0 - uint64_t{value}));
        break;
      case Action::arrive:
      case Action::arrive_drop:
      case Action::arrive_async: {
        const uint64_t arrivals = plan.expects_bytes ? 1 : value;
        if (arrivals > pending(word)) {
          return fault_operand(w, in, l, "more arrivals at an mbarrier than it expects");
        }
        uint64_t fewer = word;
        if (plan.action == Action::arrive_drop) fewer -= arrivals << kExpectedShift;
        store_word(at, changed(fewer, arrivals, plan.expects_bytes ? value : 0));
        if (in->r[0] != kNoRow) row<uint64_t>(w, in->r[0])[l] = word;
        break;
      }
      case Action::test: {
        const uint64_t state = row<uint64_t>(w, in->r[2])[l];
        if ((word ^ state) & kPhase) holds |= 1u << l;
        break;
      }
      case Action::test_parity:
        if ((word >> 63) != (value & 1)) holds |= 1u << l;
        break;
    }
  }
  if (plan.action == Action::test || plan.action == Action::test_parity) {
    set_bits(w, in->r[0], holds);
    if (holds != w.mask) w.steps = 0;  // the next turn of the waiting loop lets others run
  }
  return in + 1;
}

const Instruction* pending_count(Warp& w, const Instruction* in) {
  const uint64_t* state = row<uint64_t>(w, in->r[1]);
  each(w, row<uint32_t>(w, in->r[0]), [=](unsigned l) { return static_cast<uint32_t>(state[l] & kCountMask); });
  return in + 1;
}

bool take_shared(Form& form) {
  return form.take("shared") || form.take("shared::cta") || form.take("shared::cluster");
}

bool select_mbarrier(Request& request, Choice& choice) {
  Form& form = request.form;
  if (form.type_count() > 1 || (form.type_count() == 1 && form.type(0) != Type::b64)) return false;
  if (form.take("pending_count")) {
    choice.run = pending_count;
    choice.shape = "wq";
    return true;
  }
  BarrierPlan plan{};
  plan.shared = take_shared(form);
  take_memory_hints(form);
  unsigned address = 0;
  choice.touches_memory = true;
  choice.run = mbarrier;
  if (form.take("init")) {
    plan.action = Action::init, plan.counted = 1;
    choice.shape = "_mw";
  } else if (form.take("inval")) {
    plan.action = Action::inval;
    choice.shape = "_m_";
  } else if (form.take("complete_tx")) {
    plan.action = Action::complete_bytes, plan.counted = 1;
    choice.shape = "_mw";
  } else if (form.has("arrive") || form.has("arrive_drop")) {
    plan.action = form.take("arrive_drop") ? Action::arrive_drop : Action::arrive;
    if (plan.action == Action::arrive) form.take("arrive");
    form.take("noComplete");
    plan.expects_bytes = form.take("expect_tx");
    // The form for other blocks of a cluster has no result; here a block is its own cluster.
    address = request.address[0] ? 0 : 1;
    plan.counted = request.operands == address + 2;
    choice.shape = address == 0 ? (plan.counted ? "_mw" : "_m_") : plan.counted ? "qmw" : "qm_";
  } else if (form.take("expect_tx")) {
    plan.action = Action::expect_bytes, plan.counted = 1;
    choice.shape = "_mw";
  } else if (form.take("test_wait") || form.take("try_wait")) {
    address = 1;
    const bool parity = form.take("parity");
    plan.action = parity ? Action::test_parity : Action::test;
    plan.counted = parity;
    choice.shape = parity ? "Pmw" : "Pmq";
    choice.ignores_last = request.operands == 4;  // how long to wait at most
  } else {
    return false;
  }
  plan.narrow = request.widths[address] == 4;
  if (plan.narrow && !plan.shared) return false;
  choice.note = cast_bits<uint32_t>(plan);
  return true;
}

// ---- cp.async.bulk ----

// In Instruction::r[6].
enum : uint32_t { kToShared = 1, kFromShared = 2, kNarrowTo = 4, kNarrowFrom = 8, kNarrowBarrier = 16, kNotifies = 32 };

// r: target, source, bytes, mbarrier or kNoRow; displacements in r[7], r[8], r[9]; imm: what is above
const Instruction* copy_bulk(Warp& w, const Instruction* in) {
  const uint32_t flags = static_cast<uint32_t>(in->imm);
  const uint64_t base = reinterpret_cast<uint64_t>(w.shared);
  auto address = [&](unsigned operand, unsigned l, bool narrow, bool shared) {
    const uint64_t displacement = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(in->r[7 + operand])));
    const uint64_t at = narrow ? row<uint32_t>(w, in->r[operand])[l] + displacement
                               : row<uint64_t>(w, in->r[operand])[l] + displacement;
    return shared ? base + at : at;
  };
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    const uint64_t to = address(0, l, flags & kNarrowTo, flags & kToShared);
    const uint64_t from = address(1, l, flags & kNarrowFrom, flags & kFromShared);
    const uint32_t bytes = row<uint32_t>(w, in->r[2])[l];
    if (bytes % 16) {
      return fault_operand(w, in, l, "cp.async.bulk of bytes that are no multiple of 16");
    }
    if (to % 16) return fault_misaligned(w, in, l, to, 16);
    if (from % 16) return fault_misaligned(w, in, l, from, 16);
    const bool to_fine = flags & kToShared ? inside<Where::shared>(w, in, to, to + bytes, true)
                                           : admit(w, nullptr, to, to + bytes, true);
    if (!to_fine) return report<Where::generic>(w, in, l, to, bytes, true, false);
    const bool from_fine = flags & kFromShared ? inside<Where::shared>(w, in, from, from + bytes, false)
                                               : admit(w, nullptr, from, from + bytes, false);
    if (!from_fine) return report<Where::generic>(w, in, l, from, bytes, false, false);
    __builtin_memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    if (!(flags & kNotifies)) continue;
    const uint64_t displacement = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(in->r[9])));
    const uint64_t at = place_of(w, in, l, in->r[3], displacement, true, flags & kNarrowBarrier);
    if (!at) return nullptr;
    store_word(at, changed(load_word(at), 0, 0 - uint64_t{bytes}));
  }
  return in + 1;
}

bool select_bulk(Request& request, Choice& choice) {
  Form& form = request.form;
  if (form.has("tensor") || form.type_count()) return false;
  const bool hint = form.has("L2::cache_hint");
  if (form.take("prefetch")) {
    form.take("L2");
    form.take("global");
    take_memory_hints(form);
    choice.run = nothing;
    choice.shape = "mw";
    choice.ignores_last = hint;
    return true;
  }
  const bool multicast = form.take("multicast::cluster");  // to the blocks of a cluster: to this one
  uint32_t flags = 0;
  if (form.take("mbarrier::complete_tx::bytes")) {
    flags = kNotifies | kToShared;
    const bool global = form.take("global");
    if (!form.take("shared::cluster")) {
      if (!form.take("shared::cta")) return false;
    } else if (!global && !form.take("shared::cta")) {
      return false;
    }
    if (!global) flags |= kFromShared;
    if (request.operands != 4u + multicast + hint || (multicast && hint)) return false;
    choice.ignores_last = multicast || hint;
    choice.shape = "aawa";
  } else if (form.take("bulk_group") && form.take("global") && form.take("shared::cta")) {
    flags = kFromShared;
    choice.ignores_last = hint;
    choice.shape = "aaw";
  } else {
    return false;
  }
  take_memory_hints(form);
  if (request.widths[0] == 4) flags |= kNarrowTo;
  if (request.widths[1] == 4) flags |= kNarrowFrom;
  if (request.widths[3] == 4) flags |= kNarrowBarrier;
  choice.imm = flags;
  choice.run = copy_bulk;
  return true;
}

}  // namespace

bool select_async(Request& request, Choice& choice) {
  Form& form = request.form;
  if (form.opcode() == "mbarrier") return select_mbarrier(request, choice);
  if (!form.take("async")) return false;
  choice.touches_memory = true;
  const bool bulk = form.take("bulk");
  if (form.take("commit_group") || form.take("wait_all")) {
    choice.run = nothing;
    return true;
  }
  if (form.take("wait_group")) {
    form.take("read");
    choice.run = nothing;
    choice.shape = "i";
    return true;
  }
  if (bulk) return select_bulk(request, choice);
  if (form.take("mbarrier") && form.take("arrive")) {
    // Without .noinc the arrival was not counted in before, and counts for nothing.
    BarrierPlan plan{};
    plan.action = Action::arrive_async;
    const bool counts = form.take("noinc");
    plan.shared = take_shared(form);
    plan.narrow = request.widths[0] == 4;
    if (form.type_count() > 1 || (plan.narrow && !plan.shared)) return false;
    choice.run = counts ? mbarrier : nothing;
    choice.shape = "_m_";
    choice.note = cast_bits<uint32_t>(plan);
    return true;
  }
  const bool hint = form.has("L2::cache_hint");
  take_memory_hints(form);
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

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
