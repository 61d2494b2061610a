#include "client/lease.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace gpool::client {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{1} << 20;
// For its next word. A broker that is still waiting for GPUs says so every few seconds, for as long as that takes.
constexpr auto kBrokerPatience = std::chrono::seconds(30);
constexpr std::string_view kStillWaiting = "wait\n";
constexpr size_t kMaxSessions = 64;
constexpr size_t kMaxGpus = 1024;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool parse_hex(std::string_view text, std::vector<std::byte>& bytes) {
  if (text.size() % 2 != 0 || text.size() > 2 * 65536) return false;
  bytes.clear();
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return true;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// "HOST:PORT", with an IPv6 address in brackets or bare before the last colon.
bool parse_host_port(std::string_view text, std::string& host, uint16_t& port) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view name = text.substr(0, colon);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (!parse_number(text.substr(colon + 1), port) || port == 0) return false;
  host = name;
  return true;
}

std::string_view next_word(std::string_view& rest) {
  size_t begin = rest.find_first_not_of(' ');
  if (begin == std::string_view::npos) return rest = {};
  size_t end = rest.find(' ', begin);
  std::string_view word = rest.substr(begin, end == std::string_view::npos ? end : end - begin);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  return word;
}

Status wrong_line(std::string_view line) {
  return Status::failed("The broker's answer has a line that this driver does not understand: \"" +
                        std::string(line.substr(0, 120)) + "\". Are `gpool run` and the driver of the same version?");
}

bool parse_session(std::string_view rest, LeaseSession& session) {
  while (true) {
    std::string_view word = next_word(rest);
    if (word.empty()) break;
    size_t equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "node") {
      session.node = value;
    } else if (key == "unix") {
      session.unix_path = value == "-" ? std::string_view{} : value;
    } else if (key == "tcp") {
      if (value != "-" && !parse_host_port(value, session.tcp_host, session.tcp_port)) return false;
    } else if (key == "ticket") {
      if (value != "-" && !parse_hex(value, session.ticket)) return false;
    } else if (key == "transport") {
      if (value == "auto") {
        session.transport = Transport::automatic;
      } else if (value == "shm") {
        session.transport = Transport::shm;
      } else if (value == "tcp") {
        session.transport = Transport::tcp;
      } else {
        return false;
      }
    }  // further keys belong to later versions
  }
  return !session.unix_path.empty() || !session.tcp_host.empty();
}

bool parse_gpu(std::string_view rest, size_t sessions, LeaseGpu& gpu) {
  bool has_uuid = false;
  while (true) {
    std::string_view word = next_word(rest);
    if (word.empty()) break;
    size_t equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "session" && (!parse_number(value, gpu.session) || gpu.session >= sessions)) return false;
    if (key == "uuid" && !(has_uuid = parse_uuid(value, gpu.uuid))) return false;
    if (key == "memory" && !parse_number(value, gpu.memory_bytes)) return false;
    if (key == "compute" && !parse_number(value, gpu.compute_permille)) return false;
  }
  return has_uuid && gpu.session < sessions;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// False: the time is over.
bool wait_for(int fd, short events, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd, events, 0};
    int ready = poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Status broker_failed(const std::string& path, const std::string& what) {
  return Status::failed("The broker of `gpool run` at " + path + " " + what +
                        ". Is the `gpool run` that started this program still alive? Start the program again with it.");
}

Status ask_broker(const std::string& path, std::string& answer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return broker_failed(path, "has a path that is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return broker_failed(path, std::string("cannot be asked: ") + std::strerror(errno));
  if (connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return broker_failed(path, std::string("does not answer: ") + std::strerror(errno));
  auto deadline = std::chrono::steady_clock::now() + kBrokerPatience;
  std::string question = "open version=1 pid=" + std::to_string(getpid()) + " driver=" GPOOL_VERSION "\n";
  for (size_t sent = 0; sent < question.size();) {
    if (!wait_for(socket.fd(), POLLOUT, deadline))
      return broker_failed(path, "did not take the question in 30 seconds");
    ssize_t n = send(socket.fd(), question.data() + sent, question.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return broker_failed(path, std::string("hung up: ") + std::strerror(errno));
    if (n > 0) sent += static_cast<size_t>(n);
  }
  char piece[4096];
  while (answer.size() < kMaxAnswerBytes) {
    if (!wait_for(socket.fd(), POLLIN, deadline)) return broker_failed(path, "did not answer within 30 seconds");
    ssize_t n = recv(socket.fd(), piece, sizeof piece, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return broker_failed(path, std::string("hung up: ") + std::strerror(errno));
    if (n == 0) return Status::ok();
    answer.append(piece, static_cast<size_t>(n));
    while (answer.starts_with(kStillWaiting)) answer.erase(0, kStillWaiting.size());
    deadline = std::chrono::steady_clock::now() + kBrokerPatience;
    if (answer.ends_with("\nend\n")) return Status::ok();
  }
  return broker_failed(path, "gave an answer without an end");
}

}  // namespace

bool parse_uuid(std::string_view text, std::array<uint8_t, 16>& uuid) {
  if (text.starts_with("GPU-")) text.remove_prefix(4);
  if (text.size() != 36) return false;
  size_t byte = 0;
  for (size_t i = 0; i < 36;) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i++] != '-') return false;
      continue;
    }
    int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    uuid[byte++] = static_cast<uint8_t>(high << 4 | low);
    i += 2;
  }
  return byte == 16;
}

