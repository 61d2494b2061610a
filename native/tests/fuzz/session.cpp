// What a client may send to its worker once the session is open: every message and every generated call, carried out
// before the emulated GPU's driver, which GPOOL_FUZZ_DRIVER names (a path to its libcuda.so.1). The dispatch promises
// that nothing from the wire is believed: no length, no handle, no index.
//
// An input is frames, one after the other, as they travel; frames that would not pass the link are dropped. Before them
// come frames that make things exist: a context, memory, a module with a kernel, a stream, an event, a graph.
#include "worker/session.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/sha256.h"
#include "calls/generated/arguments.h"
#include "calls/generated/ids.h"
#include "tests/fuzz/target.h"
#include "worker/devices.h"

using namespace gpool;
using wire::FrameHeader;
using wire::Kind;
using wire::Message;

namespace {

constexpr uint64_t kMemory = uint64_t{4} << 20;
constexpr size_t kMostReserved = 64;

wire::Handle handle(Kind kind, uint32_t index) {
  return wire::make_handle(kind, 0, 1, index);
}

// Hands out the frames of one input, each in memory of exactly its size, and takes answers to nowhere. The session
// keeps it for ever, as a worker does.
class InputLink final : public transport::Link {
 public:
  InputLink(std::span<const uint8_t> bytes, worker::Session& session) : bytes_(bytes), session_(session) {}

  std::byte* begin(size_t frame_bytes) override { return try_begin(frame_bytes); }
  std::byte* begin_bulk(size_t bulk_bytes) override { return try_reserve_bulk(bulk_bytes); }
  std::byte* try_begin(size_t frame_bytes) override {
    FUZZ_EXPECT(frame_bytes >= sizeof(FrameHeader) && frame_bytes % 8 == 0 && frame_bytes <= wire::kMaxFrameBytes);
    begun_.resize(frame_bytes / 8);
    return reinterpret_cast<std::byte*>(begun_.data());
  }
  std::byte* try_reserve_bulk(size_t bulk_bytes) override {
    FUZZ_EXPECT(bulk_bytes > 0 && bulk_bytes <= wire::kBulkPieceBytes);
    if (reserved_.size() >= kMostReserved) return nullptr;
    reserved_.push_back(std::make_unique<std::byte[]>(bulk_bytes));
    return reserved_.back().get();
  }
  transport::Outcome send(std::span<const std::byte>) override {
    FrameHeader header;
    std::memcpy(&header, begun_.data(), sizeof header);
    FUZZ_EXPECT(header.frame_bytes == begun_.size() * 8);
    FUZZ_EXPECT((header.flags & (wire::kReply | wire::kPush)) != 0);
    return transport::Outcome::done;
  }
  transport::Outcome send_reserved(std::byte* bulk, size_t bulk_bytes) override {
    volatile std::byte last = bulk[bulk_bytes - 1];
    (void)last;
    cancel_reserved(bulk);
    return send({});
  }
  void cancel_reserved(std::byte* bulk) override {
    const auto at = std::find_if(reserved_.begin(), reserved_.end(), [&](auto& one) { return one.get() == bulk; });
    FUZZ_EXPECT(at != reserved_.end());
    reserved_.erase(at);
  }
  transport::Outcome flush() override { return transport::Outcome::done; }

