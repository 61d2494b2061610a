// Loading code: collects the image or finds it on the node, has the side thread hand it to the driver, and tells the
// client in one record all that it will ask about it.
#include <cstring>
#include <span>
#include <string_view>

#include "base/log.h"
#include "base/sha256.h"
#include "wire/module_record.h"
#include "worker/code.h"
#include "worker/image_cache.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr uint64_t kMaxImageBytes = uint64_t{2} << 30;
constexpr size_t kMaxUploads = 64;
constexpr uint32_t kMaxOptions = 32;
constexpr size_t kMaxRecordInFrame = 64 * 1024;  // larger ones go as bulk if there is room, in pieces
constexpr size_t kMostRecordInFrame = wire::kMaxFrameBytes - sizeof(wire::FrameHeader);

struct Option {
  uint32_t option, zero;
  uint64_t value;
};

// Whether kernels of the image may print. What is in a fat binary may be compressed, so of those all may.
bool may_print(std::span<const std::byte> image) {
  constexpr uint32_t kFatBinary = 0xba55ed50;
  uint32_t magic = 0;
  std::memcpy(&magic, image.data(), std::min(sizeof magic, image.size()));
  const auto holds = [&](std::string_view name) {
    return memmem(image.data(), image.size(), name.data(), name.size()) != nullptr;
  };
  return magic == kFatBinary || holds("vprintf") || holds("__assertfail");
}

// Options whose value is a plain number; the others point to memory of the caller.
bool is_plain(uint32_t option) {
  switch (option) {
    case CU_JIT_MAX_REGISTERS:
    case CU_JIT_THREADS_PER_BLOCK:
    case CU_JIT_OPTIMIZATION_LEVEL:
    case CU_JIT_TARGET_FROM_CUCONTEXT:
    case CU_JIT_TARGET:
    case CU_JIT_FALLBACK_STRATEGY:
    case CU_JIT_GENERATE_DEBUG_INFO:
    case CU_JIT_LOG_VERBOSE:
    case CU_JIT_GENERATE_LINE_INFO:
    case CU_JIT_CACHE_MODE:
    case CU_JIT_FAST_COMPILE:
    case CU_JIT_POSITION_INDEPENDENT_CODE:
      return true;
    default:
      return false;
  }
}

// A load on its way through the side thread.
struct Load {
  wire::FrameHeader question{};
  wire::ModuleLoad arguments{};
  JitOptions options;
  std::vector<std::byte> image;  // as it was sent, with zeros behind it; empty: asked by name
  CUcontext context = nullptr;
  uint32_t context_index = 0;
  LoadedCode code;
  bool may_print = false;
};

bool read_options(Invoke& invoke, const wire::ModuleLoad& arguments, JitOptions& options) {
  auto given = invoke.array<Option>(arguments.option_count <= kMaxOptions ? arguments.option_count : UINT64_MAX);
  if (!invoke.valid()) return false;
  for (const Option& one : given) {
    if (!is_plain(one.option)) continue;
    options.options.push_back(CUjit_option(one.option));
    options.values.push_back(reinterpret_cast<void*>(one.value));
  }
  return true;
}

// The piece at the right place, or an error.
CUresult collect(Session& session, const wire::ModuleLoad& arguments, std::span<const std::byte> piece) {
  auto at = session.uploads.find(arguments.module);
  if (at == session.uploads.end()) {
    if (arguments.offset != 0 || arguments.image_bytes == 0 || arguments.image_bytes > kMaxImageBytes ||
        session.uploads.size() >= kMaxUploads)
      return CUDA_ERROR_INVALID_VALUE;
    at = session.uploads.emplace(arguments.module, Session::Upload{}).first;
    at->second.image_bytes = arguments.image_bytes;
  }
  Session::Upload& upload = at->second;
  if (arguments.image_bytes != upload.image_bytes || arguments.offset != upload.received_bytes ||
      piece.size() > upload.image_bytes - upload.received_bytes)
    return CUDA_ERROR_INVALID_VALUE;
  upload.image.resize(upload.received_bytes);  // grows with what came, not with what was promised
  upload.image.insert(upload.image.end(), piece.begin(), piece.end());
  upload.received_bytes += piece.size();
  return CUDA_SUCCESS;
}

