// ELF cubins: the PTX text that debug information carries, kernels with their parameter layouts and needs, variables.
// Machine code is not looked at.
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
  std::vector<CubinVariable> variables() const;

 private:
  struct Section {
    std::string_view name;
    std::span<const std::byte> bytes;  // empty where the file holds none (zeros)
    uint64_t size;
    uint64_t alignment;
  };
  struct Symbol {
    std::string_view name;
    uint8_t type, other;
    uint16_t section;
    uint64_t value, size;
  };
  const Section* find(std::string_view name) const;
  std::vector<Symbol> symbols() const;

  std::span<const std::byte> bytes_;
  std::vector<Section> sections_;
  bool valid_ = false;
};

}  // namespace gpool::image
