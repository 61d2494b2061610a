// cuLink*: several PTX texts become one. Only directives at the head differ between them, and declarations that another
// input defines; the result is PTX text, which cuModuleLoadData accepts like a cubin.
#include "emulator/driver/link.h"

#include <cstdio>
#include <set>

#include "calls/driver_api.h"
#include "emulator/driver/context.h"
#include "emulator/driver/device_runtime.h"
#include "emulator/driver/driver.h"
#include "emulator/driver/handles.h"
#include "emulator/driver/jit_options.h"
#include "emulator/driver/log.h"
#include "emulator/driver/module.h"

namespace gpool::emulator {
namespace {

struct Link : Object {
  static constexpr Kind kKind = Kind::link;
  Link() : Object(kKind) {}
  std::mutex mutex;
  std::vector<std::string> inputs;
  std::string result;
  JitOptions options;
};

CUresult find_link(CUlinkState handle, std::shared_ptr<Link>& link) {
  GPOOL_CHECK(driver().ready());
  link = handles().find<Link>(handle);
  return link ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult add(CUlinkState state, CUjitInputType type, std::string bytes) {
  std::shared_ptr<Link> link;
  GPOOL_CHECK(find_link(state, link));
  if (type >= CU_JIT_NUM_INPUT_TYPES) return CUDA_ERROR_INVALID_VALUE;
  // Libraries of machine code (cudadevrt) cannot be taken apart. What is commonly used of them is added when the link
  // is completed (device_runtime.h); the rest shows as a missing symbol.
  if (type == CU_JIT_INPUT_LIBRARY || type == CU_JIT_INPUT_OBJECT) {
    log(Level::warn, "cuLinkAdd: an object or library of machine code is left out; the emulated GPU runs PTX only");
    return CUDA_SUCCESS;
  }
  bytes.resize(std::max<size_t>(bytes.size() + 1, 64));
  std::string text;
  GPOOL_CHECK(ptx_of_image(bytes.data(), text));
  std::lock_guard lock(link->mutex);
  if (!link->result.empty()) return CUDA_ERROR_INVALID_VALUE;  // already completed
  link->inputs.push_back(std::move(text));
  return CUDA_SUCCESS;
}

CUresult create(unsigned count, CUjit_option* options, void** values, CUlinkState* state) {
  ContextRef context;
  GPOOL_CHECK(current_context(context));
  if (!state || (count && (!options || !values))) return CUDA_ERROR_INVALID_VALUE;
  auto link = std::make_shared<Link>();
  link->options = JitOptions(count, options, values);
  handles().add(link);
  *state = reinterpret_cast<CUlinkState>(link->handle);
  return CUDA_SUCCESS;
}

}  // namespace

GPOOL_CUDA cuLinkCreate_v2(unsigned count, CUjit_option* options, void** values, CUlinkState* state) {
  return create(count, options, values, state);
}
GPOOL_CUDA cuLinkCreate(unsigned count, CUjit_option* options, void** values, CUlinkState* state) {
  return create(count, options, values, state);
}

GPOOL_CUDA cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t bytes, const char*, unsigned,
                            CUjit_option*, void**) {
  GPOOL_CHECK(driver().ready());
  if (!data || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  return add(state, type, std::string(static_cast<const char*>(data), bytes));
}
GPOOL_CUDA cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t bytes, const char* name,
                         unsigned count, CUjit_option* options, void** values) {
  return cuLinkAddData_v2(state, type, data, bytes, name, count, options, values);
}

GPOOL_CUDA cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned, CUjit_option*, void**) {
  GPOOL_CHECK(driver().ready());
  std::string bytes;
  GPOOL_CHECK(read_file(path, bytes));
  return add(state, type, std::move(bytes));
}
GPOOL_CUDA cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned count,
                         CUjit_option* options, void** values) {
  return cuLinkAddFile_v2(state, type, path, count, options, values);
}

GPOOL_CUDA cuLinkComplete(CUlinkState state, void** image, size_t* bytes) {
  std::shared_ptr<Link> link;
  GPOOL_CHECK(find_link(state, link));
  if (!image) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(link->mutex);
  if (link->inputs.empty()) return CUDA_ERROR_INVALID_VALUE;
  if (link->result.empty()) {
    add_device_runtime(link->inputs);
    std::string merged = merge_ptx(link->inputs), problem;
    if (!ptx::parse(merged, problem)) {
      log(Level::error, "linked PTX cannot be loaded: " + problem);
      link->options.report_error(problem);
      return CUDA_ERROR_INVALID_PTX;
    }
    link->options.report_success();
    link->result = std::move(merged);
  }
  *image = link->result.data();
  if (bytes) *bytes = link->result.size() + 1;  // with the NUL byte
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuLinkDestroy(CUlinkState state) {
  std::shared_ptr<Link> link;
  GPOOL_CHECK(find_link(state, link));
  return handles().remove(link->handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace gpool::emulator
