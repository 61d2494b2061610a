#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "measures.h"

int main(int count, char** arguments) {
  using namespace gpool::bench;
  const char* what = count > 1 ? arguments[1] : "";
  try {
    if (std::strcmp(what, "calls") == 0) {
      price_calls();
    } else if (std::strcmp(what, "launches") == 0 && count == 3) {
      price_launches(std::atoi(arguments[2]));
    } else if (std::strcmp(what, "copies") == 0) {
      price_copies();
    } else if (std::strcmp(what, "allocation") == 0) {
      price_allocation();
    } else if (std::strcmp(what, "module") == 0 && count == 4) {
      price_module(arguments[2], std::strtoull(arguments[3], nullptr, 10));
    } else if (std::strcmp(what, "start") == 0) {
      price_start();
    } else if (std::strcmp(what, "socket") == 0) {
      price_socket();
    } else {
      std::fprintf(stderr,
                   "usage: %s calls | launches COUNT | copies | allocation | module NAME BYTES | start | socket\n",
                   arguments[0]);
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.what());
    return 1;
  }
  return 0;
}
