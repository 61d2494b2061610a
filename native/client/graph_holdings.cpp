#include "client/graph_holdings.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "client/context.h"
#include "client/host_memory.h"
#include "client/host_twin.h"
#include "client/session.h"

namespace gpool::client {
namespace {

struct Registry {
  std::mutex mutex;
  uint64_t next_function = 1;
  std::map<uint64_t, std::weak_ptr<GraphFunction>> functions;
  std::map<uint64_t, Staging*> stagings;  // by the address of the pinned memory
  struct Active {
    std::shared_ptr<Staging> staging;
    wire::Handle stream;
  };
  std::vector<Active> active;  // launched, and perhaps not over
};
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}
std::atomic<uint32_t> g_active{0};

uint64_t next_function() {
  std::lock_guard lock(registry().mutex);
  return registry().next_function++;
}

}  // namespace

// -- functions

GraphFunction::GraphFunction(Session& session_, CUhostFn function_, void* data_)
    : session(session_), id(next_function()), function(function_), data(data_) {}

GraphFunction::~GraphFunction() {
  {
    std::lock_guard lock(registry().mutex);
    registry().functions.erase(id);
  }
  (void)session.post(wire::Message::graph_function_end, nullptr, wire::HostFunctionDone{id});
}

std::shared_ptr<GraphFunction> find_graph_function(const Session& session, uint64_t id) {
  std::shared_ptr<GraphFunction> found;
  {
    std::lock_guard lock(registry().mutex);
    if (auto at = registry().functions.find(id); at != registry().functions.end()) found = at->second.lock();
  }
  // What is given up here may be the last of it, and its end takes the mutex.
  return found != nullptr && &found->session == &session ? found : nullptr;
}

// -- staging

Staging::Staging(Context& context, uint64_t user_, uint64_t bytes_, bool to_host_)
    : session(*context.session),
      user(user_),
      bytes(bytes_),
      to_host(to_host_),
      address(allocate_staging(context, bytes_)) {
  if (address == 0) return;
  std::lock_guard lock(registry().mutex);
  registry().stagings[address] = this;
}

Staging::~Staging() {
  if (address == 0) return;
  {
    std::lock_guard lock(registry().mutex);
    registry().stagings.erase(address);
  }
  free_staging(address);
}

void Staging::take() {
  std::lock_guard lock(mutex_);
  std::memcpy(reinterpret_cast<void*>(address), reinterpret_cast<const void*>(user), bytes);
  const auto* begin = reinterpret_cast<const std::byte*>(user);
  if (to_host) shadow_.assign(begin, begin + bytes);
}

void Staging::land() {
  if (!to_host) return;
  std::lock_guard lock(mutex_);
  const auto* now = reinterpret_cast<const std::byte*>(address);
  auto* program = reinterpret_cast<std::byte*>(user);
  constexpr size_t kPiece = 4096;
  // Byte for byte: what lies between the rows of a copy is the program's own.
  for (size_t at = 0; at < shadow_.size(); at += kPiece) {
    const size_t end = std::min(at + kPiece, shadow_.size());
    if (std::memcmp(now + at, shadow_.data() + at, end - at) == 0) continue;
    for (size_t i = at; i < end; i++) {
      const std::byte byte = now[i];
      if (byte == shadow_[i]) continue;
      program[i] = shadow_[i] = byte;
    }
  }
}

uint64_t user_address(uint64_t address) {
  std::lock_guard lock(registry().mutex);
  auto at = registry().stagings.upper_bound(address);
  if (at == registry().stagings.begin()) return address;
  --at;
  const uint64_t offset = address - at->first;
  return offset < at->second->bytes ? at->second->user + offset : address;
}

void land_staged(Session& session) {
  if (g_active.load(std::memory_order_relaxed) == 0) return;
  std::vector<std::shared_ptr<Staging>> all;
  {
    std::lock_guard lock(registry().mutex);
    for (const Registry::Active& one : registry().active)
      if (&one.staging->session == &session) all.push_back(one.staging);
  }
  for (const auto& staging : all) staging->land();
}

void end_staged(Session& session, wire::Handle stream) {
  if (g_active.load(std::memory_order_relaxed) == 0) return;
  land_staged(session);
  std::vector<std::shared_ptr<Staging>> over;  // let go of without the lock
  std::lock_guard lock(registry().mutex);
  std::erase_if(registry().active, [&](const Registry::Active& one) {
    if (&one.staging->session != &session || (stream != UINT64_MAX && one.stream != stream)) return false;
    over.push_back(one.staging);
    return true;
  });
  g_active = static_cast<uint32_t>(registry().active.size());
}

// -- holdings

Holdings::~Holdings() {
  for (const auto& [object, count] : objects_) release_user_object(*object, count);
}

