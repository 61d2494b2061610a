// nvcc: -arch=compute_90
// Copies that run beside the threads: cp.async in groups, with part of a copy filled with zeros, and tied to an
// mbarrier; cp.async.bulk to and from shared memory; mbarriers over several phases, as producer and consumer use them.
#include <cuda_awbarrier_primitives.h>
#include <cuda_pipeline_primitives.h>

#include "check.h"

constexpr int kThreads = 128, kStages = 3;

__device__ uint32_t shared_address(const void* pointer) {
  return (uint32_t)__cvta_generic_to_shared(pointer);
}
__device__ bool done(const uint64_t* barrier, uint32_t parity) {
  uint32_t answer;
  asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
               : "=r"(answer)
               : "r"(shared_address(barrier)), "r"(parity)
               : "memory");
  return answer;
}

// A ring of stages that are filled ahead. The last tile is short: what is missing of it becomes zero.
__global__ void ring(const float* values, int count, float* sums) {
  __shared__ alignas(16) float stages[kStages][kThreads];
  const int tiles = (count + kThreads - 1) / kThreads, lane = threadIdx.x;
  auto fetch = [&](int tile) {
    if (tile < tiles) {
      const int at = tile * kThreads + lane;
      const bool inside = at < count;
      __pipeline_memcpy_async(&stages[tile % kStages][lane], &values[inside ? at : 0], 4, inside ? 0 : 4);
    }
    __pipeline_commit();
  };
  float sum = 0;
  for (int tile = 0; tile < kStages - 1; ++tile) fetch(tile);
  for (int tile = 0; tile < tiles; ++tile) {
    fetch(tile + kStages - 1);
    __pipeline_wait_prior(kStages - 1);
    __syncthreads();
    sum += stages[tile % kStages][(lane + 1) % kThreads];
    __syncthreads();
  }
  sums[lane] = sum;
}

// Threads arrive when their copies have landed; `state` says which phase they wait for.
__global__ void landed(const int4* values, int* reversed) {
  __shared__ alignas(16) int4 tile[kThreads];
  __shared__ __mbarrier_t barrier;
  if (threadIdx.x == 0) __mbarrier_init(&barrier, kThreads);
  __syncthreads();
  for (int round = 0; round < 2; ++round) {
    __pipeline_memcpy_async(&tile[threadIdx.x], &values[round * kThreads + threadIdx.x], 16);
    __pipeline_arrive_on(&barrier);
    const __mbarrier_token_t state = __mbarrier_arrive(&barrier);
    while (!__mbarrier_test_wait(&barrier, state)) {
    }
    const int4 other = tile[kThreads - 1 - threadIdx.x];
    reversed[round * kThreads + threadIdx.x] = other.x + other.y + other.z + other.w;
    __syncthreads();
  }
}

// One thread orders whole tiles; the barrier counts their bytes. The last warp then writes back what the others made.
__global__ void bulk(const int* values, int tiles, int* out) {
  __shared__ alignas(128) int tile[2][kThreads];
  __shared__ alignas(128) int result[kThreads];
  __shared__ uint64_t full[2];
  const int lane = threadIdx.x;
  if (lane < 2) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&full[lane])), "r"(1));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  auto fetch = [&](int number) {
    const uint32_t barrier = shared_address(&full[number % 2]), bytes = kThreads * sizeof(int);
    asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(barrier),
                 "r"(bytes)
                 : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     shared_address(tile[number % 2])),
                 "l"(values + number * kThreads), "r"(bytes), "r"(barrier)
                 : "memory");
  };
  if (lane == 0) fetch(0);
  int sum = 0;
  for (int number = 0; number < tiles; ++number) {
    if (lane == 0 && number + 1 < tiles) fetch(number + 1);
    while (!done(&full[number % 2], number / 2 % 2)) {
    }
    sum = sum * 3 + tile[number % 2][lane ^ 1];
    __syncthreads();
  }
  result[lane] = sum;
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  if (lane == 0) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(out), "r"(shared_address(result)),
                 "r"((uint32_t)sizeof result)
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;");
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
  }
}

// Two warps hand numbers to two others through one slot; a full and an empty barrier, many phases.
__global__ void hand_over(int rounds, int* out) {
  __shared__ int slot[64];
  __shared__ uint64_t full, empty;
  const int warp = threadIdx.x / 32, place = threadIdx.x % 64;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 64;" ::"r"(shared_address(&full)));
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 64;" ::"r"(shared_address(&empty)));
  }
  __syncthreads();
  int sum = 0;
  for (int round = 0; round < rounds; ++round) {
    if (warp < 2) {
      if (round)
        while (!done(&empty, (round - 1) % 2)) {
        }
      slot[place] = round * 100 + place;
      asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(&full)) : "memory");
    } else {
      while (!done(&full, round % 2)) {
      }
      sum += slot[63 - place];
      asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(&empty)) : "memory");
    }
  }
  if (warp >= 2) out[place] = sum;
}

int main() {
  const std::vector<uint32_t> words = random_words(8 * kThreads, 21);
  const int count = 5 * kThreads + 37;
  std::vector<float> values(count), sums(kThreads);
  for (int i = 0; i < count; ++i) values[i] = (float)(words[i] % 1000);
  for (int i = 0; i < 6 * kThreads; ++i) {
    const int from = i / kThreads * kThreads + (i + 1) % kThreads;
    if (from < count) sums[i % kThreads] += values[from];
  }
  DeviceArray<float> device_values(values), device_sums(kThreads);
  ring<<<1, kThreads>>>(device_values.data(), count, device_sums.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("ring", device_sums.to_host(), sums);

  std::vector<int> numbers(words.begin(), words.end()), reversed(2 * kThreads);
  for (int i = 0; i < 2 * kThreads; ++i) {
    const int from = i / kThreads * kThreads + kThreads - 1 - i % kThreads;
    for (int k = 0; k < 4; ++k) reversed[i] = (int)((uint32_t)reversed[i] + (uint32_t)numbers[4 * from + k]);
  }
  DeviceArray<int> device_numbers(numbers), device_reversed(2 * kThreads);
  landed<<<1, kThreads>>>((const int4*)device_numbers.data(), device_reversed.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("copies that arrive", device_reversed.to_host(), reversed);

  const int tiles = 7;
  std::vector<int> folded(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    uint32_t sum = 0;
    for (int tile = 0; tile < tiles; ++tile) sum = sum * 3 + words[tile * kThreads + (i ^ 1)];
    folded[i] = (int)sum;
  }
  DeviceArray<int> device_folded(kThreads);
  bulk<<<1, kThreads>>>(device_numbers.data(), tiles, device_folded.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("bulk copies", device_folded.to_host(), folded);

  const int rounds = 9;
  std::vector<int> handed(64);
  for (int i = 0; i < 64; ++i)
    for (int round = 0; round < rounds; ++round) handed[i] += round * 100 + 63 - i;
  DeviceArray<int> device_handed(64);
  hand_over<<<1, kThreads>>>(rounds, device_handed.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("producers and consumers", device_handed.to_host(), handed);
  return pass("async_copies", "checksum=%016llx", checksum(sums) ^ checksum(reversed) ^ checksum(folded));
}
