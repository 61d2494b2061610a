#include "worker/code.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "wire/module_record.h"

namespace gpool::worker {
namespace {

constexpr uint32_t kMaxParameters = 4096;

class Record {
 public:
  void add_kernel(const char* name, const wire::KernelRecord& kernel) {
    wire::KernelRecord one = kernel;
    one.number = uint32_t(kernels_.size());
    one.name_offset = uint32_t(names_.size());
    one.name_length = uint32_t(std::strlen(name));
    names_.append(name);
    kernels_.push_back(one);
  }
  uint32_t parameters() const { return uint32_t(parameters_.size()); }
  void add_parameter(uint32_t offset, uint32_t bytes) { parameters_.push_back({offset, bytes}); }
  std::vector<std::byte> bytes() const {
    wire::ModuleRecordHead head{uint32_t(kernels_.size()), uint32_t(parameters_.size()), 0, uint32_t(names_.size())};
    std::vector<std::byte> all;
    auto append = [&](const void* at, size_t count) {
      auto* first = static_cast<const std::byte*>(at);
      all.insert(all.end(), first, first + count);
    };
    append(&head, sizeof head);
    append(kernels_.data(), kernels_.size() * sizeof kernels_[0]);
    append(parameters_.data(), parameters_.size() * sizeof parameters_[0]);
    append(names_.data(), names_.size());
    return all;
  }

 private:
  std::vector<wire::KernelRecord> kernels_;
  std::vector<wire::ParameterRecord> parameters_;
  std::string names_;
};

// `parameter(index, offset, bytes)` and `attribute(number, value)` ask the driver; both answer whether there is one.
template <class Parameter, class Attribute>
wire::KernelRecord describe(Record& record, Parameter&& parameter, Attribute&& attribute) {
  wire::KernelRecord kernel{};
  kernel.first_parameter = record.parameters();
  for (size_t offset = 0, bytes = 0;
       kernel.parameter_count < kMaxParameters && parameter(kernel.parameter_count, offset, bytes);) {
    record.add_parameter(uint32_t(offset), uint32_t(bytes));
    kernel.parameter_bytes = std::max(kernel.parameter_bytes, uint32_t(offset + bytes));
    ++kernel.parameter_count;
  }
  for (uint32_t i = 0; i < wire::kFunctionAttributes; ++i)
    if (!attribute(i, kernel.attributes[i])) kernel.attributes[i] = 0;
  return kernel;
}

CUresult record_library(const calls::DriverTable& driver, CUdevice device, LoadedCode& code, Record& record) {
  const auto library = reinterpret_cast<CUlibrary>(code.handle);
  unsigned count = 0;
  if (CUresult status = driver.cuLibraryGetKernelCount(&count, library); status != CUDA_SUCCESS) return status;
  std::vector<CUkernel> kernels(count);
  if (count > 0)
    if (CUresult status = driver.cuLibraryEnumerateKernels(kernels.data(), count, library); status != CUDA_SUCCESS)
      return status;
  for (CUkernel kernel : kernels) {
    const char* name = "";
    if (CUresult status = driver.cuKernelGetName(&name, kernel); status != CUDA_SUCCESS) return status;
    wire::KernelRecord one = describe(
        record,
        [&](uint32_t i, size_t& offset, size_t& bytes) {
          return driver.cuKernelGetParamInfo(kernel, i, &offset, &bytes) == CUDA_SUCCESS;
        },
        [&](uint32_t i, int32_t& value) {
          return driver.cuKernelGetAttribute(&value, CUfunction_attribute(i), kernel, device) == CUDA_SUCCESS;
        });
    record.add_kernel(name, one);
    code.kernels.push_back({reinterpret_cast<uint64_t>(kernel), one.parameter_bytes});
  }
  return CUDA_SUCCESS;
}

CUresult record_module(const calls::DriverTable& driver, LoadedCode& code, Record& record) {
  const auto module = reinterpret_cast<CUmodule>(code.handle);
  unsigned count = 0;
  if (CUresult status = driver.cuModuleGetFunctionCount(&count, module); status != CUDA_SUCCESS) return status;
  std::vector<CUfunction> functions(count);
  if (count > 0)
    if (CUresult status = driver.cuModuleEnumerateFunctions(functions.data(), count, module); status != CUDA_SUCCESS)
      return status;
  for (CUfunction function : functions) {
    const char* name = "";
    if (CUresult status = driver.cuFuncGetName(&name, function); status != CUDA_SUCCESS) return status;
    wire::KernelRecord one = describe(
        record,
        [&](uint32_t i, size_t& offset, size_t& bytes) {
          return driver.cuFuncGetParamInfo(function, i, &offset, &bytes) == CUDA_SUCCESS;
        },
        [&](uint32_t i, int32_t& value) {
          return driver.cuFuncGetAttribute(&value, CUfunction_attribute(i), function) == CUDA_SUCCESS;
        });
    record.add_kernel(name, one);
    code.kernels.push_back({reinterpret_cast<uint64_t>(function), one.parameter_bytes});
  }
  return CUDA_SUCCESS;
}

}  // namespace

LoadedCode load_code(const calls::DriverTable& driver, CUdevice device, const void* image, bool library,
                     JitOptions& options) {
  LoadedCode code;
  code.library = library;
  const auto count = unsigned(options.options.size());
  if (library) {
    CUlibrary made = nullptr;
    code.status = driver.cuLibraryLoadData(&made, image, options.options.data(), options.values.data(), count, nullptr,
                                           nullptr, 0);
    code.handle = reinterpret_cast<uint64_t>(made);
  } else {
    CUmodule made = nullptr;
    code.status = driver.cuModuleLoadDataEx(&made, image, count, options.options.data(), options.values.data());
    code.handle = reinterpret_cast<uint64_t>(made);
  }
  if (code.status != CUDA_SUCCESS) return code;
  Record record;
  code.status = library ? record_library(driver, device, code, record) : record_module(driver, code, record);
  if (code.status == CUDA_SUCCESS)
    code.record = record.bytes();
  else
    unload_code(driver, library, code.handle);
  return code;
}

CUresult unload_code(const calls::DriverTable& driver, bool library, uint64_t handle) {
  return library ? driver.cuLibraryUnload(reinterpret_cast<CUlibrary>(handle))
                 : driver.cuModuleUnload(reinterpret_cast<CUmodule>(handle));
}

}  // namespace gpool::worker
