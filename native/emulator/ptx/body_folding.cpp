// Kernels begin with loads of their parameters and copies of special registers. Where the register is assigned once, it
// can be a row that is filled when the frame begins instead: nothing is executed.
#include "body.h"

namespace gpool::ptx {

// How often each name stands where results stand: as the first operand. It may be none there (a store's address is not
// counted, a label is); more than once only means that nothing is folded.
void BodyCompiler::count_assignments() {
  Lexer lexer(source_.body, source_.body_line);
  auto count = [&] {
    if (lexer.peek().kind == Token::Kind::word) ++assignments_[lexer.take().text];
  };
  while (lexer.peek().kind != Token::Kind::end) {
    if (lexer.accept('{') || lexer.accept('}') || lexer.accept(';')) continue;
    if (lexer.accept('@')) {
      lexer.accept('!');
      lexer.take();
    }
    const Token opcode = lexer.take();
    if (opcode.is(".loc") || opcode.is(".file")) {
      lexer.skip_line();
      continue;
    }
    if (lexer.accept(':')) continue;
    if (opcode.kind == Token::Kind::word && opcode.text[0] != '.') {
      if (lexer.accept('{')) {
        while (lexer.peek().kind == Token::Kind::word) {
          count();
          lexer.accept(',');
        }
      } else {
        count();
        if (lexer.accept('|')) count();
      }
    }
    while (lexer.peek().kind != Token::Kind::end && !lexer.accept(';')) lexer.take();
  }
}

// True when the instruction became a row; nothing is to be emitted then.
bool BodyCompiler::fold(std::string_view base, std::string_view opcode) {
  if (operands_.size() != 2 || operands_[0].kind != Operand::Kind::name || !operands_[0].second.empty()) return false;
  const Operand& source = operands_[1];
  uint32_t* place = nullptr;
  const Name* target = find_register(operands_[0].name, place);
  if (!target || target->type == Type::pred || *place != kNoRow) return false;
  const auto counted = assignments_.find(operands_[0].name);
  if (counted == assignments_.end() || counted->second != 1) return false;
  const unsigned width = register_width(target->type);
  const Form form(opcode);
  if (form.type_count() != 1 || bytes_of(form.type(0)) != width || (width != 4 && width != 8)) return false;
  if (base == "ld") {
    if (source.kind != Operand::Kind::address || !source.has_name || source_.entry == false) return false;
    if (opcode.substr(0, opcode.rfind('.')) != "ld.param") return false;
    const auto found = names_.find(source.name);
    if (found == names_.end() || found->second.kind != Name::Kind::kernel_param) return false;
    const Name& parameter = found->second;
    if (source.offset < 0 || static_cast<uint64_t>(source.offset) + width > parameter.bytes) return false;
    *place = constant(Constant::Kind::parameter, width, parameter.offset + static_cast<uint64_t>(source.offset));
    return true;
  }
  // Global addresses are generic addresses already.
  const bool plain = base == "mov" ? opcode.find('.') == opcode.rfind('.')
                                   : opcode == "cvta.to.global.u64" || opcode == "cvta.global.u64";
  if (!plain || source.negated) return false;
  if (source.kind == Operand::Kind::name) {
    uint32_t* other = nullptr;
    if (const Name* from = find_register(source.name, other)) {
      if (from->type == Type::pred || *other == kNoRow || !constant_rows_.contains(*other)) return false;
    } else if (const SpecialName* special = find_special(source.name); special && special->which >= Special::clock) {
      return false;
    }
  } else if (source.kind != Operand::Kind::literal) {
    return false;
  }
  const char kind = target->type == Type::f32 ? 'f' : target->type == Type::f64 ? 'd' : width == 4 ? 'w' : 'q';
  uint32_t row;
  if (!resolve(source, kind, row)) return false;
  *place = row;
  return true;
}

}  // namespace gpool::ptx
