#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/log.h"
#include "worker/image_cache.h"
#include "worker/options.h"
#include "worker/worker.h"
#include "worker/workerd.h"

namespace gpool::worker {
namespace {

int complain(const std::string& sentence) {
  std::fprintf(stderr, "gpool-workerd: %s\n", sentence.c_str());
  return 1;
}

Status failed(const std::string& what) {
  return Status::failed(what + ": " + std::strerror(errno) + ".");
}

// Makes the state folder ours alone and takes its lock for as long as `lock` lives.
Status claim_state_folder(const std::string& folder, Fd& lock) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("The state folder " + folder + " could not be made");
  struct stat info{};
  if (stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return Status::failed("--state " + folder + " is not a folder.");
  if (info.st_uid != geteuid())
    return Status::failed("The state folder " + folder + " belongs to another user; choose another.");
  if (chmod(folder.c_str(), 0700) != 0) return failed("The state folder " + folder + " could not be made private");
  std::string path = folder + "/workerd.pid";
  lock.reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return failed("The pid file " + path + " could not be opened");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = "";
    ssize_t got = read(lock.get(), pid, sizeof pid - 1);
    std::string other(pid, got > 0 ? size_t(got) : 0);
    while (!other.empty() && other.back() == '\n') other.pop_back();
    return Status::failed("Another gpool-workerd (process " + other + ") already uses the state folder " + folder +
                          "; end it first, or choose another --state.");
  }
  std::string own = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 || write(lock.get(), own.data(), own.size()) < 0)
    return failed("The pid file " + path + " could not be written");
  // Ledgers of a workerd that was killed: its workers died with it.
  if (DIR* entries = opendir(folder.c_str())) {
    while (dirent* entry = readdir(entries))
      if (std::strncmp(entry->d_name, "ledger-", 7) == 0) unlink((folder + "/" + entry->d_name).c_str());
    closedir(entries);
  }
  return Status::ok();
}

int main(int argc, char** argv) {
  log::set_source("workerd");
  log::set_default_level(log::Level::info);
  Options options;
  if (Status status = parse_options(argc, argv, options); !status) return complain(status.sentence());
  if (options.help) return std::fputs(kUsage, stdout) < 0;
  if (options.version) return std::printf("gpool-workerd %s\n", GPOOL_VERSION) < 0;
  Fd lock;
  if (Status status = claim_state_folder(options.state_folder, lock); !status) return complain(status.sentence());
  if (Status status = ImageCache(options.image_folder, options.image_bytes).prepare(); !status) {
    log::error(status.sentence() + " Until then programs send their code each time.");
    options.image_bytes = 0;
  }
  Zygote zygote;
  if (!Zygote::start(run_worker, lock.get(), zygote))
    return complain("The process that forks workers could not be started.");
  Workerd workerd(options, std::move(zygote));
  if (Status status = workerd.open(); !status) return complain(status.sentence());
  int result = workerd.run();
  // The pid file stays: removing it would let two others each lock a file of that name.
  if (ftruncate(lock.get(), 0) != 0) return 1;
  return result;
}

}  // namespace
}  // namespace gpool::worker

int main(int argc, char** argv) {
  return gpool::worker::main(argc, argv);
}
