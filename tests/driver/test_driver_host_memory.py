"""Kernels and host memory: pinned, mapped and registered memory at CUDA's points of synchronisation."""

from __future__ import annotations

import ctypes
import mmap
import struct
import threading
from collections.abc import Callable
from ctypes import c_uint32, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver
from driver import ptx

DEVICEMAP = 2
SIZE = 1 << 20


def put(address: int, value: int) -> None:
    ctypes.c_uint32.from_address(address).value = value


def word(address: int) -> int:
    return ctypes.c_uint32.from_address(address).value


def device_pointer(driver: Driver, host: int) -> int:
    return driver.made("cuMemHostGetDevicePointer_v2", c_uint64, host, 0)


def test_host_memory_can_be_mapped(driver: Driver) -> None:
    driver.start()
    assert driver.attribute(19) == 1  # CAN_MAP_HOST_MEMORY
    assert driver.attribute(41) == 1  # UNIFIED_ADDRESSING


@pytest.mark.parametrize("size", [4, SIZE])
def test_kernels_see_what_the_host_has_written_before_their_launch(driver: Driver, size: int) -> None:
    driver.start()
    copy_word = driver.function(driver.module(ptx.WORDS), "copy_word")
    host, out = driver.pinned(size, DEVICEMAP), driver.allocate(4)
    at = size - 4
    pointer = device_pointer(driver, host + at)
    for value in range(1, 6):
        put(host + at, value * 1000)
        driver.launch(copy_word, arguments=[out, pointer])
        assert driver.download(out, 4) == struct.pack("I", value * 1000)


def by_context(driver: Driver, stream: int, event: int) -> None:
    driver.check("cuCtxSynchronize")


def by_stream(driver: Driver, stream: int, event: int) -> None:
    driver.check("cuStreamSynchronize", stream)


def by_event(driver: Driver, stream: int, event: int) -> None:
    driver.check("cuEventSynchronize", event)


def by_asking_the_event(driver: Driver, stream: int, event: int) -> None:
    while (code := driver.code("cuEventQuery", event)) == cuda.NOT_READY:
        pass
    assert code == cuda.SUCCESS


def by_asking_the_stream(driver: Driver, stream: int, event: int) -> None:
    while (code := driver.code("cuStreamQuery", stream)) == cuda.NOT_READY:
        pass
    assert code == cuda.SUCCESS


def by_a_copy_behind_it(driver: Driver, stream: int, event: int) -> None:
    driver.check("cuStreamWaitEvent", 0, event, 0)
    driver.download(driver.uploaded(b"anything"), 8)


@pytest.mark.parametrize(
    "wait", [by_context, by_stream, by_event, by_asking_the_event, by_asking_the_stream, by_a_copy_behind_it]
)
def test_the_host_sees_what_kernels_wrote_once_it_knows_that_they_are_done(
    driver: Driver, wait: Callable[[Driver, int, int], None]
) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    stream, event = driver.stream(cuda.NON_BLOCKING), driver.event()
    host = driver.pinned(64)
    for value in (7, 8):
        driver.launch(store, arguments=[host + 16, c_uint32(value)], stream=stream)
        driver.check("cuEventRecord", event, stream)
        wait(driver, stream, event)
        assert [word(host + 4 * i) for i in range(16)] == [0] * 4 + [value] + [0] * 11


def test_host_and_kernel_write_beside_each_other(driver: Driver) -> None:
    """Different words of one page, between two points of synchronisation."""
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    stream = driver.stream(cuda.NON_BLOCKING)
    host = driver.pinned(4096, DEVICEMAP)
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.launch(store, arguments=[device_pointer(driver, host + 8), c_uint32(1)], stream=stream)
    put(host + 4, 2)
    put(host + 12, 3)
    go.set()
    driver.check("cuStreamSynchronize", stream)
    assert [word(host + 4 * i) for i in range(5)] == [0, 2, 1, 3, 0]
    del kept


