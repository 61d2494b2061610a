#include "worker/options.h"

#include <cstdlib>

namespace gpool::worker {

const char* const kUsage =
    "usage: gpool-workerd --node NAME --state DIR [--driver DIR] --tcp HOST:PORT|off [--linger SECONDS]\n"
    "       [--grace SECONDS] [--insecure] [--image-cache DIR] [--image-cache-bytes BYTES] [--warm-workers N]\n"
    "\n"
    "Accepts sessions on DIR/workerd.sock (shared memory) and on HOST:PORT (TCP; port 0: any), checks their tickets "
    "and\n"
    "runs one worker process for each. The node's agent directs it over DIR/control.sock.\n"
    "\n"
    "  --node NAME      this node's name, as tickets spell it\n"
    "  --state DIR      folder for sockets, pid file and ledgers; made with mode 0700\n"
    "  --driver DIR     folder with the libcuda.so.1 that workers load (default: the system's)\n"
    "  --tcp HOST:PORT  where to listen, or off\n"
    "  --image-cache DIR  where images of code are kept, so that the next program that loads them does not send them\n"
    "                   again (default: images in the state folder); made with mode 0700\n"
    "  --image-cache-bytes BYTES\n"
    "                   at most so many; what was used longest ago goes (default 4294967296; 0: nothing is kept)\n"
    "  --warm-workers N workers that are kept ready for each GPU, each with a CUDA context in the GPU's memory\n"
    "                   (default 1; 0: none)\n"
    "  --linger SECONDS ends after so long without an agent and without sessions (default 60; 0: never)\n"
    "  --grace SECONDS  a TCP client that lost its connection may come back for so long (default 30; 0: never)\n"
    "  --insecure       sessions need no ticket: all GPUs, no limits. For tests, on this machine only\n";

namespace {

constexpr size_t kLongestPath = 500;  // what a grant has room for

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

bool is_number(const std::string& text, size_t most_digits) {
  return !text.empty() && text.size() <= most_digits && text.find_first_not_of("0123456789") == std::string::npos;
}

Status parse_tcp(const std::string& text, Options& options) {
  if (text == "off") return Status::ok();
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size() ||
      text.find_first_not_of("0123456789", colon + 1) != std::string::npos || text.size() - colon > 6 ||
      std::atol(text.c_str() + colon + 1) > 65535)
    return Status::failed("--tcp " + text + " is not an address; write HOST:PORT, or off.");
  options.tcp_host = text.substr(0, colon);
  options.tcp_port = text.substr(colon + 1);
  std::string& host = options.tcp_host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Status::ok();
}

}  // namespace

Status parse_options(int argc, char** argv, Options& options) {
  bool tcp_given = false;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") return options.help = true, Status::ok();
    if (name == "--version") return options.version = true, Status::ok();
    if (name == "--insecure") {
      options.insecure = true;
      continue;
    }
    if (name != "--node" && name != "--state" && name != "--driver" && name != "--tcp" && name != "--linger" &&
        name != "--grace" && name != "--image-cache" && name != "--image-cache-bytes" && name != "--warm-workers")
      return Status::failed("There is no option " + name + "; see gpool-workerd --help.");
    if (++i == argc) return Status::failed(name + " needs a value; see gpool-workerd --help.");
    std::string value = argv[i];
    if (name == "--node") options.node = value;
    if (name == "--state") options.state_folder = value;
    if (name == "--driver") options.driver_folder = value;
    if (name == "--tcp") {
      tcp_given = true;
      if (Status status = parse_tcp(value, options); !status) return status;
    }
    if (name == "--image-cache") options.image_folder = value;
    if (name == "--linger" || name == "--grace") {
      if (!is_number(value, 6)) return Status::failed(name + " " + value + " is not a number of seconds.");
      std::chrono::seconds seconds(std::atol(value.c_str()));
      if (name == "--linger") options.linger = seconds;
      if (name == "--grace") options.grace = seconds;
    }
    if (name == "--warm-workers") {
      if (!is_number(value, 2)) return Status::failed("--warm-workers " + value + " is not a number from 0 to 99.");
      options.warm_workers = unsigned(std::atol(value.c_str()));
    }
    if (name == "--image-cache-bytes") {
      if (!is_number(value, 15)) return Status::failed("--image-cache-bytes " + value + " is not a number of bytes.");
      options.image_bytes = std::strtoull(value.c_str(), nullptr, 10);
    }
  }
  if (options.node.empty() || options.state_folder.empty() || !tcp_given)
    return Status::failed("--node, --state and --tcp are needed; see gpool-workerd --help.");
  if (options.node.size() > 32)
    return Status::failed("The node's name is longer than the 32 letters that a ticket has for it.");
  if (options.state_folder.size() > 90)
    return Status::failed("The path of --state is longer than the 90 letters that a socket's path allows.");
  if (options.image_folder.empty()) options.image_folder = options.state_folder + "/images";
  if (options.image_folder.size() > kLongestPath)
    return Status::failed("The path of --image-cache is longer than " + std::to_string(kLongestPath) + " letters.");
  if (options.insecure && !options.tcp_host.empty() && !is_loopback(options.tcp_host))
    return Status::failed(
        "--insecure gives every caller the GPUs, so it goes only with --tcp off or --tcp 127.0.0.1:PORT, not with " +
        options.tcp_host + ".");
  return Status::ok();
}

}  // namespace gpool::worker
