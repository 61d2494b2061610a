#include "worker/session.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "calls/dispatch.h"
#include "calls/generated/arguments.h"

namespace gpool::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kFramesPerTurn = 64;          // then completions get their turn
constexpr size_t kMaxCompletions = 64 * 1024;  // a client that asks without reading is held up, not served from memory
constexpr auto kSpin = std::chrono::microseconds(30);
constexpr Clock::duration kShortestRest = std::chrono::microseconds(5), kLongestRest = std::chrono::milliseconds(5);
constexpr auto kUncoveredPoll = std::chrono::microseconds(300);

}  // namespace

bool is_sticky(CUresult error) {
  switch (error) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
      return true;
    default:
      return false;
  }
}

Session::Session(const Grant& grant_, const calls::DriverTable& driver_, Ledger ledger, std::vector<Device> devices_,
                 OutputPipe& output)
    : driver(driver_),
      grant(grant_),
      devices(std::move(devices_)),
      images(grant.image_folder, grant.image_bytes),
      ledger_(std::move(ledger)),
      used_without_ledger_(devices.size()),
      output_(output) {}

int Session::serve(std::unique_ptr<transport::Link> link) {
  link_ = std::move(link);
  pin_bulk();
  begin_activity();
  waiters_ = std::make_unique<Waiters>(driver, [link = link_.get()] { link->interrupt(); });
  side_thread_ = std::make_unique<SideThread>([link = link_.get()] { link->interrupt(); });
  output_.start([link = link_.get()] { link->interrupt(); });
  // What this process does for itself while a client captures (asking for events, mapping memory) is no business of the
  // capture.
  const auto relax = [this] {
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    driver.cuThreadExchangeStreamCaptureMode(&mode);
  };
  relax();
  side_thread_->give(relax, [] { return true; });
  listen_to_ledger();
  auto last_progress = Clock::now();
  while (!goodbye_ && !terminated_) {
    turn_.fetch_add(2, std::memory_order_relaxed);
    bool progress = send_kept();
    progress |= take_frames();
    progress |= attend_to_credit();
    if (!completions_.empty() || !doomed_.empty()) progress |= poll_completions();
    progress |= end_contexts();
    progress |= side_thread_->collect();
    progress |= push_host_functions();
    progress |= push_graph_functions();
    progress |= push_output();
    link_->flush();
    if (link_->broken()) {
      transport::Received frame;
      kept_.clear();  // nobody takes an answer any more
      if (stalled_ || !next_frame(frame)) break;
      // What arrived before the end still counts: a goodbye is an end in good order.
      carry_out(frame);
      continue;
    }
    if (progress) {
      last_progress = Clock::now();
      if (last_progress >= next_look_) look_at_activity(last_progress);
    } else {
      rest(last_progress);
    }
  }
  // No driver call any more: the process ends, and the driver gives everything back.
  if (terminated_) {
    wire::PushError error{};
    error.status = CUDA_ERROR_DEVICE_UNAVAILABLE;
    error.sticky = 1;
    std::strncpy(error.text, "the lease has ended", sizeof error.text - 1);
    push(wire::Message::push_error, CUDA_ERROR_DEVICE_UNAVAILABLE, std::as_bytes(std::span(&error, 1)), nullptr, 0);
  } else if (!goodbye_)
    log::warn("the client is gone: " + link_->why());
  int code = goodbye_ ? kClientClosed : kClientLost;
  link_->flush();
  link_->close();
  (void)waiters_.release();
  (void)side_thread_.release();
  (void)link_.release();
  return code;
}

void Session::rest(Clock::time_point last_progress) {
  auto now = Clock::now();
  if (now >= next_look_) look_at_activity(now);
  // These wait for room in the link, or for memory: nothing wakes us for that. Rarely where it lasts, as while the
  // connection is lost.
  if (!kept_.empty() || stalled_ || !behind_.empty() || side_thread_->is_held_up()) {
    std::this_thread::sleep_for(std::clamp<Clock::duration>((now - last_progress) / 16, kShortestRest, kLongestRest));
    return;
  }
  transport::Received frame;
  auto deadline = next_credit_deadline();
  if (!completions_.empty()) {
    if (now - last_progress < kSpin) {
      std::this_thread::yield();
      return;
    }
    bool all_covered;
    hand_over_completions(all_covered);
    if (!all_covered) deadline = std::min(deadline, now + kUncoveredPoll);
  }
  tell_memory();
  if (anything_busy()) deadline = std::min(deadline, next_look_);
  turn_.fetch_add(1, std::memory_order_relaxed);
  const transport::Outcome outcome = link_->receive(frame, deadline);
  turn_.fetch_add(1, std::memory_order_relaxed);
  if (outcome == transport::Outcome::done) {
    Frame result = carry_out(frame);
    if (result == Frame::done) link_->release(frame);
    if (result == Frame::again) stalled_ = true, stalled_frame_ = frame;
  }
}

