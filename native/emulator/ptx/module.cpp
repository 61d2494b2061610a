#include "module.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "compile.h"

namespace gpool::ptx {
namespace {

bool fail(SyntaxError& error, uint32_t line, std::string what) {
  if (!error) error = {line, std::move(what)};
  return false;
}

uint64_t aligned(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

int first_number(std::string_view text) {
  int value = 0;
  for (char c : text) {
    if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
    } else if (value) {
      break;
    }
  }
  return value;
}

// "1,2,3" after .maxntid and .reqntid.
bool read_extent(Lexer& lexer, uint32_t (&out)[3], SyntaxError& error) {
  out[0] = out[1] = out[2] = 1;
  for (int i = 0; i < 3; ++i) {
    Token token = lexer.take();
    Literal value;
    if (token.kind != Token::Kind::number || !read_literal(token.text, value)) {
      return fail(error, token.line, "a number of threads was expected");
    }
    out[i] = static_cast<uint32_t>(value.bits);
    if (!lexer.accept(',')) break;
  }
  return true;
}

// A size that no machine has; it would overflow the sums below.
constexpr uint64_t kMostBytes = 1ull << 42;

}  // namespace

bool ModuleText::read(std::string_view text, std::string& message) {
  // Drivers hand the text over with its terminating zero.
  if (size_t zero = text.find('\0'); zero != std::string_view::npos) text = text.substr(0, zero);
  text_ = text;
  Lexer lexer(text_, 1);
  SyntaxError error;
  bool external = false;
  while (!error && lexer.peek().kind != Token::Kind::end) {
    Token token = lexer.take();
    if (token.is(".version")) {
      std::string_view number = lexer.take().text;
      size_t dot = number.find('.');
      version_ = first_number(number.substr(0, dot)) * 10 +
                 (dot == std::string_view::npos ? 0 : first_number(number.substr(dot + 1)));
    } else if (token.is(".target")) {
      target_ = first_number(lexer.take().text);
      while (lexer.accept(',')) lexer.take();
    } else if (token.is(".address_size")) {
      Token size = lexer.take();
      if (size.text != "64") fail(error, size.line, "only .address_size 64 is supported");
    } else if (token.is(".file") || token.is(".loc")) {
      lexer.skip_line();
    } else if (token.is(".section")) {
      while (lexer.peek().kind != Token::Kind::end && !lexer.peek().is('{')) lexer.take();
      lexer.accept('{');
      if (!lexer.skip_block()) fail(error, token.line, "the .section is not closed");
    } else if (token.is(".pragma") || token.is(".alias")) {
      while (lexer.peek().kind != Token::Kind::end && !lexer.accept(';')) lexer.take();
    } else if (token.is(".visible") || token.is(".weak") || token.is(".common")) {
      continue;
    } else if (token.is(".extern")) {
      external = true;
      continue;
    } else if (token.is(".entry") || token.is(".func")) {
      read_function(lexer, token.is(".entry"), external, error);
    } else if (token.is(".global")) {
      read_variables(lexer, Space::global, external, error);
    } else if (token.is(".const")) {
      read_variables(lexer, Space::constant, external, error);
    } else if (token.is(".shared")) {
      read_variables(lexer, Space::shared, external, error);
    } else if (token.is(";")) {
    } else if (!token.is(';')) {
      fail(error, token.line, "'" + std::string(token.text.substr(0, 40)) + "' is no PTX directive");
    }
    external = false;
  }
  if (!error && version_ == 0) error = {1, "there is no .version directive: this is no PTX text"};
  if (!error && target_ == 0) error = {1, "there is no .target directive"};
  if (error) {
    message = "line " + std::to_string(error.line) + ": " + error.what;
    return false;
  }
  add_module_shared();
  resolve_functions();
  for (size_t i = 0; i < kernels_.size(); ++i) compiled_.push_back(std::make_unique<Compiled>());
  return true;
}

bool ModuleText::read_function(Lexer& lexer, bool entry, bool external, SyntaxError& error) {
  FunctionSource function;
  function.entry = entry;
  function.line = lexer.line();
  // An attribute may stand between .func and the name.
  while (lexer.accept(".attribute")) {
    while (lexer.peek().kind != Token::Kind::end && !lexer.accept(')')) lexer.take();
  }
  if (!entry && lexer.peek().is('(') && !read_parameters(lexer, function.results, function.result_spaces, error)) {
    return false;
  }
  Token name = lexer.take();
  if (name.kind != Token::Kind::word) return fail(error, name.line, "a function has no name");
  function.name = name.text;
  if (lexer.peek().is('(') && !read_parameters(lexer, function.parameters, function.parameter_spaces, error)) {
    return false;
  }
  Kernel kernel;
  // The number is an estimate: without a word about threads it must leave room for a block of 1,024.
  uint32_t most_registers = 64;
  while (lexer.peek().kind == Token::Kind::word && lexer.peek().text[0] == '.') {
    Token word = lexer.take();
    uint32_t extent[3];
    if (word.is(".maxntid") || word.is(".reqntid")) {
      if (!read_extent(lexer, extent, error)) return false;
      uint64_t threads = uint64_t{extent[0]} * extent[1] * extent[2];
      kernel.max_threads = static_cast<uint32_t>(std::clamp<uint64_t>(threads, 1, 1024));
      // A compiler keeps to what a block of so many threads can have of a multiprocessor's 65,536.
      most_registers = std::min(248u, 65536 / kernel.max_threads & ~7u);
      if (word.is(".reqntid")) std::copy(extent, extent + 3, kernel.required_block);
    } else if (word.is(".pragma")) {
      while (lexer.peek().kind != Token::Kind::end && !lexer.accept(';')) lexer.take();
    } else {
      // .minnctapersm 2, .maxnreg 32, .noreturn, .explicitcluster, …: nothing to do.
      while (lexer.peek().kind == Token::Kind::number || lexer.peek().is(',')) lexer.take();
    }
  }
  if (lexer.peek().is('{')) {
    if (!scan_body(lexer, function, kernel, error)) return false;
  } else if (!lexer.accept(';')) {
    return fail(error, lexer.line(), "'{' or ';' was expected after '" + std::string(function.name) + "'");
  }
  (void)external;
  uint32_t index = static_cast<uint32_t>(functions_.size());
  if (auto known = function_index_.find(function.name); known != function_index_.end()) {
    index = known->second;
    if (functions_[index].defined && function.defined) {
      return fail(error, function.line, "'" + std::string(function.name) + "' is defined twice");
    }
    if (!function.defined) return true;
    functions_[index] = std::move(function);
  } else {
    function_index_.emplace(function.name, index);
    functions_.push_back(std::move(function));
  }
  const FunctionSource& placed = functions_[index];
  if (!placed.entry || !placed.defined) return true;
  kernel.name = placed.name;
  uint64_t offset = 0;
  for (const Declaration& parameter : placed.parameters) {
    offset = aligned(offset, parameter.alignment);
    if (parameter.bytes() > 1u << 20) return fail(error, parameter.line, "a parameter is larger than 1 MiB");
    kernel.parameters.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(parameter.bytes())});
    offset += parameter.bytes();
    if (offset > 1u << 20) return fail(error, parameter.line, "the parameters are larger than 1 MiB");
  }
  kernel.parameter_bytes = static_cast<uint32_t>(offset);
  kernel.registers = std::clamp((kernel.registers / 3 + 7) & ~7u, 16u, most_registers);
  kernels_.push_back(std::move(kernel));
  kernel_functions_.push_back(index);
  return true;
}

