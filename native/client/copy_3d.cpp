// Copies of rectangles and boxes. A host side travels as packed rows; what is larger than a bulk piece is cut into
// slabs of whole rows.
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "client/call.h"
#include "client/capture.h"
#include "client/copy.h"
#include "client/driver.h"
#include "client/graph_holdings.h"
#include "client/host_memory.h"

namespace gpool::client {
namespace {

struct Box {
  wire::CopySide source{}, destination{};
  uint64_t width = 0, height = 0, depth = 0;
};

// One side of CUDA's struct. For a host side `address` is the start of the memory.
bool set_side(Call& call, wire::CopySide& side, CUmemorytype type, const void* host, CUdeviceptr device, CUarray array,
              uint64_t pitch, uint64_t height, uint64_t x, uint64_t y, uint64_t z, uint64_t lod) {
  if (type == CU_MEMORYTYPE_UNIFIED) {
    type = device_of_address(device) != nullptr ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    host = reinterpret_cast<const void*>(device);
  }
  // The program's own memory as well, whatever it is called.
  if (type == CU_MEMORYTYPE_DEVICE && device_of_address(device) == nullptr && use_managed(device, 1)) {
    type = CU_MEMORYTYPE_HOST;
    host = reinterpret_cast<const void*>(device);
  }
  side.pitch = pitch;
  side.height = height;
  side.x_bytes = x;
  side.y = y;
  side.z = z;
  side.lod = static_cast<uint32_t>(lod);
  switch (type) {
    case CU_MEMORYTYPE_HOST:
      side.type = wire::CopySide::host;
      side.address = reinterpret_cast<uint64_t>(host);
      return host != nullptr;
    case CU_MEMORYTYPE_DEVICE:
      side.type = wire::CopySide::device;
      side.address = device;
      return device_of_address(device) != nullptr;
    case CU_MEMORYTYPE_ARRAY:
      side.type = wire::CopySide::array;
      side.address = call.handle(array);
      return call.ok();
    default:
      return false;
  }
}

// Pitches of 0 mean rows without gaps; offsets and sizes must stay inside the row and the slice, and the box inside its
// memory.
bool is_sound(wire::CopySide& side, const Box& box) {
  if (side.type == wire::CopySide::array) return true;
  if (side.pitch == 0) side.pitch = side.x_bytes + box.width;
  if (side.height == 0) side.height = side.y + box.height;
  constexpr uint64_t kMost = uint64_t{1} << 40;
  if (side.pitch > kMost || side.height > kMost || side.x_bytes > kMost || side.y > kMost || side.z > kMost)
    return false;
  if (side.x_bytes + box.width > side.pitch || (box.depth > 1 && side.y + box.height > side.height)) return false;
  uint64_t last = side.z + box.depth - 1;
  if (__builtin_mul_overflow(last, side.height, &last)) return false;
  last += side.y + box.height - 1;
  if (last > (kMost << 7) || __builtin_mul_overflow(last, side.pitch, &last)) return false;
  last += side.x_bytes + box.width;
  if (last > (uint64_t{1} << 47)) return false;
  if (side.type != wire::CopySide::device) return true;
  const uint64_t first = (side.z * side.height + side.y) * side.pitch + side.x_bytes;
  Device* device = device_of_address(side.address);
  return device != nullptr && device->memory.covers(side.address + first, last - first);
}

uint64_t row_address(const wire::CopySide& side, uint64_t row, uint64_t slice) {
  return side.address + ((side.z + slice) * side.height + side.y + row) * side.pitch + side.x_bytes;
}

// Slabs that travel at once, so that the GPU copies one while others are on the wire.
constexpr size_t kSlabsInFlight = 6;

class Copier {
 public:
  Copier(Call& call, const Box& box, wire::Handle stream, bool synchronous)
      : call_(call), box_(box), stream_(stream), synchronous_(synchronous) {}

  CUresult run() {
    CUresult status = ask_all();
    // Every slab that was asked for is waited for, also after an error: its answer would find no place.
    while (!asked_.empty()) {
      const CUresult one = take_oldest();
      if (status == CUDA_SUCCESS) status = one;
    }
    return status;
  }

 private:
  // A slab on its way to the host.
  struct Slab {
    Pending pending;
    std::vector<std::byte> packed;
    uint64_t x, y, z, width, height;
  };

