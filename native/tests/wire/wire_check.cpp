// Known answers of SHA-256 and HMAC, tickets that are bent at every bit, handles, greetings in parts, and the allocator
// of bulk areas against a simple model. Prints what failed; exits with 1 then.
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "base/sha256.h"
#include "transport/bulk_allocator.h"
#include "transport/handshake.h"
#include "wire/handle.h"
#include "wire/ticket.h"

using namespace gpool;

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  char two[3];
  for (uint8_t byte : bytes) std::snprintf(two, sizeof two, "%02x", byte), text += two;
  return text;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void hashes() {
  check(hex(sha256(bytes_of(""))) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA-256 of nothing");
  check(hex(sha256(bytes_of("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "SHA-256 of abc");
  check(hex(sha256(bytes_of(std::string(1000000, 'a')))) ==
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "SHA-256 of a million a");
  // In parts of every length around the block's.
  std::string text(300, 'x');
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 hash;
    hash.add(bytes_of(text).first(cut));
    hash.add(bytes_of(text).subspan(cut));
    check(hash.finish() == sha256(bytes_of(text)), "SHA-256 in two parts");
    // The processor's instructions and plain code say the same.
    Sha256 plain(Sha256::Code::portable), fastest;
    plain.add(bytes_of(text).first(cut));
    fastest.add(bytes_of(text).first(cut));
    check(plain.finish() == fastest.finish(), "SHA-256 by plain code");
  }
  // RFC 4231, cases 2 and 6.
  check(hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))) ==
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "HMAC with a short key");
  check(hex(hmac_sha256(bytes_of(std::string(131, '\xaa')),
                        bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "HMAC with a long key");
}

void tickets() {
  wire::Ticket made{"node-a", "l-abc", 100, 200, {{{1, 2, 3}, 1 << 30, 500}}};
  std::byte key[32] = {std::byte(9)};
  auto bytes = wire::write_ticket(made, key);
  wire::Ticket read;
  check(bool(wire::read_ticket(bytes, key, read)), "a good ticket");
  check(read.node == "node-a" && read.lease == "l-abc" && read.expires_at_s == 200 && read.vgpus.size() == 1 &&
            read.vgpus[0].memory_bytes == 1 << 30 && read.vgpus[0].compute_permille == 500,
        "what a ticket says");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto bent = bytes;
    bent[bit / 8] ^= std::byte(1 << bit % 8);
    check(!wire::read_ticket(bent, key, read), "a ticket with one bit changed");
  }
  for (size_t length = 0; length < bytes.size(); ++length)
    check(!wire::read_ticket(std::span(bytes).first(length), key, read), "a ticket that was cut");
  wire::Uuid uuid{};
  check(wire::parse_uuid("GPU-00112233-4455-6677-8899-aabbccddeeff", uuid) &&
            wire::uuid_text(uuid) == "GPU-00112233-4455-6677-8899-aabbccddeeff",
        "a UUID there and back");
  for (const char* wrong :
       {"", "GPU-", "00112233-4455-6677-8899-aabbccddeeff", "GPU-00112233-4455-6677-8899-aabbccddeefg",
        "GPU-001122334455-6677-8899-aabbccddeeff0", "GPU-00112233-4455-6677-8899-aabbccddeeff0"})
    check(!wire::parse_uuid(wrong, uuid), "a text that is no UUID");
}

void handles() {
  wire::Handle handle = wire::make_handle(wire::Kind::event, 7, 0x12345, 0xabcdef);
  check(wire::is_handle(handle) && wire::kind_of(handle) == wire::Kind::event && wire::session_of(handle) == 7 &&
            wire::generation_of(handle) == 0x12345 && wire::index_of(handle) == 0xabcdef,
        "the parts of a handle");
  check(wire::kind_of(0x7fff12345678) == wire::Kind::none && wire::kind_of(0) == wire::Kind::none,
        "an address is no handle");
}

void greetings() {
  wire::Hello hello{};
  std::memcpy(hello.magic, wire::kMagic, 8);
  hello.major = wire::kProtocolMajor;
  hello.arena_count = 2, hello.ticket_bytes = 10;
  std::vector<std::byte> bytes(sizeof hello + 32 + 10, std::byte(5));
  std::memcpy(bytes.data(), &hello, sizeof hello);
  using State = transport::GreetingReader::State;
  for (size_t step : {1u, 7u, 167u, 168u, 169u, 1000u}) {
    transport::GreetingReader reader;
    State state = State::more;
    for (size_t at = 0; at < bytes.size();) {
      size_t count = std::min(std::min<size_t>(step, bytes.size() - at), reader.wanted());
      check(count > 0, "a greeting wants its end");
      if (count == 0) break;
      state = reader.add(std::span(bytes).subspan(at, count));
      at += count;
    }
    check(state == State::complete && reader.greeting().arenas.size() == 2 && reader.greeting().ticket.size() == 10,
          "a greeting in parts");
    check(reader.wanted() == 0, "a complete greeting wants no more");
  }
}

void bulk_areas() {
  constexpr uint64_t kArea = 1 << 20;
  std::mt19937 random(1);
  transport::BulkAllocator allocator(kArea);
  std::map<uint64_t, uint64_t> live;  // offset → bytes
  size_t refused = 0;
  for (int i = 0; i < 200000; ++i) {
    if (random() % 2) {
      uint64_t bytes = 1 + random() % (random() % 8 == 0 ? kArea : 20000);
      auto offset = allocator.allocate(bytes);
      if (!offset) {
        ++refused;
        check(!live.empty(), "an empty area has room for everything that fits");
        continue;
      }
      check(*offset % 256 == 0 && *offset + bytes <= kArea, "a piece lies in the area");
      auto next = live.lower_bound(*offset);
      check(next == live.end() || next->first >= *offset + bytes, "a piece does not reach into the next");
      check(next == live.begin() || std::prev(next)->first + std::prev(next)->second <= *offset,
            "nor the one before into it");
      live[*offset] = bytes;
    } else if (!live.empty()) {
      auto victim = std::next(live.begin(), long(random() % live.size()));
      check(allocator.release(victim->first), "a live piece can be released");
      check(!allocator.release(victim->first), "but only once");
      live.erase(victim);
    }
  }
  check(refused > 100, "the area was full now and then");
  check(!allocator.allocate(0) && !allocator.allocate(kArea + 1), "impossible sizes");
}

}  // namespace

int main() {
  hashes();
  tickets();
  handles();
  greetings();
  bulk_areas();
  return failures == 0 ? 0 : 1;
}
