// Launches: the hot path. From the handle to the kernel in two loads, parameters packed straight into the link's
// memory, no lock but the session's own while the frame is written, no allocation, no answer.
#include "client/launch.h"

#include <cstring>

#include "client/call.h"
#include "client/driver.h"
#include "client/host_twin.h"
#include "client/module.h"

namespace gpool::client {

CUresult check_shape(const Kernel& kernel, const Device& device, const Shape& shape) {
  const int32_t* attributes = device.record.attributes;
  bool good = true;
  for (int i = 0; i < 3; i++) {
    // 0 becomes the largest number there is.
    good &= shape.grid[i] - 1 < static_cast<uint32_t>(attributes[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i]);
    good &= shape.block[i] - 1 < static_cast<uint32_t>(attributes[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i]);
  }
  if (!good) return CUDA_ERROR_INVALID_VALUE;
  // Each is at most 2^31 - 1 and in truth at most 1024, so only a device that lies makes this overflow.
  const uint64_t threads = uint64_t{shape.block[0]} * shape.block[1] * shape.block[2];
  if (threads > static_cast<uint32_t>(attributes[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK]))
    return CUDA_ERROR_INVALID_VALUE;
  const auto most =
      static_cast<uint32_t>(kernel.attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK].load(std::memory_order_relaxed));
  if (most != 0 && threads > most) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (shape.shared_bytes > 0) {
    const int32_t dynamic =
        kernel.attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES].load(std::memory_order_relaxed);
    if (dynamic > 0 && shape.shared_bytes > static_cast<uint32_t>(dynamic)) return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

namespace {

// The packed form: {CU_LAUNCH_PARAM_BUFFER_POINTER, p, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END}.
bool read_extra(void** extra, const void*& buffer, size_t& bytes) {
  for (int i = 0; i < 8; i += 2) {
    if (extra[i] == CU_LAUNCH_PARAM_END) return buffer != nullptr;
    if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      buffer = extra[i + 1];
    } else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      bytes = *static_cast<size_t*>(extra[i + 1]);
    } else {
      return false;
    }
  }
  return false;
}

// Attributes whose values are numbers mean the same at the worker; those that hold events or memory of this process do
// not.
bool travels(const CUlaunchAttribute& attribute) {
  switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      return true;
    default:
      return false;
  }
}

// Words of the parameters that may point to host memory which needs a twin; pointers are aligned, in structs too.
CUresult prepare(Session& session, Context* context, const Kernel& kernel, void** parameters, const void* packed,
                 size_t bytes) {
  std::vector<uint64_t> words;
  const auto look = [&words](const void* at, size_t size) {
    for (size_t offset = 0; offset + 8 <= size; offset += 8) {
      uint64_t word;
      std::memcpy(&word, static_cast<const std::byte*>(at) + offset, sizeof word);
      if (may_be_watched(word)) words.push_back(word);
    }
  };
  if (packed != nullptr) {
    look(packed, bytes);
  } else if (parameters != nullptr) {
    for (uint32_t i = 0; i < kernel.parameter_count; i++) look(parameters[i], kernel.parameters[i].bytes);
  }
  return prepare_launch(session, context, words);
}

// What no parameter covers must not carry what another frame left there.
inline void write_parameters(std::byte* room, const Kernel& kernel, void** parameters) {
  if (kernel.gaps) [[unlikely]]
    std::memset(room, 0, kernel.parameter_bytes);
  const wire::ParameterRecord* parameter = kernel.parameters;
  for (const wire::ParameterRecord* end = parameter + kernel.parameter_count; parameter != end; parameter++) {
    const void* from = *parameters++;
    // Pointers and numbers, which nearly all parameters are, without a call.
    if (parameter->bytes == 8) [[likely]] {
      std::memcpy(room + parameter->offset, from, 8);
    } else if (parameter->bytes == 4) {
      std::memcpy(room + parameter->offset, from, 4);
    } else {
      std::memcpy(room + parameter->offset, from, parameter->bytes);
    }
  }
}

