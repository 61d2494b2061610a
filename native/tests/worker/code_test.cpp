// What a worker asks a driver about code that it loads, counted. Prints what failed and exits with 1.
#include "worker/code.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "wire/module_record.h"

namespace {

using namespace gpool;

int failures = 0;

void expect(bool fine, const char* what) {
  if (fine) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

// A driver with one image of kernels: handle i + 1 is called names[i] and has i + 1 parameters of 4 bytes.
std::vector<std::string> names = {"first", "second", "third"};
int asked_about_kernels = 0, unloaded = 0;

template <class Handle>
size_t index_of(Handle handle) {
  return reinterpret_cast<size_t>(handle) - 1;
}

CUresult count(unsigned* count) {
  *count = unsigned(names.size());
  return CUDA_SUCCESS;
}

template <class Handle>
CUresult list(Handle* out, unsigned count) {
  for (size_t i = 0; i < count; ++i) out[i] = reinterpret_cast<Handle>(i + 1);
  return CUDA_SUCCESS;
}

CUresult parameter(size_t kernel, size_t index, size_t* offset, size_t* bytes) {
  ++asked_about_kernels;
  if (index > kernel) return CUDA_ERROR_INVALID_VALUE;
  *offset = 4 * index, *bytes = 4;
  return CUDA_SUCCESS;
}

CUresult attribute(int* value) {
  ++asked_about_kernels;
  *value = 7;
  return CUDA_SUCCESS;
}

calls::DriverTable made_up_driver() {
  calls::DriverTable driver;
  driver.cuLibraryLoadData = [](CUlibrary* made, const void*, CUjit_option*, void**, unsigned, CUlibraryOption*, void**,
                                unsigned) {
    *made = reinterpret_cast<CUlibrary>(size_t{1});
    return CUDA_SUCCESS;
  };
  driver.cuModuleLoadDataEx = [](CUmodule* made, const void*, unsigned, CUjit_option*, void**) {
    *made = reinterpret_cast<CUmodule>(size_t{1});
    return CUDA_SUCCESS;
  };
  driver.cuLibraryGetKernelCount = [](unsigned* out, CUlibrary) { return count(out); };
  driver.cuModuleGetFunctionCount = [](unsigned* out, CUmodule) { return count(out); };
  driver.cuLibraryEnumerateKernels = [](CUkernel* out, unsigned count, CUlibrary) { return list(out, count); };
  driver.cuModuleEnumerateFunctions = [](CUfunction* out, unsigned count, CUmodule) { return list(out, count); };
  driver.cuKernelGetName = [](const char** name, CUkernel kernel) {
    *name = names[index_of(kernel)].c_str();
    return CUDA_SUCCESS;
  };
  driver.cuFuncGetName = [](const char** name, CUfunction function) {
    *name = names[index_of(function)].c_str();
    return CUDA_SUCCESS;
  };
  driver.cuKernelGetParamInfo = [](CUkernel kernel, size_t index, size_t* offset, size_t* bytes) {
    return parameter(index_of(kernel), index, offset, bytes);
  };
  driver.cuFuncGetParamInfo = [](CUfunction function, size_t index, size_t* offset, size_t* bytes) {
    return parameter(index_of(function), index, offset, bytes);
  };
  driver.cuKernelGetAttribute = [](int* value, CUfunction_attribute, CUkernel, CUdevice) { return attribute(value); };
  driver.cuFuncGetAttribute = [](int* value, CUfunction_attribute, CUfunction) { return attribute(value); };
  driver.cuLibraryUnload = [](CUlibrary) { return ++unloaded, CUDA_SUCCESS; };
  return driver;
}

worker::LoadedCode load(const calls::DriverTable& driver, bool library, std::span<const std::byte> known = {}) {
  worker::JitOptions options;
  asked_about_kernels = 0;
  return worker::load_code(driver, 0, "image", library, options, known);
}

void a_known_record_saves_every_question_about_a_kernel(bool library) {
  const calls::DriverTable driver = made_up_driver();
  const worker::LoadedCode first = load(driver, library);
  expect(first.status == CUDA_SUCCESS && first.kernels.size() == 3, "the code is loaded");
  // 16 attributes, and one question more than there are parameters.
  expect(asked_about_kernels == 3 * 16 + 2 + 3 + 4, "the driver is asked about every kernel once");

  const worker::LoadedCode second = load(driver, library, first.record);
  expect(asked_about_kernels == 0, "of a known record nothing is asked");
  expect(second.record == first.record, "the record is the same");
  for (size_t i = 0; i < 3; ++i)
    expect(second.kernels[i].handle == i + 1 && second.kernels[i].parameter_bytes == 4 * (i + 1),
           "handles are those of this load, layouts those of the record");
}

void what_does_not_fit_is_not_believed() {
  const calls::DriverTable driver = made_up_driver();
  const std::vector<std::byte> right = load(driver, true).record;
  const int whole = asked_about_kernels;
  for (size_t cut : {size_t{0}, sizeof(wire::ModuleRecordHead) - 1, right.size() - 1}) {
    expect(load(driver, true, std::span(right).first(cut)).record == right && asked_about_kernels == whole,
           "a record that is cut off");
  }
  for (size_t at = 0; at < sizeof(wire::ModuleRecordHead) + 8; ++at) {  // the sizes, and where the first name is
    std::vector<std::byte> wrong = right;
    wrong[at] ^= std::byte{0x81};
    expect(load(driver, true, wrong).record == right && asked_about_kernels == whole, "a record with a wrong size");
  }
  std::swap(names[0], names[2]);
  expect(load(driver, true, right).record != right && asked_about_kernels == whole, "kernels in another order");
  names.push_back("fourth");
  expect(load(driver, true, right).kernels.size() == 4, "one kernel more");
  names = {"first", "second", "third"};
}

void a_driver_that_cannot_say_what_it_loaded_keeps_nothing() {
  calls::DriverTable driver = made_up_driver();
  driver.cuKernelGetName = [](const char**, CUkernel) { return CUDA_ERROR_UNKNOWN; };
  expect(load(driver, true).status == CUDA_ERROR_UNKNOWN && unloaded == 1, "the code is unloaded again");
}

}  // namespace

int main() {
  a_known_record_saves_every_question_about_a_kernel(true);
  a_known_record_saves_every_question_about_a_kernel(false);
  what_does_not_fit_is_not_believed();
  a_driver_that_cannot_say_what_it_loaded_keeps_nothing();
  std::printf(failures ? "%d checks failed\n" : "all fine\n", failures);
  return failures ? 1 : 0;
}