// Finds the end of the body, and the declarations that decide the kernel's attributes, without reading instructions.
bool ModuleText::scan_body(Lexer& lexer, FunctionSource& function, Kernel& kernel, SyntaxError& error) {
  const char* at = lexer.position() + 1;
  const char* const end = text_.data() + text_.size();
  uint32_t line = lexer.line();
  function.defined = true;
  function.body_line = line;
  const char* begin = at;
  bool fresh = true;  // at the begin of a statement
  for (int depth = 1; at < end;) {
    switch (*at) {
      case '\n':
        ++line;
        ++at;
        break;
      case ' ':
      case '\t':
      case '\r':
        ++at;
        break;
      case '{':
        ++depth;
        fresh = true;
        ++at;
        break;
      case ';':
      case ':':
        fresh = true;
        ++at;
        break;
      case '}':
        fresh = true;
        if (--depth == 0) {
          function.body = {begin, static_cast<size_t>(at - begin)};
          lexer = Lexer({at + 1, static_cast<size_t>(end - at - 1)}, line);
          return true;
        }
        ++at;
        break;
      case '"':
        for (++at; at < end && *at != '"'; ++at) line += *at == '\n';
        if (at < end) ++at;
        fresh = false;
        break;
      case '/':
        if (at + 1 < end && at[1] == '/') {
          while (at < end && *at != '\n') ++at;
        } else if (at + 1 < end && at[1] == '*') {
          for (at += 2; at < end && !(*at == '*' && at + 1 < end && at[1] == '/'); ++at) line += *at == '\n';
          at = std::min(end, at + 2);
        } else {
          ++at;
        }
        break;
      case '.': {
        if (!fresh) {
          ++at;
          break;
        }
        auto word = [&](std::string_view name) {
          return static_cast<size_t>(end - at) > name.size() && std::string_view(at, name.size()) == name &&
                 (at[name.size()] == ' ' || at[name.size()] == '\t' || at[name.size()] == '.');
        };
        if (word(".loc") || word(".file")) {
          while (at < end && *at != '\n') ++at;
          break;
        }
        bool shared = word(".shared"), local = word(".local"), reg = word(".reg");
        if (shared || local || reg) {
          const char* stop = static_cast<const char*>(std::memchr(at, ';', end - at));
          if (!stop) return fail(error, line, "a declaration has no ';'");
          Lexer inner({at, static_cast<size_t>(stop + 1 - at)}, line);
          inner.take();
          std::vector<Declaration> declarations;
          if (!read_declarations(inner, false, declarations, error)) return false;
          for (const Declaration& one : declarations) {
            if (one.bytes() > kMostBytes) return fail(error, one.line, "a variable is larger than 4 TiB");
            if (reg) {
              if (one.type != Type::pred)
                kernel.registers += std::max(1u, one.count) * (bytes_of(one.type) > 4 ? 2 : 1);
            } else {
              uint32_t& bytes = shared ? kernel.shared_bytes : kernel.local_bytes;
              bytes = static_cast<uint32_t>(std::min<uint64_t>(aligned(bytes, one.alignment) + one.bytes(), 1u << 31));
            }
          }
          line += static_cast<uint32_t>(std::count(at, stop, '\n'));
          at = stop;
          break;
        }
        fresh = false;
        ++at;
        break;
      }
      default:
        fresh = false;
        ++at;
    }
  }
  return fail(error, function.line, "the body of '" + std::string(function.name) + "' is not closed");
}

