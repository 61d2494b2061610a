// From the text of a kernel (and of the functions it reaches) to a Program.
#pragma once

#include "module.h"

namespace gpool::ptx {

// Always returns a Program; one that cannot run says why in why_not.
void compile(const ModuleText& module, uint32_t kernel_function, Program& out);

}  // namespace gpool::ptx
