#include "worker/admission.h"

namespace gpool::worker {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool Admission::set_key(std::string_view hex) {
  if (hex.size() != 2 * wire::kNodeKeyBytes) return false;
  std::vector<std::byte> key;
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return false;
    key.push_back(std::byte(high << 4 | low));
  }
  key_ = std::move(key);
  return true;
}

bool Admission::set_gpus(std::string_view comma_separated) {
  std::set<wire::Uuid> gpus;
  while (!comma_separated.empty()) {
    size_t comma = comma_separated.find(',');
    wire::Uuid uuid;
    if (!wire::parse_uuid(comma_separated.substr(0, comma), uuid)) return false;
    gpus.insert(uuid);
    comma_separated.remove_prefix(comma == std::string_view::npos ? comma_separated.size() : comma + 1);
  }
  gpus_ = std::move(gpus);
  return true;
}

Status Admission::judge(std::span<const std::byte> ticket_bytes, uint64_t now_s, wire::Ticket& ticket) const {
  if (ticket_bytes.empty()) {
    ticket = {};
    if (insecure_) return Status::ok();
    return Status::failed("Node " + node_ + " opens sessions only with a ticket; start the program with `gpool run`.");
  }
  if (!has_key())
    return Status::failed(
        "Node " + node_ +
        " cannot check tickets yet: its agent has not connected to gpool-workerd; try again in a moment.");
  if (Status status = wire::read_ticket(ticket_bytes, key_, ticket); !status) return status;
  if (ticket.node != node_)
    return Status::failed("The ticket is for node " + ticket.node + ", this is node " + node_ +
                          "; ask for a new lease.");
  if (now_s >= ticket.expires_at_s)
    return Status::failed(
        "The ticket of lease " + ticket.lease + " expired " + std::to_string(now_s - ticket.expires_at_s) +
        " s ago; if the lease still lives, gpool run has a fresh one (and check the clocks of both hosts).");
  if (revoked_.contains(ticket.lease))
    return Status::failed("Lease " + ticket.lease + " has ended; start the program again with `gpool run`.");
  std::set<wire::Uuid> seen;
  for (const wire::TicketVgpu& vgpu : ticket.vgpus) {
    if (!gpus_ || !gpus_->contains(vgpu.uuid))
      return Status::failed("Node " + node_ + " has no GPU " + wire::uuid_text(vgpu.uuid) + " for lease " +
                            ticket.lease + "; ask for a new lease.");
    if (!seen.insert(vgpu.uuid).second)
      return Status::failed("The ticket of lease " + ticket.lease + " names GPU " + wire::uuid_text(vgpu.uuid) +
                            " twice; ask for a new lease.");
  }
  return Status::ok();
}

}  // namespace gpool::worker
