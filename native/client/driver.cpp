#include "client/driver.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "base/address_space.h"
#include "base/log.h"
#include "client/goodbye.h"
#include "client/graph_holdings.h"
#include "client/lease.h"
#include "client/trace.h"
#include "transport/handshake.h"

namespace gpool::client {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr int kArenaAttempts = 8;

std::mutex g_make_mutex;

// -- arenas: the client's side of device addresses is address space that nobody may touch
// --------------------------------------

struct Reservation {
  uint64_t address = 0, bytes = 0;
};

bool reserve_at(uint64_t address, uint64_t bytes) {
  return map_at(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1) != nullptr;
}

void give_back(const Reservation& reservation) {
  if (reservation.bytes != 0) munmap(reinterpret_cast<void*>(reservation.address), reservation.bytes);
}

Reservation reserve_anywhere(uint64_t bytes) {
  for (int attempt = 0; attempt < 64; attempt++) {
    const uint64_t address = random_address(bytes, kGiB);
    if (reserve_at(address, bytes)) return {address, bytes};
  }
  return {};
}

uint64_t arena_bytes(uint64_t memory_bytes) {
  return std::max((4 * memory_bytes + kGiB - 1) / kGiB * kGiB, 64 * kGiB);
}

std::string command_name() {
  char name[64] = {};
  if (FILE* file = std::fopen("/proc/self/comm", "re")) {
    if (std::fgets(name, sizeof name, file) != nullptr) name[std::strcspn(name, "\n")] = 0;
    std::fclose(file);
  }
  return name;
}

// GPOOL_GRACE, seconds; what a worker grants is the most there is.
std::chrono::milliseconds grace_of_user() {
  const char* text = std::getenv("GPOOL_GRACE");
  char* end = nullptr;
  const double seconds = text != nullptr && *text != 0 ? std::strtod(text, &end) : -1;
  if (end == nullptr || *end != 0 || !(seconds >= 0 && seconds < 1e6)) return std::chrono::milliseconds::max();
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

Status connect_to(const LeaseSession& place, const transport::ConnectOptions& options, transport::Connection& made) {
  const bool may_shm = !place.unix_path.empty() && place.transport != Transport::tcp;
  const bool may_tcp = !place.tcp_host.empty() && place.transport != Transport::shm;
  Status status = Status::failed("Node " + place.node + " offers no connection that this host can use.");
  if (may_shm) {
    status = transport::connect_unix(place.unix_path, options, made);
    // Only a socket that is not there is a reason to try the network: a refusal is an answer.
    if (status || !may_tcp || access(place.unix_path.c_str(), F_OK) == 0) return status;
  }
  if (may_tcp) {
    const bool v6 = place.tcp_host.find(':') != std::string::npos;
    status = transport::connect_tcp(
        (v6 ? "[" + place.tcp_host + "]" : place.tcp_host) + ":" + std::to_string(place.tcp_port), options, made);
  }
  return status;
}

bool arenas_are_sound(const transport::Connection& made) {
  for (const wire::DeviceRecord& record : made.devices) {
    const uint64_t granule = record.granularity;
    if (granule == 0 || (granule & (granule - 1)) != 0 || record.arena_address % granule != 0 ||
        record.arena_bytes == 0 || record.arena_address + record.arena_bytes < record.arena_address)
      return false;
  }
  return true;
}

// In good order: the worker must not take the program for lost, and wait for it.
void give_up(transport::Connection& made) {
  if (!made.link) return;
  (void)say_goodbye(*made.link, 1);
  made.link->close();
}

// Opens one session with arenas that both sides could reserve.
Status open_session(const LeaseSession& place, const std::vector<uint64_t>& memory, transport::Connection& made) {
  transport::ConnectOptions options;
  options.ticket = place.ticket;
  options.version = GPOOL_VERSION;
  options.command = command_name();
  options.grace = grace_of_user();
  std::vector<uint64_t> wanted;  // bytes of each arena; empty: not known yet
  for (uint64_t bytes : memory) wanted.push_back(arena_bytes(bytes));
  for (int attempt = 0; attempt < kArenaAttempts; attempt++) {
    std::vector<Reservation> held;
    options.arenas.clear();
    for (uint64_t bytes : wanted) {
      Reservation reservation = reserve_anywhere(bytes);
      held.push_back(reservation);
      options.arenas.push_back({reservation.address, reservation.bytes});
    }
    made = transport::Connection();
    Status status = connect_to(place, options, made);
    if (!status) {
      for (const Reservation& reservation : held) give_back(reservation);
      return status;
    }
    if (!arenas_are_sound(made)) {
      for (const Reservation& reservation : held) give_back(reservation);
      give_up(made);
      return Status::failed("Node " + place.node +
                            " offers device addresses that make no sense; install the same "
                            "version of gpool on both hosts.");
    }
    bool all_held = true;
    for (size_t i = 0; i < made.devices.size(); i++) {
      const wire::DeviceRecord& record = made.devices[i];
      if (i < held.size() && held[i].bytes != 0) {
        if (held[i].address == record.arena_address && held[i].bytes >= record.arena_bytes) continue;
        give_back(held[i]);
        held[i] = {};
      }
      if (i >= held.size()) held.resize(i + 1);
      if (reserve_at(record.arena_address, record.arena_bytes)) {
        held[i] = {record.arena_address, record.arena_bytes};
      } else {
        all_held = false;
      }
    }
    if (all_held) return Status::ok();
    for (const Reservation& reservation : held) give_back(reservation);
    give_up(made);
    wanted.clear();
    for (const wire::DeviceRecord& record : made.devices) wanted.push_back(arena_bytes(record.memory_bytes));
  }
  return Status::failed("No range of addresses is free both in this process and in the worker on node " + place.node +
                        "; does the program limit its address space (ulimit -v)?");
}

// -- CUDA_VISIBLE_DEVICES: NVIDIA's rules: the list ends at the first entry that names nothing
// ---------------------------------

std::vector<Device*> visible(const std::vector<std::unique_ptr<Device>>& all) {
  std::vector<Device*> chosen;
  const char* text = std::getenv("CUDA_VISIBLE_DEVICES");
  if (text == nullptr) {
    for (const auto& device : all) chosen.push_back(device.get());
    return chosen;
  }
  std::string_view rest(text);
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    std::string_view word = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    Device* named = nullptr;
    if (word.starts_with("GPU-")) {
      int matches = 0;
      for (const auto& device : all) {
        if (!format_uuid(device->record.uuid).starts_with(word)) continue;
        matches++;
        named = device.get();
      }
      if (matches != 1) named = nullptr;
    } else if (!word.empty() && word.size() < 6 && word.find_first_not_of("0123456789") == std::string_view::npos) {
      const size_t ordinal = static_cast<size_t>(std::atoi(std::string(word).c_str()));
      if (ordinal < all.size()) named = all[ordinal].get();
    }
    if (named == nullptr) break;
    if (std::find(chosen.begin(), chosen.end(), named) != chosen.end()) return {};  // a device named twice: none at all
    chosen.push_back(named);
  }
  return chosen;
}

// -- fork and exit
// ----------------------------------------------------------------------------------------------------------

void in_forked_child() {
  // The rings and sockets are the parent's. Only one store: other threads' locks may be held for ever in this copy.
  driver().phase.store(Phase::forked);
}

__attribute__((destructor)) void at_unload() {
  if (!g_driver_made.load(std::memory_order_acquire)) return;
  Driver& state = driver();
  if (!state.opened || state.pid != static_cast<uint64_t>(getpid())) return;
  write_statistics();
  state.phase.store(Phase::ended);
  for (const std::unique_ptr<Session>& session : state.sessions) session->end();
}

int32_t attribute_override(CUdevice_attribute attribute, int32_t value) {
  switch (attribute) {
    // What the worker's GPU can do and this driver does not carry through. Saying so beats failing later.
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS:
    case CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST:
    case CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS:
    case CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
    case CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES:
      return value == wire::kNoAttribute ? value : 0;
    // Of this driver's own making: managed.cpp.
    case CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY:
      return 1;
    default:
      return value;
  }
}

// Programs try cuInit again and again; people want to read the reason once.
void say_once(const std::string& sentence) {
  static std::string& said = *new std::string;
  if (said != sentence) log::error(sentence);
  said = sentence;
}

CUresult open_all(Driver& state) {
  Lease lease;
  if (Status status = read_lease(lease); !status) {
    say_once(status.sentence());
    return CUDA_ERROR_SYSTEM_NOT_READY;
  }
  if (lease.sessions.empty()) {
    say_once(
        "No GPU lease is configured for this program: start it with `gpool run -- PROGRAM`, or set GPOOL_ENDPOINTS.");
    return CUDA_ERROR_NO_DEVICE;
  }
  std::vector<transport::Connection> made(lease.sessions.size());
  for (size_t i = 0; i < lease.sessions.size(); i++) {
    std::vector<uint64_t> memory;
    for (const LeaseGpu& gpu : lease.gpus)
      if (gpu.session == i) memory.push_back(gpu.memory_bytes);
    Status status = open_session(lease.sessions[i], memory, made[i]);
    if (status && !lease.gpus.empty() && made[i].devices.size() != memory.size())
      status = Status::failed("Node " + lease.sessions[i].node + " shows " + std::to_string(made[i].devices.size()) +
                              " GPUs where the lease has " + std::to_string(memory.size()) +
                              "; release the lease and ask again.");
    if (!status) {
      for (transport::Connection& connection : made) give_up(connection);
      say_once(status.sentence());
      return CUDA_ERROR_SYSTEM_NOT_READY;
    }
  }
  state.driver_version = 0;
  for (size_t i = 0; i < made.size(); i++) {
    auto session = std::make_unique<Session>(static_cast<uint32_t>(i), std::move(made[i].link), made[i].welcome,
                                             lease.sessions[i].node);
    for (size_t index = 0; index < made[i].devices.size(); index++) {
      auto device = std::make_unique<Device>();
      device->session = session.get();
      device->index = static_cast<uint32_t>(index);
      device->record = made[i].devices[index];
      device->record.name[sizeof device->record.name - 1] = 0;
      device->record.pci_bus_id[sizeof device->record.pci_bus_id - 1] = 0;
      for (uint32_t a = 0; a < wire::kAttributes; a++)
        device->record.attributes[a] =
            attribute_override(static_cast<CUdevice_attribute>(a), device->record.attributes[a]);
      device->memory.begin(device.get());
      session->devices.push_back(device.get());
      state.all_devices.push_back(std::move(device));
    }
    // The oldest driver decides what all of them can do.
    const int32_t version = session->driver_version();
    state.driver_version = state.driver_version == 0 ? version : std::min(state.driver_version, version);
    state.sessions.push_back(std::move(session));
  }
  if (!lease.gpus.empty()) {
    // The lease's order, which may change between nodes.
    std::vector<std::unique_ptr<Device>> ordered;
    std::vector<uint32_t> next(lease.sessions.size(), 0);
    for (const LeaseGpu& gpu : lease.gpus) {
      const uint32_t index = next[gpu.session]++;
      for (std::unique_ptr<Device>& device : state.all_devices)
        if (device && device->session->slot() == gpu.session && device->index == index)
          ordered.push_back(std::move(device));
    }
    state.all_devices = std::move(ordered);
  }
  static std::atomic<uint64_t> next_id{1};
  for (const std::unique_ptr<Device>& device : state.all_devices) {
    Slab& slab = device->session->slab(wire::Kind::context);
    Object* object = slab.create(wire::Kind::context, device->session->slot(), device->primary.handle);
    if (object == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    device->primary.session = device->session;
    device->primary.device = device.get();
    device->primary.primary = true;
    device->primary.id = next_id.fetch_add(1);
    for (size_t i = 0; i < 16; i++) device->primary.limits[i] = device->record.limits[i];
    object->data = &device->primary;
    object->context = &device->primary;
    slab.publish(object, device->primary.handle);
    device->session->add_context(&device->primary);
    Slab& pools = device->session->slab(wire::Kind::mem_pool);
    if (Object* pool = pools.create(wire::Kind::mem_pool, device->session->slot(), device->default_pool);
        pool != nullptr) {
      pool->data = device.get();
      pool->context = &device->primary;
      pools.publish(pool, device->default_pool);
    }
    device->current_pool = device->default_pool;
  }
  state.devices = visible(state.all_devices);
  for (size_t i = 0; i < state.devices.size(); i++) state.devices[i]->ordinal = static_cast<int>(i);
  return state.devices.empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

}  // namespace

alignas(Driver) std::byte g_driver_room[sizeof(Driver)];
std::atomic<bool> g_driver_made{false};

Driver& make_driver() {
  std::lock_guard lock(g_make_mutex);
  if (!g_driver_made.load(std::memory_order_relaxed)) {
    new (g_driver_room) Driver();
    g_driver_made.store(true, std::memory_order_release);
  }
  return *std::launder(reinterpret_cast<Driver*>(g_driver_room));
}

CUresult open_lease() {
  Driver& state = driver();
  std::lock_guard lock(state.init_mutex);
  if (state.opened) return CUDA_SUCCESS;
  if (state.phase.load() != Phase::uninitialised) return usable(state.phase.load());
  log::set_source("client");
  CUresult status;
  try {
    status = open_all(state);
  } catch (const std::bad_alloc&) {
    status = CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (status != CUDA_SUCCESS) {
    for (const std::unique_ptr<Session>& session : state.sessions) session->end();
    for (const std::unique_ptr<Device>& device : state.all_devices)
      munmap(reinterpret_cast<void*>(device->record.arena_address), device->record.arena_bytes);
    state.devices.clear();
    state.all_devices.clear();
    state.sessions.clear();
    return status;
  }
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, in_forked_child); });
  state.pid = static_cast<uint64_t>(getpid());
  state.opened = true;
  return CUDA_SUCCESS;
}

CUresult initialise() {
  Driver& state = driver();
  const Phase phase = state.phase.load(std::memory_order_acquire);
  if (phase != Phase::uninitialised) return usable(phase);
  const CUresult status = open_lease();
  Phase expected = Phase::uninitialised;
  if (status == CUDA_SUCCESS) state.phase.compare_exchange_strong(expected, Phase::ready);
  return status;
}

Context* find_context(CUcontext handle) {
  const auto value = reinterpret_cast<wire::Handle>(handle);
  if (wire::kind_of(value) != wire::Kind::context) return nullptr;
  Session* session = driver().session_of(value);
  Object* object = session != nullptr ? session->find(value) : nullptr;
  return object != nullptr ? static_cast<Context*>(object->data.load()) : nullptr;
}

CUresult settle(Context* context, CUresult status, uint64_t sequence) {
  CUresult due = context->session->settle_due(sequence);
  land_staged(*context->session);
  if (status != CUDA_SUCCESS) return status;
  if (int32_t sticky = context->sticky.load(std::memory_order_relaxed); sticky != 0)
    return static_cast<CUresult>(sticky);
  return due;
}

}  // namespace gpool::client