bool Session::take_frames() {
  if (!kept_.empty()) return false;
  if (stalled_) {
    Frame result = carry_out(stalled_frame_);
    if (result == Frame::again) {
      look_behind();
      return false;
    }
    stalled_ = false;
    if (result == Frame::done) link_->release(stalled_frame_);
  }
  size_t count = 0;
  transport::Received frame;
  while (count < kFramesPerTurn && kept_.empty() && !goodbye_ && completions_.size() < kMaxCompletions &&
         next_frame(frame)) {
    ++count;
    Frame result = carry_out(frame);
    if (result == Frame::done) link_->release(frame);
    if (result == Frame::again) {
      stalled_ = true, stalled_frame_ = frame;
      break;
    }
  }
  return count > 0;
}

bool Session::next_frame(transport::Received& frame) {
  if (behind_.empty()) return link_->try_receive(frame);
  frame = behind_.front();
  behind_.pop_front();
  return true;
}

// A frame that waits for memory waits for frees, those for streams, and streams perhaps for a function of the client's:
// the word that it has been called is heard whatever stands before it.
void Session::look_behind() {
  constexpr size_t kMost = 1024;
  transport::Received frame;
  while (behind_.size() < kMost && link_->try_receive(frame)) {
    if (frame.header->call != uint16_t(wire::Message::host_function_done)) {
      behind_.push_back(frame);
      continue;
    }
    carry_out(frame);
    link_->release(frame);
  }
}

Frame Session::carry_out(const transport::Received& frame) {
  const wire::FrameHeader& header = *frame.header;
  Invoke invoke(*this, header, frame.arguments(), frame.argument_bytes(), frame.bulk);
  bool needs_context = header.call != uint16_t(wire::Message::goodbye) && header.call != uint16_t(wire::Message::ping);
  if (header.context != 0 && needs_context) {
    Slab::Entry* context = slab(wire::Kind::context).find_index(header.context);
    CUresult status = context ? make_current(context->extra) : CUDA_ERROR_INVALID_CONTEXT;
    if (status != CUDA_SUCCESS) {
      invoke.finish(status);
      return Frame::done;
    }
  }
  // In a context with a sticky error nothing works any more, except leaving it.
  if (header.context != 0 && (header.flags & wire::kWantsReply) && needs_context &&
      header.call != uint16_t(wire::Message::device_context)) {
    ContextState* context = context_of_frame(header.context);
    if (context->sticky != CUDA_SUCCESS) {
      invoke.finish(context->sticky);
      return Frame::done;
    }
  }
  if (header.call < 64) return carry_out_message(wire::Message(header.call), invoke, frame);
  auto id = static_cast<calls::Id>(header.call);
  if (id == calls::Id::cuEventDestroy_v2) {
    const auto& arguments = invoke.arguments<calls::cuEventDestroy_v2_arguments>();
    CUevent event = invoke.resolve<CUevent>(arguments.hEvent);
    if (invoke.valid() && waited_for(event)) {
      invoke.unbind<CUevent>(arguments.hEvent);
      destroy_later(event);
      invoke.finish(CUDA_SUCCESS);
      return Frame::done;
    }
    Invoke again(*this, header, frame.arguments(), frame.argument_bytes(), frame.bulk);
    calls::dispatch(id, again);
    return Frame::done;
  }
  if (id == calls::Id::cuStreamDestroy_v2) {
    Invoke look(*this, header, frame.arguments(), frame.argument_bytes(), frame.bulk);
    const auto& arguments = look.arguments<calls::cuStreamDestroy_v2_arguments>();
    StreamState* stream = wire::is_special_stream(arguments.hStream) ? nullptr : find_stream(arguments.hStream, 0);
    if (stream && stream->busy()) orphan(*stream);
  }
  if (id == calls::Id::cuGraphDestroy) {
    Invoke look(*this, header, frame.arguments(), frame.argument_bytes(), frame.bulk);
    forget_nodes(look.arguments<calls::cuGraphDestroy_arguments>().hGraph);
  }
  if (id == calls::Id::cuGraphDestroyNode) {
    Invoke look(*this, header, frame.arguments(), frame.argument_bytes(), frame.bulk);
    const auto& arguments = look.arguments<calls::cuGraphDestroyNode_arguments>();
    CUgraphNode node = look.resolve<CUgraphNode>(arguments.hNode);
    if (look.valid()) {
      forget_child_of(node);
      node_names.erase(node);
    }
  }
  if (id == calls::Id::cuStreamEndCapture) {
    carry_out_end_capture(*this, invoke);
    return Frame::done;
  }
  // Calls without a stream work in the context's legacy one.
  if (ContextState* context = context_of_frame(header.context)) ++streams[context->legacy_stream].uses;
  if (id == calls::Id::cuGraphLaunch && may_print)
    if (ContextState* context = context_of_frame(header.context)) context->launched = true;
  calls::dispatch(id, invoke);
  return Frame::done;
}

