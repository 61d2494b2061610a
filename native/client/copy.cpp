// Linear copies between the host and devices. Host memory that the worker has mapped is copied by its driver, in one
// call. All other bytes travel; large copies in pieces, several of them in flight.
//
// Towards the device the source is captured before the call returns, for pinned memory too: that is always safe.
// Towards the host the worker answers each piece when its bytes are there; they land in place. A copy to pinned memory
// of an …Async call returns at once and is due at the next synchronisation of its session.
#include "client/copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "client/call.h"
#include "client/capture.h"
#include "client/driver.h"
#include "client/graph_holdings.h"
#include "client/host_memory.h"
#include "client/host_twin.h"

namespace gpool::client {
namespace {

constexpr size_t kPiecesInFlight = 6;

wire::CopyLinear piece_of(uint64_t address, uint64_t bytes, wire::Handle stream, bool synchronous) {
  wire::CopyLinear piece{};
  piece.address = address;
  piece.bytes = bytes;
  piece.stream = stream;
  piece.flags = synchronous ? wire::CopyLinear::synchronous : 0u;
  return piece;
}

// The device that holds all of a range; null with the refusal remembered.
Device* covering_device(Call& call, uint64_t address, uint64_t bytes) {
  Device* device = device_of_address(address);
  if (device == nullptr || !device->memory.covers(address, bytes)) {
    call.refuse(CUDA_ERROR_INVALID_VALUE);
    return nullptr;
  }
  return device;
}

// Runs the copy in the current context where that is of the memory's session; else in the memory's own primary context,
// so that a copy never fails because another node's GPU is current.
bool enter(Call& call, Device& device) {
  Context* context = call.context();
  if (context == nullptr || context->session != device.session) call.use(&device.primary);
  if (!call.context()->active.load()) call.refuse(CUDA_ERROR_INVALID_CONTEXT);
  if (const int32_t sticky = call.context()->sticky.load()) call.refuse(static_cast<CUresult>(sticky));
  return call.ok();
}

// The pinned range that holds all of it and that the worker knows, so that its driver copies by itself, in stream
// order. Twins are left out where the bytes that the program sees now are the right ones anyway.
std::optional<HostRange> known_to_worker(const Call& call, const void* host, uint64_t bytes, bool synchronous) {
  const auto address = reinterpret_cast<uint64_t>(host);
  std::optional<HostRange> range = find_host_range(address);
  if (!range || range->session != call.session() || bytes > range->bytes - (address - range->address)) return {};
  if (range->shared || (range->twin != nullptr && !synchronous)) return range;
  return {};
}

CUresult copy_there(Call& call, const HostRange& range, const void* host, uint64_t device, uint64_t bytes,
                    wire::Handle stream, uint32_t flags) {
  if (range.twin != nullptr)
    if (const CUresult status = range.twin->send_changes(true); status != CUDA_SUCCESS) return call.end(status);
  const wire::HostCopy copy{reinterpret_cast<uint64_t>(host), device, bytes, stream, flags, 0};
  Session& session = *call.session();
  Context* context = call.context();
  if ((flags & wire::HostCopy::synchronous) == 0)
    return call.end(session.post(wire::Message::host_copy, context, copy));
  Pending pending;
  const CUresult status = session.ask(wire::Message::host_copy, context, copy, pending);
  return call.end(settle(context, status, pending.sequence));
}

// Where both sides are the program's own memory: behind the work that may use it.
CUresult copy_on_host(Call& call, uint64_t to, uint64_t from, uint64_t bytes, CUstream stream) {
  const CUresult waited = cuStreamSynchronize(stream);
  if (waited == CUDA_SUCCESS) std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  return call.end(waited);
}

// The graph that the stream is captured into makes the copy at every launch.
CUresult capture(Call& call, CUstream stream, wire::Handle handle, uint64_t host, uint64_t device, uint64_t bytes,
                 bool to_host) {
  const uint64_t at = capture_holdings(stream)->reach(*call.session(), *call.context(), host, bytes, to_host);
  if (at == 0) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  const wire::HostCopy copy{at, device, bytes, handle, to_host ? wire::HostCopy::to_host : 0u, 0};
  return call.end(call.session()->post(wire::Message::host_copy, call.context(), copy));
}

}  // namespace

CUresult copy_to_device(Call& call, uint64_t to, const void* from, uint64_t bytes, CUstream stream, bool synchronous) {
  const wire::Handle handle = call.handle(stream);
  if (!call.ok() || bytes == 0) return call.end(CUDA_SUCCESS);
  if (from == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (use_managed(to, bytes)) return copy_on_host(call, to, reinterpret_cast<uint64_t>(from), bytes, stream);
  Device* device = covering_device(call, to, bytes);
  if (device == nullptr || !enter(call, *device)) return call.result();
  if (capture_of(stream) != 0) return capture(call, stream, handle, reinterpret_cast<uint64_t>(from), to, bytes, false);
  const std::optional<HostRange> known = known_to_worker(call, from, bytes, synchronous);
  if (known) return copy_there(call, *known, from, to, bytes, handle, synchronous ? wire::HostCopy::synchronous : 0u);
  const auto* source = static_cast<const std::byte*>(from);
  // What a single piece holds would all be copied in the end: nothing can be acknowledged so soon.
  if (bytes <= wire::kBulkPieceBytes)
    return call.end(call.session()->post(wire::Message::copy_to_device, call.context(),
                                         piece_of(to, bytes, handle, synchronous), Bytes(source, bytes)));
  const Session::Borrowing borrowing(*call.session());
  for (uint64_t at = 0; at < bytes; at += wire::kBulkPieceBytes) {
    const uint64_t piece = std::min<uint64_t>(bytes - at, wire::kBulkPieceBytes);
    const CUresult status =
        call.session()->post_borrowed(wire::Message::copy_to_device, call.context(),
                                      piece_of(to + at, piece, handle, synchronous), Bytes(source + at, piece));
    if (status != CUDA_SUCCESS) return call.end(status);
  }
  return call.end(CUDA_SUCCESS);
}

CUresult copy_to_host(Call& call, void* to, uint64_t from, uint64_t bytes, CUstream stream, bool synchronous) {
  const wire::Handle handle = call.handle(stream);
  if (!call.ok() || bytes == 0) return call.end(CUDA_SUCCESS);
  if (to == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (use_managed(from, bytes)) return copy_on_host(call, reinterpret_cast<uint64_t>(to), from, bytes, stream);
  Device* device = covering_device(call, from, bytes);
  if (device == nullptr || !enter(call, *device)) return call.result();
  if (capture_of(stream) != 0) return capture(call, stream, handle, reinterpret_cast<uint64_t>(to), from, bytes, true);
  const std::optional<HostRange> known = known_to_worker(call, to, bytes, synchronous);
  if (known)
    return copy_there(call, *known, to, from, bytes, handle,
                      wire::HostCopy::to_host | (synchronous ? wire::HostCopy::synchronous : 0u));
  Session& session = *call.session();
  Context* context = call.context();
  auto* destination = static_cast<std::byte*>(to);
  const auto message = static_cast<uint16_t>(wire::Message::copy_to_host);
  if (!synchronous && is_pinned(to, bytes)) {
    for (uint64_t at = 0; at < bytes; at += wire::kBulkPieceBytes) {
      const uint64_t size = std::min<uint64_t>(bytes - at, wire::kBulkPieceBytes);
      const CUresult before = session.limit_due(kPiecesInFlight - 1);
      auto pending = std::make_shared<Pending>();
      pending->bulk = std::span(destination + at, size);
      pending->stream = handle;
      const wire::CopyLinear piece = piece_of(from + at, size, handle, false);
      const CUresult status = before != CUDA_SUCCESS
                                  ? before
                                  : session.start_due(pending, message, context,
                                                      std::as_bytes(std::span<const wire::CopyLinear, 1>(&piece, 1)));
      if (status != CUDA_SUCCESS) return call.end(status);
    }
    return call.end(CUDA_SUCCESS);
  }
  std::array<Pending, kPiecesInFlight> window;
  uint64_t asked = 0, answered = 0;
  CUresult first = CUDA_SUCCESS;
  const uint64_t pieces = (bytes + wire::kBulkPieceBytes - 1) / wire::kBulkPieceBytes;
  // Every piece that was asked for is waited for, also after an error: it would land in memory that is no longer ours.
  while (answered < asked || (asked < pieces && first == CUDA_SUCCESS)) {
    if (asked < pieces && first == CUDA_SUCCESS && asked - answered < kPiecesInFlight) {
      Pending& pending = window[asked % kPiecesInFlight] = Pending();
      const uint64_t at = asked * wire::kBulkPieceBytes;
      const uint64_t size = std::min<uint64_t>(bytes - at, wire::kBulkPieceBytes);
      pending.bulk = std::span(destination + at, size);
      const wire::CopyLinear piece = piece_of(from + at, size, handle, synchronous);
      const CUresult status =
          session.start(pending, message, context, std::as_bytes(std::span<const wire::CopyLinear, 1>(&piece, 1)));
      if (status == CUDA_SUCCESS) {
        asked++;
      } else {
        first = status;
      }
      continue;
    }
    const CUresult status = session.wait(window[answered++ % kPiecesInFlight]);
    if (first == CUDA_SUCCESS) first = status;
  }
  // A synchronous copy orders everything before it, data that is due included.
  if (synchronous && first == CUDA_SUCCESS) first = settle(context, first, session.last_sequence());
  return call.end(first);
}

CUresult copy_between_sessions(Call& call, uint64_t to, uint64_t from, uint64_t bytes) {
  if (covering_device(call, to, bytes) == nullptr || covering_device(call, from, bytes) == nullptr)
    return call.result();
  std::vector<std::byte> piece(std::min<uint64_t>(bytes, 8 * wire::kBulkPieceBytes));
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    const uint64_t size = std::min<uint64_t>(bytes - at, piece.size());
    CUresult status = cuMemcpyDtoH_v2(piece.data(), from + at, size);
    if (status == CUDA_SUCCESS) status = cuMemcpyHtoD_v2(to + at, piece.data(), size);
    if (status != CUDA_SUCCESS) return call.end(status);
  }
  return call.end(CUDA_SUCCESS);
}

namespace {

// The direction follows from the addresses, as unified addressing promises.
CUresult copy_any(Call& call, uint64_t to, uint64_t from, uint64_t bytes, CUstream stream, bool synchronous) {
  if (!call.ok() || bytes == 0) return call.end(CUDA_SUCCESS);
  Device *target = device_of_address(to), *source = device_of_address(from);
  if (target != nullptr && source != nullptr) {
    if (target->session != source->session) {
      const CUresult waited = synchronous ? cuCtxSynchronize() : cuStreamSynchronize(stream);
      return waited != CUDA_SUCCESS ? call.end(waited) : copy_between_sessions(call, to, from, bytes);
    }
    return call.end(synchronous ? cuMemcpyDtoD_v2(to, from, bytes) : cuMemcpyDtoDAsync_v2(to, from, bytes, stream));
  }
  if (target != nullptr)
    return copy_to_device(call, to, reinterpret_cast<const void*>(from), bytes, stream, synchronous);
  if (source != nullptr) return copy_to_host(call, reinterpret_cast<void*>(to), from, bytes, stream, synchronous);
  if (to == 0 || from == 0) return call.end(CUDA_ERROR_INVALID_VALUE);
  return copy_on_host(call, to, from, bytes, stream);
}

}  // namespace
}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  Call call("cuMemcpyHtoD_v2", Needs::context);
  return copy_to_device(call, dstDevice, srcHost, ByteCount, nullptr, true);
}

extern "C" CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount,
                                         CUstream hStream) {
  Call call("cuMemcpyHtoDAsync_v2", Needs::context);
  return copy_to_device(call, dstDevice, srcHost, ByteCount, hStream, false);
}

extern "C" CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  Call call("cuMemcpyDtoH_v2", Needs::context);
  return copy_to_host(call, dstHost, srcDevice, ByteCount, nullptr, true);
}

extern "C" CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  Call call("cuMemcpyDtoHAsync_v2", Needs::context);
  return copy_to_host(call, dstHost, srcDevice, ByteCount, hStream, false);
}

extern "C" CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  Call call("cuMemcpy", Needs::context);
  return copy_any(call, dst, src, ByteCount, nullptr, true);
}

extern "C" CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  Call call("cuMemcpyAsync", Needs::context);
  return copy_any(call, dst, src, ByteCount, hStream, false);
}
