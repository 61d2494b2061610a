#include "worker/activity.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "wire/hello.h"

namespace gpool::worker {

namespace {

constexpr char kMagic[8] = {'g', 'p', 'a', 'c', 't', 'i', 'v', '1'};
constexpr auto kBucket = std::chrono::milliseconds(250);
constexpr uint32_t kBuckets = 8;
constexpr uint32_t kBucketsOfASecond = 4;

uint32_t bucket_of(Activity::Clock::time_point now) {
  return static_cast<uint32_t>(now.time_since_epoch() / kBucket);
}

template <size_t N>
void put_text(char (&to)[N], const std::string& text) {
  std::memset(to, 0, N);
  std::memcpy(to, text.data(), std::min(text.size(), N - 1));
}

}  // namespace

struct Activity::Gpu {
  wire::Uuid uuid;
  std::atomic<uint64_t> used_bytes;
  std::atomic<uint32_t> present;
  uint32_t reserved;
  std::atomic<uint64_t> busy[kBuckets];  // number of the quarter of a second << 32 | microseconds of it

  uint32_t permille(uint32_t now) const {
    uint64_t microseconds = 0;
    for (const auto& one : busy) {
      const uint64_t value = one.load(std::memory_order_relaxed);
      const uint32_t age = now - static_cast<uint32_t>(value >> 32);
      if (age >= 1 && age <= kBucketsOfASecond) microseconds += static_cast<uint32_t>(value);
    }
    return static_cast<uint32_t>(std::min<uint64_t>(microseconds / 1000, 1000));
  }
};

struct Activity::File {
  char magic[8];
  struct Session {
    std::atomic<uint32_t> taken;
    uint32_t pid;
    char lease[40];
    char host[64];
    Gpu gpu[wire::kMaxDevices];
  } session[kMaxSessions];
};

Activity::~Activity() {
  if (file_ != nullptr) munmap(file_, sizeof(File));
}

Status Activity::map(int descriptor) {
  void* at = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED)
    return Status::failed(std::string("The node's activity could not be mapped: ") + strerror(errno));
  file_ = static_cast<File*>(at);
  return Status::ok();
}

Status Activity::create(const std::string& path) {
  unlink(path.c_str());
  Fd descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!descriptor || ftruncate(descriptor.get(), sizeof(File)) != 0)
    return Status::failed("The file " + path + " could not be made: " + strerror(errno));
  if (Status status = map(descriptor.get()); !status) return status;
  std::memcpy(file_->magic, kMagic, sizeof kMagic);
  return Status::ok();
}

Status Activity::open(const std::string& path) {
  Fd descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat info{};
  if (!descriptor || fstat(descriptor.get(), &info) != 0 || info.st_size != sizeof(File))
    return Status::failed("The file " + path + " is not of this version, or is not there.");
  return map(descriptor.get());
}

uint32_t Activity::take_slot(const std::string& lease, const std::string& host, uint32_t pid) {
  for (uint32_t slot = 0; file_ != nullptr && slot < kMaxSessions; ++slot) {
    File::Session& one = file_->session[slot];
    if (one.taken.load() != 0) continue;
    one.pid = pid;
    put_text(one.lease, lease);
    put_text(one.host, host);
    for (Gpu& gpu : one.gpu) {
      gpu.present = 0;
      gpu.used_bytes = 0;
      for (auto& bucket : gpu.busy) bucket = 0;
    }
    one.taken = 1;
    return slot;
  }
  return kMaxSessions;
}

void Activity::free_slot(uint32_t slot) {
  if (file_ != nullptr && slot < kMaxSessions) file_->session[slot].taken = 0;
}

void Activity::set_gpu(uint32_t slot, uint32_t gpu, const wire::Uuid& uuid) {
  if (file_ == nullptr || slot >= kMaxSessions || gpu >= wire::kMaxDevices) return;
  file_->session[slot].gpu[gpu].uuid = uuid;
}

void Activity::set_used(uint32_t slot, uint32_t gpu, uint64_t bytes, bool present) {
  if (file_ == nullptr || slot >= kMaxSessions || gpu >= wire::kMaxDevices) return;
  Gpu& at = file_->session[slot].gpu[gpu];
  at.used_bytes.store(bytes, std::memory_order_relaxed);
  at.present.store(present ? 1 : 0, std::memory_order_relaxed);
}

void Activity::add_busy(uint32_t slot, uint32_t gpu, Clock::duration time, Clock::time_point now) {
  if (file_ == nullptr || slot >= kMaxSessions || gpu >= wire::kMaxDevices) return;
  Gpu& at = file_->session[slot].gpu[gpu];
  auto end = now;
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(time);
  // A piece of time may lie in several quarters.
  while (left.count() > 0) {
    const uint32_t number = bucket_of(end - std::chrono::microseconds(1));
    const auto begin = Clock::time_point(std::chrono::duration_cast<Clock::duration>(
        (end - std::chrono::microseconds(1)).time_since_epoch() / kBucket * kBucket));
    const auto here = std::min(left, std::chrono::duration_cast<std::chrono::microseconds>(end - begin));
    if (here.count() <= 0) return;
    std::atomic<uint64_t>& bucket = at.busy[number % kBuckets];
    const uint64_t value = bucket.load(std::memory_order_relaxed);
    const uint64_t before = static_cast<uint32_t>(value >> 32) == number ? static_cast<uint32_t>(value) : 0;
    bucket.store(uint64_t{number} << 32 | (before + static_cast<uint64_t>(here.count())), std::memory_order_relaxed);
    left -= here;
    end -= here;
  }
}

template <class Visit>
void Activity::for_each(const std::string& lease, const wire::Uuid& uuid, Visit visit) const {
  for (uint32_t slot = 0; file_ != nullptr && slot < kMaxSessions; ++slot) {
    const File::Session& one = file_->session[slot];
    if (one.taken.load() == 0 || lease != one.lease) continue;
    for (const Gpu& gpu : one.gpu)
      if (gpu.present.load(std::memory_order_relaxed) != 0 && gpu.uuid == uuid) visit(one, gpu);
  }
}

std::vector<wire::ProcessUsage> Activity::processes(const std::string& lease, const wire::Uuid& uuid,
                                                    Clock::time_point now) const {
  std::vector<wire::ProcessUsage> found;
  for_each(lease, uuid, [&](const File::Session& session, const Gpu& gpu) {
    wire::ProcessUsage one{};
    one.pid = session.pid;
    one.busy_permille = gpu.permille(bucket_of(now));
    one.used_bytes = gpu.used_bytes.load(std::memory_order_relaxed);
    std::memcpy(one.host, session.host, sizeof one.host);
    found.push_back(one);
  });
  return found;
}

std::vector<Activity::Use> Activity::uses(uint32_t slot, Clock::time_point now) const {
  std::vector<Use> found;
  if (file_ == nullptr || slot >= kMaxSessions) return found;
  for (const Gpu& gpu : file_->session[slot].gpu)
    if (gpu.present.load(std::memory_order_relaxed) != 0)
      found.push_back({gpu.uuid, gpu.used_bytes.load(std::memory_order_relaxed), gpu.permille(bucket_of(now))});
  return found;
}

uint32_t Activity::busy_permille(const std::string& lease, const wire::Uuid& uuid, Clock::time_point now) const {
  uint32_t sum = 0;
  for_each(lease, uuid, [&](const File::Session&, const Gpu& gpu) { sum += gpu.permille(bucket_of(now)); });
  return std::min(sum, uint32_t{1000});
}

}  // namespace gpool::worker
