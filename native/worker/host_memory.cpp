// Host memory of the client that the GPU may use: mapped here at the client's address and registered with the driver.
// Either it is the client's own memory, or a twin of it that the client and this worker keep alike (base/mirror.h).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMost = uint64_t{1} << 46;

// The client could take pages away under us, which would be the end of this process, unless the memory is sealed.
bool is_sound(const Fd& memory, uint64_t bytes) {
  struct stat info{};
  const int seals = fcntl(memory.get(), F_GET_SEALS);
  return memory && seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(memory.get(), &info) == 0 &&
         uint64_t(info.st_size) >= bytes;
}

void* map_at(uint64_t address, uint64_t bytes, int flags, int fd) {
  void* wanted = reinterpret_cast<void*>(address);
  void* at = mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0);
  if (at == MAP_FAILED || at == wanted) return at;
  munmap(at, bytes);  // a kernel that takes the address for a hint
  return MAP_FAILED;
}

CUresult map(Session& session, const wire::HostMap& wanted, uint64_t& device_address) {
  const uint64_t address = wanted.address, bytes = wanted.bytes;
  if (address == 0 || bytes == 0 || bytes > kMost || address % kPage != 0 || bytes % kPage != 0 ||
      address + bytes < address)
    return CUDA_ERROR_INVALID_VALUE;
  auto next = session.host_mappings.lower_bound(address);
  if ((next != session.host_mappings.end() && next->first < address + bytes) ||
      (next != session.host_mappings.begin() &&
       std::prev(next)->first + std::prev(next)->second.memory.size() > address))
    return CUDA_ERROR_ALREADY_MAPPED;
  void* at;
  if (wanted.flags & wire::HostMap::shared) {
    const Fd memory = session.link().take_descriptor(wanted.tag);
    if (!is_sound(memory, bytes)) return CUDA_ERROR_INVALID_VALUE;
    at = map_at(address, bytes, MAP_SHARED, memory.get());
  } else {
    at = map_at(address, bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (at == MAP_FAILED && (wanted.flags & wire::HostMap::anywhere))
      at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (at == MAP_FAILED) return CUDA_ERROR_ALREADY_MAPPED;
  Session::HostMapping mapping;
  mapping.memory = {static_cast<std::byte*>(at), bytes};
  CUresult status = CUDA_SUCCESS;
  if ((wanted.flags & wire::HostMap::shared) == 0) {
    mapping.mirror = std::make_unique<Mirror>(mapping.memory);
    if (!mapping.mirror->usable()) status = CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (status == CUDA_SUCCESS)
    status = session.driver.cuMemHostRegister_v2(at, bytes, CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP);
  if (status == CUDA_SUCCESS) {
    CUdeviceptr pointer = 0;
    status = session.driver.cuMemHostGetDevicePointer_v2(&pointer, at, 0);
    device_address = pointer;
    if (status != CUDA_SUCCESS) session.driver.cuMemHostUnregister(at);
  }
  if (status != CUDA_SUCCESS) {
    munmap(at, bytes);
    return status;
  }
  if (mapping.mirror) ++session.twins;
  session.host_mappings[address] = std::move(mapping);
  return CUDA_SUCCESS;
}

Session::HostMapping* find(Session& session, uint64_t address) {
  auto at = session.host_mappings.find(address);
  return at != session.host_mappings.end() ? &at->second : nullptr;
}

}  // namespace

std::byte* Session::host_memory(uint64_t address, uint64_t bytes) {
  auto at = host_mappings.upper_bound(address);
  if (at == host_mappings.begin()) return nullptr;
  --at;
  const uint64_t offset = address - at->first, size = at->second.memory.size();
  if (offset >= size || bytes > size - offset) return nullptr;
  return at->second.memory.data() + offset;
}

void carry_out_host_map(Session& session, Invoke& invoke) {
  const wire::HostMap wanted = invoke.arguments<wire::HostMap>();
  wire::HostMapReply reply{};
  const CUresult status = invoke.valid() ? map(session, wanted, reply.device_address) : CUDA_ERROR_INVALID_VALUE;
  invoke.reply(status, reply);
}

void carry_out_host_unmap(Session& session, Invoke& invoke) {
  const uint64_t address = invoke.arguments<wire::HostUnmap>().address;
  Session::HostMapping* mapping = invoke.valid() ? find(session, address) : nullptr;
  if (!mapping) return void(invoke.finish(CUDA_ERROR_INVALID_VALUE));
  if (mapping->mirror) --session.twins, session.twins_for_all -= mapping->always;
  auto ending = std::make_shared<Session::HostMapping>(std::move(*mapping));
  session.host_mappings.erase(address);
  // Work of any device may use it, as natively, where freeing waits for that work.
  auto left = std::make_shared<size_t>(session.devices.size());
  for (uint32_t device = 0; device < session.devices.size(); ++device)
    session.after_device(device, -1, [&session, ending, left](CUresult) {
      if (--*left > 0) return;
      CUcontext current = nullptr;
      session.driver.cuCtxGetCurrent(&current);
      // A driver waits here for what has been queued since: for the client's functions too, which come through the
      // dispatching thread.
      session.side_thread().give(
          [&session, ending, current] {
            session.driver.cuCtxSetCurrent(current);
            session.driver.cuMemHostUnregister(ending->memory.data());
            munmap(ending->memory.data(), ending->memory.size());
          },
          [] { return true; });
    });
}

void carry_out_host_update(Session& session, Invoke& invoke) {
  const wire::HostUpdate arguments = invoke.arguments<wire::HostUpdate>();
  Session::HostMapping* mapping = invoke.valid() ? find(session, arguments.address) : nullptr;
  if (!mapping || !mapping->mirror) return void(invoke.finish(CUDA_ERROR_INVALID_VALUE));
  mapping->suspect = true;
  if ((arguments.flags & wire::HostUpdate::always) && !std::exchange(mapping->always, true)) ++session.twins_for_all;
  // Bulk in shared memory can change while it is looked at: what is checked has to be ours.
  const std::vector<std::byte> runs(invoke.bulk().begin(), invoke.bulk().end());
  invoke.finish(mapping->mirror->apply(runs) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

// Sent inside frames and not as bulk: frames can be kept where there is no room now, and an answer follows.
void Session::push_host_changes() {
  constexpr size_t kRoom = 256 * 1024;
  if (twins == 0) return;
  bool any = false;
  for (auto& [address, mapping] : host_mappings) any |= mapping.mirror && mapping.suspect;
  if (!any) return;
  // Asked before the look: a kernel that ends in between is seen, one that goes on keeps the twins under suspicion.
  bool quiet = true;
  for (uint32_t device = 0; device < devices.size(); ++device)
    for (StreamState* stream : busy_streams(device))
      quiet &=
          make_current(stream->context) != CUDA_SUCCESS || driver.cuStreamQuery(stream->cu) != CUDA_ERROR_NOT_READY;
  std::vector<std::byte> message(sizeof(wire::PushHostUpdate) + kRoom);
  for (auto& [address, mapping] : host_mappings) {
    if (!mapping.mirror || !mapping.suspect) continue;
    mapping.suspect = !quiet;
    for (size_t offset = 0; offset < mapping.memory.size();) {
      size_t written = 0;
      offset = mapping.mirror->collect(offset, std::span(message).subspan(sizeof(wire::PushHostUpdate)), written);
      if (written == 0) continue;
      const wire::PushHostUpdate head{address, written};
      std::memcpy(message.data(), &head, sizeof head);
      push(wire::Message::push_host_update, CUDA_SUCCESS, std::span(message).first(sizeof head + written), nullptr, 0);
    }
  }
}

void Session::suspect_twins() {
  for (auto& [address, mapping] : host_mappings) mapping.suspect |= mapping.always;
}

void carry_out_host_copy(Session& session, Invoke& invoke) {
  const wire::HostCopy copy = invoke.arguments<wire::HostCopy>();
  std::byte* host = invoke.valid() && copy.bytes > 0 ? session.host_memory(copy.host, copy.bytes) : nullptr;
  StreamState* stream = host ? session.use_stream(copy.stream, invoke.frame().context) : nullptr;
  if (host) std::prev(session.host_mappings.upper_bound(copy.host))->second.suspect = true;
  if (!stream) return void(invoke.finish(host ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE));
  const CUresult status = copy.flags & wire::HostCopy::to_host
                              ? session.driver.cuMemcpyDtoHAsync_v2(host, copy.device, copy.bytes, stream->cu)
                              : session.driver.cuMemcpyHtoDAsync_v2(copy.device, host, copy.bytes, stream->cu);
  if (status == CUDA_SUCCESS && (copy.flags & wire::HostCopy::synchronous)) session.fence_behind(*stream);
  if (status != CUDA_SUCCESS || !invoke.wants_reply()) return void(invoke.finish(status));
  session.after_stream(*stream, [&session, question = invoke.frame()](CUresult result) {
    session.answer(question, session.settle(session.context_of_frame(question.context), result));
  });
}

}  // namespace gpool::worker
