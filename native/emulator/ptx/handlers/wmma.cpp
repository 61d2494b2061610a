// wmma: load, mma, store. PTX leaves open which lane holds which element of a fragment. Here place p of lane l, of P
// places, holds the element number l * P + p of the matrix; a fragment with more places than elements begins anew, and
// the copies stay equal, as each lane treats all its places alike. Elements of A, C and D are numbered row by row,
// those of B column by column.
#include "access.h"
#include "fragments.h"
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Shape {
  const char* name;
  uint8_t m, n, k;
};
constexpr Shape kShapes[] = {{"m16n16k16", 16, 16, 16},
                             {"m8n32k16", 8, 32, 16},
                             {"m32n8k16", 32, 8, 16},
                             {"m16n16k8", 16, 16, 8},
                             {"m8n8k4", 8, 8, 4}};
constexpr unsigned kMostElements = 512, kMostRegisters = 8;

// ---- load and store ----

// How the fragment lies in memory; in Instruction::r[9].
struct Layout {
  uint8_t lines : 7, unused : 1;                           // runs of consecutive elements in memory
  uint8_t length;                                          // of a line, in elements
  uint8_t registers : 4, size : 4;                         // bytes of an element
  uint8_t crossed : 1, narrow : 1, shared : 1, store : 1;  // crossed: lines are columns of what is numbered by rows
};
static_assert(sizeof(Layout) == 4);

// extra: registers, address, stride or kNoRow; imm: displacement.
const Instruction* move_fragment(Warp& w, const Instruction* in) {
  if (!converged(w, in, w.live)) return nullptr;
  const Layout layout = cast_bits<Layout>(in->r[9]);
  const uint32_t* rows = w.extra + in->r[0];
  const uint32_t address = layout.store ? rows[0] : rows[layout.registers];
  if (layout.store) ++rows;
  const uint32_t stride_row = w.extra[in->r[0] + layout.registers + 1];
  const unsigned first = static_cast<unsigned>(__builtin_ctz(w.mask));
  uint64_t at = layout.narrow ? static_cast<uint32_t>(row<uint32_t>(w, address)[first] + in->imm)
                              : row<uint64_t>(w, address)[first] + in->imm;
  if (layout.shared) at += reinterpret_cast<uint64_t>(w.shared);
  const uint64_t stride = stride_row == kNoRow ? layout.length : row<uint32_t>(w, stride_row)[first];
  const unsigned size = layout.size, total = layout.lines * layout.length, bytes = size * layout.length;
  const unsigned in_row = size < 4 ? 4 / size : 1;  // elements of a register
  const unsigned places = layout.registers * in_row;
  if (at % size) return fault_misaligned(w, in, first, at, size);
  for (unsigned line = 0; line < layout.lines; ++line) {
    const uint64_t begin = at + line * stride * size;
    const bool fine = layout.shared ? inside<Where::shared>(w, in, begin, begin + bytes, layout.store)
                                    : inside<Where::generic>(w, in, begin, begin + bytes, layout.store);
    if (fine) continue;
    return layout.shared ? report<Where::shared>(w, in, first, begin, bytes, layout.store, false)
                         : report<Where::generic>(w, in, first, begin, bytes, layout.store, false);
  }
  for (unsigned l = 0; l < kLanes; ++l) {
    for (unsigned p = 0; p < places; ++p) {
      const unsigned number = (l * places + p) % total;
      const unsigned line = layout.crossed ? number % layout.lines : number / layout.length;
      const unsigned along = layout.crossed ? number / layout.lines : number % layout.length;
      void* memory = reinterpret_cast<void*>(at + (line * stride + along) * size);
      std::byte* place = w.rows + rows[p / in_row] + (l * in_row + p % in_row) * size;
      switch (layout.store ? size | 16 : size) {
        case 1:
          __builtin_memcpy(place, memory, 1);
          break;
        case 2:
          __builtin_memcpy(place, memory, 2);
          break;
        case 4:
          __builtin_memcpy(place, memory, 4);
          break;
        case 8:
          __builtin_memcpy(place, memory, 8);
          break;
        case 16 | 2:
          __builtin_memcpy(memory, place, 2);
          break;
        case 16 | 4:
          __builtin_memcpy(memory, place, 4);
          break;
        case 16 | 8:
          __builtin_memcpy(memory, place, 8);
          break;
      }
    }
  }
  return in + 1;
}

// ---- mma ----

struct Plan {  // packed into Instruction::imm
  Element a, b;
  uint8_t shape, half_c, half_d, satfinite, a_registers, b_registers;
};

