// What a worker may answer to a client whose session is open, and what it may push: a program makes about every call
// that waits for an answer, and a worker that is mad answers. Whatever that is, the calls end, with success or with an
// error, and the program's memory is its own.
//
// The one thing that is believed is how long a kernel's parameters are: nobody but the worker's driver knows that, and
// the client reads so many bytes from where the program points. The parameters here are as long as can be.
//
// An input is the welcome (Welcome, DeviceRecord) and then one item for each answer that the client waits for:
//
//   0…127    a sound answer
//   128…223  a sound answer that is patched: number of patches, then for each: u16 offset, u8 length, bytes. Two
//            offsets mean that there is less of it
//   224…255  a push that comes before: u8 which, u8 length of its body, body
//
// After its end come sound answers.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "calls/driver_api.h"
#include "client/driver.h"
#include "tests/fuzz/target.h"
#include "transport/handshake.h"
#include "wire/module_record.h"

using namespace gpool;
using wire::FrameHeader;
using wire::Message;

namespace {

constexpr uint64_t kArena = uint64_t{0x3000} << 32, kArenaBytes = uint64_t{1} << 36;
constexpr size_t kMostQuestions = 20'000;

constexpr uint16_t kMostPatched = 0xf000, kLessBulk = 0xff00, kShorter = 0xff01;

// The input that is being read.
std::span<const uint8_t> input;
size_t answered = 0;

uint8_t take_byte() {
  if (input.empty()) return 0;
  const uint8_t byte = input.front();
  input = input.subspan(1);
  return byte;
}
void take(void* to, size_t bytes) {
  const size_t length = std::min(bytes, input.size());
  if (bytes > 0) std::memset(to, 0, bytes);
  if (length > 0) std::memcpy(to, input.data(), length);
  input = input.subspan(length);
}

template <class T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto* at = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), at, at + sizeof value);
}

// Two kernels, with the names and parameters that the program below expects.
std::vector<std::byte> module_record() {
  std::vector<std::byte> record;
  append(record, wire::ModuleRecordHead{2, 3, 0, 8});
  for (uint32_t i = 0; i < 2; ++i) {
    wire::KernelRecord kernel{};
    kernel.name_offset = 4 * i, kernel.name_length = 4, kernel.number = i;
    kernel.first_parameter = 0, kernel.parameter_count = i == 0 ? 2 : 3, kernel.parameter_bytes = i == 0 ? 12 : 80;
    kernel.attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK] = 1024;
    append(record, kernel);
  }
  append(record, wire::ParameterRecord{0, 8});
  append(record, wire::ParameterRecord{8, 4});
  append(record, wire::ParameterRecord{16, 64});
  for (char letter : std::string("onceagan")) record.push_back(std::byte(letter));
  return record;
}

// A worker that answers by itself, in the order of the questions.
class MadWorker final : public transport::Link {
 public:
  std::byte* begin(size_t frame_bytes) override { return try_begin(frame_bytes); }
  std::byte* try_begin(size_t frame_bytes) override {
    FUZZ_EXPECT(frame_bytes >= sizeof(FrameHeader) && frame_bytes % 8 == 0 && frame_bytes <= wire::kMaxFrameBytes);
    if (closed_) return nullptr;
    begun_.assign(frame_bytes / 8, 0);
    return reinterpret_cast<std::byte*>(begun_.data());
  }
  std::byte* begin_bulk(size_t) override { return nullptr; }
  std::byte* try_reserve_bulk(size_t) override { return nullptr; }
  transport::Outcome send_reserved(std::byte*, size_t) override { return transport::Outcome::broken; }
  void cancel_reserved(std::byte*) override {}
  transport::Outcome send(std::span<const std::byte>) override {
    FrameHeader header;
    std::memcpy(&header, begun_.data(), sizeof header);
    FUZZ_EXPECT(header.frame_bytes == begun_.size() * 8 && header.sequence == ++sequence_);
    if ((header.flags & wire::kWantsReply) != 0) {
      questions_.push_back(begun_);
      if (++asked_ > kMostQuestions) __builtin_trap();
    }
    return transport::Outcome::done;
  }
  transport::Outcome flush() override { return transport::Outcome::done; }

