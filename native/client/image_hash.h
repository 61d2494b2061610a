// The names of images: their SHA-256. A library's image is part of a file that is mapped to be read, 100 MB of it at
// times; where the mapping proves that memory still holds what the file held, the hash is not computed again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <tuple>

#include "base/sha256.h"

namespace gpool::client {

class ImageHashes {
 public:
  // Smaller images are hashed faster than their mapping is looked up.
  static constexpr size_t kWorthKnowing = size_t{4} << 20;

  Sha256Digest of(std::span<const std::byte> image);
  uint64_t computed() const { return computed_.load(std::memory_order_relaxed); }

 private:
  // Device, inode and times of last change of a file, where in it the image begins, and its bytes.
  using Place = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t, int64_t, uint64_t, uint64_t>;
  // Nothing: the memory is not, or not provably, an unchanged part of a file.
  static std::optional<Place> place_of(std::span<const std::byte> image);

  std::mutex mutex_;
  std::map<Place, Sha256Digest> known_;
  std::atomic<uint64_t> computed_{0};
};

// The process's.
ImageHashes& image_hashes();

}  // namespace gpool::client
