// The containers of code, as the emulated GPU reads them when their length is known.
#include "emulator/image/image.h"

#include <cstring>
#include <string>

#include "tests/fuzz/target.h"

namespace {

using Bytes = std::vector<uint8_t>;

template <class T>
void put(Bytes& bytes, size_t at, T value) {
  if (bytes.size() < at + sizeof value) bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// An ELF with a section for the code of a kernel, its attributes, its symbols, variables and perhaps its PTX.
Bytes cubin(bool with_ptx) {
  static const std::string kNames[] = {"",          ".shstrtab",    ".strtab",         ".symtab",
                                       ".text.add", ".nv.info.add", ".nv.global.init", ".nv_debug_ptx_txt"};
  const auto count = uint16_t(std::size(kNames) - (with_ptx ? 0 : 1));
  std::string names, symbol_names = std::string(1, '\0') + "add" + std::string(1, '\0') + "answer";
  Bytes bytes(64), symbols(3 * 24);
  put<uint32_t>(bytes, 0, 0x464C457F);
  put<uint32_t>(bytes, 0x30, 75);  // of sm_75
  for (uint32_t i : {1u, 2u}) {
    put<uint32_t>(symbols, i * 24, i == 1 ? 1 : 5);
    put<uint8_t>(symbols, i * 24 + 4, i == 1 ? 0x12 : 0x11);
    put<uint8_t>(symbols, i * 24 + 5, i == 1 ? 0x10 : 0);
    put<uint16_t>(symbols, i * 24 + 6, i == 1 ? 4 : 6);
    put<uint64_t>(symbols, i * 24 + 16, 16);
  }
  Bytes information;
  for (uint32_t word : {0x00101904u, 0u, 0x000c1704u, 0u, 0x00000000u, 0x0021f000u, 0x00042f04u, 16u}) {
    const size_t at = information.size();
    put(information, at, word);
  }
  Bytes table;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string text = i == 2 ? symbol_names : i == 7 ? ".version 7.0" : std::string(32, '\0');
    Bytes content = i == 3 ? symbols : i == 5 ? information : Bytes(text.begin(), text.end());
    if (i == 0) content.clear();
    put<uint32_t>(table, i * 64, uint32_t(names.size()));
    put<uint32_t>(table, i * 64 + 4, i == 3 ? 2 : 1);
    put<uint64_t>(table, i * 64 + 0x18, bytes.size());
    put<uint64_t>(table, i * 64 + 0x20, content.size());
    put<uint64_t>(table, i * 64 + 0x30, 8);
    put<uint64_t>(table, i * 64 + 0x38, i == 3 ? 24 : 0);
    names += kNames[i] + std::string(1, '\0');
    bytes.insert(bytes.end(), content.begin(), content.end());
  }
  put<uint64_t>(table, 64 + 0x18, bytes.size());
  put<uint64_t>(table, 64 + 0x20, names.size());
  bytes.insert(bytes.end(), names.begin(), names.end());
  bytes.resize((bytes.size() + 7) / 8 * 8);
  put<uint64_t>(bytes, 0x28, bytes.size());
  put<uint16_t>(bytes, 0x3A, 64), put<uint16_t>(bytes, 0x3C, count), put<uint16_t>(bytes, 0x3E, 1);
  bytes.insert(bytes.end(), table.begin(), table.end());
  return bytes;
}

void add_entry(Bytes& fatbin, uint16_t kind, uint64_t flags, uint64_t plain_bytes, const Bytes& payload) {
  const size_t at = fatbin.size();
  fatbin.resize(at + 64);
  put<uint16_t>(fatbin, at, kind);
  put<uint32_t>(fatbin, at + 4, 64);
  put<uint64_t>(fatbin, at + 8, payload.size());
  put<uint32_t>(fatbin, at + 16, uint32_t(payload.size()));
  put<uint32_t>(fatbin, at + 28, 75);
  put<uint64_t>(fatbin, at + 40, flags);
  put<uint64_t>(fatbin, at + 56, plain_bytes);
  fatbin.insert(fatbin.end(), payload.begin(), payload.end());
  put<uint64_t>(fatbin, 8, fatbin.size() - 16);
}

Bytes fatbin(bool with_ptx) {
  Bytes bytes(16);
  put<uint32_t>(bytes, 0, 0xBA55ED50);
  put<uint16_t>(bytes, 4, 1), put<uint16_t>(bytes, 6, 16);
  const std::string text = "// \n.version 7.0\n";
  // One block of LZ4: a token for thirteen letters as they are, and one that repeats four of them.
  Bytes packed{0xd0};
  packed.insert(packed.end(), text.begin(), text.begin() + 13);
  packed.insert(packed.end(), {4, 0, 0x50, 'a', 'b', 'c', 'd', 'e'});
  if (with_ptx) {
    add_entry(bytes, 1, 0, 0, Bytes(text.begin(), text.end()));
    add_entry(bytes, 1, 0x2000, 22, packed);
  }
  add_entry(bytes, 2, 0, 0, cubin(false));
  return bytes;
}

}  // namespace

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  inputs.push_back(cubin(true));
  inputs.push_back(cubin(false));
  inputs.push_back(fatbin(true));
  inputs.push_back(fatbin(false));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gpool::image::Contents contents;
  std::string problem;
  if (!gpool::image::read(std::as_bytes(std::span(data, size)), contents, problem)) FUZZ_EXPECT(!problem.empty());
  for (const auto& text : contents.ptx) FUZZ_EXPECT(text.text.find('\0') == std::string::npos);
  return 0;
}
