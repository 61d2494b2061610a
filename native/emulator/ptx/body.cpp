#include "body.h"

#include "control.h"

namespace gpool::ptx {

bool BodyCompiler::compile(SyntaxError& error) {
  function_.name = source_.name;
  function_.entry = static_cast<uint32_t>(program_.code.size());
  frame_ = row_bytes(16);  // scratch row for sinks
  scratch_predicate_ = predicate_row();
  scopes_.push_back({-1, 0});
  place_parameters();
  count_assignments();
  while (!error_ && lexer_.peek().kind != Token::Kind::end) statement();
  line_ = lexer_.line();
  emit(source_.entry ? control::exit : control::ret);
  if (!error_) resolve_labels();
  function_.frame_bytes = static_cast<uint32_t>(aligned(frame_, 64));
  function_.local_bytes = static_cast<uint32_t>(aligned(local_, 16));
  error = error_;
  return !error_;
}

void BodyCompiler::place_parameters() {
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

Slice BodyCompiler::place_local(const Declaration& one, Name::Kind kind) {
  local_ = aligned(local_, one.alignment);
  Slice slice{static_cast<uint32_t>(local_), static_cast<uint32_t>(one.bytes())};
  declare(one.name, {kind, one.type, kNoRow, slice.offset, slice.bytes, 0, 0, one.vector * bytes_of(one.type)});
  local_ += one.bytes();
  if (local_ > 1u << 24) fail(one.line, "more than 16 MiB of local memory per thread");
  return slice;
}

uint32_t BodyCompiler::place_shared(std::string_view name, uint64_t bytes, uint32_t alignment) {
  auto [place, fresh] = shared_offsets_.try_emplace(name, 0);
  if (fresh) {
    uint64_t offset = aligned(program_.shared_bytes, alignment);
    if (offset + bytes > 1u << 28) fail("more than 256 MiB of shared memory");
    place->second = static_cast<uint32_t>(offset);
    program_.shared_bytes = static_cast<uint32_t>(offset + bytes);
  }
  return place->second;
}

void BodyCompiler::open_scope() {
  scopes_.push_back({scope_, undo_.size()});
  scope_stack_.push_back(scope_);
  scope_ = static_cast<int>(scopes_.size()) - 1;
}

void BodyCompiler::close_scope() {
  if (scope_stack_.empty()) {
    fail("'}' without '{'");
    return;
  }
  for (size_t left = scopes_[scope_].undo; undo_.size() > left; undo_.pop_back()) {
    Undo& undo = undo_.back();
    if (undo.existed) {
      (*undo.names)[undo.name] = undo.old;
    } else {
      undo.names->erase(undo.name);
    }
  }
  scope_ = scope_stack_.back();
  scope_stack_.pop_back();
}

void BodyCompiler::statement() {
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

void BodyCompiler::label(std::string_view name) {
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

void BodyCompiler::directive(const Token& word) {
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

std::string_view BodyCompiler::persistent(std::string_view name) {
  auto known = shared_offsets_.find(name);
  if (known != shared_offsets_.end()) return known->first;
  kept_names().push_back(std::make_unique<std::string>(name));
  return *kept_names().back();
}

void BodyCompiler::resolve_labels() {
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

}  // namespace gpool::ptx
