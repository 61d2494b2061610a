"""Graphs that hold on to the program's memory, functions and objects, and graphs that are changed."""

from __future__ import annotations

import ctypes
import os
import struct
from ctypes import byref, c_char, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from pathlib import Path

import pytest

from cuda import driver as cuda
from cuda.driver import (
    Copy2D,
    Copy3D,
    CopyNode,
    Driver,
    EventNode,
    HostNode,
    KernelNode,
    MemsetNode,
    NodeParameters,
    UpdateResult,
    parameters,
)

from . import ptx

_EXTERNAL = c_uint(1)


def _nodes(driver: Driver, graph: int) -> list[int]:
    count = c_size_t()
    driver.check("cuGraphGetNodes", graph, None, byref(count))
    found = (c_void_p * max(1, count.value))()
    driver.check("cuGraphGetNodes", graph, found, byref(count))
    return [node or 0 for node in found[: count.value]]


def _instantiated(driver: Driver, graph: int) -> int:
    return driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)


def _store(driver: Driver) -> int:
    return driver.function(driver.module(ptx.ADD), "store")


def test_pageable_memory_is_read_and_written_at_every_launch(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.uploaded(bytes(8))
    source, target = ctypes.create_string_buffer(b"--------", 8), ctypes.create_string_buffer(b"????????", 8)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, ctypes.addressof(source), 7, stream)
    driver.check("cuMemcpyDtoHAsync_v2", ctypes.addressof(target) + 1, pointer, 7, stream)
    graph = driver.made_last("cuStreamEndCapture", stream)
    exec_handle = _instantiated(driver, graph)
    driver.check("cuGraphDestroy", graph)
    for text in (b"morning", b"evening", b"evening"):
        source.raw = text + b"-"
        target.raw = b"????????"
        driver.check("cuGraphLaunch", exec_handle, stream)
        driver.check("cuStreamSynchronize", stream)
        assert target.raw == b"?" + text
    target.raw = b"????????"
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuGraphExecDestroy", exec_handle)  # the launch goes on
    driver.synchronize()
    assert target.raw == b"?evening"


