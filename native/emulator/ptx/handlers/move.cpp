// mov (with packing and unpacking), cvta, isspacep.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

template <class T>
const Instruction* copy(Warp& w, const Instruction* in) {
  T* d = row<T>(w, in->r[0]);
  const T* a = row<T>(w, in->r[1]);
  each(w, d, [=](unsigned l) { return a[l]; });
  return in + 1;
}
const Instruction* copy16(Warp& w, const Instruction* in) {
  struct Sixteen {
    uint64_t low, high;
  };
  Sixteen* d = row<Sixteen>(w, in->r[0]);
  const Sixteen* a = row<Sixteen>(w, in->r[1]);
  each_active(w, d, [=](unsigned l) { return a[l]; });
  return in + 1;
}
const Instruction* copy_predicate(Warp& w, const Instruction* in) {
  set_bits(w, in->r[0], *predicate(w, in->r[1]));
  return in + 1;
}
// d = {a0, a1, …}: kParts parts of type P fill one lane.
template <class P, unsigned kParts>
const Instruction* pack(Warp& w, const Instruction* in) {
  P* d = row<P>(w, in->r[0]);
  const P* parts[kParts];
  for (unsigned i = 0; i < kParts; ++i) parts[i] = row<P>(w, in->r[1 + i]);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    for (unsigned i = 0; i < kParts; ++i) d[l * kParts + i] = parts[i][l];
  }
  return in + 1;
}
// {d0, d1, …} = a. The destinations may overlap nothing, but a may be narrower than a part's row.
template <class P, unsigned kParts>
const Instruction* unpack(Warp& w, const Instruction* in) {
  const P* a = row<P>(w, in->r[kParts]);
  P* parts[kParts];
  for (unsigned i = 0; i < kParts; ++i) parts[i] = row<P>(w, in->r[i]);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    unsigned l = static_cast<unsigned>(__builtin_ctz(left));
    for (unsigned i = 0; i < kParts; ++i) parts[i][l] = a[l * kParts + i];
  }
  return in + 1;
}

enum class Window : uint8_t { shared, local, parameters };
template <Window kWindow>
GPOOL_INLINE uint64_t base_of(Warp& w, unsigned lane) {
  if constexpr (kWindow == Window::shared)
    return reinterpret_cast<uint64_t>(w.shared);
  else if constexpr (kWindow == Window::local)
    return reinterpret_cast<uint64_t>(w.local) + lane * w.local_stride;
  else
    return reinterpret_cast<uint64_t>(w.parameters);
}
template <Window kWindow, bool kTo>
const Instruction* convert_address(Warp& w, const Instruction* in) {
  uint64_t* d = row<uint64_t>(w, in->r[0]);
  const uint64_t* a = row<uint64_t>(w, in->r[1]);
  each_active(w, d, [&](unsigned l) { return kTo ? a[l] - base_of<kWindow>(w, l) : a[l] + base_of<kWindow>(w, l); });
  return in + 1;
}
// Is the generic address in the space? imm: 0 shared, 1 local, 2 parameters, 3 none of them (global, const)
const Instruction* is_in_space(Warp& w, const Instruction* in) {
  const uint64_t* a = row<uint64_t>(w, in->r[1]);
  uint32_t bits = 0;
  for (unsigned l = 0; l < kLanes; ++l) {
    bool shared = a[l] - base_of<Window::shared>(w, l) < w.shared_bytes;
    bool local = a[l] - reinterpret_cast<uint64_t>(w.local) < w.local_stride * kLanes;
    bool parameter = a[l] - base_of<Window::parameters>(w, l) < w.parameter_bytes;
    bool holds = in->imm == 0   ? shared
                 : in->imm == 1 ? local
                 : in->imm == 2 ? parameter
                                : !shared && !local && !parameter;
    bits |= uint32_t(holds) << l;
  }
  set_bits(w, in->r[0], bits);
  return in + 1;
}

}  // namespace

bool select_move(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  Type type = form.type(0);
  const unsigned bytes = bytes_of(type);
  if (base == "mov") {
    if (type == Type::pred) {
      choice.run = copy_predicate;
      choice.shape = "Pp";
      return true;
    }
    if (unsigned parts = request.elements[1]) {
      const bool fits = parts && bytes % parts == 0;
      const unsigned part = fits ? bytes / parts : 0;
      if (bytes == 4 && part == 2) choice.run = pack<uint16_t, 2>, choice.shape = "wVh";
      if (bytes == 8 && part == 4) choice.run = pack<uint32_t, 2>, choice.shape = "qVw";
      if (bytes == 8 && part == 2) choice.run = pack<uint16_t, 4>, choice.shape = "qVh";
      if (bytes == 16 && part == 8) choice.run = pack<uint64_t, 2>, choice.shape = "oVq";
      if (bytes == 16 && part == 4) choice.run = pack<uint32_t, 4>, choice.shape = "oVw";
      return choice.run;
    }
    if (unsigned parts = request.elements[0]) {
      const unsigned part = bytes % parts == 0 ? bytes / parts : 0;
      if (bytes == 4 && part == 2) choice.run = unpack<uint16_t, 2>, choice.shape = "Vhw";
      if (bytes == 8 && part == 4) choice.run = unpack<uint32_t, 2>, choice.shape = "Vwq";
      if (bytes == 8 && part == 2) choice.run = unpack<uint16_t, 4>, choice.shape = "Vhq";
      if (bytes == 16 && part == 8) choice.run = unpack<uint64_t, 2>, choice.shape = "Vqo";
      if (bytes == 16 && part == 4) choice.run = unpack<uint32_t, 4>, choice.shape = "Vwo";
      return choice.run;
    }
    switch (bytes) {
      case 2:
        choice.run = copy<uint16_t>;
        choice.shape = "hh";
        break;
      case 4:
        choice.run = copy<uint32_t>;
        choice.shape = type == Type::f32 ? "ff" : "ww";
        break;
      case 8:
        choice.run = copy<uint64_t>;
        choice.shape = type == Type::f64 ? "dd" : "qq";
        break;
      case 16:
        choice.run = copy16;
        choice.shape = "oo";
        break;
    }
    return choice.run;
  }
  const bool to = base == "cvta" && form.take("to");
  auto space = [&](const char* name) {
    const Opcode word{name};
    return form.take(name) || (word == "shared" && (form.take("shared::cta") || form.take("shared::cluster"))) ||
           (word == "param" && (form.take("param::entry") || form.take("param::func")));
  };
  if (base == "isspacep") {
    choice.imm = space("shared")                     ? 0
                 : space("local")                    ? 1
                 : space("param")                    ? 2
                 : space("global") || space("const") ? 3
                                                     : 9;
    choice.run = choice.imm == 9 ? nullptr : is_in_space;
    choice.shape = "Pq";
    return choice.run;
  }
  if (bytes != 8) return false;
  choice.shape = "qq";
  if (space("global") || space("const"))
    choice.run = copy<uint64_t>;
  else if (space("shared"))
    choice.run = to ? convert_address<Window::shared, true> : convert_address<Window::shared, false>;
  // The parameters of a function lie in local memory.
  else if (space("param")) {
    if (request.local_parameter)
      choice.run = to ? convert_address<Window::local, true> : convert_address<Window::local, false>;
    else
      choice.run = to ? convert_address<Window::parameters, true> : convert_address<Window::parameters, false>;
  } else if (space("local"))
    choice.run = to ? convert_address<Window::local, true> : convert_address<Window::local, false>;
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
