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
};

struct Cubin {
  int architecture = 0;
  std::vector<CubinKernel> kernels;
};

struct Contents {
  std::vector<PtxText> ptx;   // newest architecture first
  std::vector<Cubin> cubins;  // those that carry no PTX
  std::string kind;           // for messages: "PTX", "cubin", "fatbin"
};

// Reads an image whose length is unknown. False with a sentence when it is none, or is damaged.
bool read(const void* image, Contents& contents, std::string& problem);
// The same for an image of known length, such as a file.
bool read(std::span<const std::byte> image, Contents& contents, std::string& problem);

// 0 when `image` begins with no known header (then it may be text, which ends with a NUL byte).
uint64_t size_of(const void* image);

}  // namespace gpool::image
