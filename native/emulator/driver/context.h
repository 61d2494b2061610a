// Contexts: what is alive in one, what is current on a thread, and its sticky error.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/handles.h"
#include "emulator/driver/stream.h"

namespace gpool::emulator {

struct Context : Object, std::enable_shared_from_this<Context> {
  static constexpr Kind kKind = Kind::context;
  Context() : Object(kKind) {}

  int device = 0;
  bool primary = false;
  uint64_t id = 0;
  std::atomic<unsigned> flags{0};
  std::atomic<bool> active{false};    // a primary context is inactive until it is retained
  std::atomic<bool> stopping{false};  // running kernels are told to end
  std::atomic<int> sticky{0};
  int retained = 0;  // primary; guarded by a lock of its own

  std::mutex order;  // of submissions, between all streams of the context
  StreamRef legacy;
  std::set<StreamRef> streams;       // all but the legacy one
  std::vector<TicketRef> leftovers;  // of destroyed streams
  int global_captures = 0;

  std::mutex settings_mutex;
  std::map<CUlimit, size_t> limits;
  std::atomic<uint64_t> peers{0};  // bit per device whose memory this context may touch
  CUfunc_cache cache_config = CU_FUNC_CACHE_PREFER_NONE;

  std::mutex heap_mutex;  // device-side malloc
  uint64_t heap_begin = 0;
  std::map<uint64_t, uint64_t> heap_used;

  void open();
  // Everything that lives in it is gone afterwards.
  void tear_down();
  void poison(CUresult code, const std::string& sentence);

  std::vector<TicketRef> all_tickets();
  void wait_for_all();

  uint64_t heap_allocate(uint64_t bytes);
  void heap_free(uint64_t address);
};
using ContextRef = std::shared_ptr<Context>;

// The context of the calling thread, alive and without a sticky error; else the code that says what is wrong.
CUresult current_context(ContextRef& context);
// The same, but errors of earlier work do not matter (destroying things stays possible).
CUresult current_context_even_broken(ContextRef& context);
CUresult check_alive(const ContextRef& context);

std::vector<uint64_t>& context_stack();

// What kernels print is kept, as much of it as the context's CU_LIMIT_PRINTF_FIFO_SIZE allows: the oldest goes first.
void keep_output(Context& context, std::string_view text);
// The words of a failed assertion.
void keep_complaint(std::string_view line);
// Writes what was kept to standard output, and to standard error. At CUDA's points of synchronisation.
void flush_output();

}  // namespace gpool::emulator
