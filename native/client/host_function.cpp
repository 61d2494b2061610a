// Functions of the application that a stream calls. The worker stops the stream where the function stands and says so;
// a thread of this session calls the function and lets the stream go on. One thread per session, started with the first
// function: they run one after the other, as CUDA allows, and may wait for other threads of the application.
#include "client/host_function.h"

#include <pthread.h>
#include <signal.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "client/call.h"
#include "client/capture.h"
#include "client/driver.h"
#include "client/graph_holdings.h"
#include "client/host_twin.h"

namespace gpool::client {

std::atomic<uint32_t> g_host_functions_running{0};

namespace {

thread_local bool t_host_functions = false;

struct Job {
  const Session* session = nullptr;
  CUhostFn function = nullptr;
  CUstreamCallback callback = nullptr;
  CUstream stream = nullptr;
  void* data = nullptr;
  wire::Handle handle = 0;  // of the stream
  uint64_t sequence = 0;    // of the last frame before the function
};

// Functions that have been posted and not yet called, by the number under which the worker knows them.
struct Jobs {
  std::mutex mutex;
  uint64_t next = 1;
  std::unordered_map<uint64_t, Job> waiting;
  std::unordered_map<Session*, bool> has_thread;
  // What is let go of when the worker says that work is done, by the number that it was told.
  struct Held {
    const Session* session = nullptr;
    std::shared_ptr<void> what;
  };
  std::unordered_map<uint64_t, Held> held;
};
Jobs& jobs() {
  static Jobs& all = *new Jobs;  // never destroyed: the threads outlive static destructors
  return all;
}

void run_function(Session& session, const Reached& reached) {
  Job job;
  {
    std::lock_guard lock(jobs().mutex);
    auto at = jobs().waiting.find(reached.id);
    // A worker lets no function of another node's streams run.
    if (at == jobs().waiting.end() || at->second.session != &session) return;
    job = at->second;
    jobs().waiting.erase(at);
  }
  // The function may look at what copies before it in its stream have brought.
  session.settle_due_of(job.handle, job.sequence);
  g_host_functions_running++;
  // After an error functions are not called; callbacks are, and are told.
  if (job.callback != nullptr) {
    job.callback(job.stream, static_cast<CUresult>(reached.status), job.data);
  } else if (reached.status == CUDA_SUCCESS) {
    job.function(job.data);
  }
  g_host_functions_running--;
  (void)session.post(wire::Message::host_function_done, nullptr, wire::HostFunctionDone{reached.id});
  session.flush();
  session.finish_host_function();
}

void run_graph_function(Session& session, const Reached& reached) {
  const std::shared_ptr<GraphFunction> one = find_graph_function(session, reached.id);
  land_staged(session);
  g_host_functions_running++;
  if (one != nullptr) one->function(one->data);
  g_host_functions_running--;
  // What the function has written may be copied by the graph's next node.
  if (host_memory_is_watched()) (void)prepare_all(session);
  (void)session.post(wire::Message::host_function_done, nullptr, wire::HostFunctionDone{reached.run});
  session.flush();
}

void* run_host_functions(void* argument) {
  t_host_functions = true;
  Session& session = *static_cast<Session*>(argument);
  Reached reached;
  while (session.next_host_function(reached)) {
    switch (reached.what) {
      case Reached::function:
        run_function(session, reached);
        break;
      case Reached::graph_function:
        run_graph_function(session, reached);
        break;
      case Reached::done:
        expect_no_more(session, reached.id);
        break;
    }
  }
  return nullptr;
}

bool start_thread(Session& session) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // The application's signals are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, run_host_functions, &session) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return started;
}

// Under the mutex of the jobs.
bool has_thread(Session& session) {
  bool& known = jobs().has_thread[&session];
  return known = known || start_thread(session);
}

// The graph that the stream is captured into calls the function at every launch.
CUresult capture(Call& call, const Job& job, wire::Handle stream) {
  // CUDA captures functions, not callbacks.
  if (job.function == nullptr) {
    invalidate_capture(job.stream);
    return call.end(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  wire::HostFunction arguments{};
  arguments.stream = stream;
  arguments.id = capture_holdings(job.stream)->add(*call.session(), job.function, job.data);
  call.as(wire::Message::graph_function);
  return call.post(arguments);
}

CUresult enqueue(Call& call, Job job) {
  wire::HostFunction arguments{};
  arguments.stream = call.handle(job.stream);
  if (!call.ok()) return call.result();
  if (capture_of(job.stream) != 0) return capture(call, job, arguments.stream);
  Session& session = *call.session();
  job.session = &session;
  job.handle = arguments.stream;
  job.sequence = session.last_sequence();
  {
    std::lock_guard lock(jobs().mutex);
    if (!has_thread(session)) return call.end(CUDA_ERROR_OPERATING_SYSTEM);
    arguments.id = jobs().next++;
    jobs().waiting[arguments.id] = job;
  }
  call.as(wire::Message::host_function);
  session.expect_host_function();
  const CUresult status = call.post(arguments);
  if (status != CUDA_SUCCESS) {
    session.finish_host_function();
    std::lock_guard lock(jobs().mutex);
    jobs().waiting.erase(arguments.id);
  } else {
    session.flush();
  }
  return status;
}

}  // namespace

bool on_host_function_thread() {
  return t_host_functions;
}

uint64_t expect_done(Session& session, std::shared_ptr<void> held) {
  std::lock_guard lock(jobs().mutex);
  if (session.lost() || !has_thread(session)) return 0;
  const uint64_t id = jobs().next++;
  jobs().held[id] = {&session, std::move(held)};
  session.expect_host_function();
  return id;
}

void expect_no_more(Session& session, uint64_t id) {
  std::shared_ptr<void> held;
  {
    std::lock_guard lock(jobs().mutex);
    auto at = jobs().held.find(id);
    if (at == jobs().held.end() || at->second.session != &session) return;
    held = std::move(at->second.what);
    jobs().held.erase(at);
  }
  // It may be the last one: destructors of user objects, which may make no driver calls either.
  g_host_functions_running++;
  held.reset();
  g_host_functions_running--;
  session.finish_host_function();
}

}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuLaunchHostFunc_v2(CUstream hStream, CUhostFn fn, void* userData, unsigned int) {
  Call call("cuLaunchHostFunc_v2", Needs::context);
  if (fn == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  Job job;
  job.function = fn;
  job.stream = hStream;
  job.data = userData;
  return enqueue(call, job);
}

extern "C" CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData,
                                        unsigned int flags) {
  Call call("cuStreamAddCallback", Needs::context);
  if (callback == nullptr || flags != 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  Job job;
  job.callback = callback;
  job.stream = hStream;
  job.data = userData;
  return enqueue(call, job);
}