std::string format_uuid(const uint8_t uuid[16]) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 15];
  }
  return text;
}

Status parse_broker_answer(std::string_view answer, Lease& lease) {
  lease = Lease();
  bool ended = false;
  while (!answer.empty() && !ended) {
    size_t newline = answer.find('\n');
    if (newline == std::string_view::npos)
      return Status::failed("The broker's answer was cut off. Start the program again.");
    std::string_view line = answer.substr(0, newline);
    answer.remove_prefix(newline + 1);
    std::string_view rest = line;
    std::string_view word = next_word(rest);
    if (word == "error") {
      size_t begin = rest.find_first_not_of(' ');
      return Status::failed(begin == std::string_view::npos ? "The broker refused without a reason."
                                                            : std::string(rest.substr(begin)));
    }
    if (word == "end") {
      ended = true;
    } else if (word == "lease") {
      for (std::string_view pair = next_word(rest); !pair.empty(); pair = next_word(rest))
        if (pair.starts_with("id=")) lease.id = pair.substr(3);
    } else if (word == "session") {
      LeaseSession session;
      if (lease.sessions.size() >= kMaxSessions || !parse_session(rest, session)) return wrong_line(line);
      lease.sessions.push_back(std::move(session));
    } else if (word == "vgpu") {
      LeaseGpu gpu;
      if (lease.gpus.size() >= kMaxGpus || !parse_gpu(rest, lease.sessions.size(), gpu)) return wrong_line(line);
      lease.gpus.push_back(gpu);
    }  // further lines belong to later versions
  }
  if (!ended) return Status::failed("The broker's answer was cut off. Start the program again.");
  return Status::ok();
}

Status parse_endpoints(std::string_view endpoints, Lease& lease) {
  lease = Lease();
  while (!endpoints.empty()) {
    size_t comma = endpoints.find(',');
    std::string_view one = endpoints.substr(0, comma);
    endpoints = comma == std::string_view::npos ? std::string_view{} : endpoints.substr(comma + 1);
    if (one.empty()) continue;
    auto wrong = [&](const char* why) {
      return Status::failed("GPOOL_ENDPOINTS: \"" + std::string(one.substr(0, 120)) + "\" " + why +
                            "; write unix:/path/of/workerd.sock or tcp:HOST:PORT, each may carry ?ticket=HEX.");
    };
    LeaseSession session;
    std::string_view place = one;
    if (size_t question = one.find('?'); question != std::string_view::npos) {
      std::string_view option = one.substr(question + 1);
      place = one.substr(0, question);
      if (!option.starts_with("ticket=") || !parse_hex(option.substr(7), session.ticket))
        return wrong("has an option that is not ticket=HEX");
    }
    if (place.starts_with("unix:")) {
      session.unix_path = place.substr(5);
      session.transport = Transport::shm;
      if (session.unix_path.empty()) return wrong("has no path");
    } else if (place.starts_with("tcp:")) {
      session.transport = Transport::tcp;
      if (!parse_host_port(place.substr(4), session.tcp_host, session.tcp_port)) return wrong("has no host and port");
    } else {
      return wrong("is no endpoint");
    }
    session.node = place;
    if (lease.sessions.size() >= kMaxSessions) return wrong("is one too many: 64 endpoints are the most");
    lease.sessions.push_back(std::move(session));
  }
  return Status::ok();
}

Status read_lease(Lease& lease) {
  lease = Lease();
  if (const char* endpoints = std::getenv("GPOOL_ENDPOINTS"); endpoints != nullptr && *endpoints != 0)
    return parse_endpoints(endpoints, lease);
  const char* broker = std::getenv("GPOOL_BROKER");
  if (broker == nullptr || *broker == 0) return Status::ok();
  std::string answer;
  if (Status status = ask_broker(broker, answer); !status) return status;
  return parse_broker_answer(answer, lease);
}

}  // namespace gpool::client