  transport::Outcome receive(transport::Received& frame, transport::Deadline) override {
    return try_receive(frame) ? transport::Outcome::done : transport::Outcome::broken;
  }
  // Between two frames the loop makes a turn in which everything that the side thread has done is collected: what an
  // input does must not depend on who is faster.
  bool try_receive(transport::Received& frame) override {
    if (!settled_) {
      side_thread_ = &session_.side_thread();
      side_thread_->wait_until_done();
      settled_ = true;
      return false;
    }
    if (bytes_.size() >= sizeof(FrameHeader)) {
      settled_ = false;
      FrameHeader header;
      std::memcpy(&header, bytes_.data(), sizeof header);
      header.frame_bytes = std::max<uint32_t>(header.frame_bytes / 8 * 8, sizeof header);
      if (header.frame_bytes > bytes_.size()) header.frame_bytes = uint32_t(bytes_.size() / 8 * 8);
      header.bulk_bytes = std::min<uint64_t>(header.bulk_bytes, bytes_.size() - header.frame_bytes);
      auto& kept = frames_.emplace_back();
      kept.frame = std::make_unique<uint64_t[]>(header.frame_bytes / 8);
      std::memcpy(kept.frame.get(), bytes_.data(), header.frame_bytes);
      std::memcpy(kept.frame.get(), &header, sizeof header);
      kept.bulk = std::make_unique<std::byte[]>(header.bulk_bytes);
      std::memcpy(kept.bulk.get(), bytes_.data() + header.frame_bytes, header.bulk_bytes);
      bytes_ = bytes_.subspan(header.frame_bytes + header.bulk_bytes);
      frame.header = reinterpret_cast<const FrameHeader*>(kept.frame.get());
      frame.bulk = {kept.bulk.get(), header.bulk_bytes};
      frame.ticket = frames_.size() - 1;
      return true;
    }
    return false;
  }
  void release(const transport::Received& frame) override {
    FUZZ_EXPECT(frame.ticket < frames_.size() && frames_[frame.ticket].frame != nullptr);
    frames_[frame.ticket] = {};
  }
  void interrupt() override {}
  bool broken() const override { return settled_ && bytes_.size() < sizeof(FrameHeader); }
  std::string why() const override { return "The input is over."; }
  void wait_for_end() override {}
  void close() override {}
  const char* name() const override { return "fuzz"; }
  transport::Counters counters() const override { return {}; }
  std::span<std::byte> bulk_memory() override { return {}; }
  std::span<std::byte> send_bulk_memory() override { return {}; }

