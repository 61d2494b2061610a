"""Managed memory, copies by the batch and copies between contexts."""

from __future__ import annotations

import ctypes
import struct
from ctypes import byref, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

from cuda import driver as cuda
from cuda.driver import BatchAttributes, BatchCopy3D, Copy3DPeer, Driver

from . import ptx

_ATTACH_GLOBAL = c_uint(1)
_MANAGED, _CONCURRENT = 83, 89


def _managed(driver: Driver, size: int) -> int:
    assert driver.attribute(_MANAGED) == 1
    return driver.made("cuMemAllocManaged", c_uint64, size, _ATTACH_GLOBAL)


def test_program_and_kernels_share_managed_memory(driver: Driver) -> None:
    """By one address; each sees what the other has written once the work is done."""
    driver.start()
    module = driver.module(ptx.ADD)
    store = driver.function(module, "store")
    address = _managed(driver, 4096)
    words = (c_uint32 * 1024).from_address(address)
    for value in (7, 8):
        words[1] = value + 100
        driver.launch(store, arguments=[address, c_uint32(value)])
        driver.synchronize()
        assert words[0] == value
        assert driver.download(address, 8) == struct.pack("II", value, value + 100)
    driver.check("cuMemFree_v2", address)
    assert driver.code("cuMemFree_v2", address) == cuda.INVALID_VALUE


def test_managed_memory_is_filled_and_copied_like_device_memory(driver: Driver) -> None:
    driver.start()
    address, device = _managed(driver, 64), driver.uploaded(b"D" * 16)
    stream = driver.stream(cuda.NON_BLOCKING)
    ctypes.memset(address, ord("h"), 64)
    driver.check("cuMemsetD8Async", address, c_uint(ord("m")), 16, stream)
    driver.check("cuMemcpyDtoDAsync_v2", address + 16, device, 8, stream)
    driver.check("cuMemcpyAsync", device + 8, address, 8, stream)
    driver.check("cuStreamSynchronize", stream)
    assert ctypes.string_at(address, 32) == b"m" * 16 + b"D" * 8 + b"h" * 8
    assert driver.download(device, 16) == b"D" * 8 + b"m" * 8
    driver.upload(address, b"up")
    assert driver.download(address, 3) == b"upm"


def test_what_is_said_of_managed_memory(driver: Driver) -> None:
    context = driver.start()
    address = _managed(driver, 4096)
    kind, managed, owner = c_uint(), c_uint(), c_void_p()
    driver.check("cuPointerGetAttribute", byref(kind), 2, address + 8)
    driver.check("cuPointerGetAttribute", byref(managed), 8, address + 8)
    driver.check("cuPointerGetAttribute", byref(owner), 1, address)
    assert kind.value in (2, 4)
    assert (managed.value, owner.value) == (1, context)
    base, size = c_uint64(), c_size_t()
    driver.check("cuMemGetAddressRange_v2", byref(base), byref(size), address + 100)
    assert (base.value, size.value) == (address, 4096)
    assert driver.code("cuMemFreeHost", address) == cuda.INVALID_VALUE
    assert driver.code("cuMemAllocManaged", byref(base), 0, _ATTACH_GLOBAL) == cuda.INVALID_VALUE
    assert driver.code("cuMemAllocManaged", byref(base), 64, c_uint(4)) == cuda.INVALID_VALUE


