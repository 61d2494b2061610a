#include "text.h"

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>

namespace gpool::ptx {
namespace {

enum : uint8_t { kBlank = 1, kWord = 2, kDigit = 4 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (char c : {' ', '\t', '\r', '\n', '\f', '\v'}) classes[static_cast<uint8_t>(c)] = kBlank;
  for (int c = 'a'; c <= 'z'; ++c) classes[c] = kWord;
  for (int c = 'A'; c <= 'Z'; ++c) classes[c] = kWord;
  for (int c = '0'; c <= '9'; ++c) classes[c] = kWord | kDigit;
  for (char c : {'_', '$', '%', '.'}) classes[static_cast<uint8_t>(c)] = kWord;
  return classes;
}

constexpr auto kClasses = make_classes();

bool is(char c, uint8_t kind) {
  return kClasses[static_cast<uint8_t>(c)] & kind;
}

}  // namespace

void Lexer::skip_blanks() {
  while (at_ < end_) {
    char c = *at_;
    if (is(c, kBlank)) {
      line_ += c == '\n';
      ++at_;
    } else if (c == '/' && at_ + 1 < end_ && at_[1] == '/') {
      const void* stop = std::memchr(at_, '\n', end_ - at_);
      at_ = stop ? static_cast<const char*>(stop) : end_;
    } else if (c == '/' && at_ + 1 < end_ && at_[1] == '*') {
      for (at_ += 2; at_ < end_ && !(at_[0] == '*' && at_ + 1 < end_ && at_[1] == '/'); ++at_) line_ += *at_ == '\n';
      at_ = at_ + 2 <= end_ ? at_ + 2 : end_;
    } else {
      return;
    }
  }
}

void Lexer::next() {
  skip_blanks();
  start_ = at_;
  token_.line = line_;
  if (at_ >= end_) {
    token_.kind = Token::Kind::end;
    token_.text = {};
    return;
  }
  char c = *at_;
  if (is(c, kDigit) || (c == '.' && at_ + 1 < end_ && is(at_[1], kDigit))) {
    token_.kind = Token::Kind::number;
    bool hexadecimal = c == '0' && at_ + 1 < end_ && (at_[1] | 32) == 'x';
    while (at_ < end_ && (is(*at_, kWord) || (!hexadecimal && (*at_ == '+' || *at_ == '-') && (at_[-1] | 32) == 'e' &&
                                              !(start_[0] == '0' && (start_[1] == 'f' || start_[1] == 'F' ||
                                                                     start_[1] == 'd' || start_[1] == 'D'))))) {
      ++at_;
    }
  } else if (is(c, kWord)) {
    token_.kind = Token::Kind::word;
    while (at_ < end_ && (is(*at_, kWord) || (*at_ == ':' && at_ + 2 < end_ && at_[1] == ':' && is(at_[2], kWord)))) {
      at_ += *at_ == ':' ? 2 : 1;
    }
    // `.reg.b16 h;` without a blank, as in the assembly text of cuda_fp16.h.
    constexpr std::string_view kRegister = ".reg.";
    if (std::string_view(start_, static_cast<size_t>(at_ - start_)).starts_with(kRegister))
      at_ = start_ + kRegister.size() - 1;
  } else if (c == '"') {
    token_.kind = Token::Kind::string;
    const char* begin = ++at_;
    while (at_ < end_ && *at_ != '"') {
      if (*at_ == '\\' && at_ + 1 < end_) ++at_;
      line_ += *at_ == '\n';
      ++at_;
    }
    token_.text = {begin, static_cast<size_t>(at_ - begin)};
    if (at_ < end_) ++at_;
    return;
  } else {
    token_.kind = Token::Kind::mark;
    ++at_;
  }
  token_.text = {start_, static_cast<size_t>(at_ - start_)};
}

void Lexer::skip_line() {
  const char* stop = start_;
  if (line_ != token_.line) return next();  // the token was a string over several lines
  stop = static_cast<const char*>(std::memchr(start_, '\n', end_ - start_));
  at_ = stop ? stop : end_;
  next();
}

bool Lexer::skip_block() {
  for (int depth = 1;;) {
    if (token_.kind == Token::Kind::end) return false;
    if (token_.is('{')) ++depth;
    if (token_.is('}') && --depth == 0) {
      next();
      return true;
    }
    next();
  }
}

bool read_literal(std::string_view text, Literal& out) {
  out = Literal();
  if (text.empty()) return false;
  auto hexadecimal = [](std::string_view digits, uint64_t& value) {
    value = 0;
    if (digits.empty() || digits.size() > 16) return false;
    for (char c : digits) {
      unsigned digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
      if (digit > 15) return false;
      value = value << 4 | digit;
    }
    return true;
  };
  if (text.size() == 10 && text[0] == '0' && (text[1] | 32) == 'f') {
    uint64_t bits;
    if (!hexadecimal(text.substr(2), bits)) return false;
    out.floating = true;
    out.single_bits = static_cast<uint32_t>(bits);
    out.bits = std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(out.single_bits)));
    return true;
  }
  if (text.size() == 18 && text[0] == '0' && (text[1] | 32) == 'd') {
    if (!hexadecimal(text.substr(2), out.bits)) return false;
    out.floating = true;
    out.single_bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(out.bits)));
    return true;
  }
  if ((text.back() | 32) == 'u' && text.size() > 1) text.remove_suffix(1);
  if (text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'x') return hexadecimal(text.substr(2), out.bits);
  unsigned base = 10;
  std::string_view digits = text;
  if (text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'b') {
    base = 2;
    digits.remove_prefix(2);
  } else if (text.find_first_of(".eE") != std::string_view::npos) {
    std::string copy(text);
    char* end;
    double value = std::strtod(copy.c_str(), &end);
    if (*end) return false;
    out.floating = true;
    out.bits = std::bit_cast<uint64_t>(value);
    out.single_bits = std::bit_cast<uint32_t>(static_cast<float>(value));
    return true;
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    digits.remove_prefix(1);
  }
  for (char c : digits) {
    unsigned digit = static_cast<unsigned>(c - '0');
    if (digit >= base) return false;
    out.bits = out.bits * base + digit;
  }
  return true;
}

}  // namespace gpool::ptx
