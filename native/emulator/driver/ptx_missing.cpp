#include "emulator/ptx/ptx.h"
namespace gpool::ptx {
struct Engine::State {};
Engine::Engine(unsigned) {}
Engine::~Engine() = default;
Fault Engine::run(Module&, size_t, const Launch&, const Hooks&) { return {Fault::Kind::illegal_instruction, "no machine"}; }
std::shared_ptr<Module> parse(std::string_view, std::string& error) { error = "no machine"; return nullptr; }
}