// Shared variables outside functions count for the kernels that name them.
void ModuleText::add_module_shared() {
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const std::string_view body = functions_[kernel_functions_[i]].body;
    auto part_of_name = [&](size_t at) {
      const unsigned char c = at < body.size() ? body[at] : ' ';
      return std::isalnum(c) || c == '_' || c == '$';
    };
    for (const SharedSource& one : shared_) {
      if (one.dynamic) continue;
      for (size_t at = body.find(one.name); at != body.npos; at = body.find(one.name, at + 1)) {
        if ((at > 0 && part_of_name(at - 1)) || part_of_name(at + one.name.size())) continue;
        const uint64_t bytes = aligned(kernels_[i].shared_bytes, one.alignment) + one.bytes;
        kernels_[i].shared_bytes = static_cast<uint32_t>(std::min<uint64_t>(bytes, 1u << 31));
        break;
      }
    }
  }
}

bool ModuleText::read_variables(Lexer& lexer, Space space, bool external, SyntaxError& error) {
  std::vector<Declaration> declarations;
  if (!read_declarations(lexer, false, declarations, error)) return false;
  for (const Declaration& one : declarations) {
    if (one.bytes() > kMostBytes) return fail(error, one.line, "a variable is larger than 4 TiB");
    element_bytes_.emplace(one.name, one.vector * bytes_of(one.type));
    if (space == Space::shared) {
      if (!shared_index_.contains(one.name)) {
        shared_index_.emplace(one.name, static_cast<uint32_t>(shared_.size()));
        shared_.push_back({one.name, one.bytes(), one.alignment, external && (one.unsized || one.bytes() == 0)});
      }
      continue;
    }
    Variable variable;
    variable.name = one.name;
    variable.bytes = one.bytes();
    variable.alignment = one.alignment;
    variable.constant = space == Space::constant;
    variable.external = external;
    if (!one.initial.empty() && !place_initial(one, variable, error)) return false;
    auto known = variable_index_.find(one.name);
    if (known == variable_index_.end()) {
      variable_index_.emplace(one.name, static_cast<uint32_t>(variables_.size()));
      variables_.push_back(std::move(variable));
    } else if (variables_[known->second].external || !variable.initial.empty()) {
      if (!variable.external) variables_[known->second] = std::move(variable);
    }
  }
  return true;
}

