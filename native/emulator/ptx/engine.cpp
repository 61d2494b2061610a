// Host threads that run blocks. A worker owns the blocks it has started; it takes turns among them, so that blocks that
// wait for each other (cooperative launches, kernels of several launches) all get on.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <list>
#include <thread>

#include "cta.h"

namespace gpool::ptx {
namespace {

using Clock = std::chrono::steady_clock;

// A block runs on for this long before its worker looks for others; one that neither ends nor waits for this much
// longer may be spinning on a block that has not begun.
constexpr auto kBlockTurn = std::chrono::milliseconds(2);
constexpr auto kPatience = std::chrono::milliseconds(100);
constexpr size_t kMostResident = 64;  // per worker, of ordinary launches

struct Resident {
  std::shared_ptr<Job> job;
  std::unique_ptr<Cta> cta;
  Clock::time_point since;
};

}  // namespace

struct Engine::State {
  std::mutex mutex;
  std::condition_variable work;
  std::deque<std::shared_ptr<Job>> jobs;  // that have blocks left to start
  bool closing = false;
  std::atomic<uint64_t> next_id{1};
  std::vector<std::thread> threads;

  // The next block of some launch, launches taking turns. `among`: for cooperative launches, blocks go evenly to the
  // workers.
  bool take(std::shared_ptr<Job>& job, uint64_t& index, bool& was_last) {
    while (!jobs.empty()) {
      std::shared_ptr<Job> candidate = jobs.front();
      jobs.pop_front();
      std::lock_guard lock(candidate->mutex);
      if (candidate->stopping || candidate->next >= candidate->total) continue;
      index = candidate->next++;
      ++candidate->resident;
      was_last = candidate->next >= candidate->total;
      job = candidate;
      if (!was_last) jobs.push_back(candidate);
      return true;
    }
    return false;
  }

  void worker(uint32_t number);
  static void leave(Job& job) {
    std::lock_guard lock(job.mutex);
    --job.resident;
    ++job.finished;
    if (job.resident == 0) job.changed.notify_all();
  }
};

void Engine::State::worker(uint32_t number) {
  std::list<Resident> residents;
  auto turn = residents.end();
  for (;;) {
    std::shared_ptr<Job> job;
    uint64_t index = 0;
    bool last = false;
    {
      // Cooperative launches come first and whole: all their blocks must be resident. Others only when there is nothing
      // else to do, or the residents have had their patience.
      std::unique_lock lock(mutex);
      if (residents.empty()) {
        work.wait(lock, [&] { return closing || !jobs.empty(); });
        if (closing) return;
        take(job, index, last);
      } else if (!jobs.empty()) {
        const bool waits = std::any_of(jobs.begin(), jobs.end(), [&](const std::shared_ptr<Job>& other) {
          return other->launch.cooperative || std::none_of(residents.begin(), residents.end(),
                                                           [&](const Resident& one) { return one.job == other; });
        });
        const bool impatient = residents.size() < kMostResident &&
                               Clock::now() - residents.back().since > kPatience * static_cast<int>(residents.size());
        if (waits || impatient) take(job, index, last);
      }
    }
    if (job) {
      Resident resident;
      resident.job = job;
      resident.since = Clock::now();
      try {
        resident.cta = std::make_unique<Cta>(*job, number);
        resident.cta->begin(index);
        residents.push_back(std::move(resident));
        if (turn == residents.end()) turn = residents.begin();
      } catch (const std::bad_alloc&) {
        job->raise(Fault::Kind::illegal_instruction,
                   "kernel '" + job->kernel->name + "': the host has no memory left for another block");
        leave(*job);
      }
      if (job->launch.cooperative && !last) continue;
    }
    if (residents.empty()) continue;
    if (turn == residents.end()) turn = residents.begin();
    Resident& now = *turn;
    const auto begin = Clock::now();
    bool done = false;
    while (!done) {
      done = now.job->stopping.load(std::memory_order_relaxed) || now.cta->run_turn();
      if (!done) {
        if (Clock::now() - begin > kBlockTurn || now.job->launch.cooperative) break;
        continue;
      }
      // The next block of the same launch takes over the memory of this one.
      if (now.job->launch.cooperative || now.job->stopping.load(std::memory_order_relaxed)) break;
      uint64_t next = 0;
      {
        std::lock_guard lock(now.job->mutex);
        if (now.job->next >= now.job->total) break;
        next = now.job->next++;
        ++now.job->finished;
      }
      now.cta->begin(next);
      now.since = Clock::now();
      done = false;
      if (now.since - begin > kBlockTurn) break;
    }
    if (done) {
      std::shared_ptr<Job> ended = now.job;
      now.cta.reset();
      turn = residents.erase(turn);
      leave(*ended);
    } else {
      ++turn;
    }
  }
}

Engine::Engine(unsigned threads) : state_(std::make_unique<State>()) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) state_->threads.emplace_back([this, i] { state_->worker(i); });
}

Engine::~Engine() {
  {
    std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->work.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

Fault Engine::run(Module& module, size_t kernel, const Launch& launch, const Hooks& hooks) {
  ModuleText& text = static_cast<ModuleText&>(module);
  auto refuse = [](std::string sentence) { return Fault{Fault::Kind::illegal_instruction, std::move(sentence)}; };
  if (kernel >= text.kernels().size())
    return refuse("kernel number " + std::to_string(kernel) + " is not in this module");
  const Kernel& described = text.kernels()[kernel];
  const Program& program = text.program(kernel);
  if (!program.why_not.empty()) return refuse("kernel '" + described.name + "' cannot run: " + program.why_not);
  auto job = std::make_shared<Job>();
  job->module = &text;
  job->program = &program;
  job->kernel = &described;
  job->launch = launch;
  job->hooks = &hooks;
  job->id = state_->next_id++;
  const uint64_t threads = uint64_t{launch.block[0]} * launch.block[1] * launch.block[2];
  job->total = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  if (threads == 0 || threads > 1024 || job->total == 0) {
    return refuse("kernel '" + described.name +
                  "': a grid needs at least one block, and a block 1 to 1024 threads, not " + std::to_string(threads));
  }
  if (launch.parameters.size() < described.parameter_bytes) {
    return refuse("kernel '" + described.name + "' takes " + std::to_string(described.parameter_bytes) +
                  " bytes of parameters, and " + std::to_string(launch.parameters.size()) + " were given");
  }
  // Vectors of the parameter space are read whole; 64-byte padding keeps that inside.
  job->parameters.assign(launch.parameters.begin(), launch.parameters.begin() + described.parameter_bytes);
  if (job->parameters.empty()) job->parameters.resize(1);
  job->launch.parameters = {};
  if (launch.cooperative) {
    job->workspace = std::make_unique<std::byte[]>(kWorkspaceBytes);
  }
  {
    std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(job);
  }
  state_->work.notify_all();
  std::unique_lock lock(job->mutex);
  auto ended = [&] { return job->resident == 0 && (job->next >= job->total || job->stopping); };
  while (!ended()) {
    job->changed.wait_for(lock, std::chrono::milliseconds(hooks.stop ? 5 : 1000), ended);
    if (ended() || !hooks.stop || job->stopping) continue;
    lock.unlock();
    const bool stop = hooks.stop();
    if (stop) job->raise(Fault::Kind::stopped, "kernel '" + described.name + "' was stopped from outside");
    lock.lock();
  }
  job->next = job->total;  // no worker may start another block
  return job->fault;
}

}  // namespace gpool::ptx
