#include "client/module.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "client/driver.h"
#include "client/image_hash.h"
#include "client/image_size.h"

namespace gpool::client {
namespace {

template <typename T>
bool take(Bytes& bytes, T* values, size_t count) {
  if (count > bytes.size() / sizeof(T)) return false;
  if (count > 0) std::memcpy(values, bytes.data(), count * sizeof(T));
  bytes = bytes.subspan(count * sizeof(T));
  return true;
}

bool name_of(Bytes names, uint32_t offset, uint32_t length, std::string& name) {
  if (offset > names.size() || length > names.size() - offset) return false;
  name.assign(reinterpret_cast<const char*>(names.data()) + offset, length);
  return true;
}

// False: the record contradicts itself.
bool read_record(Bytes record, Code& code, uint32_t first_function) {
  wire::ModuleRecordHead head{};
  if (!take(record, &head, 1)) return false;
  if (head.kernels > wire::kMaxIndex || head.parameters > record.size() || head.globals > record.size()) return false;
  std::vector<wire::KernelRecord> kernels(std::min<size_t>(head.kernels, record.size() / sizeof(wire::KernelRecord)));
  std::vector<wire::GlobalRecord> globals(std::min<size_t>(head.globals, record.size() / sizeof(wire::GlobalRecord)));
  code.parameters.resize(std::min<size_t>(head.parameters, record.size() / sizeof(wire::ParameterRecord)));
  if (!take(record, kernels.data(), head.kernels) || !take(record, code.parameters.data(), head.parameters) ||
      !take(record, globals.data(), head.globals) || head.name_bytes > record.size())
    return false;
  const Bytes names = record.first(head.name_bytes);
  code.kernels = std::make_unique<Kernel[]>(head.kernels);
  code.kernel_count = head.kernels;
  const uint32_t slot = code.session->slot(), generation = wire::generation_of(code.handle);
  for (uint32_t i = 0; i < head.kernels; i++) {
    const wire::KernelRecord& from = kernels[i];
    Kernel& kernel = code.kernels[i];
    if (from.first_parameter > head.parameters || from.parameter_count > head.parameters - from.first_parameter ||
        from.parameter_bytes > 65536 || !name_of(names, from.name_offset, from.name_length, kernel.name))
      return false;
    kernel.code = &code;
    kernel.parameters = code.parameters.data() + from.first_parameter;
    kernel.parameter_count = from.parameter_count;
    kernel.parameter_bytes = from.parameter_bytes;
    uint32_t covered = 0;  // from the beginning, without a gap
    for (uint32_t p = 0; p < kernel.parameter_count; p++) {
      const wire::ParameterRecord& parameter = kernel.parameters[p];
      if (parameter.offset > from.parameter_bytes || parameter.bytes > from.parameter_bytes - parameter.offset)
        return false;
      if (parameter.offset == covered) covered += parameter.bytes;
    }
    kernel.gaps = covered != from.parameter_bytes;
    for (uint32_t a = 0; a < wire::kFunctionAttributes; a++) kernel.attributes[a] = from.attributes[a];
    const uint32_t index = first_function + from.number;
    if (from.number >= head.kernels || index > wire::kMaxIndex) return false;
    kernel.function = wire::make_handle(wire::Kind::function, slot, generation, index);
    kernel.kernel = wire::make_handle(wire::Kind::kernel, slot, generation, index);
    kernel.wire = code.library ? kernel.kernel : kernel.function;
    kernel.context = code.library ? nullptr : code.context;
    code.kernel_by_name.emplace(kernel.name, i);
  }
  for (const wire::GlobalRecord& from : globals) {
    std::string name;
    if (!name_of(names, from.name_offset, from.name_length, name)) return false;
    code.globals[{name, 0}] = {from.address, from.bytes};
  }
  return true;
}

Device* device_in_session(const Session& session, uint32_t index) {
  return index < session.devices.size() ? session.devices[index] : nullptr;
}

class Loading {
 public:
  Loading(Session& session, Context* context, Bytes image, std::span<const JitOption> options, wire::Handle handle,
          bool library)
      : session_(session), context_(context), image_(image) {
    arguments_.module = handle;
    arguments_.image_bytes = image.size();
    arguments_.flags = library ? wire::ModuleLoad::library : 0u;
    arguments_.option_count = static_cast<uint32_t>(options.size());
    const Sha256Digest digest = image_hashes().of(image);
    std::memcpy(arguments_.sha256, digest.data(), sizeof arguments_.sha256);
    options_ = std::as_bytes(options);
  }