  transport::Outcome receive(transport::Received& frame, transport::Deadline) override {
    if (closed_) return transport::Outcome::broken;
    if (is_push()) return push(frame);
    if (questions_.empty()) {  // the program waits for what it has not asked
      closed_ = true;
      return transport::Outcome::broken;
    }
    answer(frame);
    return transport::Outcome::done;
  }
  bool try_receive(transport::Received& frame) override {
    return !closed_ && is_push() && push(frame) == transport::Outcome::done;
  }
  void release(const transport::Received& frame) override {
    FUZZ_EXPECT(frame.ticket < kept_.size() && kept_[frame.ticket].frame != nullptr);
    kept_[frame.ticket] = {};
  }
  void interrupt() override {}
  bool pass_descriptor(int, uint64_t tag) override { return tag % 2 == 0; }  // twins as well as shared memory
  bool broken() const override { return closed_; }
  std::string why() const override { return "The input is over."; }
  void wait_for_end() override {}
  void close() override { closed_ = true; }
  const char* name() const override { return "fuzz"; }
  transport::Counters counters() const override { return {}; }
  std::span<std::byte> bulk_memory() override { return {}; }
  std::span<std::byte> send_bulk_memory() override { return {}; }

 private:
  // In memory of exactly its size, so that a byte too far is found.
  struct Kept {
    std::unique_ptr<uint64_t[]> frame;
    std::unique_ptr<std::byte[]> bulk;
  };

  static bool is_push() { return !input.empty() && input.front() >= 224; }

  void deliver(FrameHeader header, std::vector<std::byte> arguments, size_t bulk_bytes, transport::Received& frame) {
    arguments.resize(std::min(wire::padded(arguments.size()), wire::kMaxFrameBytes - sizeof header));
    header.frame_bytes = uint32_t(sizeof header + arguments.size());
    header.bulk_bytes = std::min(bulk_bytes, wire::kBulkPieceBytes);
    Kept& kept = kept_.emplace_back();
    kept.frame = std::make_unique<uint64_t[]>(header.frame_bytes / 8);
    std::memcpy(kept.frame.get(), &header, sizeof header);
    if (!arguments.empty()) std::memcpy(kept.frame.get() + sizeof header / 8, arguments.data(), arguments.size());
    kept.bulk = std::make_unique<std::byte[]>(header.bulk_bytes);
    frame.header = reinterpret_cast<const FrameHeader*>(kept.frame.get());
    frame.bulk = {kept.bulk.get(), header.bulk_bytes};
    frame.ticket = kept_.size() - 1;
  }

  transport::Outcome push(transport::Received& frame) {
    (void)take_byte();
    static constexpr Message kPushes[] = {Message::push_error, Message::push_host_function, Message::push_host_update,
                                          Message::push_memory_credit, Message::push_output};
    FrameHeader header{0, uint16_t(kPushes[take_byte() % std::size(kPushes)]), wire::kPush, 0, 0, 0, 0};
    std::vector<std::byte> body(take_byte());
    take(body.data(), body.size());
    const size_t bulk = header.call == uint16_t(Message::push_output) ? 3 : 0;
    deliver(header, std::move(body), bulk, frame);
    return transport::Outcome::done;
  }

