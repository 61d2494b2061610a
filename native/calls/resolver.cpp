#include "calls/resolver.h"

#include <algorithm>
#include <string_view>

namespace gpool::calls {
namespace {

constexpr int kFiveArgumentVersion = 12000;

struct Found {
  void* address = nullptr;
  bool known = false;  // the name exists, in whatever version
};

Found find(std::string_view symbol, int version, bool per_thread) {
  std::span<const VersionRow> rows = version_rows();
  auto [first, last] = std::equal_range(rows.begin(), rows.end(), symbol, [](const auto& a, const auto& b) {
    auto base = [](const auto& x) {
      if constexpr (requires { x.base; }) {
        return std::string_view(x.base);
      } else {
        return x;
      }
    };
    return base(a) < base(b);
  });
  Found found{nullptr, first != last};
  // Plain rows come first, each flavour in the order of age: the last that fits is the newest, per-thread where there
  // is one.
  for (auto row = first; row != last; ++row) {
    if (row->version <= version && (per_thread || !row->per_thread)) found.address = row->address;
  }
  return found;
}

}  // namespace

CUresult resolve(const char* symbol, void** pfn, int version, cuuint64_t flags,
                 CUdriverProcAddressQueryResult* status) {
  constexpr cuuint64_t kAll = CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
  if (symbol == nullptr || pfn == nullptr || (flags & ~kAll) != 0) return CUDA_ERROR_INVALID_VALUE;
  // CUDA runtimes from 12.0 on begin with an empty name and only look at whether it is answered.
  if (*symbol == '\0') symbol = "cuGetProcAddress", version = kFiveArgumentVersion;
  Found found = find(symbol, version, flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
  *pfn = found.address;
  if (status != nullptr) {
    *status = found.address ? CU_GET_PROC_ADDRESS_SUCCESS
              : found.known ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                            : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  return CUDA_SUCCESS;
}

CUresult resolve_v1(const char* symbol, void** pfn, int version, cuuint64_t flags) {
  if (pfn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  void* address = nullptr;
  if (CUresult result = resolve(symbol, &address, version, flags, nullptr); result != CUDA_SUCCESS) return result;
  if (address == nullptr) return CUDA_ERROR_NOT_FOUND;
  *pfn = address;
  return CUDA_SUCCESS;
}

}  // namespace gpool::calls
