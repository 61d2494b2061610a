"""Order and time: streams, events, host functions."""

from __future__ import annotations

import ctypes
import itertools
import threading
from ctypes import byref, c_int, c_uint, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver


def test_work_of_a_stream_waits_for_what_is_before_it(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.uploaded(bytes(16))
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.check("cuMemsetD8Async", pointer, c_uint(7), 16, stream)
    assert driver.code("cuStreamQuery", stream) == cuda.NOT_READY
    out = ctypes.create_string_buffer(16)
    other = driver.stream(cuda.NON_BLOCKING)
    driver.check("cuMemcpyDtoHAsync_v2", out, pointer, 16, other)  # another stream: does not wait
    driver.check("cuStreamSynchronize", other)
    assert out.raw == bytes(16)
    go.set()
    driver.check("cuStreamSynchronize", stream)
    assert driver.code("cuStreamQuery", stream) == cuda.SUCCESS
    assert driver.download(pointer, 16) == b"\x07" * 16
    del kept


@pytest.mark.parametrize(("flags", "waits"), [(0, True), (cuda.NON_BLOCKING, False)])
def test_the_legacy_stream_waits_for_blocking_streams_only(driver: Driver, flags: int, waits: bool) -> None:
    driver.start()
    stream = driver.stream(flags)
    pointer = driver.uploaded(bytes(4))
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.check("cuMemsetD8Async", pointer, c_uint(1), 4, 0)
    mark = driver.event()
    driver.check("cuEventRecord", mark, 0)
    if waits:
        assert driver.code("cuEventQuery", mark) == cuda.NOT_READY
    else:
        driver.check("cuEventSynchronize", mark)
    go.set()
    driver.synchronize()
    assert driver.code("cuEventQuery", mark) == cuda.SUCCESS
    del kept


def test_blocking_streams_wait_for_the_legacy_stream(driver: Driver) -> None:
    driver.start()
    blocking, free = driver.stream(), driver.stream(cuda.NON_BLOCKING)
    go = threading.Event()
    kept = driver.on_host(0, lambda: go.wait(60) and None)
    marks = {stream: driver.event() for stream in (blocking, free)}
    for stream, mark in marks.items():
        driver.check("cuEventRecord", mark, stream)
    driver.check("cuEventSynchronize", marks[free])
    assert driver.code("cuEventQuery", marks[blocking]) == cuda.NOT_READY
    go.set()
    driver.check("cuEventSynchronize", marks[blocking])
    del kept


def test_streams_wait_for_events(driver: Driver) -> None:
    driver.start()
    first, second = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    order: list[str] = []
    go = threading.Event()
    kept = [driver.on_host(first, lambda: go.wait(60) and None), driver.on_host(first, lambda: order.append("first"))]
    mark = driver.event(cuda.DISABLE_TIMING)
    driver.check("cuEventRecord", mark, first)
    driver.check("cuStreamWaitEvent", second, mark, 0)
    driver.check("cuEventDestroy_v2", mark)  # what has been queued keeps it
    kept.append(driver.on_host(second, lambda: order.append("second")))
    go.set()
    driver.check("cuStreamSynchronize", second)
    assert order == ["first", "second"]


def test_per_thread_streams_are_streams_of_their_own(driver: Driver) -> None:
    context = driver.start()
    go = threading.Event()
    kept = driver.on_host(cuda.PER_THREAD_STREAM, lambda: go.wait(60) and None)
    assert driver.code("cuStreamQuery", cuda.PER_THREAD_STREAM) == cuda.NOT_READY
    codes: list[int] = []

    def elsewhere() -> None:
        driver.check("cuCtxSetCurrent", context)
        codes.append(driver.code("cuStreamQuery", cuda.PER_THREAD_STREAM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    go.set()
    driver.check("cuStreamSynchronize", cuda.PER_THREAD_STREAM)
    assert codes == [cuda.SUCCESS]
    del kept


def test_times_between_events(driver: Driver) -> None:
    driver.start()
    start, end, untimed, never = driver.event(), driver.event(), driver.event(cuda.DISABLE_TIMING), driver.event()
    for event in (start, untimed, end):
        driver.check("cuEventRecord", event, 0)
    driver.synchronize()
    assert driver.elapsed(start, end) >= 0
    out = ctypes.c_float()
    assert driver.code("cuEventElapsedTime", byref(out), start, untimed) == cuda.INVALID_HANDLE
    assert driver.code("cuEventElapsedTime", byref(out), start, never) == cuda.INVALID_HANDLE
    assert driver.code("cuEventQuery", never) == cuda.SUCCESS


def test_times_follow_the_order_of_events(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.allocate(1 << 20)
    events = [driver.event() for _ in range(4)]
    for event in events:
        driver.check("cuMemsetD8Async", pointer, c_uint(1), 1 << 20, stream)
        driver.check("cuEventRecord", event, stream)
    driver.check("cuEventSynchronize", events[-1])
    steps = [driver.elapsed(before, after) for before, after in itertools.pairwise(events)]
    assert min(steps) >= 0
    whole = driver.elapsed(events[0], events[-1])
    assert abs(whole - sum(steps)) < 0.01 + 0.001 * whole  # milliseconds, in single precision
    assert driver.elapsed(events[-1], events[0]) == -whole
    driver.check("cuEventRecord", events[0], stream)  # once more: the newest record counts
    driver.check("cuStreamSynchronize", stream)
    assert driver.elapsed(events[-1], events[0]) >= 0
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.check("cuEventRecord", events[1], stream)
    out = ctypes.c_float()
    assert driver.code("cuEventElapsedTime", byref(out), events[0], events[1]) == cuda.NOT_READY
    assert driver.code("cuEventQuery", events[1]) == cuda.NOT_READY
    go.set()
    driver.check("cuEventSynchronize", events[1])
    assert driver.elapsed(events[0], events[1]) >= 0
    del kept


def test_a_wait_for_an_event_means_its_record_of_that_moment(driver: Driver) -> None:
    driver.start()
    first, second = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    event = driver.event(cuda.DISABLE_TIMING)
    driver.check("cuStreamWaitEvent", second, event, 0)  # never recorded: nothing to wait for
    driver.check("cuStreamSynchronize", second)
    driver.check("cuEventRecord", event, first)
    driver.check("cuStreamWaitEvent", second, event, 0)
    go = threading.Event()
    kept = driver.on_host(first, lambda: go.wait(60) and None)
    driver.check("cuEventRecord", event, first)  # later than the wait
    driver.check("cuStreamSynchronize", second)
    assert driver.code("cuEventQuery", event) == cuda.NOT_READY
    go.set()
    driver.check("cuEventSynchronize", event)
    del kept


def test_what_streams_and_events_say_of_themselves(driver: Driver) -> None:
    context = driver.start()
    blocking, free = driver.stream(), driver.stream(cuda.NON_BLOCKING)
    flags, ids, owner = c_uint(), set(), c_void_p()
    for stream, expected in ((blocking, 0), (free, cuda.NON_BLOCKING), (0, 0)):
        driver.check("cuStreamGetFlags", stream, byref(flags))
        assert flags.value == expected
        driver.check("cuStreamGetCtx", stream, byref(owner))
        assert owner.value == context
        number = ctypes.c_ulonglong()
        driver.check("cuStreamGetId", stream, byref(number))
        ids.add(number.value)
    assert len(ids) == 3
    assert driver.code("cuStreamQuery", blocking) == cuda.SUCCESS


def test_host_functions_may_not_call_cuda(driver: Driver) -> None:
    driver.start()
    codes: list[int] = []
    kept = driver.on_host(0, lambda: codes.append(driver.code("cuCtxSynchronize")))
    driver.synchronize()
    assert codes == [cuda.NOT_PERMITTED]
    del kept


def test_stream_callbacks_get_the_status(driver: Driver) -> None:
    driver.start()
    stream = driver.stream()
    got: list[tuple[int, int, int]] = []
    callback = cuda.STREAM_CALLBACK(lambda *arguments: got.append(arguments))
    driver.check("cuStreamAddCallback", stream, callback, 77, 0)
    driver.check("cuStreamSynchronize", stream)
    assert got == [(stream, cuda.SUCCESS, 77)]


def test_pageable_sources_are_read_before_the_call_returns(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.allocate(16)
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    source = ctypes.create_string_buffer(b"a" * 16, 16)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, source, 16, stream)
    ctypes.memset(source, ord("b"), 16)
    go.set()
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 16) == b"a" * 16
    del kept


@pytest.mark.not_through_the_pool("over the network the source is captured when the copy is queued")
def test_pinned_sources_are_read_when_the_stream_gets_there(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer, source = driver.allocate(16), driver.pinned(16)
    ctypes.memset(source, ord("a"), 16)
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, source, 16, stream)
    ctypes.memset(source, ord("b"), 16)
    go.set()
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(pointer, 16) == b"b" * 16
    del kept


@pytest.mark.ours("what a stale handle points at")
def test_stale_handles(driver: Driver) -> None:
    driver.start()
    stream, event = driver.stream(), driver.event()
    driver.check("cuStreamDestroy_v2", stream)
    driver.check("cuEventDestroy_v2", event)
    assert driver.code("cuStreamSynchronize", stream) == cuda.INVALID_HANDLE
    assert driver.code("cuStreamDestroy_v2", stream) == cuda.INVALID_HANDLE
    assert driver.code("cuEventSynchronize", event) == cuda.INVALID_HANDLE
    assert driver.code("cuEventRecord", driver.stream(), 0) == cuda.INVALID_HANDLE  # a stream is no event


def test_priorities_are_clamped(driver: Driver) -> None:
    driver.start()
    least, greatest = c_int(), c_int()
    driver.check("cuCtxGetStreamPriorityRange", byref(least), byref(greatest))
    assert least.value == 0 >= greatest.value
    out = c_int()
    for asked, given in ((-100, greatest.value), (100, least.value), (greatest.value, greatest.value), (0, 0)):
        stream = driver.made("cuStreamCreateWithPriority", c_void_p, 0, c_int(asked))
        driver.check("cuStreamGetPriority", stream, byref(out))
        assert out.value == given
    driver.check("cuStreamGetPriority", 0, byref(out))
    assert out.value == 0


def test_waiting_for_a_value_in_memory(driver: Driver) -> None:
    driver.start()
    first, second = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    word = driver.uploaded(bytes(8))
    driver.check("cuStreamWaitValue32_v2", first, word, c_uint(5), 0)
    mark = driver.event()
    driver.check("cuEventRecord", mark, first)
    assert driver.code("cuEventQuery", mark) == cuda.NOT_READY
    driver.check("cuStreamWriteValue32_v2", second, word, c_uint(5), 0)
    driver.check("cuEventSynchronize", mark)


def test_a_stream_keeps_its_attributes(driver: Driver) -> None:
    """What is set is told, also of a stream that it was copied to; what was never set is nothing."""
    driver.start()
    stream, other = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    value = (ctypes.c_char * 64)()
    synchronization_policy, yields = 3, 3
    driver.check("cuStreamGetAttribute", stream, synchronization_policy, byref(value))
    assert value.raw == bytes(64)
    value[0] = yields
    driver.check("cuStreamSetAttribute", stream, synchronization_policy, byref(value))
    driver.check("cuStreamCopyAttributes", other, stream)
    for one in (stream, other):
        told = (ctypes.c_char * 64)()
        driver.check("cuStreamGetAttribute", one, synchronization_policy, byref(told))
        assert told.raw[0] == yields
    assert driver.made_last("cuStreamGetGreenCtx", stream) == 0
