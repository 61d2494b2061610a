// Device memory: the client lays it out, the worker maps physical memory under it and holds to the lease's limit.
#include <algorithm>

#include "worker/session.h"

namespace gpool::worker {
namespace {

bool in_arena(const Device& device, uint64_t address, uint64_t bytes) {
  const wire::DeviceRecord& record = device.record;
  return bytes > 0 && address % record.granularity == 0 && bytes % record.granularity == 0 &&
         address >= record.arena_address && bytes <= record.arena_bytes &&
         address - record.arena_address <= record.arena_bytes - bytes;
}

template <class Piece>
bool overlaps(const std::map<uint64_t, Piece>& pieces, uint64_t address, uint64_t bytes) {
  auto next = pieces.lower_bound(address);
  if (next != pieces.end() && next->first < address + bytes) return true;
  return next != pieces.begin() && std::prev(next)->first + std::prev(next)->second.bytes > address;
}

// Its bytes are reserved already.
CUresult map_reserved(Session& session, Device& device, uint64_t address, uint64_t bytes) {
  const calls::DriverTable& driver = session.driver;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device.cu};
  CUmemGenericAllocationHandle physical = 0;
  CUresult status = driver.cuMemCreate(&physical, bytes, &properties, 0);
  if (status == CUDA_SUCCESS) {
    status = driver.cuMemMap(address, bytes, 0, physical, 0);
    if (status == CUDA_SUCCESS) {
      // Every device of the session may read what its neighbours own, where the hardware can.
      CUmemAccessDesc access[wire::kMaxDevices];
      size_t count = 0;
      access[count++] = {{CU_MEM_LOCATION_TYPE_DEVICE, device.cu}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
      for (const Device& other : session.devices) {
        size_t self = size_t(&device - session.devices.data());
        if (&other != &device && (other.record.peer_mask_low >> self & 1))
          access[count++] = {{CU_MEM_LOCATION_TYPE_DEVICE, other.cu}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
      }
      status = driver.cuMemSetAccess(address, bytes, access, count);
      if (status != CUDA_SUCCESS) driver.cuMemUnmap(address, bytes);
    }
    if (status != CUDA_SUCCESS) driver.cuMemRelease(physical);
  }
  if (status != CUDA_SUCCESS) {
    session.release_memory(device, bytes);
    return status;
  }
  device.mapped[address] = {bytes, physical};
  return CUDA_SUCCESS;
}

CUresult map_now(Session& session, Device& device, uint64_t address, uint64_t bytes) {
  if (overlaps(device.mapped, address, bytes)) return CUDA_ERROR_INVALID_VALUE;
  return session.reserve_memory(device, bytes) ? map_reserved(session, device, address, bytes)
                                               : CUDA_ERROR_OUT_OF_MEMORY;
}

void unmap_now(Session& session, Device& device, uint64_t address, uint64_t bytes) {
  uint64_t freed = 0;
  for (uint64_t at = address; at < address + bytes;) {
    auto piece = device.mapped.find(at);
    if (piece == device.mapped.end()) break;  // checked before; belongs to this range alone
    uint64_t piece_bytes = piece->second.bytes;
    session.driver.cuMemUnmap(at, piece_bytes);
    session.driver.cuMemRelease(piece->second.physical);
    freed += piece_bytes;
    device.mapped.erase(piece);
    at += piece_bytes;
  }
  session.release_to_credit(device, freed, device.unmapping[address].epoch);
  device.unmapping.erase(address);
  --device.pending_unmaps;
  session.retry_maps(device);
}

// A map that nobody waits for: credit pays for it, and the frames behind it count on it.
Frame map_from_credit(Session& session, Device& device, Invoke& invoke, const wire::MemoryMap& map) {
  session.see_credit_epoch(device, map.epoch);
  if (overlaps(device.unmapping, map.address, map.bytes)) return Frame::again;
  const bool paid = map.epoch == device.credit.epoch && session.reserve_from_credit(device, map.bytes);
  CUresult status = overlaps(device.mapped, map.address, map.bytes) ? CUDA_ERROR_INVALID_VALUE
                    : paid || session.reserve_memory(device, map.bytes)
                        ? map_reserved(session, device, map.address, map.bytes)
                        : CUDA_ERROR_OUT_OF_MEMORY;
  // What the client has freed counts as free for it, though the worker may still have to wait for the work before.
  if (status == CUDA_ERROR_OUT_OF_MEMORY && device.pending_unmaps > 0) return Frame::again;
  invoke.finish(status);
  session.top_up_credit(device);
  return Frame::done;
}

}  // namespace

// In order: a map that must wait lets none pass.
void Session::retry_maps(Device& device) {
  device.asker_patience_ends = std::chrono::steady_clock::time_point::max();
  while (!device.wait_for_unmap.empty() && device.wait_for_unmap.front()()) device.wait_for_unmap.pop_front();
}

void Session::map_when_possible(Device& device, uint64_t address, uint64_t bytes,
                                std::function<void(CUresult)> answer_with) {
  using Clock = std::chrono::steady_clock;
  if (!in_arena(device, address, bytes)) return answer_with(CUDA_ERROR_INVALID_VALUE);
  auto attempt = [this, &device, address, bytes, answer_with = std::move(answer_with),
                  patience_ends = Clock::time_point()]() mutable {
    if (overlaps(device.unmapping, address, bytes)) return false;
    const CUresult status = map_now(*this, device, address, bytes);
    if (status == CUDA_ERROR_OUT_OF_MEMORY) {
      if (device.pending_unmaps > 0) return false;
      // Other sessions of the lease may have been granted more than they use.
      const auto now = Clock::now();
      if (patience_ends == Clock::time_point()) patience_ends = now + Credit::kAskerPatience;
      if (now < patience_ends && call_back_credit_of_others(device)) {
        device.asker_patience_ends = patience_ends;
        return false;
      }
    }
    answer_with(status);
    return true;
  };
  if (!device.wait_for_unmap.empty() || !attempt()) device.wait_for_unmap.push_back(std::move(attempt));
}

Frame carry_out_memory_map(Session& session, Invoke& invoke) {
  const wire::MemoryMap arguments = invoke.arguments<wire::MemoryMap>();
  Device* device = session.device(arguments.device);
  if (!device) {
    invoke.finish(CUDA_ERROR_INVALID_DEVICE);
    return Frame::done;
  }
  if (!invoke.valid() || !in_arena(*device, arguments.address, arguments.bytes)) {
    invoke.finish(CUDA_ERROR_INVALID_VALUE);
    return Frame::done;
  }
  if (!invoke.wants_reply()) return map_from_credit(session, *device, invoke, arguments);
  session.map_when_possible(
      *device, arguments.address, arguments.bytes,
      [&session, question = invoke.frame()](CUresult status) { session.answer(question, status); });
  return Frame::done;
}

void carry_out_memory_unmap(Session& session, Invoke& invoke) {
  const wire::MemoryMap arguments = invoke.arguments<wire::MemoryMap>();
  Device* device = session.device(arguments.device);
  uint64_t address = arguments.address, bytes = arguments.bytes;
  bool whole =
      device && invoke.valid() && in_arena(*device, address, bytes) && !overlaps(device->unmapping, address, bytes);
  for (uint64_t at = address; whole && at < address + bytes;) {
    auto piece = device->mapped.find(at);
    whole = piece != device->mapped.end() && piece->second.bytes <= address + bytes - at;
    if (whole) at += piece->second.bytes;
  }
  if (!whole) {
    invoke.finish(CUDA_ERROR_INVALID_VALUE);
    return;
  }
  session.see_credit_epoch(*device, arguments.epoch);
  if (arguments.epoch == device->credit.epoch) device->credit.pending += bytes;
  ++device->pending_unmaps;
  device->unmapping[address] = {bytes, arguments.epoch};
  session.after_device(arguments.device, -1,
                       [&session, device, address, bytes](CUresult) { unmap_now(session, *device, address, bytes); });
  if (invoke.wants_reply()) invoke.finish(CUDA_SUCCESS);
}

void carry_out_memory_info(Session& session, Invoke& invoke) {
  Device* device = session.device(invoke.arguments<wire::MemoryInfo>().device);
  wire::MemoryInfoReply reply{};
  if (!device || !invoke.valid()) {
    invoke.finish(invoke.valid() ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE);
    return;
  }
  size_t free_bytes = 0, total_bytes = 0;
  bool known = session.driver.cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS;  // of the whole GPU
  reply.total_bytes = device->record.memory_bytes;
  uint64_t used = session.memory_used(*device);
  for (const auto& [address, piece] : device->unmapping) used -= std::min(piece.bytes, used);
  reply.free_bytes = reply.total_bytes > used ? reply.total_bytes - used : 0;
  // A limit promises no more than the GPU has left.
  if (known && session.devices.size() == 1 && free_bytes < reply.free_bytes) reply.free_bytes = free_bytes;
  invoke.reply(CUDA_SUCCESS, reply);
}

}  // namespace gpool::worker
