// Loading and unloading of modules, their functions and variables.
#include "emulator/driver/module.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "emulator/driver/context.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/jit_options.h"
#include "emulator/driver/log.h"
#include "emulator/driver/memory.h"
#include "emulator/image/image.h"

namespace gpool::emulator {
namespace {

using ModuleRef = std::shared_ptr<Module>;
using FunctionRef = std::shared_ptr<Function>;

// The heap of device-side malloc: reserved address space that costs nothing until a kernel uses it.
CUresult open_heap(Context& context) {
  std::lock_guard lock(context.heap_mutex);
  if (context.heap_begin) return CUDA_SUCCESS;
  size_t bytes;
  {
    std::lock_guard settings(context.settings_mutex);
    bytes = context.limits[CU_LIMIT_MALLOC_HEAP_SIZE];
  }
  bytes = (bytes + 4095) / 4096 * 4096;
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  Block block;
  block.begin = reinterpret_cast<uint64_t>(address);
  block.bytes = bytes;
  block.kind = Block::Kind::managed;  // anonymous pages, unmapped with the context
  block.device = context.device;
  block.context = context.handle;
  block.internal = true;
  memory().insert(block);
  context.heap_begin = block.begin;
  return CUDA_SUCCESS;
}

CUresult lay_out_variables(Module& module) {
  std::span<const ptx::Variable> variables = module.code->variables();
  module.addresses.assign(variables.size(), 0);
  for (bool constant : {false, true}) {
    uint64_t bytes = 0, alignment = 512;
    std::vector<std::pair<size_t, uint64_t>> places;
    for (size_t i = 0; i < variables.size(); ++i) {
      const ptx::Variable& variable = variables[i];
      if (variable.constant != constant) continue;
      if (variable.external) {
        log(Level::error, "variable '" + variable.name + "' is extern and nothing defines it; link the modules first");
        return CUDA_ERROR_INVALID_PTX;
      }
      uint64_t unit = std::max<uint64_t>(variable.alignment, 1);
      alignment = std::max(alignment, unit);
      bytes = (bytes + unit - 1) / unit * unit;
      places.emplace_back(i, bytes);
      bytes += variable.bytes;
    }
    if (places.empty()) continue;
    Block like;
    like.bytes = std::max<uint64_t>(bytes, 1);
    like.kind = constant ? Block::Kind::constant : Block::Kind::device;
    like.device = module.context->device;
    like.context = module.context->handle;
    like.internal = true;
    std::optional<Block> block = memory().allocate_device(like, alignment);
    if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
    module.blocks.push_back(block->begin);
    std::memset(reinterpret_cast<void*>(block->begin), 0, block->bytes);
    for (auto [index, offset] : places) {
      const ptx::Variable& variable = variables[index];
      module.addresses[index] = block->begin + offset;
      if (!variable.initial.empty()) {
        std::memcpy(reinterpret_cast<void*>(block->begin + offset), variable.initial.data(), variable.initial.size());
      }
    }
  }
  for (size_t i = 0; i < variables.size(); ++i) module.variables_by_name[variables[i].name] = i;
  for (size_t i = 0; i < variables.size(); ++i) {
    for (const ptx::Relocation& relocation : variables[i].relocations) {
      auto target = module.variables_by_name.find(relocation.symbol);
      if (target == module.variables_by_name.end() || relocation.offset + 8 > variables[i].bytes) {
        log(Level::error, "variable '" + variables[i].name + "' is initialised with the address of '" +
                              relocation.symbol + "', which is no variable of this module");
        return CUDA_ERROR_INVALID_PTX;
      }
      uint64_t address = module.addresses[target->second] + static_cast<uint64_t>(relocation.addend);
      std::memcpy(reinterpret_cast<void*>(module.addresses[i] + relocation.offset), &address, 8);
    }
  }
  module.code->bind(module.addresses);
  return CUDA_SUCCESS;
}

CUresult make_module(const ContextRef& context, const Source& source, std::shared_ptr<ptx::Module> code,
                     ModuleRef& module) {
  GPOOL_CHECK(open_heap(*context));
  auto made = std::make_shared<Module>();
  made->context = context;
  made->code = std::move(code);
  GPOOL_CHECK(lay_out_variables(*made));
  const DryRun dry_run = driver().settings().dry_run;
  const bool skipped = dry_run == DryRun::all || (dry_run == DryRun::missing && source.cubin);
  std::span<const ptx::Kernel> kernels = made->code->kernels();
  for (size_t i = 0; i < kernels.size(); ++i) {
    auto function = std::make_shared<Function>();
    function->module = made;
    function->context = context;
    function->code = made->code;
    function->index = i;
    function->skipped = skipped;
    function->settings = std::make_shared<FunctionSettings>();
    handles().add(function);
    made->functions_by_name[kernels[i].name] = i;
    made->functions.push_back(std::move(function));
  }
  handles().add(made);
  module = std::move(made);
  return CUDA_SUCCESS;
}

void unload(const ModuleRef& module) {
  for (const FunctionRef& function : module->functions) handles().remove(function->handle);
  handles().remove(module->handle);
}

CUresult find_module(CUmodule handle, ModuleRef& module) {
  GPOOL_CHECK(driver().ready());
  module = handles().find<Module>(handle);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  return check_alive(module->context);
}

CUresult load(CUmodule* handle, const void* image, JitOptions options) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!handle || !image) return CUDA_ERROR_INVALID_VALUE;
  Source source;
  std::string problem;
  GPOOL_CHECK(source_of_image(image, source));
  std::shared_ptr<ptx::Module> code = source.make(problem);
  if (!code) {
    log(Level::error, "PTX cannot be loaded: " + problem);
    options.report_error(problem);
    return CUDA_ERROR_INVALID_PTX;
  }
  options.report_success();
  ModuleRef module;
  GPOOL_CHECK(make_module(context, source, std::move(code), module));
  *handle = reinterpret_cast<CUmodule>(module->handle);
  return CUDA_SUCCESS;
}

