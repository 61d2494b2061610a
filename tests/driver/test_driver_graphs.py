"""Graphs: built by hand, and captured from streams."""

from __future__ import annotations

import ctypes
import struct
import threading
from ctypes import byref, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import (
    Copy3D,
    CopyNode,
    Driver,
    EventNode,
    HostNode,
    KernelNode,
    MemsetNode,
    NodeParameters,
    parameters,
)

from . import ptx


def test_a_graph_of_kernel_copy_and_memset(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    out, copied = driver.uploaded(bytes(8)), driver.uploaded(bytes(8))
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    pointers, kept = parameters([out, c_uint32(11)])
    node = KernelNode(store, 1, 1, 1, 1, 1, 1, 0, pointers, None, None, None)
    kernel = driver.made("cuGraphAddKernelNode_v2", c_void_p, graph, None, 0, byref(node))
    memset = driver.made("cuGraphAddMemsetNode", c_void_p, graph, None, 0, byref(MemsetNode(out + 4, 0, 7, 1, 4, 1)),
                         None)  # fmt: skip
    shape = Copy3D(src_type=2, src_device=out, dst_type=2, dst_device=copied, width=8, height=1, depth=1)
    before = (c_void_p * 2)(kernel, memset)
    driver.made("cuGraphAddMemcpyNode", c_void_p, graph, before, 2, byref(shape), None)
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    driver.check("cuGraphLaunch", exec_handle, 0)
    assert driver.download(copied, 8) == struct.pack("I", 11) + b"\x07" * 4
    pointers, kept = parameters([out, c_uint32(12)])
    node.parameters = pointers
    driver.check("cuGraphExecKernelNodeSetParams_v2", exec_handle, kernel, byref(node))
    driver.check("cuGraphLaunch", exec_handle, 0)
    assert driver.download(copied, 4) == struct.pack("I", 12)
    driver.check("cuGraphExecDestroy", exec_handle)
    driver.check("cuGraphDestroy", graph)
    del kept


@pytest.mark.ours("what a stale handle points at")
def test_stale_graphs(driver: Driver) -> None:
    driver.start()
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    driver.check("cuGraphExecDestroy", exec_handle)
    driver.check("cuGraphDestroy", graph)
    assert driver.code("cuGraphLaunch", exec_handle, 0) == cuda.INVALID_VALUE
    assert driver.code("cuGraphDestroy", graph) == cuda.INVALID_VALUE


def test_capture_records_and_does_not_run(driver: Driver) -> None:
    driver.start()
    count_up = driver.module(ptx.ADD)
    kernel = driver.function(count_up, "count_up")
    address, _ = driver.variable(count_up, "counter")
    stream, other = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    status = c_int()
    driver.check("cuStreamIsCapturing", stream, byref(status))
    assert status.value == 1
    under_construction = c_void_p()
    driver.check(
        "cuStreamGetCaptureInfo_v2", stream, byref(status), byref(c_uint64()), byref(under_construction), None, None
    )
    assert status.value == 1
    driver.launch(kernel, stream=stream)
    fork, join = driver.event(), driver.event()
    driver.check("cuEventRecord", fork, stream)
    driver.check("cuStreamWaitEvent", other, fork, 0)
    driver.launch(kernel, stream=other)
    driver.check("cuEventRecord", join, other)
    driver.check("cuStreamWaitEvent", stream, join, 0)
    graph = driver.made_last("cuStreamEndCapture", stream)
    assert graph == under_construction.value
    count = c_size_t()
    driver.check("cuGraphGetNodes", graph, None, byref(count))
    assert count.value == 2
    assert driver.download(address, 4) == struct.pack("I", 5)
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    for _ in range(3):
        driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(address, 4) == struct.pack("I", 5 + 3 * 2 * 3)


@pytest.mark.parametrize("joined", [True, False])
def test_a_stream_that_takes_part_in_a_capture_may_be_destroyed(driver: Driver, joined: bool) -> None:
    """Once its work has been joined nothing is lost; before, the capture ends as unjoined."""
    driver.start()
    pointer = driver.uploaded(bytes(4))
    stream, other = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    fork, join = driver.event(), driver.event()
    driver.check("cuEventRecord", fork, stream)
    driver.check("cuStreamWaitEvent", other, fork, 0)
    driver.check("cuMemsetD8Async", pointer, c_uint(9), 4, other)
    if joined:
        driver.check("cuEventRecord", join, other)
        driver.check("cuStreamWaitEvent", stream, join, 0)
    driver.check("cuStreamDestroy_v2", other)
    if not joined:
        assert driver.code("cuStreamEndCapture", stream, byref(c_void_p())) == cuda.STREAM_CAPTURE_UNJOINED
        return
    graph = driver.made_last("cuStreamEndCapture", stream)
    driver.check("cuGraphLaunch", driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0), stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 4) == b"\x09" * 4


