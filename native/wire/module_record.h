// All that the client answers about a loaded module without asking again: the reply to Message::module_load, or its
// first kBulkPieceBytes, when the client asks for the others (Message::module_record). Its head says how long it is.
//
//   ModuleRecordHead | KernelRecord × kernels | ParameterRecord × parameters | GlobalRecord × globals | names (bytes)
//
// Names are (offset, length) into the trailing bytes, without a terminating zero.
#pragma once

#include <cstdint>

namespace gpool::wire {

inline constexpr uint32_t kFunctionAttributes = 16;  // CUfunction_attribute 0…15

inline constexpr uint64_t kMaxRecordBytes = uint64_t{256} << 20;  // a million kernels; the client takes no longer one

struct ModuleRecordHead {
  uint32_t kernels;
  uint32_t parameters;
  uint32_t globals;
  uint32_t name_bytes;
};

struct KernelRecord {
  uint32_t name_offset, name_length;
  uint32_t first_parameter, parameter_count;
  uint32_t parameter_bytes;  // size of the packed buffer
  uint32_t number;           // of the kernel in its module: function handles are minted by the client and named in
                             // frames as Handle(kind function|kernel); see function_index below
  int32_t attributes[kFunctionAttributes];  // of the session's device 0, or of the module's context
};

struct ParameterRecord {
  uint32_t offset, bytes;
};

struct GlobalRecord {
  uint32_t name_offset, name_length;
  uint64_t address;  // on the device of the module's context; for a library: on the session's device 0
  uint64_t bytes;
};

constexpr uint64_t record_bytes(const ModuleRecordHead& head) {
  return sizeof(ModuleRecordHead) + uint64_t{head.kernels} * sizeof(KernelRecord) +
         uint64_t{head.parameters} * sizeof(ParameterRecord) + uint64_t{head.globals} * sizeof(GlobalRecord) +
         head.name_bytes;
}

// The worker binds the handles of a module's kernels itself, so that finding a function costs no message. Kernel
// `number` of a module whose handle has the index `m` is the handle
//   make_handle(Kind::function or Kind::kernel, session, generation of the module, function_base(m) + number)
// where function_base is dense: the client counts kernels of loaded modules per session in the order of their load
// replies, and so does the worker (bases are never reused within a session).

}  // namespace gpool::wire