// extra: D, A, B, C registers.
template <class T>
const Instruction* multiply(Warp& w, const Instruction* in) {
  if (!converged(w, in, w.live)) return nullptr;
  const Plan plan = cast_bits<Plan>(in->imm);
  const Shape& shape = kShapes[plan.shape];
  const unsigned m = shape.m, n = shape.n, k = shape.k, sums = m * n, sum_places = sums / kLanes;
  const uint32_t* rows = w.extra + in->r[0];
  const uint32_t* a_rows = rows + (plan.half_d ? sum_places / 2 : sum_places);
  const uint32_t* b_rows = a_rows + plan.a_registers;
  const uint32_t* c_rows = b_rows + plan.b_registers;
  constexpr bool kWhole = T(0.5) == T(0), kHalves = sizeof(T) == 4 && !kWhole;
  alignas(64) T raw[kMostElements], a[kMostElements], b[kMostElements], sum[256];
  const unsigned in_register = 32 / least(kElementBits[static_cast<unsigned>(plan.a)], 32u);
  // raw: register by register, lane by lane.
  auto numbered = [&](unsigned registers, unsigned total, auto put) {
    const unsigned places = registers * in_register;
    for (unsigned number = 0; number < total; ++number) {
      const unsigned l = number / places, p = number % places;
      put(number, raw[(p / in_register * kLanes + l) * in_register + p % in_register]);
    }
  };
  widen<T>(w, plan.a, a_rows, plan.a_registers, raw);
  numbered(plan.a_registers, m * k, [&](unsigned number, T value) { a[number] = value; });
  widen<T>(w, plan.b, b_rows, plan.b_registers, raw);
  numbered(plan.b_registers, k * n, [&](unsigned number, T value) { b[number % k * n + number / k] = value; });
  auto each_sum = [&](bool half, auto visit) {
    for (unsigned number = 0; number < sums; ++number) {
      const unsigned l = number / sum_places, p = number % sum_places;
      visit(number, half ? p / 2 : p, half ? 2 * l + p % 2 : l);
    }
  };
  each_sum(plan.half_c, [&](unsigned number, unsigned r, unsigned place) {
    if constexpr (kHalves) {
      if (plan.half_c) {
        sum[number] = from_f16(row<uint16_t>(w, c_rows[r])[place]);
        return;
      }
    }
    sum[number] = row<T>(w, c_rows[r])[place];
  });
  for (unsigned i = 0; i < m; ++i) {
    T* line = sum + i * n;
    if constexpr (kWhole) {
      for (unsigned j = 0; j < n; ++j) {
        int64_t exact = line[j];
        for (unsigned x = 0; x < k; ++x) exact += int64_t(a[i * k + x]) * b[x * n + j];
        if (plan.satfinite) exact = most(least(exact, int64_t(0x7fffffff)), -int64_t(0x80000000));
        line[j] = static_cast<T>(static_cast<uint64_t>(exact));
      }
    } else {
      for (unsigned x = 0; x < k; ++x) {
        const T factor = a[i * k + x];
        const T* other = b + x * n;
        GPOOL_LANES
        for (unsigned j = 0; j < n; ++j) {
          if constexpr (sizeof(T) == 8)
            line[j] = __builtin_fma(factor, other[j], line[j]);
          else
            line[j] += factor * other[j];
        }
      }
    }
  }
  each_sum(plan.half_d, [&](unsigned number, unsigned r, unsigned place) {
    if constexpr (kHalves) {
      if (plan.half_d) {
        row<uint16_t>(w, rows[r])[place] = to_f16(sum[number]);
        return;
      }
    }
    row<T>(w, rows[r])[place] = sum[number];
  });
  return in + 1;
}

// ---- the choice ----

// -1: no such shape is named.
int take_shape(Form& form) {
  for (int i = 0; i < static_cast<int>(sizeof kShapes / sizeof kShapes[0]); ++i) {
    if (form.take(kShapes[i].name)) return i;
  }
  return -1;
}
bool shape_suits(int shape, Element element) {
  switch (element) {
    case Element::tf32:
      return shape == 3;
    case Element::f64:
      return shape == 4;
    case Element::f16:
    case Element::bf16:
    case Element::s8:
    case Element::u8:
      return shape <= 2;
    default:
      return false;
  }
}
// Registers of a fragment of A or B.
unsigned registers_of(Element element, unsigned elements) {
  if (element == Element::f16) return 8;
  const unsigned bits = kElementBits[static_cast<unsigned>(element)];
  return bits == 64 ? elements / kLanes : elements * bits / (32 * kLanes);
}

