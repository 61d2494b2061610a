#include "types.h"

#include <iterator>

namespace gpool::ptx {
namespace {

struct Entry {
  std::string_view name;
  Type type;
  unsigned bytes;
};

constexpr Entry kTypes[] = {
    {"", Type::none, 0},         {"pred", Type::pred, 4},     {"b8", Type::b8, 1},       {"u8", Type::u8, 1},
    {"s8", Type::s8, 1},         {"e4m3", Type::e4m3, 1},     {"e5m2", Type::e5m2, 1},   {"b16", Type::b16, 2},
    {"u16", Type::u16, 2},       {"s16", Type::s16, 2},       {"f16", Type::f16, 2},     {"bf16", Type::bf16, 2},
    {"e4m3x2", Type::e4m3x2, 2}, {"e5m2x2", Type::e5m2x2, 2}, {"b32", Type::b32, 4},     {"u32", Type::u32, 4},
    {"s32", Type::s32, 4},       {"f32", Type::f32, 4},       {"f16x2", Type::f16x2, 4}, {"bf16x2", Type::bf16x2, 4},
    {"tf32", Type::tf32, 4},     {"b64", Type::b64, 8},       {"u64", Type::u64, 8},     {"s64", Type::s64, 8},
    {"f64", Type::f64, 8},       {"f32x2", Type::f32x2, 8},   {"b128", Type::b128, 16},
};

}  // namespace

Type type_named(std::string_view word) {
  if (word.size() < 2 || word.size() > 6) return Type::none;
  for (const Entry& entry : kTypes) {
    if (entry.name == word) return entry.type;
  }
  return Type::none;
}

unsigned bytes_of(Type type) {
  return kTypes[static_cast<unsigned>(type)].bytes;
}

bool Opcode::operator==(const char* name) const {
  return text == std::string_view(name);
}

Form::Form(std::string_view opcode) {
  size_t at = 0;
  bool first = true;
  while (at <= opcode.size()) {
    size_t dot = opcode.find('.', at);
    if (dot == std::string_view::npos) dot = opcode.size();
    std::string_view word = opcode.substr(at, dot - at);
    at = dot + 1;
    if (first) {
      base_ = word;
      first = false;
      continue;
    }
    if (Type type = type_named(word); type != Type::none) {
      if (type_count_ < std::size(types_)) types_[type_count_++] = type;
      continue;
    }
    if (count_ == kMost) {
      overflow_ = true;
      continue;
    }
    words_[count_++] = word;
  }
}

bool Form::take(std::string_view modifier) {
  for (unsigned i = 0; i < count_; ++i) {
    if (!taken_[i] && words_[i] == modifier) return taken_[i] = true;
  }
  return false;
}

bool Form::has(std::string_view modifier) const {
  for (unsigned i = 0; i < count_; ++i) {
    if (words_[i] == modifier) return true;
  }
  return false;
}

std::string_view Form::untaken() const {
  for (unsigned i = 0; i < count_; ++i) {
    if (!taken_[i]) return words_[i];
  }
  return overflow_ ? "too many modifiers" : std::string_view();
}

}  // namespace gpool::ptx
