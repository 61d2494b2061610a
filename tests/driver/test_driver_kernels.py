"""Modules, libraries, launches and their errors."""

from __future__ import annotations

import ctypes
import struct
import threading
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint32, c_void_p
from pathlib import Path

import pytest

from cuda import driver as cuda
from cuda.driver import Driver

from . import ptx


def floats(values: list[float]) -> bytes:
    return struct.pack(f"{len(values)}f", *values)


def test_a_kernel_adds(driver: Driver) -> None:
    driver.start()
    add = driver.function(driver.module(ptx.ADD), "add")
    count = 1000
    a = driver.uploaded(floats([float(i) for i in range(count)]))
    b = driver.uploaded(floats([2.0 * i for i in range(count)]))
    out = driver.allocate(4 * count)
    driver.launch(add, (8, 1, 1), (128, 1, 1), [out, a, b, c_uint32(count)])
    assert driver.download(out, 4 * count) == floats([3.0 * i for i in range(count)])


def test_packed_arguments(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    out = driver.allocate(4)
    buffer = ctypes.create_string_buffer(struct.pack("QI", out, 1234), 12)
    size = c_size_t(12)
    extra = (c_void_p * 5)(1, ctypes.addressof(buffer), 2, ctypes.addressof(size), 0)
    ones = [c_uint(1)] * 6
    driver.check("cuLaunchKernel", store, *ones, c_uint(0), 0, None, extra)
    assert driver.download(out, 4) == struct.pack("I", 1234)
    size.value = 8
    assert driver.code("cuLaunchKernel", store, *ones, c_uint(0), 0, None, extra) == cuda.INVALID_VALUE


def test_module_variables(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    address, size = driver.variable(module, "counter")
    assert size == 4
    count_up = driver.function(module, "count_up")
    driver.launch(count_up, (2, 1, 1), (32, 1, 1))
    assert struct.unpack("I", driver.download(address, 4)) == (5 + 64 * 3,)
    factor, _ = driver.variable(module, "factor")
    driver.upload(factor, struct.pack("I", 100))
    driver.launch(count_up)
    assert struct.unpack("I", driver.download(address, 4)) == (5 + 64 * 3 + 100,)
    assert driver.code("cuModuleGetGlobal_v2", None, byref(c_size_t()), module, c_char_p(b"counter")) == cuda.SUCCESS
    assert driver.code("cuModuleGetGlobal_v2", None, byref(c_size_t()), module, c_char_p(b"none")) == cuda.NOT_FOUND
    assert driver.code("cuModuleGetFunction", byref(c_void_p()), module, c_char_p(b"none")) == cuda.NOT_FOUND


def test_a_library_kernel_is_accepted_where_a_function_is(driver: Driver) -> None:
    driver.check("cuInit", 0)
    library = driver.library_of(ptx.ADD)  # needs no context
    kernel = driver.kernel(library, "add")
    assert driver.code("cuLibraryGetModule", byref(c_void_p()), library) == cuda.INVALID_CONTEXT
    assert driver.made("cuLibraryGetKernelCount", c_uint, library) == 5
    kernels = (c_void_p * 5)()
    driver.check("cuLibraryEnumerateKernels", kernels, c_uint(5), library)
    names = set()
    for handle in kernels:
        name = c_char_p()
        driver.check("cuKernelGetName", byref(name), handle)
        names.add(name.value)
    assert names == {b"add", b"count_up", b"store", b"give_up", b"at_most_64"}
    layout = []
    offset, size = c_size_t(), c_size_t()
    for index in range(4):
        driver.check("cuKernelGetParamInfo", kernel, index, byref(offset), byref(size))
        layout.append((offset.value, size.value))
    assert layout == [(0, 8), (8, 8), (16, 8), (24, 4)]
    assert driver.code("cuKernelGetParamInfo", kernel, 4, byref(offset), byref(size)) == cuda.INVALID_VALUE
    driver.start()
    out = driver.allocate(4)
    driver.launch(driver.kernel(library, "store"), arguments=[out, c_uint32(8)])
    assert driver.download(out, 4) == struct.pack("I", 8)
    function = driver.made("cuKernelGetFunction", c_void_p, kernel)
    assert function not in (0, kernel)
    assert driver.made("cuFuncGetAttribute", c_int, 0, kernel) == driver.made("cuFuncGetAttribute", c_int, 0, function)
    driver.check("cuLibraryUnload", library)


@pytest.mark.ours("what a stale handle points at")
def test_stale_code(driver: Driver) -> None:
    driver.start()
    library, module = driver.library_of(ptx.ADD), driver.module(ptx.ADD)
    kernel = driver.kernel(library, "count_up")
    driver.check("cuLibraryUnload", library)
    driver.check("cuModuleUnload", module)
    assert driver.launch_code(kernel) == cuda.INVALID_HANDLE
    assert driver.code("cuLibraryUnload", library) == cuda.INVALID_HANDLE
    assert driver.code("cuModuleUnload", module) == cuda.INVALID_HANDLE


@pytest.mark.parametrize(
    ("grid", "block", "shared", "code"),
    [
        ((0, 1, 1), (1, 1, 1), 0, cuda.INVALID_VALUE),
        ((1, 1, 1), (0, 1, 1), 0, cuda.INVALID_VALUE),
        ((1, 1, 1), (1025, 1, 1), 0, cuda.INVALID_VALUE),
        ((1, 1, 1), (32, 32, 2), 0, cuda.INVALID_VALUE),
        ((1, 1, 1), (1, 1, 65), 0, cuda.INVALID_VALUE),
        ((1, 65536, 1), (1, 1, 1), 0, cuda.INVALID_VALUE),
        ((1, 1, 1), (1, 1, 1), 48 * 1024 + 1, cuda.INVALID_VALUE),
        ((1, 1, 1), (1, 1, 1), 48 * 1024, cuda.SUCCESS),
    ],
)
def test_launch_shapes_are_checked_at_the_call(
    driver: Driver, grid: tuple[int, ...], block: tuple[int, ...], shared: int, code: int
) -> None:
    driver.start()
    count_up = driver.function(driver.module(ptx.ADD), "count_up")
    assert driver.launch_code(count_up, grid, block, shared=shared) == code
    driver.synchronize()  # a refused launch leaves the context as it was


@pytest.mark.not_through_the_pool("what only the worker's driver finds out comes with the next synchronisation")
def test_launch_limits_of_a_kernel(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    small = driver.function(module, "at_most_64")
    assert driver.made("cuFuncGetAttribute", c_int, 0, small) == 64
    too_many = driver.launch_code(small, (1, 1, 1), (65, 1, 1))
    assert too_many in (cuda.LAUNCH_OUT_OF_RESOURCES, cuda.INVALID_VALUE)
    assert driver.launch_code(small, (100000, 1, 1), (64, 1, 1), cooperative=True) == cuda.COOPERATIVE_LAUNCH_TOO_LARGE
    driver.check("cuFuncSetAttribute", small, 8, c_int(99 * 1024))
    driver.launch(small, (1, 1, 1), (64, 1, 1), shared=99 * 1024)
    assert driver.code("cuFuncSetAttribute", small, 8, c_int(99 * 1024 + 1)) == cuda.INVALID_VALUE
    assert driver.code("cuLaunchKernel", driver.function(module, "store"), *[c_uint(1)] * 6, c_uint(0), 0, None, None) \
        == cuda.INVALID_VALUE  # fmt: skip


def test_an_illegal_address_poisons_the_context(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    pointer = driver.allocate(4)
    driver.launch(driver.function(module, "store"), arguments=[pointer + (1 << 44), c_uint32(1)])
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuMemAlloc_v2", byref(c_void_p()), 16) == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuStreamSynchronize", 0) == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuMemFree_v2", pointer) == cuda.ILLEGAL_ADDRESS
    driver.check("cuDevicePrimaryCtxReset_v2", 0)
    driver.start()
    driver.allocate(16)


@pytest.mark.ours("memory is mapped in larger pieces")
@pytest.mark.not_through_the_pool("memory is mapped in granules of 2 MiB: what is beside an allocation is there")
def test_a_store_a_little_past_the_end_is_an_illegal_address(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(4)
    driver.launch(driver.function(driver.module(ptx.ADD), "store"), arguments=[pointer + 4, c_uint32(1)])
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS


@pytest.mark.ours("memory is mapped in larger pieces")
@pytest.mark.not_through_the_pool("memory is mapped in granules of 2 MiB: what was just freed may be there")
def test_freed_memory_is_no_longer_the_kernels(driver: Driver) -> None:
    driver.start()
    store = driver.function(driver.module(ptx.ADD), "store")
    pointer = driver.allocate(4)
    driver.launch(store, arguments=[pointer, c_uint32(1)])
    driver.free(pointer)
    driver.launch(store, arguments=[pointer, c_uint32(1)])
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS


def test_trap_is_a_failed_launch(driver: Driver) -> None:
    driver.start()
    driver.launch(driver.function(driver.module(ptx.ADD), "give_up"))
    assert driver.code("cuCtxSynchronize") in (cuda.LAUNCH_FAILED, cuda.ILLEGAL_INSTRUCTION)


def test_kernels_write_pinned_memory(driver: Driver) -> None:
    driver.start()
    host = driver.pinned(4)
    driver.launch(driver.function(driver.module(ptx.ADD), "store"), arguments=[host, c_uint32(77)])
    driver.synchronize()
    assert ctypes.string_at(host, 4) == struct.pack("I", 77)


def test_unloading_waits_for_kernels_that_are_queued(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.ADD)
    out = driver.uploaded(bytes(4))
    stream = driver.stream(cuda.NON_BLOCKING)
    go = threading.Event()
    kept = driver.on_host(stream, lambda: go.wait(60) and None)
    driver.launch(driver.function(module, "store"), arguments=[out, c_uint32(3)], stream=stream)
    go.set()
    driver.check("cuModuleUnload", module)
    driver.check("cuStreamSynchronize", stream)
    assert driver.download(out, 4) == struct.pack("I", 3)
    del kept


@pytest.mark.parametrize("image", [b"garbage", b"", b"\x7fELF", b"// only a comment\n", b"\0"])
def test_what_is_no_image_is_refused(driver: Driver, image: bytes) -> None:
    driver.start()
    padded = ctypes.create_string_buffer(image, max(len(image) + 1, 64))
    assert driver.code("cuModuleLoadData", byref(c_void_p()), padded) in (cuda.INVALID_IMAGE, cuda.INVALID_PTX)


@pytest.mark.not_through_the_pool("the compiler's words stay in the worker's log")
def test_broken_ptx_is_invalid_and_says_why(driver: Driver) -> None:
    driver.start()
    log = ctypes.create_string_buffer(400)
    options, values = (c_int * 2)(5, 6), (c_void_p * 2)(ctypes.addressof(log), 400)
    text = c_char_p((ptx.HEAD + ".visible .entry broken( {{{").encode())
    code = driver.code("cuModuleLoadDataEx", byref(c_void_p()), text, c_uint(2), options, values)
    assert code == cuda.INVALID_PTX
    assert log.value


def test_ptx_behind_a_comment_loads(driver: Driver) -> None:
    driver.start()
    driver.function(driver.module("/* made by hand */\n// really\n" + ptx.ADD), "add")


def test_files(driver: Driver, tmp_path: Path) -> None:
    driver.start()
    path = tmp_path / "kernels.ptx"
    path.write_text(ptx.ADD)
    driver.function(driver.made("cuModuleLoad", c_void_p, c_char_p(str(path).encode())), "add")
    path.write_text("")
    assert driver.code("cuModuleLoad", byref(c_void_p()), c_char_p(str(path).encode())) == cuda.INVALID_IMAGE
    path.unlink()
    assert driver.code("cuModuleLoad", byref(c_void_p()), c_char_p(str(path).encode())) == cuda.FILE_NOT_FOUND


@pytest.mark.ours("NVIDIA's compiler refuses the whole text")
@pytest.mark.not_through_the_pool("what only the worker's driver finds out comes with the next synchronisation")
def test_an_unknown_instruction_spoils_its_kernel_only(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.UNKNOWN_INSTRUCTION)
    driver.launch(driver.function(module, "fine"))
    assert driver.launch_code(driver.function(module, "strange")) == cuda.NOT_SUPPORTED
    driver.synchronize()


def test_linking_two_texts(driver: Driver) -> None:
    driver.start()
    state = driver.made_last("cuLinkCreate_v2", 0, None, None)
    for text in (ptx.CALLER, ptx.CALLED):
        data = text.encode()
        driver.check("cuLinkAddData_v2", state, 1, c_char_p(data), len(data), c_char_p(b"text"), 0, None, None)
    image, size = c_void_p(), c_size_t()
    driver.check("cuLinkComplete", state, byref(image), byref(size))
    module = driver.made("cuModuleLoadData", c_void_p, image)
    driver.check("cuLinkDestroy", state)
    out = driver.allocate(4)
    driver.launch(driver.function(module, "doubled"), arguments=[out])
    assert driver.download(out, 4) == struct.pack("I", 42)


def test_linking_a_grid_barrier(driver: Driver) -> None:
    """As programs do that link the device runtime: every block sees what all had written before the barrier."""
    driver.start()
    state = driver.made_last("cuLinkCreate_v2", 0, None, None)
    data = ptx.GRID_BARRIER.encode()
    driver.check("cuLinkAddData_v2", state, 1, c_char_p(data), len(data), c_char_p(b"text"), 0, None, None)
    image = c_void_p()
    driver.check("cuLinkComplete", state, byref(image), byref(c_size_t()))
    kernel = driver.function(driver.made("cuModuleLoadData", c_void_p, image), "count_twice")
    driver.check("cuLinkDestroy", state)
    out = driver.uploaded(bytes(4 * 9))
    driver.launch(kernel, (8, 1, 1), (40, 1, 1), [out], cooperative=True)
    assert struct.unpack("9I", driver.download(out, 36)) == (320, *[320] * 8)


def test_shared_variables_of_a_module_count(driver: Driver) -> None:
    driver.start()
    module = driver.module(ptx.MODULE_SHARED)
    for name, size in (("uses_both", 400 + 16), ("uses_one", 400), ("uses_none", 0)):
        shared = driver.made("cuFuncGetAttribute", c_int, 1, driver.function(module, name))
        assert (name, shared) == (name, size)


def test_occupancy(driver: Driver) -> None:
    driver.start()
    small = driver.function(driver.module(ptx.ADD), "at_most_64")
    assert driver.made("cuOccupancyMaxActiveBlocksPerMultiprocessor", c_int, small, 64, 0) > 0
    assert driver.made("cuOccupancyMaxActiveBlocksPerMultiprocessor", c_int, small, 128, 0) == 0
    grid, block = c_int(), c_int()
    driver.check("cuOccupancyMaxPotentialBlockSize", byref(grid), byref(block), small, None, 0, 0)
    assert block.value == 64
    assert grid.value > 0
