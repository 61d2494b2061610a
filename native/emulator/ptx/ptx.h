// The seam between the emulated driver (native/emulator/driver) and the PTX machine (native/emulator/ptx): parse a
// module, ask what is in it, run a kernel. No CUDA types, no streams, no handles here.
//
// Device addresses are host addresses. What a kernel may touch is said per launch (Regions); everything else is a
// fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpool::ptx {

struct Parameter {
  uint32_t offset, bytes;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameter_bytes = 0;
  uint32_t shared_bytes = 0;               // static
  uint32_t local_bytes = 0;                // per thread
  uint32_t registers = 0;                  // a plausible number, for attributes
  uint32_t max_threads = 1024;             // from .maxntid, or 1024
  uint32_t required_block[3] = {0, 0, 0};  // from .reqntid
};

struct Relocation {
  uint64_t offset;     // of an 8-byte word in the variable
  std::string symbol;  // variable (or function) whose address it holds
  int64_t addend = 0;
  bool generic = true;
};

// A .global or .const variable of module scope.
struct Variable {
  std::string name;
  uint64_t bytes = 0;
  uint32_t alignment = 1;
  bool constant = false;
  bool external = false;
  std::vector<std::byte> initial;  // empty, or `bytes` long
  std::vector<Relocation> relocations;
};

class Module {
 public:
  virtual ~Module() = default;
  virtual std::span<const Kernel> kernels() const = 0;
  virtual std::span<const Variable> variables() const = 0;
  // The device address of each variable, in order; before the first launch. The driver has copied `initial` there; it
  // resolves relocations itself with the same addresses.
  virtual void bind(std::span<const uint64_t> addresses) = 0;
  // Empty when kernel `index` can run; else why not, with the PTX line ("line 812: unknown instruction 'wgmma…'").
  // Compiles the kernel on first use; thread-safe.
  virtual std::string why_not(size_t index) = 0;
  virtual int version() const = 0;  // .version, for example 93; 0: this is machine code
  virtual int target() const = 0;   // .target, for example 121; of machine code: its architecture
};

// nullptr and a sentence with the line when the text is no PTX. Instructions that are not known do not fail here: they
// mark their kernel (why_not).
std::shared_ptr<Module> parse(std::string_view text, std::string& error);

// Address ranges that a kernel may touch, sorted, not overlapping. Shared and local memory come on top by themselves.
struct Region {
  uint64_t begin, end;
  bool writable = true;
};
using Regions = std::shared_ptr<const std::vector<Region>>;

struct Launch {
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t dynamic_shared_bytes = 0;
  std::span<const std::byte> parameters;  // packed by Kernel::parameters
  bool cooperative = false;
  Regions regions;
};

struct Fault {
  enum class Kind : uint8_t {
    none,
    illegal_address,
    misaligned_address,
    trap,
    assert_failed,
    illegal_instruction,
    timeout,
    stopped
  };
  Kind kind = Kind::none;
  std::string sentence;  // kernel, PTX line, block, thread, address
};

struct Hooks {
  std::function<void(std::string_view)> print;       // device printf and assert, complete lines or pieces
  std::function<uint64_t(uint64_t bytes)> allocate;  // device malloc; 0: out of memory
  std::function<void(uint64_t address)> free;        // device free
  std::function<bool()> stop;                        // polled now and then; true ends the launch (stopped)
};

// Runs kernels on `threads` host threads; several launches may run at the same time and share them.
class Engine {
 public:
  explicit Engine(unsigned threads);  // 0: one per core
  ~Engine();
  // Blocks until the grid is done or has faulted. Callable from several threads.
  Fault run(Module& module, size_t kernel, const Launch& launch, const Hooks& hooks);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpool::ptx
