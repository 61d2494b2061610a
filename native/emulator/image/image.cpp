#include "emulator/image/image.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "emulator/image/cubin.h"
#include "emulator/image/decompress.h"

namespace gpool::image {
namespace {

constexpr uint32_t kWrapperMagic = 0x466243B1, kFatbinMagic = 0xBA55ED50, kElfMagic = 0x464C457F;
constexpr uint64_t kLimit = uint64_t{1} << 31;  // of an image; more is a damaged header
constexpr uint64_t kZstd = 0x8000, kLz4 = 0x2000;

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Real PTX begins, after comments and blanks, with a directive.
bool looks_like_ptx(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (std::isspace(static_cast<unsigned char>(text[i]))) {
      ++i;
    } else if (text.substr(i).starts_with("//")) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i).starts_with("/*")) {
      size_t end = text.find("*/", i + 2);
      if (end == std::string_view::npos) return false;
      i = end + 2;
    } else {
      return text.substr(i).starts_with(".version");
    }
  }
  return false;
}

void add_ptx(Contents& contents, int architecture, std::string text) {
  text.resize(std::min(text.find('\0'), text.size()));  // padding, or what a damaged one has behind its end
  contents.ptx.push_back({architecture, std::move(text)});
}

bool add_cubin(std::span<const std::byte> bytes, Contents& contents, std::string& problem) {
  CubinReader reader(bytes);
  if (!reader.valid()) {
    problem = "the cubin is damaged: it has no section headers, or they point outside of it";
    return false;
  }
  std::string text = reader.debug_ptx();
  if (looks_like_ptx(text)) {
    add_ptx(contents, reader.architecture(), std::move(text));
  } else {
    contents.cubins.push_back({reader.architecture(), reader.kernels(), reader.variables()});
  }
  return true;
}

// A fatbin's entry as its header describes it.
struct Entry {
  uint16_t kind = 0;  // 1: PTX, 2: cubin
  int architecture = 0;
  uint64_t flags = 0, plain_bytes = 0;
  std::span<const std::byte> payload;  // as it is packed
};

constexpr uint16_t kPtx = 1, kCubin = 2;
constexpr const char* kDamaged = "the fatbin is damaged: an entry reaches past its end";

bool list_entries(std::span<const std::byte> bytes, std::vector<Entry>& entries) {
  size_t at = load<uint16_t>(bytes.data() + 6);
  while (at + 64 <= bytes.size()) {
    const std::byte* header = bytes.data() + at;
    Entry entry;
    entry.kind = load<uint16_t>(header);
    entry.architecture = static_cast<int>(load<uint32_t>(header + 28));
    entry.flags = load<uint64_t>(header + 40);
    entry.plain_bytes = load<uint64_t>(header + 56);
    uint64_t header_bytes = load<uint32_t>(header + 4), padded = load<uint64_t>(header + 8);
    uint64_t compressed = load<uint32_t>(header + 16);
    if (header_bytes < 64 || header_bytes > bytes.size() - at || padded > bytes.size() - at - header_bytes)
      return false;
    entry.payload = bytes.subspan(at + header_bytes, padded);
    at += header_bytes + padded;
    if (entry.kind != kPtx && entry.kind != kCubin) continue;
    if (entry.flags & (kZstd | kLz4)) {
      if (compressed > entry.payload.size() || entry.plain_bytes > kLimit) return false;
      entry.payload = entry.payload.first(compressed);
    }
    entries.push_back(entry);
  }
  return true;
}

// False with the reason: this entry is of no use, another one may be.
bool unpack(const Entry& entry, Contents& contents, std::string& why) {
  std::string plain;
  std::span<const std::byte> payload = entry.payload;
  if (entry.flags & (kZstd | kLz4)) {
    bool fine = entry.flags & kZstd ? decompress_zstd(payload, entry.plain_bytes, plain, why)
                                    : decompress_lz4(payload, entry.plain_bytes, plain, why);
    if (!fine) return false;
    payload = std::as_bytes(std::span(plain));
  }
  if (entry.kind == kCubin) return add_cubin(payload, contents, why);
  add_ptx(contents, entry.architecture, std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
  return true;
}

bool add_fatbin(std::span<const std::byte> bytes, Contents& contents, std::string& problem, Wanted wanted, int device) {
  std::vector<Entry> entries;
  if (!list_entries(bytes, entries)) {
    problem = kDamaged;
    return false;
  }
  const Entry* best = nullptr;
  bool has_ptx = false;
  for (const Entry& entry : entries) {
    if (entry.kind == kPtx) {
      has_ptx = true;
    } else if (runs_on(entry.architecture, device) && (!best || entry.architecture > best->architecture)) {
      best = &entry;
    }
  }
  if (wanted == Wanted::one_cubin && !best) wanted = Wanted::ptx;
  if (wanted == Wanted::ptx && !has_ptx) wanted = best ? Wanted::one_cubin : Wanted::everything;
  std::string skipped;
  for (const Entry& entry : entries) {
    if (wanted == Wanted::ptx && entry.kind != kPtx) continue;
    if (wanted == Wanted::one_cubin && &entry != best) continue;
    (void)unpack(entry, contents, skipped);
  }
  if (contents.ptx.empty() && contents.cubins.empty()) {
    problem = skipped.empty() ? "the fatbin holds neither PTX nor a cubin" : skipped;
    return false;
  }
  return true;
}

}  // namespace

