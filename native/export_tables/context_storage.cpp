#include "export_tables/context_storage.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace gpool::export_tables {
namespace {

using Place = std::pair<CUcontext, void*>;

struct Entry {
  void* value;
  StorageDestructor destructor;
};

// Never destroyed: runtimes ask from destructors of other libraries, after ours would have run.
struct Shared {
  std::mutex mutex;
  std::map<Place, Entry> entries;
};
Shared& shared() {
  static Shared* instance = new Shared;
  return *instance;
}

// Changes with every put, erase and end, so that what threads remember is not believed any more.
std::atomic<uint64_t> generation{1};

// A process holds about four copies of the runtime, each with its own key.
constexpr size_t kRemembered = 8;
struct Remembered {
  uint64_t generation;
  CUcontext context;
  void* key;
  void* value;
};
thread_local Remembered remembered[kRemembered];

Remembered& slot_of(CUcontext context, void* key) {
  uintptr_t mixed = reinterpret_cast<uintptr_t>(context) ^ (reinterpret_cast<uintptr_t>(key) >> 4);
  return remembered[(mixed ^ (mixed >> 8)) % kRemembered];
}

void forget_everywhere() {
  generation.fetch_add(1, std::memory_order_release);
}

}  // namespace

void ContextStorage::put(CUcontext context, void* key, void* value, StorageDestructor destructor) {
  std::lock_guard lock(shared().mutex);
  shared().entries[{context, key}] = Entry{value, destructor};
  forget_everywhere();
}

bool ContextStorage::erase(CUcontext context, void* key) {
  std::lock_guard lock(shared().mutex);
  bool existed = shared().entries.erase({context, key}) != 0;
  forget_everywhere();
  return existed;
}

bool ContextStorage::find(CUcontext context, void* key, void** value) {
  uint64_t now = generation.load(std::memory_order_acquire);
  Remembered& slot = slot_of(context, key);
  if (slot.generation == now && slot.context == context && slot.key == key) {
    *value = slot.value;
    return true;
  }
  std::lock_guard lock(shared().mutex);
  auto found = shared().entries.find({context, key});
  if (found == shared().entries.end()) return false;
  // `now` was read before the lock: a change in between leaves a generation that is already old.
  slot = Remembered{now, context, key, found->second.value};
  *value = found->second.value;
  return true;
}

void ContextStorage::end(CUcontext context) {
  std::vector<std::pair<void*, Entry>> ended;
  {
    std::lock_guard lock(shared().mutex);
    auto& entries = shared().entries;
    auto at = entries.lower_bound({context, nullptr});
    while (at != entries.end() && at->first.first == context) {
      ended.emplace_back(at->first.second, at->second);
      at = entries.erase(at);
    }
    forget_everywhere();
  }
  for (auto& [key, entry] : ended) {
    if (entry.destructor != nullptr) entry.destructor(context, key, entry.value);
  }
}

}  // namespace gpool::export_tables
