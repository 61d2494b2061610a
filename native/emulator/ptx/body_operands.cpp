#include "body.h"
#include "control.h"

namespace gpool::ptx {

uint32_t BodyCompiler::allocate(uint32_t bytes) {
  uint32_t offset = static_cast<uint32_t>(aligned(frame_, 64));
  frame_ = offset + bytes;
  if (frame_ > 1u << 28) fail("the registers of one function need more than 256 MiB");
  return offset;
}

uint32_t BodyCompiler::predicate_row() {
  if (predicates_left_ == 0) {
    predicate_next_ = allocate(64);
    predicates_left_ = 16;
  }
  --predicates_left_;
  predicate_next_ += 4;
  return predicate_next_ - 4;
}

uint32_t BodyCompiler::constant(Constant::Kind kind, unsigned bytes, uint64_t value, uint32_t index) {
  if (bytes && bytes < 8 && kind == Constant::Kind::value) value &= (1ull << 8 * bytes) - 1;
  auto key = std::make_tuple(kind, bytes, value, index);
  auto [place, fresh] = constants_.try_emplace(key, 0);
  if (fresh) {
    place->second = bytes ? allocate(row_bytes(bytes)) : predicate_row();
    function_.constants.push_back({kind, static_cast<uint8_t>(bytes), place->second, value, index});
    constant_rows_.insert(place->second);
  }
  return place->second;
}

void BodyCompiler::declare(std::string_view key, const Name& name) {
  auto& names = name.kind == Name::Kind::registers ? ranges_ : names_;
  auto [place, fresh] = names.try_emplace(key, name);
  undo_.push_back({key, &names, !fresh, fresh ? Name{} : place->second});
  if (!fresh) place->second = name;
}

Name* BodyCompiler::find_register(std::string_view name, uint32_t*& row) {
  if (auto found = names_.find(name); found != names_.end() && found->second.kind == Name::Kind::reg) {
    row = &found->second.row;
    return &found->second;
  }
  size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
  if (digits == name.size() || name.size() - digits > 8) return nullptr;
  std::string_view stem = name.substr(0, digits);
  auto found = ranges_.find(stem);
  if (found == ranges_.end()) return nullptr;
  uint32_t index = 0;
  for (char c : name.substr(digits)) index = index * 10 + static_cast<uint32_t>(c - '0');
  if (index >= found->second.count) return nullptr;
  row = &rows_[found->second.first + index];
  return &found->second;
}

Name* BodyCompiler::find_register(std::string_view name, uint32_t& row) {
  uint32_t* place = nullptr;
  Name* found = find_register(name, place);
  if (!found) return nullptr;
  if (*place == kNoRow)
    *place = found->type == Type::pred ? predicate_row() : allocate(row_bytes(register_width(found->type)));
  row = *place;
  return found;
}

bool BodyCompiler::special_row(std::string_view name, uint32_t& row, unsigned& width) {
  if (name.starts_with("%envreg")) {
    uint64_t number = 0;
    for (char c : name.substr(7)) number = number * 10 + static_cast<uint64_t>(c - '0');
    width = 4;
    row = constant(Constant::Kind::special, 4, number, static_cast<uint32_t>(Special::envreg));
    return true;
  }
  if (name == "%cluster_sizes") return false;
  if (name == "%is_explicit_cluster") {
    width = 0;
    row = constant(Constant::Kind::value, 0, 0);
    return true;
  }
  const SpecialName* special = find_special(name);
  if (!special) return false;
  width = special->bytes;
  if (special->which >= Special::clock) {
    row = allocate(row_bytes(width));
    Instruction& in = emit(control::read_clock);
    in.r[0] = row;
    in.r[1] = static_cast<uint32_t>(special->which);
    in.r[2] = width;
    return true;
  }
  row = constant(Constant::Kind::special, width, 0, static_cast<uint32_t>(special->which));
  return true;
}

bool BodyCompiler::symbol_row(std::string_view name, int64_t addend, uint32_t& row, const Name** found_name) {
  if (auto found = names_.find(name); found != names_.end()) {
    const Name& known = found->second;
    if (found_name) *found_name = &known;
    switch (known.kind) {
      case Name::Kind::local:
      case Name::Kind::call_param:
        row = constant(Constant::Kind::local, 8, known.offset + static_cast<uint64_t>(addend));
        return true;
      case Name::Kind::kernel_param:
        row = constant(Constant::Kind::value, 8, known.offset + static_cast<uint64_t>(addend));
        return true;
      case Name::Kind::shared:
        row = shared_row(known.offset, addend);
        return true;
      default:
        return false;
    }
  }
  if (const SharedSource* shared = module_.find_shared(name)) {
    uint32_t offset = kDynamic;
    if (shared->dynamic || shared->bytes == 0) {
      program_.shared_alignment = std::max(program_.shared_alignment, shared->alignment);
    } else {
      offset = place_shared(shared->name, shared->bytes, shared->alignment);
    }
    row = shared_row(offset, addend);
    return true;
  }
  if (int32_t variable = module_.find_variable(name); variable >= 0) {
    row = constant(Constant::Kind::variable, 8, static_cast<uint64_t>(addend), static_cast<uint32_t>(variable));
    return true;
  }
  if (int32_t function = module_.find_function(name); function >= 0) {
    want(static_cast<uint32_t>(function));
    row = constant(Constant::Kind::value, 8, function_address(static_cast<uint64_t>(function)));
    return true;
  }
  return false;
}

uint32_t BodyCompiler::shared_row(uint32_t offset, int64_t addend) {
  if (offset == kDynamic) return constant(Constant::Kind::value, 8, static_cast<uint64_t>(addend), kDynamicBase);
  return constant(Constant::Kind::value, 8, offset + static_cast<uint64_t>(addend));
}

void BodyCompiler::want(uint32_t function) {
  if (std::find(wanted_.begin(), wanted_.end(), function) == wanted_.end()) wanted_.push_back(function);
}

bool BodyCompiler::resolve(const Operand& operand, char kind, uint32_t& row) {
  if (kind == 'p' || kind == 'P') return resolve_predicate(operand, kind == 'P', row);
  const unsigned width = width_of(kind);
  switch (operand.kind) {
    case Operand::Kind::sink:
      row = 0;
      return true;
    case Operand::Kind::literal: {
      uint64_t bits = operand.literal.bits;
      if (operand.literal.floating) {
        if (kind == 'f') bits = operand.literal.single_bits;
        if (kind == 'w') bits = operand.literal.single_bits;
        if (kind == 'h' || kind == 'o') return fail("a float literal stands where an integer is needed");
      }
      row = constant(Constant::Kind::value, width, bits);
      return true;
    }
    case Operand::Kind::name: {
      if (Name* reg = find_register(operand.name, row)) {
        if (reg->type == Type::pred || register_width(reg->type) != width) {
          return fail("register '" + std::string(operand.name) + "' does not have the size of this operand (" +
                      std::to_string(width) + " bytes)");
        }
        return true;
      }
      unsigned special_width;
      if (operand.name[0] == '%' && special_row(operand.name, row, special_width)) {
        if (special_width == width) return true;
        if (special_width == 4 && width == 8) {
          const SpecialName* special = find_special(operand.name);
          if (special && special->which < Special::clock) {
            row = constant(Constant::Kind::special, 8, 0, static_cast<uint32_t>(special->which));
            return true;
          }
        }
        if (special_width == 8 && width == 4) {
          row = constant(Constant::Kind::special, 4, 0, static_cast<uint32_t>(find_special(operand.name)->which));
          return true;
        }
        return fail("special register '" + std::string(operand.name) + "' does not have the size of this operand");
      }
      if (operand.name == "WARP_SZ") {
        row = constant(Constant::Kind::value, width, kLanes);
        return true;
      }
      if (width == 8 && symbol_row(operand.name, operand.offset, row)) return true;
      if (width == 4) {
        // 32-bit addresses: only shared and local ones fit.
        uint32_t wide;
        if (auto found = names_.find(operand.name); found != names_.end() && found->second.kind == Name::Kind::local) {
          row = constant(Constant::Kind::local, 4, found->second.offset + static_cast<uint64_t>(operand.offset));
          return true;
        }
        if (symbol_row(operand.name, operand.offset, wide)) {
          const Constant& full = *std::find_if(function_.constants.begin(), function_.constants.end(),
                                               [&](const Constant& one) { return one.offset == wide; });
          if (full.kind == Constant::Kind::value) {
            row = wide_to_word(full);
            return true;
          }
        }
      }
      return fail(quoted(operand.name) + " is not declared, or cannot stand here");
    }
    default:
      return fail("an operand has the wrong form");
  }
}

uint32_t BodyCompiler::wide_to_word(Constant full) {
  return constant(Constant::Kind::value, 4, full.value, full.index);
}

bool BodyCompiler::resolve_predicate(const Operand& operand, bool destination, uint32_t& row) {
  if (operand.kind == Operand::Kind::sink) {
    row = scratch_predicate_;
    return true;
  }
  if (operand.kind == Operand::Kind::literal && !destination) {
    row = constant(Constant::Kind::value, 0, operand.literal.bits != 0);
    return true;
  }
  if (operand.kind != Operand::Kind::name) return fail("a predicate was expected");
  Name* reg = find_register(operand.name, row);
  unsigned width = 4;
  if (!reg && special_row(operand.name, row, width) && width == 0) return true;
  if (!reg || reg->type != Type::pred) return fail(quoted(operand.name) + " is no predicate register");
  if (operand.negated) {
    uint32_t inverse = predicate_row();
    Request request("not.pred");
    Choice choice;
    host_level().select(request, choice);
    Instruction& in = emit(choice.run);
    in.r[0] = inverse;
    in.r[1] = row;
    row = inverse;
  }
  return true;
}

bool BodyCompiler::resolve_address(const Operand& operand, uint32_t& row, uint64_t& displacement) {
  if (operand.kind != Operand::Kind::address) return fail("an address in brackets was expected");
  displacement = 0;
  if (!operand.has_name) {
    row = constant(Constant::Kind::value, 8, static_cast<uint64_t>(operand.offset));
    return true;
  }
  if (Name* reg = find_register(operand.name, row)) {
    if (reg->type == Type::pred || register_width(reg->type) < 4 || register_width(reg->type) > 8) {
      return fail(quoted(operand.name) + " cannot hold an address");
    }
    displacement = static_cast<uint64_t>(operand.offset);
    return true;
  }
  return symbol_row(operand.name, operand.offset, row) || fail(quoted(operand.name) + " is not declared");
}

bool BodyCompiler::place_element(Operand& operand) {
  auto found = names_.find(operand.name);
  const bool here = found != names_.end();
  const bool array = here && found->second.kind != Name::Kind::reg;
  const unsigned bytes = array ? found->second.element_bytes : here ? 0 : module_.element_bytes(operand.name);
  if (bytes == 0) return fail(quoted(operand.name) + " has no elements");
  operand.offset += operand.element * static_cast<int64_t>(bytes);
  return true;
}

void BodyCompiler::describe(Request& request, const std::vector<Operand>& operands) {
  request.operands = static_cast<unsigned>(operands.size());
  for (size_t i = 0; i < operands.size() && i < 8; ++i) {
    const Operand* one = &operands[i];
    if (one->kind == Operand::Kind::vector) {
      request.elements[i] = static_cast<uint8_t>(one->elements.size());
      for (const Operand& element : one->elements) {
        one = &element;
        if (element.kind == Operand::Kind::name) break;
      }
    }
    if (one->kind == Operand::Kind::address) {
      request.address[i] = true;
      request.widths[i] = 8;
      if (!one->has_name) continue;
      uint32_t* unused = nullptr;
      if (Name* reg = find_register(one->name, unused)) {
        request.widths[i] = static_cast<uint8_t>(register_width(reg->type));
      } else if (auto found = names_.find(one->name); found != names_.end()) {
        request.local_parameter |= found->second.kind == Name::Kind::call_param;
        request.named_parameter |= found->second.kind == Name::Kind::kernel_param;
      }
      continue;
    }
    if (one->kind != Operand::Kind::name) continue;
    uint32_t* unused = nullptr;
    if (Name* reg = find_register(one->name, unused)) {
      request.predicate[i] = reg->type == Type::pred;
      request.widths[i] = static_cast<uint8_t>(register_width(reg->type));
    } else if (const SpecialName* special = find_special(one->name)) {
      request.widths[i] = special->bytes;
    } else if (one->name.starts_with("%envreg")) {
      request.widths[i] = 4;
    }
  }
  request.has_second = !operands.empty() && !operands[0].second.empty();
  request.local_parameter |= !source_.entry;
}

}  // namespace gpool::ptx
