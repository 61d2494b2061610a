"""What a program gets when it asks our drivers for a function by name, version and flags."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
SUCCESS, INVALID_VALUE, NOT_FOUND, NOT_SUPPORTED = 0, 1, 500, 801
FOUND, SYMBOL_NOT_FOUND, VERSION_NOT_SUFFICIENT = 0, 1, 2
PER_THREAD = 2
# The runtime asks for these too, but they belong to other interfaces, which nothing of ours has.
ELSEWHERE = (
    "cuEGL",
    "cuGL",
    "cuVDPAU",
    "cuGraphicsEGL",
    "cuGraphicsGL",
    "cuGraphicsVDPAU",
    "cuGraphicsResourceGetMappedEgl",
)


def lines(name: str) -> list[list[str]]:
    return [line.split() for line in (DATA / name).read_text().splitlines() if not line.startswith("#")]


REQUESTS = [(name, int(version), int(flags)) for name, version, flags in lines("cudart_13_5_names.txt")]


@pytest.fixture(scope="module")
def driver(made_up_driver: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(made_up_driver / "libcuda.so.1"))


def resolve(driver: ctypes.CDLL, name: str, version: int, flags: int = 0) -> tuple[int, int | None, int]:
    """Result, address, status of cuGetProcAddress_v2."""
    address, status = ctypes.c_void_p(1), ctypes.c_int(-1)
    result = driver.cuGetProcAddress_v2(
        name.encode(), ctypes.byref(address), version, ctypes.c_uint64(flags), ctypes.byref(status)
    )
    return result, address.value, status.value


def exported(driver: ctypes.CDLL, name: str) -> int | None:
    return ctypes.cast(getattr(driver, name), ctypes.c_void_p).value


def test_everything_that_the_runtime_asks_for_is_answered(driver: ctypes.CDLL) -> None:
    assert len(REQUESTS) == 457
    unanswered = set()
    for name, version, flags in REQUESTS:
        result, address, status = resolve(driver, name, version, flags)
        assert result == SUCCESS
        assert (address is not None) == (status == FOUND)
        if address is None:
            unanswered.add(name)
    assert {name for name in unanswered if not name.startswith(ELSEWHERE)} == set()
    assert unanswered == {name for name, _, _ in REQUESTS if name.startswith(ELSEWHERE)}


def test_every_name_that_libraries_look_up_is_exported(driver: ctypes.CDLL) -> None:
    names = [name for [name] in lines("cublaslt_names.txt")]
    assert len(names) > 100
    assert [name for name in names if not hasattr(driver, name)] == []


@pytest.mark.parametrize(
    ("name", "version", "flags", "means"),
    [
        ("cuMemAlloc", 2000, 0, "cuMemAlloc"),
        ("cuMemAlloc", 3010, 0, "cuMemAlloc"),
        ("cuMemAlloc", 3020, 0, "cuMemAlloc_v2"),
        ("cuMemAlloc", 13050, 0, "cuMemAlloc_v2"),
        ("cuGetProcAddress", 11030, 0, "cuGetProcAddress"),
        ("cuGetProcAddress", 12000, 0, "cuGetProcAddress_v2"),
        ("cuGraphInstantiate", 10000, 0, "cuGraphInstantiate"),
        ("cuGraphInstantiate", 11000, 0, "cuGraphInstantiate_v2"),
        ("cuCtxCreate", 3020, 0, "cuCtxCreate_v2"),
        ("cuCtxCreate", 12050, 0, "cuCtxCreate_v4"),
        ("cuCtxGetDevice", 12090, 0, "cuCtxGetDevice"),
        ("cuCtxGetDevice", 13000, 0, "cuCtxGetDevice_v2"),
        ("cuMemcpyHtoD", 7000, 0, "cuMemcpyHtoD_v2"),
        ("cuMemcpyHtoD", 7000, 1, "cuMemcpyHtoD_v2"),
        ("cuMemcpyHtoD", 7000, PER_THREAD, "cuMemcpyHtoD_v2_ptds"),
        ("cuMemcpyHtoD", 6050, PER_THREAD, "cuMemcpyHtoD_v2"),
        ("cuStreamGetCaptureInfo", 11030, PER_THREAD, "cuStreamGetCaptureInfo_v2_ptsz"),
        ("cuStreamGetCaptureInfo", 12030, PER_THREAD, "cuStreamGetCaptureInfo_v3_ptsz"),
        ("cuInit", 13050, PER_THREAD, "cuInit"),
        ("cuProfilerStart", 4000, 0, "cuProfilerStart"),
    ],
)
def test_the_version_decides_which_function_a_name_means(
    driver: ctypes.CDLL, name: str, version: int, flags: int, means: str
) -> None:
    assert resolve(driver, name, version, flags) == (SUCCESS, exported(driver, means), FOUND)


def test_what_cannot_be_found_says_why(driver: ctypes.CDLL) -> None:
    assert resolve(driver, "cuNoSuchThing", 13050) == (SUCCESS, None, SYMBOL_NOT_FOUND)
    assert resolve(driver, "cuMemAlloc_v2", 13050) == (SUCCESS, None, SYMBOL_NOT_FOUND)
    assert resolve(driver, "cuLibraryLoadData", 11080) == (SUCCESS, None, VERSION_NOT_SUFFICIENT)
    assert resolve(driver, "cuInit", 13050, flags=4)[0] == INVALID_VALUE


def test_an_empty_name_is_answered(driver: ctypes.CDLL) -> None:
    result, address, status = resolve(driver, "", 0)
    assert (result, status) == (SUCCESS, FOUND)
    assert address is not None


def test_the_older_question_refuses_with_not_found_and_writes_nothing(driver: ctypes.CDLL) -> None:
    address = ctypes.c_void_p(1)
    ask = driver.cuGetProcAddress
    assert ask(b"cuNoSuchThing", ctypes.byref(address), 11080, ctypes.c_uint64(0)) == NOT_FOUND
    assert address.value == 1
    assert ask(b"cuMemAlloc", ctypes.byref(address), 11080, ctypes.c_uint64(0)) == SUCCESS
    assert address.value == exported(driver, "cuMemAlloc_v2")


def test_what_nobody_has_written_is_refused_and_counted(driver: ctypes.CDLL) -> None:
    before = driver.gpool_made_up_driver_refused()
    assert driver.cuCheckpointProcessLock(1, None) == NOT_SUPPORTED
    assert driver.cuMemAlloc(None, 4) == NOT_SUPPORTED
    assert driver.gpool_made_up_driver_refused() == before + 2


def test_per_thread_names_use_the_stream_of_the_thread(driver: ctypes.CDLL) -> None:
    def fill(name: str, *stream: int) -> int:
        arguments = [ctypes.c_uint64(0), ctypes.c_ubyte(0), ctypes.c_size_t(1), *map(ctypes.c_void_p, stream)]
        return int(getattr(driver, name)(*arguments)) - 1000

    assert fill("cuMemsetD8Async", 0) == 0
    assert fill("cuMemsetD8Async_ptsz", 0) == 2
    assert fill("cuMemsetD8Async_ptsz", 1) == 1
    assert fill("cuMemsetD8Async_ptsz", 77) == 77
    assert fill("cuMemsetD8_v2_ptds") == 2
