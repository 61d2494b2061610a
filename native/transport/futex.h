// Sleeping on a word that processes share, and the short spin before it.
#pragma once

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace gpool::transport {

// Returns when woken, when *word is not `expected`, or after `at_most`; the caller looks for itself what happened.
inline void futex_sleep(std::atomic<uint32_t>& word, uint32_t expected, std::chrono::nanoseconds at_most) {
  timespec limit{time_t(at_most.count() / 1000000000), long(at_most.count() % 1000000000)};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT, expected, &limit, nullptr, 0);
}
inline void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

inline void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins while that has been paying off, and hardly at all while it has not. On a small machine the core is offered to
// the peer while spinning: it may be waiting for just this core.
class Spinner {
 public:
  template <class Ready>
  bool spin(Ready&& ready) {
    static const bool small_machine = std::thread::hardware_concurrency() <= 2;
    auto end = std::chrono::steady_clock::now() + budget_;
    for (;;) {
      for (int i = 0; i < 32; ++i) {
        if (ready()) {
          budget_ = std::min(budget_ * 2, kLongest);
          return true;
        }
        pause_core();
      }
      if (std::chrono::steady_clock::now() >= end) break;
      if (small_machine) sched_yield();
    }
    budget_ = std::max(budget_ / 2, kShortest);
    return ready();
  }

 private:
  static constexpr std::chrono::nanoseconds kShortest{1000}, kLongest{40000};
  std::chrono::nanoseconds budget_{10000};
};

}  // namespace gpool::transport
