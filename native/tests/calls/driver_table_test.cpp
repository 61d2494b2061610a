// The driver table over a driver that has everything, one that is old, and none. Arguments: their paths.
#include "calls/driver_table.h"

#include <cstdio>

namespace {

using gpool::calls::DriverTable;
using gpool::calls::is_missing;
using gpool::calls::load_driver;

int failures = 0;

void expect(bool fine, const char* what) {
  if (fine) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

void a_function_is_found_in_the_version_of_its_member(const char* path) {
  DriverTable driver;
  gpool::Status status = load_driver(path, driver);
  expect(status.is_ok(), "the driver is loaded");
  int version = 0;
  expect(driver.cuDriverGetVersion(&version) == CUDA_SUCCESS && version == 13050, "its functions answer");
  CUdeviceptr address = 0;
  expect(driver.cuMemAlloc_v2(&address, 16) == CUDA_SUCCESS && address == 0x7f0000000000, "the newest ABI is called");
  expect(!is_missing(driver.cuGraphAddNode_v3), "so are functions of the newest header");
}

void what_an_old_driver_lacks_is_not_supported(const char* path) {
  DriverTable driver;
  gpool::Status status = load_driver(path, driver);
  expect(status.is_ok(), "a driver without cuGetProcAddress_v2 is loaded");
  float milliseconds = 0;
  expect(driver.cuEventElapsedTime_v2(&milliseconds, nullptr, nullptr) == CUDA_SUCCESS && milliseconds == 4.5f,
         "an older name with the same parameters stands in");
  expect(is_missing(driver.cuCtxSynchronize_v2) && driver.cuCtxSynchronize_v2(nullptr) == CUDA_ERROR_NOT_SUPPORTED,
         "one with other parameters does not");
  expect(is_missing(driver.cuLibraryUnload) && driver.cuLibraryUnload(nullptr) == CUDA_ERROR_NOT_SUPPORTED,
         "a function that is not there can be called all the same");
}

void what_is_no_driver_is_a_sentence() {
  DriverTable driver;
  gpool::Status missing_file = load_driver("/no/such/libcuda.so.1", driver);
  expect(!missing_file.is_ok() && missing_file.sentence().find("/no/such/libcuda.so.1") != std::string::npos,
         "a driver that is not there is named");
  gpool::Status no_driver = load_driver("libm.so.6", driver);
  expect(!no_driver.is_ok() && no_driver.sentence().find("libm.so.6 is not a CUDA driver") != std::string::npos,
         "so is a library that is none");
  expect(driver.cuInit(0) == CUDA_ERROR_NOT_SUPPORTED, "and the table stays callable");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::printf("usage: %s NEW-DRIVER OLD-DRIVER\n", arguments[0]), 2;
  a_function_is_found_in_the_version_of_its_member(arguments[1]);
  what_an_old_driver_lacks_is_not_supported(arguments[2]);
  what_is_no_driver_is_a_sentence();
  std::printf(failures ? "%d checks failed\n" : "all fine\n", failures);
  return failures ? 1 : 0;
}
