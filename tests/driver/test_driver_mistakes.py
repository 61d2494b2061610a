"""What programs get wrong: calls too early, null pointers, handles that are none, sizes of zero, contexts of others."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Copy2D, Driver

from . import ptx

ONES = [c_uint(1)] * 6


def test_nothing_works_before_cu_init_but_questions_about_the_library(driver: Driver) -> None:
    room = ctypes.create_string_buffer(64)
    calls: list[tuple[str, tuple[object, ...]]] = [
        ("cuDeviceGet", (room, 0)),
        ("cuDeviceGetName", (room, 64, 0)),
        ("cuDevicePrimaryCtxRetain", (room, 0)),
        ("cuCtxCreate_v2", (room, 0, 0)),
        ("cuCtxSynchronize", ()),
        ("cuMemAlloc_v2", (room, 64)),
        ("cuMemFree_v2", (4096,)),
        ("cuMemHostAlloc", (room, 64, 0)),
        ("cuMemGetInfo_v2", (room, room)),
        ("cuMemcpyHtoD_v2", (4096, room, 4)),
        ("cuPointerGetAttribute", (room, 2, 4096)),
        ("cuStreamCreate", (room, 0)),
        ("cuEventCreate", (room, 0)),
        ("cuModuleLoadData", (room, c_char_p(ptx.ADD.encode()))),
    ]
    answers = {name: driver.code(name, *arguments) for name, arguments in calls}
    assert answers == dict.fromkeys(answers, cuda.NOT_INITIALIZED)
    assert driver.made("cuDriverGetVersion", c_int) >= 11000
    name = c_char_p()
    driver.check("cuGetErrorName", 3, byref(name))
    assert name.value == b"CUDA_ERROR_NOT_INITIALIZED"
    driver.check("cuInit", 0)
    driver.check("cuInit", 0)  # once more is legal


def test_nothing_works_without_a_context_but_devices_and_libraries(driver: Driver) -> None:
    driver.check("cuInit", 0)
    room = ctypes.create_string_buffer(64)
    calls: list[tuple[str, tuple[object, ...]]] = [
        ("cuCtxSynchronize", ()),
        ("cuCtxGetDevice", (room,)),
        ("cuCtxGetLimit", (room, 0)),
        ("cuMemAlloc_v2", (room, 64)),
        ("cuMemHostAlloc", (room, 64, 0)),
        ("cuMemGetInfo_v2", (room, room)),
        ("cuMemsetD8_v2", (4096, c_uint(0), 4)),
        ("cuStreamCreate", (room, 0)),
        ("cuEventCreate", (room, 0)),
        ("cuModuleLoadData", (room, c_char_p(ptx.ADD.encode()))),
    ]
    answers = {name: driver.code(name, *arguments) for name, arguments in calls}
    assert answers == dict.fromkeys(answers, cuda.INVALID_CONTEXT)
    assert driver.code("cuCtxPopCurrent_v2", room) == cuda.INVALID_CONTEXT
    driver.check("cuCtxSetCurrent", 0)
    assert driver.made("cuCtxGetCurrent", c_void_p) == 0
    driver.check("cuLibraryUnload", driver.library_of(ptx.ADD))


def test_null_pointers_are_invalid_values(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    pointer = driver.allocate(64)
    room = ctypes.create_string_buffer(64)
    name = c_char_p(b"add")
    calls: list[tuple[str, tuple[object, ...]]] = [
        ("cuDeviceGet", (None, 0)),
        ("cuDeviceGetCount", (None,)),
        ("cuDeviceGetAttribute", (None, 1, 0)),
        ("cuDriverGetVersion", (None,)),
        ("cuCtxGetCurrent", (None,)),
        ("cuCtxGetLimit", (None, 0)),
        ("cuMemAlloc_v2", (None, 64)),
        ("cuMemHostAlloc", (None, 64, 0)),
        ("cuMemcpyHtoD_v2", (pointer, None, 16)),
        ("cuMemcpyDtoH_v2", (None, pointer, 16)),
        ("cuMemcpyHtoDAsync_v2", (pointer, None, 16, 0)),
        ("cuMemcpyHtoD_v2", (0, room, 16)),
        ("cuMemcpyDtoH_v2", (room, 0, 16)),
        ("cuMemcpyDtoD_v2", (pointer, 0, 16)),
        ("cuMemsetD8_v2", (0, c_uint(0), 16)),
        ("cuMemcpy2D_v2", (None,)),
        ("cuMemHostGetDevicePointer_v2", (None, pointer, 0)),
        ("cuPointerGetAttribute", (None, 2, pointer)),
        ("cuStreamCreate", (None, 0)),
        ("cuEventCreate", (None, 0)),
        ("cuModuleLoadData", (None, c_char_p(ptx.ADD.encode()))),
        ("cuModuleLoadData", (room, None)),
        ("cuModuleGetFunction", (None, module, name)),
        ("cuModuleGetFunction", (room, module, None)),
        ("cuFuncGetAttribute", (None, 0, driver.function(module, "add"))),
        ("cuGraphCreate", (None, 0)),
        ("cuLaunchHostFunc", (0, None, None)),
    ]
    wrong = [(name, code) for name, arguments in calls if (code := driver.code(name, *arguments)) != cuda.INVALID_VALUE]
    assert wrong == []
    driver.check("cuMemFree_v2", 0)  # as C's free
    driver.check("cuMemGetInfo_v2", byref(c_size_t()), byref(c_size_t()))
    driver.synchronize()


def test_a_null_handle_is_no_object(driver: Driver) -> None:
    driver.start()
    nothing = (cuda.INVALID_HANDLE, cuda.INVALID_VALUE, cuda.INVALID_CONTEXT)
    for name, arguments in [
        ("cuEventRecord", (None, 0)),
        ("cuEventQuery", (None,)),
        ("cuEventSynchronize", (None,)),
        ("cuEventDestroy_v2", (None,)),
        ("cuStreamWaitEvent", (0, None, 0)),
        ("cuStreamDestroy_v2", (None,)),
        ("cuModuleUnload", (None,)),
        ("cuModuleGetFunction", (byref(c_void_p()), None, c_char_p(b"add"))),
        ("cuLibraryUnload", (None,)),
        ("cuLaunchKernel", (None, *ONES, c_uint(0), 0, None, None)),
        ("cuCtxDestroy_v2", (None,)),
        ("cuCtxPushCurrent_v2", (None,)),
        ("cuGraphDestroy", (None,)),
        ("cuGraphLaunch", (None, 0)),
        ("cuEventElapsedTime", (byref(c_float()), None, None)),
    ]:
        assert driver.code(name, *arguments) in nothing, name
    driver.synchronize()


@pytest.mark.ours("a handle is an address, and this one is nobody's")
@pytest.mark.parametrize("value", [1 << 12, 0x1234_5678, 0xFFFF_FFFF_FFFF_FFFF, 0x6700_0000_0000_0001])
def test_numbers_that_are_no_handles(driver: Driver, value: int) -> None:
    driver.start()
    made_up = c_uint64(value)
    assert driver.code("cuEventQuery", made_up) == cuda.INVALID_HANDLE
    assert driver.code("cuStreamSynchronize", made_up) == cuda.INVALID_HANDLE
    assert driver.code("cuStreamDestroy_v2", made_up) == cuda.INVALID_HANDLE
    assert driver.code("cuModuleUnload", made_up) == cuda.INVALID_HANDLE
    assert driver.code("cuLaunchKernel", made_up, *ONES, c_uint(0), 0, None, None) == cuda.INVALID_HANDLE
    assert driver.code("cuCtxSetCurrent", made_up) == cuda.INVALID_CONTEXT
    assert driver.code("cuGraphDestroy", made_up) == cuda.INVALID_VALUE
    assert driver.code("cuMemFree_v2", made_up) == cuda.INVALID_VALUE
    driver.synchronize()


@pytest.mark.ours("what a stale handle points at")
def test_a_handle_ends_with_its_object_and_never_names_the_next_one(driver: Driver) -> None:
    driver.start()
    stale = [driver.event() for _ in range(4)]
    for event in stale:
        driver.check("cuEventDestroy_v2", event)
    fresh = [driver.event() for _ in range(64)]
    assert not set(stale) & set(fresh)
    for event in stale:
        assert driver.code("cuEventRecord", event, 0) == cuda.INVALID_HANDLE
        assert driver.code("cuEventDestroy_v2", event) == cuda.INVALID_HANDLE
    stream = driver.stream()
    driver.check("cuStreamDestroy_v2", stream)
    assert driver.code("cuMemsetD8Async", driver.allocate(16), c_uint(0), 16, stream) == cuda.INVALID_HANDLE
    assert driver.code("cuEventRecord", fresh[0], stream) == cuda.INVALID_HANDLE
    driver.check("cuEventRecord", fresh[0], 0)


def test_sizes_of_zero(driver: Driver) -> None:
    driver.start()
    pointer = driver.uploaded(b"untouched")
    buffer = ctypes.create_string_buffer(16)
    assert driver.code("cuMemAlloc_v2", byref(c_uint64()), 0) == cuda.INVALID_VALUE
    assert driver.code("cuMemAllocPitch_v2", byref(c_uint64()), byref(c_size_t()), 0, 4, 4) == cuda.INVALID_VALUE
    for name, arguments in [
        ("cuMemcpyHtoD_v2", (pointer, buffer, 0)),
        ("cuMemcpyDtoH_v2", (buffer, pointer, 0)),
        ("cuMemcpyDtoD_v2", (pointer, pointer, 0)),
        ("cuMemcpyHtoDAsync_v2", (pointer, buffer, 0, 0)),
        ("cuMemcpyDtoHAsync_v2", (buffer, pointer, 0, 0)),
        ("cuMemsetD8_v2", (pointer, c_uint(7), 0)),
        ("cuMemsetD32Async", (pointer, c_uint(7), 0, 0)),
        ("cuMemcpy2D_v2", (byref(Copy2D(src_type=1, src_host=ctypes.addressof(buffer), dst_type=2, dst_device=pointer,
                                        width=0, height=1)),)),
    ]:  # fmt: skip
        assert driver.code(name, *arguments) == cuda.SUCCESS, name
    assert driver.download(pointer, 9) == b"untouched"
    assert driver.code("cuLaunchKernel", driver.function(driver.module(ptx.ADD), "count_up"),
                       c_uint(0), *ONES[1:], c_uint(0), 0, None, None) == cuda.INVALID_VALUE  # fmt: skip


def test_memory_given_back_twice(driver: Driver) -> None:
    driver.start()
    pointer, host = driver.allocate(1 << 20), driver.pinned(4096)
    driver.free(pointer)
    assert driver.code("cuMemFree_v2", pointer) == cuda.INVALID_VALUE
    assert driver.code("cuMemFree_v2", host + 8) == cuda.INVALID_VALUE
    assert driver.code("cuMemFreeHost", pointer) == cuda.INVALID_VALUE
    assert driver.code("cuMemFreeHost", host + 8) == cuda.INVALID_VALUE
    driver.check("cuMemFreeHost", host)
    assert driver.code("cuMemFreeHost", host) == cuda.INVALID_VALUE
    buffer = ctypes.create_string_buffer(16)
    assert driver.code("cuMemFreeHost", buffer) == cuda.INVALID_VALUE
    driver.allocate(1 << 20)


def test_objects_in_another_context(driver: Driver) -> None:
    first = driver.start()
    stream, event, module = driver.stream(), driver.event(), driver.module(ptx.ADD)
    function = driver.function(module, "count_up")
    pointer = driver.uploaded(b"from the first")
    driver.made("cuCtxCreate_v2", c_void_p, 0, 0)  # and current
    foreign = (cuda.INVALID_HANDLE, cuda.INVALID_CONTEXT)
    assert driver.code("cuEventRecord", event, driver.stream()) in foreign
    assert driver.code("cuLaunchKernel", function, *ONES, c_uint(0), driver.stream(), None, None) in foreign
    # Memory belongs to the address space, and a stream can be asked from anywhere.
    assert driver.download(pointer, 14) == b"from the first"
    driver.check("cuStreamSynchronize", stream)
    assert driver.code("cuStreamQuery", stream) == cuda.SUCCESS
    driver.check("cuEventRecord", event, stream)
    driver.check("cuEventSynchronize", event)
    driver.check("cuStreamWaitEvent", driver.stream(), event, 0)
    got = c_void_p()
    driver.check("cuStreamGetCtx", stream, byref(got))
    assert got.value == first
    driver.check("cuMemFree_v2", pointer)
    driver.synchronize()


def test_what_a_context_held_goes_with_it(driver: Driver) -> None:
    primary = driver.start()
    own = driver.made("cuCtxCreate_v2", c_void_p, 0, 0)
    pointer = driver.allocate(1 << 20)
    driver.check("cuCtxDestroy_v2", own)
    assert driver.made("cuCtxGetCurrent", c_void_p) == primary
    gone = (cuda.INVALID_VALUE, cuda.INVALID_CONTEXT, cuda.CONTEXT_IS_DESTROYED)
    assert driver.code("cuMemFree_v2", pointer) in gone
    driver.synchronize()


def test_a_null_result_of_a_pop_is_legal(driver: Driver) -> None:
    context = driver.start()
    driver.check("cuCtxPushCurrent_v2", context)
    driver.check("cuCtxPopCurrent_v2", None)
    assert driver.made("cuCtxGetCurrent", c_void_p) == context


def test_unknown_flags_are_invalid_values(driver: Driver) -> None:
    driver.start()
    assert driver.code("cuStreamCreate", byref(c_void_p()), c_uint(0x80)) == cuda.INVALID_VALUE
    assert driver.code("cuEventCreate", byref(c_void_p()), c_uint(0x80)) == cuda.INVALID_VALUE
    assert driver.code("cuMemHostAlloc", byref(c_void_p()), 64, c_uint(0x80)) == cuda.INVALID_VALUE
    assert driver.code("cuStreamWaitEvent", 0, driver.event(), c_uint(0x80)) == cuda.INVALID_VALUE
    assert driver.code("cuDevicePrimaryCtxSetFlags_v2", 0, c_uint(0x4000)) == cuda.INVALID_VALUE
    assert driver.code("cuFuncGetAttribute", byref(c_int()), 999, driver.function(driver.module(ptx.ADD), "add")) \
        == cuda.INVALID_VALUE  # fmt: skip
    assert driver.code("cuModuleGetFunction", byref(c_void_p()), driver.module(ptx.ADD), c_char_p(b"nobody")) \
        == cuda.NOT_FOUND  # fmt: skip
