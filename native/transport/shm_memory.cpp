#include "transport/shm_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace gpool::transport {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kStateBytes = (sizeof(SharedState) + kPage - 1) / kPage * kPage;
constexpr uint64_t kLargest = uint64_t{1} << 32;

uint64_t total_bytes(uint64_t ring, uint64_t bulk) {
  return kStateBytes + 2 * ring + 2 * bulk;
}

bool sizes_are_sound(uint64_t ring, uint64_t bulk) {
  return ring % kPage == 0 && bulk % kPage == 0 && ring >= (uint64_t{4} << 20) && bulk >= (uint64_t{4} << 20) &&
         ring <= kLargest && bulk <= kLargest;
}

Status system_failure(const char* what) {
  return Status::failed(std::string("The shared memory of the session could not be set up: ") + what + ": " +
                        std::strerror(errno) + ".");
}

}  // namespace

ShmMemory::ShmMemory(ShmMemory&& other) noexcept {
  *this = std::move(other);
}

ShmMemory& ShmMemory::operator=(ShmMemory&& other) noexcept {
  if (this == &other) return *this;
  if (base_) munmap(base_, total_bytes(ring_bytes_, bulk_bytes_));
  fd_ = std::move(other.fd_);
  base_ = std::exchange(other.base_, nullptr);
  ring_bytes_ = other.ring_bytes_, bulk_bytes_ = other.bulk_bytes_;
  return *this;
}

ShmMemory::~ShmMemory() {
  if (base_) munmap(base_, total_bytes(ring_bytes_, bulk_bytes_));
}

Status ShmMemory::map(Fd fd, uint64_t ring_bytes, uint64_t bulk_area_bytes) {
  void* at = mmap(nullptr, total_bytes(ring_bytes, bulk_area_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return system_failure("mmap");
  fd_ = std::move(fd);
  base_ = static_cast<std::byte*>(at);
  ring_bytes_ = ring_bytes, bulk_bytes_ = bulk_area_bytes;
  return Status::ok();
}

Status ShmMemory::create(uint64_t ring_bytes, uint64_t bulk_area_bytes, ShmMemory& made) {
  if (!sizes_are_sound(ring_bytes, bulk_area_bytes))
    return Status::failed("Ring and bulk sizes must be whole pages, from 4 MiB to 4 GiB.");
  Fd fd(memfd_create("gpool-session", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_failure("memfd_create");
  if (ftruncate(fd.get(), off_t(total_bytes(ring_bytes, bulk_area_bytes))) != 0) return system_failure("ftruncate");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return system_failure("sealing");
  return made.map(std::move(fd), ring_bytes, bulk_area_bytes);
}

Status ShmMemory::attach(Fd memfd, uint64_t ring_bytes, uint64_t bulk_area_bytes, ShmMemory& made) {
  struct stat info{};
  if (!sizes_are_sound(ring_bytes, bulk_area_bytes) || fstat(memfd.get(), &info) != 0 ||
      uint64_t(info.st_size) != total_bytes(ring_bytes, bulk_area_bytes))
    return Status::failed(
        "The worker offered shared memory of a wrong size; both sides must run the same version of gpool.");
  int seals = fcntl(memfd.get(), F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_SHRINK))
    return Status::failed("The worker offered shared memory that is not sealed.");
  return made.map(std::move(memfd), ring_bytes, bulk_area_bytes);
}

std::span<std::byte> ShmMemory::ring(bool to_worker) const {
  return {base_ + kStateBytes + (to_worker ? 0 : ring_bytes_), ring_bytes_};
}

std::span<std::byte> ShmMemory::bulk(bool to_worker) const {
  return {base_ + kStateBytes + 2 * ring_bytes_ + (to_worker ? 0 : bulk_bytes_), bulk_bytes_};
}

}  // namespace gpool::transport