  // What the node already has under its name.
  CUresult ask_by_name(std::vector<std::byte>& record) { return ask(arguments_, {}, record); }

  CUresult ask_with_image(std::vector<std::byte>& record) {
    arguments_.flags |= wire::ModuleLoad::image_follows;
    for (size_t at = 0;; at += wire::kBulkPieceBytes) {
      arguments_.offset = at;
      const Bytes piece = image_.subspan(at, std::min(image_.size() - at, wire::kBulkPieceBytes));
      if (at + piece.size() == image_.size()) return ask(arguments_, piece, record);
      const CUresult status = session_.post(static_cast<uint16_t>(wire::Message::module_load), context_,
                                            std::as_bytes(std::span(&arguments_, 1)), {options_}, piece);
      if (status != CUDA_SUCCESS) return status;
    }
  }

  // The pieces of the record that the answer did not hold.
  CUresult ask_for_rest(std::vector<std::byte>& record) {
    wire::ModuleRecordHead head{};
    if (record.size() < sizeof head) return CUDA_SUCCESS;  // reading it will say so
    std::memcpy(&head, record.data(), sizeof head);
    const uint64_t bytes = wire::record_bytes(head);
    if (bytes > wire::kMaxRecordBytes) return CUDA_ERROR_UNKNOWN;
    // Every piece but the last is full, or a worker could be asked for ever.
    if (record.size() < std::min<uint64_t>(bytes, wire::kBulkPieceBytes)) return CUDA_ERROR_UNKNOWN;
    while (record.size() < bytes) {
      const wire::ModuleRecord arguments{arguments_.module, record.size()};
      std::vector<std::byte> piece;
      Pending pending;
      pending.whole = &piece;
      CUresult status = session_.start(pending, static_cast<uint16_t>(wire::Message::module_record), context_,
                                       std::as_bytes(std::span(&arguments, 1)), {}, {});
      if (status == CUDA_SUCCESS) status = session_.wait(pending);
      if (status != CUDA_SUCCESS) return status;
      if (piece.size() < std::min<uint64_t>(bytes - record.size(), wire::kBulkPieceBytes)) return CUDA_ERROR_UNKNOWN;
      record.insert(record.end(), piece.begin(), piece.end());
    }
    return CUDA_SUCCESS;
  }

 private:
  CUresult ask(const wire::ModuleLoad& arguments, Bytes bulk, std::vector<std::byte>& record) {
    Pending pending;
    pending.whole = &record;
    const CUresult status = session_.start(pending, static_cast<uint16_t>(wire::Message::module_load), context_,
                                           std::as_bytes(std::span(&arguments, 1)), {options_}, bulk);
    return status == CUDA_SUCCESS ? session_.wait(pending) : status;
  }

