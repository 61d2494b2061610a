// What a dry run reads from a cubin: a kernel with limits, shared memory and parameters of several sizes, and
// variables.
struct Large {
  char bytes[200];
};
__constant__ float factors[4] = {1, 2, 3, 4};
__device__ int counts[10];
__device__ int seven = 7;

extern "C" __global__ void __launch_bounds__(128) fill(float* to, int n, Large large) {
  __shared__ float kept[77];
  extern __shared__ float more[];
  kept[threadIdx.x] = to[n];
  __syncthreads();
  to[n] = factors[n & 3] + counts[1] + seven + large.bytes[n] + kept[3] + more[1];
}

extern "C" __global__ void nothing() {}