bool ModuleText::place_initial(const Declaration& declaration, Variable& variable, SyntaxError& error) {
  const unsigned size = bytes_of(declaration.type);
  if (declaration.initial.size() * size > variable.bytes) {
    return fail(error, declaration.line, "'" + variable.name + "' has more initial values than elements");
  }
  variable.initial.assign(variable.bytes, std::byte{0});
  uint64_t offset = 0;
  for (const InitialValue& value : declaration.initial) {
    uint64_t bits = value.literal.bits;
    if (!value.symbol.empty()) {
      // One byte of an address at a time: the first byte stands for the word.
      if (value.byte_mask == 0 || value.byte_mask == 0xff) {
        if (value.byte_mask == 0 && size != 8) {
          return fail(error, declaration.line, "the address of '" + std::string(value.symbol) + "' needs 8 bytes");
        }
        if (offset + 8 > variable.bytes) return fail(error, declaration.line, "an address does not fit");
        variable.relocations.push_back({offset, std::string(value.symbol), value.addend, true});
      }
      bits = 0;
    } else if (value.literal.floating) {
      if (declaration.type == Type::f32 || declaration.type == Type::b32) bits = value.literal.single_bits;
    } else if (declaration.type == Type::f64 || declaration.type == Type::f32) {
      return fail(error, declaration.line, "an integer stands where a float initial value is needed");
    }
    std::memcpy(variable.initial.data() + offset, &bits, std::min(size, 8u));
    offset += size;
  }
  return true;
}

// Function addresses are known here; only variables are left for the driver.
void ModuleText::resolve_functions() {
  for (Variable& variable : variables_) {
    std::erase_if(variable.relocations, [&](const Relocation& relocation) {
      int32_t function = find_function(relocation.symbol);
      if (function < 0) return false;
      uint64_t address = function_address(static_cast<uint64_t>(function)) + static_cast<uint64_t>(relocation.addend);
      std::memcpy(variable.initial.data() + relocation.offset, &address, 8);
      return true;
    });
  }
}

int32_t ModuleText::find_function(std::string_view name) const {
  auto found = function_index_.find(name);
  return found == function_index_.end() ? -1 : static_cast<int32_t>(found->second);
}

int32_t ModuleText::find_variable(std::string_view name) const {
  auto found = variable_index_.find(name);
  return found == variable_index_.end() ? -1 : static_cast<int32_t>(found->second);
}

const SharedSource* ModuleText::find_shared(std::string_view name) const {
  auto found = shared_index_.find(name);
  return found == shared_index_.end() ? nullptr : &shared_[found->second];
}

unsigned ModuleText::element_bytes(std::string_view variable) const {
  auto found = element_bytes_.find(variable);
  return found == element_bytes_.end() ? 0 : found->second;
}

const Program& ModuleText::program(size_t kernel) {
  Compiled& compiled = *compiled_.at(kernel);
  std::call_once(compiled.once, [&] { compile(*this, kernel_functions_[kernel], compiled.program); });
  return compiled.program;
}

std::shared_ptr<Module> parse(std::string_view text, std::string& error) {
  auto module = std::make_shared<ModuleText>();
  if (!module->read(text, error)) return nullptr;
  return module;
}

}  // namespace gpool::ptx
