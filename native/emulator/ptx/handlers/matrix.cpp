// mma, ldmatrix, stmatrix, movmatrix. Fragments are unpacked to plain matrices, multiplied, and packed again. With lane
// i, g = i / 4, t = i % 4 and E elements per 32-bit register, element e of register r is
//   A: row g + 8 (r & 1), column E t + 4 E (r >> 1) + e      B: row E t + 4 E r + e, column g
//   C, D: row g + 8 (r >> 1), column 2 t + (r & 1)           (f16: two columns per register)
// for 16 rows; with 8 rows the terms in 8 fall away.
#include "fragments.h"
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Plan {  // packed into Instruction::imm
  Element a, b;
  uint8_t half_c, half_d, satfinite, unused[3];
};

// extra: D, A, B, C registers. kM rows (16 or 8), kK deep, kE elements per register.
template <class T, unsigned kM, unsigned kK, unsigned kE>
const Instruction* mma(Warp& w, const Instruction* in) {
  constexpr unsigned kN = 8;
  constexpr unsigned kA = kM * kK / (32 * kE), kB = kK * kN / (32 * kE), kC = kM * kN / 32;
  const Plan plan = cast_bits<Plan>(in->imm);
  const uint32_t* rows = w.extra + in->r[0];
  const unsigned d_registers = plan.half_d ? kC / 2 : kC, c_registers = plan.half_c ? kC / 2 : kC;
  const uint32_t* a_rows = rows + d_registers;
  const uint32_t* b_rows = a_rows + kA;
  const uint32_t* c_rows = b_rows + kB;
  alignas(64) T raw[kA * 32 * kE], a[kM][kK], b[kK][kN], sum[kM][kN];
  widen<T>(w, plan.a, a_rows, kA, raw);
  for (unsigned r = 0; r < kA; ++r) {
    for (unsigned l = 0; l < 32; ++l) {
      const unsigned i = kM == 16 ? l / 4 + 8 * (r & 1) : l / 4;
      const unsigned k = kE * (l % 4) + 4 * kE * (kM == 16 ? r >> 1 : r);
      for (unsigned e = 0; e < kE; ++e) a[i][k + e] = raw[(32 * r + l) * kE + e];
    }
  }
  widen<T>(w, plan.b, b_rows, kB, raw);
  for (unsigned r = 0; r < kB; ++r) {
    for (unsigned l = 0; l < 32; ++l) {
      for (unsigned e = 0; e < kE; ++e) b[kE * (l % 4) + 4 * kE * r + e][l / 4] = raw[(32 * r + l) * kE + e];
    }
  }
  auto each_place = [&](bool half, auto visit) {
    for (unsigned r = 0; r < kC; ++r) {
      for (unsigned l = 0; l < 32; ++l) {
        const unsigned i = l / 4 + (kM == 16 ? 8 * (r >> 1) : 0), j = 2 * (l % 4) + (r & 1);
        if (half)
          visit(i, j, r / 2, 2 * l + (r & 1));
        else
          visit(i, j, r, l);
      }
    }
  };
  if constexpr (sizeof(T) == 4 && T(0.5) != T(0)) {
    if (plan.half_c) {
      each_place(true, [&](unsigned i, unsigned j, unsigned r, unsigned at) {
        sum[i][j] = from_f16(row<uint16_t>(w, c_rows[r])[at]);
      });
    } else {
      each_place(false, [&](unsigned i, unsigned j, unsigned r, unsigned at) { sum[i][j] = row<T>(w, c_rows[r])[at]; });
    }
  } else {
    (void)c_registers;
    each_place(false, [&](unsigned i, unsigned j, unsigned r, unsigned at) { sum[i][j] = row<T>(w, c_rows[r])[at]; });
  }
  if constexpr (T(0.5) != T(0)) {
    for (unsigned i = 0; i < kM; ++i) {
      T line[kN];
      for (unsigned j = 0; j < kN; ++j) line[j] = sum[i][j];
      for (unsigned k = 0; k < kK; ++k) {
        for (unsigned j = 0; j < kN; ++j) {
          if constexpr (sizeof(T) == 8) line[j] = __builtin_fma(a[i][k], b[k][j], line[j]);
#if defined(__FMA__)
          else
            line[j] = __builtin_fmaf(a[i][k], b[k][j], line[j]);
#else
          else
            line[j] += a[i][k] * b[k][j];
#endif
        }
      }
      for (unsigned j = 0; j < kN; ++j) sum[i][j] = line[j];
    }
  } else {
    for (unsigned i = 0; i < kM; ++i) {
      for (unsigned j = 0; j < kN; ++j) {
        int64_t total = sum[i][j];
        for (unsigned k = 0; k < kK; ++k) total += int64_t(a[i][k]) * b[k][j];
        if (plan.satfinite) total = most(least(total, int64_t(0x7fffffff)), -int64_t(0x80000000));
        sum[i][j] = static_cast<T>(static_cast<uint64_t>(total));
      }
    }
  }
  if constexpr (sizeof(T) == 4 && T(0.5) != T(0)) {
    if (plan.half_d) {
      each_place(true, [&](unsigned i, unsigned j, unsigned r, unsigned at) {
        row<uint16_t>(w, rows[r])[at] = to_f16(sum[i][j]);
      });
      return in + 1;
    }
  }
  each_place(false, [&](unsigned i, unsigned j, unsigned r, unsigned at) { row<T>(w, rows[r])[at] = sum[i][j]; });
  return in + 1;
}