// The name of what an image's record will be: it depends on how the image is loaded, and on the driver.
Sha256Digest record_name(const Load& load, const Sha256Digest& image, const std::string& driver) {
  std::string key(reinterpret_cast<const char*>(image.data()), image.size());
  key += load.arguments.flags & wire::ModuleLoad::library ? 'l' : 'm';
  for (size_t i = 0; i < load.options.options.size(); ++i)
    key += std::to_string(load.options.options[i]) + "=" +
           std::to_string(reinterpret_cast<uint64_t>(load.options.values[i])) + ",";
  key += driver;
  return sha256(std::as_bytes(std::span(key)));
}

// Records are kept for the images that are.
void load_with_record(Load& load, const calls::DriverTable& driver, CUdevice device, const void* image,
                      const Sha256Digest& name, const ImageCache& cache) {
  const bool library = load.arguments.flags & wire::ModuleLoad::library;
  const bool kept = cache.is_on() && load.arguments.image_bytes > wire::ModuleLoad::kAlwaysSent;
  if (!kept) {
    load.code = load_code(driver, device, image, library, load.options);
    return;
  }
  const Sha256Digest record = record_name(load, name, driver_identity(driver, device));
  const std::vector<std::byte> known = cache.find_record(record);
  load.code = load_code(driver, device, image, library, load.options, known);
  if (load.code.status == CUDA_SUCCESS && load.code.record != known) cache.keep_record(record, load.code.record);
}

// On the side thread.
void carry_out(Load& load, const calls::DriverTable& driver, CUdevice device, const ImageCache& cache) {
  Sha256Digest name;
  std::memcpy(name.data(), load.arguments.sha256, name.size());
  if (load.code.status = driver.cuCtxSetCurrent(load.context); load.code.status != CUDA_SUCCESS) return;
  if (load.image.empty()) {
    const CachedImage image = cache.find(name, load.arguments.image_bytes);
    load.code.status = CUDA_ERROR_NOT_FOUND;
    if (!image) return;
    load.may_print = may_print(image.bytes());
    return load_with_record(load, driver, device, image.bytes().data(), name, cache);
  }
  const std::span<const std::byte> image = std::span(load.image).first(load.arguments.image_bytes);
  if (sha256(image) != name) {
    load.code.status = CUDA_ERROR_INVALID_IMAGE;
    return;
  }
  load.may_print = may_print(image);
  load_with_record(load, driver, device, image.data(), name, cache);
  // What no driver accepts is not worth keeping, nor what clients send without asking.
  if (load.code.status == CUDA_SUCCESS && image.size() > wire::ModuleLoad::kAlwaysSent) cache.keep(name, image);
  load.image = {};
}

// Makes the handles of the code and of its kernels known: from now on both sides count the kernels alike.
bool bind(Session& session, const Load& load) {
  if (load.may_print) session.expect_prints();
  const wire::Handle module = load.arguments.module;
  const LoadedCode& code = load.code;
  const wire::Kind own_kind = code.library ? wire::Kind::library : wire::Kind::module;
  Slab::Entry* own = wire::kind_of(module) == own_kind ? session.slab(own_kind).bind(module, code.handle) : nullptr;
  if (!own) return false;
  own->extra = load.context_index;
  const wire::Kind kind = code.library ? wire::Kind::kernel : wire::Kind::function;
  for (const LoadedCode::Kernel& kernel : code.kernels) {
    Slab::Entry* entry = session.slab(kind).bind(
        wire::make_handle(kind, wire::session_of(module), wire::generation_of(module), session.function_base++),
        kernel.handle);
    if (!entry) continue;
    session.functions.push_back({kernel.parameter_bytes, module});
    entry->extra = uint32_t(session.functions.size() - 1);
  }
  return true;
}

