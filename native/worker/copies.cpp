// Copies between the client's bulk memory and the device. Where bulk memory is pinned they run while frames go on.
#include <limits>

#include "worker/session.h"

namespace gpool::worker {
namespace {

// Bytes of the packed host side of a 3D copy; 0: impossible.
uint64_t packed_bytes(const wire::Copy3D& copy) {
  if (copy.width_bytes == 0 || copy.height == 0 || copy.depth == 0) return 0;
  constexpr uint64_t kMost = wire::kBulkPieceBytes;
  if (copy.width_bytes > kMost || copy.height > kMost / copy.width_bytes) return 0;
  uint64_t slice = copy.width_bytes * copy.height;
  return copy.depth > kMost / slice ? 0 : slice * copy.depth;
}

bool set_side(Invoke& invoke, const wire::CopySide& side, std::byte* host, const wire::Copy3D& copy, CUmemorytype& type,
              CUdeviceptr& device, const void*& host_out, CUarray& array, size_t& pitch, size_t& height) {
  switch (side.type) {
    case wire::CopySide::host:
      type = CU_MEMORYTYPE_HOST, host_out = host, pitch = copy.width_bytes, height = copy.height;
      return host != nullptr;
    case wire::CopySide::device:
      type = CU_MEMORYTYPE_DEVICE, device = side.address, pitch = side.pitch, height = side.height;
      return true;
    case wire::CopySide::array:
      type = CU_MEMORYTYPE_ARRAY, array = invoke.resolve<CUarray>(side.address);
      return invoke.valid();
    default:
      return false;
  }
}

}  // namespace

// Answers with what a copy that was started with `status` has put into `bulk`, once its stream is there.
static void answer_when_copied(Session& session, Invoke& invoke, StreamState& stream, CUresult status, std::byte* bulk,
                               size_t bytes) {
  auto done = [&session, bulk, bytes, question = invoke.frame()](CUresult result) {
    result = session.settle(session.context_of_frame(question.context), result);
    session.answer_with_bulk(question, result, bulk, bytes);
  };
  if (status != CUDA_SUCCESS)
    done(status);
  else
    session.after_stream(stream, done);
}

Frame carry_out_copy_to_device(Session& session, Invoke& invoke, const transport::Received& frame) {
  const auto& arguments = invoke.arguments<wire::CopyLinear>();
  if (!invoke.valid() || arguments.bytes != frame.bulk.size()) {
    invoke.finish(CUDA_ERROR_INVALID_VALUE);
    return Frame::done;
  }
  StreamState* stream = session.use_stream(arguments.stream, invoke.frame().context);
  if (!stream) {
    invoke.finish(CUDA_ERROR_INVALID_HANDLE);
    return Frame::done;
  }
  CUresult status = arguments.bytes == 0 ? CUDA_SUCCESS
                                         : session.driver.cuMemcpyHtoDAsync_v2(arguments.address, frame.bulk.data(),
                                                                               arguments.bytes, stream->cu);
  invoke.finish(status);
  if (status == CUDA_SUCCESS && (arguments.flags & wire::CopyLinear::synchronous)) session.fence_behind(*stream);
  // From memory that is not pinned the driver has taken the bytes before it returns.
  if (status != CUDA_SUCCESS || !session.bulk_is_pinned()) return Frame::done;
  session.after_stream(*stream, [&session, frame, question = invoke.frame()](CUresult result) {
    session.link().release(frame);
    if (result != CUDA_SUCCESS) session.note_error(question.context, question.call, result);
  });
  return Frame::kept;
}

Frame carry_out_copy_to_host(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::CopyLinear>();
  if (!invoke.valid() || arguments.bytes == 0 || arguments.bytes > wire::kBulkPieceBytes) {
    invoke.finish(CUDA_ERROR_INVALID_VALUE);
    return Frame::done;
  }
  if (!session.find_stream(arguments.stream, invoke.frame().context)) {
    invoke.finish(CUDA_ERROR_INVALID_HANDLE);
    return Frame::done;
  }
  // Later work of the stream may overwrite the source, so nothing passes a copy that waits for room.
  std::byte* bulk = session.link().try_reserve_bulk(arguments.bytes);
  if (!bulk) return session.link().broken() ? Frame::done : Frame::again;
  StreamState* stream = session.use_stream(arguments.stream, invoke.frame().context);
  CUresult status = session.driver.cuMemcpyDtoHAsync_v2(bulk, arguments.address, arguments.bytes, stream->cu);
  answer_when_copied(session, invoke, *stream, status, bulk, arguments.bytes);
  return Frame::done;
}

Frame carry_out_copy_3d(Session& session, Invoke& invoke, const transport::Received& frame) {
  const auto& arguments = invoke.arguments<wire::Copy3D>();
  bool from_host = arguments.source.type == wire::CopySide::host,
       to_host = arguments.destination.type == wire::CopySide::host;
  uint64_t bytes = packed_bytes(arguments);
  StreamState* known = session.find_stream(arguments.stream, invoke.frame().context);
  if (known && (arguments.flags & wire::CopyLinear::mapped)) {
    CUDA_MEMCPY3D copy{};
    if (invoke.valid()) read_mapped_copy(session, invoke, arguments, copy);
    StreamState* stream = session.use_stream(arguments.stream, invoke.frame().context);
    if (invoke.valid())
      invoke.finish(session.driver.cuMemcpy3DAsync_v2(&copy, stream->cu));
    else
      invoke.refuse();
    return Frame::done;
  }
  if (!invoke.valid() || !known || (from_host && to_host) || ((from_host || to_host) && bytes == 0) ||
      (from_host && frame.bulk.size() != bytes)) {
    invoke.finish(known ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    return Frame::done;
  }
  std::byte* bulk = from_host ? const_cast<std::byte*>(frame.bulk.data()) : nullptr;
  if (to_host && !(bulk = session.link().try_reserve_bulk(bytes)))
    return session.link().broken() ? Frame::done : Frame::again;
  CUDA_MEMCPY3D copy{};
  const void* destination_host = nullptr;
  bool sound = set_side(invoke, arguments.source, bulk, arguments, copy.srcMemoryType, copy.srcDevice, copy.srcHost,
                        copy.srcArray, copy.srcPitch, copy.srcHeight) &&
               set_side(invoke, arguments.destination, bulk, arguments, copy.dstMemoryType, copy.dstDevice,
                        destination_host, copy.dstArray, copy.dstPitch, copy.dstHeight);
  // Packed host sides begin at their first byte; the offsets are of the other side.
  if (!from_host)
    copy.srcXInBytes = arguments.source.x_bytes, copy.srcY = arguments.source.y, copy.srcZ = arguments.source.z;
  if (!to_host)
    copy.dstXInBytes = arguments.destination.x_bytes, copy.dstY = arguments.destination.y,
    copy.dstZ = arguments.destination.z;
  copy.srcLOD = arguments.source.lod, copy.dstLOD = arguments.destination.lod;
  copy.dstHost = const_cast<void*>(destination_host);
  copy.WidthInBytes = arguments.width_bytes, copy.Height = arguments.height, copy.Depth = arguments.depth;
  StreamState* stream = session.use_stream(arguments.stream, invoke.frame().context);
  CUresult status = sound ? session.driver.cuMemcpy3DAsync_v2(&copy, stream->cu) : CUDA_ERROR_INVALID_VALUE;
  if (to_host) {
    answer_when_copied(session, invoke, *stream, status, bulk, bytes);
    return Frame::done;
  }
  invoke.finish(status);
  if (from_host && status == CUDA_SUCCESS && (arguments.flags & wire::CopyLinear::synchronous))
    session.fence_behind(*stream);
  if (!from_host || status != CUDA_SUCCESS || !session.bulk_is_pinned()) return Frame::done;
  session.after_stream(*stream, [&session, frame](CUresult) { session.link().release(frame); });
  return Frame::kept;
}

}  // namespace gpool::worker
