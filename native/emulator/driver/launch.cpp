#include "emulator/driver/launch.h"

#include <cstring>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/limits.h"
#include "emulator/driver/log.h"
#include "emulator/driver/memory.h"

namespace gpool::emulator {
namespace {

CUresult pack_parameters(const ptx::Kernel& kernel, void** parameters, void** extra, std::vector<std::byte>& packed) {
  packed.assign(kernel.parameter_bytes, std::byte{0});
  if (parameters && extra) return CUDA_ERROR_INVALID_VALUE;
  if (extra) {
    const void* buffer = nullptr;
    size_t bytes = 0;
    for (int i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
      if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
        buffer = extra[i + 1];
      } else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
        if (!extra[i + 1]) return CUDA_ERROR_INVALID_VALUE;
        bytes = *static_cast<size_t*>(extra[i + 1]);
      } else {
        return CUDA_ERROR_INVALID_VALUE;
      }
    }
    if ((!buffer && kernel.parameter_bytes) || bytes < kernel.parameter_bytes) return CUDA_ERROR_INVALID_VALUE;
    if (kernel.parameter_bytes) std::memcpy(packed.data(), buffer, kernel.parameter_bytes);
    return CUDA_SUCCESS;
  }
  if (!kernel.parameters.empty() && !parameters) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const ptx::Parameter& parameter = kernel.parameters[i];
    if (!parameters[i]) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(packed.data() + parameter.offset, parameters[i], parameter.bytes);
  }
  return CUDA_SUCCESS;
}

CUresult launch(CUfunction function, const LaunchShape& shape, CUstream stream_handle, void** parameters,
                void** extra) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  KernelWork work;
  GPOOL_CHECK(prepare_launch(stream->context, function, shape, parameters, extra, work));
  return submit(stream, std::move(work));
}

}  // namespace

int max_threads(const Function& function) {
  const ptx::Kernel& kernel = function.kernel();
  int by_registers = kernel.registers ? kRegisters / static_cast<int>(kernel.registers) / 32 * 32 : kMaxThreadsPerBlock;
  return std::min({kMaxThreadsPerBlock, static_cast<int>(kernel.max_threads), by_registers});
}

int max_dynamic_shared(const Function& function) {
  int set = function.settings->max_dynamic_shared;
  int room = kSharedPerBlock - static_cast<int>(function.kernel().shared_bytes);
  return set >= 0 ? std::max(set, room) : std::max(room, 0);
}

int blocks_per_multiprocessor(const Function& function, int threads, uint64_t dynamic_shared) {
  const ptx::Kernel& kernel = function.kernel();
  if (threads > max_threads(function) || dynamic_shared > static_cast<uint64_t>(max_dynamic_shared(function))) return 0;
  int warps = (threads + 31) / 32;
  int blocks = std::min(kBlocksPerMultiprocessor, kThreadsPerMultiprocessor / (warps * 32));
  uint64_t shared = kernel.shared_bytes + dynamic_shared + kSharedReserved;
  blocks = std::min(blocks, static_cast<int>(kSharedPerMultiprocessor / shared));
  if (kernel.registers) {
    int registers = (static_cast<int>(kernel.registers) + 7) / 8 * 8 * warps * 32;
    blocks = std::min(blocks, kRegisters / registers);
  }
  return blocks;
}

CUresult prepare_launch(const ContextRef& context, CUfunction handle, const LaunchShape& shape, void** parameters,
                        void** extra, KernelWork& work) {
  std::shared_ptr<Function> function;
  GPOOL_CHECK(find_function(handle, context, function));
  if (function->context != context) return CUDA_ERROR_INVALID_HANDLE;
  const ptx::Kernel& kernel = function->kernel();
  const unsigned grid_limit[3] = {kMaxGridX, kMaxGridYZ, kMaxGridYZ};
  const unsigned block_limit[3] = {kMaxThreadsPerBlock, kMaxThreadsPerBlock, kMaxBlockZ};
  uint64_t threads = 1, blocks = 1;
  for (int i = 0; i < 3; ++i) {
    if (shape.grid[i] == 0 || shape.block[i] == 0) return CUDA_ERROR_INVALID_VALUE;
    if (shape.grid[i] > grid_limit[i] || shape.block[i] > block_limit[i]) return CUDA_ERROR_INVALID_VALUE;
    if (kernel.required_block[0] && shape.block[i] != std::max(1u, kernel.required_block[i])) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    threads *= shape.block[i];
    blocks *= shape.grid[i];
  }
  if (threads > kMaxThreadsPerBlock) return CUDA_ERROR_INVALID_VALUE;
  if (const int most = max_threads(*function); threads > static_cast<uint64_t>(most)) {
    log(Level::info, "kernel " + kernel.name + " cannot have " + std::to_string(threads) + " threads a block, but " +
                         std::to_string(most) + " (" + std::to_string(kernel.registers) +
                         " registers each, declared for " + std::to_string(kernel.max_threads) + ")");
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  }
  if (shape.shared > static_cast<unsigned>(max_dynamic_shared(*function))) return CUDA_ERROR_INVALID_VALUE;
  if (shape.cooperative) {
    uint64_t resident = blocks_per_multiprocessor(*function, static_cast<int>(threads), shape.shared);
    if (blocks > resident * kMultiprocessors) return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  }
  GPOOL_CHECK(pack_parameters(kernel, parameters, extra, work.parameters));
  if (std::string why = function->skipped ? "" : function->code->why_not(function->index); !why.empty()) {
    log(Level::error, "kernel " + kernel.name + " cannot run: " + why);
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  work.function = std::move(function);
  work.given = handle;
  for (int i = 0; i < 3; ++i) {
    work.grid[i] = shape.grid[i];
    work.block[i] = shape.block[i];
  }
  work.shared = shape.shared;
  work.cooperative = shape.cooperative;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void** parameters,
                          void** extra) {
  return launch(function, {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, false}, stream, parameters,
                extra);
}

GPOOL_CUDA cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                     CUstream stream, void** parameters) {
  return launch(function, {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, true}, stream, parameters,
                nullptr);
}

