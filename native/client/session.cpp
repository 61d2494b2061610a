#include "client/session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "base/log.h"
#include "client/context.h"
#include "client/driver.h"
#include "client/goodbye.h"
#include "client/host_twin.h"

namespace gpool::client {

Session::Session(uint32_t slot, std::unique_ptr<transport::Link> link, const wire::Welcome& welcome, std::string node)
    : slot_(slot), link_(std::move(link)), welcome_(welcome), node_(std::move(node)) {
  pendings_.reserve(64);
}

CUresult Session::lost_status() const {
  if (ending_.load()) return CUDA_ERROR_DEINITIALIZED;
  std::lock_guard lock(contexts_mutex_);
  for (Context* context : contexts_) {
    if (!context->active.load(std::memory_order_relaxed)) continue;
    const int32_t sticky = context->sticky.load(std::memory_order_relaxed);
    return sticky != 0 ? static_cast<CUresult>(sticky) : CUDA_ERROR_UNKNOWN;
  }
  return CUDA_ERROR_DEVICE_UNAVAILABLE;
}

void Session::add_context(Context* context) {
  std::lock_guard lock(contexts_mutex_);
  contexts_.push_back(context);
}

// -- sending
// ---------------------------------------------------------------------------------------------------------------

namespace {

size_t total_bytes(Bytes arguments, Parts trailing) {
  size_t bytes = arguments.size();
  for (Bytes part : trailing) bytes = wire::padded(bytes) + part.size();
  return bytes;
}

void write_arguments(std::byte* room, Bytes arguments, Parts trailing) {
  if (!arguments.empty()) std::memcpy(room, arguments.data(), arguments.size());
  size_t at = arguments.size();
  for (Bytes part : trailing) {
    const size_t begin = wire::padded(at);
    std::memset(room + at, 0, begin - at);
    if (!part.empty()) std::memcpy(room + begin, part.data(), part.size());
    at = begin + part.size();
  }
}

}  // namespace

CUresult Session::post(uint16_t call, Context* context, Bytes arguments, Parts trailing, Bytes bulk, bool borrowed) {
  uint64_t sequence;
  {
    const size_t bytes = total_bytes(arguments, trailing);
    if (bytes + sizeof(wire::FrameHeader) > wire::kMaxFrameBytes) return CUDA_ERROR_INVALID_VALUE;
    Frame frame(*this, call, 0, context ? context->index() : 0, bytes);
    if (frame.ok()) {
      write_arguments(frame.arguments(), arguments, trailing);
      sequence = frame.sequence();
      if (!frame.send(bulk, borrowed)) sequence = 0;
    } else {
      sequence = 0;
    }
  }
  if (sequence != 0 && !bulk.empty() && link_->keeps_much()) drain();
  return after_post(sequence);
}

CUresult Session::after_post(uint64_t sequence) {
  if (sequence == 0) [[unlikely]] {
    lose();
    return lost_status();
  }
  if (sequence % 64 == 0) drain();
  return CUDA_SUCCESS;
}

CUresult Session::start(Pending& pending, uint16_t call, Context* context, Bytes arguments, Parts trailing,
                        Bytes bulk) {
  const size_t bytes = total_bytes(arguments, trailing);
  if (bytes + sizeof(wire::FrameHeader) > wire::kMaxFrameBytes) return CUDA_ERROR_INVALID_VALUE;
  bool sent = false, asked = false;
  {
    Frame frame(*this, call, wire::kWantsReply, context ? context->index() : 0, bytes);
    if (frame.ok()) {
      write_arguments(frame.arguments(), arguments, trailing);
      pending.sequence = frame.sequence();
      pending.context = context;
      {
        // Before it is sent: the answer may be here before this thread looks.
        std::lock_guard lock(receive_mutex_);
        pendings_.push_back(&pending);
        asked = true;
      }
      sent = frame.send(bulk) && link_->flush() == transport::Outcome::done;
    }
  }
  if (sent) return CUDA_SUCCESS;
  lose();
  std::unique_lock lock(receive_mutex_);
  // The answer may have come before the end of the connection, and another thread be about to write it: the question is
  // that thread's until it is done.
  if (asked && std::erase(pendings_, &pending) == 0) {
    followers_++;
    received_.wait(lock, [&] { return pending.done; });
    followers_--;
  }
  pending.done = true;
  return pending.status = lost_status();
}

// -- receiving: the first thread that waits receives for all, the others sleep until it has something for them
// -----------------

// Only this thread receives until `has_come`, so what it waits for changes only here.
template <class HasCome>
void Session::receive_until(std::unique_lock<std::mutex>& lock, HasCome has_come) {
  receiving_ = true;
  while (!has_come() && !lost_.load()) {
    lock.unlock();
    transport::Received frame;
    const transport::Outcome outcome = link_->receive(frame, transport::kForever);
    if (outcome == transport::Outcome::done) {
      handle_frame(frame);
      link_->release(frame);
    } else if (outcome == transport::Outcome::broken) {
      lose();
    }
    lock.lock();
  }
  receiving_ = false;
  if (followers_ > 0) received_.notify_all();
}

CUresult Session::wait(Pending& pending) {
  std::unique_lock lock(receive_mutex_);
  // What was on its way while this session waited before costs no further trip: a copy and the synchronisation behind
  // it are answered in one.
  if (!pending.done && pending.sequence > waited_behind_) {
    round_trips_.fetch_add(1, std::memory_order_relaxed);
    waited_behind_ = last_sequence();
  }
  while (!pending.done) {
    if (receiving_) {
      followers_++;
      received_.wait(lock, [&] { return pending.done || !receiving_; });
      followers_--;
      continue;
    }
    if (lost_.load()) {
      std::erase(pendings_, &pending);
      pending.done = true;
      pending.status = lost_status();
      break;
    }
    receive_until(lock, [&] { return pending.done; });
  }
  return pending.status;
}

void Session::drain() {
  std::unique_lock lock(receive_mutex_, std::try_to_lock);
  if (!lock.owns_lock() || receiving_) return;
  receiving_ = true;
  lock.unlock();
  transport::Received frame;
  while (link_->try_receive(frame)) {
    handle_frame(frame);
    link_->release(frame);
  }
  lock.lock();
  receiving_ = false;
  if (followers_ > 0) received_.notify_all();
}

bool Session::handle_frame(const transport::Received& frame) {
  if (frame.header->flags & wire::kPush) {
    handle_push(frame);
    return true;
  }
  if (!(frame.header->flags & wire::kReply)) return false;
  Pending* pending = nullptr;
  {
    std::lock_guard lock(receive_mutex_);
    for (size_t i = 0; i < pendings_.size(); i++) {
      if (pendings_[i]->sequence != frame.header->sequence) continue;
      pending = pendings_[i];
      pendings_[i] = pendings_.back();
      pendings_.pop_back();
      break;
    }
  }
  if (pending == nullptr) return false;  // of a question that was given up
  fill(*pending, frame);
  std::lock_guard lock(receive_mutex_);
  pending->done = true;
  if (followers_ > 0) received_.notify_all();
  return true;
}

void Session::fill(Pending& pending, const transport::Received& frame) {
  pending.status = static_cast<CUresult>(frame.header->status);
  const Bytes arguments(frame.arguments(), frame.argument_bytes());
  if (pending.whole != nullptr) {
    const Bytes all = frame.bulk.empty() ? arguments : Bytes(frame.bulk);
    pending.whole->assign(all.begin(), all.end());
    return;
  }
  const size_t reply = std::min(pending.reply.size(), arguments.size());
  if (reply > 0) std::memcpy(pending.reply.data(), arguments.data(), reply);
  const size_t begin = wire::padded(pending.reply.size());
  if (!pending.trailing.empty() && arguments.size() > begin)
    std::memcpy(pending.trailing.data(), arguments.data() + begin,
                std::min(pending.trailing.size(), arguments.size() - begin));
  pending.bulk_landed = std::min(pending.bulk.size(), frame.bulk.size());
  if (pending.bulk_landed > 0) std::memcpy(pending.bulk.data(), frame.bulk.data(), pending.bulk_landed);
  // A worker that answers success with fewer bytes than asked for would leave the application with rubbish.
  if (pending.status == CUDA_SUCCESS && (pending.bulk_landed < pending.bulk.size() || reply < pending.reply.size())) {
    log::error("node " + node_ + ": the worker's answer is shorter than promised; the call fails.");
    pending.status = CUDA_ERROR_UNKNOWN;
  }
}

namespace {

template <class Push>
bool read_push(const transport::Received& frame, Push& push) {
  if (frame.argument_bytes() < sizeof push) return false;
  std::memcpy(&push, frame.arguments(), sizeof push);
  return true;
}

std::optional<Reached> read_reached(wire::Message message, const transport::Received& frame) {
  if (message == wire::Message::push_host_function) {
    wire::PushHostFunction push;
    if (read_push(frame, push)) return Reached{Reached::function, push.id, 0, push.status};
  } else if (message == wire::Message::push_graph_function) {
    wire::PushGraphFunction push;
    if (read_push(frame, push)) return Reached{Reached::graph_function, push.function, push.run, CUDA_SUCCESS};
  } else if (message == wire::Message::push_done) {
    wire::WhenDone push;
    if (read_push(frame, push)) return Reached{Reached::done, push.id, 0, CUDA_SUCCESS};
  }
  return {};
}

}  // namespace

void Session::handle_push(const transport::Received& frame) {
  const auto message = static_cast<wire::Message>(frame.header->call);
  if (message == wire::Message::push_output) {
    // What kernels print belongs to the application's standard output, as with a GPU of its own; what the application
    // has printed before comes before it.
    wire::PushOutput output{};
    if (frame.argument_bytes() >= sizeof output) std::memcpy(&output, frame.arguments(), sizeof output);
    std::FILE* to = output.where == wire::PushOutput::standard_error ? stderr : stdout;
    (void)!std::fwrite(frame.bulk.data(), 1, frame.bulk.size(), to);
    std::fflush(to);
    return;
  }
  if (std::optional<Reached> reached = read_reached(message, frame)) {
    std::lock_guard lock(receive_mutex_);
    reached_.push_back(*reached);
    if (followers_ > 0) received_.notify_all();
    return;
  }
  if (message == wire::Message::push_host_update) {
    apply_host_changes(*this, Bytes(frame.arguments(), frame.argument_bytes()));
    return;
  }
  if (message == wire::Message::push_memory_credit && frame.argument_bytes() >= sizeof(wire::PushMemoryCredit)) {
    wire::PushMemoryCredit credit;
    std::memcpy(&credit, frame.arguments(), sizeof credit);
    if (credit.device < devices.size()) devices[credit.device]->memory.receive(credit);
    return;
  }
  if (message != wire::Message::push_error || frame.argument_bytes() < sizeof(wire::PushError)) return;
  wire::PushError error;
  std::memcpy(&error, frame.arguments(), sizeof error);
  error.text[sizeof error.text - 1] = 0;
  if (error.call == 0 && error.status == CUDA_ERROR_DEVICE_UNAVAILABLE) {
    // The worker's last words: why the connection is about to end.
    std::lock_guard lock(contexts_mutex_);
    farewell_ = error.text;
    return;
  }
  const std::string sentence = "node " + node_ + ": call " + std::to_string(error.call) + " failed with " +
                               std::to_string(error.status) + (error.text[0] != 0 ? ": " : "") + error.text;
  error.sticky != 0 ? log::error(sentence) : log::warn(sentence);
  if (error.sticky == 0) return;
  std::lock_guard lock(contexts_mutex_);
  for (Context* context : contexts_) {
    if (error.context != 0 && context->handle != error.context) continue;
    int32_t none = 0;
    context->sticky.compare_exchange_strong(none, error.status);
  }
}

void Session::lose() {
  drain();  // the worker's last words may be here already
  if (lost_.exchange(true) || ending_.load()) return;
  std::lock_guard lock(contexts_mutex_);
  std::string why = farewell_.empty() ? link_->why() : farewell_;
  if (why.ends_with('.')) why.pop_back();
  log::error("The connection to the worker on node " + node_ + " has ended (" + why +
             "). Every CUDA call on its GPUs fails from now on; start the program again.");
  // Also for calls that this side could still answer by itself: memory that is handed out now would be nowhere.
  for (Context* context : contexts_) {
    int32_t none = 0;
    if (context->active.load()) context->sticky.compare_exchange_strong(none, CUDA_ERROR_UNKNOWN);
  }
}

// -- due data
// ----------------------------------------------------------------------------------------------------------------

CUresult Session::start_due(std::shared_ptr<Pending> pending, uint16_t call, Context* context, Bytes arguments) {
  CUresult status = start(*pending, call, context, arguments);
  if (status != CUDA_SUCCESS) return status;
  std::lock_guard lock(receive_mutex_);
  due_.push_back(std::move(pending));
  return CUDA_SUCCESS;
}

CUresult Session::settle_due(uint64_t sequence) {
  CUresult first = CUDA_SUCCESS;
  while (true) {
    std::shared_ptr<Pending> oldest;
    {
      std::lock_guard lock(receive_mutex_);
      if (due_.empty() || due_.front()->sequence > sequence) return first;
      oldest = due_.front();
    }
    CUresult status = wait(*oldest);
    if (first == CUDA_SUCCESS) first = status;
    std::lock_guard lock(receive_mutex_);
    if (!due_.empty() && due_.front() == oldest) due_.pop_front();
  }
}

void Session::settle_due_of(wire::Handle stream, uint64_t sequence) {
  const auto same = [](wire::Handle one, wire::Handle other) { return one == other || (one <= 1 && other <= 1); };
  while (true) {
    std::shared_ptr<Pending> oldest;
    {
      std::lock_guard lock(receive_mutex_);
      for (const auto& one : due_) {
        if (one->sequence > sequence) break;
        if (one->done || !same(one->stream, stream)) continue;
        oldest = one;
        break;
      }
    }
    if (oldest == nullptr) return;
    // It stays in the list: its error is for the next synchronising call.
    (void)wait(*oldest);
  }
}

CUresult Session::limit_due(size_t count) {
  CUresult first = CUDA_SUCCESS;
  while (true) {
    uint64_t oldest;
    {
      std::lock_guard lock(receive_mutex_);
      if (due_.size() <= count) return first;
      oldest = due_.front()->sequence;
    }
    const CUresult status = settle_due(oldest);
    if (first == CUDA_SUCCESS) first = status;
  }
}

// -- host functions
// ----------------------------------------------------------------------------------------------------------------

void Session::expect_host_function() {
  std::lock_guard lock(receive_mutex_);
  expected_++;
  expected_changed_.notify_all();
}

bool Session::next_host_function(Reached& reached) {
  std::unique_lock lock(receive_mutex_);
  while (true) {
    if (!reached_.empty()) {
      reached = reached_.front();
      reached_.pop_front();
      return true;
    }
    if (lost_.load()) return false;
    if (expected_ == 0) {
      // Nothing can come for this thread, so it leaves receiving to those who wait for answers.
      expected_changed_.wait(lock);
      continue;
    }
    if (receiving_) {
      followers_++;
      received_.wait(lock, [&] { return !reached_.empty() || !receiving_; });
      followers_--;
      continue;
    }
    receive_until(lock, [&] { return !reached_.empty(); });
  }
}

void Session::finish_host_function() {
  std::lock_guard lock(receive_mutex_);
  expected_--;
  expected_changed_.notify_all();
}

void Session::wait_for_host_functions() {
  std::unique_lock lock(receive_mutex_);
  // Whoever loses the session tells nobody here, hence the looks in between.
  while (expected_ > 0 && !lost_.load()) expected_changed_.wait_for(lock, std::chrono::milliseconds(50));
}

void Session::flush() {
  std::lock_guard lock(send_mutex_);
  if (!lost_.load()) (void)link_->flush();
}

// -- the end
// -----------------------------------------------------------------------------------------------------------------

void Session::end() {
  ending_ = true;
  // A thread may be in the middle of sending, or have been ended by the kernel there: do not wait for it for long.
  for (int patience = 0; patience < 200; patience++) {
    if (send_mutex_.try_lock()) {
      if (!lost_.load()) {
        const uint64_t sequence = sequence_.load() + 1;
        if (say_goodbye(*link_, sequence)) {
          sequence_.store(sequence);
        } else if (!link_->broken()) {  // what was sent before is still on its way
          send_mutex_.unlock();
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          continue;
        }
      }
      send_mutex_.unlock();
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  lost_ = true;
  link_->close();
}

}  // namespace gpool::client
