#include "emulator/image/cubin.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace gpool::image {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint32_t kNoBits = 8;  // a section type without bytes in the file
// What ELF symbols are, and the mark of a kernel among functions.
constexpr uint8_t kObject = 1, kFunction = 2, kEntry = 0x10;

// Attributes of `.nv.info` and `.nv.info.<kernel>`.
enum : uint8_t {
  kMaxThreads = 0x05,
  kRequiredBlock = 0x10,
  kFrameBytes = 0x11,
  kParameter = 0x17,
  kParameterBytes = 0x19,
  kRegisters = 0x2f,
};

// Calls `visit(attribute, value, block)` for each entry: u8 format, u8 attribute, u16 value; format 4: a block of
// `value` bytes follows.
template <class Visit>
void for_each_attribute(std::span<const std::byte> rest, Visit&& visit) {
  while (rest.size() >= 4) {
    auto format = load<uint8_t>(rest.data()), attribute = load<uint8_t>(rest.data() + 1);
    auto value = load<uint16_t>(rest.data() + 2);
    rest = rest.subspan(4);
    std::span<const std::byte> block;
    if (format == 4) {
      if (value > rest.size()) return;
      block = rest.first(value);
      rest = rest.subspan(value);
    }
    visit(attribute, value, block);
  }
}

}  // namespace