 private:
  struct Kept {
    std::unique_ptr<uint64_t[]> frame;
    std::unique_ptr<std::byte[]> bulk;
  };
  std::span<const uint8_t> bytes_;
  worker::Session& session_;
  worker::SideThread* side_thread_ = nullptr;
  bool settled_ = false;
  std::vector<Kept> frames_;
  std::vector<uint64_t> begun_;
  std::vector<std::unique_ptr<std::byte[]>> reserved_;
};

class Frames {
 public:
  template <class Arguments>
  Frames& add(uint16_t call, const Arguments& arguments, std::string_view more = {}, std::string_view bulk = {},
              uint16_t flags = wire::kWantsReply) {
    const size_t bytes = sizeof(FrameHeader) + wire::padded(wire::padded(sizeof arguments) + more.size());
    const FrameHeader header{uint32_t(bytes), call, flags, ++sequence_, 1, 0, bulk.size()};
    const size_t at = bytes_.size();
    bytes_.resize(at + bytes);
    std::memcpy(bytes_.data() + at, &header, sizeof header);
    std::memcpy(bytes_.data() + at + sizeof header, &arguments, sizeof arguments);
    std::copy(more.begin(), more.end(), bytes_.begin() + long(at + sizeof header + wire::padded(sizeof arguments)));
    bytes_.insert(bytes_.end(), bulk.begin(), bulk.end());
    return *this;
  }
  template <class Arguments>
  Frames& add(Message message, const Arguments& arguments, std::string_view more = {}, std::string_view bulk = {}) {
    return add(uint16_t(message), arguments, more, bulk);
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
  uint64_t sequence_ = 0;
};

constexpr std::string_view kKernel =
    ".version 7.0\n.target sm_52\n.address_size 64\n.visible .global .align 4 .u32 answer = 42;\n"
    ".visible .entry store(.param .u64 to, .param .u32 value)\n{\n.reg .u64 %a; .reg .u32 %v;\n"
    "ld.param.u64 %a, [to]; ld.param.u32 %v, [value]; st.global.u32 [%a], %v; ret;\n}\n";

calls::DriverTable& driver() {
  static calls::DriverTable& table = *new calls::DriverTable;
  return table;
}

// What the session maps and creates is written down, because it goes with its process and no process ends here.
calls::DriverTable real;
std::map<CUdeviceptr, size_t>& mapped() {
  static auto& ranges = *new std::map<CUdeviceptr, size_t>;
  return ranges;
}
std::set<CUmemGenericAllocationHandle>& created() {
  static auto& handles = *new std::set<CUmemGenericAllocationHandle>;
  return handles;
}
void keep_books() {
  real = driver();
  driver().cuMemCreate = [](CUmemGenericAllocationHandle* handle, size_t bytes, const CUmemAllocationProp* properties,
                            unsigned long long flags) {
    const CUresult status = real.cuMemCreate(handle, bytes, properties, flags);
    if (status == CUDA_SUCCESS) created().insert(*handle);
    return status;
  };
  driver().cuMemRelease = [](CUmemGenericAllocationHandle handle) {
    created().erase(handle);
    return real.cuMemRelease(handle);
  };
  driver().cuMemMap = [](CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                         unsigned long long flags) {
    const CUresult status = real.cuMemMap(address, bytes, offset, handle, flags);
    if (status == CUDA_SUCCESS) mapped()[address] = bytes;
    return status;
  };
  driver().cuMemUnmap = [](CUdeviceptr address, size_t bytes) {
    mapped().erase(address);
    return real.cuMemUnmap(address, bytes);
  };
}

std::vector<worker::Device>& first_devices() {
  static std::vector<worker::Device>& devices = *new std::vector<worker::Device>;
  return devices;
}
uint64_t arena() {
  return first_devices()[0].record.arena_address;
}
worker::OutputPipe& output() {
  static worker::OutputPipe& pipe = *new worker::OutputPipe;
  return pipe;
}

Frames beginning() {
  const Sha256Digest digest = sha256(std::as_bytes(std::span(kKernel)));
  wire::ModuleLoad load{handle(Kind::module, 1), {}, kKernel.size(), 0, wire::ModuleLoad::image_follows, 0};
  std::copy(digest.begin(), digest.end(), load.sha256);
  wire::DeviceContext retain{wire::DeviceContext::retain_primary, 0, handle(Kind::context, 1), 0, 0};
  Frames frames;
  frames.add(Message::device_context, retain)
      .add(Message::memory_map, wire::MemoryMap{0, 0, arena(), kMemory})
      .add(Message::module_load, load, {}, kKernel);
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* path = std::getenv("GPOOL_FUZZ_DRIVER");
  if (path == nullptr) {
    std::fputs("GPOOL_FUZZ_DRIVER must name the emulated GPU's libcuda.so.1\n", stderr);
    return 1;
  }
  setenv("GPOOL_EMULATOR_NODE", ("fuzz-" + std::to_string(getpid())).c_str(), 1);
  setenv("GPOOL_EMULATOR_MEMORY", "64MiB", 1);
  setenv("GPOOL_EMULATOR_THREADS", "1", 1);
  log::set_default_level(log::Level::error);
  worker::Grant grant{};
  Status status = calls::load_driver(path, driver());
  if (status) keep_books();
  if (status) status = worker::find_devices(driver(), first_devices());
  if (status) status = worker::grant_devices(driver(), grant, first_devices());
  if (!status) std::fprintf(stderr, "%s\n", status.sentence().c_str());
  return status ? 0 : 1;
}

std::span<const uint64_t> target_words() {
  static const std::vector<uint64_t> words = [] {
    std::vector<uint64_t> made;
    for (uint32_t kind = 1; kind <= 18; ++kind)
      for (uint32_t index : {1u, 2u}) made.push_back(handle(Kind(kind), index));
    for (uint64_t offset : {uint64_t{0}, kMemory / 2, kMemory - 4, kMemory}) made.push_back(arena() + offset);
    return made;
  }();
  return words;
}

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  const wire::Handle stream = handle(Kind::stream, 1), event = handle(Kind::event, 1), graph = handle(Kind::graph, 1),
                     function = handle(Kind::function, 1), module = handle(Kind::module, 1);
  const uint64_t parameters[2] = {arena(), 7};
  const std::string_view packed(reinterpret_cast<const char*>(parameters), 12);
  const wire::Launch launch{function, 0, {1, 1, 1}, {1, 1, 1}, 0, 0, 12, 0};
  const std::string_view launch_bytes(reinterpret_cast<const char*>(&launch), sizeof launch);
  const std::string some(4096, 'x');
  auto one = [&](auto... words) {
    Frames frames;
    frames.add(words...);
    inputs.push_back(frames.take());
  };
  one(Message::fence, wire::Fence{0});
  one(Message::memory_map, wire::MemoryMap{0, 0, arena() + kMemory, kMemory});
  one(Message::memory_unmap, wire::MemoryMap{0, 0, arena(), kMemory});
  one(Message::memory_info, wire::MemoryInfo{0});
  one(Message::copy_to_device, wire::CopyLinear{arena(), 4096, 0, 1, 0}, std::string_view(), std::string_view(some));
  one(Message::copy_to_host, wire::CopyLinear{arena(), 4096, 0, 1, 0});
  wire::Copy3D copy{};
  copy.source = {wire::CopySide::device, 0, arena(), 64, 8, 0, 0, 0};
  copy.destination = {wire::CopySide::device, 0, arena() + 8192, 64, 8, 0, 0, 0};
  copy.width_bytes = 32, copy.height = 8, copy.depth = 2;
  one(Message::copy_3d, copy);
  copy.destination.type = wire::CopySide::host;
  one(Message::copy_3d, copy);
  std::swap(copy.source, copy.destination);
  one(Message::copy_3d, copy, std::string_view(), std::string_view(some).substr(0, 512));
  one(Message::launch, launch, packed);
  one(Message::wait, wire::Wait{wire::Wait::context, 0, handle(Kind::context, 1)});
  one(Message::query, wire::Wait{wire::Wait::stream, 0, 0});
  one(Message::module_unload, wire::ModuleUnload{module});
  one(Message::module_record, wire::ModuleRecord{module, 0});
  one(Message::module_global, wire::ModuleGlobal{module, 6, 0}, std::string_view("answer"));
  one(Message::function_attribute, wire::FunctionAttribute{function, 8, 1024, -1, 0});
  one(Message::occupancy, wire::Occupancy{function, 64, 0, 0});
  one(Message::error_text, wire::ErrorText{700});
  one(Message::host_function, wire::HostFunction{0, 1});
  one(Message::host_function_done, wire::HostFunctionDone{1});
  one(uint16_t(calls::Id::cuStreamCreateWithPriority), calls::cuStreamCreateWithPriority_arguments{stream, 1, 0});
  one(uint16_t(calls::Id::cuEventCreate), calls::cuEventCreate_arguments{event, 0, {}});
  one(Message::event_elapsed, wire::EventElapsed{event, event});
  one(uint16_t(calls::Id::cuGraphCreate), calls::cuGraphCreate_arguments{graph, 0, {}});
  one(Message::graph_node, wire::GraphNode{1, 0, graph, handle(Kind::graph_node, 1), 0, 0});
  one(Message::graph_node, wire::GraphNode{1, 1, graph, handle(Kind::graph_node, 2), 0, 0},
      std::string_view(std::string(launch_bytes) + std::string(packed)));
  one(Message::graph_node, wire::GraphNode{1, 3, graph, handle(Kind::graph_node, 3), 0, 0},
      std::string_view(some).substr(0, sizeof(wire::GraphMemset)));
  const wire::Handle edges[2] = {handle(Kind::graph_node, 1), handle(Kind::graph_node, 2)};
  const std::string_view edge_bytes(reinterpret_cast<const char*>(edges), sizeof edges);
  one(Message::graph_edges, wire::GraphEdges{graph, 1, 0}, edge_bytes);
  one(Message::graph_list, wire::GraphList{wire::GraphList::nodes, 2, graph}, edge_bytes);
  one(Message::link, wire::Link{wire::Link::add, 1, handle(Kind::link, 1), 0, kKernel.size()}, std::string_view(),
      kKernel);
  one(Message::link, wire::Link{wire::Link::complete, 0, handle(Kind::link, 1), 0, 0});
  one(Message::link, wire::Link{wire::Link::read, 0, handle(Kind::link, 1), 0, 64});
  // Every generated call, with zeros and with a handle of each kind in turn.
  for (uint16_t call = 64; call < 512; ++call) {
    Frames frames;
    std::array<uint64_t, 8> words{};
    std::copy_n(target_words().begin() + call % 32, words.size(), words.begin());
    frames.add(call, words);
    inputs.push_back(frames.take());
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes = beginning().take();
  bytes.insert(bytes.end(), data, data + size);
  worker::Grant grant{};
  std::vector<worker::Device> devices;
  for (const worker::Device& device : first_devices()) {
    devices.emplace_back();
    devices.back().cu = device.cu, devices.back().record = device.record;
  }
  worker::Session session(grant, driver(), {}, std::move(devices), output());
  (void)session.serve(std::make_unique<InputLink>(bytes, session));
  // What a worker's end would give back. Contexts first: nothing runs any more when memory goes.
  session.open_gates();
  driver().cuCtxSetCurrent(nullptr);
  for (worker::ContextState& context : session.contexts)
    if (context.live && !context.primary) driver().cuCtxDestroy_v2(context.cu);
  driver().cuDevicePrimaryCtxReset_v2(session.devices[0].cu);
  for (const auto& [address, bytes] : std::exchange(mapped(), {})) real.cuMemUnmap(address, bytes);
  for (CUmemGenericAllocationHandle handle : std::exchange(created(), {})) real.cuMemRelease(handle);
  return 0;
}