// ---- 8x8 matrices of 16 bits in shared memory ----

// ldmatrix: r: destinations, address; stmatrix: address, sources. Lane 8 x + i gives the address of row i of matrix x.
template <unsigned kCount, bool kTranspose, bool kStore, class A>
const Instruction* matrix(Warp& w, const Instruction* in) {
  if (!converged(w, in, w.live)) return nullptr;
  const A* address = row<A>(w, in->r[kStore ? 0 : kCount]);
  for (unsigned x = 0; x < kCount; ++x) {
    uint16_t* elements = row<uint16_t>(w, in->r[x + kStore]);
    uint16_t tile[8][8];
    unsigned char* lines[8];
    for (unsigned i = 0; i < 8; ++i) {
      const unsigned lane = 8 * x + i;
      const uint64_t at = static_cast<A>(address[lane] + in->imm);
      if (at + 16 > w.shared_bytes || at + 16 < at) {
        return fault_address(
            w, in, lane, at,
            kStore ? "write of a matrix row to shared memory" : "read of a matrix row of shared memory");
      }
      if (at % 16) return fault_misaligned(w, in, lane, at, 16);
      lines[i] = reinterpret_cast<unsigned char*>(w.shared + at);
    }
    if constexpr (kStore) {
      for (unsigned l = 0; l < 32; ++l) {
        for (unsigned e = 0; e < 2; ++e) {
          if (kTranspose)
            tile[2 * (l % 4) + e][l / 4] = elements[2 * l + e];
          else
            tile[l / 4][2 * (l % 4) + e] = elements[2 * l + e];
        }
      }
      for (unsigned i = 0; i < 8; ++i) __builtin_memcpy(lines[i], tile[i], 16);
    } else {
      for (unsigned i = 0; i < 8; ++i) __builtin_memcpy(tile[i], lines[i], 16);
      for (unsigned l = 0; l < 32; ++l) {
        for (unsigned e = 0; e < 2; ++e) {
          elements[2 * l + e] = kTranspose ? tile[2 * (l % 4) + e][l / 4] : tile[l / 4][2 * (l % 4) + e];
        }
      }
    }
  }
  return in + 1;
}
const Instruction* transpose(Warp& w, const Instruction* in) {
  const uint16_t* a = row<uint16_t>(w, in->r[1]);
  uint16_t tile[8][8];
  for (unsigned l = 0; l < 32; ++l) {
    for (unsigned e = 0; e < 2; ++e) tile[l / 4][2 * (l % 4) + e] = a[2 * l + e];
  }
  uint16_t* d = row<uint16_t>(w, in->r[0]);
  for (unsigned l = 0; l < 32; ++l) {
    for (unsigned e = 0; e < 2; ++e) d[2 * l + e] = tile[2 * (l % 4) + e][l / 4];
  }
  return in + 1;
}

template <bool kStore, class A>
Handler matrix_of(unsigned count, bool trans) {
  switch (count) {
    case 1:
      return trans ? matrix<1, true, kStore, A> : matrix<1, false, kStore, A>;
    case 2:
      return trans ? matrix<2, true, kStore, A> : matrix<2, false, kStore, A>;
    case 4:
      return trans ? matrix<4, true, kStore, A> : matrix<4, false, kStore, A>;
    default:
      return nullptr;
  }
}

}  // namespace