bool select_move(Request& request, Choice& choice, bool store) {
  Form& form = request.form;
  const int number = take_shape(form);
  if (number < 0 || form.type_count() != 1) return false;
  const Shape& shape = kShapes[number];
  const Type type = form.type(0);
  const bool a = !store && form.take("a"), b = !store && !a && form.take("b");
  if (!a && !b && !form.take(store ? "d" : "c")) return false;
  const bool by_rows = form.take("row");
  if (!by_rows && !form.take("col")) return false;
  Layout layout{};
  layout.store = store;
  if (a || b) {
    Element element;
    if (!element_of(type, element) || !shape_suits(number, element)) return false;
    const unsigned outer = a ? shape.m : shape.n;
    layout.crossed = by_rows != a;
    layout.lines = layout.crossed ? shape.k : outer;
    layout.length = static_cast<uint8_t>(layout.crossed ? outer : shape.k);
    layout.size = element == Element::tf32 ? 4 : kElementBits[static_cast<unsigned>(element)] / 8 & 15;
    layout.registers = registers_of(element, outer * shape.k) & 15;
  } else {
    const bool half = type == Type::f16;
    if (!half && type != Type::f32 && type != Type::s32 && type != Type::f64) return false;
    if ((type == Type::f64) != (number == 4)) return false;
    layout.crossed = !by_rows;
    layout.lines = (by_rows ? shape.m : shape.n) & 127;
    layout.length = by_rows ? shape.n : shape.m;
    layout.size = half ? 2 : type == Type::f64 ? 8 : 4;
    layout.registers = static_cast<unsigned>(shape.m * shape.n / (half ? 64 : 32)) & 15;
  }
  layout.shared = form.take("shared") || form.take("shared::cta");
  if (!layout.shared) form.take("global");
  const unsigned fragment = store ? 1 : 0, address = store ? 0 : 1;
  if ((request.elements[fragment] ? request.elements[fragment] : 1u) != layout.registers) return false;
  layout.narrow = request.widths[address] == 4;
  if (layout.narrow && !layout.shared) return false;
  const bool strided = request.operands == 3, wide = layout.size == 8;
  choice.shape = store ? (strided ? (wide ? "*mVdw" : "*mVww")
                          : wide  ? "*mVd_"
                                  : "*mVw_")
                       : (strided ? (wide ? "*Vdmw" : "*Vwmw")
                          : wide  ? "*Vdm_"
                                  : "*Vwm_");
  choice.note = cast_bits<uint32_t>(layout);
  choice.touches_memory = true;
  choice.run = move_fragment;
  return true;
}

bool select_multiply(Request& request, Choice& choice) {
  Form& form = request.form;
  const int number = take_shape(form);
  if (number < 0) return false;
  // How A and B lie in memory was said when they were loaded.
  for (unsigned i = 0; i < 2; ++i) {
    if (!form.take("row") && !form.take("col")) return false;
  }
  form.take("rn");
  Plan plan{};
  plan.shape = static_cast<uint8_t>(number);
  plan.satfinite = form.take("satfinite");
  plan.a = plan.b = Element::f16;
  const bool named = form.type_count() == 4;  // else both are f16
  if (!named && form.type_count() != 2) return false;
  if (named && (!element_of(form.type(1), plan.a) || !element_of(form.type(2), plan.b))) return false;
  const bool whole = plan.a == Element::s8 || plan.a == Element::u8, wide = plan.a == Element::f64;
  if (whole ? plan.b != Element::s8 && plan.b != Element::u8 : plan.a != plan.b) return false;
  if (!shape_suits(number, plan.a)) return false;
  const Type d = form.type(0), c = form.type(named ? 3 : 1);
  plan.half_d = d == Type::f16 && plan.a == Element::f16;
  plan.half_c = c == Type::f16 && plan.a == Element::f16;
  const Type want = wide ? Type::f64 : whole ? Type::s32 : Type::f32;
  if ((d != want && !plan.half_d) || (c != want && !plan.half_c)) return false;
  const Shape& shape = kShapes[number];
  plan.a_registers = static_cast<uint8_t>(registers_of(plan.a, shape.m * shape.k));
  plan.b_registers = static_cast<uint8_t>(registers_of(plan.b, shape.n * shape.k));
  const unsigned places = shape.m * shape.n / kLanes;
  const unsigned wanted[4] = {plan.half_d ? places / 2 : places, plan.a_registers, plan.b_registers,
                              plan.half_c ? places / 2 : places};
  for (unsigned i = 0; i < 4; ++i) {
    if ((request.elements[i] ? request.elements[i] : 1u) != wanted[i]) return false;
  }
  choice.run = wide ? multiply<double> : whole ? multiply<int32_t> : multiply<float>;
  choice.shape = wide ? "*VdVdVdVd" : "*VwVwVwVw";
  choice.imm = cast_bits<uint64_t>(plan);
  return true;
}

}  // namespace

bool select_wmma(Request& request, Choice& choice) {
  Form& form = request.form;
  if (!form.take("sync")) return false;
  form.take("aligned");
  if (form.take("load")) return select_move(request, choice, false);
  if (form.take("store")) return select_move(request, choice, true);
  return form.take("mma") && select_multiply(request, choice);
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