def test_hints_about_managed_memory(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    address, device = _managed(driver, 4096), driver.allocate(4096)
    concurrent = driver.attribute(_CONCURRENT)
    code = driver.code("cuMemPrefetchAsync", address, 4096, 0, stream)
    assert code == (0 if concurrent else cuda.INVALID_DEVICE)
    driver.check("cuMemAdvise", address, 4096, 1, 0)  # read mostly, wherever
    code = driver.code("cuMemAdvise", address, 4096, 3, 0)  # prefers the GPU
    assert code == (0 if concurrent else cuda.INVALID_DEVICE)
    driver.check("cuMemAdvise", address, 4096, 3, c_int(-1))  # prefers the host
    said = c_int()
    driver.check("cuMemRangeGetAttribute", byref(said), 4, 1, address, 4096)
    assert said.value == 1
    driver.check("cuMemRangeGetAttribute", byref(said), 4, 2, address, 4096)
    assert said.value == -1
    driver.check("cuStreamAttachMemAsync", stream, address, 0, c_uint(4))
    assert driver.code("cuMemAdvise", device, 4096, 1, 0) == cuda.INVALID_VALUE
    assert driver.code("cuMemPrefetchAsync", address, 8192, 0, stream) == cuda.INVALID_VALUE
    assert driver.code("cuStreamAttachMemAsync", stream, device, 0, c_uint(4)) == cuda.INVALID_VALUE


def test_copies_by_the_batch(driver: Driver) -> None:
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    device, pinned = driver.uploaded(bytes(24)), driver.pinned(8)
    ctypes.memmove(pinned, b"PINNED!!", 8)
    pageable, back = ctypes.create_string_buffer(b"pageable", 8), driver.pinned(16)
    targets = (c_uint64 * 3)(device, device + 8, back)
    sources = (c_uint64 * 3)(pinned, ctypes.addressof(pageable), device)
    sizes, begins = (c_size_t * 3)(8, 8, 16), (c_size_t * 2)(0, 2)
    attributes = (BatchAttributes * 2)(BatchAttributes(order=2), BatchAttributes(order=1))
    batch = (targets, sources, sizes, 3, attributes, begins, 2)
    driver.check("cuMemcpyBatchAsync_v2", *batch, stream)
    ctypes.memset(pinned, 0, 8)  # during the call, the first two were to be read
    driver.check("cuStreamSynchronize", stream)
    assert ctypes.string_at(back, 16) == b"PINNED!!pageable"
    assert driver.code("cuMemcpyBatchAsync_v2", *batch, 0) == cuda.INVALID_VALUE  # not in the legacy stream
    begins[0] = 1
    assert driver.code("cuMemcpyBatchAsync_v2", *batch, stream) == cuda.INVALID_VALUE

    boxes = (BatchCopy3D * 1)()
    box = boxes[0]
    box.src_type = box.dst_type = 1
    box.src, box.src_row = device, 8
    box.dst, box.dst_row = back, 4
    box.width, box.height, box.depth, box.order = 4, 2, 1, 1
    driver.check("cuMemcpy3DBatchAsync_v2", 1, boxes, 0, stream)
    driver.check("cuStreamSynchronize", stream)
    assert ctypes.string_at(back, 8) == b"PINNpage"


def test_a_box_is_copied_between_contexts(driver: Driver) -> None:
    context = driver.start()
    source, target = driver.uploaded(bytes(range(32))), driver.uploaded(bytes(32))
    shape = Copy3DPeer(src_type=2, src_device=source, src_context=context, src_pitch=8, dst_type=2, dst_device=target,
                       dst_context=context, dst_pitch=16, width=4, height=2, depth=1)  # fmt: skip
    driver.check("cuMemcpy3DPeer", byref(shape))
    assert driver.download(target, 20) == bytes(range(4)) + bytes(12) + bytes(range(8, 12))
    shape.dst_device = target + 4
    driver.check("cuMemcpy3DPeerAsync", byref(shape), driver.stream(cuda.NON_BLOCKING))
    driver.synchronize()
    assert driver.download(target, 8) == bytes(range(4)) * 2


def test_a_library_serves_every_device(driver: Driver) -> None:
    """Kernels of a library belong to the program; a variable of it is another one on each device."""
    driver.start()
    library = driver.library_of(ptx.ADD)
    kernel = driver.kernel(library, "count_up")
    addresses = []
    for device in range(driver.device_count()):
        driver.start(device)
        address, size = c_uint64(), c_size_t()
        driver.check("cuLibraryGetGlobal", byref(address), byref(size), library, b"counter")
        function = driver.made("cuKernelGetFunction", c_void_p, kernel)
        driver.launch(kernel)
        driver.launch(function)
        driver.synchronize()
        assert driver.download(address.value, 4) == struct.pack("I", 5 + 2 * 3)
        addresses.append(address.value)
    assert len(set(addresses)) == len(addresses)
