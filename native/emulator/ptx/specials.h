// Special registers by their names.
#pragma once

#include <string_view>

#include "program.h"

namespace gpool::ptx {

struct SpecialName {
  std::string_view name;
  Special which;
  uint8_t bytes;
};
// nullptr: there is none of this name. %envreg<n> are not among them.
const SpecialName* find_special(std::string_view name);

}  // namespace gpool::ptx
