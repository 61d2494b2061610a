#include "body.h"
#include "control.h"

namespace gpool::ptx {

namespace {

Builtin builtin_named(std::string_view name) {
  if (name == "vprintf") return Builtin::vprintf;
  if (name == "malloc") return Builtin::malloc;
  if (name == "free") return Builtin::free;
  if (name == "__assertfail") return Builtin::assertfail;
  return Builtin::none;
}

}  // namespace

bool BodyCompiler::emit_guard(const Operand* guard) {
  if (!guard) return true;
  Operand plain = *guard;
  plain.negated = false;
  uint32_t row;
  if (!resolve_predicate(plain, false, row)) return false;
  Instruction& in = emit(control::guard);
  in.r[0] = row;
  in.imm = guard->negated ? kFull : 0;
  return true;
}

void BodyCompiler::branch(const Operand* guard) {
  if (operands_.size() != 1 || operands_[0].kind != Operand::Kind::name) {
    fail("bra needs one label");
    return;
  }
  Handler run = control::branch;
  uint32_t row = 0, negated = 0;
  if (guard) {
    run = control::branch_if;
    Operand plain = *guard;
    plain.negated = false;
    if (!resolve_predicate(plain, false, row)) return;
    negated = guard->negated ? kFull : 0;
  }
  fix_ups_.push_back({program_.code.size(), operands_[0].name, scope_, line_, ~size_t{0}});
  Instruction& in = emit(run);
  in.r[0] = row;
  in.r[1] = negated;
}

bool BodyCompiler::control_instruction(std::string_view base, std::string_view opcode, const Operand* guard) {
  auto plain = [&](Handler run) {
    if (!emit_guard(guard)) return false;
    emit(run);
    return true;
  };
  if (base == "ret") return plain(source_.entry ? control::exit : control::ret);
  if (base == "exit") return plain(control::exit);
  if (base == "trap") return plain(control::trap);
  if (base == "brkpt") return plain(control::brkpt);
  if (base == "membar" || base == "fence") return plain(control::fence);
  if (base == "nanosleep") return plain(control::give_way);
  if (base == "createpolicy") {
    // Cache policies mean nothing here; the register still gets a defined value.
    uint32_t row;
    if (operands_.empty() || !resolve(operands_[0], 'q', row)) return false;
    Request request("mov.b64");
    request.widths[0] = 8;
    request.operands = 2;
    Choice choice;
    if (!host_level().select(request, choice)) return false;
    uint32_t zero = constant(Constant::Kind::value, 8, 0);
    if (!emit_guard(guard)) return false;
    Instruction& in = emit(choice.run);
    in.r[0] = row;
    in.r[1] = zero;
    return true;
  }
  if (base == "call") return call(guard);
  if (base == "brx") {
    if (operands_.size() != 2 || operands_[1].kind != Operand::Kind::name) return false;
    auto found = names_.find(operands_[1].name);
    if (found == names_.end() || found->second.kind != Name::Kind::targets)
      return fail("brx.idx has no .branchtargets");
    uint32_t row;
    if (!resolve(operands_[0], 'w', row) || !emit_guard(guard)) return false;
    uint32_t first = static_cast<uint32_t>(program_.extra.size());
    for (uint32_t i = 0; i < found->second.count; ++i) {
      fix_ups_.push_back(
          {program_.code.size(), target_names_[found->second.first + i], scope_, line_, program_.extra.size()});
      program_.extra.push_back(0);
    }
    Instruction& in = emit(control::branch_indexed);
    in.r[0] = row;
    in.r[1] = first;
    in.r[2] = found->second.count;
    return true;
  }
  if (base == "bar" || base == "barrier") return barrier(opcode, guard);
  // prefetch, discard, griddepcontrol, applypriority, pmevent, setmaxnreg: nothing to do.
  return plain(control::none);
}

bool BodyCompiler::barrier(std::string_view opcode, const Operand* guard) {
  Form form(opcode);
  form.take("cta");
  form.take("aligned");
  if (form.take("cluster")) return plain_cluster_barrier(form, guard);
  if (form.take("warp")) {
    if (!form.take("sync") || operands_.size() != 1) return false;
    uint32_t row;
    if (!resolve(operands_[0], 'w', row) || !emit_guard(guard)) return false;
    emit(control::warp_barrier).r[0] = row;
    return form.untaken().empty();
  }
  const bool reduces = form.take("red");
  uint64_t reduction = form.take("popc") ? 1 : form.take("and") ? 2 : form.take("or") ? 3 : 0;
  const bool arrives = form.take("arrive");
  if (!form.take("sync") && !arrives && !reduces) return false;
  if (!form.untaken().empty() || reduces != (reduction != 0)) return false;
  size_t at = 0;
  uint32_t destination = kNoRow, votes = kNoRow, number, count = kNoRow;
  if (reduces) {
    if (operands_.size() < 3) return false;
    if (!resolve(operands_[0], reduction == 1 ? 'w' : 'P', destination)) return false;
    if (!resolve(operands_.back(), 'p', votes)) return false;
    operands_.pop_back();
    at = 1;
  }
  if (at >= operands_.size() || !resolve(operands_[at], 'w', number)) return false;
  if (at + 1 < operands_.size() && !resolve(operands_[at + 1], 'w', count)) return false;
  if (arrives && count == kNoRow) return fail("bar.arrive needs a number of threads");
  if (!emit_guard(guard)) return false;
  Instruction& in = emit(reduces ? control::barrier_reduce : control::barrier);
  in.r[0] = number;
  in.r[1] = count;
  in.r[2] = destination;
  in.r[3] = votes;
  in.imm = reduces ? reduction : !arrives;
  return true;
}

bool BodyCompiler::plain_cluster_barrier(Form& form, const Operand* guard) {
  bool arrives = form.take("arrive");
  if (!arrives && !form.take("wait")) return false;
  for (std::string_view modifier : {"release", "relaxed", "acquire"}) form.take(modifier);
  if (!form.untaken().empty() || !emit_guard(guard)) return false;
  if (arrives) {
    emit(control::fence);
    return true;
  }
  uint32_t number = constant(Constant::Kind::value, 4, 0);
  Instruction& in = emit(control::barrier);
  in.r[0] = number;
  in.r[1] = kNoRow;
  in.imm = 1;
  return true;
}

bool BodyCompiler::call(const Operand* guard) {
  Call call{};
  call.address_row = kNoRow;
  size_t at = 0;
  auto slices = [&](const Operand& list, std::vector<Slice>& out) {
    for (const Operand& one : list.elements) {
      auto found = names_.find(one.name);
      if (one.kind != Operand::Kind::name || found == names_.end() || found->second.kind != Name::Kind::call_param) {
        return fail("a call takes .param variables only; '" + std::string(one.name) + "' is none");
      }
      out.push_back({found->second.offset, found->second.bytes});
    }
    return true;
  };
  if (at < operands_.size() && operands_[at].kind == Operand::Kind::list && !slices(operands_[at++], call.results))
    return false;
  if (at >= operands_.size() || operands_[at].kind != Operand::Kind::name) return fail("call needs a function");
  const Operand& target = operands_[at++];
  if (at < operands_.size() && operands_[at].kind == Operand::Kind::list && !slices(operands_[at], call.arguments))
    return false;
  uint32_t row;
  if (find_register(target.name, row)) {
    if (!resolve(target, 'q', call.address_row)) return false;
    has_indirect_call_ = true;
  } else {
    int32_t index = module_.find_function(target.name);
    if (index < 0) return fail("function '" + std::string(target.name) + "' is not declared");
    const FunctionSource& callee = module_.functions()[static_cast<size_t>(index)];
    if (!callee.defined) {
      call.builtin = static_cast<uint32_t>(builtin_named(target.name));
      if (!call.builtin) return fail("function '" + std::string(target.name) + "' has no body in this module");
    } else {
      want(static_cast<uint32_t>(index));
      call.function = static_cast<uint32_t>(index);  // of the module; becomes the program's at the end
      callees.push_back(static_cast<uint32_t>(index));
    }
  }
  if (!emit_guard(guard)) return false;
  emit(control::call).r[0] = static_cast<uint32_t>(program_.calls.size());
  program_.calls.push_back(std::move(call));
  return true;
}

}  // namespace gpool::ptx
