// The JIT linker: inputs are collected here; the worker's driver links them all at once when they are complete.
#include <algorithm>
#include <fstream>
#include <memory>
#include <mutex>

#include "client/call.h"
#include "client/driver.h"

namespace gpool::client {
namespace {

constexpr uint64_t kMostLinked = uint64_t{4} << 30;

// Hangs on the link's object until it is destroyed.
struct Link {
  struct Input {
    CUjitInputType type;
    std::vector<std::byte> bytes;
  };
  std::mutex mutex;
  std::vector<Input> inputs;
  std::vector<std::byte> result;  // what cuLinkComplete hands out belongs to the link
};

Link* find_link(Call& call, CUlinkState state) {
  call.handle(state);
  return call.ok() ? static_cast<Link*>(call.object()->data.load()) : nullptr;
}

CUresult add(Call& call, CUlinkState state, CUjitInputType type, std::vector<std::byte> bytes) {
  Link* link = find_link(call, state);
  if (link == nullptr) return call.result();
  if (type < CU_JIT_INPUT_CUBIN || type >= CU_JIT_NUM_INPUT_TYPES || bytes.empty())
    return call.end(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(link->mutex);
  if (!link->result.empty()) return call.end(CUDA_ERROR_INVALID_VALUE);
  link->inputs.push_back({type, std::move(bytes)});
  return call.end(CUDA_SUCCESS);
}

// The bytes are linked at the worker and brought back: programs hand them to cuModuleLoadData, or keep them in files.
CUresult link_at_worker(Session& session, Context* context, wire::Handle handle, Link& link) {
  wire::Link arguments{};
  arguments.link = handle;
  arguments.action = wire::Link::add;
  for (const Link::Input& input : link.inputs) {
    arguments.type = static_cast<uint32_t>(input.type);
    arguments.bytes = input.bytes.size();
    for (size_t at = 0; at < input.bytes.size(); at += wire::kBulkPieceBytes) {
      arguments.offset = at;
      const Bytes piece(input.bytes.data() + at, std::min(input.bytes.size() - at, wire::kBulkPieceBytes));
      const CUresult status = session.post(wire::Message::link, context, arguments, piece);
      if (status != CUDA_SUCCESS) return status;
    }
  }
  wire::LinkReply reply{};
  arguments.action = wire::Link::complete;
  CUresult status = session.ask(wire::Message::link, context, arguments, reply);
  if (status == CUDA_SUCCESS && reply.bytes > kMostLinked) status = CUDA_ERROR_UNKNOWN;
  std::vector<std::byte> result;
  arguments.action = wire::Link::read;
  for (size_t at = 0; status == CUDA_SUCCESS && at < reply.bytes; at += wire::kBulkPieceBytes) {
    Pending pending;
    arguments.offset = at;
    arguments.bytes = std::min(reply.bytes - at, uint64_t{wire::kBulkPieceBytes});
    // Piece by piece: memory is taken for what the worker sends, not for what it promises.
    result.resize(at + arguments.bytes);
    pending.bulk = std::span(result).subspan(at, arguments.bytes);
    status = session.ask(wire::Message::link, context, arguments, pending);
  }
  arguments.action = wire::Link::destroy;
  (void)session.post(wire::Message::link, context, arguments);
  if (status == CUDA_SUCCESS) link.result = std::move(result);
  return status;
}

}  // namespace
}  // namespace gpool::client

using namespace gpool;
using namespace gpool::client;

extern "C" CUresult cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues,
                                    CUlinkState* stateOut) {
  Call call("cuLinkCreate_v2", Needs::context);
  if (numOptions > 0 && (options == nullptr || optionValues == nullptr)) return call.end(CUDA_ERROR_INVALID_VALUE);
  // Logs stay empty; other options only tune what is made.
  for (unsigned i = 0; i < numOptions; i++)
    if ((options[i] == CU_JIT_INFO_LOG_BUFFER || options[i] == CU_JIT_ERROR_LOG_BUFFER) && optionValues[i] != nullptr)
      *static_cast<char*>(optionValues[i]) = 0;
  const wire::Handle handle = call.mint(stateOut);
  if (!call.ok()) return call.result();
  call.session()->find(handle)->data = new Link;
  *stateOut = reinterpret_cast<CUlinkState>(handle);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char*,
                                     unsigned int, CUjit_option*, void**) {
  Call call("cuLinkAddData_v2", Needs::context);
  if (call.required(data) == nullptr || !call.ok()) return call.result();
  const auto* first = static_cast<const std::byte*>(data);
  return add(call, state, type, std::vector<std::byte>(first, first + size));
}

extern "C" CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int,
                                     CUjit_option*, void**) {
  Call call("cuLinkAddFile_v2", Needs::context);
  if (call.required(path) == nullptr || !call.ok()) return call.result();
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return call.end(CUDA_ERROR_FILE_NOT_FOUND);
  const std::streamoff size = file.tellg();
  if (size <= 0 || size > (std::streamoff{256} << 20)) return call.end(CUDA_ERROR_INVALID_IMAGE);
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) return call.end(CUDA_ERROR_OPERATING_SYSTEM);
  return add(call, state, type, std::move(bytes));
}

extern "C" CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  Call call("cuLinkComplete", Needs::context);
  Link* link = find_link(call, state);
  if (call.required(cubinOut) == nullptr || link == nullptr) return call.result();
  std::lock_guard lock(link->mutex);
  if (link->inputs.empty()) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (link->result.empty()) {
    const CUresult status =
        link_at_worker(*call.session(), call.context(), reinterpret_cast<wire::Handle>(state), *link);
    if (status != CUDA_SUCCESS) return call.end(status);
  }
  *cubinOut = link->result.data();
  if (sizeOut != nullptr) *sizeOut = link->result.size();
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuLinkDestroy(CUlinkState state) {
  Call call("cuLinkDestroy");
  Link* link = find_link(call, state);
  if (link == nullptr) return call.result();
  call.session()->slab(wire::Kind::link).destroy(reinterpret_cast<wire::Handle>(state));
  delete link;
  return call.end(CUDA_SUCCESS);
}