bool select_matrix(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  if (!form.take("sync")) return false;
  form.take("aligned");
  if (base == "ldmatrix" || base == "stmatrix") {
    if (!form.take("m8n8") || form.type(0) != Type::b16) return false;
    if (!form.take("shared")) form.take("shared::cta");
    const unsigned count = form.take("x4") ? 4 : form.take("x2") ? 2 : form.take("x1") ? 1 : 0;
    const bool trans = form.take("trans"), store = base == "stmatrix";
    const bool narrow = request.widths[store ? 0 : 1] == 4;
    choice.shape = store ? "mVw" : "Vwm";
    choice.touches_memory = true;
    if (store)
      choice.run = narrow ? matrix_of<true, uint32_t>(count, trans) : matrix_of<true, uint64_t>(count, trans);
    else
      choice.run = narrow ? matrix_of<false, uint32_t>(count, trans) : matrix_of<false, uint64_t>(count, trans);
    const unsigned given = request.elements[store ? 1 : 0];
    return choice.run && (given ? given : 1u) == count;
  }
  if (base == "movmatrix") {
    if (!form.take("trans") || !form.take("m8n8")) return false;
    choice.run = transpose;
    choice.shape = "ww";
    return true;
  }
  if (base != "mma" || !form.take("row") || !form.take("col") || form.type_count() != 4) return false;
  Plan plan{};
  if (form.take("satfinite")) plan.satfinite = 1;
  if (!element_of(form.type(1), plan.a) || !element_of(form.type(2), plan.b)) return false;
  if (kElementBits[static_cast<unsigned>(plan.a)] != kElementBits[static_cast<unsigned>(plan.b)]) return false;
  form.take("kind::f8f6f4");
  plan.half_d = form.type(0) == Type::f16;
  plan.half_c = form.type(3) == Type::f16;
  choice.shape = "*VwVwVwVw";
  const unsigned bits = kElementBits[static_cast<unsigned>(plan.a)];
  const bool integer = plan.a == Element::s8 || plan.a == Element::u8;
  const Type want = plan.a == Element::f64 ? Type::f64 : integer ? Type::s32 : Type::f32;
  if ((form.type(0) != want && !(plan.half_d && want == Type::f32)) ||
      (form.type(3) != want && !(plan.half_c && want == Type::f32)))
    return false;
  if (form.take("m16n8k16")) {
    choice.run = bits == 16   ? mma<float, 16, 16, 2>
                 : bits == 64 ? mma<double, 16, 16, 1>
                 : integer    ? mma<int32_t, 16, 16, 4>
                 : bits == 8  ? mma<float, 16, 16, 4>
                              : nullptr;
  } else if (form.take("m16n8k8")) {
    choice.run = bits == 16   ? mma<float, 16, 8, 2>
                 : bits == 32 ? mma<float, 16, 8, 1>
                 : bits == 64 ? mma<double, 16, 8, 1>
                              : nullptr;
  } else if (form.take("m16n8k4")) {
    choice.run = bits == 32 ? mma<float, 16, 4, 1> : bits == 64 ? mma<double, 16, 4, 1> : nullptr;
  } else if (form.take("m16n8k32")) {
    choice.run = bits == 8 ? (integer ? mma<int32_t, 16, 32, 4> : mma<float, 16, 32, 4>) : nullptr;
  } else if (form.take("m8n8k16")) {
    choice.run = integer ? mma<int32_t, 8, 16, 4> : nullptr;
  } else if (form.take("m8n8k4")) {
    choice.run = bits == 64 ? mma<double, 8, 4, 1> : nullptr;
  }
  if (bits == 64)
    choice.shape = "*VdVdVdVd";
  else if (bits == 32)
    choice.shape = "*VwVwVwVw";
  choice.imm = cast_bits<uint64_t>(plan);
  // The register counts must be those of the shape: the handler trusts them.
  if (!choice.run) return false;
  const bool eight_rows = form.has("m8n8k16") || form.has("m8n8k4");
  const unsigned k = form.has("m16n8k32")                          ? 32
                     : form.has("m16n8k16") || form.has("m8n8k16") ? 16
                     : form.has("m16n8k8")                         ? 8
                                                                   : 4;
  const unsigned per = bits == 64 ? 1 : 32 / bits, rows_of_a = eight_rows ? 8 : 16, c = rows_of_a * 8 / 32;
  const unsigned wanted[4] = {plan.half_d ? c / 2 : c, rows_of_a * k / (32 * per), k * 8 / (32 * per),
                              plan.half_c ? c / 2 : c};
  for (unsigned i = 0; i < 4; ++i) {
    if ((request.elements[i] ? request.elements[i] : 1u) != wanted[i]) return false;
  }
  return true;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
