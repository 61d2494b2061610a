// Modules, libraries and what is in them. A module is loaded into one context; a library makes a module in each context
// that uses it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "calls/driver_api.h"
#include "emulator/driver/handles.h"
#include "emulator/ptx/ptx.h"

namespace gpool::emulator {

struct Context;
struct Module;

// What cuFuncSetAttribute changes.
struct FunctionSettings {
  std::atomic<int> max_dynamic_shared{-1};  // -1: what fits beside the static part below 48 KiB
  std::atomic<int> carveout{-1};
  std::atomic<int> cluster[3] = {0, 0, 0};
  std::atomic<int> cluster_required{0}, non_portable{0}, cluster_policy{0};
  std::atomic<int> cache{0};
};

struct Function : Object {
  static constexpr Kind kKind = Kind::function;
  Function() : Object(kKind) {}
  std::weak_ptr<Module> module;
  std::shared_ptr<Context> context;
  std::shared_ptr<ptx::Module> code;
  size_t index = 0;
  bool skipped = false;                        // by the dry run
  std::shared_ptr<FunctionSettings> settings;  // shared with the CUkernel, when there is one
  const ptx::Kernel& kernel() const { return code->kernels()[index]; }
};

struct Library;

// What an image was read as: PTX text, or in a dry run the description of a cubin.
struct Source {
  std::string text;
  std::shared_ptr<ptx::Module> cubin;
  // A module of its own, since addresses are bound into it; null with a sentence when the text does not parse.
  std::shared_ptr<ptx::Module> make(std::string& problem) const { return cubin ? cubin : ptx::parse(text, problem); }
};

struct Module : Object {
  static constexpr Kind kKind = Kind::module;
  Module() : Object(kKind) {}
  std::shared_ptr<Context> context;
  std::shared_ptr<ptx::Module> code;
  std::vector<uint64_t> addresses;  // of variables
  std::vector<uint64_t> blocks;     // memory that it owns
  std::vector<std::shared_ptr<Function>> functions;
  std::map<std::string, size_t> functions_by_name, variables_by_name;
  bool of_library = false;
  ~Module() override;
};

struct KernelHandle : Object {
  static constexpr Kind kKind = Kind::kernel;
  KernelHandle() : Object(kKind) {}
  std::weak_ptr<Library> library;
  size_t index = 0;
  std::map<int, std::shared_ptr<FunctionSettings>> settings;  // per device
};

struct Library : Object {
  static constexpr Kind kKind = Kind::library;
  Library() : Object(kKind) {}
  Source source;
  std::shared_ptr<ptx::Module> code;  // for names and layouts; the first module uses it
  bool code_taken = false;
  std::vector<std::shared_ptr<KernelHandle>> kernels;
  std::mutex mutex;
  std::map<uint64_t, std::shared_ptr<Module>> modules;  // by the id of the context
  std::map<std::string, std::pair<uint64_t, uint64_t>> managed;
};

// A CUfunction, or a CUkernel in the calling thread's context.
CUresult find_function(CUfunction handle, const std::shared_ptr<Context>& context, std::shared_ptr<Function>& function);
CUresult module_of(Library& library, const std::shared_ptr<Context>& context, std::shared_ptr<Module>& module);
void drop_modules_of(Context& context);

// PTX text out of any image; the code that the real driver would give when there is none.
CUresult ptx_of_image(const void* image, std::string& text);
// The same; in a dry run a cubin will do.
CUresult source_of_image(const void* image, Source& source);
CUresult read_file(const char* path, std::string& bytes);

}  // namespace gpool::emulator
