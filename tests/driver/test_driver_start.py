"""Start, devices and contexts."""

from __future__ import annotations

import ctypes
import os
import threading
from ctypes import byref, c_char_p, c_int, c_uint, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("cuCtxGetCurrent", (byref(c_void_p()),)),
        ("cuCtxGetDevice", (byref(c_int()),)),
        ("cuCtxSetCurrent", (0,)),
        ("cuCtxPushCurrent_v2", (0,)),
        ("cuCtxPopCurrent_v2", (byref(c_void_p()),)),
        ("cuDeviceGetCount", (byref(c_int()),)),
        ("cuProfilerStart", ()),
        ("cuProfilerStop", ()),
    ],
)
def test_calls_before_cu_init_say_so(driver: Driver, call: str, arguments: tuple[object, ...]) -> None:
    assert driver.code(call, *arguments) == cuda.NOT_INITIALIZED


def test_cu_init_takes_no_flags(driver: Driver) -> None:
    assert driver.code("cuInit", 1) == cuda.INVALID_VALUE
    assert driver.code("cuInit", 0) == cuda.SUCCESS


def test_wrong_ordinals_are_refused_everywhere(driver: Driver) -> None:
    driver.check("cuInit", 0)
    count = driver.device_count()
    out = ctypes.create_string_buffer(256)
    for ordinal in (-1, count, 1000):
        wrong = c_int(ordinal)
        assert driver.code("cuDeviceGet", byref(c_int()), wrong) == cuda.INVALID_DEVICE
        assert driver.code("cuDeviceGetName", out, c_int(256), wrong) == cuda.INVALID_DEVICE
        assert driver.code("cuDeviceGetAttribute", byref(c_int()), 1, wrong) == cuda.INVALID_DEVICE
        assert driver.code("cuDeviceTotalMem_v2", out, wrong) == cuda.INVALID_DEVICE
        assert driver.code("cuDevicePrimaryCtxRetain", byref(c_void_p()), wrong) == cuda.INVALID_DEVICE
        assert driver.code("cuDevicePrimaryCtxGetState", wrong, byref(c_uint()), byref(c_int())) == cuda.INVALID_DEVICE


def test_an_unknown_attribute_is_an_invalid_value(driver: Driver) -> None:
    driver.check("cuInit", 0)
    assert driver.code("cuDeviceGetAttribute", byref(c_int()), 9999, 0) == cuda.INVALID_VALUE
    assert driver.code("cuDeviceGetAttribute", byref(c_int()), 0, 0) == cuda.INVALID_VALUE
    assert driver.attribute(10) == 32  # warp size


def test_the_primary_context_is_not_made_current_by_retaining_it(driver: Driver) -> None:
    driver.check("cuInit", 0)
    flags, active = c_uint(7), c_int(7)
    driver.check("cuDevicePrimaryCtxGetState", 0, byref(flags), byref(active))
    assert (flags.value, active.value) == (0, 0)
    context = driver.made("cuDevicePrimaryCtxRetain", c_void_p, 0)
    assert driver.made("cuCtxGetCurrent", c_void_p) == 0
    assert driver.code("cuCtxGetDevice", byref(c_int())) == cuda.INVALID_CONTEXT
    assert driver.code("cuModuleLoadData", byref(c_void_p()), c_char_p(b"x")) == cuda.INVALID_CONTEXT
    driver.check("cuCtxSetCurrent", context)
    assert driver.made("cuCtxGetDevice", c_int) == 0
    driver.check("cuDevicePrimaryCtxGetState", 0, byref(flags), byref(active))
    assert active.value == 1
    driver.check("cuDevicePrimaryCtxRelease_v2", 0)
    assert driver.code("cuDevicePrimaryCtxRelease_v2", 0) == cuda.INVALID_CONTEXT
    assert driver.code("cuCtxSynchronize") == cuda.CONTEXT_IS_DESTROYED


def test_memory_goes_with_the_primary_context(driver: Driver) -> None:
    driver.start()
    free, _ = driver.free_and_total()
    driver.allocate(256 << 20)
    assert driver.free_and_total()[0] <= free - (256 << 20)
    driver.check("cuDevicePrimaryCtxReset_v2", 0)
    driver.start()
    assert driver.free_and_total()[0] > free - (128 << 20)  # a GPU's other programs may have taken a little


def test_contexts_form_a_stack_per_thread(driver: Driver) -> None:
    primary = driver.start()
    own = driver.made("cuCtxCreate_v2", c_void_p, 0, 0)
    assert driver.made("cuCtxGetCurrent", c_void_p) == own
    seen: list[int] = []
    other = threading.Thread(target=lambda: seen.append(driver.made("cuCtxGetCurrent", c_void_p)))
    other.start()
    other.join()
    assert seen == [0]
    assert driver.made("cuCtxPopCurrent_v2", c_void_p) == own
    assert driver.made("cuCtxGetCurrent", c_void_p) == primary
    driver.check("cuCtxDestroy_v2", own)
    assert driver.code("cuCtxDestroy_v2", own) == cuda.INVALID_CONTEXT
    assert driver.code("cuCtxPushCurrent_v2", own) == cuda.INVALID_CONTEXT


def test_error_names_are_the_enumerators(driver: Driver) -> None:
    name = c_char_p()
    driver.check("cuGetErrorName", 700, byref(name))
    assert name.value == b"CUDA_ERROR_ILLEGAL_ADDRESS"
    driver.check("cuGetErrorString", 2, byref(name))
    assert name.value == b"out of memory"
    assert driver.code("cuGetErrorName", 12345, byref(name)) == cuda.INVALID_VALUE
    assert name.value is None


def test_names_resolve_by_version(driver: Driver) -> None:
    driver.check("cuInit", 0)
    address, status = c_void_p(), c_int()
    driver.check("cuGetProcAddress_v2", c_char_p(b"cuMemAlloc"), byref(address), 13000, 0, byref(status))
    assert address.value is not None
    allocate = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.c_size_t)(address.value)
    driver.start()
    pointer = ctypes.c_uint64()
    assert allocate(ctypes.addressof(pointer), 4096) == cuda.SUCCESS
    assert pointer.value >= 1 << 32  # the 64-bit ABI of CUDA 3.2, not the older one
    code = driver.code("cuGetProcAddress_v2", c_char_p(b"cuNoSuchCall"), byref(address), 13000, 0, byref(status))
    assert code in (cuda.SUCCESS, cuda.NOT_FOUND)
    assert status.value == 1


def test_a_forked_child_has_no_driver(driver: Driver) -> None:
    driver.start()
    child = os.fork()
    if child == 0:
        code = driver.code("cuCtxSynchronize")
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == cuda.NOT_INITIALIZED
    driver.synchronize()


def test_limits_can_be_asked_and_set(driver: Driver) -> None:
    driver.start()
    assert driver.made("cuCtxGetLimit", ctypes.c_size_t, 2) == 8 << 20
    driver.check("cuCtxSetLimit", 0, 4096)
    assert driver.made("cuCtxGetLimit", ctypes.c_size_t, 0) >= 4096  # a driver may take more
    driver.check("cuCtxSetLimit", 1, 2 << 20)  # what kernels print into
    assert driver.made("cuCtxGetLimit", ctypes.c_size_t, 1) >= 2 << 20
    assert driver.code("cuCtxSetLimit", 999, 1) == cuda.INVALID_VALUE
