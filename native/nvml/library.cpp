// The library itself: start, end, errors, versions.
#include <cstring>
#include <string_view>

#include "nvml/nvml_api.h"
#include "nvml/text.h"
#include "nvml/view.h"

using gpool::nvml::Locked;

extern "C" {

nvmlReturn_t nvmlInitWithFlags(unsigned int) {
  return Locked()->init();
}
nvmlReturn_t nvmlInit_v2(void) {
  return Locked()->init();
}
nvmlReturn_t nvmlInit(void) {
  return Locked()->init();
}
nvmlReturn_t nvmlShutdown(void) {
  return Locked()->shutdown();
}

const char* nvmlErrorString(nvmlReturn_t result) {
  switch (result) {
    case NVML_SUCCESS:
      return "The operation was successful";
    case NVML_ERROR_UNINITIALIZED:
      return "NVML was not first initialized with nvmlInit()";
    case NVML_ERROR_INVALID_ARGUMENT:
      return "A supplied argument is invalid";
    case NVML_ERROR_NOT_SUPPORTED:
      return "The requested operation is not available on a vGPU of gpool";
    case NVML_ERROR_NO_PERMISSION:
      return "The current user does not have permission for this operation";
    case NVML_ERROR_NOT_FOUND:
      return "A query to find an object was unsuccessful";
    case NVML_ERROR_INSUFFICIENT_SIZE:
      return "An input argument is not large enough";
    case NVML_ERROR_DRIVER_NOT_LOADED:
      return "No lease of gpool can be used; start the program with `gpool run`";
    case NVML_ERROR_TIMEOUT:
      return "The operation timed out";
    case NVML_ERROR_GPU_IS_LOST:
      return "The node of this GPU cannot be reached";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH:
      return "The version of a supplied structure is not known";
    default:
      return "An error that gpool does not make";
  }
}

nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  // The driver that the program talks to is gpool's, whatever the nodes have.
  return gpool::nvml::copy_text(GPOOL_VERSION, version, length);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char* version, unsigned int length) {
  return gpool::nvml::copy_text(NVML_API_VERSION_STR "." GPOOL_VERSION, version, length);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) {
  if (version == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  if (view->gpus().empty()) return NVML_ERROR_NOT_FOUND;
  gpool::nvml::NodeSession* node = view->session(view->gpus().front());
  if (node == nullptr) return NVML_ERROR_GPU_IS_LOST;
  *version = node->driver_version();
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* version) {
  return nvmlSystemGetCudaDriverVersion_v2(version);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
  if (count == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  *count = static_cast<unsigned int>(view->gpus().size());
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCount(unsigned int* count) {
  return nvmlDeviceGetCount_v2(count);
}

}  // extern "C"