CUresult launch(Call& call, CUfunction function, const Shape& shape, CUstream stream, void** parameters, void** extra,
                uint32_t flags, std::span<const CUlaunchAttribute> attributes) {
  Kernel* kernel = find_kernel(call, function);
  const wire::Handle on = call.handle(stream);
  if (!call.ok()) return call.result();
  Context* context = call.context();
  if (context == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  if (kernel->context != nullptr &&
      kernel->context != (wire::is_special_stream(on) ? context : call.object()->context.load()))
    return call.end(CUDA_ERROR_INVALID_HANDLE);
  if (const CUresult status = check_shape(*kernel, *context->device, shape); status != CUDA_SUCCESS)
    return call.end(status);
  if (const int32_t sticky = context->sticky.load(std::memory_order_relaxed); sticky != 0) [[unlikely]]
    return call.end(static_cast<CUresult>(sticky));
  const void* packed = nullptr;
  size_t bytes = kernel->parameter_bytes;
  if (parameters == nullptr && extra != nullptr) {
    size_t given = 0;
    if (!read_extra(extra, packed, given)) return call.end(CUDA_ERROR_INVALID_VALUE);
    // What is behind the last parameter is padding, which programs may give or leave out.
    if (given < bytes || given > bytes + 8) return call.end(CUDA_ERROR_INVALID_VALUE);
  } else if (parameters == nullptr && kernel->parameter_count > 0) {
    return call.end(CUDA_ERROR_INVALID_VALUE);
  }
  if (parameters != nullptr)
    for (uint32_t i = 0; i < kernel->parameter_count; i++)
      if (parameters[i] == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);

  Session& session = *call.session();
  if (host_memory_is_watched()) [[unlikely]]
    if (const CUresult status = prepare(session, context, *kernel, parameters, packed, bytes); status != CUDA_SUCCESS)
      return call.end(status);
  const size_t padded = wire::padded(bytes);
  const size_t attribute_bytes = attributes.size() * sizeof(CUlaunchAttribute);
  bool sent = false;
  uint64_t sequence = 0;
  {
    Frame frame(session, static_cast<uint16_t>(wire::Message::launch), 0, context->index(),
                sizeof(wire::Launch) + padded + attribute_bytes);
    if (frame.ok()) {
      auto* head = reinterpret_cast<wire::Launch*>(frame.arguments());
      head->function = kernel->wire;
      head->stream = on;
      for (int i = 0; i < 3; i++) {
        head->grid[i] = shape.grid[i];
        head->block[i] = shape.block[i];
      }
      head->shared_bytes = shape.shared_bytes;
      head->flags = flags;
      head->parameter_bytes = static_cast<uint32_t>(bytes);
      head->attribute_count = static_cast<uint32_t>(attributes.size());
      auto* room = reinterpret_cast<std::byte*>(head + 1);
      if (packed != nullptr) {
        std::memcpy(room, packed, bytes);
      } else {
        write_parameters(room, *kernel, parameters);
      }
      if (attribute_bytes > 0) {
        std::memset(room + bytes, 0, padded - bytes);  // at the frame's end, it has been done
        std::memcpy(room + padded, attributes.data(), attribute_bytes);
      }
      sequence = frame.sequence();
      sent = frame.send();
    }
  }
  return call.end(session.after_post(sent ? sequence : 0));
}

}  // namespace

CUresult pack_parameters(const Kernel& kernel, void** parameters, void** extra, std::vector<std::byte>& packed) {
  packed.assign(kernel.parameter_bytes, std::byte{0});
  if (parameters == nullptr && extra != nullptr) {
    const void* buffer = nullptr;
    size_t given = 0;
    if (!read_extra(extra, buffer, given)) return CUDA_ERROR_INVALID_VALUE;
    if (given < packed.size() || given > packed.size() + 8) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(packed.data(), buffer, packed.size());
    return CUDA_SUCCESS;
  }
  if (parameters == nullptr) return kernel.parameter_count > 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  for (uint32_t i = 0; i < kernel.parameter_count; i++) {
    if (parameters[i] == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(packed.data() + kernel.parameters[i].offset, parameters[i], kernel.parameters[i].bytes);
  }
  return CUDA_SUCCESS;
}

}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                   unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                   unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  Call call("cuLaunchKernel", Needs::context);
  return launch(call, f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes}, hStream,
                kernelParams, extra, 0, {});
}

extern "C" CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY,
                                              unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY,
                                              unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream,
                                              void** kernelParams) {
  Call call("cuLaunchCooperativeKernel", Needs::context);
  return launch(call, f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes}, hStream,
                kernelParams, nullptr, wire::Launch::cooperative, {});
}

extern "C" CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  Call call("cuLaunchKernelEx", Needs::context);
  if (call.required(config) == nullptr || !call.ok()) return call.result();
  if (config->numAttrs > 64 || (config->numAttrs > 0 && config->attrs == nullptr))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  const std::span<const CUlaunchAttribute> attributes(config->attrs, config->numAttrs);
  for (const CUlaunchAttribute& attribute : attributes)
    if (!travels(attribute)) return call.end(CUDA_ERROR_NOT_SUPPORTED);
  return launch(call, f,
                {{config->gridDimX, config->gridDimY, config->gridDimZ},
                 {config->blockDimX, config->blockDimY, config->blockDimZ},
                 config->sharedMemBytes},
                config->hStream, kernelParams, extra, 0, attributes);
}
