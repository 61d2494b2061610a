// ELF cubins: the PTX text that debug information carries, kernel names and parameter layouts. Machine code is not
// looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/image/image.h"

namespace gpool::image {

class CubinReader {
 public:
  explicit CubinReader(std::span<const std::byte> bytes);
  bool valid() const { return valid_; }
  int architecture() const;
  std::string debug_ptx() const;  // empty when there is none
  std::vector<CubinKernel> kernels() const;

 private:
  struct Section {
    std::string_view name;
    std::span<const std::byte> bytes;
  };
  std::span<const std::byte> bytes_;
  std::vector<Section> sections_;
  bool valid_ = false;
};

}  // namespace gpool::image
