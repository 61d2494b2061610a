#include "emulator/driver/ledger.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "base/sha256.h"

namespace gpool::emulator {
namespace {

constexpr uint64_t kMagic = 0x3172656764654c67;  // "gLedger1"

// When a process started, in clock ticks since boot: with the pid it names a process for good. 0: no such process.
uint64_t start_time(int pid) {
  char path[64], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  ::close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  // The command name may hold blanks and parentheses; fields are counted from the last parenthesis. Start time is
  // field 22.
  char* field = std::strrchr(text, ')');
  if (!field || field[1] == 0) return 0;
  if (field[2] == 'Z' || field[2] == 'X') return 0;  // dead, only not yet collected by its parent
  for (int number = 2; number < 22 && field; ++number) field = std::strchr(field + 1, ' ');
  return field ? std::strtoull(field + 1, nullptr, 10) : 0;
}

std::string folder_for_ledgers() {
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime && *runtime && access(runtime, W_OK) == 0) {
    return std::string(runtime) + "/gpool";
  }
  return "/dev/shm/gpool-" + std::to_string(getuid());
}

}  // namespace

struct Ledger::File {
  uint64_t magic;
  struct Entry {
    int64_t pid;  // 0: free
    uint64_t started;
    uint64_t bytes[kGpus];
  } entries[kProcesses];
};

struct Ledger::Lock {
  explicit Lock(Ledger& ledger) : hold(ledger.mutex_), fd(ledger.fd_) {
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Lock() {
    if (fd >= 0) flock(fd, LOCK_UN);
  }
  std::lock_guard<std::mutex> hold;
  int fd;
};

// Removes ledgers of other nodes whose processes have all ended without leaving (killed, or by _exit).
void Ledger::sweep(const std::string& folder, const std::string& own_path) {
  DIR* listing = opendir(folder.c_str());
  if (!listing) return;
  while (const dirent* entry = readdir(listing)) {
    std::string name = entry->d_name, path = folder + "/" + name;
    if (!name.starts_with("emulated-") || !name.ends_with(".ledger") || path == own_path) continue;
    int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    // Somebody who holds the lock is alive.
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      auto content = std::make_unique<File>();
      bool living = false;
      if (pread(fd, content.get(), sizeof(File), 0) == static_cast<ssize_t>(sizeof(File))) {
        for (const File::Entry& user : content->entries) {
          living = living || (user.pid != 0 && start_time(static_cast<int>(user.pid)) == user.started);
        }
      }
      struct stat about{};
      if (!living && fstat(fd, &about) == 0 && about.st_nlink > 0 && about.st_uid == getuid()) unlink(path.c_str());
    }
    ::close(fd);
  }
  closedir(listing);
}

Status Ledger::open(const std::string& node) {
  std::string folder = folder_for_ledgers();
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Status::failed("cannot make the folder " + folder + " for the memory ledger: " + std::strerror(errno));
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  const Sha256Digest digest = sha256(std::as_bytes(std::span(node)));
  for (int i = 0; i < 8; ++i) name += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
  path_ = folder + "/emulated-" + name + ".ledger";
  sweep(folder, path_);
  // The last process of another run may remove the file between our open and our lock; then open again.
  for (int attempt = 0; attempt < 100; ++attempt) {
    int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return Status::failed("cannot open the memory ledger " + path_ + ": " + std::strerror(errno));
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    struct stat about{};
    if (fstat(fd, &about) != 0 || about.st_nlink == 0) {
      ::close(fd);
      continue;
    }
    if (about.st_uid != getuid()) {
      ::close(fd);
      return Status::failed("the memory ledger " + path_ +
                            " belongs to another user; remove it, or set XDG_RUNTIME_DIR");
    }
    if (about.st_size != static_cast<off_t>(sizeof(File)) && ftruncate(fd, sizeof(File)) != 0) {
      ::close(fd);
      return Status::failed("cannot size the memory ledger " + path_ + ": " + std::strerror(errno));
    }
    void* address = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      ::close(fd);
      return Status::failed("cannot map the memory ledger " + path_ + ": " + std::strerror(errno));
    }
    file_ = static_cast<File*>(address);
    fd_ = fd;
    if (file_->magic != kMagic) {
      std::memset(file_, 0, sizeof(File));
      file_->magic = kMagic;
    }
    drop_the_dead();
    for (int i = 0; i < kProcesses && slot_ < 0; ++i) {
      if (file_->entries[i].pid == 0) slot_ = i;
    }
    if (slot_ >= 0) {
      file_->entries[slot_] = File::Entry{getpid(), start_time(getpid()), {}};
    }
    flock(fd, LOCK_UN);
    if (slot_ < 0) {
      close();
      return Status::failed("the memory ledger " + path_ + " is full: " + std::to_string(kProcesses) +
                            " processes already use these emulated GPUs");
    }
    return Status::ok();
  }
  return Status::failed("the memory ledger " + path_ + " kept disappearing; is something cleaning its folder?");
}

void Ledger::close() {
  if (!file_) return;
  {
    Lock lock(*this);
    if (slot_ >= 0) file_->entries[slot_] = {};
    slot_ = -1;
    drop_the_dead();
    bool last = true;
    for (const File::Entry& entry : file_->entries) last = last && entry.pid == 0;
    if (last) {
      unlink(path_.c_str());
      rmdir(path_.substr(0, path_.rfind('/')).c_str());  // stays when somebody else uses it
    }
    munmap(file_, sizeof(File));
    file_ = nullptr;
  }
  ::close(fd_);
  fd_ = -1;
}

bool Ledger::reserve(int gpu, uint64_t bytes, uint64_t limit) {
  if (!file_) return false;
  Lock lock(*this);
  for (int attempt = 0; attempt < 2; ++attempt) {
    uint64_t used = sum(gpu);
    if (used <= limit && bytes <= limit - used) {
      file_->entries[slot_].bytes[gpu] += bytes;
      return true;
    }
    drop_the_dead();
  }
  return false;
}

void Ledger::release(int gpu, uint64_t bytes) {
  if (!file_) return;
  Lock lock(*this);
  file_->entries[slot_].bytes[gpu] -= bytes;
}

uint64_t Ledger::used(int gpu) {
  if (!file_) return 0;
  Lock lock(*this);
  drop_the_dead();
  return sum(gpu);
}

uint64_t Ledger::sum(int gpu) const {
  uint64_t total = 0;
  for (const File::Entry& entry : file_->entries) total += entry.bytes[gpu];
  return total;
}

void Ledger::drop_the_dead() {
  for (File::Entry& entry : file_->entries) {
    if (entry.pid != 0 && entry.pid != getpid() && start_time(static_cast<int>(entry.pid)) != entry.started) entry = {};
    // A leftover of an earlier process with our own pid.
    if (entry.pid == getpid() && &entry != &file_->entries[slot_ < 0 ? 0 : slot_]) {
      if (entry.started != start_time(getpid())) entry = {};
    }
  }
}

}  // namespace gpool::emulator