def test_synchronising_a_captured_stream_breaks_the_capture(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    assert driver.code("cuStreamSynchronize", stream) == cuda.STREAM_CAPTURE_UNSUPPORTED
    assert driver.code("cuStreamEndCapture", stream, byref(c_void_p())) == cuda.STREAM_CAPTURE_INVALIDATED
    driver.check("cuStreamSynchronize", stream)
    pointer = driver.uploaded(bytes(4))
    driver.check("cuMemsetD8Async", pointer, c_uint(1), 4, stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 4) == b"\1" * 4
    assert ctypes.sizeof(KernelNode) == 72


def test_a_thread_that_is_relaxed_allocates_during_a_capture(driver: Driver) -> None:
    """As allocators do that grow while a graph is captured."""
    driver.start()
    stream, mode = driver.stream(cuda.NON_BLOCKING), c_int(2)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuThreadExchangeStreamCaptureMode", byref(mode))
    assert mode.value == 0
    pointer = driver.made("cuMemAlloc_v2", c_uint64, c_size_t(1 << 20))
    driver.check("cuThreadExchangeStreamCaptureMode", byref(mode))
    assert mode.value == 2
    driver.check("cuMemsetD8Async", c_uint64(pointer), c_uint(3), 4, stream)
    graph = driver.made_last("cuStreamEndCapture", stream)
    driver.check("cuGraphLaunch", driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0), stream)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 4) == b"\3" * 4


@pytest.mark.not_through_the_pool("the client allocates at any time: it asks nothing that could wait")
@pytest.mark.parametrize(("capture", "same_thread", "other_thread"), [(0, 900, 900), (1, 900, 0), (2, 0, 0)])
def test_a_capture_forbids_allocating(driver: Driver, capture: int, same_thread: int, other_thread: int) -> None:
    """A global one to all threads, one of a thread to that thread, a relaxed one to nobody."""
    driver.start()
    stream, context = driver.stream(cuda.NON_BLOCKING), c_void_p(driver.made("cuCtxGetCurrent", c_void_p))

    def allocate() -> int:
        return driver.code("cuMemAlloc_v2", byref(c_uint64()), c_size_t(1 << 20))

    def elsewhere() -> None:
        driver.check("cuCtxSetCurrent", context)
        codes.append(allocate())

    codes: list[int] = []
    driver.check("cuStreamBeginCapture_v2", stream, capture)
    codes.append(allocate())
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert codes == [same_thread, other_thread]


def test_nodes_of_every_kind_through_the_one_call(driver: Driver) -> None:
    """cuGraphAddNode, whose parameters are one union; and what the nodes say of themselves."""
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    out, copied = driver.uploaded(bytes(8)), driver.uploaded(bytes(8))
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    called: list[int | None] = []
    function = cuda.HOST_FUNCTION(called.append)
    event = driver.event(cuda.DISABLE_TIMING)

    def add(type_: int, part: ctypes.Structure | None, *before: int) -> int:
        wanted = NodeParameters(type=type_)
        if part is not None:
            ctypes.memmove(ctypes.addressof(wanted) + 16, ctypes.addressof(part), ctypes.sizeof(part))
        nodes = (c_void_p * max(1, len(before)))(*before)
        return driver.made("cuGraphAddNode", c_void_p, graph, nodes, len(before), byref(wanted))

    pointers, kept = parameters([out, c_uint32(11)])
    kernel = add(0, KernelNode(store, 1, 1, 1, 1, 1, 1, 0, pointers, None, None, None))
    memset = add(2, MemsetNode(out + 4, 0, 7, 1, 4, 1))
    join = add(5, None, kernel, memset)
    shape = Copy3D(src_type=2, src_device=out, dst_type=2, dst_device=copied, width=8, height=1, depth=1)
    copy = add(1, CopyNode(copy=shape), join)
    host = add(3, HostNode(function, 77), copy)
    record = add(7, EventNode(event), host)
    types = []
    for node in (kernel, memset, join, copy, host, record):
        kind = c_int()
        driver.check("cuGraphNodeGetType", node, byref(kind))
        types.append(kind.value)
    assert types == [0, 2, 5, 1, 3, 7]
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    stream = driver.stream(cuda.NON_BLOCKING)
    for _ in range(2):
        driver.check("cuGraphLaunch", exec_handle, stream)
    driver.check("cuStreamSynchronize", stream)
    driver.check("cuEventSynchronize", event)
    assert called == [77, 77]
    assert driver.download(copied, 8) == struct.pack("I", 11) + b"\x07" * 4

    said = KernelNode()
    driver.check("cuGraphKernelNodeGetParams_v2", kernel, byref(said))
    assert (said.function, said.grid_x, said.block_x, said.shared) == (store, 1, 1, 0)
    assert ctypes.cast(said.parameters[0], ctypes.POINTER(ctypes.c_uint64))[0] == out
    assert ctypes.cast(said.parameters[1], ctypes.POINTER(c_uint32))[0] == 11
    filled = MemsetNode()
    driver.check("cuGraphMemsetNodeGetParams", memset, byref(filled))
    assert (filled.address, filled.value, filled.element, filled.width, filled.height) == (out + 4, 7, 1, 4, 1)
    moved = Copy3D()
    driver.check("cuGraphMemcpyNodeGetParams", copy, byref(moved))
    assert (moved.src_device, moved.dst_device, moved.width) == (out, copied, 8)
    asked = HostNode()
    driver.check("cuGraphHostNodeGetParams", host, byref(asked))
    assert asked.data == 77
    assert driver.made_last("cuGraphEventRecordNodeGetEvent", record) == event
    assert driver.code("cuGraphMemsetNodeGetParams", kernel, byref(filled)) == cuda.INVALID_VALUE
    driver.check("cuGraphExecDestroy", exec_handle)
    driver.check("cuGraphDestroy", graph)
    del kept