  void answer(transport::Received& frame) {
    const uint8_t kind = take_byte();
    ++answered;
    const std::vector<uint64_t> question = std::move(questions_.front());
    questions_.pop_front();
    FrameHeader asked;
    std::memcpy(&asked, question.data(), sizeof asked);
    FrameHeader header{0, asked.call, wire::kReply, asked.sequence, 0, 0, 0};
    size_t bulk = 0;
    std::vector<std::byte> arguments = sound_answer(asked, std::as_bytes(std::span(question)), bulk);
    if (kind >= 128) {
      std::vector<std::byte> whole;
      append(whole, header);
      whole.insert(whole.end(), arguments.begin(), arguments.end());
      for (uint8_t patches = take_byte() % 8; patches > 0; --patches) {
        uint16_t offset = 0;
        take(&offset, sizeof offset);
        uint8_t bytes[256];
        const size_t length = take_byte();
        take(bytes, length);
        if (offset == kLessBulk) bulk = bulk * length / 256;
        if (offset == kShorter) whole.resize(sizeof header + (whole.size() - sizeof header) * length / 256);
        if (offset > kMostPatched) continue;
        if (whole.size() < offset + length) whole.resize(offset + length);
        std::memcpy(whole.data() + offset, bytes, length);
      }
      std::memcpy(&header, whole.data(), sizeof header);
      arguments.assign(whole.begin() + sizeof header, whole.end());
    }
    deliver(header, std::move(arguments), bulk, frame);
  }

  template <class T>
  static T read(std::span<const std::byte> question) {
    T value;
    std::memcpy(&value, question.data() + sizeof(FrameHeader), sizeof value);
    return value;
  }

  static std::vector<std::byte> sound_answer(const FrameHeader& asked, std::span<const std::byte> question,
                                             size_t& bulk) {
    std::vector<std::byte> arguments;
    switch (Message(asked.call)) {
      case Message::memory_credit:
        append(arguments, wire::MemoryCreditReply{1, 0, 64 << 20, 64 << 20});
        break;
      case Message::memory_info:
        append(arguments, wire::MemoryInfoReply{1 << 30, 1 << 30});
        break;
      case Message::copy_to_host:
        bulk = read<wire::CopyLinear>(question).bytes;
        break;
      case Message::copy_3d: {
        const auto copy = read<wire::Copy3D>(question);
        if (copy.destination.type == wire::CopySide::host) bulk = copy.width_bytes * copy.height * copy.depth;
        break;
      }
      case Message::module_load:
        arguments = module_record();
        break;
      case Message::module_global:
        append(arguments, wire::ModuleGlobalReply{kArena - 4096, 64});
        break;
      case Message::host_map:
        append(arguments, wire::HostMapReply{read<wire::HostMap>(question).address});
        break;
      case Message::link: {
        const auto link = read<wire::Link>(question);
        append(arguments, wire::LinkReply{700});
        if (link.action == wire::Link::read) bulk = link.bytes;
        break;
      }
      case Message::occupancy:
        append(arguments, wire::OccupancyReply{2, 0});
        break;
      case Message::graph_list: {
        const auto list = read<wire::GraphList>(question);
        append(arguments, wire::GraphListReply{2, std::min(list.offered, 2u), 0, 0});
        append(arguments, uint64_t{1}), append(arguments, uint64_t{2});
        break;
      }
      default:
        arguments.resize(256);
        break;
    }
    return arguments;
  }

  bool closed_ = false;
  uint64_t sequence_ = 0;
  size_t asked_ = 0;
  std::vector<uint64_t> begun_;
  std::deque<std::vector<uint64_t>> questions_;
  std::vector<Kept> kept_;
};

wire::Welcome sound_welcome() {
  wire::Welcome welcome{};
  welcome.device_count = 1, welcome.driver_version = 13000, welcome.session_id = 1;
  return welcome;
}
wire::DeviceRecord sound_device() {
  wire::DeviceRecord device{};
  std::strcpy(device.name, "Mad GPU");
  std::strcpy(device.pci_bus_id, "0000:01:00.0");
  device.memory_bytes = uint64_t{1} << 30;
  device.arena_address = kArena, device.arena_bytes = kArenaBytes, device.granularity = uint64_t{2} << 20;
  device.stream_priority_greatest = -5;
  device.attributes[CU_DEVICE_ATTRIBUTE_WARP_SIZE] = 32;
  device.attributes[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK] = 1024;
  device.attributes[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR] = 2048;
  device.attributes[CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT] = 4;
  for (int i = 0; i < 3; ++i) {
    device.attributes[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i] = 1024;
    device.attributes[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i] = 65535;
  }
  device.attributes[CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT] = 512;
  return device;
}

}  // namespace

