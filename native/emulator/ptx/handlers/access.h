// Where a memory access goes, whether it may, and how it is reported when it may not. For handler files.
#pragma once

#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {

// Caching, ordering and hints change nothing: every access here is in order and visible at once.
GPOOL_INLINE void take_memory_hints(Form& form) {
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

enum class Where : uint8_t { generic, shared, local, parameters, parameter };  // parameter: named, not by a register

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

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
