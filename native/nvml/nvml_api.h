// nvml.h with every function as itself: no macro that turns nvmlInit into nvmlInit_v2. Include it instead of <nvml.h>.
#pragma once

#define NVML_NO_UNVERSIONED_FUNC_DEFS
// Everything else of the library is hidden; these names are what it exists for.
#pragma GCC visibility push(default)
#include <nvml.h>
#pragma GCC visibility pop
