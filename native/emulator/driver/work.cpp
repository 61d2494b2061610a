#include "emulator/driver/work.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"
#include "emulator/driver/log.h"
#include "emulator/driver/memory.h"
#include "emulator/driver/module.h"
#include "emulator/driver/pool.h"

namespace gpool::emulator {
namespace {

using std::chrono::microseconds;

bool must_stop(const Context& context) {
  return driver().stopping() || context.stopping;
}

// Sleeps in short pieces, so that an injected delay never holds up the end of the process.
void delay(const Context& context, microseconds time) {
  auto end = std::chrono::steady_clock::now() + time;
  while (!must_stop(context)) {
    auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, std::chrono::milliseconds(5)));
  }
}

CUresult code_of(ptx::Fault::Kind kind) {
  switch (kind) {
    case ptx::Fault::Kind::none:
    case ptx::Fault::Kind::stopped:
      return CUDA_SUCCESS;
    case ptx::Fault::Kind::illegal_address:
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    case ptx::Fault::Kind::misaligned_address:
      return CUDA_ERROR_MISALIGNED_ADDRESS;
    case ptx::Fault::Kind::trap:
      return CUDA_ERROR_LAUNCH_FAILED;
    case ptx::Fault::Kind::assert_failed:
      return CUDA_ERROR_ASSERT;
    case ptx::Fault::Kind::illegal_instruction:
      return CUDA_ERROR_ILLEGAL_INSTRUCTION;
    case ptx::Fault::Kind::timeout:
      return CUDA_ERROR_LAUNCH_TIMEOUT;
  }
  return CUDA_ERROR_UNKNOWN;
}

CUresult fail(Context& context, CUresult code, const std::string& sentence) {
  context.poison(code, sentence);
  return code;
}

CUresult run_kernel(Context& context, const KernelWork& work) {
  const Faults& faults = driver().settings().faults;
  const std::string& name = work.function->kernel().name;
  uint64_t number = driver().count_launch();
  if (number == faults.launch_fail_at) {
    return fail(context, CUDA_ERROR_LAUNCH_FAILED,
                "injected fault: launch " + std::to_string(number) + " (" + name + ")");
  }
  if (number == faults.ecc_error_at)
    return fail(context, CUDA_ERROR_ECC_UNCORRECTABLE,
                "injected fault: uncorrectable memory error at launch " + std::to_string(number) + " (" + name + ")");
  if (number == faults.crash_at) std::raise(SIGSEGV);
  if (faults.device_lost_at && number >= faults.device_lost_at) {
    for (Device& device : driver().devices()) device.primary->poison(CUDA_ERROR_UNKNOWN, "injected fault: device lost");
    return fail(context, CUDA_ERROR_UNKNOWN, "injected fault: device lost");
  }
  if (!faults.hang_kernel.empty() && name == faults.hang_kernel) {
    log(Level::warn, "injected fault: kernel " + name + " hangs");
    while (!must_stop(context)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return CUDA_SUCCESS;
  }
  if (faults.slow_kernels_us) delay(context, microseconds(faults.slow_kernels_us));

  ptx::Launch launch;
  for (int i = 0; i < 3; ++i) {
    launch.grid[i] = work.grid[i];
    launch.block[i] = work.block[i];
  }
  launch.dynamic_shared_bytes = work.shared;
  launch.parameters = work.parameters;
  launch.cooperative = work.cooperative;
  launch.regions = memory().regions(context.device, context.peers);
  ptx::Hooks hooks;
  hooks.print = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); };
  hooks.allocate = [&context](uint64_t bytes) { return context.heap_allocate(bytes); };
  hooks.free = [&context](uint64_t address) { context.heap_free(address); };
  hooks.stop = [&context] { return must_stop(context); };
  ptx::Fault fault = driver().engine().run(*work.function->code, work.function->index, launch, hooks);
  CUresult code = code_of(fault.kind);
  return code == CUDA_SUCCESS ? code : fail(context, code, fault.sentence);
}

CUresult run_copy(Context& context, const CopyWork& work) {
  for (uint64_t z = 0; z < work.depth; ++z) {
    uint64_t to = work.destination + z * work.destination_slice, from = work.source + z * work.source_slice;
    bool dense = work.height == 1 || (work.destination_pitch == work.width && work.source_pitch == work.width);
    uint64_t rows = dense ? 1 : work.height, bytes = dense ? work.width * work.height : work.width;
    for (uint64_t y = 0; y < rows; ++y) {
      std::memmove(reinterpret_cast<void*>(to + y * work.destination_pitch),
                   reinterpret_cast<const void*>(from + y * work.source_pitch), bytes);
    }
  }
  if (uint64_t rate = driver().settings().faults.slow_copies) {
    delay(context, microseconds(work.bytes() * 1000000 / rate));
  }
  return CUDA_SUCCESS;
}