bool Holdings::empty() const {
  std::lock_guard lock(mutex_);
  return functions_.empty() && stagings_.empty() && objects_.empty();
}

bool Holdings::has_functions() const {
  std::lock_guard lock(mutex_);
  return !functions_.empty();
}

uint64_t Holdings::add(Session& session, CUhostFn function, void* data) {
  std::lock_guard lock(mutex_);
  for (const auto& one : functions_)
    if (one->function == function && one->data == data && &one->session == &session) return one->id;
  auto made = std::make_shared<GraphFunction>(session, function, data);
  {
    std::lock_guard registered(registry().mutex);
    registry().functions[made->id] = made;
  }
  functions_.push_back(made);
  return made->id;
}

uint64_t Holdings::reach(Session& session, Context& context, uint64_t host, uint64_t bytes, bool to_host) {
  const std::optional<HostRange> range = find_host_range(host);
  if (range && range->session == &session && bytes <= range->bytes - (host - range->address) &&
      (range->shared || twin_of_address(host, session, &context) != nullptr))
    return host;
  std::lock_guard lock(mutex_);
  for (const auto& one : stagings_)
    if (one->to_host == to_host && host >= one->user && host - one->user <= one->bytes &&
        bytes <= one->bytes - (host - one->user))
      return one->address + (host - one->user);
  auto made = std::make_shared<Staging>(context, host, bytes, to_host);
  if (made->address != 0) stagings_.push_back(made);
  return made->address;
}

void Holdings::retain(UserObject& object, unsigned count) {
  std::lock_guard lock(mutex_);
  objects_[&object] += count;
}

bool Holdings::release(UserObject& object, unsigned count) {
  {
    std::lock_guard lock(mutex_);
    auto at = objects_.find(&object);
    if (at == objects_.end() || at->second < count) return false;
    at->second -= count;
    if (at->second == 0) objects_.erase(at);
  }
  release_user_object(object, count);
  return true;
}

void Holdings::add_all(const Holdings& other) {
  if (&other == this) return;
  std::scoped_lock lock(mutex_, other.mutex_);
  functions_.insert(functions_.end(), other.functions_.begin(), other.functions_.end());
  stagings_.insert(stagings_.end(), other.stagings_.begin(), other.stagings_.end());
  for (const auto& [object, count] : other.objects_) {
    retain_user_object(*object, count);
    objects_[object] += count;
  }
}

void Holdings::stage(wire::Handle stream) {
  std::vector<std::shared_ptr<Staging>> all;
  {
    std::lock_guard lock(mutex_);
    all = stagings_;
  }
  for (const auto& staging : all) {
    staging->land();  // of a launch before this one
    staging->take();
    std::lock_guard lock(registry().mutex);
    auto& active = registry().active;
    auto at = std::find_if(active.begin(), active.end(), [&](const auto& one) { return one.staging == staging; });
    if (at == active.end()) at = active.insert(at, {staging, stream});
    at->stream = stream;
    g_active = static_cast<uint32_t>(active.size());
  }
}

// -- graphs and executable graphs

GraphState& state_of(Object& graph) {
  void* known = graph.data.load();
  if (known == nullptr) {
    auto* made = new GraphState;
    if (graph.data.compare_exchange_strong(known, made)) return *made;
    delete made;
  }
  return *static_cast<GraphState*>(known);
}

void forget_graph(Session& session, Object& graph) {
  const std::unique_ptr<GraphState> state(static_cast<GraphState*>(graph.data.exchange(nullptr)));
  if (state == nullptr) return;
  for (wire::Handle node : state->nodes) session.slab(wire::Kind::graph_node).destroy(node);
  for (wire::Handle child : state->children) {
    Object* object = session.find(child);
    if (object == nullptr) continue;
    forget_graph(session, *object);
    session.slab(wire::Kind::graph).destroy(child);
  }
}

ExecState* held_by_exec(Object& exec) {
  return static_cast<ExecState*>(exec.data.load(std::memory_order_acquire));
}

ExecState& state_of_exec(Object& exec) {
  void* known = exec.data.load();
  if (known == nullptr) {
    auto* made = new ExecState{std::make_shared<Holdings>()};
    if (exec.data.compare_exchange_strong(known, made)) return *made;
    delete made;
  }
  return *static_cast<ExecState*>(known);
}

void let_go(Session& session, ExecState& state) {
  const std::shared_ptr<Holdings> held = std::exchange(state.holdings, std::make_shared<Holdings>());
  if (!state.launched.load() || held->empty()) return;
  const uint64_t id = expect_done(session, held);
  if (id == 0) return;
  if (session.post(wire::Message::when_done, nullptr, wire::WhenDone{id}) != CUDA_SUCCESS)
    expect_no_more(session, id);
  else
    session.flush();
}

}  // namespace gpool::client
