// What one emulated GPU can hold: the numbers behind attributes, launch checks and occupancy.
#pragma once

namespace gpool::emulator {

constexpr int kMultiprocessors = 2;
constexpr int kMaxThreadsPerBlock = 1024;
constexpr int kMaxBlockZ = 64;
constexpr int kMaxGridX = 2147483647;
constexpr int kMaxGridYZ = 65535;
constexpr int kThreadsPerMultiprocessor = 1536;
constexpr int kBlocksPerMultiprocessor = 24;
constexpr int kRegisters = 65536;
constexpr int kSharedPerBlock = 48 * 1024;
constexpr int kSharedPerBlockOptIn = 99 * 1024;
constexpr int kSharedPerMultiprocessor = 100 * 1024;
constexpr int kSharedReserved = 1024;

}  // namespace gpool::emulator
