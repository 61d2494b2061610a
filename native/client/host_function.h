// Functions of the application that a stream calls.
#pragma once

#include <atomic>
#include <cstdint>

namespace gpool::client {

// Host functions that are running now, in all sessions.
extern std::atomic<uint32_t> g_host_functions_running;
bool on_host_function_thread();

// CUDA allows no driver call there. Two loads while no function runs.
inline bool in_host_function() {
  return g_host_functions_running.load(std::memory_order_relaxed) != 0 && on_host_function_thread();
}

}  // namespace gpool::client
