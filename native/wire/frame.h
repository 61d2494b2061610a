// The head of everything that travels after the handshake. See docs/internals/data-plane.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpool::wire {

// A different major version is refused at the handshake; a different minor one is not.
inline constexpr uint16_t kProtocolMajor = 1;
inline constexpr uint16_t kProtocolMinor = 2;

// Larger copies are cut in pieces of this size, so that the steps of a copy overlap.
inline constexpr size_t kBulkPieceBytes = size_t{2} << 20;
// A frame without its bulk. Bounds what a receiver has to buffer, so a hostile length cannot make it allocate.
inline constexpr size_t kMaxFrameBytes = size_t{1} << 20;

// `call` of a frame between the two links themselves, which nobody above them sees: `sequence` is the number of bytes
// of the peer's stream that have arrived. Only in sessions with a resume key.
inline constexpr uint16_t kAcknowledge = 0;

enum FrameFlags : uint16_t {
  kWantsReply = 1,  // the receiver answers with the same sequence
  kReply = 2,       // `sequence` is the question's; `status` is its CUresult
  kPush = 4,        // from the worker on its own account; sequence 0
};

struct FrameHeader {
  uint32_t frame_bytes;  // header and arguments, multiple of 8
  uint16_t call;         // calls::Id, or a Message below 64
  uint16_t flags;
  uint64_t sequence;  // 1, 2, 3, … in the order of sending, per direction
  uint32_t context;   // index part of the context's handle the call runs in; 0: none. Requests only
  int32_t status;     // CUresult; replies and pushes only
  uint64_t bulk_bytes;
};
static_assert(sizeof(FrameHeader) == 32);

inline constexpr size_t padded(size_t bytes) {
  return (bytes + 7) & ~size_t{7};
}

}  // namespace gpool::wire
