// PTX types, and an opcode cut into its base and its modifiers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gpool::ptx {

enum class Type : uint8_t {
  none,
  pred,
  b8,
  u8,
  s8,
  e4m3,
  e5m2,
  b16,
  u16,
  s16,
  f16,
  bf16,
  e4m3x2,
  e5m2x2,
  b32,
  u32,
  s32,
  f32,
  f16x2,
  bf16x2,
  tf32,
  b64,
  u64,
  s64,
  f64,
  f32x2,
  b128,
};

// `word` without its dot; Type::none when it names no type.
Type type_named(std::string_view word);
unsigned bytes_of(Type type);

[[gnu::always_inline]] inline bool is_signed(Type t) {
  return t == Type::s8 || t == Type::s16 || t == Type::s32 || t == Type::s64;
}
[[gnu::always_inline]] inline bool is_float(Type t) {
  return t == Type::f32 || t == Type::f64;
}
[[gnu::always_inline]] inline bool is_half(Type t) {
  return t == Type::f16 || t == Type::bf16 || t == Type::f16x2 || t == Type::bf16x2;
}
[[gnu::always_inline]] inline bool is_integer(Type t) {
  switch (t) {
    case Type::b8:
    case Type::u8:
    case Type::s8:
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::b64:
    case Type::u64:
    case Type::s64:
      return true;
    default:
      return false;
  }
}

// The base of an opcode, for comparison with a name. The comparison is no inline function: the files that compare are
// compiled for several instruction-set levels, and the linker would keep one copy for all of them.
struct Opcode {
  std::string_view text;
  bool operator==(const char* name) const;
};

// "ld.global.nc.v2.f32" as base "ld" and modifiers. A selector takes each modifier it understands; one that nobody took
// makes the instruction unknown, so a modifier is never silently ignored.
class Form {
 public:
  explicit Form(std::string_view opcode);

  std::string_view base() const { return base_; }
  [[gnu::always_inline]] Opcode opcode() const { return {base_}; }
  // True, and marks it, when the modifier is present and was not taken before.
  bool take(std::string_view modifier);
  bool has(std::string_view modifier) const;
  // The types in the order written. Types are taken by being read.
  [[gnu::always_inline]] unsigned type_count() const { return type_count_; }
  [[gnu::always_inline]] Type type(unsigned index) const { return index < type_count_ ? types_[index] : Type::none; }
  // The first modifier that nobody took, or an empty view.
  std::string_view untaken() const;

 private:
  static constexpr unsigned kMost = 16;
  std::string_view base_;
  std::string_view words_[kMost];
  bool taken_[kMost] = {};
  unsigned count_ = 0;
  Type types_[8] = {};
  unsigned type_count_ = 0;
  bool overflow_ = false;
};

}  // namespace gpool::ptx
