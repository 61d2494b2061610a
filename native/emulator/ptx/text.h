// PTX text as tokens. Comments vanish here; lines are counted for messages.
#pragma once

#include <cstdint>
#include <string_view>

namespace gpool::ptx {

struct Token {
  enum class Kind : uint8_t { end, word, number, string, mark };
  Kind kind = Kind::end;
  std::string_view text;  // of a string: without its quotes
  uint32_t line = 0;

  bool is(char mark) const { return kind == Kind::mark && text[0] == mark; }
  bool is(std::string_view word) const { return kind == Kind::word && text == word; }
};

class Lexer {
 public:
  Lexer(std::string_view text, uint32_t line) : at_(text.data()), end_(text.data() + text.size()), line_(line) {
    next();
  }

  const Token& peek() const { return token_; }
  Token take() {
    Token token = token_;
    next();
    return token;
  }
  // Takes the mark when it is the next token.
  bool accept(char mark) {
    if (!token_.is(mark)) return false;
    next();
    return true;
  }
  bool accept(std::string_view word) {
    if (!token_.is(word)) return false;
    next();
    return true;
  }
  // Forgets the rest of the present token's line (for .loc and .file, which end with the line).
  void skip_line();
  // After an opening brace was taken: forgets everything up to and with its closing brace; false at the end of the
  // text.
  bool skip_block();
  // Where the present token begins.
  const char* position() const { return start_; }
  uint32_t line() const { return token_.line; }

 private:
  void next();
  void skip_blanks();

  const char* at_;
  const char* end_;
  const char* start_ = nullptr;
  uint32_t line_;
  Token token_;
};

// An integer or float literal. Floats (0f…, 0d…, 1.5) give their bits as a double; 0f… keeps its exact f32 bits too.
struct Literal {
  uint64_t bits = 0;         // of an integer: its value; of a float: the double's bits
  uint32_t single_bits = 0;  // of a float: its f32 bits
  bool floating = false;
};
bool read_literal(std::string_view text, Literal& out);

}  // namespace gpool::ptx
