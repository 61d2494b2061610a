// A CUDA context as the client sees it, and the stack of them that every thread has. Contexts are never freed, so that
// a pointer held by another thread stays good; `active` says whether work may be sent to it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "calls/driver_api.h"
#include "wire/handle.h"

namespace gpool::client {

class Session;
struct Device;

struct Context {
  Session* session = nullptr;
  Device* device = nullptr;
  wire::Handle handle = 0;
  bool primary = false;
  std::atomic<bool> active{false};
  // A primary context's retains. Guarded by Device::mutex.
  uint32_t retained = 0;
  std::atomic<uint32_t> flags{0};
  std::atomic<int32_t> sticky{0};  // CUresult; stays until the context is reset
  std::atomic<uint64_t> id{0};
  uint32_t api_version = 0;
  std::atomic<uint32_t> life{1};  // counts resets: what was made in an earlier life is gone
  std::atomic<uint32_t> cache_config{0};
  std::atomic<uint32_t> shared_config{0};
  std::atomic<uint64_t> limits[16] = {};

  std::mutex peers_mutex;
  std::vector<Context*> peers;  // whose memory this context may reach

  // False: that is how it was already.
  bool enable_peer(Context* peer) {
    std::lock_guard lock(peers_mutex);
    if (std::find(peers.begin(), peers.end(), peer) != peers.end()) return false;
    peers.push_back(peer);
    return true;
  }
  bool disable_peer(Context* peer) {
    std::lock_guard lock(peers_mutex);
    return std::erase(peers, peer) != 0;
  }
  uint32_t index() const { return wire::index_of(handle); }
  CUcontext cuda() const { return reinterpret_cast<CUcontext>(handle); }
};

// The thread's current context. Read by nearly every call: a plain variable, reached without a function call.
extern constinit thread_local Context* t_current __attribute__((tls_model("initial-exec")));
inline Context* current_context() {
  return t_current;
}
void set_current_context(Context* context);
void push_context(Context* context);
// nullptr: the stack was empty.
Context* pop_context();

// What CU_STREAM_PER_THREAD means to this thread in a context: a stream of its own, made when it is first named and
// destroyed when the thread ends. 0: it could not be made.
wire::Handle thread_stream(Context& context);

// The live context behind a handle; nullptr: there is none.
Context* find_context(CUcontext handle);

}  // namespace gpool::client