  CUresult ask_all() {
    if (box_.source.type != wire::CopySide::host && box_.destination.type != wire::CopySide::host)
      return piece(0, 0, 0, box_.width, box_.height, box_.depth);
    // Slabs of one slice each: as many rows as fit, and of very long rows as many bytes.
    const uint64_t width = std::min<uint64_t>(box_.width, wire::kBulkPieceBytes);
    const uint64_t rows = std::max<uint64_t>(1, wire::kBulkPieceBytes / width);
    for (uint64_t z = 0; z < box_.depth; z++)
      for (uint64_t y = 0; y < box_.height; y += rows)
        for (uint64_t x = 0; x < box_.width; x += width) {
          const CUresult status = piece(x, y, z, std::min(width, box_.width - x), std::min(rows, box_.height - y), 1);
          if (status != CUDA_SUCCESS) return status;
        }
    return CUDA_SUCCESS;
  }

  CUresult piece(uint64_t x, uint64_t y, uint64_t z, uint64_t width, uint64_t height, uint64_t depth) {
    wire::Copy3D arguments{};
    arguments.source = moved(box_.source, x, y, z);
    arguments.destination = moved(box_.destination, x, y, z);
    arguments.width_bytes = width;
    arguments.height = height;
    arguments.depth = depth;
    arguments.stream = stream_;
    arguments.flags = synchronous_ ? wire::CopyLinear::synchronous : 0u;
    Session& session = *call_.session();
    if (box_.source.type == wire::CopySide::host) {
      packed_.resize(width * height);
      for (uint64_t row = 0; row < height; row++)
        std::memcpy(packed_.data() + row * width,
                    reinterpret_cast<const void*>(row_address(box_.source, y + row, z) + x), width);
      return session.post(wire::Message::copy_3d, call_.context(), arguments, packed_);
    }
    if (box_.destination.type != wire::CopySide::host)
      return session.post(wire::Message::copy_3d, call_.context(), arguments);
    if (asked_.size() == kSlabsInFlight)
      if (const CUresult status = take_oldest(); status != CUDA_SUCCESS) return status;
    Slab& slab = *asked_.emplace_back(std::make_unique<Slab>());
    slab.x = x, slab.y = y, slab.z = z, slab.width = width, slab.height = height;
    slab.packed.resize(width * height);
    slab.pending.bulk = slab.packed;
    const CUresult status = session.start(slab.pending, static_cast<uint16_t>(wire::Message::copy_3d), call_.context(),
                                          std::as_bytes(std::span(&arguments, 1)));
    if (status != CUDA_SUCCESS) asked_.pop_back();
    return status;
  }

  CUresult take_oldest() {
    const std::unique_ptr<Slab> slab = std::move(asked_.front());
    asked_.pop_front();
    const CUresult status = call_.session()->wait(slab->pending);
    if (status != CUDA_SUCCESS) return status;
    for (uint64_t row = 0; row < slab->height; row++)
      std::memcpy(reinterpret_cast<void*>(row_address(box_.destination, slab->y + row, slab->z) + slab->x),
                  slab->packed.data() + row * slab->width, slab->width);
    return CUDA_SUCCESS;
  }

  static wire::CopySide moved(wire::CopySide side, uint64_t x, uint64_t y, uint64_t z) {
    if (side.type == wire::CopySide::host) return wire::CopySide{.type = wire::CopySide::host};
    side.x_bytes += x;
    side.y += y;
    side.z += z;
    return side;
  }