def test_rows_of_host_memory_are_captured(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.uploaded(bytes(64))
    pinned = driver.pinned(64)
    pageable = ctypes.create_string_buffer(bytes(range(64)), 64)
    up = Copy2D(src_type=1, src_host=ctypes.addressof(pageable), src_pitch=16, dst_type=2, dst_device=pointer,
                dst_pitch=8, width=4, height=3)  # fmt: skip
    down = Copy2D(src_type=2, src_device=pointer, src_pitch=8, dst_type=1, dst_host=pinned, dst_pitch=16, width=4,
                  height=3)  # fmt: skip
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuMemcpy2DAsync_v2", byref(up), stream)
    driver.check("cuMemcpy2DAsync_v2", byref(down), stream)
    exec_handle = _instantiated(driver, driver.made_last("cuStreamEndCapture", stream))
    ctypes.memset(pinned, 255, 64)
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    rows = b"".join(bytes(range(16 * row, 16 * row + 4)) + b"\xff" * 12 for row in range(3)) + b"\xff" * 16
    assert ctypes.string_at(pinned, 64) == rows


def test_an_executable_graph_takes_over_another_graph(driver: Driver) -> None:
    driver.start()
    store, stream = _store(driver), driver.stream(cuda.NON_BLOCKING)
    out = driver.uploaded(bytes(8))

    def captured(value: int, *more: int) -> int:
        driver.check("cuStreamBeginCapture_v2", stream, 0)
        driver.launch(store, arguments=[out, c_uint32(value)], stream=stream)
        for one in more:
            driver.check("cuMemsetD8Async", out + 4, c_uint(one), 4, stream)
        return driver.made_last("cuStreamEndCapture", stream)

    exec_handle = _instantiated(driver, captured(1))
    result = UpdateResult()
    driver.check("cuGraphExecUpdate_v2", exec_handle, captured(2), byref(result))
    assert result.result == 0
    driver.check("cuGraphLaunch", exec_handle, stream)
    assert (
        driver.code("cuGraphExecUpdate_v2", exec_handle, captured(3, 7), byref(result))
        == cuda.GRAPH_EXEC_UPDATE_FAILURE
    )
    assert result.result == 2  # the topology has changed
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(out, 8) == struct.pack("II", 2, 0)


def test_new_parameters_for_nodes_of_every_kind(driver: Driver) -> None:
    """In the graph and in what was made of it, each by the one call for all kinds."""
    driver.start()
    store, stream = _store(driver), driver.stream(cuda.NON_BLOCKING)
    out, copied = driver.uploaded(bytes(8)), driver.uploaded(bytes(8))
    called: list[int | None] = []
    function = cuda.HOST_FUNCTION(called.append)
    first, second = driver.event(cuda.DISABLE_TIMING), driver.event(cuda.DISABLE_TIMING)
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    kept = []  # what the parameters point at

    def wanted(type_: int, part: ctypes.Structure) -> NodeParameters:
        node = NodeParameters(type=type_)
        ctypes.memmove(ctypes.addressof(node) + 16, ctypes.addressof(part), ctypes.sizeof(part))
        return node

    def parts(value: int, shift: int, data: int, event: int) -> list[NodeParameters]:
        pointers, alive = parameters([out, c_uint32(value)])
        kept.append((pointers, alive))
        width = 8 - shift
        shape = Copy3D(src_type=2, src_device=out, dst_type=2, dst_device=copied, width=width, height=1, depth=1)
        return [
            wanted(0, KernelNode(store, 1, 1, 1, 1, 1, 1, 0, pointers, None, None, None)),
            wanted(2, MemsetNode(out + 4, 0, value, 1, 4, 1)),
            wanted(1, CopyNode(copy=shape)),
            wanted(3, HostNode(function, data)),
            wanted(7, EventNode(event)),
        ]

    nodes: list[int] = []
    for part in parts(1, 4, 11, first):
        before = (c_void_p * 1)(nodes[-1] if nodes else None)
        nodes.append(driver.made("cuGraphAddNode", c_void_p, graph, before, min(1, len(nodes)), byref(part)))
    for node, part in zip(nodes, parts(2, 2, 22, first), strict=True):
        driver.check("cuGraphNodeSetParams", node, byref(part))
    exec_handle = _instantiated(driver, graph)
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(copied, 8) == struct.pack("I", 2) + b"\2\2\0\0"
    for node, part in zip(nodes, parts(3, 0, 33, second), strict=True):
        driver.check("cuGraphExecNodeSetParams", exec_handle, node, byref(part))
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuEventSynchronize", second)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(copied, 8) == struct.pack("I", 3) + b"\3" * 4
    assert called == [22, 33]
    said = NodeParameters()
    driver.check("cuGraphNodeGetParams", nodes[3], byref(said))  # the graph's own are as they were
    assert (said.type, said.part[1]) == (3, 22)
    driver.check("cuGraphNodeSetEnabled", exec_handle, nodes[1], c_uint(0))
    enabled = c_uint(5)
    driver.check("cuGraphNodeGetEnabled", exec_handle, nodes[1], byref(enabled))
    assert enabled.value == 0
    driver.upload(out, bytes(8))
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(copied, 8) == struct.pack("II", 3, 0)


def test_user_objects_live_as_long_as_what_holds_them(driver: Driver) -> None:
    driver.start()
    gone: list[int | None] = []
    destroy = cuda.HOST_FUNCTION(gone.append)

    def settled() -> list[int | None]:
        """A function behind the work gives whoever drops references the time to do so."""
        driver.synchronize()
        done = driver.on_host(stream, lambda: None)
        driver.synchronize()
        del done
        return gone

    stream = driver.stream(cuda.NON_BLOCKING)
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    thing = driver.made("cuUserObjectCreate", c_void_p, c_void_p(7), destroy, c_uint(2), c_uint(1))
    driver.check("cuGraphRetainUserObject", graph, thing, c_uint(1), c_uint(1))  # moves one of the two
    driver.check("cuUserObjectRetain", thing, c_uint(1))
    driver.check("cuUserObjectRelease", thing, c_uint(2))
    clone = driver.made("cuGraphClone", c_void_p, graph)
    driver.check("cuGraphReleaseUserObject", clone, thing, c_uint(1))
    exec_handle = _instantiated(driver, graph)
    driver.check("cuGraphDestroy", graph)
    driver.check("cuGraphDestroy", clone)
    driver.check("cuGraphLaunch", exec_handle, stream)
    assert settled() == []
    driver.check("cuGraphExecDestroy", exec_handle)
    assert settled() == [7]
    flags = c_uint(0)  # the only one there is must be given
    assert driver.code("cuUserObjectCreate", byref(c_void_p()), None, destroy, c_uint(1), flags) == cuda.INVALID_VALUE


def test_a_capture_goes_to_a_graph_that_is_there(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    out = driver.uploaded(bytes(8))
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    fill = driver.made("cuGraphAddMemsetNode", c_void_p, graph, None, 0, byref(MemsetNode(out, 0, 1, 1, 8, 1)), None)
    before = (c_void_p * 1)(fill)
    driver.check("cuStreamBeginCaptureToGraph", stream, graph, before, None, 1, c_uint(0))
    driver.check("cuMemsetD8Async", out, c_uint(2), 4, stream)
    assert driver.made_last("cuStreamEndCapture", stream) == graph
    added = [node for node in _nodes(driver, graph) if node != fill]
    assert len(added) == 1
    found, count = (c_void_p * 2)(), c_size_t(2)
    driver.check("cuGraphNodeGetDependencies", added[0], found, byref(count))
    assert (count.value, found[0], found[1]) == (1, fill, None)
    count.value = 2
    driver.check("cuGraphNodeGetDependentNodes", fill, found, byref(count))
    assert (count.value, found[0]) == (1, added[0])
    driver.check("cuGraphLaunch", _instantiated(driver, graph), stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(out, 8) == b"\2" * 4 + b"\1" * 4


def test_copies_of_graphs_and_their_nodes(driver: Driver, tmp_path: Path) -> None:
    driver.start()
    out = driver.uploaded(bytes(4))
    inner, outer = driver.made("cuGraphCreate", c_void_p, 0), driver.made("cuGraphCreate", c_void_p, 0)
    fill = driver.made("cuGraphAddMemsetNode", c_void_p, inner, None, 0, byref(MemsetNode(out, 0, 1, 1, 4, 1)), None)
    child = driver.made("cuGraphAddChildGraphNode", c_void_p, outer, None, 0, inner)
    owned = driver.made_last("cuGraphChildGraphNodeGetGraph", child)
    assert owned not in (inner, outer)
    assert driver.made_last("cuGraphChildGraphNodeGetGraph", child) == owned
    (copied,) = _nodes(driver, owned)
    assert copied != fill
    clone = driver.made("cuGraphClone", c_void_p, inner)
    twin = driver.made("cuGraphNodeFindInClone", c_void_p, fill, clone)
    assert [twin] == _nodes(driver, clone)
    assert driver.code("cuGraphNodeFindInClone", byref(c_void_p()), fill, outer) == cuda.INVALID_VALUE
    assert driver.made_last("cuGraphNodeGetContainingGraph", twin) == clone
    driver.check("cuGraphMemsetNodeSetParams", twin, byref(MemsetNode(out, 0, 2, 1, 4, 1)))
    driver.check("cuGraphDestroyNode", fill)
    assert _nodes(driver, inner) == []
    for graph, value in ((clone, 2), (outer, 1), (inner, 1)):
        driver.check("cuGraphLaunch", _instantiated(driver, graph), 0)
        driver.synchronize()
        assert driver.download(out, 4) == bytes([value]) * 4
    path = tmp_path / "graph.dot"
    driver.check("cuGraphDebugDotPrint", outer, os.fsencode(path), c_uint(0))
    assert path.read_text().startswith("digraph")


@pytest.mark.ours("what a stale handle points at")
def test_what_a_graph_owns_goes_with_it(driver: Driver) -> None:
    driver.start()
    out = driver.uploaded(bytes(4))
    inner, outer = driver.made("cuGraphCreate", c_void_p, 0), driver.made("cuGraphCreate", c_void_p, 0)
    driver.made("cuGraphAddMemsetNode", c_void_p, inner, None, 0, byref(MemsetNode(out, 0, 1, 1, 4, 1)), None)
    child = driver.made("cuGraphAddChildGraphNode", c_void_p, outer, None, 0, inner)
    owned = driver.made_last("cuGraphChildGraphNodeGetGraph", child)
    (node,) = _nodes(driver, owned)
    called: list[int | None] = []
    destroy = cuda.HOST_FUNCTION(called.append)
    thing = driver.made("cuUserObjectCreate", c_void_p, c_void_p(7), destroy, c_uint(1), c_uint(1))
    assert driver.code("cuGraphReleaseUserObject", outer, thing, c_uint(1)) == cuda.INVALID_VALUE
    driver.check("cuGraphRetainUserObject", outer, thing, c_uint(1), c_uint(1))
    driver.check("cuGraphDestroy", outer)
    assert driver.code("cuGraphGetNodes", owned, None, byref(c_size_t())) == cuda.INVALID_VALUE
    assert driver.code("cuGraphNodeGetType", node, byref(c_int())) == cuda.INVALID_VALUE
    assert driver.code("cuUserObjectRelease", thing, c_uint(1)) == cuda.INVALID_VALUE
    assert called == [7]


def test_events_of_graphs_are_waited_for_outside(driver: Driver) -> None:
    driver.start()
    stream, other = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    pointer, target = driver.uploaded(bytes(4)), driver.pinned(4)
    go, done = driver.event(cuda.DISABLE_TIMING), driver.event(cuda.DISABLE_TIMING)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuStreamWaitEvent", stream, go, _EXTERNAL)
    driver.check("cuMemcpyDtoHAsync_v2", target, pointer, 4, stream)
    driver.check("cuEventRecordWithFlags", done, stream, _EXTERNAL)
    graph = driver.made_last("cuStreamEndCapture", stream)
    kinds = []
    for node in _nodes(driver, graph):
        kind = c_int()
        driver.check("cuGraphNodeGetType", node, byref(kind))
        kinds.append(kind.value)
    assert sorted(kinds) == [1, 6, 7]
    exec_handle = _instantiated(driver, graph)
    driver.check("cuMemsetD8Async", pointer, c_uint(8), 4, other)
    driver.check("cuEventRecord", go, other)
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuEventSynchronize", done)
    assert ctypes.string_at(target, 4) == b"\x08" * 4


def test_a_graph_shows_its_functions_what_was_copied_before_them(driver: Driver) -> None:
    """Twice in one launch, in memory that is pinned and in memory that is not; and the graph sees what they write."""
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer, pinned = driver.uploaded(bytes(4)), driver.pinned(4)
    pageable = (c_char * 4)()
    seen: list[bytes] = []

    def look(_: object) -> None:
        seen.append(bytes(pageable) + ctypes.string_at(pinned, 4))
        ctypes.memmove(pinned, b"mine", 4)

    function = cuda.HOST_FUNCTION(look)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuMemcpyDtoHAsync_v2", ctypes.addressof(pageable), pointer, 4, stream)
    driver.check("cuMemcpyDtoHAsync_v2", pinned, pointer, 4, stream)
    driver.check("cuLaunchHostFunc", stream, function, None)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, pinned, 4, stream)
    driver.check("cuLaunchHostFunc", stream, function, None)
    exec_handle = _instantiated(driver, driver.made_last("cuStreamEndCapture", stream))
    driver.check("cuMemsetD8Async", pointer, c_uint(65), 4, stream)
    for first in (b"AAAA", b"mine"):
        seen.clear()
        driver.check("cuGraphLaunch", exec_handle, stream)
        driver.check("cuStreamSynchronize", stream)
        assert seen == [first * 2, first + b"mine"]
        assert driver.download(pointer, 4) == b"mine"


def test_a_node_added_by_hand_reads_pageable_memory(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.uploaded(bytes(8))
    source = ctypes.create_string_buffer(b"12345678", 8)
    shape = Copy3D(
        src_type=1, src_host=ctypes.addressof(source), dst_type=2, dst_device=pointer, width=8, height=1, depth=1
    )
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    node = driver.made("cuGraphAddMemcpyNode", c_void_p, graph, None, 0, byref(shape), None)
    said = Copy3D()
    driver.check("cuGraphMemcpyNodeGetParams", node, byref(said))
    assert (said.src_type, said.src_host, said.dst_device) == (1, ctypes.addressof(source), pointer)
    exec_handle = _instantiated(driver, graph)
    source.raw = b"abcdefgh"
    driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 8) == b"abcdefgh"
    number = c_uint64()
    driver.check("cuGraphExecGetFlags", exec_handle, byref(number))
    assert number.value == 0
