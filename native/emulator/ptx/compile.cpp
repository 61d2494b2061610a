// A whole kernel: every function it can reach, one after the other; then what is known only at the end.
#include "compile.h"

#include <algorithm>
#include <memory>

#include "body.h"
#include "control.h"

namespace gpool::ptx {

namespace {

constexpr uint32_t kStackBytes = 64 * 1024;  // per thread, when the depth of calls is not known

// Local memory per thread for the deepest chain of calls, or 0 when calls go in circles or through addresses.
uint32_t stack_need(const std::vector<std::vector<uint32_t>>& callees, const std::vector<Function>& functions,
                    uint32_t from, std::vector<uint8_t>& state, bool& bounded) {
  if (state[from] == 1) {
    bounded = false;
    return 0;
  }
  state[from] = 1;
  uint32_t deepest = 0;
  for (uint32_t callee : callees[from]) {
    deepest = std::max(deepest, stack_need(callees, functions, callee, state, bounded));
    if (!bounded) return 0;
  }
  state[from] = 0;
  return functions[from].local_bytes + 128 + deepest;
}

}  // namespace

void compile(const ModuleText& module, uint32_t kernel_function, Program& out) {
  std::vector<uint32_t> wanted{kernel_function};
  std::vector<std::vector<uint32_t>> callees;
  std::map<std::string_view, uint32_t> shared_offsets;
  std::vector<std::unique_ptr<std::string>> kept_names;
  bool indirect = false;
  out.by_module_index.assign(module.functions().size(), -1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const FunctionSource& source = module.functions()[wanted[i]];
    if (!source.defined) continue;  // its address was taken, or it is a builtin
    out.by_module_index[wanted[i]] = static_cast<int32_t>(out.functions.size());
    Function function;
    BodyCompiler body(module, source, out, function, wanted, shared_offsets);
    body.kept_ = &kept_names;
    SyntaxError error;
    if (!body.compile(error)) {
      out.why_not = "line " + std::to_string(error.line) + ": " + error.what;
      return;
    }
    // Functions whose addresses lie in variables can be called, too.
    if (body.has_indirect_call_ && !indirect) {
      indirect = true;
      for (uint32_t index = 0; index < module.functions().size(); ++index) {
        const FunctionSource& other = module.functions()[index];
        if (!other.entry && other.defined && std::find(wanted.begin(), wanted.end(), index) == wanted.end()) {
          wanted.push_back(index);
        }
      }
    }
    callees.push_back(std::move(body.callees));
    out.functions.push_back(std::move(function));
  }
  out.name = out.functions[0].name;
  // Rows that change from block to block, or from call to call, come last.
  for (Function& function : out.functions) {
    auto stays = [](const Constant& one) {
      const Special which = static_cast<Special>(one.index);
      return one.kind != Constant::Kind::local &&
             (one.kind != Constant::Kind::special || which < Special::ctaid_x || which > Special::ctaid_z);
    };
    auto middle = std::stable_partition(function.constants.begin(), function.constants.end(), stays);
    function.first_changing = static_cast<uint32_t>(middle - function.constants.begin());
  }
  for (Call& call : out.calls) {
    if (!call.builtin && call.address_row == kNoRow) {
      call.function = static_cast<uint32_t>(out.by_module_index[call.function]);
    }
  }
  for (auto& list : callees) {
    for (uint32_t& callee : list) callee = static_cast<uint32_t>(out.by_module_index[callee]);
  }
  const uint64_t dynamic = aligned(out.shared_bytes, std::max(16u, out.shared_alignment));
  bool uses_dynamic = false;
  for (Function& function : out.functions) {
    for (Constant& constant : function.constants) {
      if (constant.kind != Constant::Kind::value || constant.index != BodyCompiler::kDynamicBase) continue;
      constant.value += dynamic;
      uses_dynamic = true;
    }
  }
  if (uses_dynamic) out.shared_bytes = static_cast<uint32_t>(dynamic);
  bool bounded = !indirect;
  std::vector<uint8_t> state(out.functions.size());
  uint32_t need = bounded ? stack_need(callees, out.functions, 0, state, bounded) : 0;
  out.recursive = !bounded;
  out.stack_bytes = bounded ? (out.functions.size() == 1 ? out.functions[0].local_bytes : need)
                            : out.functions[0].local_bytes + kStackBytes;
  // Branches hold the address of their target.
  for (Instruction& in : out.code) {
    if (in.run == control::branch || in.run == control::branch_if) {
      in.imm = reinterpret_cast<uint64_t>(out.code.data() + in.imm);
    }
  }
}

}  // namespace gpool::ptx
