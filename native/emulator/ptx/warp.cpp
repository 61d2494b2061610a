#include "warp.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "cta.h"

namespace gpool::ptx {
namespace {

// Local memory that each activation is charged on top of its depots, for what hardware would save there; it bounds the
// depth of recursion.
constexpr uint64_t kActivationCharge = 64;

std::string place(Warp& w, const Instruction* in, unsigned lane) {
  const Cta& cta = *w.cta;
  const uint32_t* block = cta.job->launch.block;
  uint32_t thread = w.index * kLanes + lane;
  char text[256];
  std::snprintf(text, sizeof text, "', PTX line %u, block (%u,%u,%u), thread (%u,%u,%u): ", in->line, cta.id[0],
                cta.id[1], cta.id[2], thread % block[0], thread / block[0] % block[1], thread / block[0] / block[1]);
  return "kernel '" + cta.job->kernel->name + text;
}

uint32_t special_value(const Warp& w, Special which, unsigned lane, uint64_t number) {
  const Cta& cta = *w.cta;
  const Launch& launch = cta.job->launch;
  uint32_t thread = w.index * kLanes + lane;
  switch (which) {
    case Special::tid_x:
      return thread % launch.block[0];
    case Special::tid_y:
      return thread / launch.block[0] % launch.block[1];
    case Special::tid_z:
      return thread / launch.block[0] / launch.block[1];
    case Special::ntid_x:
      return launch.block[0];
    case Special::ntid_y:
      return launch.block[1];
    case Special::ntid_z:
      return launch.block[2];
    case Special::ctaid_x:
      return cta.id[0];
    case Special::ctaid_y:
      return cta.id[1];
    case Special::ctaid_z:
      return cta.id[2];
    case Special::nctaid_x:
      return launch.grid[0];
    case Special::nctaid_y:
      return launch.grid[1];
    case Special::nctaid_z:
      return launch.grid[2];
    case Special::laneid:
      return lane;
    case Special::warpid:
      return w.index;
    case Special::nwarpid:
      return 64;
    case Special::smid:
      return cta.worker;
    case Special::nsmid:
      return 1024;
    case Special::gridid:
      return static_cast<uint32_t>(cta.job->id);
    case Special::lanemask_eq:
      return 1u << lane;
    case Special::lanemask_lt:
      return (1u << lane) - 1;
    case Special::lanemask_le:
      return (2u << lane) - 1;
    case Special::lanemask_gt:
      return ~((2u << lane) - 1);
    case Special::lanemask_ge:
      return ~((1u << lane) - 1);
    case Special::envreg: {
      // Cooperative groups read the address of their grid workspace from %envreg1 (high) and %envreg2 (low).
      uint64_t workspace = reinterpret_cast<uint64_t>(cta.job->workspace.get());
      return number == 1 ? static_cast<uint32_t>(workspace >> 32) : number == 2 ? static_cast<uint32_t>(workspace) : 0;
    }
    case Special::one:
      return 1;
    case Special::total_smem:
      return static_cast<uint32_t>(cta.shared_bytes);
    case Special::dynamic_smem:
      return launch.dynamic_shared_bytes;
    default:
      return 0;
  }
}

void fill_row(std::byte* row, unsigned bytes, uint64_t value) {
  switch (bytes) {
    case 0: {
      uint32_t all = value ? kFull : 0;
      std::memcpy(row, &all, 4);
      break;
    }
    case 2:
      std::fill_n(reinterpret_cast<uint16_t*>(row), kLanes, static_cast<uint16_t>(value));
      break;
    case 4:
      std::fill_n(reinterpret_cast<uint32_t*>(row), kLanes, static_cast<uint32_t>(value));
      break;
    case 8:
      std::fill_n(reinterpret_cast<uint64_t*>(row), kLanes, value);
      break;
    default:
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        uint64_t both[2] = {value, 0};
        std::memcpy(row + 16 * lane, both, 16);
      }
  }
}

}  // namespace

void set_mask(Warp& w, uint32_t mask) {
  w.mask = mask;
  if (mask == kFull) {
    std::memset(w.mask_words, 0xff, sizeof w.mask_words);
    return;
  }
  for (unsigned lane = 0; lane < kLanes; ++lane) w.mask_words[lane] = -(mask >> lane & 1);
}