// Takes the place of the dialling client (transport/handshake_client.cpp), whose checks are these.
namespace gpool::transport {
Status connect_unix(const std::string&, const ConnectOptions&, Connection& made) {
  take(&made.welcome, sizeof made.welcome);
  if (made.welcome.device_count > wire::kMaxDevices) return Status::failed("Too many devices.");
  made.devices.resize(made.welcome.device_count);
  for (wire::DeviceRecord& device : made.devices) take(&device, sizeof device);
  made.link = std::make_unique<MadWorker>();
  return Status::ok();
}
Status connect_tcp(const std::string& address, const ConnectOptions& options, Connection& made) {
  return connect_unix(address, options, made);
}
}  // namespace gpool::transport

namespace {

constexpr std::string_view kImage = ".version 7.0\n.target sm_52\n.address_size 64\n// the worker says what is in it\n";

template <class T, size_t N>
T* room_for() {
  static T room[N];
  return room;
}

void ask_about_device(CUdevice device) {
  char text[300];
  CUuuid uuid;
  size_t bytes = 0;
  unsigned mask = 0;
  int value = 0, major = 0;
  cuDeviceGetName(text, sizeof text, device);
  cuDeviceGetUuid_v2(&uuid, device);
  cuDeviceGetLuid(text, &mask, device);
  cuDeviceTotalMem_v2(&bytes, device);
  for (int i = 0; i < int(wire::kAttributes) + 5; ++i) cuDeviceGetAttribute(&value, CUdevice_attribute(i), device);
  cuDeviceComputeCapability(&major, &value, device);
  CUdevprop properties;
  cuDeviceGetProperties(&properties, device);
  if (cuDeviceGetPCIBusId(text, 40, device) == CUDA_SUCCESS) cuDeviceGetByPCIBusId(&device, text);
  cuDeviceCanAccessPeer(&value, device, device + 1);
  cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, device, device + 1);
  CUmemoryPool pool;
  if (cuDeviceGetDefaultMemPool(&pool, device) == CUDA_SUCCESS)
    for (int i = 1; i < 9; ++i) cuMemPoolGetAttribute(pool, CUmemPool_attribute(i), room_for<uint64_t, 4>());
  cuDeviceGetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, room_for<uint64_t, 4>());
}

