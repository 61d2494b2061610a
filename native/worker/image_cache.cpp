#include "worker/image_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/log.h"

namespace gpool::worker {
namespace {

constexpr auto kLockPatience = std::chrono::milliseconds(2000);
constexpr auto kLockPause = std::chrono::milliseconds(20);
constexpr off_t kLargestRecord = off_t{64} << 20;
constexpr unsigned kFreeShare = 20;  // of a file system, a twentieth stays free
// Being written, under the folder's lock: who holds the lock and finds one, finds what a killed worker has left.
constexpr const char* kPart = "part";

std::string name_of(const Sha256Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (uint8_t byte : digest) name += {kDigits[byte >> 4], kDigits[byte & 15]};
  return name;
}

constexpr std::string_view kRecord = ".record";

// An image or a record.
bool is_kept(std::string_view name) {
  if (name.ends_with(kRecord)) name.remove_suffix(kRecord.size());
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

struct Entry {
  std::string name;
  uint64_t bytes;
  timespec used;
};

std::vector<Entry> list(int folder) {
  std::vector<Entry> entries;
  const int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> listing(again >= 0 ? fdopendir(again) : nullptr, closedir);
  if (!listing) return entries;
  while (const dirent* one = readdir(listing.get())) {
    struct stat info{};
    if (fstatat(folder, one->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
    if (is_kept(one->d_name)) entries.push_back({one->d_name, uint64_t(info.st_size), info.st_mtim});
  }
  return entries;
}

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(size_t(written));
  }
  return true;
}

bool lock(int folder) {
  const auto end = std::chrono::steady_clock::now() + kLockPatience;
  while (flock(folder, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(kLockPause);
  }
  return true;
}

}  // namespace

CachedImage& CachedImage::operator=(CachedImage&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

CachedImage::~CachedImage() {
  if (memory_) munmap(memory_, bytes_ + kImageTail);
}

Status ImageCache::prepare() const {
  if (!is_on()) return Status::ok();
  const auto failed = [&](const char* what) {
    return Status::failed("The folder " + folder_ + " for images of code " + what + ": " + std::strerror(errno) +
                          "; name another with --image-cache.");
  };
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return failed("could not be made");
  Fd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return failed("could not be opened");
  struct stat info{};
  if (fstat(folder.get(), &info) == 0 && info.st_uid != geteuid()) {
    errno = EPERM;
    return failed("belongs to another user");
  }
  if (fchmod(folder.get(), 0700) != 0) return failed("could not be made private");
  // The limit may be another than last time.
  if (lock(folder.get())) make_room(folder.get(), 0);
  return Status::ok();
}

CachedImage ImageCache::find(const Sha256Digest& digest, uint64_t bytes) const {
  CachedImage image;
  if (!is_on()) return image;
  const std::string name = name_of(digest), path = folder_ + "/" + name;
  Fd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return image;
  struct stat info{};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return image;
  // Its own size counts here: who asks with another one asks for something that does not exist.
  const size_t size = size_t(info.st_size);
  bool sound = size > kImageTail;
  if (sound) {
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
    if (memory == MAP_FAILED) return image;
    image.memory_ = memory;
    image.bytes_ = size - kImageTail;
    const std::byte* tail = image.bytes().data() + image.bytes_;
    sound = std::all_of(tail, tail + kImageTail, [](std::byte one) { return one == std::byte(0); }) &&
            sha256(image.bytes()) == digest;
  }
  if (!sound) {
    log::warn("the kept image " + name + " is damaged; it is removed, and the program sends it again");
    unlink(path.c_str());
    return {};
  }
  if (image.bytes_ != bytes) return {};
  futimens(file.get(), nullptr);  // used now
  return image;
}

// With the folder locked: until `bytes` more are within the limit, the image that was used longest ago goes.
bool ImageCache::make_room(int folder, uint64_t bytes) const {
  if (bytes > limit_bytes_) return false;
  unlinkat(folder, kPart, 0);
  std::vector<Entry> entries = list(folder);
  uint64_t held = 0;
  for (const Entry& one : entries) held += one.bytes;
  std::sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& other) {
    return std::pair(one.used.tv_sec, one.used.tv_nsec) < std::pair(other.used.tv_sec, other.used.tv_nsec);
  });
  for (const Entry& oldest : entries) {
    if (held <= limit_bytes_ - bytes) break;
    if (unlinkat(folder, oldest.name.c_str(), 0) == 0) held -= oldest.bytes;
  }
  struct statvfs room{};
  return held <= limit_bytes_ - bytes && fstatvfs(folder, &room) == 0 &&
         uint64_t(room.f_bavail) * room.f_frsize >= bytes + uint64_t(room.f_blocks) * room.f_frsize / kFreeShare;
}

void ImageCache::keep(const Sha256Digest& digest, std::span<const std::byte> image) const {
  static constexpr std::byte kTail[kImageTail] = {};
  put(name_of(digest), false, image, kTail);
}

std::vector<std::byte> ImageCache::find_record(const Sha256Digest& name) const {
  if (!is_on()) return {};
  const std::string path = folder_ + "/" + name_of(name) + std::string(kRecord);
  Fd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kLargestRecord) return {};
  std::vector<std::byte> all(static_cast<size_t>(info.st_size));
  size_t got = 0;
  while (got < all.size()) {
    const ssize_t count = pread(file.get(), all.data() + got, all.size() - got, off_t(got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += size_t(count);
  }
  Sha256Digest digest{};
  std::vector<std::byte> record;
  if (got == all.size() && got > digest.size()) {
    std::memcpy(digest.data(), all.data(), digest.size());
    record.assign(all.begin() + std::ptrdiff_t(digest.size()), all.end());
  }
  if (record.empty() || sha256(record) != digest) {
    log::warn("the kept record " + name_of(name) + " is damaged; it is removed and made again");
    unlink(path.c_str());
    return {};
  }
  futimens(file.get(), nullptr);  // used now
  return record;
}

void ImageCache::keep_record(const Sha256Digest& name, std::span<const std::byte> record) const {
  if (record.size() > kLargestRecord - sizeof(Sha256Digest)) return;
  const Sha256Digest digest = sha256(record);
  put(name_of(name) + std::string(kRecord), true, std::as_bytes(std::span(digest)), record);
}

void ImageCache::put(const std::string& name, bool replace, std::span<const std::byte> first,
                     std::span<const std::byte> second) const {
  const uint64_t bytes = first.size() + second.size();
  if (!is_on() || bytes > limit_bytes_) return;
  Fd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || !lock(folder.get())) return;
  if (!replace && faccessat(folder.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return;  // another worker was faster
  if (!make_room(folder.get(), bytes)) return log::info("there is no room to keep " + name);
  // Written under another name first: under its own it is there whole or not at all.
  Fd file(openat(folder.get(), kPart, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file && write_all(file.get(), first) && write_all(file.get(), second) &&
      renameat(folder.get(), kPart, folder.get(), name.c_str()) == 0)
    return log::info("keeps " + name + " of " + std::to_string(bytes) + " bytes");
  log::warn(name + " could not be kept in " + folder_ + ": " + std::strerror(errno));
  unlinkat(folder.get(), kPart, 0);
}

}  // namespace gpool::worker
