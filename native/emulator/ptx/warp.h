// A warp at run time: its groups of lanes, its frames of registers, and what its handlers may call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "program.h"
#include "ptx.h"

namespace gpool::ptx {

struct Cta;

// One activation of a function. Registers are rows of 32 lanes at byte offsets from `rows`.
struct Frame {
  std::byte* rows;
  const Function* function;
  Frame* caller = nullptr;
  const Instruction* back = nullptr;  // where the caller goes on
  const Call* call = nullptr;
  uint32_t lanes = 0;  // lanes that have not left it
  uint32_t depth = 0;
  uint64_t local_base = 0;  // of its depots, in each thread's local memory
  size_t bytes = 0;
};

// Lanes that stand at the same instruction of the same frame.
struct Group {
  enum class State : uint8_t { ready, at_barrier, at_sync };
  const Instruction* pc;
  uint32_t mask;
  Frame* frame;
  State state = State::ready;
  uint8_t barrier = 0;
  uint8_t reduction = 0;     // of a barrier.red: 1 popc, 2 and, 3 or
  uint32_t result = kNoRow;  // its destination
  uint64_t ran = 0;          // turn in which it last ran
};

struct Site {
  uint64_t begin, end;
};

struct alignas(64) Warp {
  // What handlers touch on each instruction.
  std::byte* rows = nullptr;
  uint32_t mask = 0;      // lanes that execute now
  uint32_t live = 0;      // lanes that have not exited
  Site* sites = nullptr;  // last region hit, by access site
  std::byte* shared = nullptr;
  uint64_t shared_bytes = 0;
  std::byte* local = nullptr;  // lane l owns [local + l * local_stride, + local_stride)
  uint64_t local_stride = 0;
  const std::byte* parameters = nullptr;
  uint64_t parameter_bytes = 0;
  const uint32_t* extra = nullptr;  // Program::extra
  Frame* frame = nullptr;
  int64_t steps = 0;                             // backward branches and calls left in this turn
  alignas(64) uint32_t mask_words[kLanes] = {};  // all ones for each lane of `mask`

  Cta* cta = nullptr;
  uint32_t index = 0;
  std::vector<Group> groups;
  size_t current = 0;
  bool force_sync = false;  // waiting for the other lanes is hopeless: run with those present
  bool yield = false;       // the handler asks to let others run
  uint64_t turn = 0;
  std::vector<std::unique_ptr<std::byte[]>> frame_memory;
  std::vector<std::unique_ptr<Frame>> frames;  // all ever made; free ones have lanes == 0
};

// ---- for handlers ----

void set_mask(Warp& w, uint32_t mask);

// Is [begin, end) inside what this launch may read (write)? On success the site remembers the region.
bool admit(Warp& w, const Instruction* in, uint64_t begin, uint64_t end, bool write);

// Each ends the launch and returns nullptr.
const Instruction* fault_address(Warp& w, const Instruction* in, unsigned lane, uint64_t address, const char* what);
const Instruction* fault_misaligned(Warp& w, const Instruction* in, unsigned lane, uint64_t address, unsigned bytes);
const Instruction* fault(Warp& w, const Instruction* in, unsigned lane, Fault::Kind kind, std::string what);
// An operand that the instruction does not allow; handler files may not make strings.
const Instruction* fault_operand(Warp& w, const Instruction* in, unsigned lane, const char* what);

// The scheduler's side of divergence: the running group continues at several places.
const Instruction* split(Warp& w, uint32_t taken, const Instruction* target, const Instruction* next);
// True when all live lanes of `members` execute now; otherwise the group waits and the handler returns nullptr.
bool converged(Warp& w, const Instruction* in, uint32_t members);
void drop_lanes(Warp& w, uint32_t lanes);

enum class Turn : uint8_t { finished, blocked, spent, faulted };
// Runs the warp until it is finished, waits at a barrier, or has used `steps` backward branches.
Turn run(Warp& w, int64_t steps);

Frame* make_frame(Warp& w, const Function* function, Frame* caller);
void fill_constants(Warp& w, Frame* frame);

}  // namespace gpool::ptx
