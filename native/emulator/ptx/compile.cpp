// One body at a time: scopes of names, rows of the frame, instructions with their labels resolved. It is one file
// because the states it passes through (names, rows, fix-ups) belong to one walk over the text.
#include "compile.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "control.h"
#include "select.h"

namespace gpool::ptx {
namespace {

uint64_t aligned(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

struct Name {
  enum class Kind : uint8_t { reg, registers, local, shared, call_param, kernel_param, prototype, targets };
  Kind kind;
  Type type = Type::none;
  uint32_t row = kNoRow;  // of a register
  uint32_t offset = 0;    // in local memory, shared memory or the parameters
  uint32_t bytes = 0;
  uint32_t first = 0, count = 0;  // of registers: in `rows`; of targets: in `target_names`
  uint32_t element_bytes = 0;     // of variables and parameters
};

struct SpecialName {
  std::string_view name;
  Special which;
  uint8_t bytes;
};
constexpr SpecialName kSpecials[] = {
    {"%tid.x", Special::tid_x, 4},
    {"%tid.y", Special::tid_y, 4},
    {"%tid.z", Special::tid_z, 4},
    {"%tid.w", Special::zero, 4},
    {"%ntid.x", Special::ntid_x, 4},
    {"%ntid.y", Special::ntid_y, 4},
    {"%ntid.z", Special::ntid_z, 4},
    {"%ntid.w", Special::one, 4},
    {"%ctaid.x", Special::ctaid_x, 4},
    {"%ctaid.y", Special::ctaid_y, 4},
    {"%ctaid.z", Special::ctaid_z, 4},
    {"%ctaid.w", Special::zero, 4},
    {"%nctaid.x", Special::nctaid_x, 4},
    {"%nctaid.y", Special::nctaid_y, 4},
    {"%nctaid.z", Special::nctaid_z, 4},
    {"%nctaid.w", Special::one, 4},
    {"%laneid", Special::laneid, 4},
    {"%warpid", Special::warpid, 4},
    {"%nwarpid", Special::nwarpid, 4},
    {"%smid", Special::smid, 4},
    {"%nsmid", Special::nsmid, 4},
    {"%gridid", Special::gridid, 8},
    {"%lanemask_eq", Special::lanemask_eq, 4},
    {"%lanemask_le", Special::lanemask_le, 4},
    {"%lanemask_lt", Special::lanemask_lt, 4},
    {"%lanemask_ge", Special::lanemask_ge, 4},
    {"%lanemask_gt", Special::lanemask_gt, 4},
    {"%total_smem_size", Special::total_smem, 4},
    {"%dynamic_smem_size", Special::dynamic_smem, 4},
    {"%aggr_smem_size", Special::total_smem, 4},
    {"%clock", Special::clock, 4},
    {"%clock_hi", Special::clock_hi, 4},
    {"%clock64", Special::clock64, 8},
    {"%globaltimer", Special::globaltimer, 8},
    {"%globaltimer_lo", Special::globaltimer_lo, 4},
    {"%globaltimer_hi", Special::globaltimer_hi, 4},
    // A launch without clusters: each block is a cluster of one.
    {"%clusterid.x", Special::ctaid_x, 4},
    {"%clusterid.y", Special::ctaid_y, 4},
    {"%clusterid.z", Special::ctaid_z, 4},
    {"%nclusterid.x", Special::nctaid_x, 4},
    {"%nclusterid.y", Special::nctaid_y, 4},
    {"%nclusterid.z", Special::nctaid_z, 4},
    {"%cluster_ctaid.x", Special::zero, 4},
    {"%cluster_ctaid.y", Special::zero, 4},
    {"%cluster_ctaid.z", Special::zero, 4},
    {"%cluster_nctaid.x", Special::one, 4},
    {"%cluster_nctaid.y", Special::one, 4},
    {"%cluster_nctaid.z", Special::one, 4},
    {"%cluster_ctarank", Special::zero, 4},
    {"%cluster_nctarank", Special::one, 4},
};

uint32_t row_bytes(unsigned width) {
  return width * kLanes;
}

unsigned register_width(Type type) {
  return std::max(2u, bytes_of(type));
}

Builtin builtin_named(std::string_view name) {
  if (name == "vprintf") return Builtin::vprintf;
  if (name == "malloc") return Builtin::malloc;
  if (name == "free") return Builtin::free;
  if (name == "__assertfail") return Builtin::assertfail;
  return Builtin::none;
}

class BodyCompiler {
 public:
  BodyCompiler(const ModuleText& module, const FunctionSource& source, Program& program, Function& function,
               std::vector<uint32_t>& wanted, std::map<std::string_view, uint32_t>& shared_offsets)
      : module_(module),
        source_(source),
        program_(program),
        function_(function),
        wanted_(wanted),
        shared_offsets_(shared_offsets),
        lexer_(source.body, source.body_line) {}

  bool compile(SyntaxError& error) {
    function_.name = source_.name;
    function_.entry = static_cast<uint32_t>(program_.code.size());
    frame_ = row_bytes(16);  // scratch row for sinks
    scratch_predicate_ = predicate_row();
    scopes_.push_back({-1, 0});
    place_parameters();
    while (!error_ && lexer_.peek().kind != Token::Kind::end) statement();
    line_ = lexer_.line();
    emit(source_.entry ? control::exit : control::ret);
    if (!error_) resolve_labels();
    function_.frame_bytes = static_cast<uint32_t>(aligned(frame_, 64));
    function_.local_bytes = static_cast<uint32_t>(aligned(local_, 16));
    error = error_;
    return !error_;
  }

 private:
  struct Scope {
    int parent;
    size_t undo;
  };
  struct Undo {
    std::string_view name;
    bool existed;
    Name old;
  };
  struct FixUp {
    size_t instruction;
    std::string_view label;
    int scope;
    uint32_t line;
    size_t extra;  // index in Program::extra, or ~0: Instruction::imm
  };

  bool fail(std::string what) { return fail(line_, std::move(what)); }
  bool fail(uint32_t line, std::string what) {
    if (!error_) error_ = {line, std::move(what)};
    return false;
  }

  // ---- rows ----

  uint32_t allocate(uint32_t bytes) {
    uint32_t offset = static_cast<uint32_t>(aligned(frame_, 64));
    frame_ = offset + bytes;
    if (frame_ > 1u << 28) fail("the registers of one function need more than 256 MiB");
    return offset;
  }
  uint32_t predicate_row() {
    if (predicates_left_ == 0) {
      predicate_next_ = allocate(64);
      predicates_left_ = 16;
    }
    --predicates_left_;
    predicate_next_ += 4;
    return predicate_next_ - 4;
  }
  uint32_t constant(Constant::Kind kind, unsigned bytes, uint64_t value, uint32_t index = 0) {
    if (bytes && bytes < 8 && kind == Constant::Kind::value) value &= (1ull << 8 * bytes) - 1;
    auto key = std::make_tuple(kind, bytes, value, index);
    auto [place, fresh] = constants_.try_emplace(key, 0);
    if (fresh) {
      place->second = bytes ? allocate(row_bytes(bytes)) : predicate_row();
      function_.constants.push_back({kind, static_cast<uint8_t>(bytes), place->second, value, index});
    }
    return place->second;
  }

  // ---- names ----

  void declare(std::string_view key, const Name& name) {
    auto [place, fresh] = names_.try_emplace(key, name);
    undo_.push_back({key, !fresh, fresh ? Name{} : place->second});
    if (!fresh) place->second = name;
  }

  // A register's width in bytes (4 for predicates) and row; null when it is no register.
  Name* find_register(std::string_view name, uint32_t*& row) {
    if (auto found = names_.find(name); found != names_.end() && found->second.kind == Name::Kind::reg) {
      row = &found->second.row;
      return &found->second;
    }
    size_t digits = name.size();
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    if (digits == name.size() || name.size() - digits > 8) return nullptr;
    std::string_view stem = name.substr(0, digits);
    auto found = names_.find(stem);
    if (found == names_.end() || found->second.kind != Name::Kind::registers) return nullptr;
    uint32_t index = 0;
    for (char c : name.substr(digits)) index = index * 10 + static_cast<uint32_t>(c - '0');
    if (index >= found->second.count) return nullptr;
    row = &rows_[found->second.first + index];
    return &found->second;
  }
  Name* find_register(std::string_view name, uint32_t& row) {
    uint32_t* place = nullptr;
    Name* found = find_register(name, place);
    if (!found) return nullptr;
    if (*place == kNoRow)
      *place = found->type == Type::pred ? predicate_row() : allocate(row_bytes(register_width(found->type)));
    row = *place;
    return found;
  }

  const SpecialName* find_special(std::string_view name) {
    for (const SpecialName& special : kSpecials) {
      if (special.name == name) return &special;
    }
    return nullptr;
  }

  // The row that holds a special register's value. Clocks are read just before their use.
  bool special_row(std::string_view name, uint32_t& row, unsigned& width) {
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

  void place_parameters() {
    if (source_.entry) {
      uint64_t offset = 0;
      for (const Declaration& parameter : source_.parameters) {
        offset = aligned(offset, parameter.alignment);
        declare(parameter.name,
                {Name::Kind::kernel_param, parameter.type, kNoRow, static_cast<uint32_t>(offset),
                 static_cast<uint32_t>(parameter.bytes()), 0, 0, parameter.vector * bytes_of(parameter.type)});
        offset += parameter.bytes();
      }
      return;
    }
    auto place = [&](const std::vector<Declaration>& declarations, const std::vector<Space>& spaces, auto& slices) {
      for (size_t i = 0; i < declarations.size(); ++i) {
        const Declaration& one = declarations[i];
        if (spaces[i] == Space::reg) {
          fail(one.line, "parameters in registers (.reg) are not supported");
          return;
        }
        slices.push_back(place_local(one, Name::Kind::call_param));
      }
    };
    place(source_.results, source_.result_spaces, function_.results);
    place(source_.parameters, source_.parameter_spaces, function_.parameters);
  }

  Slice place_local(const Declaration& one, Name::Kind kind) {
    local_ = aligned(local_, one.alignment);
    Slice slice{static_cast<uint32_t>(local_), static_cast<uint32_t>(one.bytes())};
    declare(one.name, {kind, one.type, kNoRow, slice.offset, slice.bytes, 0, 0, one.vector * bytes_of(one.type)});
    local_ += one.bytes();
    if (local_ > 1u << 24) fail(one.line, "more than 16 MiB of local memory per thread");
    return slice;
  }

  uint32_t place_shared(std::string_view name, uint64_t bytes, uint32_t alignment) {
    auto [place, fresh] = shared_offsets_.try_emplace(name, 0);
    if (fresh) {
      uint64_t offset = aligned(program_.shared_bytes, alignment);
      if (offset + bytes > 1u << 28) fail("more than 256 MiB of shared memory");
      place->second = static_cast<uint32_t>(offset);
      program_.shared_bytes = static_cast<uint32_t>(offset + bytes);
    }
    return place->second;
  }

  // ---- statements ----

  void open_scope() {
    scopes_.push_back({scope_, undo_.size()});
    scope_stack_.push_back(scope_);
    scope_ = static_cast<int>(scopes_.size()) - 1;
  }
  void close_scope() {
    if (scope_stack_.empty()) {
      fail("'}' without '{'");
      return;
    }
    for (size_t left = scopes_[scope_].undo; undo_.size() > left; undo_.pop_back()) {
      Undo& undo = undo_.back();
      if (undo.existed) {
        names_[undo.name] = undo.old;
      } else {
        names_.erase(undo.name);
      }
    }
    scope_ = scope_stack_.back();
    scope_stack_.pop_back();
  }

  void statement() {
    line_ = lexer_.line();
    if (lexer_.accept('{')) return open_scope();
    if (lexer_.accept('}')) return close_scope();
    if (lexer_.accept(';')) return;
    Operand guard;
    bool guarded = false;
    if (lexer_.accept('@')) {
      guarded = true;
      if (!read_operand(lexer_, guard, error_)) return;
    }
    Token word = lexer_.take();
    if (word.kind != Token::Kind::word) {
      fail("an instruction was expected, not '" + std::string(word.text) + "'");
      return;
    }
    if (!guarded && lexer_.accept(':')) return label(word.text);
    if (!guarded && word.text[0] == '.') return directive(word);
    instruction(word.text, guarded ? &guard : nullptr);
  }

  void label(std::string_view name) {
    if (lexer_.accept(".branchtargets")) {
      Name targets{Name::Kind::targets};
      targets.first = static_cast<uint32_t>(target_names_.size());
      while (lexer_.peek().kind == Token::Kind::word) {
        target_names_.push_back(lexer_.take().text);
        ++targets.count;
        lexer_.accept(',');
      }
      lexer_.accept(';');
      declare(name, targets);
      return;
    }
    if (lexer_.peek().is(".callprototype") || lexer_.peek().is(".calltargets")) {
      while (lexer_.peek().kind != Token::Kind::end && !lexer_.accept(';')) lexer_.take();
      return;
    }
    if (!labels_.try_emplace({scope_, name}, static_cast<uint32_t>(program_.code.size())).second) {
      fail("label '" + std::string(name) + "' stands twice in one scope");
    }
  }

  void directive(const Token& word) {
    if (word.is(".loc") || word.is(".file")) return lexer_.skip_line();
    if (word.is(".pragma")) {
      while (lexer_.peek().kind != Token::Kind::end && !lexer_.accept(';')) lexer_.take();
      return;
    }
    bool extern_shared = false;
    std::string_view space = word.text;
    if (space == ".extern" && lexer_.peek().is(".shared")) {
      extern_shared = true;
      space = lexer_.take().text;
    }
    std::vector<Declaration> declarations;
    if (space != ".reg" && space != ".local" && space != ".shared" && space != ".param") {
      fail("unknown directive '" + std::string(space) + "'");
      return;
    }
    if (!read_declarations(lexer_, false, declarations, error_)) return;
    for (const Declaration& one : declarations) {
      if (space == ".reg") {
        if (one.vector > 1) {
          fail("vector registers are not supported");
        } else if (one.count) {
          Name name{Name::Kind::registers, one.type};
          name.first = static_cast<uint32_t>(rows_.size());
          name.count = one.count;
          rows_.resize(rows_.size() + one.count, kNoRow);
          declare(one.name, name);
        } else {
          declare(one.name, {Name::Kind::reg, one.type});
        }
      } else if (space == ".shared") {
        Name name{Name::Kind::shared, one.type};
        if (extern_shared || one.bytes() == 0) {
          dynamic_shared_.push_back(one.name);
          name.offset = kDynamic;
        } else {
          // Two functions may each have a variable of one name.
          scoped_names_.push_back(std::make_unique<std::string>(function_.name + "/" + std::string(one.name)));
          name.offset = place_shared(persistent(*scoped_names_.back()), one.bytes(), one.alignment);
        }
        name.element_bytes = one.vector * bytes_of(one.type);
        declare(one.name, name);
      } else if (space == ".local") {
        place_local(one, Name::Kind::local);
      } else {
        place_local(one, Name::Kind::call_param);
      }
    }
  }

  // The map of shared variables outlives this body.
  std::string_view persistent(std::string_view name) {
    auto known = shared_offsets_.find(name);
    if (known != shared_offsets_.end()) return known->first;
    kept_names().push_back(std::make_unique<std::string>(name));
    return *kept_names().back();
  }
  std::vector<std::unique_ptr<std::string>>& kept_names() { return *kept_; }

 public:
  std::vector<std::unique_ptr<std::string>>* kept_ = nullptr;
  static constexpr uint32_t kDynamic = 0xfffffff0u;  // behind the static variables, known at the end

 private:
  Instruction& emit(Handler run) {
    Instruction in{};
    in.run = run;
    in.line = line_;
    return program_.code.emplace_back(in);
  }

  // ---- operands ----

  // Symbols: an 8-byte row with the address in its own space (global and const: the generic address).
  bool symbol_row(std::string_view name, int64_t addend, uint32_t& row, const Name** found_name = nullptr) {
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

  // Dynamic shared memory begins behind all static variables; its rows are completed when those are known.
  uint32_t shared_row(uint32_t offset, int64_t addend) {
    if (offset == kDynamic) return constant(Constant::Kind::value, 8, static_cast<uint64_t>(addend), kDynamicBase);
    return constant(Constant::Kind::value, 8, offset + static_cast<uint64_t>(addend));
  }

  void want(uint32_t function) {
    if (std::find(wanted_.begin(), wanted_.end(), function) == wanted_.end()) wanted_.push_back(function);
  }

  static unsigned width_of(char kind) {
    switch (kind) {
      case 'h':
        return 2;
      case 'w':
      case 'f':
        return 4;
      case 'q':
      case 'd':
        return 8;
      case 'o':
        return 16;
      default:
        return 0;
    }
  }

  bool resolve(const Operand& operand, char kind, uint32_t& row) {
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
          if (auto found = names_.find(operand.name);
              found != names_.end() && found->second.kind == Name::Kind::local) {
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
        return fail("'" + std::string(operand.name) + "' is not declared, or cannot stand here");
      }
      default:
        return fail("an operand has the wrong form");
    }
  }

  // Same value, 4 bytes wide.
  uint32_t wide_to_word(Constant full) { return constant(Constant::Kind::value, 4, full.value, full.index); }

 public:
  static constexpr uint32_t kDynamicBase = 1;  // index of a value: add where dynamic shared memory begins

 private:
  bool resolve_predicate(const Operand& operand, bool destination, uint32_t& row) {
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
    if (!reg || reg->type != Type::pred) return fail("'" + std::string(operand.name) + "' is no predicate register");
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

  bool resolve_address(const Operand& operand, uint32_t& row, uint64_t& displacement) {
    if (operand.kind != Operand::Kind::address) return fail("an address in brackets was expected");
    displacement = 0;
    if (!operand.has_name) {
      row = constant(Constant::Kind::value, 8, static_cast<uint64_t>(operand.offset));
      return true;
    }
    if (Name* reg = find_register(operand.name, row)) {
      if (reg->type == Type::pred || register_width(reg->type) < 4 || register_width(reg->type) > 8) {
        return fail("'" + std::string(operand.name) + "' cannot hold an address");
      }
      displacement = static_cast<uint64_t>(operand.offset);
      return true;
    }
    return symbol_row(operand.name, operand.offset, row) || fail("'" + std::string(operand.name) + "' is not declared");
  }

  // Turns the number of an element into a displacement in bytes.
  bool place_element(Operand& operand) {
    auto found = names_.find(operand.name);
    const bool here = found != names_.end();
    const bool array = here && found->second.kind != Name::Kind::reg && found->second.kind != Name::Kind::registers;
    const unsigned bytes = array ? found->second.element_bytes : here ? 0 : module_.element_bytes(operand.name);
    if (bytes == 0) return fail("'" + std::string(operand.name) + "' has no elements");
    operand.offset += operand.element * static_cast<int64_t>(bytes);
    return true;
  }

  void describe(Request& request, const std::vector<Operand>& operands) {
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

  // ---- instructions ----

  void instruction(std::string_view opcode, const Operand* guard) {
    operands_.clear();
    if (!lexer_.accept(';')) {
      for (;;) {
        // The target of a branch and the name of a function read like any other name.
        if (!read_operand(lexer_, operands_.emplace_back(), error_)) return;
        if (operands_.back().element && !place_element(operands_.back())) return;
        if (lexer_.accept(',')) continue;
        if (lexer_.accept(';')) break;
        fail(lexer_.line(), "';' was expected after an instruction, not '" + std::string(lexer_.peek().text) + "'");
        return;
      }
    }
    size_t dot = opcode.find('.');
    std::string_view base = opcode.substr(0, dot);
    if (base == "bra") return branch(guard);
    bool done = false;
    if (base == "call" || base == "brx" || base == "ret" || base == "exit" || base == "trap" || base == "brkpt" ||
        base == "bar" || base == "barrier" || base == "membar" || base == "fence" || base == "nanosleep" ||
        base == "discard" || base == "prefetch" || base == "prefetchu" || base == "griddepcontrol" ||
        base == "createpolicy" || base == "applypriority" || base == "pmevent" || base == "setmaxnreg") {
      done = control_instruction(base, opcode, guard);
      if (done || error_) return;
      fail("unknown instruction '" + std::string(opcode) + "'");
      return;
    }
    Request request(opcode);
    describe(request, operands_);
    Choice choice;
    if (!host_level().select(request, choice) || !request.form.untaken().empty()) {
      std::string why = "unknown instruction '" + std::string(opcode) + "'";
      if (choice.run) why += " (modifier '" + std::string(request.form.untaken()) + "')";
      fail(std::move(why));
      return;
    }
    Instruction in{};
    in.run = choice.run;
    in.line = line_;
    in.imm = choice.imm;
    in.r[9] = choice.note;
    if (choice.touches_memory) in.site = program_.sites++;
    std::vector<uint32_t>& rows = operand_rows_;
    rows.clear();
    const char* shape = choice.shape;
    const bool in_extra = *shape == '*';
    if (in_extra) ++shape;
    size_t next = 0;
    unsigned addresses = 0;
    for (; *shape; ++shape) {
      uint32_t row = 0;
      if (*shape == '2') {
        const Operand& first = operands_[next - 1];
        row = scratch_predicate_;
        if (!first.second.empty() && first.second != "_") {
          Name* reg = find_register(first.second, row);
          if (!reg || reg->type != Type::pred) {
            fail("'" + std::string(first.second) + "' is no predicate register");
            return;
          }
        }
        rows.push_back(row);
        continue;
      }
      if (*shape == '_') {
        rows.push_back(kNoRow);
        continue;
      }
      if (next >= operands_.size()) {
        fail("'" + std::string(opcode) + "' has too few operands");
        return;
      }
      const Operand& operand = operands_[next++];
      if (*shape == 'i') {
        if (operand.kind != Operand::Kind::literal || operand.literal.floating) {
          fail("an integer literal was expected");
          return;
        }
        in.imm |= operand.literal.bits;
        continue;
      }
      if (*shape == 'm') {
        uint64_t displacement;
        if (!resolve_address(operand, row, displacement)) return;
        in.imm = displacement;
        rows.push_back(row);
        continue;
      }
      if (*shape == 'a') {
        uint64_t displacement;
        if (!resolve_address(operand, row, displacement)) return;
        in.r[7 + addresses++] = static_cast<uint32_t>(displacement);
        rows.push_back(row);
        continue;
      }
      if (*shape == 'V') {
        ++shape;
        if (operand.kind != Operand::Kind::vector) {
          if (!resolve(operand, *shape, row)) return;
          rows.push_back(row);
          continue;
        }
        for (const Operand& element : operand.elements) {
          if (!resolve(element, *shape, row)) return;
          rows.push_back(row);
        }
        continue;
      }
      if (!resolve(operand, *shape, row)) return;
      rows.push_back(row);
    }
    if (next + choice.ignores_last != operands_.size()) {
      fail("'" + std::string(opcode) + "' has too many operands");
      return;
    }
    if (in_extra) {
      in.r[0] = static_cast<uint32_t>(program_.extra.size());
      program_.extra.insert(program_.extra.end(), rows.begin(), rows.end());
    } else {
      if (rows.size() > std::size(in.r)) {
        fail("'" + std::string(opcode) + "' has too many operands");
        return;
      }
      std::copy(rows.begin(), rows.end(), in.r);
    }
    if (!emit_guard(guard)) return;
    program_.code.push_back(in);
  }

  bool emit_guard(const Operand* guard) {
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

  void branch(const Operand* guard) {
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

  bool control_instruction(std::string_view base, std::string_view opcode, const Operand* guard) {
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

  bool barrier(std::string_view opcode, const Operand* guard) {
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

  // Every block is a cluster of its own: arriving does nothing, waiting is a barrier of the block.
  bool plain_cluster_barrier(Form& form, const Operand* guard) {
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

  bool call(const Operand* guard) {
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

  void resolve_labels() {
    for (const FixUp& fix_up : fix_ups_) {
      uint32_t target = kNoRow;
      for (int scope = fix_up.scope; scope >= 0 && target == kNoRow; scope = scopes_[scope].parent) {
        if (auto found = labels_.find({scope, fix_up.label}); found != labels_.end()) target = found->second;
      }
      if (target == kNoRow) {
        fail(fix_up.line, "label '" + std::string(fix_up.label) + "' is not defined");
        return;
      }
      if (fix_up.extra != ~size_t{0}) {
        program_.extra[fix_up.extra] = target;
      } else {
        program_.code[fix_up.instruction].imm = target;
      }
    }
  }

 public:
  std::vector<uint32_t> callees;
  bool has_indirect_call_ = false;

 private:
  const ModuleText& module_;
  const FunctionSource& source_;
  Program& program_;
  Function& function_;
  std::vector<uint32_t>& wanted_;
  std::map<std::string_view, uint32_t>& shared_offsets_;
  Lexer lexer_;
  SyntaxError error_;
  uint32_t line_ = 0;

  uint64_t local_ = 0;
  uint32_t frame_ = 0;
  uint32_t predicate_next_ = 0, predicates_left_ = 0;
  uint32_t scratch_predicate_ = 0;
  std::map<std::tuple<Constant::Kind, unsigned, uint64_t, uint32_t>, uint32_t> constants_;

  std::unordered_map<std::string_view, Name> names_;
  std::vector<uint32_t> rows_;
  std::vector<Undo> undo_;
  std::vector<Scope> scopes_;
  std::vector<int> scope_stack_;
  int scope_ = 0;
  std::map<std::pair<int, std::string_view>, uint32_t> labels_;
  std::vector<FixUp> fix_ups_;
  std::vector<std::string_view> target_names_, dynamic_shared_;
  std::vector<std::unique_ptr<std::string>> scoped_names_;
  std::vector<Operand> operands_;
  std::vector<uint32_t> operand_rows_;
};

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
