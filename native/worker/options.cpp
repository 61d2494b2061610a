#include "worker/options.h"

#include <cstdlib>

namespace gpool::worker {

const char* const kUsage =
    "usage: gpool-workerd --node NAME --state DIR [--driver DIR] --tcp HOST:PORT|off [--linger SECONDS]\n"
    "                     [--grace SECONDS] [--insecure]\n"
    "\n"
    "Accepts sessions on DIR/workerd.sock (shared memory) and on HOST:PORT (TCP; port 0: any), checks their tickets "
    "and\n"
    "runs one worker process for each. The node's agent directs it over DIR/control.sock.\n"
    "\n"
    "  --node NAME      this node's name, as tickets spell it\n"
    "  --state DIR      folder for sockets, pid file and ledgers; made with mode 0700\n"
    "  --driver DIR     folder with the libcuda.so.1 that workers load (default: the system's)\n"
    "  --tcp HOST:PORT  where to listen, or off\n"
    "  --linger SECONDS ends after so long without an agent and without sessions (default 60; 0: never)\n"
    "  --grace SECONDS  a TCP client that lost its connection may come back for so long (default 30; 0: never)\n"
    "  --insecure       sessions need no ticket: all GPUs, no limits. For tests, on this machine only\n";

namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
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
        name != "--grace")
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
    if (name == "--linger" || name == "--grace") {
      if (value.empty() || value.size() > 6 || value.find_first_not_of("0123456789") != std::string::npos)
        return Status::failed(name + " " + value + " is not a number of seconds.");
      std::chrono::seconds seconds(std::atol(value.c_str()));
      if (name == "--linger") options.linger = seconds;
      if (name == "--grace") options.grace = seconds;
    }
  }
  if (options.node.empty() || options.state_folder.empty() || !tcp_given)
    return Status::failed("--node, --state and --tcp are needed; see gpool-workerd --help.");
  if (options.node.size() > 32)
    return Status::failed("The node's name is longer than the 32 letters that a ticket has for it.");
  if (options.state_folder.size() > 90)
    return Status::failed("The path of --state is longer than the 90 letters that a socket's path allows.");
  if (options.insecure && !options.tcp_host.empty() && !is_loopback(options.tcp_host))
    return Status::failed(
        "--insecure gives every caller the GPUs, so it goes only with --tcp off or --tcp 127.0.0.1:PORT, not with " +
        options.tcp_host + ".");
  return Status::ok();
}

}  // namespace gpool::worker
