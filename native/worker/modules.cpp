// Loading code: collects the image, hands it to the driver, and tells the client in one record all that it will ask
// about it.
#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "wire/module_record.h"
#include "worker/session.h"

namespace gpool::worker {
namespace {

constexpr uint64_t kMaxImageBytes = uint64_t{2} << 30;
constexpr size_t kMaxUploads = 64;
constexpr uint32_t kMaxOptions = 32;
constexpr uint32_t kMaxParameters = 4096;
// Drivers read images by what their headers say and texts up to a zero: zeros behind the end stop both.
constexpr size_t kImageTail = 64;
constexpr size_t kMaxRecordInFrame = 64 * 1024;  // larger ones go as bulk if there is room
constexpr size_t kMostRecordInFrame = wire::kMaxFrameBytes - sizeof(wire::FrameHeader);

struct Option {
  uint32_t option, zero;
  uint64_t value;
};

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

class Record {
 public:
  void add_kernel(const char* name, const wire::KernelRecord& kernel) {
    wire::KernelRecord one = kernel;
    one.number = uint32_t(kernels_.size());
    one.name_offset = uint32_t(names_.size());
    one.name_length = uint32_t(std::strlen(name));
    names_.append(name);
    kernels_.push_back(one);
  }
  uint32_t parameters() const { return uint32_t(parameters_.size()); }
  void add_parameter(uint32_t offset, uint32_t bytes) { parameters_.push_back({offset, bytes}); }
  std::vector<std::byte> bytes() const {
    wire::ModuleRecordHead head{uint32_t(kernels_.size()), uint32_t(parameters_.size()), 0, uint32_t(names_.size())};
    std::vector<std::byte> all;
    auto append = [&](const void* at, size_t count) {
      auto* first = static_cast<const std::byte*>(at);
      all.insert(all.end(), first, first + count);
    };
    append(&head, sizeof head);
    append(kernels_.data(), kernels_.size() * sizeof kernels_[0]);
    append(parameters_.data(), parameters_.size() * sizeof parameters_[0]);
    append(names_.data(), names_.size());
    return all;
  }

