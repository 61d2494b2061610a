#include "syntax.h"

#include <bit>

namespace gpool::ptx {
namespace {

bool fail(SyntaxError& error, uint32_t line, std::string what) {
  if (!error) error = {line, std::move(what)};
  return false;
}

std::string quoted(const Token& token) {
  return token.kind == Token::Kind::end ? "the end of the text" : "'" + std::string(token.text) + "'";
}

// [-|+] number, also a sum or product of numbers in an array's size is not in use by any compiler.
bool read_number(Lexer& lexer, Literal& out, SyntaxError& error) {
  bool negative = lexer.accept('-');
  if (!negative) lexer.accept('+');
  Token token = lexer.take();
  if (token.kind != Token::Kind::number || !read_literal(token.text, out)) {
    return fail(error, token.line, "a number was expected, not " + quoted(token));
  }
  if (negative) {
    if (out.floating) {
      out.bits ^= 1ull << 63;
      out.single_bits ^= 1u << 31;
    } else {
      out.bits = -out.bits;
    }
  }
  return true;
}

bool read_initial(Lexer& lexer, std::vector<InitialValue>& out, SyntaxError& error) {
  if (lexer.accept('{')) {
    while (!lexer.accept('}')) {
      if (!read_initial(lexer, out, error)) return false;
      if (!lexer.accept(',') && !lexer.peek().is('}')) {
        return fail(error, lexer.line(), "',' or '}' was expected in an initialiser, not " + quoted(lexer.peek()));
      }
    }
    return true;
  }
  InitialValue value;
  auto read_symbol = [&](auto& self) -> bool {
    Token name = lexer.take();
    if (name.kind != Token::Kind::word) return fail(error, name.line, "a name was expected, not " + quoted(name));
    if (name.text == "generic" && lexer.accept('(')) {
      if (!self(self)) return false;
      return lexer.accept(')') || fail(error, lexer.line(), "')' is missing after generic(");
    }
    value.symbol = name.text;
    while (lexer.peek().is('+') || lexer.peek().is('-')) {
      Literal addend;
      if (!read_number(lexer, addend, error)) return false;
      value.addend += static_cast<int64_t>(addend.bits);
    }
    return true;
  };
  if (lexer.peek().kind == Token::Kind::word) {
    if (!read_symbol(read_symbol)) return false;
    while (lexer.peek().is('+') || lexer.peek().is('-')) {
      Literal addend;
      if (!read_number(lexer, addend, error)) return false;
      value.addend += static_cast<int64_t>(addend.bits);
    }
  } else {
    if (!read_number(lexer, value.literal, error)) return false;
    if (lexer.accept('(')) {
      value.byte_mask = value.literal.bits;
      if (!read_symbol(read_symbol)) return false;
      if (!lexer.accept(')')) return fail(error, lexer.line(), "')' is missing after a masked address");
    }
  }
  out.push_back(std::move(value));
  return true;
}

// The element in `name[8]`, in an address or as one.
bool read_element(Lexer& lexer, Operand& out, SyntaxError& error) {
  if (!lexer.accept('[')) return true;
  Literal number;
  if (!read_number(lexer, number, error)) return false;
  out.element = static_cast<int64_t>(number.bits);
  return lexer.accept(']') || fail(error, out.line, "']' is missing after the number of an element");
}

}  // namespace

bool read_declarations(Lexer& lexer, bool parameter, std::vector<Declaration>& out, SyntaxError& error) {
  Declaration base;
  while (lexer.peek().kind == Token::Kind::word && lexer.peek().text.size() > 1 && lexer.peek().text[0] == '.') {
    Token word = lexer.take();
    std::string_view name = word.text.substr(1);
    if (name == "align") {
      Literal value;
      if (!read_number(lexer, value, error)) return false;
      if (!std::has_single_bit(value.bits)) return fail(error, word.line, ".align needs a power of two");
      base.alignment = static_cast<uint32_t>(value.bits);
    } else if (name == "ptr") {
      // What follows describes the pointee: `.ptr .global .align 16`.
      while (lexer.accept(".global") || lexer.accept(".shared") || lexer.accept(".local") || lexer.accept(".const")) {
      }
      if (lexer.accept(".align")) lexer.take();
    } else if (name == "attribute") {
      while (!lexer.peek().is(')') && lexer.peek().kind != Token::Kind::end) lexer.take();
      lexer.accept(')');
    } else if (name == "v2" || name == "v4") {
      base.vector = name[1] - '0';
    } else if (name == "texref" || name == "samplerref" || name == "surfref") {
      base.type = Type::b64;
      base.opaque = true;
    } else if (Type type = type_named(name); type != Type::none) {
      base.type = type;
    } else {
      return fail(error, word.line, "unknown directive '" + std::string(word.text) + "' in a declaration");
    }
  }
  if (base.type == Type::none) return fail(error, lexer.line(), "a declaration has no type");
  for (;;) {
    Declaration one = base;
    Token name = lexer.take();
    one.line = name.line;
    if (name.kind != Token::Kind::word) return fail(error, name.line, "a name was expected, not " + quoted(name));
    one.name = name.text;
    if (lexer.accept('<')) {
      Literal count;
      if (!read_number(lexer, count, error)) return false;
      if (count.bits > 1u << 24) return fail(error, name.line, "more than 2^24 registers in one declaration");
      one.count = static_cast<uint32_t>(count.bits);
      if (!lexer.accept('>')) return fail(error, name.line, "'>' is missing after a number of registers");
    }
    while (lexer.accept('[')) {
      one.array = true;
      if (lexer.accept(']')) {
        one.unsized = true;
        one.elements = 0;
        continue;
      }
      Literal size;
      if (!read_number(lexer, size, error)) return false;
      if (size.bits > 1ull << 40 || (one.elements && size.bits > (1ull << 40) / one.elements)) {
        return fail(error, name.line, "array '" + std::string(name.text) + "' is larger than 2^40 elements");
      }
      one.elements = one.unsized ? size.bits : one.elements * size.bits;
      if (!lexer.accept(']')) return fail(error, name.line, "']' is missing after an array's size");
    }
    if (lexer.accept('=')) {
      if (!read_initial(lexer, one.initial, error)) return false;
      if (one.unsized) one.elements = one.initial.size() / one.vector;
    }
    if (one.alignment == 0) one.alignment = std::max(1u, bytes_of(one.type) * one.vector);
    out.push_back(std::move(one));
    if (parameter) return true;
    if (lexer.accept(',')) continue;
    if (lexer.accept(';')) return true;
    return fail(error, lexer.line(), "';' was expected after a declaration, not " + quoted(lexer.peek()));
  }
}

bool read_parameters(Lexer& lexer, std::vector<Declaration>& out, std::vector<Space>& spaces, SyntaxError& error) {
  if (!lexer.accept('(')) return fail(error, lexer.line(), "'(' was expected, not " + quoted(lexer.peek()));
  while (!lexer.accept(')')) {
    if (lexer.accept(".param")) {
      spaces.push_back(Space::param);
    } else if (lexer.accept(".reg")) {
      spaces.push_back(Space::reg);
    } else {
      return fail(error, lexer.line(), "a parameter was expected, not " + quoted(lexer.peek()));
    }
    if (!read_declarations(lexer, true, out, error)) return false;
    if (!lexer.accept(',') && !lexer.peek().is(')')) {
      return fail(error, lexer.line(), "',' or ')' was expected after a parameter, not " + quoted(lexer.peek()));
    }
  }
  return true;
}

bool read_operand(Lexer& lexer, Operand& out, SyntaxError& error) {
  out.line = lexer.line();
  if (lexer.accept('!')) {
    out.negated = true;
    Token name = lexer.take();
    if (name.kind != Token::Kind::word) return fail(error, name.line, "a predicate was expected after '!'");
    out.kind = Operand::Kind::name;
    out.name = name.text;
    return true;
  }
  const char closing = lexer.peek().is('{') ? '}' : lexer.peek().is('(') ? ')' : 0;
  if (closing) {
    out.kind = closing == '}' ? Operand::Kind::vector : Operand::Kind::list;
    lexer.take();
    while (!lexer.accept(closing)) {
      if (!read_operand(lexer, out.elements.emplace_back(), error)) return false;
      if (!lexer.accept(',') && !lexer.peek().is(closing)) {
        return fail(error, lexer.line(), "a list of operands is not closed before " + quoted(lexer.peek()));
      }
    }
    return true;
  }
  if (lexer.accept('[')) {
    out.kind = Operand::Kind::address;
    auto add_number = [&] {
      Literal number;
      if (!read_number(lexer, number, error)) return false;
      out.offset += static_cast<int64_t>(number.bits);
      return true;
    };
    if (lexer.peek().kind == Token::Kind::word) {
      out.has_name = true;
      out.name = lexer.take().text;
      if (!read_element(lexer, out, error)) return false;
    } else if (!lexer.peek().is(']') && !add_number()) {
      return false;
    }
    while (lexer.peek().is('+') || lexer.peek().is('-')) {
      if (lexer.accept('+') && lexer.peek().kind == Token::Kind::word && !out.has_name) {
        out.has_name = true;
        out.name = lexer.take().text;
      } else if (!add_number()) {
        return false;
      }
    }
    while (lexer.accept(',')) {
      if (!read_operand(lexer, out.elements.emplace_back(), error)) return false;
    }
    return lexer.accept(']') || fail(error, lexer.line(), "']' was expected, not " + quoted(lexer.peek()));
  }
  if (lexer.peek().kind == Token::Kind::word) {
    out.name = lexer.take().text;
    if (out.name == "_") {
      out.kind = Operand::Kind::sink;
    } else {
      out.kind = Operand::Kind::name;
      if (!read_element(lexer, out, error)) return false;
      while (lexer.peek().is('+') || lexer.peek().is('-')) {
        Literal number;
        if (!read_number(lexer, number, error)) return false;
        out.offset += static_cast<int64_t>(number.bits);
      }
    }
    if (lexer.accept('|')) {
      Token second = lexer.take();
      if (second.kind != Token::Kind::word) return fail(error, second.line, "a register was expected after '|'");
      out.second = second.text;
    }
    return true;
  }
  out.kind = Operand::Kind::literal;
  return read_number(lexer, out.literal, error);
}

}  // namespace gpool::ptx
