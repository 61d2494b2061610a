// Tells, one line each, what does not hold; ends with 1 then.
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <vector>

#include "base/mirror.h"
#include "client/arena.h"
#include "client/image_hash.h"
#include "client/image_size.h"
#include "client/lease.h"

using namespace gpool::client;

namespace {

int g_failures = 0;

#define EXPECT(condition)                                         \
  do {                                                            \
    if (!(condition)) {                                           \
      std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      g_failures++;                                               \
    }                                                             \
  } while (false)

constexpr uint64_t kGranule = uint64_t{2} << 20;

void addresses_come_back_late() {
  AddressRanges ranges(0, 8 * kGranule);
  const auto first = ranges.take(kGranule, kGranule);
  EXPECT(first == 0u);
  ranges.give(*first, kGranule);
  for (uint64_t i = 1; i < 8; i++) EXPECT(ranges.take(kGranule, kGranule) == i * kGranule);
  EXPECT(ranges.take(kGranule, kGranule) == 0u);  // only now, at the end of the arena
  EXPECT(!ranges.take(kGranule, kGranule));
  ranges.give(3 * kGranule, kGranule);
  ranges.give(4 * kGranule, kGranule);
  EXPECT(ranges.take(2 * kGranule, kGranule) == 3 * kGranule);
}

void ranges_never_overlap() {
  std::mt19937 random(7);
  AddressRanges ranges(kGranule * 16, 512 * kGranule);
  std::map<uint64_t, uint64_t> taken;
  for (int step = 0; step < 20000; step++) {
    if (taken.empty() || random() % 2 == 0) {
      const uint64_t bytes = (1 + random() % 20) * kGranule, alignment = kGranule << random() % 4;
      const auto address = ranges.take(bytes, alignment);
      if (!address) continue;
      EXPECT(*address % alignment == 0 && ranges.contains(*address) && ranges.contains(*address + bytes - 1));
      auto next = taken.lower_bound(*address);
      EXPECT(next == taken.end() || *address + bytes <= next->first);
      EXPECT(next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= *address);
      taken[*address] = bytes;
    } else {
      auto at = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
      ranges.give(at->first, at->second);
      taken.erase(at);
    }
  }
  uint64_t used = 0;
  for (const auto& [address, bytes] : taken) used += bytes;
  EXPECT(ranges.free_bytes() + used == 512 * kGranule);
}

void small_blocks_share_granules() {
  std::mt19937 random(11);
  SmallBlocks blocks(kGranule);
  EXPECT(!blocks.take(1));
  uint64_t next = kGranule * 5;
  std::map<uint64_t, uint64_t> taken;
  int granules = 0;
  for (int step = 0; step < 20000; step++) {
    if (taken.empty() || random() % 5 < 3) {
      const uint64_t bytes = 1 + random() % 300000;
      auto address = blocks.take(bytes);
      if (!address) {
        blocks.add_granule(next);
        next += kGranule;
        granules++;
        address = blocks.take(bytes);
      }
      if (!address) {
        EXPECT(false);
        return;
      }
      EXPECT(*address % SmallBlocks::kAlignment == 0);
      EXPECT(*address / kGranule == (*address + bytes - 1) / kGranule);
      auto after = taken.lower_bound(*address);
      EXPECT(after == taken.end() || *address + bytes <= after->first);
      EXPECT(after == taken.begin() || std::prev(after)->first + std::prev(after)->second <= *address);
      taken[*address] = bytes;
    } else {
      auto at = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
      if (blocks.give(at->first, at->second)) granules--;
      taken.erase(at);
    }
  }
  for (const auto& [address, bytes] : taken)
    if (blocks.give(address, bytes)) granules--;
  EXPECT(granules == 1);  // one empty granule is kept
}

void images_know_their_size() {
  const char ptx[] = "/* a */ // b\n\n.version 7.0\n";
  const auto text = find_image(ptx);
  EXPECT(text && text->size() == sizeof ptx);
  EXPECT(!find_image("this is not PTX"));
  EXPECT(!find_image(""));
  EXPECT(!find_image("/* never closed"));
  EXPECT(!find_image(nullptr));
  std::vector<std::byte> fatbin(16 + 100);
  const uint32_t magic = 0xba55ed50;
  const uint16_t header = 16;
  uint64_t body = 100;
  std::memcpy(fatbin.data(), &magic, 4);
  std::memcpy(fatbin.data() + 6, &header, 2);
  std::memcpy(fatbin.data() + 8, &body, 8);
  EXPECT(find_image(fatbin.data()) && find_image(fatbin.data())->size() == 116);
  struct {
    uint32_t magic, version;
    const void* data;
    const void* names;
  } wrapper{0x466243b1, 1, fatbin.data(), nullptr};
  EXPECT(find_image(&wrapper) && find_image(&wrapper)->data() == fatbin.data());
  wrapper.data = &wrapper;
  EXPECT(!find_image(&wrapper));
  body = UINT64_MAX;
  std::memcpy(fatbin.data() + 8, &body, 8);
  EXPECT(!find_image(fatbin.data()));
}

void only_unchanged_files_are_hashed_once() {
  constexpr size_t kBytes = ImageHashes::kWorthKnowing + 12345;
  std::vector<std::byte> content(kBytes, std::byte(7));
  char path[] = "/tmp/gpool-image-XXXXXX";
  const int file = mkstemp(path);
  EXPECT(file >= 0 && write(file, content.data(), kBytes) == ssize_t(kBytes));
  void* mapped = mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE, file, 0);
  EXPECT(mapped != MAP_FAILED);
  const std::span<const std::byte> image(static_cast<const std::byte*>(mapped), kBytes);
  ImageHashes hashes;
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 1);
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 1);
  // Another part of the file is another image.
  EXPECT(hashes.of(image.subspan(1000)) == gpool::sha256(std::span(content).subspan(1000)) && hashes.computed() == 2);

  // The file says something else now, and what is mapped follows.
  content[5] = std::byte(8);
  EXPECT(pwrite(file, &content[5], 1, 5) == 1);
  const timeval later[2] = {{2000000000, 0}, {2000000000, 0}};
  EXPECT(futimes(file, later) == 0);
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 3);

  // A page of the process's own, although nobody may write to it any more.
  EXPECT(mprotect(mapped, kBytes, PROT_READ | PROT_WRITE) == 0);
  content[kBytes / 2] = static_cast<std::byte*>(mapped)[kBytes / 2] = std::byte(9);
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 4);
  EXPECT(mprotect(mapped, kBytes, PROT_READ) == 0);
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 5);
  EXPECT(hashes.of(image) == gpool::sha256(content) && hashes.computed() == 6);

  // Memory without a file may hold anything at any time.
  EXPECT(hashes.of(content) == hashes.of(content) && hashes.computed() == 8);
  munmap(mapped, kBytes);
  close(file);
  unlink(path);
}

