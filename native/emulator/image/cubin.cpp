#include "emulator/image/cubin.h"

#include <algorithm>
#include <cstring>

namespace gpool::image {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint32_t kNoBits = 8;  // a section type without bytes in the file

}  // namespace

CubinReader::CubinReader(std::span<const std::byte> bytes) : bytes_(bytes) {
  if (bytes.size() < 64) return;
  uint64_t table = load<uint64_t>(bytes.data() + 0x28);
  uint64_t entry = load<uint16_t>(bytes.data() + 0x3A), count = load<uint16_t>(bytes.data() + 0x3C);
  uint64_t names_index = load<uint16_t>(bytes.data() + 0x3E);
  if (count == 0 || entry < 64 || table > bytes.size() || entry * count > bytes.size() - table || names_index >= count)
    return;
  auto section = [&](uint64_t index, std::span<const std::byte>& content) {
    const std::byte* header = bytes.data() + table + index * entry;
    uint64_t offset = load<uint64_t>(header + 0x18), size = load<uint64_t>(header + 0x20);
    content = {};
    if (load<uint32_t>(header + 4) == kNoBits) return true;
    if (offset > bytes.size() || size > bytes.size() - offset) return false;
    content = bytes.subspan(offset, size);
    return true;
  };
  std::span<const std::byte> names;
  if (!section(names_index, names)) return;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t at = load<uint32_t>(bytes.data() + table + i * entry);
    std::span<const std::byte> content;
    if (at >= names.size() || !section(i, content)) return;
    const char* name = reinterpret_cast<const char*>(names.data()) + at;
    sections_.push_back({std::string_view(name, strnlen(name, names.size() - at)), content});
  }
  valid_ = true;
}

int CubinReader::architecture() const {
  // The flags word: its lowest byte up to CUDA 12, the second byte since CUDA 13's ELF ABI.
  uint32_t flags = load<uint32_t>(bytes_.data() + 0x30);
  uint32_t low = flags & 0xff, second = flags >> 8 & 0xff;
  return static_cast<int>(bytes_[8] != std::byte{0} && second ? second : low);
}

std::string CubinReader::debug_ptx() const {
  for (const Section& section : sections_) {
    if (section.name != ".nv_debug_ptx_txt") continue;
    std::string text(reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size());
    while (!text.empty() && text.back() == '\0') text.pop_back();
    std::replace(text.begin(), text.end(), '\0', '\n');  // lines are separated by NUL bytes
    return text;
  }
  return {};
}

std::vector<CubinKernel> CubinReader::kernels() const {
  constexpr std::string_view kPrefix = ".nv.info.";
  constexpr uint8_t kParameter = 0x17, kParameterBytes = 0x19;
  std::vector<CubinKernel> kernels;
  for (const Section& section : sections_) {
    if (!section.name.starts_with(kPrefix)) continue;
    CubinKernel kernel;
    kernel.name = section.name.substr(kPrefix.size());
    std::span<const std::byte> rest = section.bytes;
    while (rest.size() >= 4) {
      auto format = load<uint8_t>(rest.data()), attribute = load<uint8_t>(rest.data() + 1);
      auto value = load<uint16_t>(rest.data() + 2);
      rest = rest.subspan(4);
      if (format == 4) {
        if (value > rest.size()) break;
        if (attribute == kParameter && value >= 12) {
          kernel.parameters.push_back({load<uint16_t>(rest.data() + 4), load<uint16_t>(rest.data() + 6),
                                       load<uint32_t>(rest.data() + 8) >> 18});
        }
        rest = rest.subspan(value);
      } else if (format == 3 && attribute == kParameterBytes) {
        kernel.parameter_bytes = value;
      }
    }
    std::sort(kernel.parameters.begin(), kernel.parameters.end(),
              [](const CubinParameter& a, const CubinParameter& b) { return a.ordinal < b.ordinal; });
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

}  // namespace gpool::image
