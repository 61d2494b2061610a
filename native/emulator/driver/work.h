// What can be queued in a stream or stand in a graph, as data: it is run by a stream's thread, or recorded and run
// later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "calls/driver_api.h"

namespace gpool::emulator {

struct Context;
struct Function;
struct Event;
struct GraphExec;
class Ticket;

struct KernelWork {
  std::shared_ptr<Function> function;
  CUfunction given = nullptr;  // as the caller named it (CUfunction or CUkernel)
  uint32_t grid[3], block[3];
  uint32_t shared = 0;
  bool cooperative = false;
  std::vector<std::byte> parameters;
};

// A box of bytes. Pitches are in bytes; a flat copy has height and depth 1.
struct CopyWork {
  uint64_t destination = 0, source = 0;
  uint64_t destination_pitch = 0, destination_slice = 0, source_pitch = 0, source_slice = 0;
  uint64_t width = 0, height = 1, depth = 1;
  std::shared_ptr<std::vector<std::byte>> staged;  // the source, captured at the call
  uint64_t bytes() const { return width * height * depth; }
};

struct MemsetWork {
  uint64_t address = 0, pitch = 0;
  uint32_t value = 0, element = 1;
  uint64_t width = 0, height = 1;  // width in elements
};

struct HostWork {
  std::function<void(CUresult)> call;
  CUhostFn function = nullptr;  // for graph queries
  void* data = nullptr;
  bool even_after_errors = false;
};

struct EventRecordWork {
  std::shared_ptr<Event> event;
  std::shared_ptr<Ticket> stamp;  // made at the call; for graphs, made at each launch
};

struct EventWaitWork {
  std::shared_ptr<Event> event;
  std::shared_ptr<Ticket> stamp;  // in graphs: the event's record of the moment of the launch
};

struct EmptyWork {};

struct FreeWork {
  uint64_t address = 0;
};

struct ValueWork {
  uint64_t address = 0, value = 0;
  unsigned flags = 0;
  bool wait = false, wide = false;
};

struct GraphWork {
  std::shared_ptr<GraphExec> exec;
};

using Work = std::variant<EmptyWork, KernelWork, CopyWork, MemsetWork, HostWork, EventRecordWork, EventWaitWork,
                          FreeWork, ValueWork, GraphWork>;

// Runs it on the calling thread. A failure that is not CUDA_SUCCESS poisons the context.
CUresult run(Context& context, const Work& work);

}  // namespace gpool::emulator
