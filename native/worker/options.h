// The command line of gpool-workerd.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace gpool::worker {

struct Options {
  std::string node;
  std::string state_folder;
  std::string driver_folder;  // empty: the system's driver
  std::string tcp_host;       // empty: no TCP
  std::string tcp_port;
  std::chrono::seconds linger{60};
  std::chrono::milliseconds grace{30'000};   // for lost connections; 0: none
  std::string image_folder;                  // where images of code are kept; empty: `images` in the state folder
  uint64_t image_bytes = uint64_t{4} << 30;  // at most so many; 0: none are kept
  unsigned warm_workers = 1;                 // kept ready for each GPU
  bool insecure = false;
  bool help = false, version = false;
};

extern const char* const kUsage;
Status parse_options(int argc, char** argv, Options& options);

}  // namespace gpool::worker
