// The tables and the handshake against a host that is made up here. Prints what failed and exits with 1.
#include "export_tables/export_tables.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "export_tables/context_storage.h"
#include "export_tables/integrity.h"

namespace {

using namespace gpool::export_tables;

int failures = 0;

void expect(bool fine, const char* what) {
  if (fine) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

std::string hex(const Digest& digest) {
  std::string text;
  char two[3];
  for (uint8_t byte : digest) {
    std::snprintf(two, sizeof(two), "%02x", byte);
    text += two;
  }
  return text;
}

void expect_digest(const Digest& digest, const char* wanted, const char* what) {
  if (hex(digest) == wanted) return;
  std::printf("failed: %s is %s, should be %s\n", what, hex(digest).c_str(), wanted);
  ++failures;
}

std::span<const uint8_t> bytes(const char* text) {
  return {reinterpret_cast<const uint8_t*>(text), std::strlen(text)};
}

DeviceIdentity device_from(uint8_t first_byte, int32_t bus) {
  DeviceIdentity device{};
  for (int i = 0; i < 16; ++i) device.uuid[i] = static_cast<uint8_t>(first_byte + i);
  device.pci_bus = bus;
  return device;
}

void digests_follow_the_standards() {
  expect_digest(md2(bytes("")), "8350e5a3e24c153df2275c9f80692773", "MD2 of nothing (RFC 1319)");
  expect_digest(md2(bytes("abc")), "da853b0d3f88d99b30283a69e6ded6bb", "MD2 of abc (RFC 1319)");
  expect_digest(md2(bytes("abcdefghijklmnopqrstuvwxyz")), "4e8ddff3650292ab5a4108c3aa47940b", "MD2 of a-z (RFC 1319)");
  std::vector<uint8_t> message(76);
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(7 * i + 3);
  expect_digest(hmac_md2(message), "ec265ba396aa5f31104fd9913d5ffa6e", "HMAC of 76 bytes");
}

void every_fact_enters_the_answer() {
  IntegrityFacts facts{13050, 13052, 0x1234, 0x89abcdef, 0x7f0000001000, 0x7f0000002000, 0x7f0000003000, 1700000000};
  std::vector<DeviceIdentity> devices;
  expect_digest(integrity_answer(facts, devices), "ca3d42ff81a39ead2726822da1d96d14", "answer without a device");
  devices.push_back(device_from(0x00, 2));
  expect_digest(integrity_answer(facts, devices), "6c6e3d91a9f82fe06d4c6fd972c76267", "answer with one device");
  devices.push_back(device_from(0x10, 3));
  expect_digest(integrity_answer(facts, devices), "e4bea2483ce55d2c867e235de83f14c1", "answer with two devices");

  facts.version = 13050;
  expect_digest(integrity_answer(facts, devices), "5c67cb031c184133e8d14c1faa83d38e", "answer to the first question");
  facts.version = 13051;
  expect_digest(integrity_answer(facts, devices), "5c67cb031c184118e8d14c1faa83d38e", "answer to the second question");
}

CUcontext current = nullptr;

class MadeUpHost : public Host {
 public:
  int driver_version() override { return 13050; }
  int device_count() override { return 1; }
  bool device(int ordinal, DeviceIdentity* identity) override {
    *identity = device_from(0, 2);
    return ordinal == 0;
  }
  CUresult primary_context(CUcontext* context, CUdevice) override {
    *context = reinterpret_cast<CUcontext>(0x1000);
    return CUDA_SUCCESS;
  }
  CUcontext current_context() override { return current; }
  CUresult load_module(CUmodule* module, const void* image) override {
    *module = reinterpret_cast<CUmodule>(const_cast<void*>(image));
    return CUDA_SUCCESS;
  }
};

const void* const* table_of(std::initializer_list<uint8_t> id) {
  CUuuid uuid;
  std::copy(id.begin(), id.end(), reinterpret_cast<uint8_t*>(uuid.bytes));
  const void* table = &uuid;
  CUresult result = get(&table, &uuid);
  expect((result == CUDA_SUCCESS) == (table != nullptr), "a refusal leaves a null table");
  return static_cast<const void* const*>(table);
}

int destructions = 0;
void count_destruction(CUcontext, void*, void* value) {
  destructions += value == &destructions;
}

void storage_belongs_to_a_context() {
  const void* const* table =
      table_of({0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11, 0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93});
  if (table == nullptr) return expect(false, "context storage is served");
  auto put = reinterpret_cast<CUresult (*)(CUcontext, void*, void*, StorageDestructor)>(const_cast<void*>(table[0]));
  auto erase = reinterpret_cast<CUresult (*)(CUcontext, void*)>(const_cast<void*>(table[1]));
  auto find = reinterpret_cast<CUresult (*)(void**, CUcontext, void*)>(const_cast<void*>(table[2]));
  int key = 0;
  void* value = nullptr;
  auto first = reinterpret_cast<CUcontext>(0x1000), second = reinterpret_cast<CUcontext>(0x2000);

  expect(find(&value, nullptr, &key) == CUDA_ERROR_INVALID_HANDLE, "without a current context nothing is found");
  current = first;
  expect(find(&value, nullptr, &key) == CUDA_ERROR_INVALID_HANDLE, "the first question fails with 400");
  expect(put(nullptr, &key, &destructions, count_destruction) == CUDA_SUCCESS, "put for the current context");
  for (int i = 0; i < 3; ++i) {
    value = nullptr;
    expect(find(&value, first, &key) == CUDA_SUCCESS && value == &destructions, "found, remembered or not");
  }
  expect(find(&value, second, &key) == CUDA_ERROR_INVALID_HANDLE, "another context has its own storage");
  expect(put(first, &key, &value, count_destruction) == CUDA_SUCCESS, "put again");
  std::thread([&] {
    void* seen = nullptr;
    expect(find(&seen, first, &key) == CUDA_SUCCESS && seen == &value, "another thread sees the replacement");
  }).join();
  expect(find(&value, first, &key) == CUDA_SUCCESS && value == &value,
         "so does the thread that remembered the old one");
  expect(erase(first, &key) == CUDA_SUCCESS, "erase");
  expect(erase(first, &key) == CUDA_ERROR_INVALID_HANDLE, "erase twice");
  expect(destructions == 0, "neither replacing nor erasing destroys");

  put(first, &key, &destructions, count_destruction);
  context_ended(second);
  expect(destructions == 0, "the end of another context destroys nothing");
  context_ended(first);
  expect(destructions == 1, "the end of a context runs its destructors");
  expect(find(&value, first, &key) == CUDA_ERROR_INVALID_HANDLE, "and nothing is found any more");
}

void tables_have_the_sizes_that_callers_test() {
  struct {
    std::initializer_list<uint8_t> id;
    size_t words;
  } sized[] = {
      {{0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9}, 13},
      {{0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47, 0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc}, 4},
      {{0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66}, 7},
      {{0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2}, 3},
      {{0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43, 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e}, 4},
      {{0xf8, 0xcf, 0xf9, 0x51, 0x21, 0x46, 0x8b, 0x4e, 0xb9, 0xe2, 0xfb, 0x46, 0x9e, 0x7c, 0x0d, 0xd9}, 3},
      {{0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48, 0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2}, 52},
      {{0x7c, 0xb6, 0x3f, 0x9b, 0x9c, 0xa4, 0x8e, 0x42, 0xa4, 0x84, 0xbe, 0xb6, 0x6e, 0x6a, 0xed, 0x7f}, 1},
  };
  for (const auto& entry : sized) {
    const void* const* table = table_of(entry.id);
    expect(table != nullptr && reinterpret_cast<size_t>(table[0]) == 8 * entry.words, "table and its size word");
    expect(table == table_of(entry.id), "a table keeps its address");
  }
  expect(table_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}) == nullptr, "an unknown table is refused");
}

void the_check_asks_the_host() {
  const void* const* table =
      table_of({0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2});
  auto check = reinterpret_cast<CUresult (*)(uint32_t, uint64_t, void*)>(const_cast<void*>(table[1]));
  Digest one, same, later;
  expect(check(13052, 1700000000, one.data()) == CUDA_SUCCESS, "the check answers");
  check(13052, 1700000000, same.data());
  check(13052, 1700000001, later.data());
  expect(one == same && one != later, "the answer depends on the question alone");
  Digest elsewhere;
  std::thread([&] { check(13052, 1700000000, elsewhere.data()); }).join();
  expect(elsewhere != one, "and on the thread");
}

}  // namespace

int main() {
  static MadeUpHost host;
  serve(host);
  digests_follow_the_standards();
  every_fact_enters_the_answer();
  storage_belongs_to_a_context();
  tables_have_the_sizes_that_callers_test();
  the_check_asks_the_host();
  std::printf(failures ? "%d checks failed\n" : "all fine\n", failures);
  return failures ? 1 : 0;
}
