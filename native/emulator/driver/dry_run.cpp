#include "emulator/driver/dry_run.h"

#include <algorithm>

#include "emulator/driver/log.h"

namespace gpool::emulator {
namespace {

class CubinModule final : public ptx::Module {
 public:
  explicit CubinModule(const image::Cubin& cubin) : architecture_(cubin.architecture) {
    for (const image::CubinKernel& from : cubin.kernels) {
      ptx::Kernel kernel;
      kernel.name = from.name;
      kernel.parameter_bytes = from.parameter_bytes;
      for (const image::CubinParameter& parameter : from.parameters) {
        kernel.parameters.push_back({parameter.offset, parameter.bytes});
        kernel.parameter_bytes = std::max(kernel.parameter_bytes, parameter.offset + parameter.bytes);
      }
      kernel.shared_bytes = from.shared_bytes;
      kernel.local_bytes = from.local_bytes;
      kernel.registers = from.registers;
      if (from.max_threads) kernel.max_threads = from.max_threads;
      std::copy_n(from.required_block, 3, kernel.required_block);
      kernels_.push_back(std::move(kernel));
    }
    for (const image::CubinVariable& from : cubin.variables) {
      ptx::Variable variable;
      variable.name = from.name;
      variable.bytes = from.bytes;
      variable.alignment = from.alignment;
      variable.constant = from.constant;
      variable.initial = from.initial;
      variables_.push_back(std::move(variable));
    }
  }
  std::span<const ptx::Kernel> kernels() const override { return kernels_; }
  std::span<const ptx::Variable> variables() const override { return variables_; }
  void bind(std::span<const uint64_t>) override {}
  std::string why_not(size_t) override {
    return "the image holds machine code of sm_" + std::to_string(architecture_) + " only";
  }
  int version() const override { return 0; }
  int target() const override { return architecture_; }

 private:
  int architecture_;
  std::vector<ptx::Kernel> kernels_;
  std::vector<ptx::Variable> variables_;
};

}  // namespace

std::shared_ptr<ptx::Module> describe_cubin(const image::Cubin& cubin) {
  return std::make_shared<CubinModule>(cubin);
}

void SkippedLaunches::count(const std::string& kernel) {
  uint64_t number;
  {
    std::lock_guard lock(mutex_);
    number = ++counts_[kernel];
  }
  if (number == 1) log(Level::info, "dry run: skips kernel " + kernel);
}

void SkippedLaunches::report() const {
  std::lock_guard lock(mutex_);
  uint64_t launches = 0;
  for (const auto& [kernel, count] : counts_) launches += count;
  log(Level::notice, "dry run: " + std::to_string(launches) + " launches of " + std::to_string(counts_.size()) +
                         " kernels were skipped; whatever they should have computed is missing");
}

}  // namespace gpool::emulator
