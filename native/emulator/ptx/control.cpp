#include "control.h"

#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>

#include "cta.h"

namespace gpool::ptx::control {
namespace {

uint32_t predicate(const Warp& w, uint32_t offset) {
  uint32_t value;
  std::memcpy(&value, w.rows + offset, 4);
  return value;
}

uint32_t lane_value(const Warp& w, uint32_t row, unsigned lane) {
  uint32_t value;
  std::memcpy(&value, w.rows + row + 4 * lane, 4);
  return value;
}

unsigned first_lane(uint32_t mask) {
  return static_cast<unsigned>(std::countr_zero(mask));
}

// One backward branch of the turn is used up; when none is left the group stops at `target`.
const Instruction* jump(Warp& w, const Instruction* in, const Instruction* target) {
  if (target > in || --w.steps >= 0) return target;
  w.groups[w.current].pc = target;
  w.yield = true;
  return nullptr;
}

std::byte* local_of(Warp& w, unsigned lane) {
  return w.local + lane * w.local_stride;
}

}  // namespace

const Instruction* guard(Warp& w, const Instruction* in) {
  uint32_t mask = (predicate(w, in->r[0]) ^ static_cast<uint32_t>(in->imm)) & w.mask;
  if (mask == 0) return in + 2;
  if (mask == w.mask) return in + 1;
  uint32_t saved = w.mask;
  set_mask(w, mask);
  const Instruction* next = in[1].run(w, in + 1);
  if (next) set_mask(w, saved);
  return next;
}

const Instruction* branch(Warp& w, const Instruction* in) {
  return jump(w, in, reinterpret_cast<const Instruction*>(in->imm));
}

const Instruction* branch_if(Warp& w, const Instruction* in) {
  uint32_t taken = (predicate(w, in->r[0]) ^ in->r[1]) & w.mask;
  if (taken == 0) return in + 1;
  const Instruction* target = reinterpret_cast<const Instruction*>(in->imm);
  if (taken == w.mask) return jump(w, in, target);
  if (target <= in) --w.steps;
  if (w.steps < 0) w.yield = true;
  return split(w, taken, target, in + 1);
}

const Instruction* branch_indexed(Warp& w, const Instruction* in) {
  const Program& program = *w.cta->job->program;
  uint32_t left = w.mask;
  auto target_of = [&](unsigned lane) -> const Instruction* {
    uint32_t index = lane_value(w, in->r[0], lane);
    if (index >= in->r[2]) return nullptr;
    return program.code.data() + program.extra[in->r[1] + index];
  };
  const Instruction* first = target_of(first_lane(left));
  if (--w.steps < 0) w.yield = true;
  Group whole = w.groups[w.current];
  bool placed = false;
  uint32_t rest = whole.mask & ~w.mask;
  while (left) {
    first = target_of(first_lane(left));
    if (!first) {
      return fault(w, in, first_lane(left), Fault::Kind::illegal_instruction,
                   "the index of brx.idx is out of its table");
    }
    uint32_t same = 0;
    for (uint32_t lanes = left; lanes; lanes &= lanes - 1) {
      unsigned lane = first_lane(lanes);
      if (target_of(lane) == first) same |= 1u << lane;
    }
    if (same == whole.mask && !w.yield) return first;
    left &= ~same;
    Group one = whole;
    one.mask = same;
    one.pc = first;
    if (placed) {
      w.groups.push_back(one);
    } else {
      w.groups[w.current] = one;
    }
    placed = true;
  }
  if (rest) {
    whole.mask = rest;
    whole.pc = in + 1;
    w.groups.push_back(whole);
  }
  return nullptr;
}

const Instruction* none(Warp&, const Instruction* in) {
  return in + 1;
}

const Instruction* call(Warp& w, const Instruction* in) {
  const Program& program = *w.cta->job->program;
  const Call& call = program.calls[in->r[0]];
  Frame& caller = *w.frame;
  if (call.builtin) return run_builtin(w, in, call, caller) ? in + 1 : nullptr;
  uint32_t lanes = w.mask;
  uint32_t index = call.function;
  if (call.address_row != kNoRow) {
    // Lanes that call the same function go together; the others execute this instruction again.
    auto address_of = [&](unsigned lane) {
      uint64_t address;
      std::memcpy(&address, w.rows + call.address_row + 8 * lane, 8);
      return address;
    };
    uint64_t address = address_of(first_lane(lanes));
    uint32_t same = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if (lanes >> lane & 1 && address_of(lane) == address) same |= 1u << lane;
    }
    uint64_t number = (address - kFunctionBase) / 16 - 1;
    if (address < kFunctionBase || address % 16 || number >= program.by_module_index.size() ||
        program.by_module_index[number] < 0) {
      return fault_address(w, in, first_lane(lanes), address, "call of a function");
    }
    index = static_cast<uint32_t>(program.by_module_index[number]);
    if (same != lanes) {
      Group rest = w.groups[w.current];
      split(w, lanes, in, in + 1);
      rest.mask = lanes & ~same;
      rest.pc = in;
      w.groups[w.current].mask = same;
      w.groups.push_back(rest);
      set_mask(w, same);
      lanes = same;
    }
  }
  const Function& function = program.functions[index];
  Frame* frame = make_frame(w, &function, &caller);
  if (!frame) {
    return fault(w, in, first_lane(lanes), Fault::Kind::illegal_address,
                 "stack overflow: the call of '" + function.name + "' needs more than " +
                     std::to_string(w.local_stride) + " bytes of stack per thread");
  }
  frame->lanes = lanes;
  frame->back = in + 1;
  frame->call = &call;
  size_t arguments = std::min(call.arguments.size(), function.parameters.size());
  for (uint32_t left = lanes; left; left &= left - 1) {
    std::byte* local = local_of(w, first_lane(left));
    for (size_t i = 0; i < arguments; ++i) {
      std::memcpy(local + frame->local_base + function.parameters[i].offset,
                  local + caller.local_base + call.arguments[i].offset,
                  std::min(function.parameters[i].bytes, call.arguments[i].bytes));
    }
  }
  split(w, lanes, program.code.data() + function.entry, in + 1);
  w.groups[w.current].frame = frame;
  if (--w.steps < 0) w.yield = true;
  return nullptr;
}