bool admit(Warp& w, const Instruction* in, uint64_t begin, uint64_t end, bool write) {
  if (end < begin) return false;
  Cta& cta = *w.cta;
  Job& job = *cta.job;
  auto inside = [&](uint64_t from, uint64_t to) {
    if (begin < from || end > to) return false;
    if (in) w.sites[in->site] = {from, to};
    return true;
  };
  if (job.launch.regions) {
    const std::vector<Region>& regions = *job.launch.regions;
    auto after = std::upper_bound(regions.begin(), regions.end(), begin,
                                  [](uint64_t address, const Region& region) { return address < region.begin; });
    if (after != regions.begin()) {
      const Region& region = after[-1];
      if ((!write || region.writable) && inside(region.begin, region.end)) return true;
    }
  }
  uint64_t shared = reinterpret_cast<uint64_t>(cta.shared);
  if (cta.shared && inside(shared, shared + cta.shared_bytes)) return true;
  uint64_t local = reinterpret_cast<uint64_t>(cta.local);
  // Sites are common to the warps of a block, so the block's whole local memory is one region.
  if (cta.local && inside(local, local + cta.local_bytes)) return true;
  uint64_t parameters = reinterpret_cast<uint64_t>(w.parameters);
  if (!write && inside(parameters, parameters + w.parameter_bytes)) return true;
  uint64_t workspace = reinterpret_cast<uint64_t>(job.workspace.get());
  if (workspace && inside(workspace, workspace + kWorkspaceBytes)) return true;
  std::lock_guard lock(job.mutex);
  // Not remembered: the block may be freed and its region end.
  for (const Region& region : job.heap) {
    if (begin >= region.begin && end <= region.end) return true;
  }
  return false;
}

const Instruction* fault(Warp& w, const Instruction* in, unsigned lane, Fault::Kind kind, std::string what) {
  w.cta->faulted = true;
  w.cta->job->raise(kind, place(w, in, lane) + what);
  return nullptr;
}

const Instruction* fault_address(Warp& w, const Instruction* in, unsigned lane, uint64_t address, const char* what) {
  char text[192];
  std::snprintf(text, sizeof text, "%s at 0x%llx is out of bounds", what, static_cast<unsigned long long>(address));
  return fault(w, in, lane, Fault::Kind::illegal_address, text);
}

const Instruction* fault_misaligned(Warp& w, const Instruction* in, unsigned lane, uint64_t address, unsigned bytes) {
  char text[192];
  std::snprintf(text, sizeof text, "access to %u bytes at 0x%llx, which is not a multiple of %u", bytes,
                static_cast<unsigned long long>(address), bytes);
  return fault(w, in, lane, Fault::Kind::misaligned_address, text);
}

const Instruction* fault_operand(Warp& w, const Instruction* in, unsigned lane, const char* what) {
  return fault(w, in, lane, Fault::Kind::illegal_instruction, what);
}

const Instruction* split(Warp& w, uint32_t taken, const Instruction* target, const Instruction* next) {
  Group& group = w.groups[w.current];
  uint32_t rest = group.mask & ~taken;
  Group other = group;
  group.mask = taken;
  group.pc = target;
  if (rest) {
    other.mask = rest;
    other.pc = next;
    w.groups.push_back(other);
  }
  return nullptr;
}

bool converged(Warp& w, const Instruction* in, uint32_t members) {
  uint32_t missing = members & w.live & ~w.mask;
  if (missing == 0 || w.force_sync) {
    w.force_sync = false;
    return true;
  }
  split(w, w.mask, in, in + 1);
  w.groups[w.current].state = Group::State::at_sync;
  return false;
}

void drop_lanes(Warp& w, uint32_t lanes) {
  Group& group = w.groups[w.current];
  for (Frame* frame = group.frame; frame; frame = frame->caller) frame->lanes &= ~lanes;
  w.live &= ~lanes;
  w.cta->live_threads -= lanes == kFull ? kLanes : static_cast<uint32_t>(std::popcount(lanes));
  group.mask &= ~lanes;
  if (group.mask == 0) {
    w.groups[w.current] = w.groups.back();
    w.groups.pop_back();
  }
  w.cta->threads_left();
}

Frame* make_frame(Warp& w, const Function* function, Frame* caller) {
  uint64_t local_base = caller ? caller->local_base + caller->function->local_bytes + kActivationCharge : 0;
  local_base = (local_base + 15) & ~15ull;
  if (caller && local_base + function->local_bytes + kActivationCharge > w.local_stride) return nullptr;
  Frame* frame = nullptr;
  for (auto& known : w.frames) {
    if (known->lanes == 0 && known->function == function) {
      frame = known.get();
      break;
    }
  }
  if (!frame) {
    size_t bytes = function->frame_bytes + 64;
    auto memory = std::make_unique<std::byte[]>(bytes);
    w.frames.push_back(std::make_unique<Frame>());
    frame = w.frames.back().get();
    frame->rows = reinterpret_cast<std::byte*>((reinterpret_cast<uint64_t>(memory.get()) + 63) & ~63ull);
    frame->function = function;
    w.frame_memory.push_back(std::move(memory));
    frame->bytes = 0;
  }
  frame->caller = caller;
  frame->depth = caller ? caller->depth + 1 : 0;
  frame->local_base = local_base;
  fill_constants(w, frame);
  return frame;
}

