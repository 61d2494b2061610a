// How busy a vGPU is and who uses it. Processes are those of the lease that run on this host: a process id of another
// host would name somebody else here.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/log.h"
#include "nvml/nvml_api.h"
#include "nvml/text.h"
#include "nvml/view.h"

namespace gpool::nvml {
namespace {

struct Usage {
  wire::DeviceUsageReply sums{};
  std::vector<wire::ProcessUsage> processes;
};

nvmlReturn_t ask(nvmlDevice_t device, Usage& usage) {
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  const Gpu* gpu = view->find(device);
  if (gpu == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  NodeSession* node = view->session(*gpu);
  if (node == nullptr) return NVML_ERROR_GPU_IS_LOST;
  if (Status status = node->usage(gpu->device, usage.sums, usage.processes); !status) {
    log::error("NVML cannot ask how busy GPU " + client::format_uuid(gpu->uuid.data()) + " is: " + status.sentence());
    return NVML_ERROR_GPU_IS_LOST;
  }
  char host[sizeof(wire::ProcessUsage::host)] = "";
  gethostname(host, sizeof host - 1);
  std::erase_if(usage.processes, [&](const wire::ProcessUsage& one) { return std::strcmp(one.host, host) != 0; });
  return NVML_SUCCESS;
}

// NVML's protocol of lists: with too little room the caller learns how much it takes.
template <class Info>
nvmlReturn_t processes(nvmlDevice_t device, unsigned int* count, Info* infos) {
  if (count == nullptr || (*count > 0 && infos == nullptr)) return NVML_ERROR_INVALID_ARGUMENT;
  Usage usage;
  if (nvmlReturn_t result = ask(device, usage); result != NVML_SUCCESS) return result;
  const unsigned int room = *count;
  *count = static_cast<unsigned int>(usage.processes.size());
  if (room < *count) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (unsigned int i = 0; i < *count; ++i) {
    infos[i] = Info{};
    infos[i].pid = usage.processes[i].pid;
    infos[i].usedGpuMemory = usage.processes[i].used_bytes;
    if constexpr (requires { infos[i].gpuInstanceId; }) infos[i].gpuInstanceId = infos[i].computeInstanceId = ~0u;
  }
  return NVML_SUCCESS;
}

}  // namespace
}  // namespace gpool::nvml

using namespace gpool;
using namespace gpool::nvml;

extern "C" {

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* utilization) {
  if (utilization == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Usage usage;
  if (nvmlReturn_t result = ask(device, usage); result != NVML_SUCCESS) return result;
  // How busy its memory is, a node does not know.
  *utilization = nvmlUtilization_t{(usage.sums.busy_permille + 5) / 10, 0};
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_t* infos) {
  return processes(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_v2_t* infos) {
  return processes(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                  nvmlProcessInfo_v1_t* infos) {
  return processes(device, count, infos);
}

// A lease computes; it draws nothing.
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  if (count == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Locked view;
  if (!view->initialised()) return NVML_ERROR_UNINITIALIZED;
  if (view->find(device) == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  *count = 0;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v2_t*) {
  return nvmlDeviceGetGraphicsRunningProcesses_v3(device, count, nullptr);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t*) {
  return nvmlDeviceGetGraphicsRunningProcesses_v3(device, count, nullptr);
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t* samples,
                                             unsigned int* count, unsigned long long last_seen) {
  if (count == nullptr || (*count > 0 && samples == nullptr)) return NVML_ERROR_INVALID_ARGUMENT;
  Usage usage;
  if (nvmlReturn_t result = ask(device, usage); result != NVML_SUCCESS) return result;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto stamp =
      static_cast<unsigned long long>(now.tv_sec) * 1'000'000 + static_cast<unsigned long long>(now.tv_nsec) / 1000;
  if (usage.processes.empty() || stamp <= last_seen) {
    *count = 0;
    return NVML_ERROR_NOT_FOUND;
  }
  const unsigned int room = *count;
  *count = static_cast<unsigned int>(usage.processes.size());
  if (room < *count) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (unsigned int i = 0; i < *count; ++i) {
    samples[i] = {};
    samples[i].pid = usage.processes[i].pid;
    samples[i].timeStamp = stamp;
    samples[i].smUtil = (usage.processes[i].busy_permille + 5) / 10;
  }
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name, unsigned int length) {
  if (name == nullptr || length == 0) return NVML_ERROR_INVALID_ARGUMENT;
  if (!Locked()->initialised()) return NVML_ERROR_UNINITIALIZED;
  std::FILE* file = std::fopen(("/proc/" + std::to_string(pid) + "/cmdline").c_str(), "re");
  if (file == nullptr) return NVML_ERROR_NOT_FOUND;
  char text[1024] = "";
  const size_t got = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  if (got == 0) return NVML_ERROR_NOT_FOUND;  // a thread of the kernel
  return copy_text(text, name, length);       // up to the first zero: the program
}

}  // extern "C"
