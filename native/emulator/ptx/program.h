// What a kernel is compiled to: one flat array of instructions for the kernel and every function it can reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gpool::ptx {

struct Warp;
struct Instruction;

// Executes one instruction for the lanes in Warp::mask. Returns the next instruction, or nullptr when the scheduler
// must decide (divergence, barrier, exit, fault); the handler has then stored where the lanes go on.
using Handler = const Instruction* (*)(Warp&, const Instruction*);

struct Instruction {
  Handler run;
  uint32_t line;   // in the PTX text
  uint32_t site;   // index of the memory access, for its last-hit region
  uint32_t r[10];  // byte offsets of rows and predicates in the frame, or indices into Program::extra
  uint64_t imm;    // displacement, immediate, target
};
static_assert(sizeof(Instruction) == 64);

constexpr unsigned kLanes = 32;
constexpr uint32_t kFull = 0xffffffffu;
constexpr uint32_t kNoRow = 0xffffffffu;

// Rows of a frame that are filled when the frame begins.
struct Constant {
  enum class Kind : uint8_t { value, variable, special, local, parameter };
  Kind kind;
  uint8_t bytes;    // 2, 4, 8, 16 per lane; 0: a predicate
  uint32_t offset;  // in the frame
  uint64_t value;   // the value; of a variable or local address: the addend; of a kernel parameter: its offset
  uint32_t index;   // variable, or Special
};

enum class Special : uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  envreg,
  zero,
  one,
  total_smem,
  dynamic_smem,
  clock,
  clock_hi,
  clock64,
  globaltimer,
  globaltimer_lo,
  globaltimer_hi,  // read anew by each instruction
};

struct Slice {  // of a thread's local memory, relative to its frame
  uint32_t offset, bytes;
};

struct Function {
  std::string name;
  uint32_t entry = 0;        // index of the first instruction
  uint32_t frame_bytes = 0;  // register rows, constants, predicates
  uint32_t local_bytes = 0;  // depots and parameters of one activation, per thread
  std::vector<Constant> constants;
  uint32_t first_changing = 0;  // constants from here on change between activations
  std::vector<Slice> parameters, results;
};

struct Call {
  uint32_t function;  // index into Program::functions, or kIndirect
  uint32_t address_row;
  uint32_t builtin;  // 0: none
  std::vector<Slice> arguments, results;
};

enum class Builtin : uint32_t { none, vprintf, malloc, free, assertfail };

struct Program {
  std::string name;
  std::string why_not;  // empty when it can run
  std::vector<Instruction> code;
  std::vector<uint32_t> extra;           // operands that did not fit, branch tables
  std::vector<Function> functions;       // [0] is the kernel
  std::vector<int32_t> by_module_index;  // module function index -> index into functions, -1: not reached
  std::vector<Call> calls;
  uint32_t sites = 0;
  uint32_t shared_bytes = 0;  // static
  uint32_t shared_alignment = 16;
  bool recursive = false;    // stack need is unknown
  uint32_t stack_bytes = 0;  // local memory per thread for the deepest chain of calls
};

// A function's address as kernels see it: never a valid data address.
constexpr uint64_t kFunctionBase = 0xf000'0000'0000'0000ull;
constexpr uint64_t function_address(uint64_t module_index) {
  return kFunctionBase + 16 * (module_index + 1);
}

}  // namespace gpool::ptx
