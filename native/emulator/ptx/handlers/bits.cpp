// Bit fields, counts, permutations and dot products of bytes.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

template <class T>
GPOOL_INLINE uint32_t ones(T x) {
  return static_cast<uint32_t>(__builtin_popcountll(x));
}
template <class T>
GPOOL_INLINE uint32_t leading_zeros(T x) {
  if (x == 0) return 8 * sizeof(T);
  return static_cast<uint32_t>(sizeof(T) == 8 ? __builtin_clzll(x) : __builtin_clz(static_cast<uint32_t>(x)));
}

template <class T>
const Instruction* popc(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return ones(a[l]); });
  return in + 1;
}
template <class T>
const Instruction* clz(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return leading_zeros(a[l]); });
  return in + 1;
}
template <class T>
const Instruction* brev(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) {
    uint64_t x = sizeof(T) == 8 ? __builtin_bswap64(a[l]) : __builtin_bswap32(static_cast<uint32_t>(a[l]));
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0full) | (x & 0x0f0f0f0f0f0f0f0full) << 4;
    x = (x >> 2 & 0x3333333333333333ull) | (x & 0x3333333333333333ull) << 2;
    x = (x >> 1 & 0x5555555555555555ull) | (x & 0x5555555555555555ull) << 1;
    return static_cast<T>(x);
  });
  return in + 1;
}
// T signed: the most significant bit that differs from the sign.
template <class T, bool kShiftAmount>
const Instruction* bfind(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) {
    uint64_t x = static_cast<uint64_t>(a[l]);
    if constexpr (T(-1) < T(0)) x = static_cast<uint64_t>(a[l] < 0 ? ~a[l] : a[l]);
    if (x == 0) return 0xffffffffu;
    uint32_t position = 63 - static_cast<uint32_t>(__builtin_clzll(x));
    return kShiftAmount ? static_cast<uint32_t>(8 * sizeof(T)) - 1 - position : position;
  });
  return in + 1;
}
template <class T>
const Instruction* bfe(Warp& w, const Instruction* in) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    uint32_t position = b[l] & 255, length = c[l] & 255;
    constexpr bool kSigned = T(-1) < T(0);
    if (length == 0) return T(0);
    // Beyond the most significant bit the field is filled with the sign (signed) or zeros.
    T shifted = position < kBits ? static_cast<T>(a[l] >> position) : (kSigned && a[l] < 0 ? static_cast<T>(-1) : T(0));
    if (length >= kBits || (kSigned && position + length > kBits)) return shifted;
    if constexpr (kSigned) {
      using Bits = decltype(cast_bits<T>(T{}));
      uint32_t up = kBits - length;
      return static_cast<T>(static_cast<Bits>(static_cast<T>(static_cast<uint64_t>(shifted) << up)) >> up);
    } else {
      return static_cast<T>(shifted & ((T(1) << length) - 1));
    }
  });
  return in + 1;
}
template <class T>
const Instruction* bfi(Warp& w, const Instruction* in) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  T* f = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  const T* b = row<T>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  const uint32_t* d = row<uint32_t>(w, in->r[4]);
  each(w, f, [=](unsigned l) {
    uint32_t position = c[l] & 255, length = d[l] & 255;
    if (length == 0 || position >= kBits) return b[l];
    T field = length >= kBits ? static_cast<T>(~T(0)) : static_cast<T>((T(1) << length) - 1);
    T mask = static_cast<T>(field << position);
    return static_cast<T>((b[l] & ~mask) | (static_cast<T>(a[l] << position) & mask));
  });
  return in + 1;
}
template <bool kClamp>
const Instruction* bmsk(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  each(w, d, [=](unsigned l) {
    uint32_t from = a[l], length = b[l];
    if (!kClamp) from &= 31, length &= 31;
    if (from >= 32) return 0u;
    uint32_t mask = length >= 32 ? ~0u : (1u << length) - 1;
    return mask << from;
  });
  return in + 1;
}
template <bool kSigned, bool kClamp>
const Instruction* szext(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  each(w, d, [=](unsigned l) {
    uint32_t width = kClamp ? b[l] : b[l] & 31;
    if (width >= 32) return a[l];
    if (width == 0) return 0u;
    uint32_t up = 32 - width;
    return kSigned ? static_cast<uint32_t>(static_cast<int32_t>(a[l] << up) >> up) : a[l] << up >> up;
  });
  return in + 1;
}
// The n-th set bit from a base, upwards (n > 0) or downwards (n < 0); with n == 0 the base itself when set.
const Instruction* fns(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* mask = row<uint32_t>(w, in->r[1]);
  const uint32_t* base = row<uint32_t>(w, in->r[2]);
  const int32_t* offset = row<int32_t>(w, in->r[3]);
  each_active(w, d, [=](unsigned l) {
    int32_t n = offset[l], position = static_cast<int32_t>(base[l] & 31);
    if (n == 0) return mask[l] >> position & 1 ? static_cast<uint32_t>(position) : ~0u;
    const int32_t step = n > 0 ? 1 : -1;
    uint32_t wanted = static_cast<uint32_t>(n > 0 ? n : -static_cast<int64_t>(n));
    for (; position >= 0 && position < 32; position += step) {
      if (mask[l] >> position & 1 && --wanted == 0) return static_cast<uint32_t>(position);
    }
    return ~0u;
  });
  return in + 1;
}

