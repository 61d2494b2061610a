// The JIT linker: collects the inputs of the client, has the side thread link them in one go, and gives the result out
// in pieces.
#include <algorithm>
#include <cstring>

#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr size_t kMaxLinks = 16;
constexpr size_t kMaxInputs = 1024;
constexpr uint64_t kMaxInputBytes = uint64_t{256} << 20;  // of all inputs of one link

CUresult add(Session& session, const wire::Link& arguments, std::span<const std::byte> piece) {
  if (!session.links.contains(arguments.link) && session.links.size() >= kMaxLinks) return CUDA_ERROR_OUT_OF_MEMORY;
  auto& link = session.links[arguments.link];
  if (!link) link = std::make_shared<Session::LinkJob>();
  Session::LinkJob& job = *link;
  if (job.linking) return CUDA_ERROR_INVALID_VALUE;
  if (arguments.offset == 0) {
    uint64_t held = 0;
    for (const auto& input : job.inputs) held += input.bytes.size();
    if (job.inputs.size() >= kMaxInputs || arguments.bytes > kMaxInputBytes - std::min(held, kMaxInputBytes))
      return CUDA_ERROR_OUT_OF_MEMORY;
    job.inputs.push_back({arguments.type, 0, std::vector<std::byte>(arguments.bytes)});
  }
  if (job.inputs.empty()) return CUDA_ERROR_INVALID_VALUE;
  Session::LinkJob::Input& input = job.inputs.back();
  if (arguments.offset != input.received_bytes || piece.size() > input.bytes.size() - input.received_bytes)
    return CUDA_ERROR_INVALID_VALUE;
  std::copy(piece.begin(), piece.end(), input.bytes.begin() + long(input.received_bytes));
  input.received_bytes += piece.size();
  return CUDA_SUCCESS;
}

CUresult complete(const calls::DriverTable& driver, Session::LinkJob& job) {
  CUlinkState state = nullptr;
  CUresult status = driver.cuLinkCreate_v2(0, nullptr, nullptr, &state);
  if (status != CUDA_SUCCESS) return status;
  for (Session::LinkJob::Input& input : job.inputs) {
    if (status == CUDA_SUCCESS && input.received_bytes != input.bytes.size()) status = CUDA_ERROR_INVALID_VALUE;
    if (status == CUDA_SUCCESS)
      status = driver.cuLinkAddData_v2(state, CUjitInputType(input.type), input.bytes.data(), input.bytes.size(),
                                       "input", 0, nullptr, nullptr);
  }
  void* image = nullptr;
  size_t bytes = 0;
  if (status == CUDA_SUCCESS) status = driver.cuLinkComplete(state, &image, &bytes);
  if (status == CUDA_SUCCESS) {
    const auto* first = static_cast<const std::byte*>(image);
    job.result.assign(first, first + bytes);  // it ends with the link
  }
  driver.cuLinkDestroy(state);
  return status;
}

}  // namespace

Frame carry_out_link(Session& session, Invoke& invoke, const transport::Received& frame) {
  const auto& arguments = invoke.arguments<wire::Link>();
  if (wire::kind_of(arguments.link) != wire::Kind::link) invoke.reject(CUDA_ERROR_INVALID_HANDLE);
  auto at = session.links.find(arguments.link);
  const bool known = at != session.links.end();
  if (arguments.action != wire::Link::add && !known) invoke.reject(CUDA_ERROR_INVALID_HANDLE);
  if (known && at->second->linking && arguments.action != wire::Link::destroy) invoke.reject(CUDA_ERROR_INVALID_VALUE);
  if (!invoke.valid()) {
    invoke.refuse();
    return Frame::done;
  }
  switch (arguments.action) {
    case wire::Link::add:
      invoke.finish(add(session, arguments, frame.bulk));
      return Frame::done;
    case wire::Link::complete: {
      if (session.side_thread().jobs() >= SideThread::kMostJobs) return Frame::again;
      const ContextState* context = session.context_of_frame(invoke.frame().context);
      std::shared_ptr<Session::LinkJob> job = at->second;
      job->linking = true;
      session.side_thread().give(
          [&driver = session.driver, job, cu = context ? context->cu : nullptr] {
            job->status = driver.cuCtxSetCurrent(cu);
            if (job->status == CUDA_SUCCESS) job->status = complete(driver, *job);
          },
          [&session, job, question = invoke.frame()] {
            job->linking = false;
            const wire::LinkReply reply{job->result.size()};
            if (question.flags & wire::kWantsReply)
              session.answer(question, job->status, std::as_bytes(std::span(&reply, 1)));
            else
              session.finish(question, job->status);
            return true;
          });
      return Frame::done;
    }
    case wire::Link::read: {
      const std::vector<std::byte>& result = at->second->result;
      if (arguments.bytes == 0 || arguments.bytes > wire::kBulkPieceBytes || arguments.offset > result.size() ||
          arguments.bytes > result.size() - arguments.offset) {
        invoke.finish(CUDA_ERROR_INVALID_VALUE);
        return Frame::done;
      }
      std::byte* bulk = session.link().try_reserve_bulk(arguments.bytes);
      if (!bulk) return session.link().broken() ? Frame::done : Frame::again;
      std::memcpy(bulk, result.data() + arguments.offset, arguments.bytes);
      session.answer_with_bulk(invoke.frame(), CUDA_SUCCESS, bulk, arguments.bytes);
      return Frame::done;
    }
    case wire::Link::destroy:
      session.links.erase(at);
      invoke.finish(CUDA_SUCCESS);
      return Frame::done;
    default:
      invoke.finish(CUDA_ERROR_INVALID_VALUE);
      return Frame::done;
  }
}

}  // namespace gpool::worker
