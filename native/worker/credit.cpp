#include "worker/credit.h"

#include <algorithm>
#include <thread>

#include "worker/session.h"

namespace gpool::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kLargestTarget = uint64_t{256} << 20;
constexpr uint64_t kShareOfDevice = 16;

uint64_t target_of(const Device& device) {
  const uint64_t granule = device.record.granularity;
  const uint64_t share = std::min(device.record.memory_bytes / kShareOfDevice, kLargestTarget);
  return std::max(share / granule * granule, 2 * granule);
}

}  // namespace

// -- the ledger, or the numbers of a session that has none
// ------------------------------------------------------------------------------------------------

bool Session::reserve_memory(Device& device, uint64_t bytes) {
  if (device.limit_bytes == 0) {
    used_without_ledger_[size_t(&device - devices.data())] += bytes;
    return true;
  }
  return ledger_.reserve(grant.ledger_slot, device.ledger_index, bytes);
}

void Session::release_memory(Device& device, uint64_t bytes) {
  if (device.limit_bytes == 0)
    used_without_ledger_[size_t(&device - devices.data())] -= bytes;
  else
    ledger_.release(grant.ledger_slot, device.ledger_index, bytes);
}

uint64_t Session::memory_used(const Device& device) const {
  return device.limit_bytes == 0 ? used_without_ledger_[size_t(&device - devices.data())]
                                 : ledger_.used(device.ledger_index);
}

// -- credit
// -----------------------------------------------------------------------------------------------

bool Session::reserve_from_credit(Device& device, uint64_t bytes) {
  Credit& credit = device.credit;
  if (bytes > credit.unspent + credit.pending) return false;
  const uint64_t granted = std::min(bytes, credit.unspent), borrowed = bytes - granted;
  // What the frees under way will give is borrowed from the ledger, where there is that much.
  if (borrowed > 0 && !reserve_memory(device, borrowed)) return false;
  if (device.limit_bytes == 0)
    used_without_ledger_[size_t(&device - devices.data())] += granted;
  else
    ledger_.spend(grant.ledger_slot, device.ledger_index, granted);
  credit.unspent -= granted;
  credit.pending -= borrowed;
  return true;
}

void Session::release_to_credit(Device& device, uint64_t bytes, uint32_t epoch) {
  Credit& credit = device.credit;
  const uint64_t kept = epoch == credit.epoch ? std::min(bytes, credit.pending) : 0;
  credit.pending -= kept;
  credit.unspent += kept;
  if (device.limit_bytes == 0)
    used_without_ledger_[size_t(&device - devices.data())] -= kept;
  else
    ledger_.keep_credit(grant.ledger_slot, device.ledger_index, kept);
  if (kept < bytes) release_memory(device, bytes - kept);
}

void Session::give_back_credit(Device& device, uint64_t bytes) {
  Credit& credit = device.credit;
  const uint64_t granted = std::min(bytes, credit.unspent);
  credit.unspent -= granted;
  credit.pending -= std::min(bytes - granted, credit.pending);
  if (device.limit_bytes != 0 && granted > 0) ledger_.give_back(grant.ledger_slot, device.ledger_index, granted);
}

uint64_t Session::grant_credit(Device& device) {
  Credit& credit = device.credit;
  const uint64_t has = credit.unspent + credit.pending, granule = device.record.granularity;
  if (credit.target_bytes == 0 || credit.called_back || has > credit.target_bytes / 2) return 0;
  // Credit has no memory behind it yet, so it may only promise what the GPU can be expected to have later.
  if (current_context_ < 0 || &devices[contexts[size_t(current_context_)].device] != &device) return 0;
  size_t free_bytes = 0, total_bytes = 0;
  if (driver.cuMemGetInfo_v2(&free_bytes, &total_bytes) != CUDA_SUCCESS || free_bytes / 2 <= credit.unspent) return 0;
  uint64_t granted = std::min(credit.target_bytes - has, free_bytes / 2 - credit.unspent) / granule * granule;
  if (device.limit_bytes != 0) granted = ledger_.grant(grant.ledger_slot, device.ledger_index, granted, granule);
  credit.unspent += granted;
  return granted;
}

