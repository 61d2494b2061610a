// Memory that two processes keep a copy of each, and tell each other what they have changed in theirs. A shadow holds
// what both knew at the last exchange; a word that differs from it has been changed here. Words are 4 bytes: bytes of
// one word must not be changed on both sides between two exchanges.
//
// Changes travel as runs of words: u64 offset, u64 bytes, the bytes, padding to 8. A side that applies them remembers
// them in its shadow too, so nothing travels back, and changes that cross on the way do not undo each other.
#pragma once

#include <cstddef>
#include <span>

namespace gpool {

class Mirror {
 public:
  static constexpr size_t kWord = 4;
  // Room that `collect` needs at least to get on.
  static constexpr size_t kLeastRoom = 4096;

  // Whole pages, all zero to begin with as far as the other side is concerned.
  explicit Mirror(std::span<std::byte> memory);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  bool usable() const { return shadow_ != nullptr; }
  size_t bytes() const { return memory_.size(); }
  // Writes what has changed from offset `from` on to `room`, and takes it for told. The offset to go on from, bytes()
  // when nothing is left; `written`: bytes of `room` in use.
  size_t collect(size_t from, std::span<std::byte> room, size_t& written);
  // False: the runs do not make sense, and only those before the first bad one have been applied.
  bool apply(std::span<const std::byte> runs);

 private:
  std::span<std::byte> memory_;
  std::byte* shadow_ = nullptr;
};

}  // namespace gpool
