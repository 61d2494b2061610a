// How many blocks fit: a pure function of the kernel, the block and the shared memory, so it is asked once and kept
// until an attribute of the kernel changes.
#include <algorithm>
#include <climits>
#include <map>
#include <mutex>
#include <tuple>

#include "client/call.h"
#include "client/driver.h"
#include "client/module.h"

namespace gpool::client {
namespace {

// More threads than any block of any GPU has: an answer beyond this is none.
constexpr int kMostThreads = 16384;

using Key = std::tuple<Kernel*, uint32_t, Device*, int, size_t, unsigned>;

CUresult active_blocks(Call& call, CUfunction function, int threads, size_t shared, unsigned flags, int& blocks) {
  Kernel* kernel = find_kernel(call, function);
  if (kernel == nullptr) return call.result();
  if (threads <= 0 || (flags & ~static_cast<unsigned>(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  static std::mutex& mutex = *new std::mutex;
  static auto& kept = *new std::map<Key, int>;
  Device* device = call.context() != nullptr ? call.context()->device : nullptr;
  const Key key{kernel, kernel->changes.load(), device, threads, shared, flags};
  {
    std::lock_guard lock(mutex);
    if (auto at = kept.find(key); at != kept.end()) {
      blocks = at->second;
      return CUDA_SUCCESS;
    }
  }
  wire::Occupancy arguments{};
  arguments.function = kernel->wire;
  arguments.block_threads = threads;
  arguments.flags = flags;
  arguments.dynamic_shared_bytes = shared;
  wire::OccupancyReply reply{};
  const CUresult status = call.session()->ask(wire::Message::occupancy, call.context(), arguments, reply);
  if (status != CUDA_SUCCESS) return status;
  if (reply.blocks < 0 || reply.blocks > kMostThreads) return CUDA_ERROR_UNKNOWN;
  blocks = reply.blocks;
  std::lock_guard lock(mutex);
  if (kept.size() > 65536) kept.clear();
  kept[key] = blocks;
  return CUDA_SUCCESS;
}

CUresult best_block(Call& call, int* grid, int* block, CUfunction function, CUoccupancyB2DSize shared_of, size_t shared,
                    int limit, unsigned flags) {
  Kernel* kernel = find_kernel(call, function);
  if (call.required(grid) == nullptr || call.required(block) == nullptr || kernel == nullptr) return call.result();
  const int32_t* attributes = call.context()->device->record.attributes;
  const int warp = attributes[CU_DEVICE_ATTRIBUTE_WARP_SIZE];
  const int per_processor = attributes[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR];
  int most = std::min(attributes[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK],
                      kernel->attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK].load());
  if (limit > 0) most = std::min(most, limit);
  const int processors = attributes[CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT];
  if (warp <= 0 || most <= 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (warp > kMostThreads || most > kMostThreads || processors < 0 || processors > INT_MAX / kMostThreads)
    return call.end(CUDA_ERROR_UNKNOWN);
  int best_threads = 0;
  // From the largest block down, so that of equals the largest wins.
  for (int threads = (most + warp - 1) / warp * warp; threads > 0; threads -= warp) {
    const int tried = std::min(threads, most);
    int blocks = 0;
    const CUresult status =
        active_blocks(call, function, tried, shared_of != nullptr ? shared_of(tried) : shared, flags, blocks);
    if (status != CUDA_SUCCESS) return call.end(status);
    if (blocks * tried > best_threads) {
      best_threads = blocks * tried;
      *block = tried;
      *grid = blocks * processors;
    }
    if (best_threads >= per_processor) break;
  }
  return call.end(best_threads > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize,
                                                                         size_t dynamicSMemSize, unsigned int flags) {
  Call call("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", Needs::context);
  if (call.required(numBlocks) == nullptr || !call.ok()) return call.result();
  return call.end(active_blocks(call, func, blockSize, dynamicSMemSize, flags, *numBlocks));
}

extern "C" CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize,
                                                                size_t dynamicSMemSize) {
  Call call("cuOccupancyMaxActiveBlocksPerMultiprocessor", Needs::context);
  if (call.required(numBlocks) == nullptr || !call.ok()) return call.result();
  return call.end(active_blocks(call, func, blockSize, dynamicSMemSize, 0, *numBlocks));
}

extern "C" CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                                     CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                     size_t dynamicSMemSize, int blockSizeLimit) {
  Call call("cuOccupancyMaxPotentialBlockSize", Needs::context);
  return best_block(call, minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit, 0);
}

extern "C" CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                              CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                              size_t dynamicSMemSize, int blockSizeLimit,
                                                              unsigned int flags) {
  Call call("cuOccupancyMaxPotentialBlockSizeWithFlags", Needs::context);
  return best_block(call, minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit,
                    flags);
}
