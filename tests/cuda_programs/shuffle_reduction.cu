// Warp shuffles in all four modes, votes, match, and a block reduction over several warps, the last of them partly
// filled.
#include "check.h"

constexpr unsigned kAll = 0xffffffffu;

__global__ void reduce_sum(const int* values, int count, int* sums) {
  __shared__ int warp_sums[32];
  int sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) sum += values[i];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(kAll, sum, distance);
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < (blockDim.x + 31) / 32 ? warp_sums[threadIdx.x] : 0;
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(kAll, sum, distance);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
  }
}

__global__ void prefix_sum_and_votes(const int* values, int* prefix, unsigned* ballots, int* votes, int* rotated,
                                     double* wide) {
  const int lane = threadIdx.x;
  const int value = values[lane];
  int sum = value;
  for (int distance = 1; distance < 32; distance *= 2) {
    const int other = __shfl_up_sync(kAll, sum, distance);
    if (lane >= distance) sum += other;
  }
  prefix[lane] = sum;
  ballots[lane] = __ballot_sync(kAll, value & 1);
  votes[lane] = __any_sync(kAll, value == 17) * 2 + __all_sync(kAll, value < 1000);
  rotated[lane] = __shfl_sync(kAll, value, lane + 3, 8);         // within segments of eight lanes
  wide[lane] = __shfl_sync(kAll, value * 0.5, (lane + 1) % 32);  // 64 bits: two shuffles
}

// Only some lanes take part: the mask names them, and the others are elsewhere.
__global__ void partial_mask(const int* values, int* sums) {
  const int lane = threadIdx.x;
  if (lane < 20) {
    const unsigned mask = __ballot_sync(0xfffffu, 1);
    int sum = values[lane];
    for (int distance = 16; distance > 0; distance /= 2) {
      const int other = __shfl_down_sync(0xfffffu, sum, distance);
      if (lane + distance < 20) sum += other;
    }
    if (lane == 0) {
      sums[0] = sum;
      sums[1] = __popc(mask);
    }
  }
}

int main() {
  const int count = 10007, blocks = 5, threads = 7 * 32 + 32;
  std::vector<uint32_t> words = random_words(count, 3);
  std::vector<int> values(count);
  for (int i = 0; i < count; ++i) values[i] = (int)(words[i] % 2001) - 1000;

  std::vector<int> wanted_sums(blocks);
  for (int i = 0; i < count; ++i) wanted_sums[(i / threads) % blocks] += values[i];
  DeviceArray<int> device_values(values), sums(blocks);
  reduce_sum<<<blocks, threads>>>(device_values.data(), count, sums.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("block sums", sums.to_host(), wanted_sums);

  std::vector<int> lanes(values.begin(), values.begin() + 32);
  lanes[9] = 17;
  DeviceArray<int> device_lanes(lanes), prefix(32), votes(32), rotated(32);
  DeviceArray<unsigned> ballots(32);
  DeviceArray<double> wide(32);
  prefix_sum_and_votes<<<1, 32>>>(device_lanes.data(), prefix.data(), ballots.data(), votes.data(), rotated.data(),
                                  wide.data());
  CUDA_CHECK(cudaGetLastError());
  std::vector<int> wanted_prefix(32), wanted_rotated(32);
  std::vector<double> wanted_wide(32);
  unsigned odd = 0;
  bool all_small = true;
  for (int i = 0, sum = 0; i < 32; ++i) {
    wanted_prefix[i] = sum += lanes[i];
    wanted_rotated[i] = lanes[i / 8 * 8 + (i + 3) % 8];
    wanted_wide[i] = lanes[(i + 1) % 32] * 0.5;
    odd |= (unsigned)(lanes[i] & 1) << i;
    all_small = all_small && lanes[i] < 1000;
  }
  expect_equal("prefix sums", prefix.to_host(), wanted_prefix);
  expect_equal("ballots", ballots.to_host(), std::vector<unsigned>(32, odd));
  expect_equal("votes", votes.to_host(), std::vector<int>(32, 2 + all_small));
  expect_equal("segment rotation", rotated.to_host(), wanted_rotated);
  expect_equal("64-bit shuffle", wide.to_host(), wanted_wide);

  DeviceArray<int> partial(2);
  partial_mask<<<1, 32>>>(device_lanes.data(), partial.data());
  CUDA_CHECK(cudaGetLastError());
  expect_equal("partial mask", partial.to_host(), std::vector<int>{wanted_prefix[19], 20});
  return pass("shuffle_reduction", "checksum=%016llx", checksum(wanted_sums) ^ checksum(wanted_prefix));
}
