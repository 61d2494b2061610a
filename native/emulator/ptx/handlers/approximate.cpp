// ex2, lg2, sin, cos, tanh, rsqrt: better than the error bounds of the PTX ISA, but not bit-equal to any GPU.
#include <cmath>

#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

struct Ex2 {
  GPOOL_INLINE static float of(float a) { return ::exp2f(a); }
};
struct Lg2 {
  GPOOL_INLINE static float of(float a) { return ::log2f(a); }
};
struct Sin {
  GPOOL_INLINE static float of(float a) { return ::sinf(a); }
};
struct Cos {
  GPOOL_INLINE static float of(float a) { return ::cosf(a); }
};
struct Tanh {
  GPOOL_INLINE static float of(float a) { return ::tanhf(a); }
};
struct Rsqrt {
  GPOOL_INLINE static float of(float a) { return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a))); }
};

template <class Op, bool kFtz>
const Instruction* unary(Warp& w, const Instruction* in) {
  float* d = row<float>(w, in->r[0]);
  const float* a = row<float>(w, in->r[1]);
  each_active(w, d, [=](unsigned l) {
    if constexpr (kFtz)
      return flush(Op::of(flush(a[l])));
    else
      return Op::of(a[l]);
  });
  return in + 1;
}
const Instruction* rsqrt_double(Warp& w, const Instruction* in) {
  double* d = row<double>(w, in->r[0]);
  const double* a = row<double>(w, in->r[1]);
  each_active(w, d, [=](unsigned l) { return 1.0 / __builtin_sqrt(a[l]); });
  return in + 1;
}
template <class Op>
Handler choose(bool ftz) {
  return ftz ? unary<Op, true> : unary<Op, false>;
}

}  // namespace

bool select_approximate(Request& request, Choice& choice) {
  Form& form = request.form;
  const Opcode base = form.opcode();
  if (form.type_count() != 1 || !form.take("approx")) return false;
  const bool ftz = form.take("ftz");
  if (form.type(0) == Type::f64 && base == "rsqrt") {
    choice.run = rsqrt_double;
    choice.shape = "dd";
    return true;
  }
  if (form.type(0) != Type::f32) return false;
  choice.shape = "ff";
  if (base == "ex2") choice.run = choose<Ex2>(ftz);
  if (base == "lg2") choice.run = choose<Lg2>(ftz);
  if (base == "sin") choice.run = choose<Sin>(ftz);
  if (base == "cos") choice.run = choose<Cos>(ftz);
  if (base == "tanh") choice.run = choose<Tanh>(ftz);
  if (base == "rsqrt") choice.run = choose<Rsqrt>(ftz);
  return choice.run;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