template <class T>
void fill_row(uint64_t address, uint64_t count, uint32_t value) {
  std::fill_n(reinterpret_cast<T*>(address), count, static_cast<T>(value));
}

CUresult run_memset(const MemsetWork& work) {
  for (uint64_t y = 0; y < work.height; ++y) {
    uint64_t row = work.address + y * work.pitch;
    if (work.element == 1) {
      fill_row<uint8_t>(row, work.width, work.value);
    } else if (work.element == 2) {
      fill_row<uint16_t>(row, work.width, work.value);
    } else {
      fill_row<uint32_t>(row, work.width, work.value);
    }
  }
  return CUDA_SUCCESS;
}

bool condition_holds(const ValueWork& work) {
  uint64_t now, wanted = work.value;
  if (work.wide) {
    now = __atomic_load_n(reinterpret_cast<uint64_t*>(work.address), __ATOMIC_ACQUIRE);
  } else {
    now = __atomic_load_n(reinterpret_cast<uint32_t*>(work.address), __ATOMIC_ACQUIRE);
    wanted = static_cast<uint32_t>(wanted);
  }
  switch (work.flags & 3) {
    case CU_STREAM_WAIT_VALUE_GEQ:
      return work.wide ? static_cast<int64_t>(now - wanted) >= 0
                       : static_cast<int32_t>(static_cast<uint32_t>(now - wanted)) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
      return now == wanted;
    case CU_STREAM_WAIT_VALUE_AND:
      return (now & wanted) != 0;
    default:
      return work.wide ? ~(now | wanted) != 0 : static_cast<uint32_t>(~(now | wanted)) != 0;
  }
}

CUresult run_value(Context& context, const ValueWork& work) {
  if (!work.wait) {
    if (work.wide) {
      __atomic_store_n(reinterpret_cast<uint64_t*>(work.address), work.value, __ATOMIC_SEQ_CST);
    } else {
      __atomic_store_n(reinterpret_cast<uint32_t*>(work.address), static_cast<uint32_t>(work.value), __ATOMIC_SEQ_CST);
    }
    return CUDA_SUCCESS;
  }
  for (int spins = 0; !condition_holds(work) && !must_stop(context); ++spins) {
    if (spins < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(microseconds(100));
    }
  }
  return CUDA_SUCCESS;
}

CUresult run_graph(const GraphWork& work) {
  std::vector<GraphExec::Step> steps;
  {
    std::lock_guard lock(work.exec->mutex);
    steps = work.exec->steps;
  }
  CUresult first = CUDA_SUCCESS;
  for (const GraphExec::Step& step : steps) {
    // An event is reached behind an error as well: somebody may be waiting for it.
    if (const auto* record = std::get_if<EventRecordWork>(&step.work)) {
      record->stamp->complete();
    } else if (!step.enabled || first != CUDA_SUCCESS) {
      continue;
    } else if (const auto* wait = std::get_if<EventWaitWork>(&step.work)) {
      if (wait->stamp) wait->stamp->wait();
    } else {
      first = run(*step.context, step.work);
    }
  }
  return first;
}

}  // namespace

CUresult run(Context& context, const Work& work) {
  bool broken = context.sticky.load() != 0 || must_stop(context);
  if (const auto* host = std::get_if<HostWork>(&work)) {
    if (driver().stopping() || (broken && !host->even_after_errors)) return CUDA_SUCCESS;
    in_host_function = true;
    host->call(static_cast<CUresult>(context.sticky.load()));
    in_host_function = false;
    return CUDA_SUCCESS;
  }
  if (const auto* free = std::get_if<FreeWork>(&work)) {
    free_pool_memory(free->address);  // also behind an error: the memory outlives the context
    return CUDA_SUCCESS;
  }
  if (const auto* graph = std::get_if<GraphWork>(&work)) return run_graph(*graph);  // asks again for each node
  if (broken) return CUDA_SUCCESS;  // work behind an error is dropped; its waiters read the error from the context
  if (const auto* kernel = std::get_if<KernelWork>(&work)) return run_kernel(context, *kernel);
  if (const auto* copy = std::get_if<CopyWork>(&work)) return run_copy(context, *copy);
  if (const auto* memset = std::get_if<MemsetWork>(&work)) return run_memset(*memset);
  if (const auto* value = std::get_if<ValueWork>(&work)) return run_value(context, *value);
  return CUDA_SUCCESS;  // empty nodes, and marks of events: their ticket is all of it
}

}  // namespace gpool::emulator
