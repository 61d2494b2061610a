// Runs kernels from PTX text for tests: many cases in one process. Commands come as lines on standard input, each is
// answered by one line on standard output ("ok …" or "error …").
//
//   load ID FILE                  parse a file; "ok VERSION TARGET KERNELS"
//   kernels ID                    "ok NAME;PARAMETERS;SHARED;LOCAL;MAXTHREADS …", space-separated
//   why ID KERNEL                 "ok" or "ok SENTENCE"
//   buffer NAME BYTES [ro]        zeroed device memory, 256-byte aligned, with a guard page behind and before
//   write NAME FILE | read NAME FILE
//   drop NAME
//   variables ID                  places all variables; "ok NAME:BYTES …"; needed before run when there are any
//   run ID KERNEL GX GY GZ BX BY BZ SHARED COOPERATIVE ARGUMENT…
//       ARGUMENT: p:NAME[+offset] (pointer), or x:HEX (bytes of a value)
//       answers "ok", or "fault KIND SENTENCE"
//   output                        what the kernels printed since the last time, in hexadecimal
//   stop_after N                  Hooks::stop answers true from its N-th call on (0: never)
//   quit
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ptx.h"

namespace {

using namespace gpool::ptx;

struct Buffer {
  std::byte* map = nullptr;
  size_t mapped = 0;
  uint64_t begin = 0, bytes = 0;
  bool writable = true;
};

class Runner {
 public:
  explicit Runner(unsigned threads) : engine_(threads) {}

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "load") return load(words);
    if (command == "kernels") return kernels(words);
    if (command == "why") return why(words);
    if (command == "buffer") return buffer(words);
    if (command == "write") return transfer(words, true);
    if (command == "read") return transfer(words, false);
    if (command == "drop") return drop(words);
    if (command == "variables") return variables(words);
    if (command == "run") return run(words);
    if (command == "output") return output();
    if (command == "stop_after") {
      words >> stop_after_;
      polls_ = 0;
      return "ok";
    }
    return "error unknown command " + command;
  }

 private:
  std::string load(std::istringstream& words) {
    std::string id, file;
    words >> id >> file;
    std::ifstream stream(file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    std::string error;
    auto begin = std::chrono::steady_clock::now();
    auto module = parse(text, error);
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    if (!module) return "error " + error;
    modules_[id] = module;
    return "ok " + std::to_string(module->version()) + " " + std::to_string(module->target()) + " " +
           std::to_string(module->kernels().size()) + " " + std::to_string(spent.count());
  }

  Module* find(const std::string& id) {
    auto found = modules_.find(id);
    return found == modules_.end() ? nullptr : found->second.get();
  }
  static int index_of(Module& module, const std::string& name) {
    for (size_t i = 0; i < module.kernels().size(); ++i) {
      if (module.kernels()[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }

  std::string kernels(std::istringstream& words) {
    std::string id, out = "ok";
    words >> id;
    Module* module = find(id);
    if (!module) return "error no module " + id;
    for (const Kernel& kernel : module->kernels()) {
      out += " " + kernel.name + ";" + std::to_string(kernel.parameter_bytes) + ";" +
             std::to_string(kernel.shared_bytes) + ";" + std::to_string(kernel.local_bytes) + ";" +
             std::to_string(kernel.max_threads);
    }
    return out;
  }

  std::string why(std::istringstream& words) {
    std::string id, name;
    words >> id >> name;
    Module* module = find(id);
    int index = module ? index_of(*module, name) : -1;
    if (index < 0) return "error no kernel " + name;
    return "ok " + module->why_not(static_cast<size_t>(index));
  }

  // The end of the buffer lies at a page that cannot be touched, so a missing check cannot stay unseen.
  Buffer make(uint64_t bytes, bool writable) {
    const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const uint64_t inner = (bytes + 255 + page) / page * page;
    Buffer buffer;
    buffer.mapped = inner + 2 * page;
    buffer.map = static_cast<std::byte*>(mmap(nullptr, buffer.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(buffer.map + page, inner, PROT_READ | PROT_WRITE);
    buffer.begin = reinterpret_cast<uint64_t>(buffer.map) + page + (inner - (bytes + 255) / 256 * 256);
    buffer.bytes = bytes;
    buffer.writable = writable;
    return buffer;
  }

  std::string buffer(std::istringstream& words) {
    std::string name, mode;
    uint64_t bytes = 0;
    words >> name >> bytes >> mode;
    if (buffers_.count(name)) return "error buffer " + name + " exists";
    buffers_[name] = make(bytes, mode != "ro");
    return "ok " + std::to_string(buffers_[name].begin);
  }

  std::string drop(std::istringstream& words) {
    std::string name;
    words >> name;
    auto found = buffers_.find(name);
    if (found == buffers_.end()) return "error no buffer " + name;
    munmap(found->second.map, found->second.mapped);
    buffers_.erase(found);
    return "ok";
  }

  std::string transfer(std::istringstream& words, bool write) {
    std::string name, file;
    words >> name >> file;
    auto found = buffers_.find(name);
    if (found == buffers_.end()) return "error no buffer " + name;
    char* memory = reinterpret_cast<char*>(found->second.begin);
    if (write) {
      std::ifstream stream(file, std::ios::binary);
      stream.read(memory, static_cast<std::streamsize>(found->second.bytes));
      return "ok " + std::to_string(stream.gcount());
    }
    std::ofstream stream(file, std::ios::binary);
    stream.write(memory, static_cast<std::streamsize>(found->second.bytes));
    return stream ? "ok" : "error cannot write " + file;
  }

  std::string variables(std::istringstream& words) {
    std::string id, out = "ok";
    words >> id;
    Module* module = find(id);
    if (!module) return "error no module " + id;
    std::vector<uint64_t> addresses;
    std::map<std::string, uint64_t> by_name;
    for (const Variable& variable : module->variables()) {
      Buffer& buffer = buffers_[id + "." + variable.name] = make(variable.bytes, !variable.constant);
      if (!variable.initial.empty())
        std::memcpy(reinterpret_cast<void*>(buffer.begin), variable.initial.data(), variable.bytes);
      addresses.push_back(buffer.begin);
      by_name[variable.name] = buffer.begin;
      out += " " + variable.name + ":" + std::to_string(variable.bytes);
    }
    for (const Variable& variable : module->variables()) {
      for (const Relocation& relocation : variable.relocations) {
        if (!by_name.count(relocation.symbol)) return "error no symbol " + relocation.symbol;
        uint64_t address = by_name[relocation.symbol] + static_cast<uint64_t>(relocation.addend);
        std::memcpy(reinterpret_cast<void*>(by_name[variable.name] + relocation.offset), &address, 8);
      }
    }
    module->bind(addresses);
    return out;
  }

  std::string run(std::istringstream& words) {
    std::string id, name;
    words >> id >> name;
    Module* module = find(id);
    int index = module ? index_of(*module, name) : -1;
    if (index < 0) return "error no kernel " + name;
    const Kernel& kernel = module->kernels()[static_cast<size_t>(index)];
    Launch launch;
    int cooperative = 0;
    for (uint32_t& n : launch.grid) words >> n;
    for (uint32_t& n : launch.block) words >> n;
    words >> launch.dynamic_shared_bytes >> cooperative;
    launch.cooperative = cooperative;
    std::vector<std::byte> parameters(kernel.parameter_bytes);
    std::string argument;
    for (size_t i = 0; words >> argument; ++i) {
      if (i >= kernel.parameters.size()) return "error too many arguments";
      std::vector<unsigned char> bytes;
      if (argument.starts_with("p:")) {
        size_t plus = argument.find('+');
        auto found = buffers_.find(argument.substr(2, plus == std::string::npos ? plus : plus - 2));
        if (found == buffers_.end()) return "error no buffer in " + argument;
        uint64_t address = found->second.begin;
        if (plus != std::string::npos) address += static_cast<uint64_t>(std::stoll(argument.substr(plus + 1)));
        bytes.resize(8);
        std::memcpy(bytes.data(), &address, 8);
      } else {
        for (size_t at = 2; at + 1 < argument.size(); at += 2) {
          bytes.push_back(static_cast<unsigned char>(std::stoul(argument.substr(at, 2), nullptr, 16)));
        }
      }
      if (bytes.size() != kernel.parameters[i].bytes)
        return "error argument " + std::to_string(i) + " has the wrong size";
      std::memcpy(parameters.data() + kernel.parameters[i].offset, bytes.data(), bytes.size());
    }
    launch.parameters = parameters;
    auto regions = std::make_shared<std::vector<Region>>();
    for (const auto& [key, buffer] : buffers_)
      regions->push_back({buffer.begin, buffer.begin + buffer.bytes, buffer.writable});
    std::sort(regions->begin(), regions->end(), [](const Region& a, const Region& b) { return a.begin < b.begin; });
    launch.regions = regions;
    Hooks hooks;
    hooks.print = [this](std::string_view text) { printed_ += text; };
    hooks.allocate = [this](uint64_t bytes) {
      Buffer buffer = make(bytes, true);
      heap_[buffer.begin] = buffer;
      return buffer.begin;
    };
    hooks.free = [this](uint64_t address) {
      auto found = heap_.find(address);
      if (found == heap_.end()) return;
      munmap(found->second.map, found->second.mapped);
      heap_.erase(found);
    };
    hooks.stop = [this] { return stop_after_ && ++polls_ >= stop_after_; };
    auto begin = std::chrono::steady_clock::now();
    Fault fault = engine_.run(*module, static_cast<size_t>(index), launch, hooks);
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    if (fault.kind == Fault::Kind::none) return "ok " + std::to_string(spent.count());
    constexpr const char* kKinds[] = {"none",    "illegal_address", "misaligned_address",
                                      "trap",    "assert_failed",   "illegal_instruction",
                                      "timeout", "stopped"};
    return std::string("fault ") + kKinds[static_cast<int>(fault.kind)] + " " + fault.sentence;
  }

  std::string output() {
    std::string out = "ok ";
    for (unsigned char c : printed_) {
      char hex[3];
      std::snprintf(hex, sizeof hex, "%02x", c);
      out += hex;
    }
    printed_.clear();
    return out;
  }

  Engine engine_;
  std::map<std::string, std::shared_ptr<Module>> modules_;
  std::map<std::string, Buffer> buffers_;
  std::map<uint64_t, Buffer> heap_;
  std::string printed_;
  uint64_t stop_after_ = 0;
  std::atomic<uint64_t> polls_{0};
};

}  // namespace

int main(int count, char** arguments) {
  Runner runner(count > 1 ? static_cast<unsigned>(std::atoi(arguments[1])) : 2);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "quit") break;
    std::string answer;
    try {
      answer = runner.answer(line);
    } catch (const std::exception& error) {
      answer = std::string("error ") + error.what();
    }
    std::cout << answer << std::endl;
  }
}