enum class Permute : uint8_t { index, f4e, b4e, rc8, ecl, ecr, rc16 };
template <Permute kMode>
const Instruction* prmt(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    uint64_t both = uint64_t(b[l]) << 32 | a[l];
    uint32_t result = 0, n = c[l] & 3;
    for (uint32_t i = 0; i < 4; ++i) {
      uint32_t from = 0;
      bool sign = false;
      if constexpr (kMode == Permute::index) {
        from = c[l] >> 4 * i & 7;
        sign = c[l] >> (4 * i + 3) & 1;
      }
      if constexpr (kMode == Permute::f4e) from = n + i;
      if constexpr (kMode == Permute::b4e) from = (n - i) & 7;
      if constexpr (kMode == Permute::rc8) from = n;
      if constexpr (kMode == Permute::ecl) from = i > n ? i : n;
      if constexpr (kMode == Permute::ecr) from = i < n ? i : n;
      if constexpr (kMode == Permute::rc16) from = (n & 1) * 2 + (i & 1);
      uint32_t byte = static_cast<uint32_t>(both >> 8 * from) & 255;
      if (sign) byte = byte & 128 ? 255 : 0;
      result |= byte << 8 * i;
    }
    return result;
  });
  return in + 1;
}

// kSignedA, kSignedB: how the bytes (and halves) of each operand are read.
template <bool kSignedA, bool kSignedB>
const Instruction* dp4a(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    uint32_t sum = c[l];
    for (unsigned i = 0; i < 4; ++i) {
      int32_t x = kSignedA ? static_cast<int8_t>(a[l] >> 8 * i) : static_cast<uint8_t>(a[l] >> 8 * i);
      int32_t y = kSignedB ? static_cast<int8_t>(b[l] >> 8 * i) : static_cast<uint8_t>(b[l] >> 8 * i);
      sum += static_cast<uint32_t>(x * y);
    }
    return sum;
  });
  return in + 1;
}
template <bool kSignedA, bool kSignedB, bool kHigh>
const Instruction* dp2a(Warp& w, const Instruction* in) {
  uint32_t* d = row<uint32_t>(w, in->r[0]);
  const uint32_t* a = row<uint32_t>(w, in->r[1]);
  const uint32_t* b = row<uint32_t>(w, in->r[2]);
  const uint32_t* c = row<uint32_t>(w, in->r[3]);
  each(w, d, [=](unsigned l) {
    uint32_t sum = c[l];
    for (unsigned i = 0; i < 2; ++i) {
      unsigned at = 8 * (i + (kHigh ? 2 : 0));
      int32_t x = kSignedA ? static_cast<int16_t>(a[l] >> 16 * i) : static_cast<uint16_t>(a[l] >> 16 * i);
      int32_t y = kSignedB ? static_cast<int8_t>(b[l] >> at) : static_cast<uint8_t>(b[l] >> at);
      sum += static_cast<uint32_t>(x * y);
    }
    return sum;
  });
  return in + 1;
}

}  // namespace

