// Which family knows an opcode. An opcode may be known to several (add: integer, float, half); the types decide.
#include "rows.h"

namespace gpool::ptx::GPOOL_PTX_LEVEL {
namespace {

using Family = bool (*)(Request&, Choice&);
struct Entry {
  const char* base;
  Family families[3];
};

constexpr Entry kOpcodes[] = {
    {"add", {select_integer, select_float, select_half}},
    {"sub", {select_integer, select_float, select_half}},
    {"mul", {select_integer, select_float, select_half}},
    {"mad", {select_integer, select_float, nullptr}},
    {"fma", {select_float, select_half, nullptr}},
    {"min", {select_integer, select_float, select_half}},
    {"max", {select_integer, select_float, select_half}},
    {"neg", {select_integer, select_float, select_half}},
    {"abs", {select_integer, select_float, select_half}},
    {"div", {select_integer, select_float, nullptr}},
    {"rem", {select_integer}},
    {"addc", {select_integer}},
    {"subc", {select_integer}},
    {"madc", {select_integer}},
    {"mul24", {select_integer}},
    {"mad24", {select_integer}},
    {"sad", {select_integer}},
    {"and", {select_logic}},
    {"or", {select_logic}},
    {"xor", {select_logic}},
    {"not", {select_logic}},
    {"cnot", {select_logic}},
    {"shl", {select_logic}},
    {"shr", {select_logic}},
    {"lop3", {select_logic}},
    {"shf", {select_logic}},
    {"popc", {select_bits}},
    {"clz", {select_bits}},
    {"brev", {select_bits}},
    {"bfind", {select_bits}},
    {"bfe", {select_bits}},
    {"bfi", {select_bits}},
    {"bmsk", {select_bits}},
    {"szext", {select_bits}},
    {"fns", {select_bits}},
    {"prmt", {select_bits}},
    {"dp4a", {select_bits}},
    {"dp2a", {select_bits}},
    {"sqrt", {select_float}},
    {"rcp", {select_float}},
    {"copysign", {select_float}},
    {"testp", {select_float}},
    {"rsqrt", {select_approximate}},
    {"sin", {select_approximate}},
    {"cos", {select_approximate}},
    {"lg2", {select_approximate}},
    {"ex2", {select_approximate, select_half}},
    {"tanh", {select_approximate, select_half}},
    {"setp", {select_compare}},
    {"set", {select_compare}},
    {"selp", {select_compare}},
    {"slct", {select_compare}},
    {"mov", {select_move}},
    {"cvta", {select_move}},
    {"isspacep", {select_move}},
    {"cvt", {select_convert}},
    {"ld", {select_memory}},
    {"ldu", {select_memory}},
    {"st", {select_memory}},
    {"cp", {select_async}},
    {"mbarrier", {select_async}},
    {"atom", {select_atomic}},
    {"red", {select_atomic}},
    {"shfl", {select_warp}},
    {"vote", {select_warp}},
    {"match", {select_warp}},
    {"redux", {select_warp}},
    {"activemask", {select_warp}},
    {"elect", {select_warp}},
    {"mma", {select_matrix}},
    {"ldmatrix", {select_matrix}},
    {"stmatrix", {select_matrix}},
    {"movmatrix", {select_matrix}},
    {"wmma", {select_wmma}},
};

}  // namespace

bool select_any(Request& request, Choice& choice) {
  for (const Entry& entry : kOpcodes) {
    if (request.form.opcode() != entry.base) continue;
    for (Family family : entry.families) {
      if (!family) return false;
      Request attempt = request;  // a family may take modifiers before it gives up
      Choice chosen;
      if (family(attempt, chosen) && chosen.run) {
        request = attempt;
        choice = chosen;
        return true;
      }
    }
    return false;
  }
  return false;
}

}  // namespace gpool::ptx::GPOOL_PTX_LEVEL
