// What a session may map without asking first, per device. The client counts the same: it adds what it is granted and
// what it frees, and takes away what it maps; both see the frames in the same order.
#pragma once

#include <chrono>
#include <cstdint>

namespace gpool::worker {

struct Credit {
  uint32_t epoch = 1;         // whose frames count
  uint64_t unspent = 0;       // granted in the ledger
  uint64_t pending = 0;       // the client's already, and granted as soon as the frees under way are done
  uint64_t target_bytes = 0;  // what is granted ahead; 0: the client has never asked for credit
  bool called_back = false;   // the client has been told, and has not yet sent a frame of the next epoch
  std::chrono::steady_clock::time_point patience_ends{};

  // A client that is idle reads nothing. It reads before it spends, so that what it sends later than this much after it
  // was told is of the next epoch, unless the way to it and back takes longer.
  static constexpr auto kClientPatience = std::chrono::milliseconds(500);
  // How long an allocation waits for what others give back.
  static constexpr auto kAskerPatience = std::chrono::milliseconds(1500);
};

}  // namespace gpool::worker
