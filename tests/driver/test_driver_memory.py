"""Allocation, copies, memset and questions about pointers."""

from __future__ import annotations

import ctypes
import mmap
from ctypes import byref, c_int, c_size_t, c_uint, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import Driver


def test_bytes_come_back_as_they_went(driver: Driver) -> None:
    driver.start()
    data = bytes(range(256)) * 1000
    pointer = driver.uploaded(data)
    assert driver.download(pointer, len(data)) == data
    other = driver.allocate(len(data))
    driver.check("cuMemcpyDtoD_v2", other, pointer, len(data))
    assert driver.download(other, len(data)) == data


def test_freeing_twice_and_freeing_the_middle_are_refused(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(4096)
    assert driver.code("cuMemFree_v2", pointer + 256) == cuda.INVALID_VALUE
    driver.free(pointer)
    assert driver.code("cuMemFree_v2", pointer) == cuda.INVALID_VALUE
    assert driver.code("cuMemFree_v2", 0) == cuda.SUCCESS
    assert driver.code("cuMemAlloc_v2", byref(c_uint64()), 0) == cuda.INVALID_VALUE


def test_copies_past_the_end_are_refused(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(2 << 20)
    size = (2 << 20) + 1
    buffer = ctypes.create_string_buffer(size)
    assert driver.code("cuMemcpyHtoD_v2", pointer, buffer, size) == cuda.INVALID_VALUE
    assert driver.code("cuMemcpyDtoH_v2", buffer, pointer, size) == cuda.INVALID_VALUE
    assert driver.code("cuMemcpyHtoDAsync_v2", pointer, buffer, size, 0) == cuda.INVALID_VALUE
    assert driver.code("cuMemcpyDtoD_v2", pointer, driver.allocate(8 << 20), size) == cuda.INVALID_VALUE
    assert driver.code("cuMemsetD8_v2", pointer, c_uint(0), size) == cuda.INVALID_VALUE
    assert driver.code("cuMemsetD32_v2", pointer + 1, c_uint(0), 4) == cuda.INVALID_VALUE  # not aligned
    assert driver.code("cuMemcpyHtoD_v2", 0x1000, buffer, 16) == cuda.INVALID_VALUE
    driver.synchronize()  # a refused copy leaves the context as it was


@pytest.mark.ours("allocations are rounded up")
def test_copies_a_little_past_the_end_are_refused(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(1000)
    buffer = ctypes.create_string_buffer(4096)
    assert driver.code("cuMemcpyHtoD_v2", pointer, buffer, 1001) == cuda.INVALID_VALUE
    assert driver.code("cuMemcpyDtoH_v2", buffer, pointer + 999, 2) == cuda.INVALID_VALUE
    assert driver.code("cuMemsetD8_v2", pointer + 1, c_uint(0), 1000) == cuda.INVALID_VALUE


@pytest.mark.parametrize(("name", "value", "element"), [("cuMemsetD8_v2", 0x5A, 1), ("cuMemsetD16_v2", 0xBEEF, 2),
                                                        ("cuMemsetD32_v2", 0xDEADBEEF, 4)])  # fmt: skip
def test_memset_writes_its_element(driver: Driver, name: str, value: int, element: int) -> None:
    driver.start()
    pointer = driver.uploaded(bytes(64))
    driver.check(name, pointer + 8, c_uint(value), 5)
    expected = bytes(8) + value.to_bytes(element, "little") * 5
    assert driver.download(pointer, 64) == expected + bytes(64 - len(expected))


def test_memset_of_a_rectangle_leaves_the_rest(driver: Driver) -> None:
    driver.start()
    pitch = c_size_t()
    pointer = c_uint64()
    driver.check("cuMemAllocPitch_v2", byref(pointer), byref(pitch), 100, 4, 4)
    assert pitch.value >= 100
    assert pitch.value % 32 == 0
    driver.check("cuMemsetD8_v2", pointer.value, c_uint(0), pitch.value * 4)
    driver.check("cuMemsetD2D32_v2", pointer.value, pitch.value, c_uint(1), 3, 4)
    rows = driver.download(pointer.value, pitch.value * 4)
    for y in range(4):
        row = rows[y * pitch.value : (y + 1) * pitch.value]
        assert row == (1).to_bytes(4, "little") * 3 + bytes(pitch.value - 12)


def test_copy_of_a_rectangle(driver: Driver) -> None:
    driver.start()
    source = bytes(range(64))
    pointer = driver.uploaded(bytes(256))
    host = ctypes.create_string_buffer(source, 64)
    shape = cuda.Copy2D(src_x=2, src_y=1, src_type=1, src_host=ctypes.addressof(host), src_pitch=8,
                        dst_x=4, dst_y=2, dst_type=2, dst_device=pointer, dst_pitch=16, width=5, height=3)  # fmt: skip
    driver.check("cuMemcpy2D_v2", byref(shape))
    got = driver.download(pointer, 256)
    expected = bytearray(256)
    for y in range(3):
        expected[(y + 2) * 16 + 4 : (y + 2) * 16 + 9] = source[(y + 1) * 8 + 2 : (y + 1) * 8 + 7]
    assert got == bytes(expected)


def test_a_large_rectangle_comes_back(driver: Driver) -> None:
    """More rows than travel at once."""
    driver.start()
    width, pitch, rows = 4000, 4096, 4500
    pattern = bytes(range(251)) * 17
    source = b"".join(pattern[row % 251 :][:width] for row in range(rows))
    pointer = driver.allocate(pitch * rows)
    host, back = ctypes.create_string_buffer(source, len(source)), ctypes.create_string_buffer(len(source))
    there = cuda.Copy2D(src_type=1, src_host=ctypes.addressof(host), src_pitch=width,
                        dst_type=2, dst_device=pointer, dst_pitch=pitch, width=width, height=rows)  # fmt: skip
    driver.check("cuMemcpy2D_v2", byref(there))
    here = cuda.Copy2D(src_type=2, src_device=pointer, src_pitch=pitch, dst_type=1,
                       dst_host=ctypes.addressof(back), dst_pitch=width, width=width, height=rows)  # fmt: skip
    driver.check("cuMemcpy2D_v2", byref(here))
    assert back.raw == source


def test_copy_of_a_box(driver: Driver) -> None:
    driver.start()
    source = bytes(range(120))
    pointer = driver.uploaded(bytes(120))
    host = ctypes.create_string_buffer(source, 120)
    shape = cuda.Copy3D(src_type=1, src_host=ctypes.addressof(host), src_pitch=6, src_height=5, src_z=1,
                        dst_type=2, dst_device=pointer, dst_pitch=4, dst_height=3,
                        width=4, height=3, depth=2)  # fmt: skip
    driver.check("cuMemcpy3D_v2", byref(shape))
    expected = b"".join(source[z * 30 + y * 6 :][:4] for z in (1, 2) for y in range(3))
    assert driver.download(pointer, 24) == expected


def test_pinned_memory_is_the_same_address_on_the_device(driver: Driver) -> None:
    driver.start()
    host = driver.pinned(4096)
    assert driver.made("cuMemHostGetDevicePointer_v2", c_uint64, host, 0) != 0
    assert driver.made("cuMemHostGetFlags", c_uint, host) & 2  # DEVICEMAP
    pointer = driver.uploaded(b"from the device ")
    driver.check("cuMemcpyDtoHAsync_v2", host, pointer, 16, 0)
    driver.synchronize()
    assert ctypes.string_at(host, 16) == b"from the device "
    assert driver.code("cuMemHostUnregister", host) in (cuda.INVALID_VALUE, cuda.HOST_MEMORY_NOT_REGISTERED)
    driver.check("cuMemFreeHost", host)
    assert driver.code("cuMemFreeHost", host) == cuda.INVALID_VALUE


def test_an_empty_pinned_allocation_is_legal(driver: Driver) -> None:
    driver.start()
    driver.check("cuMemFreeHost", driver.pinned(0))


def test_registering_host_memory(driver: Driver) -> None:
    driver.start()
    pages = mmap.mmap(-1, 8192)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    driver.check("cuMemHostRegister_v2", address + 16, 5000, 0)  # as malloc gives it: no whole pages
    driver.check("cuMemHostUnregister", address + 16)
    driver.check("cuMemHostRegister_v2", address, 8192, 0)
    assert driver.code("cuMemHostRegister_v2", address, 4096, 0) == cuda.HOST_MEMORY_ALREADY_REGISTERED
    assert driver.made("cuMemHostGetDevicePointer_v2", c_uint64, address + 16, 0) != 0
    driver.check("cuMemHostUnregister", address)
    assert driver.code("cuMemHostUnregister", address) == cuda.HOST_MEMORY_NOT_REGISTERED


def pointer_attributes(driver: Driver, pointer: int) -> tuple[int, int, int | None, int | None, int]:
    kinds = (c_int * 5)(2, 9, 4, 3, 8)  # memory type, ordinal, host pointer, device pointer, managed
    kind, ordinal, host, device, managed = c_uint(9), c_int(9), c_void_p(9), c_void_p(9), c_uint(9)
    data = (c_void_p * 5)(*[ctypes.addressof(value) for value in (kind, ordinal, host, device, managed)])
    driver.check("cuPointerGetAttributes", 5, kinds, data, pointer)
    return kind.value, ordinal.value, host.value, device.value, managed.value & 0xFF


def test_pointer_attributes_of_known_and_unknown_memory(driver: Driver) -> None:
    driver.start()
    buffer = ctypes.create_string_buffer(16)
    unknown = ctypes.addressof(buffer)
    assert pointer_attributes(driver, unknown) == (0, -2, unknown, None, 0)
    assert pointer_attributes(driver, 0) == (0, -2, None, None, 0)
    assert driver.code("cuPointerGetAttribute", byref(c_void_p()), 1, unknown) == cuda.INVALID_VALUE
    pointer = driver.allocate(4096)
    assert pointer_attributes(driver, pointer + 100) == (2, 0, None, pointer + 100, 0)
    host = driver.pinned(64)
    assert pointer_attributes(driver, host)[:3] == (1, 0, host)
    managed = driver.made("cuMemAllocManaged", c_uint64, 64, 1)
    assert pointer_attributes(driver, managed)[4] == 1
    on = c_uint(1)
    driver.check("cuPointerSetAttribute", byref(on), 6, pointer)
    assert driver.made("cuPointerGetAttribute", c_uint, 6, pointer) & 0xFF == 1
    assert driver.code("cuPointerGetAttribute", byref(c_int()), 999, pointer) == cuda.INVALID_VALUE


def test_what_is_asked_of_a_pointer(driver: Driver) -> None:
    context = driver.start()
    pointer, other, host = driver.allocate(5000), driver.allocate(5000), driver.pinned(8192)
    get = "cuPointerGetAttribute"
    inside = pointer + 100
    assert driver.made(get, c_void_p, 1, inside) == context
    assert driver.made(get, c_uint, 2, inside) == 2  # device memory
    assert driver.made(get, c_uint64, 3, inside) == inside
    assert driver.code(get, byref(c_void_p()), 4, inside) == cuda.INVALID_VALUE  # has no address on the host
    assert driver.made(get, c_int, 9, inside) == 0
    assert driver.made(get, c_uint64, 11, inside) == pointer
    assert driver.made(get, c_size_t, 12, inside) == 5000
    assert driver.made(get, c_int, 13, inside) & 0xFF == 1  # mapped
    ids = [driver.made(get, c_uint64, 7, address) for address in (pointer, inside, other)]
    assert ids[0] == ids[1] != ids[2]
    assert driver.made(get, c_void_p, 1, host) == context
    assert driver.made(get, c_uint, 2, host + 8191) == 1
    assert driver.made(get, c_void_p, 4, host + 50) == host + 50
    assert driver.made(get, c_uint64, 3, host + 50) != 0
    assert driver.made(get, c_uint64, 11, host + 50) == host
    assert driver.made(get, c_size_t, 12, host + 50) == 8192
    driver.free(other)
    assert driver.code(get, byref(c_uint()), 2, other) == cuda.INVALID_VALUE
    driver.check("cuMemFreeHost", host)
    assert driver.code(get, byref(c_uint()), 2, host) == cuda.INVALID_VALUE
    kinds, out = (c_int * 2)(2, 999), c_uint64()
    data = (c_void_p * 2)(*[ctypes.addressof(out)] * 2)
    assert driver.code("cuPointerGetAttributes", 2, kinds, data, pointer) == cuda.INVALID_VALUE
    assert driver.code("cuPointerGetAttributes", 2, None, data, pointer) == cuda.INVALID_VALUE
    assert driver.code("cuPointerGetAttributes", 2, kinds, None, pointer) == cuda.INVALID_VALUE


def test_overlapping_copies_change_nothing_outside(driver: Driver) -> None:
    driver.start()
    pointer = driver.uploaded(bytes(range(100)))
    driver.check("cuMemcpyDtoD_v2", pointer + 30, pointer + 20, 40)  # what lies in 30 … 70 is undefined
    got = driver.download(pointer, 100)
    assert (got[:30], got[70:]) == (bytes(range(30)), bytes(range(70, 100)))
    driver.check("cuMemcpyDtoD_v2", pointer, pointer, 30)  # onto itself
    assert driver.download(pointer, 30) == bytes(range(30))


def test_address_range(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(5000)
    base, size = c_uint64(), c_size_t()
    driver.check("cuMemGetAddressRange_v2", byref(base), byref(size), pointer + 4999)
    assert (base.value, size.value) == (pointer, 5000)
    driver.check("cuMemGetAddressRange_v2", None, byref(size), pointer)
    driver.check("cuMemGetAddressRange_v2", byref(base), None, pointer + 1)
    assert base.value == pointer
    nowhere = (cuda.NOT_FOUND, cuda.INVALID_VALUE)
    assert driver.code("cuMemGetAddressRange_v2", byref(base), byref(size), pointer + (1 << 44)) in nowhere
    assert driver.code("cuMemGetAddressRange_v2", byref(base), byref(size), 0) in nowhere
    driver.free(pointer)
    assert driver.code("cuMemGetAddressRange_v2", byref(base), byref(size), pointer) in nowhere


@pytest.mark.ours("allocations are rounded up")
def test_an_address_range_ends_where_the_allocation_does(driver: Driver) -> None:
    driver.start()
    pointer = driver.allocate(5000)
    assert (
        driver.code("cuMemGetAddressRange_v2", byref(c_uint64()), byref(c_size_t()), pointer + 5000) == cuda.NOT_FOUND
    )


@pytest.mark.environment(GPOOL_EMULATOR_MEMORY="64MiB")
@pytest.mark.not_through_the_pool("the size of the emulated GPU is the worker's environment there, not the program's")
def test_memory_ends_where_it_is_said_to_end(driver: Driver) -> None:
    driver.start()
    free, total = driver.free_and_total()
    assert total == 64 << 20
    assert free == total
    first = driver.allocate(40 << 20)
    assert driver.code("cuMemAlloc_v2", byref(c_uint64()), 30 << 20) == cuda.OUT_OF_MEMORY
    driver.free(first)
    driver.allocate(60 << 20)


@pytest.mark.environment(GPOOL_EMULATOR_MEMORY="64MiB")
@pytest.mark.not_through_the_pool("the size of the emulated GPU is the worker's environment there, not the program's")
def test_stream_ordered_memory_comes_back_in_stream_order(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    for _ in range(20):
        pointer = driver.made("cuMemAllocAsync", c_uint64, 50 << 20, stream)
        driver.check("cuMemsetD8Async", pointer, c_uint(1), 1 << 20, stream)
        driver.check("cuMemFreeAsync", pointer, stream)
    assert driver.code("cuMemFreeAsync", pointer, stream) == cuda.INVALID_VALUE
    driver.check("cuStreamSynchronize", stream)
    assert driver.free_and_total()[0] == 64 << 20
    pool = driver.made("cuDeviceGetDefaultMemPool", c_void_p, 0)
    used = c_uint64(1)
    driver.check("cuMemPoolGetAttribute", pool, 7, byref(used))
    assert used.value == 0
