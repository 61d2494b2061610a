#include "worker/code.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "wire/module_record.h"

namespace gpool::worker {
namespace {

constexpr uint32_t kMaxParameters = 4096;

class Record {
 public:
  void add_kernel(const std::string& name, const wire::KernelRecord& kernel) {
    wire::KernelRecord one = kernel;
    one.number = uint32_t(kernels_.size());
    one.name_offset = uint32_t(names_.size());
    one.name_length = uint32_t(name.size());
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

// The two families of calls about code differ in their names, in the types of their handles and in the device.
struct OfLibrary {
  using Kernel = CUkernel;
  const calls::DriverTable& driver;
  CUlibrary code;
  CUdevice device;
  CUresult count(unsigned& count) const { return driver.cuLibraryGetKernelCount(&count, code); }
  CUresult list(std::vector<Kernel>& all) const {
    return driver.cuLibraryEnumerateKernels(all.data(), unsigned(all.size()), code);
  }
  CUresult name(Kernel kernel, const char*& name) const { return driver.cuKernelGetName(&name, kernel); }
  CUresult parameter(Kernel kernel, size_t index, size_t& offset, size_t& bytes) const {
    return driver.cuKernelGetParamInfo(kernel, index, &offset, &bytes);
  }
  CUresult attribute(Kernel kernel, uint32_t index, int& value) const {
    return driver.cuKernelGetAttribute(&value, CUfunction_attribute(index), kernel, device);
  }
};

struct OfModule {
  using Kernel = CUfunction;
  const calls::DriverTable& driver;
  CUmodule code;
  CUresult count(unsigned& count) const { return driver.cuModuleGetFunctionCount(&count, code); }
  CUresult list(std::vector<Kernel>& all) const {
    return driver.cuModuleEnumerateFunctions(all.data(), unsigned(all.size()), code);
  }
  CUresult name(Kernel kernel, const char*& name) const { return driver.cuFuncGetName(&name, kernel); }
  CUresult parameter(Kernel kernel, size_t index, size_t& offset, size_t& bytes) const {
    return driver.cuFuncGetParamInfo(kernel, index, &offset, &bytes);
  }
  CUresult attribute(Kernel kernel, uint32_t index, int& value) const {
    return driver.cuFuncGetAttribute(&value, CUfunction_attribute(index), kernel);
  }
};

template <class Family>
wire::KernelRecord describe(const Family& family, typename Family::Kernel kernel, Record& record) {
  wire::KernelRecord one{};
  one.first_parameter = record.parameters();
  for (size_t offset = 0, bytes = 0; one.parameter_count < kMaxParameters &&
                                     family.parameter(kernel, one.parameter_count, offset, bytes) == CUDA_SUCCESS;) {
    record.add_parameter(uint32_t(offset), uint32_t(bytes));
    one.parameter_bytes = std::max(one.parameter_bytes, uint32_t(offset + bytes));
    ++one.parameter_count;
  }
  for (uint32_t i = 0; i < wire::kFunctionAttributes; ++i)
    if (family.attribute(kernel, i, one.attributes[i]) != CUDA_SUCCESS) one.attributes[i] = 0;
  return one;
}

// The kernels of a record that names exactly `names`, in this order; else nothing.
std::vector<wire::KernelRecord> kernels_of(std::span<const std::byte> record, const std::vector<std::string>& names) {
  wire::ModuleRecordHead head{};
  if (record.size() < sizeof head) return {};
  std::memcpy(&head, record.data(), sizeof head);
  if (wire::record_bytes(head) != record.size() || head.kernels != names.size()) return {};
  std::vector<wire::KernelRecord> kernels(head.kernels);
  std::memcpy(kernels.data(), record.data() + sizeof head, kernels.size() * sizeof kernels[0]);
  const auto text = record.last(head.name_bytes);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const wire::KernelRecord& one = kernels[i];
    if (one.number != i || one.name_length != names[i].size() || one.name_offset > text.size() ||
        one.name_length > text.size() - one.name_offset ||
        std::memcmp(text.data() + one.name_offset, names[i].data(), names[i].size()) != 0)
      return {};
  }
  return kernels;
}

template <class Family>
CUresult describe_all(const Family& family, std::span<const std::byte> known, LoadedCode& code) {
  unsigned count = 0;
  if (CUresult status = family.count(count); status != CUDA_SUCCESS) return status;
  std::vector<typename Family::Kernel> kernels(count);
  if (count > 0)
    if (CUresult status = family.list(kernels); status != CUDA_SUCCESS) return status;
  std::vector<std::string> names;
  for (typename Family::Kernel kernel : kernels) {
    const char* name = "";
    if (CUresult status = family.name(kernel, name); status != CUDA_SUCCESS) return status;
    names.emplace_back(name);
  }
  std::vector<wire::KernelRecord> described = kernels_of(known, names);
  if (!described.empty()) {
    code.record.assign(known.begin(), known.end());
  } else {
    Record record;
    for (size_t i = 0; i < kernels.size(); ++i) {
      described.push_back(describe(family, kernels[i], record));
      record.add_kernel(names[i], described.back());
    }
    code.record = record.bytes();
  }
  for (size_t i = 0; i < kernels.size(); ++i)
    code.kernels.push_back({reinterpret_cast<uint64_t>(kernels[i]), described[i].parameter_bytes});
  return CUDA_SUCCESS;
}

}  // namespace

LoadedCode load_code(const calls::DriverTable& driver, CUdevice device, const void* image, bool library,
                     JitOptions& options, std::span<const std::byte> known) {
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
  code.status = library ? describe_all(OfLibrary{driver, reinterpret_cast<CUlibrary>(code.handle), device}, known, code)
                        : describe_all(OfModule{driver, reinterpret_cast<CUmodule>(code.handle)}, known, code);
  if (code.status != CUDA_SUCCESS) unload_code(driver, library, code.handle);
  return code;
}

std::string driver_identity(const calls::DriverTable& driver, CUdevice device) {
  int version = 0, major = 0, minor = 0;
  char name[256] = {};
  driver.cuDriverGetVersion(&version);
  driver.cuDeviceGetName(name, sizeof name - 1, device);
  driver.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  driver.cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  std::string identity =
      std::string(name) + " " + std::to_string(major) + "." + std::to_string(minor) + " " + std::to_string(version);
  // Two builds of a driver may have one version.
  Dl_info where{};
  struct stat info{};
  if (dladdr(reinterpret_cast<void*>(driver.cuInit), &where) != 0 && where.dli_fname != nullptr &&
      stat(where.dli_fname, &info) == 0)
    for (const long part : {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec})
      identity.append(1, ' ').append(std::to_string(part));
  return identity;
}

CUresult unload_code(const calls::DriverTable& driver, bool library, uint64_t handle) {
  return library ? driver.cuLibraryUnload(reinterpret_cast<CUlibrary>(handle))
                 : driver.cuModuleUnload(reinterpret_cast<CUmodule>(handle));
}

}  // namespace gpool::worker
