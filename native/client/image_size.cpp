#include "client/image_size.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gpool::client {
namespace {

constexpr uint32_t kWrapperMagic = 0x466243b1;

template <typename T>
T read_at(const std::byte* image, size_t offset) {
  T value;
  std::memcpy(&value, image + offset, sizeof value);
  return value;
}

std::optional<std::span<const std::byte>> sized(const std::byte* image, uint64_t bytes) {
  if (bytes > kMaxImageBytes) return {};
  return std::span(image, static_cast<size_t>(bytes));
}

// A fatbin: u32 magic, u16 version, u16 header bytes, u64 bytes that follow. Several may follow each other without a
// gap (relocatable device code): a wrapper names only the first, and the linker has already merged them for loading.
std::optional<std::span<const std::byte>> fatbin(const std::byte* image) {
  const uint16_t header = read_at<uint16_t>(image, 6);
  const uint64_t body = read_at<uint64_t>(image, 8);
  if (header < 16 || body > kMaxImageBytes) return {};
  return sized(image, header + body);
}

// An ELF file ends where its last section, program segment or table ends.
std::optional<std::span<const std::byte>> elf(const std::byte* image) {
  if (read_at<uint8_t>(image, 4) != 2 || read_at<uint8_t>(image, 5) != 1) return {};  // 64 bits, little endian
  const uint64_t segments_at = read_at<uint64_t>(image, 0x20), sections_at = read_at<uint64_t>(image, 0x28);
  const uint16_t segment_bytes = read_at<uint16_t>(image, 0x36), segments = read_at<uint16_t>(image, 0x38);
  const uint16_t section_bytes = read_at<uint16_t>(image, 0x3a);
  uint64_t sections = read_at<uint16_t>(image, 0x3c);
  uint64_t end = 64;
  auto extend = [&](uint64_t offset, uint64_t bytes) {
    if (offset > kMaxImageBytes || bytes > kMaxImageBytes) return false;
    end = std::max(end, offset + bytes);
    return true;
  };
  if (segments > 0) {
    if (segment_bytes < 56 || !extend(segments_at, uint64_t{segment_bytes} * segments)) return {};
    for (uint64_t i = 0; i < segments; i++) {
      const uint64_t at = segments_at + i * segment_bytes;
      if (!extend(read_at<uint64_t>(image, at + 8), read_at<uint64_t>(image, at + 32))) return {};
    }
  }
  if (sections_at != 0) {
    if (section_bytes < 64 || !extend(sections_at, section_bytes)) return {};
    // More sections than 16 bits can count: the first one's size says how many.
    if (sections == 0) sections = read_at<uint64_t>(image, sections_at + 0x20);
    if (sections > kMaxImageBytes / 64 || !extend(sections_at, section_bytes * sections)) return {};
    for (uint64_t i = 0; i < sections; i++) {
      const uint64_t at = sections_at + i * section_bytes;
      constexpr uint32_t kNoBits = 8;
      if (read_at<uint32_t>(image, at + 4) == kNoBits) continue;
      if (!extend(read_at<uint64_t>(image, at + 0x18), read_at<uint64_t>(image, at + 0x20))) return {};
    }
  }
  return sized(image, end);
}

// PTX begins with comments and blanks, then the directive `.version`.
std::optional<std::span<const std::byte>> ptx(const std::byte* image) {
  const char* text = reinterpret_cast<const char*>(image);
  const char* at = text;
  while (true) {
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n' || *at == '\f' || *at == '\v') at++;
    if (at - text > (1 << 20)) return {};
    if (at[0] == '/' && at[1] == '/') {
      while (*at != 0 && *at != '\n') at++;
    } else if (at[0] == '/' && at[1] == '*') {
      const char* end = std::strstr(at + 2, "*/");
      if (end == nullptr) return {};
      at = end + 2;
    } else {
      break;
    }
  }
  if (std::strncmp(at, ".version", 8) != 0) return {};
  const size_t length = strnlen(text, kMaxImageBytes);
  if (length == kMaxImageBytes) return {};
  return sized(image, length + 1);
}

}  // namespace

std::optional<std::span<const std::byte>> find_image(const void* code) {
  const std::byte* image = static_cast<const std::byte*>(code);
  if (image == nullptr) return {};
  // Byte by byte: text may be shorter than a word, and end at the end of a page.
  auto starts_with = [&](std::string_view magic) {
    for (size_t i = 0; i < magic.size(); i++)
      if (static_cast<char>(image[i]) != magic[i]) return false;
    return true;
  };
  if (starts_with("\xb1\x43\x62\x46")) {
    // The wrapper: u32 magic, u32 version, pointer to the fatbin, pointer to names of linked files.
    const void* payload = read_at<const void*>(image, 8);
    const std::byte* inner = static_cast<const std::byte*>(payload);
    if (inner == nullptr || read_at<uint32_t>(inner, 0) == kWrapperMagic) return {};
    return find_image(inner);
  }
  if (starts_with("\x50\xed\x55\xba")) return fatbin(image);
  if (starts_with("\x7f"
                  "ELF"))
    return elf(image);
  return ptx(image);
}

}  // namespace gpool::client
