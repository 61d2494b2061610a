// What is said before the first frame (native/wire/hello.h), and the links that come out of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "transport/link.h"
#include "wire/hello.h"

namespace gpool::transport {

// -- the client's side
// -------------------------------------------------------------------------------------------------
struct ConnectOptions {
  std::vector<std::byte> ticket;              // empty: only a workerd with --insecure accepts that
  std::vector<wire::ArenaProposal> arenas;    // one per device, or none
  std::string version;                        // gpool's
  std::string command;                        // what the process is, for people
  std::chrono::milliseconds timeout{10'000};  // for everything up to the last byte of the welcome
  // How long a lost connection is dialled again, at most; the worker may be less patient.
  std::chrono::milliseconds grace = std::chrono::milliseconds::max();
};

struct Connection {
  std::unique_ptr<Link> link;
  wire::Welcome welcome{};
  std::vector<wire::DeviceRecord> devices;
};

// Opens a session at workerd's unix socket (shared memory) or at HOST:PORT (TCP; [HOST]:PORT for IPv6). A refusal is a
// failed Status with the worker's sentence.
Status connect_unix(const std::string& path, const ConnectOptions& options, Connection& made);
Status connect_tcp(const std::string& host_and_port, const ConnectOptions& options, Connection& made);

// -- the worker's side
// -------------------------------------------------------------------------------------------------
struct Greeting {
  wire::Hello hello{};
  std::vector<wire::ArenaProposal> arenas;
  std::vector<std::byte> ticket;
};

// Collects a Hello and what follows it from bytes that arrive in parts; never wants more than a Hello may have.
class GreetingReader {
 public:
  enum class State : uint8_t { more, complete, not_gpool, refused };

  // How many bytes to read next; 0 when there is nothing more to read.
  size_t wanted() const;
  State add(std::span<const std::byte> bytes);
  bool empty() const { return bytes_.empty(); }
  // With `complete`: a client that comes back to its session has said this instead of a greeting; else nullptr.
  const wire::Resume* resuming() const { return resuming_ && state_ == State::complete ? &resume_ : nullptr; }
  const Greeting& greeting() const { return greeting_; }
  // With `refused`: what to tell the client. With `not_gpool`: what to log.
  const std::string& sentence() const { return sentence_; }
  void set_own_version(std::string version) { own_version_ = std::move(version); }

 private:
  State refuse(State state, std::string sentence);

  std::vector<std::byte> bytes_;
  std::string own_version_;
  bool resuming_ = false;
  wire::Resume resume_{};
  Greeting greeting_;
  std::string sentence_;
  State state_ = State::more;
};

// Sends Welcome with a refusal; one attempt that does not wait. The caller closes the socket.
void refuse(int socket, std::string_view sentence, std::string_view version);

// Sends `welcome` and the devices and makes the link: shared memory when the socket is a unix socket, TCP otherwise.
// Fills the welcome's magic, protocol version, device count and sizes by itself. A resume key (TCP alone) makes a link
// that waits `grace_ms` for its client.
Status accept_session(Fd socket, wire::Welcome welcome, std::span<const wire::DeviceRecord> devices,
                      std::unique_ptr<Link>& link);

// Printable ASCII of a zero-padded field; everything else becomes '?'.
std::string text_of(std::span<const char> field);

}  // namespace gpool::transport