CUresult variable_address(const Module& module, const char* name, CUdeviceptr* pointer, size_t* bytes) {
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  auto at = module.variables_by_name.find(name);
  if (at == module.variables_by_name.end()) return CUDA_ERROR_NOT_FOUND;
  if (pointer) *pointer = module.addresses[at->second];
  if (bytes) *bytes = module.code->variables()[at->second].bytes;
  return CUDA_SUCCESS;
}

}  // namespace

Module::~Module() {
  for (uint64_t block : blocks) memory().remove(block);
}

CUresult read_file(const char* path, std::string& bytes) {
  if (!path) return CUDA_ERROR_INVALID_VALUE;
  std::ifstream file(path, std::ios::binary);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  bytes.assign(std::istreambuf_iterator<char>(file), {});
  return bytes.empty() ? CUDA_ERROR_INVALID_IMAGE : CUDA_SUCCESS;
}

namespace {

CUresult read_image(const void* bytes, image::Contents& contents, image::Wanted wanted) {
  const Settings& settings = driver().settings();
  std::string problem;
  if (image::read(bytes, contents, problem, wanted, settings.major * 10 + settings.minor)) return CUDA_SUCCESS;
  log(Level::error, "image cannot be loaded: " + problem);
  return CUDA_ERROR_INVALID_IMAGE;
}

CUresult refuse_cubins(const image::Contents& contents) {
  std::string sentence = "the " + contents.kind + " holds machine code only (";
  for (const image::Cubin& cubin : contents.cubins) {
    sentence +=
        "sm_" + std::to_string(cubin.architecture) + " with " + std::to_string(cubin.kernels.size()) + " kernels";
    if (!cubin.kernels.empty()) sentence += ", first " + cubin.kernels.front().name;
    sentence += "; ";
  }
  sentence += "no PTX), which the emulated GPU cannot ";
  sentence += driver().settings().dry_run == DryRun::off
                  ? "run; build it with PTX (-gencode …,code=compute_XX) or -lineinfo"
                  : "even skip, as it is not of its architecture; set GPOOL_EMULATOR_CAPABILITY to one of these";
  log(Level::error, sentence);
  return CUDA_ERROR_NO_BINARY_FOR_GPU;
}

CUresult choose_ptx(image::Contents& contents, std::string& text) {
  std::string problem;
  // Newest first; an older one when the newest does not parse.
  for (image::PtxText& candidate : contents.ptx) {
    if (contents.ptx.size() > 1 && &candidate != &contents.ptx.back() && !ptx::parse(candidate.text, problem)) continue;
    if (logs(Level::debug)) {
      log(Level::debug, "loads PTX of sm_" + std::to_string(candidate.architecture) + ", " +
                            std::to_string(candidate.text.size()) + " bytes");
    }
    text = std::move(candidate.text);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_IMAGE;
}

}  // namespace

CUresult ptx_of_image(const void* bytes, std::string& text) {
  image::Contents contents;
  GPOOL_CHECK(read_image(bytes, contents, image::Wanted::everything));
  return contents.ptx.empty() ? refuse_cubins(contents) : choose_ptx(contents, text);
}

CUresult source_of_image(const void* bytes, Source& source) {
  const Settings& settings = driver().settings();
  if (settings.dry_run == DryRun::off) return ptx_of_image(bytes, source.text);
  image::Contents contents;
  GPOOL_CHECK(
      read_image(bytes, contents, settings.dry_run == DryRun::all ? image::Wanted::one_cubin : image::Wanted::ptx));
  if (!contents.ptx.empty()) return choose_ptx(contents, source.text);
  const image::Cubin& cubin = contents.cubins.front();
  if (contents.cubins.size() != 1 || !image::runs_on(cubin.architecture, settings.major * 10 + settings.minor))
    return refuse_cubins(contents);
  log(Level::warn, "dry run: loads a " + contents.kind + " without its code (sm_" + std::to_string(cubin.architecture) +
                       ", " + std::to_string(cubin.kernels.size()) + " kernels, " +
                       std::to_string(cubin.variables.size()) + " variables)");
  source.cubin = describe_cubin(cubin);
  return CUDA_SUCCESS;
}

CUresult module_of(Library& library, const ContextRef& context, ModuleRef& module) {
  std::lock_guard lock(library.mutex);
  auto at = library.modules.find(context->id);
  if (at != library.modules.end()) {
    module = at->second;
    return CUDA_SUCCESS;
  }
  // Addresses are bound into the code, so each context needs its own.
  std::shared_ptr<ptx::Module> code = library.code;
  if (library.code_taken) {
    std::string problem;
    code = library.source.make(problem);
    if (!code) return CUDA_ERROR_INVALID_PTX;
  }
  GPOOL_CHECK(make_module(context, library.source, code, module));
  library.code_taken = true;
  module->of_library = true;
  for (const auto& kernel : library.kernels) {
    auto& settings = kernel->settings[context->device];
    if (!settings) settings = std::make_shared<FunctionSettings>();
    module->functions[kernel->index]->settings = settings;
  }
  library.modules[context->id] = module;
  return CUDA_SUCCESS;
}

CUresult find_function(CUfunction handle, const ContextRef& context, FunctionRef& function) {
  if (std::shared_ptr<KernelHandle> kernel = handles().find<KernelHandle>(handle)) {
    std::shared_ptr<Library> library = kernel->library.lock();
    if (!library) return CUDA_ERROR_INVALID_HANDLE;
    ModuleRef module;
    GPOOL_CHECK(module_of(*library, context, module));
    function = module->functions[kernel->index];
    return CUDA_SUCCESS;
  }
  function = handles().find<Function>(handle);
  return function ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

void drop_modules_of(Context& context) {
  for (const ModuleRef& module : handles().all<Module>()) {
    if (module->context.get() == &context) unload(module);
  }
  for (const auto& library : handles().all<Library>()) {
    std::lock_guard lock(library->mutex);
    library->modules.erase(context.id);
  }
}

// --- the calls ---

GPOOL_CUDA cuModuleLoadData(CUmodule* module, const void* image) {
  return load(module, image, {});
}

GPOOL_CUDA cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* options,
                              void** values) {
  if (count && (!options || !values)) return CUDA_ERROR_INVALID_VALUE;
  return load(module, image, JitOptions(count, options, values));
}

GPOOL_CUDA cuModuleLoadFatBinary(CUmodule* module, const void* image) {
  return load(module, image, {});
}

GPOOL_CUDA cuModuleLoad(CUmodule* module, const char* path) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  std::string bytes;
  GPOOL_CHECK(read_file(path, bytes));
  bytes.resize(std::max<size_t>(bytes.size() + 1, 64));  // ends with NUL; headers may be looked at
  return load(module, bytes.data(), {});
}

