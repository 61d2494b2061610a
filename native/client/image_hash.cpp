#include "client/image_hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/fd.h"

namespace gpool::client {
namespace {

constexpr size_t kMostKnown = 1024;

struct Mapping {
  uint64_t begin = 0, end = 0, offset = 0, inode = 0;
  unsigned major = 0, minor = 0;
  std::string path;
};

// The one mapping that holds all of [begin, end), if it is a file's that only reads.
std::optional<Mapping> find_mapping(uint64_t begin, uint64_t end) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Mapping one;
    char access[5] = "";
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &one.begin, &one.end,
                    access, &one.offset, &one.major, &one.minor, &one.inode, &path_at) < 7 ||
        one.end <= begin)
      continue;
    if (one.begin > begin || one.end < end || one.inode == 0 || access[0] != 'r' || access[1] != '-') return {};
    one.path = line.substr(size_t(path_at));
    return one;
  }
  return {};
}

// A page that was written to is the process's own copy: the file does not say what it holds.
bool are_pages_of_the_file(uint64_t begin, uint64_t end) {
  constexpr uint64_t kSwapped = uint64_t{1} << 62, kOfFile = uint64_t{1} << 61, kPresent = uint64_t{1} << 63;
  const uint64_t page_bytes = uint64_t(sysconf(_SC_PAGESIZE));
  Fd pages(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pages) return false;
  std::vector<uint64_t> entries(4096);
  for (uint64_t page = begin / page_bytes, last = (end - 1) / page_bytes; page <= last;) {
    const size_t wanted = size_t(std::min<uint64_t>(entries.size(), last - page + 1));
    const ssize_t got = pread(pages.get(), entries.data(), wanted * 8, off_t(page * 8));
    if (got < 8 || got % 8 != 0) return false;
    for (size_t i = 0; i < size_t(got) / 8; i++)
      if ((entries[i] & kSwapped) || ((entries[i] & kPresent) && !(entries[i] & kOfFile))) return false;
    page += uint64_t(got) / 8;
  }
  return true;
}

}  // namespace

std::optional<ImageHashes::Place> ImageHashes::place_of(std::span<const std::byte> image) {
  const auto begin = reinterpret_cast<uint64_t>(image.data()), end = begin + image.size();
  const std::optional<Mapping> mapping = find_mapping(begin, end);
  struct stat file{};
  if (!mapping || stat(mapping->path.c_str(), &file) != 0 || file.st_ino != mapping->inode ||
      file.st_dev != makedev(mapping->major, mapping->minor) || !are_pages_of_the_file(begin, end))
    return {};
  return Place{file.st_dev,
               file.st_ino,
               file.st_mtim.tv_sec,
               file.st_mtim.tv_nsec,
               file.st_ctim.tv_sec,
               file.st_ctim.tv_nsec,
               mapping->offset + (begin - mapping->begin),
               image.size()};
}

Sha256Digest ImageHashes::of(std::span<const std::byte> image) {
  const std::optional<Place> before = image.size() >= kWorthKnowing ? place_of(image) : std::nullopt;
  if (before) {
    std::lock_guard lock(mutex_);
    if (auto at = known_.find(*before); at != known_.end()) return at->second;
  }
  computed_.fetch_add(1, std::memory_order_relaxed);
  const Sha256Digest digest = sha256(image);
  // A file that changed while it was hashed is known by neither name.
  if (before && place_of(image) == before) {
    std::lock_guard lock(mutex_);
    if (known_.size() < kMostKnown) known_.emplace(*before, digest);
  }
  return digest;
}

ImageHashes& image_hashes() {
  static ImageHashes* const hashes = new ImageHashes;  // calls may come after static destructors have run
  return *hashes;
}

}  // namespace gpool::client