void fill_constants(Warp& w, Frame* frame) {
  const std::vector<Constant>& constants = frame->function->constants;
  const bool fresh = frame->bytes == 0;
  frame->bytes = frame->function->frame_bytes;
  for (size_t i = fresh ? 0 : frame->function->first_changing; i < constants.size(); ++i) {
    const Constant& constant = constants[i];
    std::byte* row = frame->rows + constant.offset;
    switch (constant.kind) {
      case Constant::Kind::value:
        fill_row(row, constant.bytes, constant.value);
        break;
      case Constant::Kind::variable:
        fill_row(row, constant.bytes, w.cta->job->module->address_of(constant.index) + constant.value);
        break;
      case Constant::Kind::local:
        fill_row(row, constant.bytes, frame->local_base + constant.value);
        break;
      case Constant::Kind::parameter: {
        uint64_t value = 0;
        std::memcpy(&value, w.parameters + constant.value, constant.bytes);
        fill_row(row, constant.bytes, value);
        break;
      }
      case Constant::Kind::special: {
        const Special which = static_cast<Special>(constant.index);
        if (which >= Special::ctaid_x && which <= Special::ctaid_z) {
          fill_row(row, constant.bytes, special_value(w, which, 0, 0));
          break;
        }
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          uint64_t value = special_value(w, which, lane, constant.value);
          std::memcpy(row + constant.bytes * lane, &value, constant.bytes);
        }
        break;
      }
    }
  }
}

namespace {

// Lanes of one frame that stand at the same place become one group again.
void merge(Warp& w) {
  for (size_t i = 0; i < w.groups.size(); ++i) {
    Group& group = w.groups[i];
    if (group.state == Group::State::at_barrier) continue;
    for (size_t j = w.groups.size() - 1; j > i; --j) {
      Group& other = w.groups[j];
      if (other.pc != group.pc || other.frame != group.frame || other.state == Group::State::at_barrier) continue;
      group.mask |= other.mask;
      group.state = Group::State::ready;
      other = w.groups.back();
      w.groups.pop_back();
    }
  }
}

constexpr size_t kNone = ~size_t{0};

// The deepest frame first, then the lowest pc: lanes that are behind catch up with the others.
size_t choose(const Warp& w, Group::State state, bool fair) {
  size_t best = kNone;
  for (size_t i = 0; i < w.groups.size(); ++i) {
    const Group& group = w.groups[i];
    if (group.state != state) continue;
    if (best == kNone) {
      best = i;
      continue;
    }
    const Group& so_far = w.groups[best];
    bool better = fair                                        ? group.ran < so_far.ran
                  : group.frame->depth != so_far.frame->depth ? group.frame->depth > so_far.frame->depth
                                                              : group.pc < so_far.pc;
    if (better) best = i;
  }
  return best;
}

}  // namespace

Turn run(Warp& w, int64_t steps) {
  bool fair = false;
  for (;;) {
    if (w.groups.empty()) return Turn::finished;
    uint64_t limit = ~0ull;
    int64_t slice = steps;
    if (w.groups.size() == 1) {
      w.current = 0;
      if (w.groups[0].state == Group::State::at_barrier) return Turn::blocked;
      if (w.groups[0].state == Group::State::at_sync) w.groups[0].state = Group::State::ready;
    } else {
      merge(w);
      w.current = choose(w, Group::State::ready, fair);
      if (w.current == kNone) {
        w.current = choose(w, Group::State::at_sync, false);
        if (w.current == kNone) return Turn::blocked;
        w.groups[w.current].state = Group::State::ready;
        w.force_sync = true;
      }
      const Group& chosen = w.groups[w.current];
      if (!fair) {
        for (const Group& other : w.groups) {
          if (other.frame == chosen.frame && other.pc > chosen.pc && other.state != Group::State::at_barrier) {
            limit = std::min(limit, reinterpret_cast<uint64_t>(other.pc));
          }
        }
      }
      if (w.groups.size() > 1) slice = std::min(slice, kGroupTurn);
      w.groups[w.current].ran = ++w.turn;
      fair = false;
    }
    Group& group = w.groups[w.current];
    w.frame = group.frame;
    w.rows = group.frame->rows;
    if (w.mask != group.mask) set_mask(w, group.mask);
    w.steps = slice;
    const Instruction* in = group.pc;
    do {
      in = in->run(w, in);
    } while (reinterpret_cast<uint64_t>(in) - 1 < limit - 1);
    steps -= slice - std::max<int64_t>(w.steps, 0);
    if (in) {
      w.groups[w.current].pc = in;
      continue;
    }
    w.mask = 0;  // the handler may have narrowed it
    if (w.cta->faulted) return Turn::faulted;
    if (w.yield) {
      w.yield = false;
      if (steps <= 0) return Turn::spent;
      fair = true;
    }
  }
}

}  // namespace gpool::ptx
