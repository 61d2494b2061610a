// Writes one file for each struct that travels, filled so that every field has bytes of its own: gpool-golden FOLDER.
// What is written must equal tests/wire/golden/ for ever; a difference is a change of the protocol.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/messages.h"
#include "wire/module_record.h"
#include "wire/ticket.h"

using namespace gpool::wire;

namespace {

std::string folder;

void write(const std::string& name, const void* at, size_t bytes) {
  std::FILE* file = std::fopen((folder + "/" + name + ".bin").c_str(), "wb");
  if (!file || std::fwrite(at, 1, bytes, file) != bytes || std::fclose(file) != 0) {
    std::perror(name.c_str());
    std::exit(1);
  }
}

template <class T>
void write(const std::string& name, const T& value) {
  write(name, &value, sizeof value);
}

// Distinct values for numbers in the order they are asked for, so that swapped or moved fields show.
struct Numbers {
  uint64_t next = 0x0102030405060708;
  template <class T>
  void operator()(T& field) {
    field = static_cast<T>(next);
    next += 0x1111111111111111;
  }
  template <class T, size_t N>
  void operator()(T (&fields)[N]) {
    for (T& field : fields) (*this)(field);
  }
  template <class... T>
  void all(T&... fields) {
    ((*this)(fields), ...);
  }
};

void side(Numbers& n, CopySide& s) {
  n.all(s.type, s.lod, s.address, s.pitch, s.height, s.x_bytes, s.y, s.z);
}

void write_handshake() {
  {
    Hello v{};
    std::memcpy(v.magic, kMagic, sizeof v.magic);
    Numbers n;
    n.all(v.major, v.minor, v.ticket_bytes, v.pid, v.arena_count);
    std::strcpy(v.version, "0.1.0"), std::strcpy(v.host, "host-a"), std::strcpy(v.command, "python train.py");
    write("hello", v);
  }
  {
    ArenaProposal v{};
    Numbers n;
    n.all(v.address, v.bytes);
    write("arena_proposal", v);
  }
  {
    Welcome v{};
    std::memcpy(v.magic, kMagic, sizeof v.magic);
    Numbers n;
    n.all(v.major, v.minor, v.refused, v.text_bytes, v.device_count, v.driver_version, v.session_id);
    std::strcpy(v.version, "0.1.0");
    n.all(v.ring_bytes, v.grace_ms, v.bulk_area_bytes, v.resume_key);
    write("welcome", v);
  }
  {
    Resume v{};
    std::memcpy(v.magic, kResumeMagic, sizeof v.magic);
    Numbers n;
    n.all(v.session_id, v.reserved, v.resume_key, v.received);
    write("resume", v);
  }
  {
    Resumed v{};
    std::memcpy(v.magic, kResumeMagic, sizeof v.magic);
    Numbers n;
    n.all(v.refused, v.text_bytes, v.received);
    write("resumed", v);
  }
  {
    DeviceRecord v{};
    Numbers n;
    n.all(v.uuid, v.luid, v.luid_node_mask, v.luid_valid);
    std::strcpy(v.name, "Emulated GPU"), std::strcpy(v.pci_bus_id, "0000:01:00.0");
    n.all(v.memory_bytes, v.arena_address, v.arena_bytes, v.granularity, v.stream_priority_least,
          v.stream_priority_greatest, v.limits, v.compute_permille, v.peer_mask_low, v.attributes);
    write("device_record", v);
  }
  Ticket ticket{"node-a", "l-7k3m9q", 1700000000, 1700000600, {}};
  for (uint8_t i = 0; i < 2; ++i) {
    TicketVgpu vgpu;
    for (size_t b = 0; b < 16; ++b) vgpu.uuid[b] = uint8_t(16 * i + b);
    vgpu.memory_bytes = (uint64_t{1} + i) << 30, vgpu.compute_permille = 250u * (1u + i);
    ticket.vgpus.push_back(vgpu);
  }
  std::byte key[kNodeKeyBytes];
  for (size_t i = 0; i < sizeof key; ++i) key[i] = std::byte(i);
  auto bytes = write_ticket(ticket, key);
  write("ticket", bytes.data(), bytes.size());
}

void write_messages() {
  Numbers n;
#define GOLDEN(Type, ...) \
  {                       \
    Type v{};             \
    n = Numbers{};        \
    __VA_ARGS__;          \
    write(#Type, v);      \
  }
  GOLDEN(FrameHeader, n.all(v.frame_bytes, v.call, v.flags, v.sequence, v.context, v.status, v.bulk_bytes))
  GOLDEN(Fence, n.all(v.device))
  GOLDEN(DeviceContext, n.all(v.action, v.device, v.context, v.flags))
  GOLDEN(MemoryMap, n.all(v.device, v.epoch, v.address, v.bytes))
  GOLDEN(MemoryCredit, n.all(v.device, v.epoch, v.address, v.bytes, v.credit))
  GOLDEN(MemoryCreditReply, n.all(v.epoch, v.granted_bytes, v.target_bytes))
  GOLDEN(PushMemoryCredit, n.all(v.device, v.epoch, v.granted_bytes, v.target_bytes))
  GOLDEN(HostMap, n.all(v.address, v.bytes, v.flags, v.tag))
  GOLDEN(HostMapReply, n.all(v.device_address))
  GOLDEN(HostUnmap, n.all(v.address))
  GOLDEN(HostUpdate, n.all(v.address, v.flags))
  GOLDEN(PushHostUpdate, n.all(v.address, v.bytes))
  GOLDEN(HostCopy, n.all(v.host, v.device, v.bytes, v.stream, v.flags))
  GOLDEN(MemoryInfo, n.all(v.device))
  GOLDEN(MemoryInfoReply, n.all(v.free_bytes, v.total_bytes))
  GOLDEN(CopyLinear, n.all(v.address, v.bytes, v.stream, v.flags))
  GOLDEN(Copy3D, side(n, v.source), side(n, v.destination), n.all(v.width_bytes, v.height, v.depth, v.stream, v.flags))
  GOLDEN(Launch,
         n.all(v.function, v.stream, v.grid, v.block, v.shared_bytes, v.flags, v.parameter_bytes, v.attribute_count))
  GOLDEN(Wait, n.all(v.what, v.handle))
  GOLDEN(ModuleLoad, n.all(v.module, v.sha256, v.image_bytes, v.offset, v.flags, v.option_count))
  GOLDEN(ModuleUnload, n.all(v.module))
  GOLDEN(ModuleRecord, n.all(v.module, v.offset))
  GOLDEN(ModuleGlobal, n.all(v.module, v.name_bytes, v.device))
  GOLDEN(ModuleGlobalReply, n.all(v.address, v.bytes))
  GOLDEN(EventElapsed, n.all(v.start, v.end))
  GOLDEN(EventElapsedReply, v.milliseconds = 1.5f)
  GOLDEN(FunctionAttribute, n.all(v.function, v.attribute, v.value, v.device, v.cache_config))
  GOLDEN(Occupancy, n.all(v.function, v.block_threads, v.flags, v.dynamic_shared_bytes))
  GOLDEN(OccupancyReply, n.all(v.blocks))
  GOLDEN(ErrorText, n.all(v.code))
  GOLDEN(ErrorTextReply, std::strcpy(v.name, "CUDA_ERROR_UNKNOWN"); std::strcpy(v.text, "unknown error"))
  GOLDEN(PushError, n.all(v.context, v.status, v.call, v.sticky); std::strcpy(v.text, "why"))
  GOLDEN(HostFunction, n.all(v.stream, v.id))
  GOLDEN(HostFunctionDone, n.all(v.id))
  GOLDEN(PushHostFunction, n.all(v.id, v.status))
  GOLDEN(PushOutput, n.all(v.where, v.reserved))
  GOLDEN(DeviceUsage, n.all(v.device))
  GOLDEN(DeviceUsageReply, n.all(v.busy_permille, v.processes))
  GOLDEN(ProcessUsage, n.all(v.pid, v.busy_permille, v.used_bytes); std::strcpy(v.host, "host"))
  GOLDEN(GraphNode, n.all(v.action, v.type, v.graph, v.node, v.dependency_count))
  GOLDEN(GraphMemset, n.all(v.address, v.pitch, v.value, v.element_bytes, v.width, v.height))
  GOLDEN(GraphEdges, n.all(v.graph, v.count, v.remove))
  GOLDEN(GraphList, n.all(v.what, v.offered, v.object))
  GOLDEN(GraphListReply, n.all(v.count, v.returned, v.taken, v.type))
  GOLDEN(PushGraphFunction, n.all(v.function, v.run))
  GOLDEN(GraphNodeGet, n.all(v.node, v.offered))
  GOLDEN(GraphNodeReply, n.all(v.type, v.reserved))
  GOLDEN(GraphCapture, n.all(v.action, v.mode, v.stream, v.graph, v.count))
  GOLDEN(GraphUpdate, n.all(v.exec, v.graph))
  GOLDEN(GraphUpdateReply, n.all(v.result, v.reserved, v.error_node, v.error_from_node))
  GOLDEN(GraphLaunch, n.all(v.exec, v.stream, v.id))
  GOLDEN(GraphDot, n.all(v.graph, v.flags))
  GOLDEN(WhenDone, n.all(v.id))
  GOLDEN(Link, n.all(v.action, v.type, v.link, v.offset, v.bytes))
  GOLDEN(LinkReply, n.all(v.bytes))
  GOLDEN(ModuleRecordHead, n.all(v.kernels, v.parameters, v.globals, v.name_bytes))
  GOLDEN(KernelRecord, n.all(v.name_offset, v.name_length, v.first_parameter, v.parameter_count, v.parameter_bytes,
                             v.number, v.attributes))
  GOLDEN(ParameterRecord, n.all(v.offset, v.bytes))
  GOLDEN(GlobalRecord, n.all(v.name_offset, v.name_length, v.address, v.bytes))
#undef GOLDEN
  Handle handles[] = {make_handle(Kind::context, 0, 1, 1),
                      make_handle(Kind::green_context, 63, kMaxGeneration, kMaxIndex)};
  write("Handle", handles);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: gpool-golden FOLDER\n");
    return 2;
  }
  folder = argv[1];
  write_handshake();
  write_messages();
  return 0;
}