CubinReader::CubinReader(std::span<const std::byte> bytes) : bytes_(bytes) {
  if (bytes.size() < 64) return;
  uint64_t table = load<uint64_t>(bytes.data() + 0x28);
  uint64_t entry = load<uint16_t>(bytes.data() + 0x3A), count = load<uint16_t>(bytes.data() + 0x3C);
  uint64_t names_index = load<uint16_t>(bytes.data() + 0x3E);
  if (count == 0 || entry < 64 || table > bytes.size() || entry * count > bytes.size() - table || names_index >= count)
    return;
  auto section = [&](uint64_t index, std::span<const std::byte>& content, uint64_t& size) {
    const std::byte* header = bytes.data() + table + index * entry;
    uint64_t offset = load<uint64_t>(header + 0x18);
    size = load<uint64_t>(header + 0x20);
    content = {};
    if (load<uint32_t>(header + 4) == kNoBits) return true;
    if (offset > bytes.size() || size > bytes.size() - offset) return false;
    content = bytes.subspan(offset, size);
    return true;
  };
  std::span<const std::byte> names;
  uint64_t size;
  if (!section(names_index, names, size)) return;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t at = load<uint32_t>(bytes.data() + table + i * entry);
    std::span<const std::byte> content;
    if (at >= names.size() || !section(i, content, size)) return;
    const char* name = reinterpret_cast<const char*>(names.data()) + at;
    sections_.push_back({std::string_view(name, strnlen(name, names.size() - at)), content, size,
                         load<uint64_t>(bytes.data() + table + i * entry + 0x30)});
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

const CubinReader::Section* CubinReader::find(std::string_view name) const {
  for (const Section& section : sections_) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

std::vector<CubinReader::Symbol> CubinReader::symbols() const {
  const Section *table = find(".symtab"), *names = find(".strtab");
  std::vector<Symbol> symbols;
  if (!table || !names) return symbols;
  constexpr size_t kBytes = 24;
  for (size_t at = 0; at + kBytes <= table->bytes.size(); at += kBytes) {
    const std::byte* entry = table->bytes.data() + at;
    uint32_t name = load<uint32_t>(entry);
    Symbol symbol{{},
                  uint8_t(load<uint8_t>(entry + 4) & 15),
                  load<uint8_t>(entry + 5),
                  load<uint16_t>(entry + 6),
                  load<uint64_t>(entry + 8),
                  load<uint64_t>(entry + 16)};
    if (name < names->bytes.size()) {
      const char* text = reinterpret_cast<const char*>(names->bytes.data()) + name;
      symbol.name = std::string_view(text, strnlen(text, names->bytes.size() - name));
    }
    symbols.push_back(symbol);
  }
  return symbols;
}

std::vector<CubinKernel> CubinReader::kernels() const {
  constexpr std::string_view kInfo = ".nv.info.", kShared = ".nv.shared.";
  std::vector<CubinKernel> kernels;
  std::unordered_map<std::string_view, size_t> by_name;  // names lie in the image
  std::unordered_map<uint32_t, size_t> by_symbol;
  const std::vector<Symbol> symbols = this->symbols();
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    const Symbol& symbol = symbols[i];
    if (symbol.type != kFunction || !(symbol.other & kEntry) || symbol.section == 0) continue;
    auto [at, added] = by_name.emplace(symbol.name, kernels.size());
    by_symbol[i] = at->second;
    if (added) kernels.emplace_back().name = symbol.name;
  }
  for (const Section& section : sections_) {
    if (section.name == ".nv.info") {
      for_each_attribute(section.bytes, [&](uint8_t attribute, uint16_t, std::span<const std::byte> block) {
        if (block.size() < 8) return;
        auto kernel = by_symbol.find(load<uint32_t>(block.data()));
        if (kernel == by_symbol.end()) return;
        auto value = load<uint32_t>(block.data() + 4);
        if (attribute == kRegisters) kernels[kernel->second].registers = value;
        if (attribute == kFrameBytes) kernels[kernel->second].local_bytes = value;
      });
    } else if (section.name.starts_with(kInfo)) {
      auto at = by_name.find(section.name.substr(kInfo.size()));
      if (at == by_name.end()) continue;
      CubinKernel& kernel = kernels[at->second];
      for_each_attribute(section.bytes, [&](uint8_t attribute, uint16_t value, std::span<const std::byte> block) {
        auto word = [&](size_t i) { return load<uint32_t>(block.data() + 4 * i); };
        if (attribute == kParameterBytes) {
          kernel.parameter_bytes = value;
        } else if (attribute == kParameter && block.size() >= 12) {
          // u32 index, u16 ordinal, u16 offset, u32 whose top 14 bits are the size.
          kernel.parameters.push_back({word(1) & 0xffff, word(1) >> 16, word(2) >> 18});
        } else if (attribute == kMaxThreads && block.size() >= 12) {
          kernel.max_threads = word(0) * word(1) * word(2);
        } else if (attribute == kRequiredBlock && block.size() >= 12) {
          for (size_t i = 0; i < 3; ++i) kernel.required_block[i] = word(i);
        }
      });
      std::sort(kernel.parameters.begin(), kernel.parameters.end(),
                [](const CubinParameter& a, const CubinParameter& b) { return a.ordinal < b.ordinal; });
    } else if (section.name.starts_with(kShared)) {
      auto at = by_name.find(section.name.substr(kShared.size()));
      if (at == by_name.end()) continue;
      // From sm_90 on a block's shared memory begins with the system's kilobyte.
      const uint64_t reserved = architecture() >= 90 && section.size >= 1024 ? 1024 : 0;
      kernels[at->second].shared_bytes = static_cast<uint32_t>(section.size - reserved);
    }
  }
  return kernels;
}

std::vector<CubinVariable> CubinReader::variables() const {
  std::vector<CubinVariable> variables;
  for (const Symbol& symbol : symbols()) {
    if (symbol.type != kObject || symbol.section == 0 || symbol.section >= sections_.size() || symbol.size == 0)
      continue;
    const Section& section = sections_[symbol.section];
    // Constant bank 3 is the program's; the others hold parameters and what the compiler needs.
    const bool constant = section.name == ".nv.constant3";
    if (!constant && section.name != ".nv.global" && section.name != ".nv.global.init") continue;
    if (symbol.value > section.size || symbol.size > section.size - symbol.value) continue;
    CubinVariable variable;
    variable.name = symbol.name;
    variable.bytes = symbol.size;
    variable.constant = constant;
    // The place within an aligned section bounds what alignment the variable can have asked for.
    variable.alignment = static_cast<uint32_t>(std::min<uint64_t>(std::max<uint64_t>(section.alignment, 1), 512));
    while (symbol.value % variable.alignment) variable.alignment /= 2;
    if (!section.bytes.empty()) {
      auto initial = section.bytes.subspan(symbol.value, symbol.size);
      variable.initial.assign(initial.begin(), initial.end());
    }
    variables.push_back(std::move(variable));
  }
  return variables;
}

}  // namespace gpool::image