void unload_later(Session& session, const wire::FrameHeader& question, CUcontext context, bool library,
                  uint64_t handle) {
  auto status = std::make_shared<CUresult>();
  session.side_thread().give(
      [&driver = session.driver, status, context, library, handle] {
        *status = driver.cuCtxSetCurrent(context);
        if (*status == CUDA_SUCCESS) *status = unload_code(driver, library, handle);
      },
      [&session, question, status] {
        session.finish(question, *status);
        return true;
      });
}

// On the dispatching thread. False: there is no room for the answer now.
bool answer(Session& session, Load& load) {
  LoadedCode& code = load.code;
  // A context that ended meanwhile has taken its modules along.
  if (code.status == CUDA_SUCCESS && !code.library && !session.contexts[load.context_index].live)
    code.status = CUDA_ERROR_CONTEXT_IS_DESTROYED;
  if (code.status != CUDA_SUCCESS) {
    session.finish(load.question, code.status);
    return true;
  }
  // Large records travel as bulk; what one piece does not hold, the client asks for.
  const size_t bytes = std::min(code.record.size(), wire::kBulkPieceBytes);
  std::byte* bulk = bytes > kMaxRecordInFrame ? session.link().try_reserve_bulk(bytes) : nullptr;
  if (!bulk && bytes > kMostRecordInFrame && !session.link().broken()) return false;
  if (!bind(session, load)) {
    if (bulk) session.link().cancel_reserved(bulk);
    wire::FrameHeader nobody = load.question;
    nobody.flags = 0;
    unload_later(session, nobody, load.context, code.library, code.handle);
    session.finish(load.question, CUDA_ERROR_INVALID_HANDLE);
  } else if (bulk) {
    std::memcpy(bulk, code.record.data(), bytes);
    session.answer_with_bulk(load.question, CUDA_SUCCESS, bulk, bytes);
    if (bytes < code.record.size()) session.records[load.arguments.module] = std::move(code.record);
  } else if (!session.link().broken()) {
    session.answer(load.question, CUDA_SUCCESS, code.record);
  }
  return true;
}

void forget_functions(Session& session, wire::Handle module) {
  Slab& slab = session.slab(wire::kind_of(module) == wire::Kind::library ? wire::Kind::kernel : wire::Kind::function);
  for (uint32_t index = 1; index < session.function_base; ++index) {
    Slab::Entry* entry = slab.find_index(index);
    if (entry && session.functions[entry->extra].module == module) entry->live = false;
  }
}

}  // namespace

Frame carry_out_module_load(Session& session, Invoke& invoke) {
  // Before anything is taken out of the frame: it may come here again.
  if (session.side_thread().jobs() >= SideThread::kMostJobs) return Frame::again;
  auto load = std::make_shared<Load>();
  load->question = invoke.frame();
  load->arguments = invoke.arguments<wire::ModuleLoad>();
  const wire::ModuleLoad& arguments = load->arguments;
  const bool sends_image = arguments.flags & wire::ModuleLoad::image_follows;
  if (!invoke.valid()) {
    invoke.refuse();
    return Frame::done;
  }
  CUresult status = sends_image ? collect(session, arguments, invoke.bulk()) : CUDA_SUCCESS;
  if (status == CUDA_SUCCESS && sends_image && !invoke.wants_reply()) return Frame::done;
  if (status == CUDA_SUCCESS && sends_image) {
    Session::Upload& upload = session.uploads[arguments.module];
    if (upload.received_bytes != upload.image_bytes) status = CUDA_ERROR_INVALID_VALUE;
    load->image = std::move(upload.image);
    load->image.resize(load->image.size() + kImageTail);
  }
  session.uploads.erase(arguments.module);
  if (status == CUDA_SUCCESS && !sends_image && (!session.images.is_on() || arguments.image_bytes > kMaxImageBytes))
    status = CUDA_ERROR_NOT_FOUND;
  if (status == CUDA_SUCCESS && (session.devices.empty() || !read_options(invoke, arguments, load->options)))
    status = CUDA_ERROR_INVALID_VALUE;
  const bool library = arguments.flags & wire::ModuleLoad::library;
  ContextState* context = session.context_of_frame(invoke.frame().context);
  if (status == CUDA_SUCCESS && !context && !library) status = CUDA_ERROR_INVALID_CONTEXT;
  if (status != CUDA_SUCCESS) {
    invoke.finish(status);
    return Frame::done;
  }
  if (context) {
    load->context = context->cu;
    load->context_index = session.slab(wire::Kind::context).find_index(invoke.frame().context)->extra;
  }
  session.side_thread().give(
      [load, &session, device = session.devices[0].cu] { carry_out(*load, session.driver, device, session.images); },
      [load, &session] { return answer(session, *load); });
  return Frame::done;
}

