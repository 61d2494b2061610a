#include "cta.h"

#include <sys/mman.h>

#include <bit>
#include <cstring>
#include <new>

namespace gpool::ptx {
namespace {

std::byte* map_bytes(uint64_t bytes) {
  if (bytes == 0) return nullptr;
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(address);
}

}  // namespace

void Job::raise(Fault::Kind kind, std::string sentence) {
  std::lock_guard lock(mutex);
  if (fault.kind == Fault::Kind::none) fault = {kind, std::move(sentence)};
  stopping = true;
}

Cta::Cta(Job& owner, uint32_t worker_index) : job(&owner), worker(worker_index) {
  const Launch& launch = owner.launch;
  const Program& program = *owner.program;
  threads = launch.block[0] * launch.block[1] * launch.block[2];
  shared_bytes = uint64_t{program.shared_bytes} + launch.dynamic_shared_bytes;
  const uint64_t local_each = (program.stack_bytes + 15ull) & ~15ull;
  warps.resize((threads + kLanes - 1) / kLanes);
  local_bytes = local_each * kLanes * warps.size();
  sites.resize(program.sites);
  shared = map_bytes(shared_bytes);
  local = map_bytes(local_bytes);
  for (size_t i = 0; i < warps.size(); ++i) {
    Warp& warp = warps[i];
    warp.cta = this;
    warp.index = static_cast<uint32_t>(i);
    warp.sites = sites.data();
    warp.shared = shared;
    warp.shared_bytes = shared_bytes;
    warp.local_stride = local_each;
    warp.local = local + i * local_each * kLanes;
    warp.parameters = owner.parameters.data();
    warp.parameter_bytes = owner.parameters.size();
    warp.extra = program.extra.data();
  }
}

Cta::~Cta() {
  if (shared) munmap(shared, shared_bytes);
  if (local) munmap(local, local_bytes);
}

void Cta::begin(uint64_t which) {
  const Launch& launch = job->launch;
  index = which;
  id[0] = static_cast<uint32_t>(which % launch.grid[0]);
  id[1] = static_cast<uint32_t>(which / launch.grid[0] % launch.grid[1]);
  id[2] = static_cast<uint32_t>(which / launch.grid[0] / launch.grid[1]);
  live_threads = threads;
  faulted = false;
  if (open_barriers) {
    for (Barrier& barrier : barriers) barrier = {};
    open_barriers = 0;
  }
  for (Warp& warp : warps) {
    uint32_t lanes = std::min(kLanes, threads - warp.index * kLanes);
    warp.live = lanes == kLanes ? kFull : (1u << lanes) - 1;
    warp.groups.clear();
    for (auto& frame : warp.frames) frame->lanes = 0;
    warp.force_sync = warp.yield = false;
    Frame* frame = make_frame(warp, &job->program->functions[0], nullptr);
    frame->lanes = warp.live;
    warp.groups.push_back({job->program->code.data() + job->program->functions[0].entry, warp.live, frame});
  }
}

bool Cta::run_turn() {
  bool all_finished = true;
  for (Warp& warp : warps) {
    // A warp that others wait for at a barrier goes on as long as it gets there; turns only part spinning warps.
    if (warp.groups.empty()) continue;
    switch (run(warp, kWarpTurn)) {
      case Turn::finished:
        break;
      case Turn::faulted:
        faulted = true;
        return true;
      case Turn::blocked:
      case Turn::spent:
        all_finished = false;
        break;
    }
    if (job->stopping.load(std::memory_order_relaxed)) return true;
  }
  if (all_finished) {
    for (Warp& warp : warps) all_finished &= warp.groups.empty();
  }
  return all_finished;
}

bool Cta::is_complete(const Barrier& barrier) const {
  return barrier.arrived >= (barrier.expected ? barrier.expected : live_threads);
}

void Cta::arrive(Warp& warp, Group& group, unsigned number, uint32_t expected, bool wait, uint32_t votes) {
  Barrier& barrier = barriers[number];
  open_barriers |= 1u << number;
  barrier.expected = expected;
  // Counting bits is a call where the processor is not known to have an instruction for it.
  uint32_t count = group.mask == kFull ? kLanes : static_cast<uint32_t>(std::popcount(group.mask));
  barrier.votes += count;
  if (votes) barrier.true_votes += static_cast<uint32_t>(std::popcount(votes & group.mask));
  // With a written count, a warp counts as 32 threads even when some of its lanes are gone or never were.
  if (expected && group.mask == warp.live) count = kLanes;
  barrier.arrived += count;
  if (wait) {
    group.state = Group::State::at_barrier;
    group.barrier = static_cast<uint8_t>(number);
  }
  if (is_complete(barrier)) complete(number);
}

void Cta::complete(unsigned number) {
  Barrier& barrier = barriers[number];
  for (Warp& warp : warps) {
    for (Group& group : warp.groups) {
      if (group.state != Group::State::at_barrier || group.barrier != number) continue;
      group.state = Group::State::ready;
      if (group.reduction == 0) continue;
      std::byte* row = group.frame->rows + group.result;
      if (group.reduction == 1) {
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          if (group.mask >> lane & 1) std::memcpy(row + 4 * lane, &barrier.true_votes, 4);
        }
      } else {
        bool value = group.reduction == 2 ? barrier.true_votes == barrier.votes : barrier.true_votes != 0;
        uint32_t bits;
        std::memcpy(&bits, row, 4);
        bits = value ? bits | group.mask : bits & ~group.mask;
        std::memcpy(row, &bits, 4);
      }
      group.reduction = 0;
    }
  }
  barrier = {};
  open_barriers &= ~(1u << number);
}

void Cta::threads_left() {
  if (!open_barriers) return;
  for (unsigned number = 0; number < kBarriers; ++number) {
    const Barrier& barrier = barriers[number];
    if (barrier.arrived && !barrier.expected && is_complete(barrier)) complete(number);
  }
}

}  // namespace gpool::ptx
