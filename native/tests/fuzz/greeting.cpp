// The first bytes of a client, in parts of any size, up to the judgement of its ticket; and that every ticket which is
// accepted says what its bytes say.
#include <algorithm>
#include <string>

#include "base/sha256.h"
#include "tests/fuzz/target.h"
#include "transport/handshake.h"
#include "wire/ticket.h"
#include "worker/admission.h"

using namespace gpool;

namespace {

constexpr std::byte kKey[wire::kNodeKeyBytes] = {};

worker::Admission& admission() {
  static worker::Admission& made = *new worker::Admission("node-a", false);
  if (!made.has_key()) FUZZ_EXPECT(made.set_key(std::string(2 * wire::kNodeKeyBytes, '0')));
  return made;
}

void read_ticket(std::span<const std::byte> bytes) {
  wire::Ticket ticket;
  if (!wire::read_ticket(bytes, kKey, ticket)) return;
  const auto again = wire::write_ticket(ticket, kKey);
  FUZZ_EXPECT(again.size() == bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t part = data[0] + 1u;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data + 1, size - 1));

  transport::GreetingReader reader;
  reader.set_own_version("0.1.0");
  auto state = transport::GreetingReader::State::more;
  for (size_t at = 0; at < bytes.size() && state == transport::GreetingReader::State::more;) {
    const size_t wanted = reader.wanted();
    FUZZ_EXPECT(wanted > 0);
    const size_t length = std::min({part, wanted, bytes.size() - at});
    state = reader.add(bytes.subspan(at, length));
    at += length;
  }
  if (state == transport::GreetingReader::State::complete) {
    wire::Ticket ticket;
    (void)admission().judge(reader.greeting().ticket, 1'700'000'001, ticket);
    (void)transport::text_of(reader.greeting().hello.command);
  } else if (state != transport::GreetingReader::State::more) {
    FUZZ_EXPECT(!reader.sentence().empty());
  }

  // The same bytes as a ticket: as they are, and with the signature that belongs to them, to get behind that check.
  read_ticket(bytes);
  if (bytes.size() > sizeof(Sha256Digest)) {
    std::vector<std::byte> made(bytes.begin(), bytes.end());
    const auto body = std::span(made).first(made.size() - sizeof(Sha256Digest));
    const Sha256Digest signature = hmac_sha256(kKey, body);
    std::copy_n(reinterpret_cast<const std::byte*>(signature.data()), signature.size(),
                made.begin() + long(body.size()));
    read_ticket(made);
  }
  return 0;
}