bool select_bits(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  Type type = form.type(0);
  const bool wide = bytes_of(type) == 8;
  if (bytes_of(type) != 4 && !wide) return false;
  if (base == "popc") choice.run = wide ? popc<uint64_t> : popc<uint32_t>;
  if (base == "clz") choice.run = wide ? clz<uint64_t> : clz<uint32_t>;
  if (choice.run) {
    choice.shape = wide ? "wq" : "ww";
    return true;
  }
  if (base == "brev") {
    choice.run = wide ? brev<uint64_t> : brev<uint32_t>;
    choice.shape = wide ? "qq" : "ww";
  } else if (base == "bfind") {
    choice.shape = wide ? "wq" : "ww";
    if (form.take("shiftamt")) {
      choice.run = is_signed(type) ? (wide ? bfind<int64_t, true> : bfind<int32_t, true>)
                                   : (wide ? bfind<uint64_t, true> : bfind<uint32_t, true>);
    } else {
      choice.run = is_signed(type) ? (wide ? bfind<int64_t, false> : bfind<int32_t, false>)
                                   : (wide ? bfind<uint64_t, false> : bfind<uint32_t, false>);
    }
  } else if (base == "bfe") {
    choice.shape = wide ? "qqww" : "wwww";
    choice.run = is_signed(type) ? (wide ? bfe<int64_t> : bfe<int32_t>) : (wide ? bfe<uint64_t> : bfe<uint32_t>);
  } else if (base == "bfi") {
    choice.shape = wide ? "qqqww" : "wwwww";
    choice.run = wide ? bfi<uint64_t> : bfi<uint32_t>;
  } else if (base == "bmsk" && !wide) {
    choice.shape = "www";
    const bool clamp = form.take("clamp");
    if (!clamp && !form.take("wrap")) return false;
    choice.run = clamp ? bmsk<true> : bmsk<false>;
  } else if (base == "szext" && !wide) {
    choice.shape = "www";
    const bool clamp = form.take("clamp");
    if (!clamp && !form.take("wrap")) return false;
    choice.run = is_signed(type) ? (clamp ? szext<true, true> : szext<true, false>)
                                 : (clamp ? szext<false, true> : szext<false, false>);
  } else if (base == "fns" && !wide) {
    choice.shape = "wwww";
    choice.run = fns;
  } else if (base == "prmt" && !wide) {
    choice.shape = "wwww";
    choice.run = form.take("f4e")    ? prmt<Permute::f4e>
                 : form.take("b4e")  ? prmt<Permute::b4e>
                 : form.take("rc8")  ? prmt<Permute::rc8>
                 : form.take("ecl")  ? prmt<Permute::ecl>
                 : form.take("ecr")  ? prmt<Permute::ecr>
                 : form.take("rc16") ? prmt<Permute::rc16>
                                     : prmt<Permute::index>;
  } else if ((base == "dp4a" || base == "dp2a") && form.type_count() == 2 && !wide) {
    choice.shape = "wwww";
    const bool a = is_signed(type), b = is_signed(form.type(1));
    if (base == "dp4a") {
      choice.run = a ? (b ? dp4a<true, true> : dp4a<true, false>) : (b ? dp4a<false, true> : dp4a<false, false>);
    } else if (form.take("hi")) {
      choice.run = a ? (b ? dp2a<true, true, true> : dp2a<true, false, true>)
                     : (b ? dp2a<false, true, true> : dp2a<false, false, true>);
    } else if (form.take("lo")) {
      choice.run = a ? (b ? dp2a<true, true, false> : dp2a<true, false, false>)
                     : (b ? dp2a<false, true, false> : dp2a<false, false, false>);
    }
  }
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
