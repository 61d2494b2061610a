// A parsed module: variables, kernels, and where the text of each function's body is. Bodies are compiled on demand.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "program.h"
#include "ptx.h"
#include "syntax.h"

namespace gpool::ptx {

struct FunctionSource {
  std::string_view name;
  bool entry = false;
  uint32_t line = 0;
  std::vector<Declaration> parameters, results;
  std::vector<Space> parameter_spaces, result_spaces;
  std::string_view body;  // between the braces; empty data: only declared
  uint32_t body_line = 0;
  bool defined = false;
};

struct SharedSource {
  std::string_view name;
  uint64_t bytes;
  uint32_t alignment;
  bool dynamic;
};

class ModuleText final : public Module {
 public:
  bool read(std::string_view text, std::string& error);

  std::span<const Kernel> kernels() const override { return kernels_; }
  std::span<const Variable> variables() const override { return variables_; }
  void bind(std::span<const uint64_t> addresses) override { addresses_.assign(addresses.begin(), addresses.end()); }
  std::string why_not(size_t index) override { return program(index).why_not; }
  int version() const override { return version_; }
  int target() const override { return target_; }

  // Compiles on first use; thread-safe. The program lives as long as the module.
  const Program& program(size_t kernel);
  uint64_t address_of(uint32_t variable) const { return variable < addresses_.size() ? addresses_[variable] : 0; }

  const std::vector<FunctionSource>& functions() const { return functions_; }
  int32_t find_function(std::string_view name) const;
  int32_t find_variable(std::string_view name) const;
  const SharedSource* find_shared(std::string_view name) const;
  unsigned element_bytes(std::string_view variable) const;  // 0: no variable of the module
                                                            // Module-scope prototypes are rare but legal.

 private:
  bool read_function(Lexer& lexer, bool entry, bool external, SyntaxError& error);
  void add_module_shared();
  bool read_variables(Lexer& lexer, Space space, bool external, SyntaxError& error);
  bool scan_body(Lexer& lexer, FunctionSource& function, Kernel& kernel, SyntaxError& error);
  bool place_initial(const Declaration& declaration, Variable& variable, SyntaxError& error);
  void resolve_functions();

  std::string text_;
  int version_ = 0, target_ = 0;
  std::vector<Kernel> kernels_;
  std::vector<uint32_t> kernel_functions_;
  std::vector<Variable> variables_;
  std::vector<uint64_t> addresses_;
  std::vector<FunctionSource> functions_;
  std::vector<SharedSource> shared_;
  std::unordered_map<std::string_view, uint32_t> function_index_, variable_index_, shared_index_, element_bytes_;
  struct Compiled {
    std::once_flag once;
    Program program;
  };
  std::vector<std::unique_ptr<Compiled>> compiled_;
};

}  // namespace gpool::ptx