void leases_are_read_exactly() {
  Lease lease;
  const std::string good =
      "lease id=l-1\n"
      "session node=a unix=/run/w.sock tcp=127.0.0.1:41234 ticket=4750ff transport=auto\n"
      "session node=b unix=- tcp=[::1]:5 ticket=- transport=tcp\n"
      "vgpu session=1 uuid=GPU-00112233-4455-6677-8899-aabbccddeeff memory=8589934592 compute=500\nend\n";
  EXPECT(parse_broker_answer(good, lease));
  EXPECT(lease.id == "l-1" && lease.sessions.size() == 2 && lease.gpus.size() == 1);
  EXPECT(lease.sessions[0].ticket.size() == 3 && lease.sessions[1].tcp_host == "::1" &&
         lease.sessions[1].tcp_port == 5);
  EXPECT(lease.gpus[0].session == 1 && lease.gpus[0].memory_bytes == 8589934592 &&
         lease.gpus[0].compute_permille == 500);
  EXPECT(format_uuid(lease.gpus[0].uuid.data()) == "GPU-00112233-4455-6677-8899-aabbccddeeff");
  for (size_t cut = 0; cut < good.size(); cut++) EXPECT(!parse_broker_answer(good.substr(0, cut), lease));
  const gpool::Status refused = parse_broker_answer("error the lease is gone\n", lease);
  EXPECT(!refused && refused.sentence() == "the lease is gone");
  EXPECT(!parse_broker_answer("vgpu session=0 uuid=GPU-x memory=1 compute=1\nend\n", lease));
  EXPECT(parse_endpoints("unix:/a/b?ticket=00ff,tcp:host:77", lease) && lease.sessions.size() == 2);
  for (const char* wrong : {"unix:", "tcp:host", "tcp:host:0", "tcp:host:99999", "http://x", "unix:/a?ticket=0"})
    EXPECT(!parse_endpoints(wrong, lease));
}

// Two memories that tell each other their changes become equal, whatever the order, and take nothing back.
void mirrors_exchange_what_has_changed() {
  constexpr size_t kBytes = 5 * 4096;
  std::vector<uint32_t> here(kBytes / 4), there(kBytes / 4), wanted(kBytes / 4);
  gpool::Mirror one(std::as_writable_bytes(std::span(here))), other(std::as_writable_bytes(std::span(there)));
  std::mt19937 random(5);
  const auto send = [](gpool::Mirror& from, std::vector<std::vector<std::byte>>& messages, size_t room_bytes) {
    std::vector<std::byte> room(room_bytes);
    for (size_t at = 0; at < from.bytes();) {
      size_t written = 0;
      at = from.collect(at, room, written);
      if (written > 0) messages.emplace_back(room.begin(), room.begin() + static_cast<long>(written));
    }
  };
  for (int round = 0; round < 200; round++) {
    for (unsigned i = 0; i < random() % 300; i++) {
      const size_t place = random() % wanted.size();
      auto& side = place % 2 == 0 ? here : there;  // each word is written on one side
      wanted[place] = side[place] = static_cast<uint32_t>(random() % 3);
    }
    std::vector<std::vector<std::byte>> to_there, to_here;
    send(one, to_there, 64 + random() % 5000);
    send(other, to_here, 8192);
    for (const auto& message : to_there) EXPECT(other.apply(message));  // they cross
    for (const auto& message : to_here) EXPECT(one.apply(message));
    EXPECT(here == wanted && there == wanted);
    to_there.clear();
    send(one, to_there, 8192);
    send(other, to_there, 8192);
    EXPECT(to_there.empty());
  }
  std::vector<std::byte> nonsense(32);
  const uint64_t heads[][2] = {{kBytes, 4}, {0, kBytes + 4}, {2, 4}, {0, 0}, {0, 64}, {UINT64_MAX - 3, 8}};
  for (const auto& head : heads) {
    std::memcpy(nonsense.data(), head, sizeof head);
    EXPECT(!one.apply(nonsense));
  }
  EXPECT(!one.apply(std::span(nonsense).first(9)));
}

}  // namespace

int main() {
  addresses_come_back_late();
  ranges_never_overlap();
  small_blocks_share_granules();
  images_know_their_size();
  only_unchanged_files_are_hashed_once();
  leases_are_read_exactly();
  mirrors_exchange_what_has_changed();
  return g_failures == 0 ? 0 : 1;
}
