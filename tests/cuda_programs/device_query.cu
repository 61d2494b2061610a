// What a program can learn about its devices; the answers must agree with each other.
#include <cstring>

#include "check.h"

int main() {
  int devices = 0, driver = 0, runtime = 0;
  CUDA_CHECK(cudaGetDeviceCount(&devices));
  CUDA_CHECK(cudaDriverGetVersion(&driver));
  CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
  EXPECT(devices >= 1 && driver >= 12000 && runtime >= 12000);
  std::printf("driver %d, %d device%s\n", driver, devices, devices == 1 ? "" : "s");
  for (int i = 0; i < devices; ++i) {
    CUDA_CHECK(cudaSetDevice(i));
    cudaDeviceProp properties{};
    CUDA_CHECK(cudaGetDeviceProperties(&properties, i));
    size_t free_bytes = 0, total_bytes = 0;
    CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    EXPECT(total_bytes == properties.totalGlobalMem);
    EXPECT(free_bytes <= total_bytes);

    const struct {
      cudaDeviceAttr attribute;
      int wanted;
    } agreeing[] = {{cudaDevAttrComputeCapabilityMajor, properties.major},
                    {cudaDevAttrComputeCapabilityMinor, properties.minor},
                    {cudaDevAttrMultiProcessorCount, properties.multiProcessorCount},
                    {cudaDevAttrMaxThreadsPerBlock, properties.maxThreadsPerBlock},
                    {cudaDevAttrWarpSize, properties.warpSize},
                    {cudaDevAttrMaxSharedMemoryPerBlock, (int)properties.sharedMemPerBlock},
                    {cudaDevAttrMaxGridDimX, properties.maxGridSize[0]}};
    for (const auto& one : agreeing) {
      int value = -1;
      CUDA_CHECK(cudaDeviceGetAttribute(&value, one.attribute, i));
      if (value != one.wanted)
        fail("attribute %d: %d, but the property says %d", (int)one.attribute, value, one.wanted);
    }
    EXPECT(properties.warpSize == 32 && properties.maxThreadsPerBlock >= 1024 && properties.major >= 5);
    EXPECT(properties.multiProcessorCount >= 1 && std::strlen(properties.name) > 0);

    char bus_id[32] = {};
    int back = -1;
    CUDA_CHECK(cudaDeviceGetPCIBusId(bus_id, sizeof(bus_id), i));
    CUDA_CHECK(cudaDeviceGetByPCIBusId(&back, bus_id));
    EXPECT(back == i);
    for (int j = 0; j < i; ++j) {
      cudaDeviceProp other{};
      CUDA_CHECK(cudaGetDeviceProperties(&other, j));
      if (std::memcmp(&other.uuid, &properties.uuid, sizeof(other.uuid)) == 0)
        fail("devices %d and %d have the same UUID", i, j);
    }
    std::printf("device %d: %s, capability %d.%d, %d multiprocessors, %zu bytes, %s\n", i, properties.name,
                properties.major, properties.minor, properties.multiProcessorCount, properties.totalGlobalMem, bus_id);
  }
  return pass("device_query", "devices=%d", devices);
}
