// From an opcode to its handler. Handlers exist once per instruction-set level of the host.
#pragma once

#include <cstdint>

#include "program.h"
#include "types.h"

namespace gpool::ptx {

// What is known of an instruction when its handler is chosen.
struct Request {
  Form form;
  unsigned operands = 0;
  // Bytes per lane of each operand's register; 0: a literal, a sink; of a vector operand: of its elements; of an
  // address: of its register (8 for a symbol).
  uint8_t widths[8] = {};
  uint8_t elements[8] = {};      // of a vector operand, else 0
  bool predicate[8] = {};        // the operand is a predicate register
  bool address[8] = {};          // the operand stands in brackets
  bool has_second = false;       // destination written as a|b
  bool named_parameter = false;  // the address is that of a kernel parameter, written as its name
  bool local_parameter = false;  // a .param address that lies in local memory

  explicit Request(std::string_view opcode) : form(opcode) {}
};

// `shape` says how each operand becomes an entry of Instruction::r, one letter per operand:
//   h w q o  row of 2, 4, 8, 16 bytes per lane (source or destination; a literal gives its integer value)
//   f d      row of 4, 8 bytes; a literal may be a float
//   p        source predicate (!p allowed)      P  destination predicate
//   2        after a destination: its second part (a|b), a scratch predicate when there is none
//   m        address: its row; the displacement goes to Instruction::imm
//   V        vector: all its elements, of the kind named by the next letter
//   i        literal, is or-ed into Instruction::imm
//   a        address of an instruction that has several: its row; the displacements go to r[7], r[8], r[9]
//   _        no operand; kNoRow
// A leading '*' puts all rows into Program::extra, the index of the first into r[0].
struct Choice {
  Handler run = nullptr;
  const char* shape = "";
  uint64_t imm = 0;
  uint32_t note = 0;  // for Instruction::r[9], of instructions with fewer rows
  bool touches_memory = false;
  bool ignores_last = false;  // a cache policy ends the operands
};

struct Level {
  const char* name;
  bool (*select)(Request& request, Choice& choice);
};

// The best level that this processor can run. The environment variable GPOOL_PTX_LEVEL names a lower one.
const Level& host_level();

}  // namespace gpool::ptx