void Session::push_credit(const Device& device, uint32_t epoch, uint64_t granted) {
  wire::PushMemoryCredit message{};
  message.device = uint32_t(&device - devices.data());
  message.epoch = epoch;
  message.granted_bytes = granted;
  message.target_bytes = device.credit.target_bytes;
  push(wire::Message::push_memory_credit, CUDA_SUCCESS, std::as_bytes(std::span(&message, 1)), nullptr, 0);
}

void Session::top_up_credit(Device& device) {
  if (const uint64_t granted = grant_credit(device); granted > 0) push_credit(device, device.credit.epoch, granted);
}

void Session::end_credit_epoch(Device& device) {
  give_back_credit(device, device.credit.unspent + device.credit.pending);
  device.credit.called_back = false;
  ++device.credit.epoch;
}

void Session::see_credit_epoch(Device& device, uint32_t epoch) {
  if (device.credit.called_back && epoch == device.credit.epoch + 1) end_credit_epoch(device);
}

bool Session::call_back_credit_of_others(Device& device) {
  return device.limit_bytes != 0 && ledger_.call_back(grant.ledger_slot, device.ledger_index);
}

bool Session::attend_to_credit() {
  const auto now = Clock::now();
  const bool rung = has_ledger() && ledger_.news(grant.ledger_slot) != news_seen_;
  if (rung) news_seen_ = ledger_.news(grant.ledger_slot);
  bool progress = rung;
  for (Device& device : devices) {
    Credit& credit = device.credit;
    if (rung && device.limit_bytes != 0 && ledger_.called_back(grant.ledger_slot, device.ledger_index) &&
        !credit.called_back && credit.target_bytes != 0) {
      credit.called_back = true;
      credit.patience_ends = now + Credit::kClientPatience;
      push_credit(device, credit.epoch + 1, 0);
    }
    if (credit.called_back && now >= credit.patience_ends) end_credit_epoch(device), progress = true;
    if (!device.wait_for_unmap.empty() && (rung || now >= device.asker_patience_ends)) retry_maps(device);
  }
  return progress;
}

Clock::time_point Session::next_credit_deadline() const {
  auto next = Clock::time_point::max();
  for (const Device& device : devices) {
    if (device.credit.called_back) next = std::min(next, device.credit.patience_ends);
    if (!device.wait_for_unmap.empty()) next = std::min(next, device.asker_patience_ends);
  }
  return next;
}

void Session::listen_to_ledger() {
  if (!has_ledger()) return;
  news_seen_ = ledger_.news(grant.ledger_slot);
  std::thread([this, seen = news_seen_]() mutable {
    for (;;) {
      ledger_.wait_for_news(grant.ledger_slot, seen);
      const uint32_t now = ledger_.news(grant.ledger_slot);
      if (now != seen) link_->interrupt();
      seen = now;
    }
  }).detach();
}

// -- messages
// -----------------------------------------------------------------------------------------------------

Frame carry_out_memory_credit(Session& session, Invoke& invoke) {
  const wire::MemoryCredit arguments = invoke.arguments<wire::MemoryCredit>();
  Device* device = session.device(arguments.device);
  if (!device || !invoke.valid()) {
    invoke.finish(invoke.valid() ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE);
    return Frame::done;
  }
  session.see_credit_epoch(*device, arguments.epoch);
  if (arguments.epoch == device->credit.epoch) session.give_back_credit(*device, arguments.credit);
  if (!invoke.wants_reply()) return Frame::done;
  device->credit.target_bytes = target_of(*device);
  session.map_when_possible(*device, arguments.address, arguments.bytes,
                            [&session, device, question = invoke.frame()](CUresult status) {
                              wire::MemoryCreditReply reply{};
                              if (status == CUDA_SUCCESS) reply.granted_bytes = session.grant_credit(*device);
                              reply.epoch = device->credit.epoch;
                              reply.target_bytes = device->credit.target_bytes;
                              session.answer(question, status, std::as_bytes(std::span(&reply, 1)));
                            });
  return Frame::done;
}

}  // namespace gpool::worker
