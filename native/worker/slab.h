// What the client's handles of one kind stand for. Indices come off the wire, so pages are made one at a time: a wild
// index costs one page.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "wire/handle.h"

namespace gpool::worker {

class Slab {
 public:
  struct Entry {
    uint64_t value = 0;  // the driver's handle
    uint32_t generation = 0;
    uint32_t extra = 0;  // streams, contexts, functions: index of their state; modules: of their context's
    bool live = false;
  };

  Entry* find(wire::Handle handle) {
    Entry* entry = at(wire::index_of(handle));
    return entry && entry->live && entry->generation == wire::generation_of(handle) ? entry : nullptr;
  }
  Entry* find_index(uint32_t index) {
    Entry* entry = at(index);
    return entry && entry->live ? entry : nullptr;
  }
  // nullptr: the place is taken, or index 0.
  Entry* bind(wire::Handle handle, uint64_t value) {
    uint32_t index = wire::index_of(handle);
    if (index == 0) return nullptr;
    size_t page = index / kPage;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<Entry[]>(kPage);
    Entry& entry = pages_[page][index % kPage];
    // A second time for the same object is no mistake: a capture's graph may be named before its end.
    if (entry.live && entry.value == value && entry.generation == wire::generation_of(handle)) return &entry;
    if (entry.live) return nullptr;
    entry = {value, wire::generation_of(handle), 0, true};
    return &entry;
  }
  void forget(wire::Handle handle) {
    if (Entry* entry = find(handle)) entry->live = false;
  }
  // The handle of a value for which `matches` is true; 0: none. Looks at every entry.
  template <class Matches>
  wire::Handle search(wire::Kind kind, uint32_t session, Matches matches) const {
    for (size_t page = 0; page < pages_.size(); ++page)
      for (size_t i = 0; pages_[page] && i < kPage; ++i)
        if (const Entry& entry = pages_[page][i]; entry.live && matches(entry.value))
          return wire::make_handle(kind, session, entry.generation, uint32_t(page * kPage + i));
    return 0;
  }

 private:
  static constexpr size_t kPage = 1024;
  Entry* at(uint32_t index) {
    size_t page = index / kPage;
    return page < pages_.size() && pages_[page] ? &pages_[page][index % kPage] : nullptr;
  }
  std::vector<std::unique_ptr<Entry[]>> pages_;
};

}  // namespace gpool::worker
