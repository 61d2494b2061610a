// The memory of one lease on this node: a file that all workers of the lease map. One number per GPU would leak what a
// killed worker held, so each session has its own, and the sum is what counts.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "wire/ticket.h"

namespace gpool::worker {

class Ledger {
 public:
  static constexpr uint32_t kMaxSessions = 256;
  static constexpr uint32_t kMaxGpus = 64;

  Ledger() = default;
  Ledger(Ledger&& other) noexcept { *this = static_cast<Ledger&&>(other); }
  Ledger& operator=(Ledger&& other) noexcept;
  ~Ledger();

  static Status create(const std::string& path, Ledger& made);  // workerd; replaces what lies there
  static Status open(const std::string& path, Ledger& made);    // workers

  // -- workerd
  // --------------------------------------------------------------------------------------------------------- A GPU's
  // place, made on first use; `limit_bytes` (0: none) of the latest ticket holds. kMaxGpus: full.
  uint32_t place_of(const wire::Uuid& uuid, uint64_t limit_bytes);
  uint32_t gpus() const;
  wire::Uuid uuid(uint32_t gpu) const;
  // A free slot for a session; kMaxSessions: none.
  uint32_t take_slot();
  void free_slot(uint32_t slot);

  // -- workers. What a session uses and what it was granted to use without asking (its credit) count together.
  // False: the limit would be passed.
  bool reserve(uint32_t slot, uint32_t gpu, uint64_t bytes);
  void release(uint32_t slot, uint32_t gpu, uint64_t bytes);
  // Up to `bytes`, and never more than half of what is left, so that sessions that compete near the limit do not take
  // it from each other without using it. A multiple of `unit`.
  uint64_t grant(uint32_t slot, uint32_t gpu, uint64_t bytes, uint64_t unit);
  void give_back(uint32_t slot, uint32_t gpu, uint64_t bytes);    // granted → free
  bool spend(uint32_t slot, uint32_t gpu, uint64_t bytes);        // granted → used
  void keep_credit(uint32_t slot, uint32_t gpu, uint64_t bytes);  // used → granted
  uint64_t used(uint32_t gpu) const;
  uint64_t limit(uint32_t gpu) const;
  // Asks the other sessions to give back what they were granted. False: they hold nothing. Those who give something
  // back afterwards ring for `slot`.
  bool call_back(uint32_t slot, uint32_t gpu);
  // Whether this session was asked to. Answers true once.
  bool called_back(uint32_t slot, uint32_t gpu);
  // A word that changes when there is news for a session: `wait_for_news` returns when it is no longer `seen`, or
  // sometimes without a reason.
  uint32_t news(uint32_t slot) const;
  void wait_for_news(uint32_t slot, uint32_t seen) const;

 private:
  struct File;
  Status map(int fd);
  uint64_t left(uint32_t gpu) const;
  void ring(uint32_t slot);
  void clear(uint32_t slot);
  File* file_ = nullptr;
};

}  // namespace gpool::worker