void use_memory(CUstream stream) {
  static std::vector<uint8_t>& host = *new std::vector<uint8_t>(5 << 19);
  size_t free_bytes = 0, total = 0, pitch = 0;
  CUdeviceptr large = 0, small = 0, rows = 0, pooled = 0, base = 0;
  cuMemGetInfo_v2(&free_bytes, &total);
  cuMemAlloc_v2(&large, host.size());
  cuMemAlloc_v2(&small, 1000);
  cuMemAllocPitch_v2(&rows, &pitch, 100, 10, 4);
  cuMemAllocAsync(&pooled, 3 << 20, stream);
  cuMemcpyHtoD_v2(large, host.data(), host.size());
  cuMemcpyDtoH_v2(host.data(), large, host.size());
  cuMemcpyDtoD_v2(large, small, 1000);
  cuMemsetD32_v2(large, 1, 1000);
  cuMemcpy(reinterpret_cast<CUdeviceptr>(host.data()), small, 1000);
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE, copy.srcDevice = rows, copy.srcPitch = pitch;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST, copy.dstHost = host.data(), copy.dstPitch = 128;
  copy.WidthInBytes = 100, copy.Height = 10;
  cuMemcpy2D_v2(&copy);
  cuMemGetAddressRange_v2(&base, &total, small);
  for (int i = 1; i < 22; ++i) cuPointerGetAttribute(room_for<uint64_t, 16>(), CUpointer_attribute(i), small);
  // One is shared with the worker, the other has a twin there.
  for (int i = 0; i < 2; ++i) {
    void* pinned = nullptr;
    CUdeviceptr seen = 0;
    if (cuMemHostAlloc(&pinned, 20'000, CU_MEMHOSTALLOC_DEVICEMAP) != CUDA_SUCCESS) continue;
    cuMemHostGetDevicePointer_v2(&seen, pinned, 0);
    for (int attribute = 1; attribute < 22; ++attribute)
      cuPointerGetAttribute(room_for<uint64_t, 16>(), CUpointer_attribute(attribute), seen);
    cuMemcpyHtoDAsync_v2(large, pinned, 20'000, stream);
    cuMemcpyDtoHAsync_v2(pinned, large, 20'000, stream);
    cuStreamSynchronize(stream);
    cuCtxSynchronize();
    cuMemFreeHost(pinned);
  }
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  size_t granule = 0;
  CUdeviceptr range = 0;
  CUmemGenericAllocationHandle physical = 0;
  cuMemGetAllocationGranularity(&granule, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  if (granule < (uint64_t{1} << 40) && cuMemAddressReserve(&range, 2 * granule, 0, 0, 0) == CUDA_SUCCESS) {
    if (cuMemCreate(&physical, granule, &properties, 0) == CUDA_SUCCESS) {
      cuMemMap(range, granule, 0, physical, 0);
      CUmemAccessDesc access{};
      access.location = properties.location, access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
      cuMemSetAccess(range, granule, &access, 1);
      cuMemsetD8_v2(range, 1, 100);
      cuMemUnmap(range, granule);
      cuMemRelease(physical);
    }
    cuMemAddressFree(range, 2 * granule);
  }
  for (CUdeviceptr one : {large, small, rows}) cuMemFree_v2(one);
  cuMemFreeAsync(pooled, stream);
}

// Longer than any parameters may be, so that the client may read whatever the record says.
void* parameters() {
  static std::vector<uint8_t>& bytes = *new std::vector<uint8_t>(65536 + 64);
  return bytes.data();
}

void ask_about_kernel(CUfunction function) {
  int value = 0, grid = 0;
  const char* name = nullptr;
  size_t offset = 0, size = 0;
  cuFuncGetName(&name, function);
  volatile size_t used = name == nullptr ? 0 : std::strlen(name);
  (void)used;
  for (int i = 0; i < 20; ++i) cuFuncGetAttribute(&value, CUfunction_attribute(i), function);
  for (size_t i = 0; i < 4; ++i) cuFuncGetParamInfo(function, i, &offset, &size);
  cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1024);
  cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, function, 64, 0);
  cuOccupancyMaxPotentialBlockSize(&grid, &value, function, nullptr, 0, 0);
}

void use_code(CUstream stream) {
  CUmodule module = nullptr;
  if (cuModuleLoadData(&module, kImage.data()) == CUDA_SUCCESS) {
    unsigned count = 0;
    cuModuleGetFunctionCount(&count, module);
    std::vector<CUfunction> functions(std::min(count, 5u));
    cuModuleEnumerateFunctions(functions.data(), unsigned(functions.size()), module);
    CUfunction once = nullptr;
    if (cuModuleGetFunction(&once, module, "once") == CUDA_SUCCESS) functions.push_back(once);
    for (CUfunction function : functions) {
      ask_about_kernel(function);
      std::vector<void*> list(20'000, parameters());
      size_t most = 0;
      cuFuncGetParamCount(function, &most);
      if (most > list.size()) continue;
      cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, list.data(), nullptr);
    }
    CUdeviceptr address = 0;
    size_t bytes = 0;
    if (cuModuleGetGlobal_v2(&address, &bytes, module, "answer") == CUDA_SUCCESS)
      cuMemcpyDtoH_v2(parameters(), address, std::min<size_t>(bytes, 4096));
  }
  CUlibrary library = nullptr;
  if (cuLibraryLoadData(&library, kImage.data(), nullptr, nullptr, 0, nullptr, nullptr, 0) == CUDA_SUCCESS) {
    CUkernel kernel = nullptr;
    if (cuLibraryGetKernel(&kernel, library, "agan") == CUDA_SUCCESS)
      ask_about_kernel(reinterpret_cast<CUfunction>(kernel));
    CUdeviceptr address = 0;
    size_t bytes = 0;
    cuLibraryGetGlobal(&address, &bytes, library, "answer");
    cuLibraryUnload(library);
  }
  CUlinkState link = nullptr;
  if (cuLinkCreate_v2(0, nullptr, nullptr, &link) == CUDA_SUCCESS) {
    void* cubin = nullptr;
    size_t size = 0;
    cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, const_cast<char*>(kImage.data()), kImage.size() + 1, nullptr, 0, nullptr,
                     nullptr);
    cuLinkComplete(link, &cubin, &size);
    cuLinkDestroy(link);
  }
  if (module != nullptr) cuModuleUnload(module);
}

void use_graphs(CUstream stream) {
  CUgraph graph = nullptr;
  CUgraphNode first = nullptr, second = nullptr;
  CUgraphExec exec = nullptr;
  size_t count = 0;
  if (cuGraphCreate(&graph, 0) != CUDA_SUCCESS) return;
  cuGraphAddEmptyNode(&first, graph, nullptr, 0);
  cuGraphAddEmptyNode(&second, graph, &first, 1);
  cuGraphGetNodes(graph, nullptr, &count);
  std::vector<CUgraphNode> nodes(std::min<size_t>(count, 100)), others(nodes.size());
  count = nodes.size();
  cuGraphGetNodes(graph, nodes.data(), &count);
  count = nodes.size();
  cuGraphGetEdges_v2(graph, nodes.data(), others.data(), nullptr, &count);
  CUgraphNodeType type;
  for (CUgraphNode node : nodes) cuGraphNodeGetType(node, &type);
  unsigned id = 0;
  cuGraphGetId(graph, &id);
  if (cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS) {
    cuGraphLaunch(exec, stream);
    cuGraphExecGetFlags(exec, room_for<cuuint64_t, 1>());
    cuGraphExecDestroy(exec);
  }
  cuGraphDestroy(graph);
  if (cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED) != CUDA_SUCCESS) return;
  CUstreamCaptureStatus status;
  cuuint64_t number = 0;
  const CUgraphNode* dependencies = nullptr;
  cuStreamGetCaptureInfo_v3(stream, &status, &number, &graph, &dependencies, nullptr, &count);
  if (cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS) cuGraphDestroy(graph);
}

void run_program() {
  int value = 0, most = 0;
  cuDriverGetVersion(&value);
  if (cuInit(0) != CUDA_SUCCESS) return;
  cuDeviceGetCount(&value);
  for (CUdevice device = 0; device < std::min(value, 2); ++device) ask_about_device(device);
  CUcontext context = nullptr, another = nullptr;
  if (cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS) return;
  cuCtxSetCurrent(context);
  cuCtxGetStreamPriorityRange(&value, &most);
  for (int i = 0; i < 12; ++i) cuCtxGetLimit(room_for<size_t, 1>(), CUlimit(i));
  CUstream stream = nullptr;
  CUevent begun = nullptr, ended = nullptr;
  cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, most);
  cuEventCreate(&begun, 0), cuEventCreate(&ended, 0);
  cuEventRecord(begun, stream);
  use_memory(stream);
  use_code(stream);
  use_graphs(stream);
  cuEventRecord(ended, stream);
  cuStreamQuery(stream), cuEventQuery(ended), cuEventSynchronize(ended);
  float milliseconds = 0;
  cuEventElapsedTime_v2(&milliseconds, begun, ended);
  cuStreamGetPriority(stream, &value), cuStreamGetId(stream, room_for<unsigned long long, 1>());
  const char* text = nullptr;
  static int unknown = 100'000;
  if (cuGetErrorString(CUresult(unknown++), &text) == CUDA_SUCCESS && text != nullptr) (void)std::strlen(text);
  if (cuCtxCreate_v4(&another, nullptr, 0, 0) == CUDA_SUCCESS) cuCtxDestroy_v2(another);
  cuStreamDestroy_v2(stream), cuEventDestroy_v2(begun), cuEventDestroy_v2(ended);
  cuCtxSynchronize();
  cuDevicePrimaryCtxReset_v2(0);
  cuDevicePrimaryCtxRelease_v2(0);
}

