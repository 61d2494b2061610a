// Launches and what is asked and set about functions.
#include <vector>

#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr uint32_t kMaxAttributes = 64;

// Attributes come as the client's bytes: handles in them are ours, not the driver's.
bool translate(Invoke& invoke, CUlaunchAttribute& attribute) {
  switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
      attribute.value.programmaticEvent.event =
          invoke.resolve<CUevent>(reinterpret_cast<wire::Handle>(attribute.value.programmaticEvent.event));
      return invoke.valid();
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
      attribute.value.launchCompletionEvent.event =
          invoke.resolve<CUevent>(reinterpret_cast<wire::Handle>(attribute.value.launchCompletionEvent.event));
      return invoke.valid();
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
      return false;  // answers with a pointer of the worker
    default:
      return true;
  }
}

}  // namespace

FunctionState* function_state(Session& session, wire::Handle function) {
  wire::Kind kind = wire::kind_of(function);
  if (kind != wire::Kind::function && kind != wire::Kind::kernel) return nullptr;
  Slab::Entry* entry = session.slab(kind).find(function);
  return entry && entry->extra < session.functions.size() ? &session.functions[entry->extra] : nullptr;
}

void carry_out_launch(Session& session, Invoke& invoke) {
  const auto& launch = invoke.arguments<wire::Launch>();
  CUfunction function = invoke.resolve<CUfunction>(launch.function);
  auto parameters = invoke.array<std::byte>(launch.parameter_bytes);
  if (launch.attribute_count > kMaxAttributes) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  auto given =
      invoke.valid() ? invoke.array<CUlaunchAttribute>(launch.attribute_count) : std::span<const CUlaunchAttribute>();
  StreamState* stream = session.use_stream(launch.stream, invoke.frame().context);
  if (!stream) invoke.reject(CUDA_ERROR_INVALID_HANDLE);
  FunctionState* state = function_state(session, launch.function);
  // Fewer bytes than the kernel reads would let it read the worker's memory.
  if (state && launch.parameter_bytes < state->parameter_bytes) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) {
    invoke.refuse();
    return;
  }
  CUlaunchAttribute attributes[kMaxAttributes + 1];
  uint32_t count = 0;
  for (const CUlaunchAttribute& one : given) {
    attributes[count] = one;
    if (!translate(invoke, attributes[count])) {
      invoke.reject(CUDA_ERROR_NOT_SUPPORTED);
      invoke.refuse();
      return;
    }
    ++count;
  }
  size_t parameter_bytes = parameters.size();
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, const_cast<std::byte*>(parameters.data()),
                   CU_LAUNCH_PARAM_BUFFER_SIZE, &parameter_bytes, CU_LAUNCH_PARAM_END};
  void** packed = parameter_bytes > 0 ? extra : nullptr;
  const calls::DriverTable& driver = session.driver;
  CUresult status;
  if (count == 0 && (launch.flags & wire::Launch::cooperative) == 0) {
    status = driver.cuLaunchKernel(function, launch.grid[0], launch.grid[1], launch.grid[2], launch.block[0],
                                   launch.block[1], launch.block[2], launch.shared_bytes, stream->cu, nullptr, packed);
  } else {
    if (launch.flags & wire::Launch::cooperative) {
      attributes[count] = {};
      attributes[count].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
      attributes[count++].value.cooperative = 1;
    }
    CUlaunchConfig config{};
    config.gridDimX = launch.grid[0], config.gridDimY = launch.grid[1], config.gridDimZ = launch.grid[2];
    config.blockDimX = launch.block[0], config.blockDimY = launch.block[1], config.blockDimZ = launch.block[2];
    config.sharedMemBytes = launch.shared_bytes;
    config.hStream = stream->cu;
    config.attrs = attributes, config.numAttrs = count;
    status = driver.cuLaunchKernelEx(&config, function, nullptr, packed);
  }
  if (session.may_print) session.contexts[stream->context].launched = true;
  invoke.finish(status);
}

void carry_out_function_attribute(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::FunctionAttribute>();
  const calls::DriverTable& driver = session.driver;
  CUresult status;
  if (wire::kind_of(arguments.function) == wire::Kind::kernel) {
    CUkernel kernel = invoke.resolve<CUkernel>(arguments.function);
    CUdevice device = invoke.device(arguments.device < 0 ? 0 : arguments.device);
    if (!invoke.valid()) return void(invoke.refuse());
    status = arguments.attribute == -1
                 ? driver.cuKernelSetCacheConfig(kernel, static_cast<CUfunc_cache>(arguments.cache_config), device)
                 : driver.cuKernelSetAttribute(static_cast<CUfunction_attribute>(arguments.attribute), arguments.value,
                                               kernel, device);
  } else {
    CUfunction function = invoke.resolve<CUfunction>(arguments.function);
    if (!invoke.valid()) return void(invoke.refuse());
    status = arguments.attribute == -1
                 ? driver.cuFuncSetCacheConfig(function, static_cast<CUfunc_cache>(arguments.cache_config))
                 : driver.cuFuncSetAttribute(function, static_cast<CUfunction_attribute>(arguments.attribute),
                                             arguments.value);
  }
  invoke.finish(status);
}

void carry_out_occupancy(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::Occupancy>();
  CUfunction function = invoke.resolve<CUfunction>(arguments.function);
  if (!invoke.valid()) return void(invoke.refuse());
  wire::OccupancyReply reply{};
  CUresult status = session.driver.cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      &reply.blocks, function, arguments.block_threads, arguments.dynamic_shared_bytes, arguments.flags);
  invoke.reply(status, reply);
}

}  // namespace gpool::worker