const Instruction* ret(Warp& w, const Instruction* in) {
  Frame* frame = w.frame;
  if (!frame->caller) return exit(w, in);
  const Call& call = *frame->call;
  const Function& function = *frame->function;
  size_t results = std::min(call.results.size(), function.results.size());
  for (uint32_t left = w.mask; left; left &= left - 1) {
    std::byte* local = local_of(w, first_lane(left));
    for (size_t i = 0; i < results; ++i) {
      std::memcpy(local + frame->caller->local_base + call.results[i].offset,
                  local + frame->local_base + function.results[i].offset,
                  std::min(function.results[i].bytes, call.results[i].bytes));
    }
  }
  uint32_t lanes = w.mask;
  split(w, lanes, frame->back, in + 1);
  w.groups[w.current].frame = frame->caller;
  frame->lanes &= ~lanes;
  return nullptr;
}

const Instruction* exit(Warp& w, const Instruction* in) {
  uint32_t lanes = w.mask;
  w.groups[w.current].pc = in + 1;  // for those that stay, under a guard
  drop_lanes(w, lanes);
  return nullptr;
}

const Instruction* trap(Warp& w, const Instruction* in) {
  return fault(w, in, first_lane(w.mask), Fault::Kind::trap, "trap");
}

const Instruction* brkpt(Warp& w, const Instruction* in) {
  return fault(w, in, first_lane(w.mask), Fault::Kind::trap, "brkpt, and no debugger is attached");
}

const Instruction* give_way(Warp& w, const Instruction* in) {
  split(w, w.mask, in + 1, in + 1);
  w.steps = 0;
  w.yield = true;
  return nullptr;
}

const Instruction* barrier(Warp& w, const Instruction* in) {
  unsigned lane = first_lane(w.mask);
  uint32_t number = lane_value(w, in->r[0], lane);
  uint32_t count = in->r[1] == kNoRow ? 0 : lane_value(w, in->r[1], lane);
  if (number >= kBarriers) {
    return fault(w, in, lane, Fault::Kind::illegal_instruction, "barrier " + std::to_string(number) + " of 16");
  }
  split(w, w.mask, in + 1, in + 1);
  w.cta->arrive(w, w.groups[w.current], number, count, in->imm & 1, 0);
  return nullptr;
}

const Instruction* barrier_reduce(Warp& w, const Instruction* in) {
  unsigned lane = first_lane(w.mask);
  uint32_t number = lane_value(w, in->r[0], lane);
  uint32_t count = in->r[1] == kNoRow ? 0 : lane_value(w, in->r[1], lane);
  if (number >= kBarriers) {
    return fault(w, in, lane, Fault::Kind::illegal_instruction, "barrier " + std::to_string(number) + " of 16");
  }
  uint32_t votes = predicate(w, in->r[3]);
  split(w, w.mask, in + 1, in + 1);
  Group& group = w.groups[w.current];
  group.reduction = static_cast<uint8_t>(in->imm);
  group.result = in->r[2];
  w.cta->arrive(w, group, number, count, true, votes);
  return nullptr;
}

const Instruction* warp_barrier(Warp& w, const Instruction* in) {
  return converged(w, in, lane_value(w, in->r[0], first_lane(w.mask))) ? in + 1 : nullptr;
}

const Instruction* fence(Warp&, const Instruction* in) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return in + 1;
}

const Instruction* read_clock(Warp& w, const Instruction* in) {
  const Special which = static_cast<Special>(in->r[1]);
  const bool global = which >= Special::globaltimer;
  auto since = global ? std::chrono::system_clock::now().time_since_epoch()
                      : std::chrono::steady_clock::now().time_since_epoch();
  uint64_t value = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
  if (which == Special::clock_hi || which == Special::globaltimer_hi) value >>= 32;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (w.mask >> lane & 1) std::memcpy(w.rows + in->r[0] + in->r[2] * lane, &value, in->r[2]);
  }
  return in + 1;
}

}  // namespace gpool::ptx::control