Frame Session::carry_out_message(wire::Message message, Invoke& invoke, const transport::Received& frame) {
  using wire::Message;
  switch (message) {
    case Message::goodbye:
      goodbye_ = true;
      break;
    case Message::ping:
      invoke.finish(CUDA_SUCCESS);
      break;
    case Message::fence: {
      Device* device = this->device(invoke.arguments<wire::Fence>().device);
      if (device == nullptr) invoke.reject(CUDA_ERROR_INVALID_DEVICE);
      if (invoke.valid()) {
        fence(*device);
        invoke.finish(CUDA_SUCCESS);
      } else {
        invoke.refuse();
      }
      break;
    }
    case Message::device_context: {
      const auto& arguments = invoke.arguments<wire::DeviceContext>();
      invoke.finish(invoke.valid() ? change_context(arguments, invoke.frame()) : CUDA_ERROR_INVALID_VALUE);
      break;
    }
    case Message::memory_map:
      return carry_out_memory_map(*this, invoke);
    case Message::host_map:
      carry_out_host_map(*this, invoke);
      break;
    case Message::host_unmap:
      carry_out_host_unmap(*this, invoke);
      break;
    case Message::host_update:
      carry_out_host_update(*this, invoke);
      break;
    case Message::host_copy:
      carry_out_host_copy(*this, invoke);
      break;
    case Message::memory_credit:
      return carry_out_memory_credit(*this, invoke);
    case Message::memory_unmap:
      carry_out_memory_unmap(*this, invoke);
      break;
    case Message::memory_info:
      carry_out_memory_info(*this, invoke);
      break;
    case Message::device_usage:
      carry_out_device_usage(*this, invoke);
      break;
    case Message::copy_to_device:
      return carry_out_copy_to_device(*this, invoke, frame);
    case Message::copy_to_host:
      return carry_out_copy_to_host(*this, invoke);
    case Message::copy_3d:
      return carry_out_copy_3d(*this, invoke, frame);
    case Message::launch:
      carry_out_launch(*this, invoke);
      break;
    case Message::wait:
      carry_out_wait(*this, invoke);
      break;
    case Message::query:
      carry_out_query(*this, invoke);
      break;
    case Message::module_load:
      return carry_out_module_load(*this, invoke);
    case Message::module_unload:
      return carry_out_module_unload(*this, invoke);
    case Message::module_record:
      return carry_out_module_record(*this, invoke);
    case Message::module_global:
      carry_out_module_global(*this, invoke);
      break;
    case Message::event_elapsed:
      carry_out_event_elapsed(*this, invoke);
      break;
    case Message::function_attribute:
      carry_out_function_attribute(*this, invoke);
      break;
    case Message::occupancy:
      carry_out_occupancy(*this, invoke);
      break;
    case Message::error_text:
      carry_out_error_text(*this, invoke);
      break;
    case Message::host_function:
      carry_out_host_function(*this, invoke);
      break;
    case Message::host_function_done:
      carry_out_host_function_done(*this, invoke);
      break;
    case Message::graph_node:
      carry_out_graph_node(*this, invoke);
      break;
    case Message::graph_edges:
      carry_out_graph_edges(*this, invoke);
      break;
    case Message::graph_list:
      carry_out_graph_list(*this, invoke);
      break;
    case Message::graph_node_get:
      carry_out_graph_node_get(*this, invoke);
      break;
    case Message::graph_capture:
      carry_out_graph_capture(*this, invoke);
      break;
    case Message::graph_update:
      carry_out_graph_update(*this, invoke);
      break;
    case Message::graph_launch:
      carry_out_graph_launch(*this, invoke);
      break;
    case Message::graph_dot:
      return carry_out_graph_dot(*this, invoke);
    case Message::graph_function:
      carry_out_graph_function(*this, invoke);
      break;
    case Message::graph_function_end:
      carry_out_graph_function_end(*this, invoke);
      break;
    case Message::when_done:
      carry_out_when_done(*this, invoke);
      break;
    case Message::link:
      return carry_out_link(*this, invoke, frame);
    default:
      invoke.finish(CUDA_ERROR_NOT_SUPPORTED);
      break;
  }
  return Frame::done;
}

