// Handlers that move lanes: branches, calls, returns, barriers, traps.
#pragma once

#include "program.h"
#include "warp.h"

namespace gpool::ptx::control {

// `@p` before another instruction: r[0] predicate, imm all ones when negated.
const Instruction* guard(Warp& w, const Instruction* in);
const Instruction* branch(Warp& w, const Instruction* in);          // imm: target
const Instruction* branch_if(Warp& w, const Instruction* in);       // r[0] predicate, r[1] all ones when negated
const Instruction* branch_indexed(Warp& w, const Instruction* in);  // r[0] row, r[1] first of r[2] targets in extra
const Instruction* call(Warp& w, const Instruction* in);            // r[0] index of the Call
const Instruction* ret(Warp& w, const Instruction* in);
const Instruction* exit(Warp& w, const Instruction* in);
const Instruction* trap(Warp& w, const Instruction* in);
const Instruction* brkpt(Warp& w, const Instruction* in);
const Instruction* none(Warp& w, const Instruction* in);
const Instruction* give_way(Warp& w, const Instruction* in);  // nanosleep
// r[0] row of the barrier number, r[1] row of the count or kNoRow, imm 1: wait
const Instruction* barrier(Warp& w, const Instruction* in);
// barrier.red: r[0] number, r[1] count or kNoRow, r[2] destination, r[3] predicate, imm: 1 popc, 2 and, 3 or
const Instruction* barrier_reduce(Warp& w, const Instruction* in);
const Instruction* warp_barrier(Warp& w, const Instruction* in);  // r[0] row of the member mask
const Instruction* fence(Warp& w, const Instruction* in);
const Instruction* read_clock(Warp& w, const Instruction* in);  // r[0] row, r[1] Special, r[2] bytes

// Runs a builtin function for the lanes of the mask; false: it faulted.
bool run_builtin(Warp& w, const Instruction* in, const Call& call, const Frame& caller);

}  // namespace gpool::ptx::control