GPOOL_CUDA cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra) {
  GPOOL_CHECK(driver().ready());
  if (!config || (config->numAttrs && !config->attrs)) return CUDA_ERROR_INVALID_VALUE;
  LaunchShape shape{{config->gridDimX, config->gridDimY, config->gridDimZ},
                    {config->blockDimX, config->blockDimY, config->blockDimZ},
                    config->sharedMemBytes,
                    false};
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config->attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        shape.cooperative = attribute.value.cooperative != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
        // The device says that it launches no clusters; one of a single block is none.
        const auto& cluster = attribute.value.clusterDim;
        if (cluster.x * cluster.y * cluster.z > 1) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
        break;
      }
      default:
        break;  // priorities, access policies, programmatic dependent launch: hints here
    }
  }
  return launch(function, shape, config->hStream, parameters, extra);
}

// --- host functions ---

namespace {

CUresult queue_host(CUstream stream_handle, CUhostFn function, void* data) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  if (!function) return CUDA_ERROR_INVALID_VALUE;
  return submit(stream, HostWork{[function, data](CUresult) { function(data); }, function, data, false});
}

}  // namespace

GPOOL_CUDA cuLaunchHostFunc(CUstream stream, CUhostFn function, void* data) {
  return queue_host(stream, function, data);
}

GPOOL_CUDA cuLaunchHostFunc_v2(CUstream stream, CUhostFn function, void* data, unsigned) {
  return queue_host(stream, function, data);
}

GPOOL_CUDA cuStreamAddCallback(CUstream stream_handle, CUstreamCallback callback, void* data, unsigned flags) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  {
    std::lock_guard lock(stream->context->order);
    if (stream->capture) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  auto call = [stream_handle, callback, data](CUresult status) { callback(stream_handle, status, data); };
  return submit(stream, HostWork{call, nullptr, data, true});
}

// --- memory operations of streams ---

namespace {

CUresult check_word(uint64_t address, bool wide, bool write, const StreamRef& stream) {
  uint64_t bytes = wide ? 8 : 4;
  if (address % bytes) return CUDA_ERROR_INVALID_VALUE;
  return memory().covers(address, bytes, stream->context->device, write) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult queue_value(CUstream stream_handle, CUdeviceptr address, uint64_t value, unsigned flags, bool wait,
                     bool wide) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(stream_handle, stream));
  constexpr unsigned kWaitFlags = 3 | CU_STREAM_WAIT_VALUE_FLUSH, kWriteFlags = CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER;
  if (flags & ~(wait ? kWaitFlags : kWriteFlags)) return CUDA_ERROR_INVALID_VALUE;
  GPOOL_CHECK(check_word(address, wide, !wait, stream));
  return submit(stream, ValueWork{address, value, flags, wait, wide});
}

CUresult queue_batch(CUstream stream, unsigned count, CUstreamBatchMemOpParams* operations, unsigned flags) {
  if (count > 256 || (count && !operations) || flags) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count; ++i) {
    const CUstreamBatchMemOpParams& operation = operations[i];
    switch (operation.operation) {
      case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        GPOOL_CHECK(queue_value(stream, operation.waitValue.address, operation.waitValue.value,
                                operation.waitValue.flags, true, false));
        break;
      case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        GPOOL_CHECK(queue_value(stream, operation.waitValue.address, operation.waitValue.value64,
                                operation.waitValue.flags, true, true));
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        GPOOL_CHECK(queue_value(stream, operation.writeValue.address, operation.writeValue.value,
                                operation.writeValue.flags, false, false));
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        GPOOL_CHECK(queue_value(stream, operation.writeValue.address, operation.writeValue.value64,
                                operation.writeValue.flags, false, true));
        break;
      case CU_STREAM_MEM_OP_BARRIER:
      case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
        break;
      default:
        return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, false, false);
}
GPOOL_CUDA cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, false, true);
}
GPOOL_CUDA cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, true, false);
}
GPOOL_CUDA cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, true, true);
}
GPOOL_CUDA cuStreamWriteValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, false, false);
}
GPOOL_CUDA cuStreamWriteValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, false, true);
}
GPOOL_CUDA cuStreamWaitValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, true, false);
}
GPOOL_CUDA cuStreamWaitValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return queue_value(stream, address, value, flags, true, true);
}
GPOOL_CUDA cuStreamBatchMemOp_v2(CUstream stream, unsigned count, CUstreamBatchMemOpParams* operations,
                                 unsigned flags) {
  return queue_batch(stream, count, operations, flags);
}
GPOOL_CUDA cuStreamBatchMemOp(CUstream stream, unsigned count, CUstreamBatchMemOpParams* operations, unsigned flags) {
  return queue_batch(stream, count, operations, flags);
}

}  // namespace gpool::emulator
