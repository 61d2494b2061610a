// Everything that has a CUDA handle. Handles are numbers, never pointers, and never used twice: a stale or foreign one
// is found out, whatever it is.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace gpool::emulator {

enum class Kind : uint8_t {
  context = 1,
  stream,
  event,
  module,
  function,
  library,
  kernel,
  pool,
  physical,
  link,
  graph,
  node,
  graph_exec,
  user_object
};

struct Object {
  explicit Object(Kind object_kind) : kind(object_kind) {}
  virtual ~Object() = default;
  const Kind kind;
  uint64_t handle = 0;
};

class Handles {
 public:
  template <class T>
  void add(const std::shared_ptr<T>& object) {
    std::unique_lock lock(mutex_);
    // Looks like a user-space address to programs that print it; nothing is mapped there.
    object->handle = (uint64_t{0x7c} << 40) | (uint64_t{static_cast<uint8_t>(object->kind)} << 34) | (++counter_ << 4);
    objects_[object->handle] = object;
  }

  template <class T, class H>
  std::shared_ptr<T> find(H handle) const {
    std::shared_lock lock(mutex_);
    auto at = objects_.find((uint64_t)handle);
    if (at == objects_.end() || at->second->kind != T::kKind) return nullptr;
    return std::static_pointer_cast<T>(at->second);
  }

  // False when it was gone already.
  bool remove(uint64_t handle) {
    std::shared_ptr<Object> keep;  // destroyed after the lock
    std::unique_lock lock(mutex_);
    auto at = objects_.find(handle);
    if (at == objects_.end()) return false;
    keep = std::move(at->second);
    objects_.erase(at);
    lock.unlock();
    return true;
  }

  template <class T>
  std::vector<std::shared_ptr<T>> all() const {
    std::vector<std::shared_ptr<T>> found;
    std::shared_lock lock(mutex_);
    for (const auto& [handle, object] : objects_) {
      if (object->kind == T::kKind) found.push_back(std::static_pointer_cast<T>(object));
    }
    return found;
  }

 private:
  mutable std::shared_mutex mutex_;
  uint64_t counter_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Object>> objects_;
};

// Never destroyed: calls may come from static destructors of the program.
Handles& handles();

}  // namespace gpool::emulator