// From here on the client's handles mean nothing; the driver is told when the calls before are through.
Frame carry_out_module_unload(Session& session, Invoke& invoke) {
  if (session.side_thread().jobs() >= SideThread::kMostJobs) return Frame::again;
  const wire::Handle handle = invoke.arguments<wire::ModuleUnload>().module;
  const bool library = wire::kind_of(handle) == wire::Kind::library;
  const uint64_t value = library ? reinterpret_cast<uint64_t>(invoke.resolve<CUlibrary>(handle))
                                 : reinterpret_cast<uint64_t>(invoke.resolve<CUmodule>(handle));
  if (!invoke.valid()) {
    invoke.refuse();
    return Frame::done;
  }
  const ContextState* context =
      library ? nullptr : &session.contexts[session.slab(wire::kind_of(handle)).find(handle)->extra];
  session.slab(wire::kind_of(handle)).forget(handle);
  forget_functions(session, handle);
  session.records.erase(handle);
  if (context && !context->live)
    session.finish(invoke.frame(), CUDA_SUCCESS);  // it went with its context
  else
    unload_later(session, invoke.frame(), context ? context->cu : nullptr, library, value);
  return Frame::done;
}

Frame carry_out_module_record(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::ModuleRecord>();
  const auto at = invoke.valid() ? session.records.find(arguments.module) : session.records.end();
  if (!invoke.valid() || at == session.records.end() || arguments.offset >= at->second.size()) {
    invoke.refuse();
    return Frame::done;
  }
  const auto rest = std::span(at->second).subspan(arguments.offset);
  const auto piece = rest.first(std::min(rest.size(), wire::kBulkPieceBytes));
  std::byte* bulk = session.link().try_reserve_bulk(piece.size());
  if (!bulk) return session.link().broken() ? Frame::done : Frame::again;
  std::memcpy(bulk, piece.data(), piece.size());
  session.answer_with_bulk(invoke.frame(), CUDA_SUCCESS, bulk, piece.size());
  if (piece.size() == rest.size()) session.records.erase(at);
  return Frame::done;
}

void carry_out_module_global(Session& session, Invoke& invoke) {
  const auto& arguments = invoke.arguments<wire::ModuleGlobal>();
  auto name_bytes = invoke.array<char>(arguments.name_bytes <= 4096 ? arguments.name_bytes : UINT64_MAX);
  if (!invoke.valid()) return void(invoke.refuse());
  std::string name(name_bytes.begin(), name_bytes.end());
  wire::ModuleGlobalReply reply{};
  CUdeviceptr address = 0;
  size_t bytes = 0;
  CUresult status;
  if (wire::kind_of(arguments.module) == wire::Kind::library) {
    CUlibrary library = invoke.resolve<CUlibrary>(arguments.module);
    if (!invoke.valid()) return void(invoke.refuse());
    status = session.driver.cuLibraryGetGlobal(&address, &bytes, library, name.c_str());
  } else {
    CUmodule module = invoke.resolve<CUmodule>(arguments.module);
    if (!invoke.valid()) return void(invoke.refuse());
    status = session.driver.cuModuleGetGlobal_v2(&address, &bytes, module, name.c_str());
  }
  reply.address = address, reply.bytes = bytes;
  invoke.reply(status, reply);
}

}  // namespace gpool::worker