// Without a device there is nothing to copy, and drivers want a context for this.
void Session::pin_bulk() {
  if (devices.empty()) return;
  CUcontext context = nullptr;
  if (driver.cuDevicePrimaryCtxRetain(&context, devices[0].cu) != CUDA_SUCCESS) return;
  driver.cuCtxSetCurrent(context);
  bulk_is_pinned_ = true;
  for (std::span<std::byte> memory : {link_->bulk_memory(), link_->send_bulk_memory()})
    bulk_is_pinned_ &= !memory.empty() && driver.cuMemHostRegister_v2(memory.data(), memory.size(),
                                                                      CU_MEMHOSTREGISTER_PORTABLE) == CUDA_SUCCESS;
  driver.cuCtxSetCurrent(nullptr);
  if (!bulk_is_pinned_) log::info("bulk memory could not be pinned; copies are staged by the driver");
}

// -- answers
// -----------------------------------------------------------------------------------------------------------

void Session::answer(const wire::FrameHeader& question, CUresult status, std::span<const std::byte> reply,
                     std::span<const std::byte> trailing) {
  Outgoing outgoing;
  size_t begin = sizeof(wire::FrameHeader), middle = begin + wire::padded(reply.size());
  if (trailing.empty()) middle = begin + reply.size();
  outgoing.frame.resize(wire::padded(middle + trailing.size()));
  wire::FrameHeader header{
      uint32_t(outgoing.frame.size()), question.call, wire::kReply, question.sequence, 0, int32_t(status), 0};
  std::memcpy(outgoing.frame.data(), &header, sizeof header);
  if (!reply.empty()) std::memcpy(outgoing.frame.data() + begin, reply.data(), reply.size());
  if (!trailing.empty()) std::memcpy(outgoing.frame.data() + middle, trailing.data(), trailing.size());
  send_or_keep(std::move(outgoing));
}

void Session::answer_with_bulk(const wire::FrameHeader& question, CUresult status, std::byte* bulk, size_t bulk_bytes) {
  if (status != CUDA_SUCCESS) {
    link_->cancel_reserved(bulk);
    return answer(question, status);
  }
  Outgoing outgoing;
  outgoing.frame.resize(sizeof(wire::FrameHeader));
  wire::FrameHeader header{uint32_t(sizeof header), question.call, wire::kReply, question.sequence, 0,
                           int32_t(status),         bulk_bytes};
  std::memcpy(outgoing.frame.data(), &header, sizeof header);
  outgoing.bulk = bulk, outgoing.bulk_bytes = bulk_bytes;
  send_or_keep(std::move(outgoing));
}

void Session::finish(const wire::FrameHeader& question, CUresult status) {
  if (question.flags & wire::kWantsReply)
    answer(question, status);
  else if (status != CUDA_SUCCESS)
    note_error(question.context, question.call, status);
}

void Session::note_error(uint32_t frame_context, uint16_t call, CUresult status, const std::string& text) {
  ContextState* context = context_of_frame(frame_context);
  bool sticky = is_sticky(status);
  if (context) {
    if (context->sticky != CUDA_SUCCESS) return;  // the client knows; every later call fails alike
    if (sticky) {
      flush_prints(*context, status);
      while (push_output()) {
      }
    }
    if (sticky) context->sticky = status;
    if (context->pending == CUDA_SUCCESS) context->pending = status;
  }
  log::warn("call " + std::to_string(call) + " failed with CUDA error " + std::to_string(status) +
            (text.empty() ? "" : ": " + text));
  push_error(context, call, status, text);
}

