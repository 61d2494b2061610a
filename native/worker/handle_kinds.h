// Which wire::Kind belongs to which CUDA handle type. Types that are plain numbers in cuda.h (texture and surface
// objects, allocation handles) have none here: they are named by their Kind where they are used.
#pragma once

#include "calls/driver_api.h"
#include "wire/handle.h"

namespace gpool::worker {

template <class T>
inline constexpr wire::Kind kKindOf = wire::Kind::none;
template <>
inline constexpr wire::Kind kKindOf<CUcontext> = wire::Kind::context;
template <>
inline constexpr wire::Kind kKindOf<CUstream> = wire::Kind::stream;
template <>
inline constexpr wire::Kind kKindOf<CUevent> = wire::Kind::event;
template <>
inline constexpr wire::Kind kKindOf<CUmodule> = wire::Kind::module;
template <>
inline constexpr wire::Kind kKindOf<CUlibrary> = wire::Kind::library;
template <>
inline constexpr wire::Kind kKindOf<CUfunction> = wire::Kind::function;
template <>
inline constexpr wire::Kind kKindOf<CUkernel> = wire::Kind::kernel;
template <>
inline constexpr wire::Kind kKindOf<CUgraph> = wire::Kind::graph;
template <>
inline constexpr wire::Kind kKindOf<CUgraphExec> = wire::Kind::graph_exec;
template <>
inline constexpr wire::Kind kKindOf<CUgraphNode> = wire::Kind::graph_node;
template <>
inline constexpr wire::Kind kKindOf<CUmemoryPool> = wire::Kind::mem_pool;
template <>
inline constexpr wire::Kind kKindOf<CUarray> = wire::Kind::array;
template <>
inline constexpr wire::Kind kKindOf<CUmipmappedArray> = wire::Kind::mipmapped_array;
template <>
inline constexpr wire::Kind kKindOf<CUlinkState> = wire::Kind::link;
template <>
inline constexpr wire::Kind kKindOf<CUgreenCtx> = wire::Kind::green_context;

}  // namespace gpool::worker
