#include "worker/ledger.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
    std::atomic<uint32_t> news;  // a futex
    uint64_t used_bytes[kMaxGpus];
    uint64_t granted_bytes[kMaxGpus];
    uint32_t called_back[kMaxGpus];  // 1: others need what this one was granted
    uint32_t waits[kMaxGpus];        // 1: this one has asked for it
  } session[kMaxSessions];
};

namespace {

constexpr char kLedgerMagic[8] = {'g', 'p', 'l', 'e', 'd', 'g', 'e', '2'};

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

// The word for news goes on counting: somebody may still wait on it.
void Ledger::clear(uint32_t slot) {
  File::Session& session = file_->session[slot];
  session.taken = 0;
  std::memset(session.used_bytes, 0, sizeof session.used_bytes);
  std::memset(session.granted_bytes, 0, sizeof session.granted_bytes);
  std::memset(session.called_back, 0, sizeof session.called_back);
  std::memset(session.waits, 0, sizeof session.waits);
}

uint32_t Ledger::take_slot() {
  Locked lock(file_->mutex);
  for (uint32_t slot = 0; slot < kMaxSessions; ++slot) {
    if (file_->session[slot].taken) continue;
    clear(slot);
    file_->session[slot].taken = 1;
    return slot;
  }
  return kMaxSessions;
}

void Ledger::free_slot(uint32_t slot) {
  Locked lock(file_->mutex);
  if (slot >= kMaxSessions) return;
  clear(slot);
  for (uint32_t other = 0; other < kMaxSessions; ++other)
    if (std::ranges::count(file_->session[other].waits, 1u) > 0) ring(other);
}

uint64_t Ledger::used(uint32_t gpu) const {
  uint64_t sum = 0;
  for (const auto& session : file_->session) sum += gpu < kMaxGpus ? session.used_bytes[gpu] : 0;
  return sum;
}

uint64_t Ledger::limit(uint32_t gpu) const {
  return gpu < kMaxGpus ? file_->gpu[gpu].limit_bytes : 0;
}

uint64_t Ledger::left(uint32_t gpu) const {
  const uint64_t limit = file_->gpu[gpu].limit_bytes;
  if (limit == 0) return UINT64_MAX;
  uint64_t taken = used(gpu);
  for (const auto& session : file_->session) taken += session.granted_bytes[gpu];
  return limit > taken ? limit - taken : 0;
}

bool Ledger::reserve(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return false;
  Locked lock(file_->mutex);
  if (bytes > left(gpu)) return false;
  file_->session[slot].used_bytes[gpu] += bytes;
  file_->session[slot].waits[gpu] = 0;
  return true;
}

void Ledger::release(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return;
  Locked lock(file_->mutex);
  uint64_t& held = file_->session[slot].used_bytes[gpu];
  held -= bytes < held ? bytes : held;
}

uint64_t Ledger::grant(uint32_t slot, uint32_t gpu, uint64_t bytes, uint64_t unit) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return 0;
  Locked lock(file_->mutex);
  bytes = std::min(bytes, left(gpu) / 2) / unit * unit;
  file_->session[slot].granted_bytes[gpu] += bytes;
  return bytes;
}

void Ledger::give_back(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return;
  Locked lock(file_->mutex);
  uint64_t& held = file_->session[slot].granted_bytes[gpu];
  held -= std::min(bytes, held);
  for (uint32_t other = 0; other < kMaxSessions; ++other)
    if (other != slot && file_->session[other].waits[gpu]) ring(other);
}

bool Ledger::spend(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return false;
  Locked lock(file_->mutex);
  if (bytes > file_->session[slot].granted_bytes[gpu]) return false;
  file_->session[slot].granted_bytes[gpu] -= bytes;
  file_->session[slot].used_bytes[gpu] += bytes;
  return true;
}

void Ledger::keep_credit(uint32_t slot, uint32_t gpu, uint64_t bytes) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return;
  Locked lock(file_->mutex);
  uint64_t& held = file_->session[slot].used_bytes[gpu];
  bytes = std::min(bytes, held);
  held -= bytes;
  file_->session[slot].granted_bytes[gpu] += bytes;
}

bool Ledger::call_back(uint32_t slot, uint32_t gpu) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return false;
  Locked lock(file_->mutex);
  bool any = false;
  for (uint32_t other = 0; other < kMaxSessions; ++other) {
    File::Session& session = file_->session[other];
    if (other == slot || session.granted_bytes[gpu] == 0) continue;
    any = true;
    session.called_back[gpu] = 1;
    ring(other);
  }
  file_->session[slot].waits[gpu] = any;
  return any;
}

bool Ledger::called_back(uint32_t slot, uint32_t gpu) {
  if (slot >= kMaxSessions || gpu >= kMaxGpus) return false;
  Locked lock(file_->mutex);
  return std::exchange(file_->session[slot].called_back[gpu], 0u) != 0;
}

void Ledger::ring(uint32_t slot) {
  std::atomic<uint32_t>& news = file_->session[slot].news;
  news.fetch_add(1);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&news), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

uint32_t Ledger::news(uint32_t slot) const {
  return slot < kMaxSessions ? file_->session[slot].news.load() : 0;
}

void Ledger::wait_for_news(uint32_t slot, uint32_t seen) const {
  auto* word = const_cast<uint32_t*>(reinterpret_cast<const uint32_t*>(&file_->session[slot].news));
  syscall(SYS_futex, word, FUTEX_WAIT, seen, nullptr, nullptr, 0);
}

}  // namespace gpool::worker