  Call& call_;
  const Box box_;
  const wire::Handle stream_;
  const bool synchronous_;
  std::vector<std::byte> packed_;  // of a slab to the device
  std::deque<std::unique_ptr<Slab>> asked_;
};

CUresult copy_on_host(Call& call, const Box& box, CUstream stream) {
  const CUresult waited = cuStreamSynchronize(stream);
  if (waited != CUDA_SUCCESS) return call.end(waited);
  for (uint64_t z = 0; z < box.depth; z++)
    for (uint64_t y = 0; y < box.height; y++)
      std::memmove(reinterpret_cast<void*>(row_address(box.destination, y, z)),
                   reinterpret_cast<const void*>(row_address(box.source, y, z)), box.width);
  return call.end(CUDA_SUCCESS);
}

// The struct as a box, checked. `empty`: there is nothing to copy.
CUresult read_box(Call& call, const CUDA_MEMCPY3D* copy, Box& box, bool& empty) {
  empty = false;
  if (call.required(copy) == nullptr || !call.ok()) return call.result();
  box.width = copy->WidthInBytes;
  box.height = copy->Height;
  box.depth = copy->Depth;
  empty = box.width == 0 || box.height == 0 || box.depth == 0;
  if (empty) return CUDA_SUCCESS;
  constexpr uint64_t kMost = uint64_t{1} << 40;
  if (box.width > kMost || box.height > kMost || box.depth > kMost) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (!set_side(call, box.source, copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcArray, copy->srcPitch,
                copy->srcHeight, copy->srcXInBytes, copy->srcY, copy->srcZ, copy->srcLOD) ||
      !set_side(call, box.destination, copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstArray,
                copy->dstPitch, copy->dstHeight, copy->dstXInBytes, copy->dstY, copy->dstZ, copy->dstLOD) ||
      !is_sound(box.source, box) || !is_sound(box.destination, box))
    return call.end(CUDA_ERROR_INVALID_VALUE);
  return CUDA_SUCCESS;
}

// A host side as the worker's driver is to see it.
bool reach(Call& call, Holdings& holdings, wire::CopySide& side, const Box& box, bool to_host) {
  if (side.type != wire::CopySide::host) return side.type == wire::CopySide::device;
  const uint64_t first = row_address(side, 0, 0);
  const uint64_t last = row_address(side, box.height - 1, box.depth - 1) + box.width;
  const uint64_t at = holdings.reach(*call.session(), *call.context(), first, last - first, to_host);
  if (at == 0) call.refuse(CUDA_ERROR_OUT_OF_MEMORY);
  side.address += at - first;
  return call.ok();
}

CUresult travelling_copy(Call& call, Box box, Holdings& holdings, wire::Copy3D& arguments) {
  if (!reach(call, holdings, box.source, box, false) || !reach(call, holdings, box.destination, box, true))
    return call.end(CUDA_ERROR_NOT_SUPPORTED);  // arrays
  arguments = {};
  arguments.source = box.source;
  arguments.destination = box.destination;
  arguments.width_bytes = box.width;
  arguments.height = box.height;
  arguments.depth = box.depth;
  arguments.flags = wire::CopyLinear::mapped;
  return CUDA_SUCCESS;
}

// Between GPUs of two nodes, row by row through this process.
CUresult copy_rows_between_sessions(Call& call, const Box& box, CUstream stream) {
  if (const CUresult waited = cuStreamSynchronize(stream); waited != CUDA_SUCCESS) return call.end(waited);
  for (uint64_t z = 0; z < box.depth; z++)
    for (uint64_t y = 0; y < box.height; y++) {
      const uint64_t to = row_address(box.destination, y, z), from = row_address(box.source, y, z);
      if (const CUresult status = copy_between_sessions(call, to, from, box.width); status != CUDA_SUCCESS)
        return status;
    }
  return call.end(CUDA_SUCCESS);
}

CUresult copy(Call& call, const CUDA_MEMCPY3D* copy, CUstream stream, bool synchronous) {
  const wire::Handle on = call.handle(stream);
  Box box;
  bool empty = false;
  if (const CUresult status = read_box(call, copy, box, empty); status != CUDA_SUCCESS || empty)
    return call.end(status);
  const bool from_host = box.source.type == wire::CopySide::host,
             to_host = box.destination.type == wire::CopySide::host;
  if (capture_of(stream) != 0 && (from_host || to_host)) {
    wire::Copy3D arguments;
    if (travelling_copy(call, box, *capture_holdings(stream), arguments) != CUDA_SUCCESS) return call.result();
    arguments.stream = on;
    return call.end(call.session()->post(wire::Message::copy_3d, call.context(), arguments));
  }
  if (from_host && to_host) return copy_on_host(call, box, stream);
  const Device *source = device_of_address(box.source.address), *target = device_of_address(box.destination.address);
  if (source != nullptr && target != nullptr && source->session != target->session)
    return copy_rows_between_sessions(call, box, stream);
  const CUresult status = Copier(call, box, on, synchronous).run();
  if (status == CUDA_SUCCESS && synchronous && box.destination.type == wire::CopySide::host)
    return call.end(settle(call.context(), status, call.session()->last_sequence()));
  return call.end(status);
}

// Addresses say which GPU they are of; the contexts only have to be contexts.
CUresult copy_between(Call& call, const CUDA_MEMCPY3D_PEER* peer, CUstream stream, bool synchronous) {
  if (call.required(peer) == nullptr || !call.ok()) return call.result();
  for (CUcontext context : {peer->srcContext, peer->dstContext})
    if (context != nullptr && find_context(context) == nullptr) return call.end(CUDA_ERROR_INVALID_CONTEXT);
  CUDA_MEMCPY3D box{};
  box.srcXInBytes = peer->srcXInBytes, box.srcY = peer->srcY, box.srcZ = peer->srcZ, box.srcLOD = peer->srcLOD;
  box.srcMemoryType = peer->srcMemoryType, box.srcHost = peer->srcHost, box.srcDevice = peer->srcDevice;
  box.srcArray = peer->srcArray, box.srcPitch = peer->srcPitch, box.srcHeight = peer->srcHeight;
  box.dstXInBytes = peer->dstXInBytes, box.dstY = peer->dstY, box.dstZ = peer->dstZ, box.dstLOD = peer->dstLOD;
  box.dstMemoryType = peer->dstMemoryType, box.dstHost = peer->dstHost, box.dstDevice = peer->dstDevice;
  box.dstArray = peer->dstArray, box.dstPitch = peer->dstPitch, box.dstHeight = peer->dstHeight;
  box.WidthInBytes = peer->WidthInBytes, box.Height = peer->Height, box.Depth = peer->Depth;
  return copy(call, &box, stream, synchronous);
}

CUDA_MEMCPY3D box_of(const CUDA_MEMCPY2D& flat) {
  CUDA_MEMCPY3D box{};
  box.srcXInBytes = flat.srcXInBytes;
  box.srcY = flat.srcY;
  box.srcMemoryType = flat.srcMemoryType;
  box.srcHost = flat.srcHost;
  box.srcDevice = flat.srcDevice;
  box.srcArray = flat.srcArray;
  box.srcPitch = flat.srcPitch;
  box.dstXInBytes = flat.dstXInBytes;
  box.dstY = flat.dstY;
  box.dstMemoryType = flat.dstMemoryType;
  box.dstHost = flat.dstHost;
  box.dstDevice = flat.dstDevice;
  box.dstArray = flat.dstArray;
  box.dstPitch = flat.dstPitch;
  box.WidthInBytes = flat.WidthInBytes;
  box.Height = flat.Height;
  box.Depth = 1;
  return box;
}

CUresult copy_flat(Call& call, const CUDA_MEMCPY2D* flat, CUstream stream, bool synchronous) {
  if (call.required(flat) == nullptr || !call.ok()) return call.result();
  const CUDA_MEMCPY3D box = box_of(*flat);
  return copy(call, &box, stream, synchronous);
}

}  // namespace

CUresult node_copy(Call& call, const CUDA_MEMCPY3D* copy, Holdings& holdings, wire::Copy3D& arguments) {
  Box box;
  bool empty = false;
  if (const CUresult status = read_box(call, copy, box, empty); status != CUDA_SUCCESS) return status;
  return empty ? call.end(CUDA_ERROR_INVALID_VALUE) : travelling_copy(call, box, holdings, arguments);
}

}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) {
  Call call("cuMemcpy2D_v2", Needs::context);
  return copy_flat(call, pCopy, nullptr, true);
}

extern "C" CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) {
  Call call("cuMemcpy2DUnaligned_v2", Needs::context);
  return copy_flat(call, pCopy, nullptr, true);
}

extern "C" CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  Call call("cuMemcpy2DAsync_v2", Needs::context);
  return copy_flat(call, pCopy, hStream, false);
}

extern "C" CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) {
  Call call("cuMemcpy3D_v2", Needs::context);
  return copy(call, pCopy, nullptr, true);
}

extern "C" CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) {
  Call call("cuMemcpy3DAsync_v2", Needs::context);
  return copy(call, pCopy, hStream, false);
}

extern "C" CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) {
  Call call("cuMemcpy3DPeer", Needs::context);
  return copy_between(call, pCopy, nullptr, true);
}

extern "C" CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  Call call("cuMemcpy3DPeerAsync", Needs::context);
  return copy_between(call, pCopy, hStream, false);
}
