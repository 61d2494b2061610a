// Declarations and operands of PTX, as written: no meaning yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text.h"
#include "types.h"

namespace gpool::ptx {

// Reading stops with the first error; `line` is of the text.
struct SyntaxError {
  uint32_t line = 0;
  std::string what;
  explicit operator bool() const { return !what.empty(); }
};

enum class Space : uint8_t { generic, global, constant, shared, local, param, reg };

struct InitialValue {
  Literal literal;
  std::string_view symbol;  // of an address; empty: a literal
  int64_t addend = 0;
  uint64_t byte_mask = 0;  // 0xFF00(symbol): which byte of the address; 0: the whole
};

// One name of a declaration such as `.global .align 4 .b8 name[12] = {…}`.
struct Declaration {
  std::string_view name;
  uint32_t line = 0;
  Type type = Type::none;
  unsigned vector = 1;
  uint32_t alignment = 0;  // in bytes, natural when not written
  uint64_t elements = 1;
  bool array = false;
  bool unsized = false;  // name[]
  bool opaque = false;   // texture, sampler, surface references
  uint32_t count = 0;    // of name<count>, for registers
  std::vector<InitialValue> initial;

  uint64_t bytes() const { return elements * vector * bytes_of(type); }
};

// After the space (`.global`, …): everything up to and with ';' (or, for parameters, up to ',' or ')').
bool read_declarations(Lexer& lexer, bool parameter, std::vector<Declaration>& out, SyntaxError& error);

// '(' .param …, … ')'
bool read_parameters(Lexer& lexer, std::vector<Declaration>& out, std::vector<Space>& spaces, SyntaxError& error);

struct Operand {
  enum class Kind : uint8_t { name, literal, vector, address, list, sink };
  Kind kind = Kind::sink;
  bool negated = false;   // !%p
  bool has_name = false;  // of an address: `name` is its base
  uint32_t line = 0;
  std::string_view name;          // register or symbol
  std::string_view second;        // of %p|%q
  Literal literal;                // negative integers are in two's complement
  int64_t offset = 0;             // of an address, or name+offset; in bytes
  int64_t element = 0;            // of name[element]
  std::vector<Operand> elements;  // of {a, b} and (a, b); of a texture address: its coordinates
};

bool read_operand(Lexer& lexer, Operand& out, SyntaxError& error);

}  // namespace gpool::ptx
