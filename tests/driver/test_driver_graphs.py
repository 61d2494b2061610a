"""Graphs: built by hand, and captured from streams."""

from __future__ import annotations

import ctypes
import struct
from ctypes import byref, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

from cuda import driver as cuda
from cuda.driver import Copy3D, Driver, KernelNode, MemsetNode, parameters

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
    assert driver.code("cuGraphLaunch", exec_handle, 0) == cuda.INVALID_VALUE
    del kept


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