void Session::push_error(const ContextState* context, uint16_t call, CUresult status, const std::string& text) {
  wire::PushError error{};
  error.context = context ? context->handle : 0;
  error.status = int32_t(status);
  error.call = call;
  error.sticky = is_sticky(status);
  std::memcpy(error.text, text.data(), std::min(text.size(), sizeof error.text - 1));
  push(wire::Message::push_error, status, std::as_bytes(std::span(&error, 1)), nullptr, 0);
}

void Session::push(wire::Message message, CUresult status, std::span<const std::byte> arguments, std::byte* bulk,
                   size_t bulk_bytes) {
  Outgoing outgoing;
  outgoing.frame.resize(sizeof(wire::FrameHeader) + wire::padded(arguments.size()));
  wire::FrameHeader header{
      uint32_t(outgoing.frame.size()), uint16_t(message), wire::kPush, 0, 0, int32_t(status), bulk_bytes};
  std::memcpy(outgoing.frame.data(), &header, sizeof header);
  if (!arguments.empty()) std::memcpy(outgoing.frame.data() + sizeof header, arguments.data(), arguments.size());
  outgoing.bulk = bulk, outgoing.bulk_bytes = bulk_bytes;
  send_or_keep(std::move(outgoing));
}

bool Session::push_output() {
  if (unsent_output_.empty()) {
    constexpr size_t kAtOnce = 64 * 1024;
    unsent_where_ = wire::PushOutput::standard_output;
    unsent_output_ = output_.take(kAtOnce);
    if (unsent_output_.empty()) {
      unsent_where_ = wire::PushOutput::standard_error;
      unsent_output_ = output_.take_assertions(kAtOnce);
    }
  }
  if (unsent_output_.empty()) return false;
  std::byte* bulk = link_->try_reserve_bulk(unsent_output_.size());
  if (!bulk) return false;  // the client has to read first
  std::memcpy(bulk, unsent_output_.data(), unsent_output_.size());
  const wire::PushOutput arguments{unsent_where_, 0};
  push(wire::Message::push_output, CUDA_SUCCESS, std::as_bytes(std::span(&arguments, 1)), bulk, unsent_output_.size());
  unsent_output_.clear();
  return true;
}

void Session::expect_prints() {
  if (!may_print) output_.divert_errors();
  may_print = true;
}

// Drivers write what kernels have printed in their own synchronising calls alone, and asking for events is none. A
// stream that never holds work makes one that does not wait.
void Session::flush_prints(ContextState& context, CUresult status) {
  if (!context.launched) return;
  context.launched = false;
  uint32_t index = 0;
  while (&contexts[index] != &context) ++index;
  if (!context.live || make_current(index) != CUDA_SUCCESS) return;
  if (is_sticky(status)) {
    driver.cuCtxSynchronize();  // nothing runs any more
  } else if (context.quiet != nullptr ||
             driver.cuStreamCreate(&context.quiet, CU_STREAM_NON_BLOCKING) == CUDA_SUCCESS) {
    driver.cuStreamSynchronize(context.quiet);
  }
}

void Session::terminate() {
  terminated_ = true;
  if (link_) link_->interrupt();
}

CUresult Session::settle(ContextState* context, CUresult status, bool synchronises) {
  if (synchronises && context) flush_prints(*context, status);
  // What was printed comes before the word that the work is done.
  while (push_output()) {
  }
  push_host_changes();
  if (!context) return status;
  // The client learns of a sticky error before the answer that shows it: all its later calls have to fail alike.
  if (is_sticky(status) && context->sticky == CUDA_SUCCESS) {
    context->sticky = status;
    push_error(context, 0, status, "");
  }
  if (context->sticky != CUDA_SUCCESS) return context->sticky;
  if (context->pending != CUDA_SUCCESS) return std::exchange(context->pending, CUDA_SUCCESS);
  return status;
}

bool Session::try_send(const Outgoing& outgoing) {
  std::byte* at = link_->try_begin(outgoing.frame.size());
  if (!at) return false;
  std::memcpy(at, outgoing.frame.data(), outgoing.frame.size());
  if (outgoing.bulk)
    link_->send_reserved(outgoing.bulk, outgoing.bulk_bytes);
  else
    link_->send();
  return true;
}

void Session::send_or_keep(Outgoing outgoing) {
  if (!kept_.empty() || !try_send(outgoing)) kept_.push_back(std::move(outgoing));
}

bool Session::send_kept() {
  bool progress = false;
  while (!kept_.empty() && try_send(kept_.front())) {
    kept_.pop_front();
    progress = true;
  }
  return progress;
}

}  // namespace gpool::worker
