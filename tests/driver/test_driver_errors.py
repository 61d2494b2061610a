"""Errors that stay with their context, and errors that do not."""

from __future__ import annotations

import ctypes
import threading
from ctypes import byref, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver

from . import ptx


def test_refused_calls_leave_nothing_behind(driver: Driver) -> None:
    driver.start()
    pointer = driver.uploaded(b"still here")
    refused = [
        driver.code("cuMemAlloc_v2", byref(c_uint64()), 1 << 50),
        driver.code("cuMemAlloc_v2", byref(c_uint64()), 0),
        driver.code("cuMemFree_v2", 12345),
        driver.code("cuModuleLoadData", byref(c_void_p()), ctypes.create_string_buffer(64)),
        driver.launch_code(driver.function(driver.module(ptx.ADD), "count_up"), (1, 1, 1), (4096, 1, 1)),
        driver.code("cuCtxSetLimit", 999, 1),
    ]
    assert refused[0] == cuda.OUT_OF_MEMORY
    assert cuda.SUCCESS not in refused
    driver.synchronize()
    driver.check("cuStreamSynchronize", 0)
    assert driver.download(pointer, 10) == b"still here"


@pytest.mark.parametrize(
    ("kernel", "codes"),
    [
        ("store_far_away", (cuda.ILLEGAL_ADDRESS,)),
        ("store_beside", (cuda.MISALIGNED_ADDRESS,)),
        ("give_up", (cuda.LAUNCH_FAILED, cuda.ILLEGAL_INSTRUCTION)),
    ],
)
def test_a_fault_stays_until_the_context_goes(driver: Driver, kernel: str, codes: tuple[int, ...]) -> None:
    context = driver.start()
    module = driver.module(ptx.ADD + ptx.FAULTS)
    pointer = driver.allocate(64)
    stream, event = driver.stream(cuda.NON_BLOCKING), driver.event()
    arguments = [] if kernel == "give_up" else [pointer]
    driver.launch(driver.function(module, kernel), arguments=arguments, stream=stream)
    driver.code("cuEventRecord", event, stream)
    code = driver.code("cuStreamSynchronize", stream)
    assert code in codes
    out = ctypes.create_string_buffer(64)
    later = {
        "cuCtxSynchronize": driver.code("cuCtxSynchronize"),
        "cuStreamSynchronize": driver.code("cuStreamSynchronize", stream),
        "cuStreamQuery": driver.code("cuStreamQuery", 0),
        "cuEventSynchronize": driver.code("cuEventSynchronize", event),
        "cuMemAlloc_v2": driver.code("cuMemAlloc_v2", byref(c_uint64()), 16),
        "cuMemFree_v2": driver.code("cuMemFree_v2", pointer),
        "cuMemGetInfo_v2": driver.code("cuMemGetInfo_v2", byref(c_size_t()), byref(c_size_t())),
        "cuMemcpyDtoH_v2": driver.code("cuMemcpyDtoH_v2", out, pointer, 16),
        "cuMemsetD8_v2": driver.code("cuMemsetD8_v2", pointer, c_uint(0), 16),
        "cuLaunchKernel": driver.launch_code(driver.function(module, "count_up")),
        "cuStreamCreate": driver.code("cuStreamCreate", byref(c_void_p()), 0),
    }
    assert later == dict.fromkeys(later, code)
    # What does not touch the GPU goes on.
    assert driver.made("cuCtxGetCurrent", c_void_p) == context
    assert driver.made("cuCtxGetDevice", c_int) == 0
    assert driver.attribute(10) == 32
    # In another thread it is the same context.
    seen: list[int] = []

    def elsewhere() -> None:
        driver.check("cuCtxSetCurrent", context)
        seen.append(driver.code("cuCtxSynchronize"))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [code]
    driver.check("cuDevicePrimaryCtxReset_v2", 0)
    driver.start()
    assert driver.download(driver.uploaded(b"a new life"), 10) == b"a new life"


def test_a_fault_is_told_by_whoever_asks_first(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD + ptx.FAULTS)
    pointer = driver.allocate(64)
    driver.launch(driver.function(module, "store_far_away"), arguments=[pointer])
    out = ctypes.create_string_buffer(64)
    assert driver.code("cuMemcpyDtoH_v2", out, pointer, 64) == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS


def test_work_behind_a_fault_does_not_run(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD + ptx.FAULTS)
    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.allocate(64)
    called: list[str] = []
    driver.launch(driver.function(module, "store_far_away"), arguments=[pointer], stream=stream)
    kept = cuda.HOST_FUNCTION(lambda _: called.append("function"))
    driver.code("cuLaunchHostFunc", stream, kept, None)  # told at once or later
    assert driver.code("cuStreamSynchronize", stream) == cuda.ILLEGAL_ADDRESS
    assert called == []
    del kept


def test_faults_of_one_context_are_not_the_other_devices(driver: Driver) -> None:
    driver.check("cuInit", 0)
    if driver.device_count() < 2:
        return
    first = driver.start(0)
    module = driver.module(ptx.ADD + ptx.FAULTS)
    driver.launch(driver.function(module, "store_far_away"), arguments=[driver.allocate(64)])
    second = driver.start(1)
    pointer = driver.uploaded(b"unharmed")
    driver.check("cuCtxSetCurrent", first)
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS
    driver.check("cuCtxSetCurrent", second)
    driver.synchronize()
    assert driver.download(pointer, 8) == b"unharmed"


def test_out_of_memory_is_no_fault(driver: Driver) -> None:
    driver.start()
    _, total = driver.free_and_total()
    assert driver.code("cuMemAlloc_v2", byref(c_uint64()), total + (1 << 30)) == cuda.OUT_OF_MEMORY
    store = driver.function(driver.module(ptx.ADD), "store")
    pointer = driver.allocate(4)
    driver.launch(store, arguments=[pointer, c_uint32(5)])
    assert driver.download(pointer, 4) == bytes([5, 0, 0, 0])
