#include "wire/ticket.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/sha256.h"
#include "wire/hello.h"

namespace gpool::wire {
namespace {

constexpr char kTicketMagic[4] = {'G', 'P', 'T', '1'};
constexpr uint16_t kTicketVersion = 1;

struct Head {
  char magic[4];
  uint16_t version;
  uint16_t vgpus;
  char node[32];
  char lease[32];
  uint64_t issued_at_s;
  uint64_t expires_at_s;
};
static_assert(sizeof(Head) == 88);

struct Vgpu {
  uint8_t uuid[16];
  uint64_t memory_bytes;
  uint32_t compute_permille;
  uint32_t zero;
};
static_assert(sizeof(Vgpu) == 32);

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

std::string field_text(std::span<const char> field) {
  return {field.begin(), std::find(field.begin(), field.end(), '\0')};
}

}  // namespace

Status read_ticket(std::span<const std::byte> bytes, std::span<const std::byte> key, Ticket& ticket) {
  Head head;
  if (bytes.size() < sizeof head + sizeof(Sha256Digest) || std::memcmp(bytes.data(), kTicketMagic, 4) != 0)
    return Status::failed("What the client sent is not a ticket; start the program with `gpool run`.");
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.version != kTicketVersion)
    return Status::failed("The ticket has version " + std::to_string(head.version) + ", this node reads version " +
                          std::to_string(kTicketVersion) + "; install the same version of gpool on both hosts.");
  size_t signed_bytes = sizeof head + head.vgpus * sizeof(Vgpu);
  if (head.vgpus == 0 || head.vgpus > kMaxDevices || bytes.size() != signed_bytes + sizeof(Sha256Digest))
    return Status::failed("The ticket is damaged: its length does not fit its number of vGPUs; ask for a new lease.");
  Sha256Digest expected = hmac_sha256(key, bytes.first(signed_bytes));
  std::span<const uint8_t> given(reinterpret_cast<const uint8_t*>(bytes.data()) + signed_bytes, sizeof(Sha256Digest));
  if (!equal_in_constant_time(expected, given))
    return Status::failed(
        "The ticket's signature is wrong: it was not made for this node, or the node's key has changed; ask for a new "
        "lease.");
  ticket.node = field_text(head.node);
  ticket.lease = field_text(head.lease);
  if (!is_name(ticket.node) || !is_name(ticket.lease))
    return Status::failed("The ticket names a node or lease with letters that names do not have; ask for a new lease.");
  ticket.issued_at_s = head.issued_at_s, ticket.expires_at_s = head.expires_at_s;
  ticket.vgpus.resize(head.vgpus);
  for (size_t i = 0; i < head.vgpus; ++i) {
    Vgpu vgpu;
    std::memcpy(&vgpu, bytes.data() + sizeof head + i * sizeof vgpu, sizeof vgpu);
    std::memcpy(ticket.vgpus[i].uuid.data(), vgpu.uuid, 16);
    ticket.vgpus[i].memory_bytes = vgpu.memory_bytes;
    ticket.vgpus[i].compute_permille = vgpu.compute_permille;
  }
  return Status::ok();
}

std::vector<std::byte> write_ticket(const Ticket& ticket, std::span<const std::byte> key) {
  Head head{};
  std::memcpy(head.magic, kTicketMagic, 4);
  head.version = kTicketVersion;
  head.vgpus = uint16_t(ticket.vgpus.size());
  std::memcpy(head.node, ticket.node.data(), std::min(ticket.node.size(), sizeof head.node));
  std::memcpy(head.lease, ticket.lease.data(), std::min(ticket.lease.size(), sizeof head.lease));
  head.issued_at_s = ticket.issued_at_s, head.expires_at_s = ticket.expires_at_s;
  std::vector<std::byte> bytes;
  auto append = [&](const void* at, size_t count) {
    auto* first = static_cast<const std::byte*>(at);
    bytes.insert(bytes.end(), first, first + count);
  };
  append(&head, sizeof head);
  for (const TicketVgpu& vgpu : ticket.vgpus) {
    Vgpu packed{{}, vgpu.memory_bytes, vgpu.compute_permille, 0};
    std::memcpy(packed.uuid, vgpu.uuid.data(), 16);
    append(&packed, sizeof packed);
  }
  Sha256Digest signature = hmac_sha256(key, bytes);
  append(signature.data(), signature.size());
  return bytes;
}

std::string uuid_text(const Uuid& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 15];
  }
  return text;
}

bool parse_uuid(std::string_view text, Uuid& uuid) {
  if (text.size() != 40 || text.substr(0, 4) != "GPU-") return false;
  text.remove_prefix(4);
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
      continue;
    }
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (value < 0) return false;
    uint8_t& byte = uuid[digits / 2];
    byte = uint8_t(digits % 2 == 0 ? value << 4 : byte | value);
    ++digits;
  }
  return digits == 32;
}

}  // namespace gpool::wire
