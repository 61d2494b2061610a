// One body at a time: scopes of names, rows of the frame, instructions with their labels resolved. It is one class
// because the states it passes through (names, rows, fix-ups) belong to one walk over the text; what it does lies in
// several files:
//   body.cpp              the walk: scopes, declarations, labels
//   body_operands.cpp     from operands to rows
//   body_instruction.cpp  from an opcode to its handler
//   body_folding.cpp      instructions that need not be executed
//   body_control.cpp      branches, calls, barriers, and what does nothing here
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "module.h"
#include "program.h"
#include "select.h"
#include "specials.h"
#include "syntax.h"

namespace gpool::ptx {

inline uint64_t aligned(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
inline uint32_t row_bytes(unsigned width) {
  return width * kLanes;
}
inline unsigned register_width(Type type) {
  return std::max(2u, bytes_of(type));
}

// For sentences about what stands in the text.
inline std::string quoted(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 2);
  result += '\'';
  result += text;
  return result += '\'';
}

struct Name {
  enum class Kind : uint8_t { reg, registers, local, shared, call_param, kernel_param, prototype, targets };
  Kind kind;
  Type type = Type::none;
  uint32_t row = kNoRow;  // of a register
  uint32_t offset = 0;    // in local memory, shared memory or the parameters
  uint32_t bytes = 0;
  uint32_t first = 0, count = 0;  // of registers: in `rows`; of targets: in `target_names`
  uint32_t element_bytes = 0;     // of variables and parameters
};

class BodyCompiler {
 public:
  BodyCompiler(const ModuleText& module, const FunctionSource& source, Program& program, Function& function,
               std::vector<uint32_t>& wanted, std::map<std::string_view, uint32_t>& shared_offsets)
      : module_(module),
        source_(source),
        program_(program),
        function_(function),
        wanted_(wanted),
        shared_offsets_(shared_offsets),
        lexer_(source.body, source.body_line) {}

  bool compile(SyntaxError& error);

 private:
  struct Scope {
    int parent;
    size_t undo;
  };
  using Names = std::unordered_map<std::string_view, Name>;
  struct Undo {
    std::string_view name;
    Names* names;
    bool existed;
    Name old;
  };
  struct FixUp {
    size_t instruction;
    std::string_view label;
    int scope;
    uint32_t line;
    size_t extra;  // index in Program::extra, or ~0: Instruction::imm
  };

  bool fail(std::string what) { return fail(line_, std::move(what)); }
  bool fail(uint32_t line, std::string what) {
    if (!error_) error_ = {line, std::move(what)};
    return false;
  }

  // ---- rows ----
  uint32_t allocate(uint32_t bytes);
  uint32_t predicate_row();
  uint32_t constant(Constant::Kind kind, unsigned bytes, uint64_t value, uint32_t index = 0);

  // ---- names ----
  void declare(std::string_view key, const Name& name);

  // A register's width in bytes (4 for predicates) and row; null when it is no register.
  Name* find_register(std::string_view name, uint32_t*& row);
  Name* find_register(std::string_view name, uint32_t& row);

  // The row that holds a special register's value. Clocks are read just before their use.
  bool special_row(std::string_view name, uint32_t& row, unsigned& width);

  void place_parameters();

  Slice place_local(const Declaration& one, Name::Kind kind);

  uint32_t place_shared(std::string_view name, uint64_t bytes, uint32_t alignment);

  // ---- statements ----
  void open_scope();
  void close_scope();

  void statement();

  void label(std::string_view name);

  void directive(const Token& word);

  // The map of shared variables outlives this body.
  std::string_view persistent(std::string_view name);
  std::vector<std::unique_ptr<std::string>>& kept_names() { return *kept_; }

 public:
  std::vector<std::unique_ptr<std::string>>* kept_ = nullptr;
  static constexpr uint32_t kDynamic = 0xfffffff0u;  // behind the static variables, known at the end

 private:
  Instruction& emit(Handler run) {
    Instruction in{};
    in.run = run;
    in.line = line_;
    return program_.code.emplace_back(in);
  }

  // ---- operands ----
  // Symbols: an 8-byte row with the address in its own space (global and const: the generic address).
  bool symbol_row(std::string_view name, int64_t addend, uint32_t& row, const Name** found_name = nullptr);

  // Dynamic shared memory begins behind all static variables; its rows are completed when those are known.
  uint32_t shared_row(uint32_t offset, int64_t addend);

  void want(uint32_t function);

  static unsigned width_of(char kind) {
    switch (kind) {
      case 'h':
        return 2;
      case 'w':
      case 'f':
        return 4;
      case 'q':
      case 'd':
        return 8;
      case 'o':
        return 16;
      default:
        return 0;
    }
  }

  bool resolve(const Operand& operand, char kind, uint32_t& row);

  // Same value, 4 bytes wide.
  uint32_t wide_to_word(Constant full);

 public:
  static constexpr uint32_t kDynamicBase = 1;  // index of a value: add where dynamic shared memory begins

 private:
  bool resolve_predicate(const Operand& operand, bool destination, uint32_t& row);

  bool resolve_address(const Operand& operand, uint32_t& row, uint64_t& displacement);

  // Turns the number of an element into a displacement in bytes.
  bool place_element(Operand& operand);

  void describe(Request& request, const std::vector<Operand>& operands);

  // ---- instructions ----
  void instruction(std::string_view opcode, const Operand* guard);

  // ---- what need not be executed ----
  void count_assignments();
  bool fold(std::string_view base, std::string_view opcode);

  bool emit_guard(const Operand* guard);

  void branch(const Operand* guard);

  bool control_instruction(std::string_view base, std::string_view opcode, const Operand* guard);

  bool barrier(std::string_view opcode, const Operand* guard);

  // Every block is a cluster of its own: arriving does nothing, waiting is a barrier of the block.
  bool plain_cluster_barrier(Form& form, const Operand* guard);

  bool call(const Operand* guard);

  void resolve_labels();

 public:
  std::vector<uint32_t> callees;
  bool has_indirect_call_ = false;

 private:
  const ModuleText& module_;
  const FunctionSource& source_;
  Program& program_;
  Function& function_;
  std::vector<uint32_t>& wanted_;
  std::map<std::string_view, uint32_t>& shared_offsets_;
  Lexer lexer_;
  SyntaxError error_;
  uint32_t line_ = 0;

  uint64_t local_ = 0;
  uint32_t frame_ = 0;
  uint32_t predicate_next_ = 0, predicates_left_ = 0;
  uint32_t scratch_predicate_ = 0;
  std::map<std::tuple<Constant::Kind, unsigned, uint64_t, uint32_t>, uint32_t> constants_;

  std::unordered_set<uint32_t> constant_rows_;
  std::unordered_map<std::string_view, uint32_t> assignments_;

  Names names_;
  Names ranges_;  // of registers, a<3> for a0, a1 and a2; there may be an `a` beside it
  std::vector<uint32_t> rows_;
  std::vector<Undo> undo_;
  std::vector<Scope> scopes_;
  std::vector<int> scope_stack_;
  int scope_ = 0;
  std::map<std::pair<int, std::string_view>, uint32_t> labels_;
  std::vector<FixUp> fix_ups_;
  std::vector<std::string_view> target_names_, dynamic_shared_;
  std::vector<std::unique_ptr<std::string>> scoped_names_;
  std::vector<Operand> operands_;
  std::vector<uint32_t> operand_rows_;
};

}  // namespace gpool::ptx
