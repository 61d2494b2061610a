#include "worker/ledger.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"

namespace gpool::worker {

struct Ledger::File {
  char magic[8];
  pthread_mutex_t mutex;  // shared between processes, robust: a worker may be killed while it holds it
  uint32_t gpus;
  struct Gpu {
    wire::Uuid uuid;
    uint64_t limit_bytes;
  } gpu[kMaxGpus];
  struct Session {
    uint32_t taken;
    uint64_t used_bytes[kMaxGpus];
  } session[kMaxSessions];
};

namespace {

constexpr char kLedgerMagic[8] = {'g', 'p', 'l', 'e', 'd', 'g', 'e', '1'};

// The numbers are sums of single words, so they are consistent wherever the last holder was interrupted.
class Locked {
 public:
  explicit Locked(pthread_mutex_t& mutex) : mutex_(mutex) {
    if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) pthread_mutex_consistent(&mutex_);
  }
  ~Locked() { pthread_mutex_unlock(&mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

Status failure(const std::string& path) {
  return Status::failed("The lease's ledger " + path + " could not be used: " + std::strerror(errno) + ".");
}

}  // namespace

Ledger& Ledger::operator=(Ledger&& other) noexcept {
  if (file_ && this != &other) munmap(file_, sizeof(File));
  file_ = std::exchange(other.file_, nullptr);
  return *this;
}

Ledger::~Ledger() {
  if (file_) munmap(file_, sizeof(File));
}

Status Ledger::map(int fd) {
  void* at = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return Status::failed(std::strerror(errno));
  file_ = static_cast<File*>(at);
  return Status::ok();
}

Status Ledger::create(const std::string& path, Ledger& made) {
  unlink(path.c_str());
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ftruncate(fd.get(), sizeof(File)) != 0 || !made.map(fd.get())) return failure(path);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&made.file_->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  std::memcpy(made.file_->magic, kLedgerMagic, sizeof kLedgerMagic);
  return Status::ok();
}

Status Ledger::open(const std::string& path, Ledger& made) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat info{};
  if (!fd || fstat(fd.get(), &info) != 0) return failure(path);
  if (info.st_size != sizeof(File)) return Status::failed("The lease's ledger " + path + " is of another version.");
  if (!made.map(fd.get())) return failure(path);
  if (std::memcmp(made.file_->magic, kLedgerMagic, sizeof kLedgerMagic) != 0)
    return Status::failed("The lease's ledger " + path + " is damaged.");
  return Status::ok();
}

uint32_t Ledger::place_of(const wire::Uuid& uuid, uint64_t limit_bytes) {
  Locked lock(file_->mutex);
  uint32_t index = 0;
  while (index < file_->gpus && file_->gpu[index].uuid != uuid) ++index;
  if (index == kMaxGpus) return kMaxGpus;
  if (index == file_->gpus) file_->gpu[file_->gpus++].uuid = uuid;
  file_->gpu[index].limit_bytes = limit_bytes;
  return index;
}

uint32_t Ledger::gpus() const {
  return file_->gpus;
}
wire::Uuid Ledger::uuid(uint32_t gpu) const {
  return file_->gpu[gpu].uuid;
}

uint32_t Ledger::take_slot() {
  Locked lock(file_->mutex);
  for (uint32_t slot = 0; slot < kMaxSessions; ++slot) {
    if (file_->session[slot].taken) continue;
    file_->session[slot] = {};
    file_->session[slot].taken = 1;
    return slot;
  }
  return kMaxSessions;
}

void Ledger::free_slot(uint32_t slot) {
  Locked lock(file_->mutex);
  if (slot < kMaxSessions) file_->session[slot] = {};
}

uint64_t Ledger::used(uint32_t gpu) const {
  uint64_t sum = 0;
  for (const auto& session : file_->session) sum += gpu < kMaxGpus ? session.used_bytes[gpu] : 0;
  return sum;
}

uint64_t Ledger::limit(uint32_t gpu) const {
  return gpu < kMaxGpus ? file_->gpu[gpu].limit_bytes : 0;
}

bool Ledger::reserve(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return false;
  Locked lock(file_->mutex);
  uint64_t limit = file_->gpu[gpu].limit_bytes, now = used(gpu);
  if (limit != 0 && (now > limit || bytes > limit - now)) return false;
  file_->session[slot].used_bytes[gpu] += bytes;
  return true;
}

void Ledger::release(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return;
  Locked lock(file_->mutex);
  uint64_t& held = file_->session[slot].used_bytes[gpu];
  held -= bytes < held ? bytes : held;
}

}  // namespace gpool::worker
