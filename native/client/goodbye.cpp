#include "client/goodbye.h"

#include <cstring>

#include "wire/messages.h"

namespace gpool::client {

bool say_goodbye(transport::Link& link, uint64_t sequence) {
  std::byte* room = link.try_begin(sizeof(wire::FrameHeader));
  if (room == nullptr) return false;
  wire::FrameHeader header{};
  header.frame_bytes = sizeof header;
  header.call = uint16_t(wire::Message::goodbye);
  header.sequence = sequence;
  std::memcpy(room, &header, sizeof header);
  (void)link.send();
  (void)link.flush();
  return true;
}

}  // namespace gpool::client
