// The handshake of a session: Hello from the client, Welcome from the worker, both before the first frame.
// On the unix socket the worker passes the memfds of the shared-memory transport along with Welcome.
#pragma once

#include <cstdint>

namespace gpool::wire {

inline constexpr char kMagic[8] = {'g', 'p', 'o', 'o', 'l', '-', 'w', '1'};
inline constexpr uint32_t kMaxDevices = 64;
inline constexpr uint32_t kAttributes = 160;  // CUdevice_attribute 0…159; unknown ones are kNoAttribute
inline constexpr int32_t kNoAttribute = INT32_MIN;
inline constexpr uint32_t kMaxTicketBytes = 88 + 32 * kMaxDevices + 32;

struct Hello {
  char magic[8];
  uint16_t major;
  uint16_t minor;
  uint32_t ticket_bytes;  // follow the arena proposals
  uint32_t pid;           // of the client, on its host
  uint32_t arena_count;   // ArenaProposals that follow; one for each device the client expects, or 0
  char version[16];       // gpool's version, zero padded
  char host[64];
  char command[64];
};
static_assert(sizeof(Hello) == 168);

struct ArenaProposal {
  uint64_t address;  // multiple of 1 GiB
  uint64_t bytes;    // 0: the worker chooses
};

struct Welcome {
  char magic[8];
  uint16_t major;
  uint16_t minor;
  uint32_t refused;        // not 0: `device_count` is 0 and `text_bytes` of a sentence follow instead of devices
  uint32_t text_bytes;     // at most 4096
  uint32_t device_count;   // DeviceRecords that follow
  int32_t driver_version;  // as cuDriverGetVersion
  uint32_t session_id;     // workerd's number of this session
  char version[16];
  uint32_t ring_bytes;  // shared memory only: size of each ring's data and of each bulk area
  uint32_t grace_ms;    // with a resume_key: how long the worker waits for a client whose connection was lost
  uint64_t bulk_area_bytes;
  uint64_t resume_key;  // proof for resuming a lost connection; 0: this session ends with its connection
};
static_assert(sizeof(Welcome) == 72);

// Instead of a Hello: the client of an open session is back after it lost the connection. Both sides name the position
// in the other's stream of bytes (everything after the handshake) up to which they have it, and send on from there.
inline constexpr char kResumeMagic[8] = {'g', 'p', 'o', 'o', 'l', '-', 'r', '1'};
inline constexpr uint16_t kResumableMinor = 1;  // of Hello: clients from here on know all this

struct Resume {
  char magic[8];
  uint32_t session_id;
  uint32_t reserved;
  uint64_t resume_key;
  uint64_t received;  // bytes of the worker's stream that the client has
};
static_assert(sizeof(Resume) == 32);

struct Resumed {
  char magic[8];
  uint32_t refused;     // not 0: `text_bytes` of a sentence follow; the session is over for good
  uint32_t text_bytes;  // at most 4096
  uint64_t received;    // bytes of the client's stream that the worker has
};
static_assert(sizeof(Resumed) == 24);

// All that the client answers about a device without asking again.
struct DeviceRecord {
  uint8_t uuid[16];
  uint8_t luid[8];
  uint32_t luid_node_mask;
  uint32_t luid_valid;
  char name[128];
  char pci_bus_id[32];
  uint64_t memory_bytes;   // of the vGPU: its limit
  uint64_t arena_address;  // what the worker really reserved
  uint64_t arena_bytes;
  uint64_t granularity;  // of memory_map, bytes
  int32_t stream_priority_least;
  int32_t stream_priority_greatest;
  uint64_t limits[16];  // CUlimit 0…15 as cuCtxGetLimit of a fresh context; UINT64_MAX: unknown
  uint32_t compute_permille;
  uint32_t peer_mask_low;  // bit i: cuDeviceCanAccessPeer(this, i) within the session
  int32_t attributes[kAttributes];
};
static_assert(sizeof(DeviceRecord) == 1008);

}  // namespace gpool::wire