def test_a_host_function_sees_the_kernel_before_it(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    stream = driver.stream(cuda.NON_BLOCKING)
    host = driver.pinned(4)
    driver.launch(store, arguments=[host, c_uint32(41)], stream=stream)
    seen: list[int] = []
    kept = driver.on_host(stream, lambda: seen.append(word(host)))
    driver.check("cuStreamSynchronize", stream)
    assert seen == [41]
    del kept


def test_a_pointer_in_device_memory_reaches_mapped_memory(driver: Driver) -> None:
    """No parameter of the kernel points there, but its device address has been asked for."""
    driver.start()
    through = driver.function(driver.module(ptx.WORDS), "store_through")
    host = driver.pinned(SIZE, DEVICEMAP)
    place = driver.uploaded(struct.pack("Q", device_pointer(driver, host + 4096)))
    driver.launch(through, arguments=[place, c_uint32(99)])
    driver.synchronize()
    assert word(host + 4096) == 99


def test_registered_memory_is_the_kernels_too(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.WORDS)
    pages = mmap.mmap(-1, 3 * 4096)
    host = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    host += 8  # neither begins nor ends with a page
    put(host + 4096, 1234)
    driver.check("cuMemHostRegister_v2", host, 2 * 4096 + 100, 2)
    pointer = device_pointer(driver, host)
    driver.launch(driver.function(module, "copy_word"), arguments=[pointer + 8192, pointer + 4096])
    driver.synchronize()
    assert word(host + 8192) == 1234
    assert device_pointer(driver, host + 8192) == pointer + 8192
    driver.check("cuMemHostUnregister", host)
    assert driver.code("cuMemHostGetDevicePointer_v2", ctypes.byref(c_uint64()), host, 0) == cuda.INVALID_VALUE
    assert word(host + 8192) == 1234


def test_copies_and_kernels_use_pinned_memory_in_the_order_of_their_stream(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    copy_word = driver.function(driver.module(ptx.WORDS), "copy_word")
    stream = driver.stream(cuda.NON_BLOCKING)
    host = driver.pinned(4096)
    first, second, third = driver.uploaded(struct.pack("I", 5)), driver.allocate(4), driver.allocate(4)
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.launch(store, arguments=[host + 64, c_uint32(0)], stream=stream)
    driver.check("cuMemcpyDtoHAsync_v2", host, first, 4, stream)  # the kernel behind it reads what it brings
    driver.launch(copy_word, arguments=[second, host], stream=stream)
    driver.launch(store, arguments=[host, c_uint32(6)], stream=stream)
    driver.check("cuMemcpyHtoDAsync_v2", third, host, 4, stream)  # reads what the kernel before it wrote
    go.set()
    driver.check("cuStreamSynchronize", stream)
    assert struct.unpack("I", driver.download(second, 4)) == (5,)
    assert struct.unpack("I", driver.download(third, 4)) == (6,)
    assert word(host) == 6
    del kept


def test_a_graph_uses_pinned_memory_at_each_launch(driver: Driver) -> None:
    driver.start()
    copy_word = driver.function(driver.module(ptx.WORDS), "copy_word")
    stream = driver.stream(cuda.NON_BLOCKING)
    host = driver.pinned(64)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.launch(copy_word, arguments=[host + 4, host], stream=stream)
    graph = driver.made_last("cuStreamEndCapture", stream)
    executable = driver.made("cuGraphInstantiateWithFlags", c_void_p, graph, 0)
    for value in (3, 4):
        put(host, value)
        driver.check("cuGraphLaunch", executable, stream)
        driver.check("cuStreamSynchronize", stream)
        assert word(host + 4) == value


def test_a_large_array_in_host_memory(driver: Driver) -> None:
    """Many pages change on both sides, some do not."""
    driver.start()
    add = driver.function(driver.module(ptx.ADD), "add")
    count = 300_000
    a, b, out = (driver.pinned(4 * count + 4096) for _ in range(3))
    values = [float(i % 1000) for i in range(count)]
    ctypes.memmove(a, struct.pack(f"{count}f", *values), 4 * count)
    for factor in (1.0, 2.0):
        ctypes.memmove(b, struct.pack(f"{count}f", *([factor] * count)), 4 * count)
        driver.launch(add, grid=((count + 255) // 256, 1, 1), block=(256, 1, 1), arguments=[out, a, b, c_uint32(count)])
        driver.synchronize()
        got = struct.unpack(f"{count}f", ctypes.string_at(out, 4 * count))
        assert got == tuple(value + factor for value in values)
        assert ctypes.string_at(out + 4 * count, 4096) == bytes(4096)
    for host in (a, b, out):
        driver.check("cuMemFreeHost", host)
