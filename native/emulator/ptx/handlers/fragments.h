// The elements that matrices are made of, and registers full of them.
#pragma once

#include "rows.h"
#include "small_floats.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {

enum class Element : uint8_t { f16, bf16, tf32, e4m3, e5m2, s8, u8, s4, u4, f64 };
constexpr unsigned kElementBits[] = {16, 16, 32, 8, 8, 8, 8, 4, 4, 64};

GPOOL_INLINE bool element_of(Type type, Element& out) {
  switch (type) {
    case Type::f16:
      out = Element::f16;
      return true;
    case Type::bf16:
      out = Element::bf16;
      return true;
    case Type::tf32:
      out = Element::tf32;
      return true;
    case Type::e4m3:
      out = Element::e4m3;
      return true;
    case Type::e5m2:
      out = Element::e5m2;
      return true;
    case Type::s8:
      out = Element::s8;
      return true;
    case Type::u8:
      out = Element::u8;
      return true;
    case Type::f64:
      out = Element::f64;
      return true;
    default:
      return false;
  }
}

GPOOL_INLINE float decode(Element element, uint32_t bits) {
  switch (element) {
    case Element::f16:
      return from_f16(static_cast<uint16_t>(bits));
    case Element::bf16:
      return from_bf16(static_cast<uint16_t>(bits));
    case Element::tf32:
      return cast_bits<float>(bits & 0xffffe000u);
    case Element::e4m3:
      return from_fp8(kE4m3, static_cast<uint8_t>(bits));
    default:
      return from_fp8(kE5m2, static_cast<uint8_t>(bits));
  }
}
GPOOL_INLINE int32_t decode_integer(Element element, uint32_t bits) {
  switch (element) {
    case Element::s8:
      return static_cast<int8_t>(bits);
    case Element::u8:
      return static_cast<uint8_t>(bits);
    case Element::s4:
      return static_cast<int32_t>(bits << 28) >> 28;
    default:
      return static_cast<int32_t>(bits & 15);
  }
}

// values[r * 32 * E + lane * E + e]
template <class T>
GPOOL_INLINE void widen(Warp& w, Element element, const uint32_t* rows, unsigned registers, T* values) {
  if constexpr (sizeof(T) == 8) {
    for (unsigned r = 0; r < registers; ++r) __builtin_memcpy(values + 32 * r, row<double>(w, rows[r]), 256);
  } else if constexpr (T(0.5) != T(0)) {
    for (unsigned r = 0; r < registers; ++r) {
      const unsigned char* from = row<unsigned char>(w, rows[r]);
      switch (element) {
        case Element::f16:
          f16_to_floats<64>(reinterpret_cast<const uint16_t*>(from), values + 64 * r);
          break;
        case Element::bf16:
          bf16_to_floats<64>(reinterpret_cast<const uint16_t*>(from), values + 64 * r);
          break;
        case Element::tf32:
          for (unsigned i = 0; i < 32; ++i) values[32 * r + i] = decode(Element::tf32, row<uint32_t>(w, rows[r])[i]);
          break;
        default:
          for (unsigned i = 0; i < 128; ++i) values[128 * r + i] = decode(element, from[i]);
      }
    }
  } else {
    const unsigned bits = kElementBits[static_cast<unsigned>(element)], count = 32 / bits;
    for (unsigned r = 0; r < registers; ++r) {
      const uint32_t* from = row<uint32_t>(w, rows[r]);
      for (unsigned l = 0; l < 32; ++l) {
        for (unsigned e = 0; e < count; ++e)
          values[(32 * r + l) * count + e] = decode_integer(element, from[l] >> bits * e);
      }
    }
  }
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
