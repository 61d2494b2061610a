"""Addresses and physical memory apart."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_int, c_size_t, c_uint, c_uint64, c_void_p

import pytest

from cuda import driver as cuda
from cuda.driver import AccessDescription, AllocationProperties, Driver, Location

PIECE = 2 << 20


def properties(handle_types: int = 0) -> AllocationProperties:
    return AllocationProperties(type=1, handle_types=handle_types, location=Location(1, 0))


def create(driver: Driver, size: int = PIECE, handle_types: int = 0) -> int:
    return driver.made("cuMemCreate", c_uint64, size, byref(properties(handle_types)), 0)


def allow(driver: Driver, pointer: int, size: int) -> None:
    driver.check("cuMemSetAccess", pointer, size, byref(AccessDescription(Location(1, 0), 3)), 1)


def test_map_use_and_take_apart(driver: Driver) -> None:
    driver.start()
    assert driver.made("cuMemGetAllocationGranularity", c_size_t, byref(properties()), 0) == PIECE
    free, _ = driver.free_and_total()
    base = driver.made("cuMemAddressReserve", c_uint64, 4 * PIECE, 0, 0, 0)
    first, second = create(driver), create(driver, handle_types=1)  # the second might be shared
    assert free - driver.free_and_total()[0] == 2 * PIECE
    driver.check("cuMemMap", base, PIECE, 0, first, 0)
    driver.check("cuMemMap", base + PIECE, PIECE, 0, second, 0)
    assert driver.code("cuMemMap", base, PIECE, 0, first, 0) == cuda.INVALID_VALUE  # already mapped
    assert driver.code("cuMemsetD8_v2", base, c_uint(1), 16) == cuda.INVALID_VALUE  # no access yet
    allow(driver, base, 2 * PIECE)
    driver.check("cuMemsetD8_v2", base + PIECE - 8, c_uint(9), 16)  # across both
    assert driver.download(base + PIECE - 8, 16) == b"\x09" * 16
    driver.check("cuMemRelease", first)
    assert driver.code("cuMemRelease", first) == cuda.INVALID_VALUE
    assert driver.download(base + PIECE - 8, 8) == b"\x09" * 8  # the mapping keeps it
    assert driver.code("cuMemAddressFree", base, 4 * PIECE) == cuda.INVALID_VALUE  # still mapped
    driver.check("cuMemUnmap", base, 2 * PIECE)
    driver.check("cuMemRelease", second)
    driver.check("cuMemAddressFree", base, 4 * PIECE)
    assert driver.free_and_total()[0] == free


@pytest.mark.not_through_the_pool("addresses come from the device's arena")
def test_a_wanted_address_is_given_when_it_is_free(driver: Driver) -> None:
    driver.start()
    wanted = 0x6000_0000_0000
    assert driver.made("cuMemAddressReserve", c_uint64, 64 * PIECE, 0, wanted, 0) == wanted
    elsewhere = driver.made("cuMemAddressReserve", c_uint64, PIECE, 0, wanted, 0)
    assert elsewhere not in (0, wanted)


@pytest.mark.not_through_the_pool("a handle is mapped in one place")
def test_one_memory_at_two_addresses(driver: Driver) -> None:
    driver.start()
    base = driver.made("cuMemAddressReserve", c_uint64, 2 * PIECE, 0, 0, 0)
    memory = create(driver)
    for offset in (0, PIECE):
        driver.check("cuMemMap", base + offset, PIECE, 0, memory, 0)
    allow(driver, base, 2 * PIECE)
    driver.upload(base + 100, b"both")
    assert driver.download(base + PIECE + 100, 4) == b"both"
    kept = driver.made("cuMemRetainAllocationHandle", c_uint64, base)
    assert kept == memory


def test_sizes_must_be_multiples_of_the_granularity(driver: Driver) -> None:
    driver.start()
    out = c_uint64()
    assert driver.code("cuMemCreate", byref(out), PIECE + 1, byref(properties()), 0) == cuda.INVALID_VALUE
    assert driver.code("cuMemAddressReserve", byref(out), 4096 + 1, 0, 0, 0) == cuda.INVALID_VALUE
    assert driver.code("cuMemAddressReserve", byref(out), 0, 0, 0, 0) == cuda.INVALID_VALUE


@pytest.mark.environment(GPOOL_EMULATOR_MEMORY="8MiB")
@pytest.mark.not_through_the_pool("the size of the emulated GPU is the worker's environment there, not the program's")
def test_physical_memory_is_limited(driver: Driver) -> None:
    driver.start()
    handles = [create(driver) for _ in range(4)]
    assert driver.code("cuMemCreate", byref(c_uint64()), PIECE, byref(properties()), 0) == cuda.OUT_OF_MEMORY
    driver.check("cuMemRelease", handles.pop())
    create(driver)


@pytest.mark.not_through_the_pool("memory is not shared between processes")
def test_memory_travels_as_a_file_descriptor(driver: Driver) -> None:
    driver.start()
    memory = create(driver, handle_types=1)
    out = c_int()
    driver.check("cuMemExportToShareableHandle", byref(out), memory, 1, 0)
    again = driver.made("cuMemImportFromShareableHandle", c_uint64, c_void_p(out.value), 1)
    base = driver.made("cuMemAddressReserve", c_uint64, 2 * PIECE, 0, 0, 0)
    driver.check("cuMemMap", base, PIECE, 0, memory, 0)
    driver.check("cuMemMap", base + PIECE, PIECE, 0, again, 0)
    allow(driver, base, 2 * PIECE)
    driver.upload(base, b"shared")
    assert driver.download(base + PIECE, 6) == b"shared"
    os.close(out.value)
    assert ctypes.sizeof(AllocationProperties) == 32
