// What programs hand to cuModuleLoadData: PTX text, cubins, fatbins and wrappers around them. Sizes are not passed
// along with such an image; they are computed from its headers and bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gpool::image {

struct PtxText {
  int architecture = 0;  // 121 for sm_121; 0 when the container does not say
  std::string text;      // without NUL bytes
};

struct CubinParameter {
  uint32_t ordinal, offset, bytes;
};

struct CubinKernel {
  std::string name;
  std::vector<CubinParameter> parameters;  // by ordinal
  uint32_t parameter_bytes = 0;
  uint32_t shared_bytes = 0;  // static, without what the system reserves of every block
  uint32_t local_bytes = 0;   // per thread
  uint32_t registers = 0;     // per thread; 0: not said
  uint32_t max_threads = 0;   // of __launch_bounds__; 0: not said
  uint32_t required_block[3] = {0, 0, 0};
};

// A __device__ or __constant__ variable. Addresses of other variables that it begins with are not filled in.
struct CubinVariable {
  std::string name;
  uint64_t bytes = 0;
  uint32_t alignment = 1;
  bool constant = false;
  std::vector<std::byte> initial;  // empty, or `bytes` long
};

struct Cubin {
  int architecture = 0;
  std::vector<CubinKernel> kernels;
  std::vector<CubinVariable> variables;
};

struct Contents {
  std::vector<PtxText> ptx;   // newest architecture first
  std::vector<Cubin> cubins;  // those that carry no PTX
  std::string kind;           // for messages: "PTX", "cubin", "fatbin"
};

// What of a fatbin is worth unpacking.
enum class Wanted : uint8_t {
  everything,  // all PTX and all cubins
  ptx,         // all PTX; where there is none, the cubin that the device can run best
  one_cubin,   // the cubin that the device can run best; where there is none, all PTX
};

// Reads an image whose length is unknown. False with a sentence when it is none, or is damaged. `device` is the
// architecture that cubins are chosen for, such as 121; `everything` does not look at it.
bool read(const void* image, Contents& contents, std::string& problem, Wanted wanted = Wanted::everything,
          int device = 0);
// The same for an image of known length, such as a file.
bool read(std::span<const std::byte> image, Contents& contents, std::string& problem,
          Wanted wanted = Wanted::everything, int device = 0);

// Machine code runs on devices of the same major number whose minor number is not smaller.
constexpr bool runs_on(int architecture, int device) {
  return architecture / 10 == device / 10 && architecture <= device;
}

// 0 when `image` begins with no known header (then it may be text, which ends with a NUL byte).
uint64_t size_of(const void* image);

}  // namespace gpool::image