 private:
  std::vector<wire::KernelRecord> kernels_;
  std::vector<wire::ParameterRecord> parameters_;
  std::string names_;
};

// `parameter(index, offset, bytes)` and `attribute(number, value)` ask the driver; both answer whether there is one.
template <class Parameter, class Attribute>
wire::KernelRecord describe(Record& record, Parameter&& parameter, Attribute&& attribute) {
  wire::KernelRecord kernel{};
  kernel.first_parameter = record.parameters();
  for (size_t offset = 0, bytes = 0;
       kernel.parameter_count < kMaxParameters && parameter(kernel.parameter_count, offset, bytes);) {
    record.add_parameter(uint32_t(offset), uint32_t(bytes));
    kernel.parameter_bytes = std::max(kernel.parameter_bytes, uint32_t(offset + bytes));
    ++kernel.parameter_count;
  }
  for (uint32_t i = 0; i < wire::kFunctionAttributes; ++i)
    if (!attribute(i, kernel.attributes[i])) kernel.attributes[i] = 0;
  return kernel;
}

void bind_function(Session& session, wire::Handle module, wire::Kind kind, uint64_t value,
                   const wire::KernelRecord& kernel) {
  wire::Handle handle =
      wire::make_handle(kind, wire::session_of(module), wire::generation_of(module), session.function_base++);
  Slab::Entry* entry = session.slab(kind).bind(handle, value);
  if (!entry) return;
  session.functions.push_back({kernel.parameter_bytes, module});
  entry->extra = uint32_t(session.functions.size() - 1);
}

CUresult record_library(Session& session, wire::Handle handle, CUlibrary library, Record& record) {
  const calls::DriverTable& driver = session.driver;
  unsigned count = 0;
  if (CUresult status = driver.cuLibraryGetKernelCount(&count, library); status != CUDA_SUCCESS) return status;
  std::vector<CUkernel> kernels(count);
  if (count > 0)
    if (CUresult status = driver.cuLibraryEnumerateKernels(kernels.data(), count, library); status != CUDA_SUCCESS)
      return status;
  for (CUkernel kernel : kernels) {
    const char* name = "";
    if (CUresult status = driver.cuKernelGetName(&name, kernel); status != CUDA_SUCCESS) return status;
    wire::KernelRecord one = describe(
        record,
        [&](uint32_t i, size_t& offset, size_t& bytes) {
          return driver.cuKernelGetParamInfo(kernel, i, &offset, &bytes) == CUDA_SUCCESS;
        },
        [&](uint32_t i, int32_t& value) {
          return driver.cuKernelGetAttribute(&value, CUfunction_attribute(i), kernel, session.devices[0].cu) ==
                 CUDA_SUCCESS;
        });
    record.add_kernel(name, one);
    bind_function(session, handle, wire::Kind::kernel, reinterpret_cast<uint64_t>(kernel), one);
  }
  return CUDA_SUCCESS;
}

CUresult record_module(Session& session, wire::Handle handle, CUmodule module, Record& record) {
  const calls::DriverTable& driver = session.driver;
  unsigned count = 0;
  if (CUresult status = driver.cuModuleGetFunctionCount(&count, module); status != CUDA_SUCCESS) return status;
  std::vector<CUfunction> functions(count);
  if (count > 0)
    if (CUresult status = driver.cuModuleEnumerateFunctions(functions.data(), count, module); status != CUDA_SUCCESS)
      return status;
  for (CUfunction function : functions) {
    const char* name = "";
    if (CUresult status = driver.cuFuncGetName(&name, function); status != CUDA_SUCCESS) return status;
    wire::KernelRecord one = describe(
        record,
        [&](uint32_t i, size_t& offset, size_t& bytes) {
          return driver.cuFuncGetParamInfo(function, i, &offset, &bytes) == CUDA_SUCCESS;
        },
        [&](uint32_t i, int32_t& value) {
          return driver.cuFuncGetAttribute(&value, CUfunction_attribute(i), function) == CUDA_SUCCESS;
        });
    record.add_kernel(name, one);
    bind_function(session, handle, wire::Kind::function, reinterpret_cast<uint64_t>(function), one);
  }
  return CUDA_SUCCESS;
}

CUresult load(Session& session, Invoke& invoke, const wire::ModuleLoad& arguments, Session::Upload& upload,
              Record& record) {
  auto given = invoke.array<Option>(arguments.option_count <= kMaxOptions ? arguments.option_count : UINT64_MAX);
  if (!invoke.valid()) return CUDA_ERROR_INVALID_VALUE;
  std::vector<CUjit_option> options;
  std::vector<void*> values;
  for (const Option& one : given) {
    if (!is_plain(one.option)) continue;
    options.push_back(CUjit_option(one.option));
    values.push_back(reinterpret_cast<void*>(one.value));
  }
  // Kernels are bound as they are recorded: what fails half way must not leave the two sides counting differently.
  uint32_t base = session.function_base;
  CUresult status;
  if (arguments.flags & wire::ModuleLoad::library) {
    CUlibrary library = nullptr;
    status = session.driver.cuLibraryLoadData(&library, upload.image.data(), options.data(), values.data(),
                                              unsigned(options.size()), nullptr, nullptr, 0);
    if (status != CUDA_SUCCESS) return status;
    status = invoke.bind<CUlibrary>(arguments.module, library);
    if (status == CUDA_SUCCESS) status = record_library(session, arguments.module, library, record);
    if (status != CUDA_SUCCESS) {
      session.driver.cuLibraryUnload(library);
      invoke.unbind<CUlibrary>(arguments.module);
    }
  } else {
    CUmodule module = nullptr;
    status = session.driver.cuModuleLoadDataEx(&module, upload.image.data(), unsigned(options.size()), options.data(),
                                               values.data());
    if (status != CUDA_SUCCESS) return status;
    status = invoke.bind<CUmodule>(arguments.module, module);
    if (status == CUDA_SUCCESS) status = record_module(session, arguments.module, module, record);
    if (status != CUDA_SUCCESS) {
      session.driver.cuModuleUnload(module);
      invoke.unbind<CUmodule>(arguments.module);
    }
  }
  if (status != CUDA_SUCCESS) {
    wire::Kind kind = arguments.flags & wire::ModuleLoad::library ? wire::Kind::kernel : wire::Kind::function;
    for (; session.function_base > base; --session.function_base)
      session.slab(kind).forget(
          wire::make_handle(kind, 0, wire::generation_of(arguments.module), session.function_base - 1));
  }
  return status;
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

// Unloading may wait in the driver for kernels that still run from the code.
CUresult unload(Session& session, Invoke& invoke, wire::Handle handle) {
  CUresult status = CUDA_ERROR_INVALID_HANDLE;
  if (wire::kind_of(handle) == wire::Kind::library) {
    CUlibrary library = invoke.resolve<CUlibrary>(handle);
    if (invoke.valid()) status = session.driver.cuLibraryUnload(library);
    if (invoke.valid()) invoke.unbind<CUlibrary>(handle);
  } else {
    CUmodule module = invoke.resolve<CUmodule>(handle);
    if (invoke.valid()) status = session.driver.cuModuleUnload(module);
    if (invoke.valid()) invoke.unbind<CUmodule>(handle);
  }
  return status;
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
  const auto& arguments = invoke.arguments<wire::ModuleLoad>();
  if (!invoke.valid()) {
    invoke.refuse();
    return Frame::done;
  }
  if ((arguments.flags & wire::ModuleLoad::image_follows) == 0) {
    // Asked by hash alone. A worker keeps no images of other sessions.
    invoke.finish(CUDA_ERROR_NOT_FOUND);
    return Frame::done;
  }
  CUresult status = collect(session, arguments, invoke.bulk());
  if (status != CUDA_SUCCESS) session.uploads.erase(arguments.module);
  if (status == CUDA_SUCCESS && !invoke.wants_reply()) return Frame::done;
  Record record;
  uint32_t base = session.function_base;
  if (status == CUDA_SUCCESS) {
    Session::Upload upload = std::move(session.uploads[arguments.module]);
    session.uploads.erase(arguments.module);
    if (upload.received_bytes != upload.image_bytes || session.devices.empty()) {
      status = CUDA_ERROR_INVALID_VALUE;
    } else {
      upload.image.resize(upload.image.size() + kImageTail);
      status = load(session, invoke, arguments, upload, record);
    }
  }
  if (status != CUDA_SUCCESS) {
    invoke.finish(status);
    return Frame::done;
  }
  // Large records travel as bulk.
  std::vector<std::byte> bytes = record.bytes();
  std::byte* bulk = nullptr;
  if (bytes.size() > kMaxRecordInFrame && bytes.size() <= wire::kBulkPieceBytes)
    bulk = session.link().try_reserve_bulk(bytes.size());
  if (bulk) {
    std::memcpy(bulk, bytes.data(), bytes.size());
    session.answer_with_bulk(invoke.frame(), CUDA_SUCCESS, bulk, bytes.size());
  } else if (bytes.size() <= kMostRecordInFrame) {
    session.answer(invoke.frame(), CUDA_SUCCESS, bytes);
  } else {
    log::error("a module's record has " + std::to_string(bytes.size()) + " bytes, more than an answer holds");
    unload(session, invoke, arguments.module);
    forget_functions(session, arguments.module);
    session.function_base = base;
    invoke.finish(CUDA_ERROR_NOT_SUPPORTED);
  }
  return Frame::done;
}

void carry_out_module_unload(Session& session, Invoke& invoke) {
  wire::Handle handle = invoke.arguments<wire::ModuleUnload>().module;
  if (!invoke.valid()) return void(invoke.refuse());
  CUresult status = unload(session, invoke, handle);
  if (!invoke.valid()) return void(invoke.refuse());
  forget_functions(session, handle);
  invoke.finish(status);
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