// As the process was before cuInit, which no program can have again.
void forget_everything() {
  client::Driver& state = client::driver();
  client::set_current_context(nullptr);
  for (const auto& session : state.sessions) session->end();
  for (const auto& device : state.all_devices)
    munmap(reinterpret_cast<void*>(device->record.arena_address), device->record.arena_bytes);
  state.devices.clear();
  state.all_devices.clear();
  state.sessions.clear();
  state.opened = false;
  state.phase = client::Phase::uninitialised;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("GPOOL_ENDPOINTS", "unix:/nobody", 1);
  log::write_to(open("/dev/null", O_WRONLY | O_CLOEXEC));  // the client says what it thinks of each such worker
  return 0;
}

std::span<const uint64_t> target_words() {
  static const std::vector<uint64_t> words = [] {
    std::vector<uint64_t> made{kArena, kArena + kArenaBytes, kArenaBytes, 0xffffffff, UINT64_MAX};
    for (uint32_t kind = 1; kind <= 18; ++kind) made.push_back(wire::make_handle(wire::Kind(kind), 0, 1, 1));
    return made;
  }();
  return words;
}

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  std::vector<uint8_t> welcome;
  auto put = [](std::vector<uint8_t>& bytes, const auto& value) {
    const auto* at = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), at, at + sizeof value);
  };
  put(welcome, sound_welcome());
  put(welcome, sound_device());
  inputs.assign(1, welcome);  // the golden files are another side's
  std::vector<uint8_t> two = welcome;
  two[offsetof(wire::Welcome, device_count)] = 2;
  put(two, sound_device());
  inputs.push_back(two);
  // Each answer in turn: its status, its flags, all of its words, and how much of it there is; then every push.
  input = welcome;
  run_program();
  forget_everything();
  for (size_t before = 0; before < answered; ++before) {
    std::vector<uint8_t> sound = welcome;
    sound.insert(sound.end(), before, 0);
    auto add = [&](uint16_t offset, size_t length, uint8_t byte) {
      std::vector<uint8_t>& bytes = inputs.emplace_back(sound);
      bytes.insert(bytes.end(), {200, 1, uint8_t(offset), uint8_t(offset >> 8), uint8_t(length)});
      bytes.insert(bytes.end(), length, byte);
    };
    add(offsetof(FrameHeader, status), 1, 2);
    add(offsetof(FrameHeader, flags), 1, wire::kPush);
    add(sizeof(FrameHeader), 64, 0xff);
    add(sizeof(FrameHeader), 8, 0x7f);
    add(kShorter, 1, 1);
    add(kLessBulk, 1, 1);
  }
  for (uint8_t which = 0; which < 5; ++which) {
    std::vector<uint8_t>& bytes = inputs.emplace_back(welcome);
    bytes.insert(bytes.end(), {0, 0, 0, 0, 255, which, 24});
    bytes.insert(bytes.end(), 24, 1);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  input = {data, size};
  run_program();
  forget_everything();
  return 0;
}
