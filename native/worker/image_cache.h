// Images of code that programs of this node have loaded, kept as files named by their SHA-256, so that the next program
// sends the name alone. Every worker reads and writes here by itself, several at once and several workerds if need be;
// what a file says of itself is never believed: its content is hashed each time before a driver sees it. Beside an
// image lie the records of how it was loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "base/status.h"

namespace gpool::worker {

// Drivers read images by what their headers say and texts up to a zero: zeros behind the end stop both.
inline constexpr size_t kImageTail = 64;

// An image in the cache, mapped to be read. Behind its bytes stand kImageTail zeros.
class CachedImage {
 public:
  CachedImage() = default;
  CachedImage(CachedImage&& other) noexcept { *this = static_cast<CachedImage&&>(other); }
  CachedImage& operator=(CachedImage&& other) noexcept;
  ~CachedImage();
  explicit operator bool() const { return memory_ != nullptr; }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(memory_), bytes_}; }

 private:
  friend class ImageCache;
  void* memory_ = nullptr;
  size_t bytes_ = 0;  // of the image
};

class ImageCache {
 public:
  ImageCache() = default;  // keeps nothing
  ImageCache(std::string folder, uint64_t limit_bytes) : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

  bool is_on() const { return limit_bytes_ > 0 && !folder_.empty(); }
  // workerd, at its start: makes the folder, for its user alone, and removes what killed workers have left half
  // written.
  Status prepare() const;
  // Nothing: there is none of that name and size, or its content is not what its name says (then it is removed).
  CachedImage find(const Sha256Digest& digest, uint64_t bytes) const;
  // Keeps an image whose digest the caller has computed, and lets those go that nobody has used for longest. An image
  // that does not fit is not kept; nothing here is a reason for a load to fail.
  void keep(const Sha256Digest& digest, std::span<const std::byte> image) const;

  // What loading an image has told (native/wire/module_record.h), under a name that the caller makes of all that it
  // depends on. Its content is not what its name says, as with images: a hash in the file finds damage, not malice.
  std::vector<std::byte> find_record(const Sha256Digest& name) const;
  void keep_record(const Sha256Digest& name, std::span<const std::byte> record) const;

 private:
  bool make_room(int folder, uint64_t bytes) const;
  void put(const std::string& name, bool replace, std::span<const std::byte> first,
           std::span<const std::byte> second) const;

  std::string folder_;
  uint64_t limit_bytes_ = 0;
};

}  // namespace gpool::worker
