#include "emulator/driver/stream.h"

#include <condition_variable>
#include <thread>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"

namespace gpool::emulator {
namespace {

class Crew {
 public:
  void run(std::function<void()> job) {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    // Every stream with work needs its own thread: it may wait for another stream at any time.
    if (jobs_.size() > idle_) {
      threads_.emplace_back([this] { serve(); });
    } else {
      wake_.notify_one();
    }
  }

  void join() {
    std::vector<std::thread> threads;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      threads.swap(threads_);
      wake_.notify_all();
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool closed_ = false;
};

Crew& crew() {
  static Crew* const crew = new Crew;  // joined by the driver's shutdown, never destroyed
  return *crew;
}

// Per-thread default streams of this thread, by the id of their context.
struct ThreadStreams {
  std::map<uint64_t, StreamRef> streams;
  ~ThreadStreams() {
    if (driver().ready() != CUDA_SUCCESS) {
      // Process exit or a forked child: the contexts are being torn down, or belong to the parent.
      for (auto& [id, stream] : streams) new StreamRef(std::move(stream));
      return;
    }
    for (auto& [id, stream] : streams) {
      std::lock_guard lock(stream->context->order);
      if (stream->last && !stream->last->is_done()) stream->context->leftovers.push_back(stream->last);
      stream->context->streams.erase(stream);
    }
  }
};
thread_local ThreadStreams thread_streams;

std::atomic<uint64_t> next_stream_id{1};

}  // namespace

void run_on_crew(std::function<void()> job) {
  crew().run(std::move(job));
}
void join_crew() {
  crew().join();
}

void Stream::push(Work work, std::vector<TicketRef> after, TicketRef done) {
  std::lock_guard lock(mutex_);
  entries_.push_back({std::move(work), std::move(after), std::move(done)});
  if (draining_) return;
  draining_ = true;
  run_on_crew([self = shared_from_this()] { self->drain(); });
}

void Stream::drain() {
  std::unique_lock lock(mutex_);
  while (!entries_.empty()) {
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    lock.unlock();
    for (const TicketRef& ticket : entry.after) ticket->wait();
    run(*context, entry.work);
    entry.work = EmptyWork{};  // what it holds is let go before anybody learns that it is done
    entry.done->complete();
    lock.lock();
  }
  draining_ = false;
}

CUresult find_stream(CUstream handle, StreamRef& stream) {
  GPOOL_CHECK(driver().ready());
  if (handle == nullptr || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD) {
    ContextRef context;
    GPOOL_CHECK(current_context(context));
    if (handle != CU_STREAM_PER_THREAD) {
      stream = context->legacy;
      return CUDA_SUCCESS;
    }
    StreamRef& mine = thread_streams.streams[context->id];
    if (!mine) {
      mine = std::make_shared<Stream>();
      mine->context = context;
      mine->per_thread = true;
      mine->id = next_stream_id++;
      std::lock_guard lock(context->order);
      context->streams.insert(mine);
    }
    stream = mine;
    return CUDA_SUCCESS;
  }
  stream = handles().find<Stream>(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  GPOOL_CHECK(check_alive(stream->context));
  return static_cast<CUresult>(stream->context->sticky.load());
}

CUresult submit(const StreamRef& stream, Work work, std::vector<TicketRef> after, TicketRef* done) {
  Context& context = *stream->context;
  std::lock_guard lock(context.order);
  if (stream->capture) return record(stream, std::move(work));
  if (stream->legacy && context.global_captures > 0) {
    // Work in the legacy stream would order itself against the streams that are being captured.
    invalidate_captures(context);
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  auto ticket = std::make_shared<Ticket>();
  auto depend = [&after](const TicketRef& on) {
    if (on && !on->is_done()) after.push_back(on);
  };
  if (stream->legacy) {
    for (const StreamRef& other : context.streams) {
      if (other->blocking()) depend(other->last);
    }
    std::erase_if(context.leftovers, [](const TicketRef& leftover) { return leftover->is_done(); });
    for (const TicketRef& leftover : context.leftovers) depend(leftover);
  } else if (stream->blocking() && context.legacy) {
    depend(context.legacy->last);
  }
  stream->last = ticket;
  if (auto* stamp = std::get_if<EventRecordWork>(&work)) stamp->stamp = ticket;
  if (done) *done = ticket;
  stream->push(std::move(work), std::move(after), std::move(ticket));
  return CUDA_SUCCESS;
}

CUresult submit_and_wait(const StreamRef& stream, Work work) {
  TicketRef done;
  GPOOL_CHECK(submit(stream, std::move(work), {}, &done));
  if (!done) return CUDA_SUCCESS;  // recorded into a graph
  done->wait();
  flush_output();
  return static_cast<CUresult>(stream->context->sticky.load());
}

CUresult synchronize(const StreamRef& stream) {
  std::vector<TicketRef> wait_for;
  {
    Context& context = *stream->context;
    std::lock_guard lock(context.order);
    if (stream->capture) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    if (stream->last) wait_for.push_back(stream->last);
    if (stream->legacy) {
      for (const StreamRef& other : context.streams) {
        if (other->blocking() && other->last) wait_for.push_back(other->last);
      }
      for (const TicketRef& leftover : context.leftovers) wait_for.push_back(leftover);
    }
  }
  for (const TicketRef& ticket : wait_for) ticket->wait();
  flush_output();
  return static_cast<CUresult>(stream->context->sticky.load());
}

// --- the calls ---

namespace {

bool is_stream_attribute(CUstreamAttrID attribute) {
  switch (attribute) {
    case CU_STREAM_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_STREAM_ATTRIBUTE_PRIORITY:
    case CU_STREAM_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_STREAM_ATTRIBUTE_MEM_SYNC_DOMAIN:
      return true;
    default:
      return false;
  }
}

CUresult create_stream(CUstream* handle, unsigned flags, int priority) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!handle || (flags & ~CU_STREAM_NON_BLOCKING)) return CUDA_ERROR_INVALID_VALUE;
  auto stream = std::make_shared<Stream>();
  stream->context = context;
  stream->flags = flags;
  stream->priority = std::max(-5, std::min(0, priority));
  stream->id = next_stream_id++;
  handles().add(stream);
  std::lock_guard lock(context->order);
  context->streams.insert(stream);
  *handle = reinterpret_cast<CUstream>(stream->handle);
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuStreamCreate(CUstream* stream, unsigned flags) {
  return create_stream(stream, flags, 0);
}

GPOOL_CUDA cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  return create_stream(stream, flags, priority);
}

GPOOL_CUDA cuStreamDestroy_v2(CUstream handle) {
  GPOOL_CHECK(driver().ready());
  StreamRef stream = handles().find<Stream>(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (!handles().remove(stream->handle)) return CUDA_ERROR_INVALID_HANDLE;
  Context& context = *stream->context;
  std::lock_guard lock(context.order);
  // Its work goes on; the legacy stream and cuCtxSynchronize still wait for it.
  if (stream->last && !stream->last->is_done()) context.leftovers.push_back(stream->last);
  if (Capture* capture = stream->capture.get()) {
    // Without its origin a capture cannot end; another stream may go once its work has been joined.
    if (capture->origin == stream->handle) capture->invalidated = true;
    capture->left_behind.insert(capture->left_behind.end(), stream->capture_tips.begin(), stream->capture_tips.end());
    stream->capture_tips.clear();
    stream->capture = nullptr;
  }
  context.streams.erase(stream);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamSynchronize(CUstream handle) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  return synchronize(stream);
}

GPOOL_CUDA cuStreamQuery(CUstream handle) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  Context& context = *stream->context;
  std::lock_guard lock(context.order);
  if (stream->capture) {
    stream->capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  bool done = !stream->last || stream->last->is_done();
  if (stream->legacy) {
    for (const StreamRef& other : context.streams) {
      if (other->blocking() && other->last && !other->last->is_done()) done = false;
    }
  }
  if (int sticky = context.sticky.load()) return static_cast<CUresult>(sticky);
  return done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

GPOOL_CUDA cuStreamGetFlags(CUstream handle, unsigned* flags) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = stream->flags;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetPriority(CUstream handle, int* priority) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!priority) return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetId(CUstream handle, unsigned long long* id) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!id) return CUDA_ERROR_INVALID_VALUE;
  *id = stream->id;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetCtx(CUstream handle, CUcontext* context) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!context) return CUDA_ERROR_INVALID_VALUE;
  *context = reinterpret_cast<CUcontext>(stream->context->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetCtx_v2(CUstream handle, CUcontext* context, CUgreenCtx* green) {
  GPOOL_CHECK(cuStreamGetCtx(handle, context));
  if (green) *green = nullptr;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetGreenCtx(CUstream handle, CUgreenCtx* green) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!green) return CUDA_ERROR_INVALID_VALUE;
  *green = nullptr;
  return CUDA_SUCCESS;
}

// Attributes are kept and told, and change nothing.
GPOOL_CUDA cuStreamGetAttribute(CUstream handle, CUstreamAttrID attribute, CUstreamAttrValue* value) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!value || !is_stream_attribute(attribute)) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(stream->context->order);
  *value = {};
  if (auto at = stream->attributes.find(attribute); at != stream->attributes.end()) *value = at->second;
  if (attribute == CU_STREAM_ATTRIBUTE_PRIORITY) value->priority = stream->priority;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamSetAttribute(CUstream handle, CUstreamAttrID attribute, const CUstreamAttrValue* value) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!value || !is_stream_attribute(attribute)) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(stream->context->order);
  if (attribute == CU_STREAM_ATTRIBUTE_PRIORITY) stream->priority = value->priority;
  stream->attributes[attribute] = *value;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamCopyAttributes(CUstream to, CUstream from) {
  StreamRef target, source;
  GPOOL_CHECK(find_stream(to, target));
  GPOOL_CHECK(find_stream(from, source));
  if (target->context != source->context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard lock(target->context->order);
  target->attributes = source->attributes;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuStreamGetDevice(CUstream handle, CUdevice* device) {
  StreamRef stream;
  GPOOL_CHECK(find_stream(handle, stream));
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  *device = stream->context->device;
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
