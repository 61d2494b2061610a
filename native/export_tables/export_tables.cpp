#include "export_tables/export_tables.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "export_tables/context_storage.h"
#include "export_tables/integrity.h"

namespace gpool::export_tables {
namespace {

Host* host = nullptr;

using Word = const void*;

template <typename Function>
Word slot(Function* function) {
  return reinterpret_cast<Word>(function);
}
// Most tables begin with their size in bytes, so that callers can tell which slots exist.
Word size_word(size_t words) {
  return reinterpret_cast<Word>(words * sizeof(Word));
}

// In slots that a caller may take for granted, because the table's size covers them.
CUresult nothing_here() {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult success() {
  return CUDA_SUCCESS;
}

// -- CUDART_INTERFACE: modules and primary contexts
// ---------------------------------------------------------------------

CUresult load_module(CUmodule* module, const void* wrapper) {
  if (module == nullptr || wrapper == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return host->load_module(module, wrapper);
}

CUresult primary_context(CUcontext* context, CUdevice device) {
  if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return host->primary_context(context, device);
}

// The last three arguments were only ever seen as zero; what else they could ask for is not known.
CUresult load_module_from_wrapper(CUmodule* module, const void* wrapper, void* a, void* b, unsigned c) {
  if (a != nullptr || b != nullptr || c != 0) return CUDA_ERROR_NOT_SUPPORTED;
  return load_module(module, wrapper);
}

CUresult load_module_from_header(const void* header, CUmodule* module, void* a, void* b, unsigned c) {
  return load_module_from_wrapper(module, header, a, b, c);
}

void module_hook(void*) {}

// -- tools: none is ever attached
// ---------------------------------------------------------------------------------------

CUresult tools_thread_storage(void** storage) {
  // Callers pass on what they find here, so it must be written.
  if (storage != nullptr) *storage = nullptr;
  return CUDA_SUCCESS;
}

// Which callbacks a tool has switched on: words that stay zero. Old runtimes read the word at byte 0x50 of the second.
uint32_t enabled_callbacks[1024];
uint32_t enabled_domains[32];

void callback_table(void** words, size_t* count) {
  if (words != nullptr) *words = enabled_callbacks;
  if (count != nullptr) *count = 1024;
}
void domain_table(void** words, size_t* count) {
  if (words != nullptr) *words = enabled_domains;
  if (count != nullptr) *count = 14;
}

CUresult tool_attached(void* thread_storage, uint64_t* attached) {
  if (attached == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *attached = thread_storage != nullptr;
  return CUDA_SUCCESS;
}
CUresult tool_value(void* subject, uint64_t* value) {
  if (subject == nullptr || value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *value = 0;
  return CUDA_SUCCESS;
}
uint64_t tool_object_words[64];
CUresult tool_object(void* subject, void** object) {
  if (object == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (reinterpret_cast<uintptr_t>(subject) == UINTPTR_MAX) return CUDA_ERROR_INVALID_HANDLE;
  *object = tool_object_words;
  return CUDA_SUCCESS;
}

// -- CONTEXT_LOCAL_STORAGE
// ----------------------------------------------------------------------------------------------

// Null and -1 mean the calling thread's current context.
CUcontext context_or_current(CUcontext context) {
  if (context != nullptr && reinterpret_cast<intptr_t>(context) != -1) return context;
  return host->current_context();
}

CUresult storage_put(CUcontext context, void* key, void* value, StorageDestructor destructor) {
  context = context_or_current(context);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  ContextStorage::put(context, key, value, destructor);
  return CUDA_SUCCESS;
}

CUresult storage_delete(CUcontext context, void* key) {
  context = context_or_current(context);
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  return ContextStorage::erase(context, key) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult storage_get(void** value, CUcontext context, void* key) {
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // A runtime tells by this error that it has not been here before.
  context = context_or_current(context);
  if (context == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return ContextStorage::find(context, key, value) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// -- CONTEXT_CHECKS: no context of ours is a wrapped one
// ----------------------------------------------------------------

CUresult is_wrapped(CUcontext, uint32_t* flag, void**) {
  if (flag == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flag = 0;
  return CUDA_SUCCESS;
}
uint32_t no_checks() {
  return 0;
}

// Our log shows nothing of what the runtime would like to mute.
void mute_error_log(uint32_t) {}

CUresult integrity_check(uint32_t version, uint64_t seconds, void* answer);

// -- the tables
// ---------------------------------------------------------------------------------------------------------

const Word cudart_interface[13] = {size_word(13),
                                   slot(load_module),
                                   slot(primary_context),
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   slot(load_module_from_wrapper),
                                   slot(module_hook),
                                   slot(load_module_from_header),
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   slot(success)};
const Word tools_tls[4] = {size_word(4), slot(success), slot(tools_thread_storage), slot(success)};
const Word tools_callbacks[7] = {size_word(7),  slot(success), slot(callback_table), slot(success),
                                 slot(success), slot(success), slot(domain_table)};
// The only table without a size; a null word ends it.
const Word context_storage[4] = {slot(storage_put), slot(storage_delete), slot(storage_get), nullptr};
const Word integrity[3] = {size_word(3), slot(integrity_check), slot(nothing_here)};
const Word context_checks[4] = {size_word(4), slot(success), slot(is_wrapped), slot(no_checks)};
const Word error_log[3] = {size_word(3), slot(success), slot(mute_error_log)};
const Word context_create[2] = {size_word(2), slot(nothing_here)};
const Word heap_access[3] = {size_word(3), slot(nothing_here), slot(nothing_here)};

// CUPTI calls itself without end when this table is missing, and crashes the program; with nothing in it, it answers
// CUPTI_ERROR_UNKNOWN, and profilers go on without it.
const Word profiler[1] = {size_word(1)};

// cuBLASLt asks 4 before every product. 39 and 51 are asked by libraries that rely on the size of a native table.
struct ToolsState {
  Word words[52];
  ToolsState() {
    for (Word& word : words) word = slot(nothing_here);
    words[0] = size_word(52);
    words[4] = slot(tool_attached);
    words[39] = slot(tool_value);
    words[51] = slot(tool_object);
  }
};

CUresult integrity_check(uint32_t version, uint64_t seconds, void* answer) {
  if (answer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  IntegrityFacts facts{};
  facts.driver_version = static_cast<uint32_t>(host->driver_version());
  facts.version = version;
  facts.process = static_cast<uint32_t>(getpid());
  facts.thread = static_cast<uint32_t>(pthread_self());
  facts.interface_table = reinterpret_cast<uint64_t>(cudart_interface);
  facts.integrity_table = reinterpret_cast<uint64_t>(integrity);
  facts.integrity_function = reinterpret_cast<uint64_t>(integrity[1]);
  facts.seconds = seconds;
  std::vector<DeviceIdentity> devices(static_cast<size_t>(std::max(host->device_count(), 0)));
  for (size_t i = 0; i < devices.size(); ++i) {
    if (!host->device(static_cast<int>(i), &devices[i])) return CUDA_ERROR_INVALID_DEVICE;
  }
  Digest digest = integrity_answer(facts, devices);
  std::memcpy(answer, digest.data(), digest.size());
  return CUDA_SUCCESS;
}

struct Named {
  uint8_t id[16];
  const Word* table;
};

const Word* find(const CUuuid& id) {
  static const ToolsState tools_state;
  static const Named kTables[] = {
      {{0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9},
       cudart_interface},
      {{0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47, 0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc}, tools_tls},
      {{0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66},
       tools_callbacks},
      {{0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11, 0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93},
       context_storage},
      {{0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2}, integrity},
      {{0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43, 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e},
       context_checks},
      {{0xf8, 0xcf, 0xf9, 0x51, 0x21, 0x46, 0x8b, 0x4e, 0xb9, 0xe2, 0xfb, 0x46, 0x9e, 0x7c, 0x0d, 0xd9}, error_log},
      {{0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48, 0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2},
       tools_state.words},
      {{0x0c, 0xa5, 0x0b, 0x8c, 0x10, 0x04, 0x92, 0x9a, 0x89, 0xa7, 0xd0, 0xdf, 0x10, 0xe7, 0x72, 0x86},
       context_create},
      {{0x19, 0x5b, 0xcb, 0xf4, 0xd6, 0x7d, 0x02, 0x4a, 0xac, 0xc5, 0x1d, 0x29, 0xce, 0xa6, 0x31, 0xae}, heap_access},
      {{0x7c, 0xb6, 0x3f, 0x9b, 0x9c, 0xa4, 0x8e, 0x42, 0xa4, 0x84, 0xbe, 0xb6, 0x6e, 0x6a, 0xed, 0x7f}, profiler},
  };
  for (const Named& named : kTables) {
    if (std::memcmp(named.id, id.bytes, sizeof(named.id)) == 0) return named.table;
  }
  return nullptr;
}

bool switched_off() {
  static const bool off = [] {
    const char* value = std::getenv("GPOOL_RUNTIME_TABLES");
    return value != nullptr && std::string_view(value) == "off";
  }();
  return off;
}

}  // namespace

void serve(Host& server) {
  host = &server;
}

CUresult get(const void** table, const CUuuid* id) {
  if (table == nullptr || id == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *table = host == nullptr || switched_off() ? nullptr : find(*id);
  return *table != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void context_ended(CUcontext context) {
  ContextStorage::end(context);
}

}  // namespace gpool::export_tables