GPOOL_CUDA cuModuleUnload(CUmodule handle) {
  ModuleRef module;
  GPOOL_CHECK(find_module(handle, module));
  if (module->of_library) return CUDA_ERROR_NOT_PERMITTED;
  // Kernels that are queued keep the code; unloading waits for them, as a driver that frees their memory must.
  module->context->wait_for_all();
  unload(module);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  GPOOL_CHECK(driver().ready());
  if (!mode) return CUDA_ERROR_INVALID_VALUE;
  *mode = CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
  ModuleRef module;
  GPOOL_CHECK(find_module(handle, module));
  if (!function || !name) return CUDA_ERROR_INVALID_VALUE;
  auto at = module->functions_by_name.find(name);
  if (at == module->functions_by_name.end()) return CUDA_ERROR_NOT_FOUND;
  *function = reinterpret_cast<CUfunction>(module->functions[at->second]->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuModuleGetFunctionCount(unsigned* count, CUmodule handle) {
  ModuleRef module;
  GPOOL_CHECK(find_module(handle, module));
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = static_cast<unsigned>(module->functions.size());
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuModuleEnumerateFunctions(CUfunction* functions, unsigned count, CUmodule handle) {
  ModuleRef module;
  GPOOL_CHECK(find_module(handle, module));
  if (!functions) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count && i < module->functions.size(); ++i) {
    functions[i] = reinterpret_cast<CUfunction>(module->functions[i]->handle);
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuModuleGetGlobal_v2(CUdeviceptr* pointer, size_t* bytes, CUmodule handle, const char* name) {
  ModuleRef module;
  GPOOL_CHECK(find_module(handle, module));
  if (!pointer && !bytes) return CUDA_ERROR_INVALID_VALUE;
  return variable_address(*module, name, pointer, bytes);
}

// --- libraries ---

namespace {

using LibraryRef = std::shared_ptr<Library>;
using KernelRef = std::shared_ptr<KernelHandle>;

CUresult find_library(CUlibrary handle, LibraryRef& library) {
  GPOOL_CHECK(driver().ready());
  library = handles().find<Library>(handle);
  return library ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult find_kernel(CUkernel handle, KernelRef& kernel, LibraryRef& library) {
  GPOOL_CHECK(driver().ready());
  kernel = handles().find<KernelHandle>(handle);
  library = kernel ? kernel->library.lock() : nullptr;
  return library ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult load_library(CUlibrary* handle, const void* image, JitOptions options) {
  GPOOL_CHECK(driver().ready());
  if (!handle || !image) return CUDA_ERROR_INVALID_VALUE;
  auto library = std::make_shared<Library>();
  GPOOL_CHECK(source_of_image(image, library->source));
  std::string problem;
  library->code = library->source.make(problem);
  if (!library->code) {
    log(Level::error, "PTX cannot be loaded: " + problem);
    options.report_error(problem);
    return CUDA_ERROR_INVALID_PTX;
  }
  options.report_success();
  for (size_t i = 0; i < library->code->kernels().size(); ++i) {
    auto kernel = std::make_shared<KernelHandle>();
    kernel->library = library;
    kernel->index = i;
    handles().add(kernel);
    library->kernels.push_back(std::move(kernel));
  }
  handles().add(library);
  *handle = reinterpret_cast<CUlibrary>(library->handle);
  return CUDA_SUCCESS;
}

CUresult module_here(Library& library, ModuleRef& module) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  return module_of(library, context, module);
}

}  // namespace

GPOOL_CUDA cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* options, void** values, unsigned count,
                             CUlibraryOption*, void**, unsigned) {
  return load_library(library, code, JitOptions(count, options, values));
}

GPOOL_CUDA cuLibraryLoadFromFile(CUlibrary* library, const char* path, CUjit_option* options, void** values,
                                 unsigned count, CUlibraryOption*, void**, unsigned) {
  GPOOL_CHECK(driver().ready());
  std::string bytes;
  GPOOL_CHECK(read_file(path, bytes));
  bytes.resize(std::max<size_t>(bytes.size() + 1, 64));
  return load_library(library, bytes.data(), JitOptions(count, options, values));
}

GPOOL_CUDA cuLibraryUnload(CUlibrary handle) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  if (!handles().remove(library->handle)) return CUDA_ERROR_INVALID_HANDLE;
  for (const KernelRef& kernel : library->kernels) handles().remove(kernel->handle);
  std::map<uint64_t, ModuleRef> modules;
  {
    std::lock_guard lock(library->mutex);
    modules.swap(library->modules);
  }
  for (auto& [id, module] : modules) {
    if (module->context->active) module->context->wait_for_all();
    unload(module);
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLibraryGetKernel(CUkernel* kernel, CUlibrary handle, const char* name) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  if (!kernel || !name) return CUDA_ERROR_INVALID_VALUE;
  std::span<const ptx::Kernel> kernels = library->code->kernels();
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (kernels[i].name != name) continue;
    *kernel = reinterpret_cast<CUkernel>(library->kernels[i]->handle);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

GPOOL_CUDA cuLibraryGetKernelCount(unsigned* count, CUlibrary handle) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = static_cast<unsigned>(library->kernels.size());
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLibraryEnumerateKernels(CUkernel* kernels, unsigned count, CUlibrary handle) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  if (!kernels) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count && i < library->kernels.size(); ++i) {
    kernels[i] = reinterpret_cast<CUkernel>(library->kernels[i]->handle);
  }
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLibraryGetModule(CUmodule* handle, CUlibrary library_handle) {
  LibraryRef library;
  GPOOL_CHECK(find_library(library_handle, library));
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  ModuleRef module;
  GPOOL_CHECK(module_here(*library, module));
  *handle = reinterpret_cast<CUmodule>(module->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLibraryGetGlobal(CUdeviceptr* pointer, size_t* bytes, CUlibrary handle, const char* name) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  if (!pointer && !bytes) return CUDA_ERROR_INVALID_VALUE;
  ModuleRef module;
  GPOOL_CHECK(module_here(*library, module));
  return variable_address(*module, name, pointer, bytes);
}

// Managed variables cannot be told from others in PTX without its attributes; none is known here.
GPOOL_CUDA cuLibraryGetManaged(CUdeviceptr*, size_t*, CUlibrary handle, const char* name) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  return name ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuLibraryGetUnifiedFunction(void**, CUlibrary handle, const char* name) {
  LibraryRef library;
  GPOOL_CHECK(find_library(handle, library));
  return name ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_INVALID_VALUE;
}

GPOOL_CUDA cuKernelGetFunction(CUfunction* function, CUkernel handle) {
  KernelRef kernel;
  LibraryRef library;
  GPOOL_CHECK(find_kernel(handle, kernel, library));
  if (!function) return CUDA_ERROR_INVALID_VALUE;
  ModuleRef module;
  GPOOL_CHECK(module_here(*library, module));
  *function = reinterpret_cast<CUfunction>(module->functions[kernel->index]->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuKernelGetLibrary(CUlibrary* handle, CUkernel kernel_handle) {
  KernelRef kernel;
  LibraryRef library;
  GPOOL_CHECK(find_kernel(kernel_handle, kernel, library));
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  *handle = reinterpret_cast<CUlibrary>(library->handle);
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
