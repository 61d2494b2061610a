"""Functions that streams call, streams of threads, and many threads at once."""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_uint, c_uint32, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver, parameters

from . import ptx

PATIENCE_S = 60


def in_threads(driver: Driver, context: int, bodies: list[Callable[[], None]]) -> None:
    """Runs the bodies at once, each in a thread with the context; raises what the first of them raised."""
    errors: list[BaseException] = []

    def run(body: Callable[[], None]) -> None:
        try:
            driver.check("cuCtxSetCurrent", context)
            body()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# -- host functions and callbacks


def test_host_functions_run_once_in_order_with_their_data(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    got: list[int | None] = []
    function = cuda.HOST_FUNCTION(got.append)
    for number in range(1, 101):
        driver.check("cuLaunchHostFunc", stream, function, c_void_p(number))
    driver.check("cuLaunchHostFunc", stream, function, None)
    driver.check("cuStreamSynchronize", stream)
    assert got == [*range(1, 101), None]


def test_a_host_function_sees_the_work_before_it_and_holds_up_the_work_behind_it(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer, host = driver.uploaded(bytes(4)), driver.pinned(4)
    seen: list[bytes] = []

    def look(_: int | None) -> None:
        seen.append(ctypes.string_at(host, 4))

    function = cuda.HOST_FUNCTION(look)
    for value in (7, 8):
        driver.launch(store, arguments=[pointer, c_uint32(value)], stream=stream)
        driver.check("cuMemcpyDtoHAsync_v2", host, pointer, 4, stream)
        driver.check("cuLaunchHostFunc", stream, function, None)
    driver.check("cuStreamSynchronize", stream)
    assert seen == [struct.pack("I", 7), struct.pack("I", 8)]


def test_a_host_function_may_wait_for_other_threads_that_use_cuda(driver: Driver) -> None:
    context = driver.start()
    stream, other = driver.stream(cuda.NON_BLOCKING), driver.stream(cuda.NON_BLOCKING)
    pointer = driver.uploaded(bytes(64))
    reached, go = threading.Event(), threading.Event()
    answers: list[int] = []

    def wait(_: int | None) -> None:
        answers.append(driver.code("cuMemFree_v2", pointer))
        reached.set()
        go.wait(PATIENCE_S)

    function = cuda.HOST_FUNCTION(wait)
    driver.check("cuLaunchHostFunc", stream, function, None)

    def elsewhere() -> None:
        assert reached.wait(PATIENCE_S)
        driver.check("cuMemsetD8Async", pointer, c_uint(3), 64, other)
        driver.check("cuStreamSynchronize", other)
        assert driver.code("cuStreamQuery", stream) == cuda.NOT_READY
        go.set()

    in_threads(driver, context, [elsewhere])
    driver.check("cuStreamSynchronize", stream)
    assert answers == [cuda.NOT_PERMITTED]
    assert driver.download(pointer, 64) == b"\x03" * 64


def test_callbacks_from_many_streams(driver: Driver) -> None:
    driver.start()
    got: dict[int, list[int]] = {}

    def note(stream: int | None, status: int, data: int | None) -> None:
        assert status == cuda.SUCCESS
        got.setdefault(stream or 0, []).append(data or 0)

    callback = cuda.STREAM_CALLBACK(note)
    streams = [driver.stream(cuda.NON_BLOCKING) for _ in range(8)]
    for number in range(1, 11):
        for stream in streams:
            driver.check("cuStreamAddCallback", stream, callback, c_void_p(number), 0)
    driver.synchronize()
    assert got == {stream: list(range(1, 11)) for stream in streams}
    assert driver.code("cuStreamAddCallback", streams[0], callback, None, 1) == cuda.INVALID_VALUE


# -- streams of threads


def test_the_per_thread_stream_waits_for_the_legacy_stream_and_it_for_them(driver: Driver) -> None:
    driver.start()
    go = threading.Event()
    kept = driver.on_host(0, lambda: go.wait(PATIENCE_S) and None)
    mark = driver.event()
    driver.check("cuEventRecord", mark, cuda.PER_THREAD_STREAM)
    assert driver.code("cuEventQuery", mark) == cuda.NOT_READY
    go.set()
    driver.check("cuEventSynchronize", mark)
    del kept


def test_names_with_ptsz_mean_the_stream_of_the_thread(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    pointer = driver.uploaded(bytes(8))
    go = threading.Event()
    function = cuda.HOST_FUNCTION(lambda _: go.wait(PATIENCE_S) and None)
    driver.check("cuLaunchHostFunc_ptsz", 0, function, None)
    pointers, kept = parameters([pointer, c_uint32(5)])
    driver.check("cuLaunchKernel_ptsz", store, *[c_uint(1)] * 6, c_uint(0), 0, pointers, None)
    assert driver.code("cuStreamQuery_ptsz", 0) == cuda.NOT_READY
    assert driver.code("cuStreamQuery", cuda.PER_THREAD_STREAM) == cuda.NOT_READY
    go.set()
    out = ctypes.create_string_buffer(4)
    driver.check("cuMemcpyDtoH_v2_ptds", out, pointer, 4)
    assert out.raw == struct.pack("I", 5)
    del kept


def test_a_synchronous_copy_of_a_thread_does_not_wait_for_the_streams_of_others(driver: Driver) -> None:
    context = driver.start()
    pointer = driver.uploaded(b"seen")
    go = threading.Event()
    function = cuda.HOST_FUNCTION(lambda _: go.wait(PATIENCE_S) and None)
    driver.check("cuLaunchHostFunc", cuda.PER_THREAD_STREAM, function, None)

    def elsewhere() -> None:
        out = ctypes.create_string_buffer(4)
        driver.check("cuMemcpyDtoH_v2_ptds", out, pointer, 4)
        assert out.raw == b"seen"
        go.set()

    in_threads(driver, context, [elsewhere])
    driver.check("cuStreamSynchronize", cuda.PER_THREAD_STREAM)


# -- many at once


def test_many_threads_with_many_streams(driver: Driver) -> None:
    context = driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")

    def work(number: int) -> Callable[[], None]:
        def body() -> None:
            streams = [driver.stream(cuda.NON_BLOCKING) for _ in range(4)]
            events = [driver.event(cuda.DISABLE_TIMING) for _ in streams]
            pointers = [driver.allocate(4) for _ in streams]
            for turn in range(10):
                for stream, event, pointer in zip(streams, events, pointers, strict=True):
                    driver.launch(store, arguments=[pointer, c_uint32(number * 1000 + turn)], stream=stream)
                    driver.check("cuEventRecord", event, stream)
                for event in events:
                    driver.check("cuEventSynchronize", event)
                for pointer in pointers:
                    assert driver.download(pointer, 4) == struct.pack("I", number * 1000 + turn)
            for stream, event, pointer in zip(streams, events, pointers, strict=True):
                driver.check("cuStreamDestroy_v2", stream)
                driver.check("cuEventDestroy_v2", event)
                driver.free(pointer)

        return body

    in_threads(driver, context, [work(number) for number in range(8)])
    driver.synchronize()


def test_a_chain_of_events_through_threads(driver: Driver) -> None:
    """Each thread's kernel waits for the event of the thread before it; the event has been recorded, not reached."""
    context = driver.start()
    module = driver.module(ptx.ADD)
    count_up = driver.function(module, "count_up")
    counter, _ = driver.variable(module, "counter")
    go = threading.Event()
    first = driver.stream(cuda.NON_BLOCKING)
    kept = driver.on_host(first, lambda: go.wait(PATIENCE_S) and None)
    links = [driver.event(cuda.DISABLE_TIMING) for _ in range(9)]
    recorded = [threading.Event() for _ in links]
    driver.check("cuEventRecord", links[0], first)
    recorded[0].set()

    def link(number: int) -> Callable[[], None]:
        def body() -> None:
            assert recorded[number].wait(PATIENCE_S)
            stream = driver.stream(cuda.NON_BLOCKING)
            driver.check("cuStreamWaitEvent", stream, links[number], 0)
            driver.launch(count_up, stream=stream)
            driver.check("cuEventRecord", links[number + 1], stream)
            recorded[number + 1].set()

        return body

    in_threads(driver, context, [link(number) for number in range(8)])
    assert driver.code("cuEventQuery", links[-1]) == cuda.NOT_READY
    go.set()
    driver.check("cuEventSynchronize", links[-1])
    assert driver.download(counter, 4) == struct.pack("I", 5 + 8 * 3)
    del kept


def test_modules_come_and_go_while_others_run(driver: Driver) -> None:
    context = driver.start()

    def body() -> None:
        stream = driver.stream(cuda.NON_BLOCKING)
        pointer = driver.allocate(4)
        for turn in range(5):
            module = driver.module(ptx.ADD)
            store = driver.function(module, "store")
            driver.launch(store, arguments=[pointer, c_uint32(turn)], stream=stream)
            driver.check("cuStreamSynchronize", stream)
            driver.check("cuModuleUnload", module)
            assert driver.download(pointer, 4) == struct.pack("I", turn)

    in_threads(driver, context, [body] * 4)
    driver.synchronize()


@pytest.mark.parametrize("what", ["stream", "event", "module", "memory"])
def test_what_is_in_use_is_given_back_when_it_is_done(driver: Driver, what: str) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    stream, event = driver.stream(cuda.NON_BLOCKING), driver.event()
    pointer, out = driver.uploaded(bytes(4)), driver.uploaded(bytes(4))
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(PATIENCE_S) and None)
    driver.launch(driver.function(module, "store"), arguments=[pointer, c_uint32(9)], stream=stream)
    driver.check("cuMemcpyDtoDAsync_v2", out, pointer, 4, stream)
    driver.check("cuEventRecord", event, stream)
    if what == "stream":
        driver.check("cuStreamDestroy_v2", stream)  # does not wait
        go.set()
        driver.check("cuEventSynchronize", event)
    elif what == "event":
        driver.check("cuEventDestroy_v2", event)  # does not wait
        go.set()
    else:  # these may wait, so somebody else must be able to go on
        go.set()
        if what == "module":
            driver.check("cuModuleUnload", module)
        else:
            driver.check("cuMemFree_v2", pointer)
    driver.synchronize()
    assert driver.download(out, 4) == struct.pack("I", 9)
    del kept


def test_names_of_kernels_are_found_by_many_threads(driver: Driver) -> None:
    context = driver.start()
    library = driver.library_of(ptx.ADD)
    found: list[int] = []

    def body() -> None:
        for _ in range(20):
            kernel = c_void_p()
            driver.check("cuLibraryGetKernel", byref(kernel), library, c_char_p(b"add"))
            count = c_int()
            driver.check("cuFuncGetAttribute", byref(count), 0, kernel)
            found.append(kernel.value or 0)

    in_threads(driver, context, [body] * 4)
    assert len(set(found)) == 1
