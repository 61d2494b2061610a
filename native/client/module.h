// Loaded code: modules and libraries, their kernels and globals, all from the one record that comes with the load.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/call.h"
#include "client/objects.h"
#include "client/session.h"
#include "wire/module_record.h"

namespace gpool::client {

struct Code;

// As it travels behind wire::ModuleLoad.
struct JitOption {
  uint32_t option = 0, reserved = 0;
  uint64_t value = 0;
};

struct Kernel {
  Code* code = nullptr;
  std::string name;  // zero-terminated: the application may keep the pointer
  wire::Handle function = 0, kernel = 0;
  wire::Handle wire = 0;       // that of the two by which the worker knows it
  Context* context = nullptr;  // of a module; a library's kernel runs in any
  const wire::ParameterRecord* parameters = nullptr;
  uint32_t parameter_count = 0;
  uint32_t parameter_bytes = 0;
  bool gaps = false;  // there are bytes between them that no parameter covers
  std::atomic<int32_t> attributes[wire::kFunctionAttributes] = {};
  std::atomic<int32_t> cache_config{-1};
  std::atomic<uint32_t> changes{0};  // of attributes; answers kept about the kernel are stale then
};

struct Global {
  uint64_t address = 0, bytes = 0;
};

// Kept for ever, so that a launch needs no count of references; unloading takes the handles away.
struct Code {
  wire::Handle handle = 0;
  bool library = false;
  Session* session = nullptr;
  Context* context = nullptr;  // of a module
  std::vector<wire::ParameterRecord> parameters;
  std::unique_ptr<Kernel[]> kernels;
  uint32_t kernel_count = 0;
  std::unordered_map<std::string_view, uint32_t> kernel_by_name;
  std::mutex mutex;
  std::map<std::pair<std::string, uint32_t>, Global>
      globals;                         // by name and device, as they were asked for; under `mutex`
  wire::Handle module_of_library = 0;  // what cuLibraryGetModule handed out
};

// Finds the image, names it by hash, loads it and makes its handles known. `options` are passed on where they are plain
// numbers.
CUresult load_code(Call& call, const void* image, bool library, std::span<const JitOption> options, Code*& code);
// Takes the handles away and tells the worker.
CUresult unload_code(Call& call, Code& code);

// A global by name; the worker is asked once.
CUresult find_global(Call& call, Code& code, const char* name, Global& global);

// The kernel behind a CUfunction or CUkernel; null with the refusal remembered.
Kernel* find_kernel(Call& call, const void* handle);
// The code behind a module or library handle; null with the refusal remembered.
Code* find_code(Call& call, CUmodule module);
Code* find_code(Call& call, CUlibrary library);

// cuLaunchKernel's way: no checks beyond that the handle is one of ours.
inline Kernel* kernel_of(Object* object) {
  return static_cast<Kernel*>(object->data.load(std::memory_order_relaxed));
}

}  // namespace gpool::client