def test_a_graph_in_a_graph(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    count_up = driver.function(module, "count_up")
    counter, _ = driver.variable(module, "counter")
    inner, outer = driver.made("cuGraphCreate", c_void_p, 0), driver.made("cuGraphCreate", c_void_p, 0)
    node = KernelNode(count_up, 1, 1, 1, 1, 1, 1, 0, None, None, None, None)
    driver.made("cuGraphAddKernelNode_v2", c_void_p, inner, None, 0, byref(node))
    child = driver.made("cuGraphAddChildGraphNode", c_void_p, outer, None, 0, inner)
    driver.check("cuGraphDestroy", inner)  # the node has a copy
    before = (c_void_p * 1)(child)
    driver.made("cuGraphAddKernelNode_v2", c_void_p, outer, before, 1, byref(node))
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, outer, 0)
    driver.check("cuGraphLaunch", exec_handle, 0)
    driver.synchronize()
    assert driver.download(counter, 4) == struct.pack("I", 5 + 2 * 3)


def test_host_functions_and_copies_are_captured(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer, source, target = driver.uploaded(bytes(4)), driver.pinned(4), driver.pinned(4)
    seen: list[bytes] = []
    function = cuda.HOST_FUNCTION(lambda _: seen.append(ctypes.string_at(target, 4)))
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, source, 4, stream)
    driver.check("cuMemcpyDtoHAsync_v2", target, pointer, 4, stream)
    driver.check("cuLaunchHostFunc", stream, function, None)
    graph = driver.made_last("cuStreamEndCapture", stream)
    exec_handle = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    for text in (b"once", b"more"):
        ctypes.memmove(source, text, 4)  # read at each launch
        driver.check("cuGraphLaunch", exec_handle, stream)
        driver.check("cuStreamSynchronize", stream)
        assert ctypes.string_at(target, 4) == text
    assert seen == [b"once", b"more"]


def test_what_a_capture_says_while_it_runs(driver: Driver) -> None:
    driver.start()
    count_up = driver.function(driver.module(ptx.ADD), "count_up")
    stream = driver.stream(cuda.NON_BLOCKING)
    status, number, graph = c_int(), ctypes.c_uint64(), c_void_p()
    before, count = c_void_p(), c_size_t()
    ask = ("cuStreamGetCaptureInfo_v2", stream, byref(status), byref(number), byref(graph), byref(before), byref(count))
    driver.check(*ask)
    assert status.value == 0
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.launch(count_up, stream=stream)
    driver.check(*ask)
    assert (status.value, count.value) == (1, 1)
    assert number.value != 0
    tip = ctypes.cast(before, ctypes.POINTER(c_void_p))[0]
    added = driver.made("cuGraphAddEmptyNode", c_void_p, graph, (c_void_p * 1)(tip), 1)
    driver.check(
        "cuStreamUpdateCaptureDependencies", stream, (c_void_p * 1)(added), 1, c_uint(1)
    )  # in place of the tip
    driver.launch(count_up, stream=stream)
    done = driver.made_last("cuStreamEndCapture", stream)
    assert done == graph.value
    driver.check("cuGraphGetNodes", done, None, byref(count))
    assert count.value == 3
