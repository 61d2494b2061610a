#include "client/host_twin.h"

#include <algorithm>
#include <cstring>
#include <shared_mutex>

#include "base/log.h"
#include "client/host_memory.h"
#include "client/session.h"

namespace gpool::client {

std::atomic<uint64_t> g_watched_begin{UINT64_MAX}, g_watched_end{0};

namespace {

std::shared_mutex& twins_mutex() {
  static std::shared_mutex& mutex = *new std::shared_mutex;
  return mutex;
}
std::vector<std::shared_ptr<HostTwin>>& twins() {
  static auto& all = *new std::vector<std::shared_ptr<HostTwin>>;
  return all;
}

}  // namespace

HostTwin::HostTwin(Session& session_, uint64_t address_, uint64_t bytes_, uint64_t device_address_)
    : session(session_),
      address(address_),
      bytes(bytes_),
      device_address(device_address_),
      mirror_({reinterpret_cast<std::byte*>(address_), bytes_}) {}

CUresult HostTwin::send_changes(bool named) {
  constexpr size_t kRoom = 256 * 1024;
  std::lock_guard order(order_mutex_);
  std::vector<std::byte> changes(std::clamp<size_t>(3 * bytes, Mirror::kLeastRoom, kRoom));
  bool told = !named;
  for (size_t offset = 0; offset < bytes || !told;) {
    size_t written = 0;
    if (offset < bytes) {
      std::lock_guard lock(mirror_mutex_);
      if (!mirror_.usable()) return CUDA_ERROR_OUT_OF_MEMORY;
      offset = mirror_.collect(offset, changes, written);
    }
    if (written == 0 && (told || offset < bytes)) continue;
    told = true;
    const CUresult status = session.post(wire::Message::host_update, nullptr, wire::HostUpdate{address, 0, 0},
                                         Bytes(changes).first(written));
    if (status != CUDA_SUCCESS) return status;
  }
  return CUDA_SUCCESS;
}

void HostTwin::make_always() {
  if (always.exchange(true)) return;
  (void)session.post(wire::Message::host_update, nullptr, wire::HostUpdate{address, wire::HostUpdate::always, 0});
}

void HostTwin::apply(Bytes runs) {
  std::lock_guard lock(mirror_mutex_);
  if (!mirror_.usable() || !mirror_.apply(runs))
    log::error("The worker on node " + session.node() + " sent changes of host memory that make no sense.");
}

CUresult make_twin(Session& session, Context* context, uint64_t address, uint64_t bytes,
                   std::shared_ptr<HostTwin>& made) {
  wire::HostMap wanted{};
  wanted.address = address;
  wanted.bytes = bytes;
  wanted.flags = wire::HostMap::anywhere;
  wire::HostMapReply reply{};
  const CUresult status = session.ask(wire::Message::host_map, context, wanted, reply);
  if (status != CUDA_SUCCESS) return status;
  made = std::make_shared<HostTwin>(session, address, bytes, reply.device_address);
  std::unique_lock lock(twins_mutex());
  twins().push_back(made);
  return CUDA_SUCCESS;
}

void forget_twin(const std::shared_ptr<HostTwin>& twin) {
  {
    std::unique_lock lock(twins_mutex());
    std::erase(twins(), twin);
  }
  (void)twin->session.post(wire::Message::host_unmap, nullptr, wire::HostUnmap{twin->address});
}

CUresult prepare_launch(Session& session, Context* context, std::span<const uint64_t> words) {
  for (const uint64_t word : words) {
    // A number that looks like an address costs a twin, and nothing else.
    const std::shared_ptr<HostTwin> twin = twin_of_address(word, session, context);
    if (twin == nullptr) continue;
    if (const CUresult status = twin->send_changes(true); status != CUDA_SUCCESS) return status;
  }
  std::vector<std::shared_ptr<HostTwin>> used;
  {
    std::shared_lock lock(twins_mutex());
    for (const auto& twin : twins())
      if (twin->always.load() && &twin->session == &session) used.push_back(twin);
  }
  for (const auto& twin : used)
    if (const CUresult status = twin->send_changes(false); status != CUDA_SUCCESS) return status;
  return CUDA_SUCCESS;
}

CUresult prepare_all(Session& session) {
  std::vector<std::shared_ptr<HostTwin>> used;
  {
    std::shared_lock lock(twins_mutex());
    for (const auto& twin : twins())
      if (&twin->session == &session) used.push_back(twin);
  }
  for (const auto& twin : used)
    if (const CUresult status = twin->send_changes(true); status != CUDA_SUCCESS) return status;
  return CUDA_SUCCESS;
}

void apply_host_changes(Session& session, Bytes message) {
  wire::PushHostUpdate head;
  if (message.size() < sizeof head) return;
  std::memcpy(&head, message.data(), sizeof head);
  if (head.bytes > message.size() - sizeof head) return;
  std::shared_lock lock(twins_mutex());
  // Of memory that has been freed meanwhile nobody wants to know.
  for (const auto& twin : twins())
    if (twin->address == head.address && &twin->session == &session)
      twin->apply(message.subspan(sizeof head, head.bytes));
}

}  // namespace gpool::client