uint64_t size_of(const void* image) {
  const auto* bytes = static_cast<const std::byte*>(image);
  switch (load<uint32_t>(bytes)) {
    case kFatbinMagic: {
      uint64_t body = load<uint64_t>(bytes + 8);
      return body > kLimit ? 0 : load<uint16_t>(bytes + 6) + body;
    }
    case kElfMagic: {
      uint64_t programs = load<uint64_t>(bytes + 0x20), sections = load<uint64_t>(bytes + 0x28);
      uint64_t size = std::max<uint64_t>(
          64, std::max(sections + uint64_t{load<uint16_t>(bytes + 0x3A)} * load<uint16_t>(bytes + 0x3C),
                       programs + uint64_t{load<uint16_t>(bytes + 0x36)} * load<uint16_t>(bytes + 0x38)));
      return programs > kLimit || sections > kLimit ? 0 : size;
    }
    default:
      return 0;
  }
}

bool read(const void* image, Contents& contents, std::string& problem, Wanted wanted, int device) {
  const auto* bytes = static_cast<const std::byte*>(image);
  // A text shorter than a magic number is no image; it must not be read past its NUL byte.
  for (int i = 0; i < 4; ++i) {
    if (bytes[i] == std::byte{0}) {
      problem = "it begins with no header that is known, and is no PTX text";
      return false;
    }
  }
  uint32_t magic = load<uint32_t>(bytes);
  if (magic == kWrapperMagic) {
    const void* fatbin = load<const void*>(bytes + 8);
    if (!fatbin || load<uint32_t>(static_cast<const std::byte*>(fatbin)) != kFatbinMagic) {
      problem = "the fatbin wrapper points to no fatbin";
      return false;
    }
    return read(fatbin, contents, problem, wanted, device);
  }
  if (magic == kFatbinMagic || magic == kElfMagic) {
    uint64_t size = size_of(image);
    if (!size) {
      problem = "its header gives an impossible size";
      return false;
    }
    return read(std::span(bytes, size), contents, problem, wanted, device);
  }
  return read(std::span(bytes, strnlen(reinterpret_cast<const char*>(bytes), kLimit)), contents, problem, wanted,
              device);
}

bool read(std::span<const std::byte> image, Contents& contents, std::string& problem, Wanted wanted, int device) {
  contents = {};
  bool fine;
  uint32_t magic = image.size() >= 64 ? load<uint32_t>(image.data()) : 0;
  if (magic == kFatbinMagic) {
    contents.kind = "fatbin";
    uint64_t size = size_of(image.data());
    if (!size || size > image.size() || load<uint16_t>(image.data() + 6) < 16) {
      problem = "the fatbin is damaged: its header gives an impossible size";
      return false;
    }
    fine = add_fatbin(image.first(size), contents, problem, wanted, device);
  } else if (magic == kElfMagic) {
    contents.kind = "cubin";
    fine = add_cubin(image, contents, problem);
  } else {
    contents.kind = "PTX";
    std::string text(reinterpret_cast<const char*>(image.data()), image.size());
    text.resize(std::min(text.size(), text.find('\0')));
    fine = looks_like_ptx(text);
    if (fine) {
      add_ptx(contents, 0, std::move(text));
    } else {
      problem = "it begins with no header that is known, and is no PTX text";
    }
  }
  std::stable_sort(contents.ptx.begin(), contents.ptx.end(),
                   [](const PtxText& a, const PtxText& b) { return a.architecture > b.architecture; });
  return fine;
}

}  // namespace gpool::image