  Session& session_;
  Context* context_;
  Bytes image_, options_;
  wire::ModuleLoad arguments_{};
};

}  // namespace

CUresult load_code(Call& call, const void* image, bool library, std::span<const JitOption> options, Code*& loaded) {
  if (!call.ok()) return call.result();
  Context* context = call.context();
  const std::optional<Bytes> bytes = find_image(image);
  if (image == nullptr) return call.end(CUDA_ERROR_INVALID_VALUE);
  if (!bytes) return call.end(CUDA_ERROR_INVALID_IMAGE);
  Session& session = *call.session();
  const wire::Handle handle = call.mint_kind(library ? wire::Kind::library : wire::Kind::module);
  if (handle == 0) return call.result();
  auto code = std::make_unique<Code>();
  code->handle = handle;
  code->library = library;
  code->session = &session;
  code->context = context;
  Loading loading(session, context, *bytes, options, handle, library);
  std::vector<std::byte> record;
  CUresult status;
  {
    // Kernels are numbered in the order of the loads' answers: one load at a time.
    std::lock_guard lock(session.load_mutex);
    status = bytes->size() > wire::ModuleLoad::kAlwaysSent ? loading.ask_by_name(record) : CUDA_ERROR_NOT_FOUND;
    if (status == CUDA_ERROR_NOT_FOUND) status = loading.ask_with_image(record);
    if (status == CUDA_SUCCESS) {
      if (loading.ask_for_rest(record) != CUDA_SUCCESS || !read_record(record, *code, session.next_function)) {
        log::error("node " + session.node() + ": the worker's record of a module contradicts itself; the load fails.");
        (void)session.post(wire::Message::module_unload, context, wire::ModuleUnload{handle});
        status = CUDA_ERROR_UNKNOWN;
      }
      session.next_function += code->kernel_count;
    }
  }
  Slab& slab = session.slab(wire::kind_of(handle));
  if (status != CUDA_SUCCESS) {
    slab.destroy(handle);
    return call.end(status);
  }
  Slab& functions = session.slab(wire::Kind::function);
  for (uint32_t i = 0; i < code->kernel_count; i++) {
    Kernel& kernel = code->kernels[i];
    Object* object = functions.place(kernel.function);
    if (object == nullptr) return call.end(CUDA_ERROR_OUT_OF_MEMORY);
    object->data = &kernel;
    object->context = context;
    functions.publish(object, kernel.function);
  }
  slab.find(handle)->data = code.get();
  loaded = code.release();
  return call.end(CUDA_SUCCESS);
}

CUresult unload_code(Call& call, Code& code) {
  Session& session = *code.session;
  // Drivers unload when the code's kernels are done, and the worker hears of functions they wait for from here.
  session.wait_for_host_functions();
  Slab& functions = session.slab(wire::Kind::function);
  for (uint32_t i = 0; i < code.kernel_count; i++) functions.retire(code.kernels[i].function);
  {
    std::lock_guard lock(code.mutex);
    for (const auto& [key, global] : code.globals)
      if (Device* device = device_in_session(session, key.second)) device->memory.remove_global(global.address);
    code.globals.clear();
  }
  session.slab(wire::kind_of(code.handle)).destroy(code.handle);
  if (code.module_of_library != 0) session.slab(wire::Kind::module).destroy(code.module_of_library);
  return call.end(session.post(wire::Message::module_unload, call.context(), wire::ModuleUnload{code.handle}));
}

CUresult find_global(Call& call, Code& code, const char* name, Global& global) {
  const size_t length = std::strlen(name);
  if (length == 0 || length > 4096) return CUDA_ERROR_NOT_FOUND;
  Context* context = call.context();
  if (context == nullptr || context->session != code.session) context = code.context;
  wire::ModuleGlobal arguments{};
  arguments.module = code.handle;
  arguments.name_bytes = static_cast<uint32_t>(length);
  arguments.device = context != nullptr ? context->device->index : 0;
  std::lock_guard lock(code.mutex);
  const std::pair<std::string, uint32_t> key(name, arguments.device);
  if (auto at = code.globals.find(key); at != code.globals.end()) {
    global = at->second;
    return CUDA_SUCCESS;
  }
  wire::ModuleGlobalReply reply{};
  Pending pending;
  pending.reply = std::as_writable_bytes(std::span(&reply, 1));
  CUresult status = code.session->start(pending, static_cast<uint16_t>(wire::Message::module_global), context,
                                        std::as_bytes(std::span(&arguments, 1)), {array_bytes(name, length)});
  if (status == CUDA_SUCCESS) status = code.session->wait(pending);
  if (status != CUDA_SUCCESS) return status;
  global = code.globals[key] = {reply.address, reply.bytes};
  // It counts as allocated memory now: copies and fills may go there.
  if (Device* device = device_in_session(*code.session, arguments.device))
    device->memory.add_global(context, reply.address, reply.bytes);
  return CUDA_SUCCESS;
}

Kernel* find_kernel(Call& call, const void* handle) {
  call.handle(static_cast<CUfunction>(const_cast<void*>(handle)));
  if (!call.ok()) return nullptr;
  return kernel_of(call.object());
}

Code* find_code(Call& call, CUmodule module) {
  call.handle(module);
  return call.ok() ? static_cast<Code*>(call.object()->data.load()) : nullptr;
}

Code* find_code(Call& call, CUlibrary library) {
  call.handle(library);
  return call.ok() ? static_cast<Code*>(call.object()->data.load()) : nullptr;
}

}  // namespace gpool::client
