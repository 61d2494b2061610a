#include "body.h"
#include "control.h"

namespace gpool::ptx {

void BodyCompiler::instruction(std::string_view opcode, const Operand* guard) {
  operands_.clear();
  if (!lexer_.accept(';')) {
    for (;;) {
      // The target of a branch and the name of a function read like any other name.
      if (!read_operand(lexer_, operands_.emplace_back(), error_)) return;
      if (operands_.back().element && !place_element(operands_.back())) return;
      if (lexer_.accept(',')) continue;
      if (lexer_.accept(';')) break;
      fail(lexer_.line(), "';' was expected after an instruction, not '" + std::string(lexer_.peek().text) + "'");
      return;
    }
  }
  size_t dot = opcode.find('.');
  std::string_view base = opcode.substr(0, dot);
  if (base == "bra") return branch(guard);
  bool done = false;
  if (base == "call" || base == "brx" || base == "ret" || base == "exit" || base == "trap" || base == "brkpt" ||
      base == "bar" || base == "barrier" || base == "membar" || base == "fence" || base == "nanosleep" ||
      base == "discard" || base == "prefetch" || base == "prefetchu" || base == "griddepcontrol" ||
      base == "createpolicy" || base == "applypriority" || base == "pmevent" || base == "setmaxnreg") {
    done = control_instruction(base, opcode, guard);
    if (done || error_) return;
    fail("unknown instruction '" + std::string(opcode) + "'");
    return;
  }
  if (!guard && (base == "mov" || base == "ld" || base == "cvta") && fold(base, opcode)) return;
  if (error_) return;
  Request request(opcode);
  describe(request, operands_);
  Choice choice;
  if (!host_level().select(request, choice) || !request.form.untaken().empty()) {
    std::string why = "unknown instruction '" + std::string(opcode) + "'";
    if (choice.run) why += " (modifier '" + std::string(request.form.untaken()) + "')";
    fail(std::move(why));
    return;
  }
  Instruction in{};
  in.run = choice.run;
  in.line = line_;
  in.imm = choice.imm;
  in.r[9] = choice.note;
  if (choice.touches_memory) in.site = program_.sites++;
  std::vector<uint32_t>& rows = operand_rows_;
  rows.clear();
  const char* shape = choice.shape;
  const bool in_extra = *shape == '*';
  if (in_extra) ++shape;
  size_t next = 0;
  unsigned addresses = 0;
  for (; *shape; ++shape) {
    uint32_t row = 0;
    if (*shape == '2') {
      const Operand& first = operands_[next - 1];
      row = scratch_predicate_;
      if (!first.second.empty() && first.second != "_") {
        Name* reg = find_register(first.second, row);
        if (!reg || reg->type != Type::pred) {
          fail(quoted(first.second) + " is no predicate register");
          return;
        }
      }
      rows.push_back(row);
      continue;
    }
    if (*shape == '_') {
      rows.push_back(kNoRow);
      continue;
    }
    if (next >= operands_.size()) {
      fail(quoted(opcode) + " has too few operands");
      return;
    }
    const Operand& operand = operands_[next++];
    if (*shape == 'i') {
      if (operand.kind != Operand::Kind::literal || operand.literal.floating) {
        fail("an integer literal was expected");
        return;
      }
      in.imm |= operand.literal.bits;
      continue;
    }
    if (*shape == 'm') {
      uint64_t displacement;
      if (!resolve_address(operand, row, displacement)) return;
      in.imm = displacement;
      rows.push_back(row);
      continue;
    }
    if (*shape == 'a') {
      uint64_t displacement;
      if (!resolve_address(operand, row, displacement)) return;
      in.r[7 + addresses++] = static_cast<uint32_t>(displacement);
      rows.push_back(row);
      continue;
    }
    if (*shape == 'V') {
      ++shape;
      if (operand.kind != Operand::Kind::vector) {
        if (!resolve(operand, *shape, row)) return;
        rows.push_back(row);
        continue;
      }
      for (const Operand& element : operand.elements) {
        if (!resolve(element, *shape, row)) return;
        rows.push_back(row);
      }
      continue;
    }
    if (!resolve(operand, *shape, row)) return;
    rows.push_back(row);
  }
  if (next + choice.ignores_last != operands_.size()) {
    fail(quoted(opcode) + " has too many operands");
    return;
  }
  if (in_extra) {
    in.r[0] = static_cast<uint32_t>(program_.extra.size());
    program_.extra.insert(program_.extra.end(), rows.begin(), rows.end());
  } else {
    if (rows.size() > std::size(in.r)) {
      fail(quoted(opcode) + " has too many operands");
      return;
    }
    std::copy(rows.begin(), rows.end(), in.r);
  }
  if (!emit_guard(guard)) return;
  program_.code.push_back(in);
}

}  // namespace gpool::ptx
