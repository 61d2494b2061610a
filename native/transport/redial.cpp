#include "transport/redial.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "transport/tcp_socket.h"
#include "wire/hello.h"

namespace gpool::transport {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLook_ms = 20;  // how long a caller who gives up may have to wait

// One attempt's socket and its bounds.
class Attempt {
 public:
  Attempt(Clock::time_point deadline, const std::function<bool()>& given_up)
      : deadline_(deadline), given_up_(given_up) {}

  bool wait(int fd, short events) {
    while (!given_up_() && Clock::now() < deadline_) {
      pollfd state{fd, events, 0};
      int ready = poll(&state, 1, kLook_ms);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
    return false;
  }
  // 0, or why not.
  int dial(int fd, const WayBack& way) {
    if (connect(fd, reinterpret_cast<const sockaddr*>(&way.address), way.address_bytes) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!wait(fd, POLLOUT)) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }
  bool receive(int fd, void* to, size_t bytes) {
    auto* at = static_cast<std::byte*>(to);
    while (bytes > 0) {
      ssize_t got = recv(fd, at, bytes, MSG_DONTWAIT);
      if (got > 0) {
        at += got, bytes -= size_t(got);
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR) || !wait(fd, POLLIN)) {
        return false;
      }
    }
    return true;
  }

 private:
  Clock::time_point deadline_;
  const std::function<bool()>& given_up_;
};

}  // namespace

Redialled redial(const WayBack& way, uint64_t received, Clock::time_point deadline,
                 const std::function<bool()>& given_up) {
  Redialled result;
  Attempt attempt(deadline, given_up);
  Fd socket(::socket(way.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return result;
  prepare_tcp_socket(socket.get());
  if (int error = attempt.dial(socket.get(), way)) {
    if (error == ECONNREFUSED) result.outcome = Redialled::Outcome::refused;
    return result;
  }
  wire::Resume question{};
  std::memcpy(question.magic, wire::kResumeMagic, sizeof question.magic);
  question.session_id = way.session_id;
  question.resume_key = way.resume_key;
  question.received = received;
  // It fits into the buffer of a fresh socket.
  if (send(socket.get(), &question, sizeof question, MSG_NOSIGNAL) != ssize_t(sizeof question)) return result;
  wire::Resumed answer{};
  if (!attempt.receive(socket.get(), &answer, sizeof answer)) return result;
  if (std::memcmp(answer.magic, wire::kResumeMagic, sizeof answer.magic) != 0) {
    result.outcome = Redialled::Outcome::ended;
    result.sentence = "what listens at its address now is not a gpool-workerd that knows it";
    return result;
  }
  if (answer.refused != 0) {
    std::string sentence(std::min<uint32_t>(answer.text_bytes, 4096), ' ');
    if (!attempt.receive(socket.get(), sentence.data(), sentence.size())) return result;
    result.outcome = Redialled::Outcome::ended;
    result.sentence = std::move(sentence);
    return result;
  }
  result.outcome = Redialled::Outcome::resumed;
  result.socket = std::move(socket);
  result.peer_received = answer.received;
  return result;
}

bool answer_redial(int socket, uint64_t received) {
  prepare_tcp_socket(socket);
  wire::Resumed answer{};
  std::memcpy(answer.magic, wire::kResumeMagic, sizeof answer.magic);
  answer.received = received;
  return send(socket, &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT) == ssize_t(sizeof answer);
}

void refuse_redial(int socket, const std::string& sentence) {
  wire::Resumed answer{};
  std::memcpy(answer.magic, wire::kResumeMagic, sizeof answer.magic);
  answer.refused = 1;
  answer.text_bytes = uint32_t(std::min<size_t>(sentence.size(), 4096));
  std::byte message[sizeof answer + 4096];
  std::memcpy(message, &answer, sizeof answer);
  std::memcpy(message + sizeof answer, sentence.data(), answer.text_bytes);
  ssize_t ignored = send(socket, message, sizeof answer + answer.text_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)ignored;
  shutdown(socket, SHUT_WR);
}

}  // namespace gpool::transport
