// Start, version, and the calls that only tools make.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "client/call.h"
#include "client/driver.h"
#include "client/trace.h"

using namespace gpool::client;

extern "C" CUresult cuInit(unsigned int Flags) {
  Call call("cuInit", Needs::nothing);
  if (Flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  return call.end(initialise());
}

extern "C" CUresult cuDriverGetVersion(int* driverVersion) {
  Call call("cuDriverGetVersion", Needs::nothing);
  if (driverVersion == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  // The runtime asks before cuInit and refuses to start when it is too low: the worker's driver knows.
  if (!driver().opened.load()) (void)open_lease();
  const int32_t version = driver().driver_version;
  *driverVersion = version != 0 ? version : 13000;
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuProfilerInitialize(const char*, const char*, int) {
  Call call("cuProfilerInitialize");
  return call.end(CUDA_SUCCESS);
}
extern "C" CUresult cuProfilerStart(void) {
  Call call("cuProfilerStart");
  if (call.ok()) begin_profiled();
  return call.end(CUDA_SUCCESS);
}
extern "C" CUresult cuProfilerStop(void) {
  Call call("cuProfilerStop");
  if (call.ok()) end_profiled();
  return call.end(CUDA_SUCCESS);
}

// -- the driver's own log: callbacks are kept, nothing is ever written to it
// -------------------------------------------------

extern "C" CUresult cuLogsRegisterCallback(CUlogsCallback callbackFunc, void*, CUlogsCallbackHandle* callback_out) {
  Call call("cuLogsRegisterCallback", Needs::nothing);
  if (callbackFunc == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (callback_out != nullptr) *callback_out = reinterpret_cast<CUlogsCallbackHandle>(new (std::nothrow) char);
  return call.end(CUDA_SUCCESS);
}
extern "C" CUresult cuLogsUnregisterCallback(CUlogsCallbackHandle callback) {
  Call call("cuLogsUnregisterCallback", Needs::nothing);
  delete reinterpret_cast<char*>(callback);
  return call.end(CUDA_SUCCESS);
}
extern "C" CUresult cuLogsCurrent(CUlogIterator* iterator_out, unsigned int flags) {
  Call call("cuLogsCurrent", Needs::nothing);
  if (iterator_out == nullptr || flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  *iterator_out = 0;
  return call.end(CUDA_SUCCESS);
}
extern "C" CUresult cuLogsDumpToMemory(CUlogIterator*, char* buffer, size_t* size, unsigned int flags) {
  Call call("cuLogsDumpToMemory", Needs::nothing);
  if (size == nullptr || flags != 0 || (buffer == nullptr && *size != 0)) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (*size > 0) buffer[0] = 0;
  *size = 0;
  return call.end(CUDA_SUCCESS);
}
