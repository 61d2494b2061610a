"""A dry run loads machine code as far as it is described, and skips what it cannot run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.toolchain import Nvcc

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def fatbin(request: pytest.FixtureRequest) -> Path:
    """Machine code of two architectures, without PTX."""
    nvcc = Nvcc(Path(request.config.cache.mkdir("cuda_programs")))
    flags = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in (80, 120)]
    return nvcc.compile(Path(__file__).parent / "machine_code.cu", "-fatbin", *flags)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip(), err


DESCRIBE = """
import ctypes
from ctypes import byref, c_int, c_size_t
driver.start()
print(driver.text("cuDeviceGetName", 0))
library = driver.library_of(open({fatbin!r}, "rb").read())
print(driver.made("cuLibraryGetKernelCount", cuda.c_uint, library), end=" ")
fill = driver.kernel(library, "fill")
places = []
for index in range(3):
    offset, size = c_size_t(), c_size_t()
    driver.check("cuKernelGetParamInfo", fill, cuda.c_size_t(index), byref(offset), byref(size))
    places.append((offset.value, size.value))
print(places, driver.code("cuKernelGetParamInfo", fill, cuda.c_size_t(3), byref(offset), byref(size)))
most, shared, registers = (driver.made("cuFuncGetAttribute", c_int, number, fill) for number in (0, 1, 4))
print(most, 308 <= shared < 512, 8 <= registers <= 255)
print(*(driver.made("cuFuncGetAttribute", c_int, number, fill) for number in (5, 6)))  # of the PTX, of the binary

module = driver.made("cuLibraryGetModule", cuda.c_void_p, library)
seven, counts, factors = (driver.variable(module, name) for name in ("seven", "counts", "factors"))
print(driver.download(*seven).hex(), any(driver.download(*counts)), counts[1], factors[1])

memory = driver.uploaded(b"kept")
arguments = [memory, c_int(0), (ctypes.c_char * 200)()]
codes = [driver.launch_code(fill, block=(threads, 1, 1), arguments=arguments, shared=64) for threads in (64, 128, 129)]
driver.synchronize()
print(*codes, driver.download(memory, 4))
"""


@pytest.mark.parametrize("capability", ["12.1", "8.6"])
def test_a_cubin_says_what_there_is(program: Run, fatbin: Path, capability: str) -> None:
    out, err = finish(
        program(
            DESCRIBE.format(fatbin=str(fatbin)), GPOOL_EMULATOR_DRY_RUN="1", GPOOL_EMULATOR_CAPABILITY=capability,
            GPOOL_LOG="warn",
        )
    )  # fmt: skip
    assert out.splitlines() == [
        "Emulated GPU (dry run)",
        "2 [(0, 8), (8, 4), (12, 200)] 1",
        "128 True True",
        "120 120" if capability == "12.1" else "80 80",
        "07000000 False 40 16",
        "0 0 701 b'kept'",
    ]
    assert "loads a fatbin without its code (sm_" + ("120" if capability == "12.1" else "80") in err
    assert "2 launches of 1 kernels were skipped" in err


LOAD = """
driver.start()
print(driver.code("cuModuleLoad", byref(c_uint64()), c_char_p({fatbin!r}.encode())))
"""


def test_without_it_machine_code_is_refused(program: Run, fatbin: Path) -> None:
    source = (
        f"driver.start(); print(driver.code('cuModuleLoad', byref(c_uint64()), c_char_p({str(fatbin)!r}.encode())))"
    )
    out, err = finish(program(source))
    assert out == "209"
    assert "holds machine code only (sm_80 with 2 kernels" in err


def test_an_architecture_that_the_device_is_not(program: Run, fatbin: Path) -> None:
    source = (
        f"driver.start(); print(driver.code('cuModuleLoad', byref(c_uint64()), c_char_p({str(fatbin)!r}.encode())))"
    )
    out, err = finish(program(source, GPOOL_EMULATOR_DRY_RUN="1", GPOOL_EMULATOR_CAPABILITY="9.0"))
    assert out == "209"
    assert "set GPOOL_EMULATOR_CAPABILITY to one of these" in err


@pytest.mark.parametrize(("value", "stored"), [("0", 7), ("1", 7), ("all", 0)])
def test_kernels_with_ptx_run_unless_all_are_skipped(program: Run, value: str, stored: int) -> None:
    source = """
from ctypes import c_uint32
from driver import ptx
driver.start()
memory = driver.uploaded(bytes(4))
driver.launch(driver.function(driver.module(ptx.ADD), "store"), arguments=[memory, c_uint32(7)])
driver.synchronize()
print(driver.download(memory, 4)[0], driver.text("cuDeviceGetName", 0))
"""
    out, err = finish(program(source, GPOOL_EMULATOR_DRY_RUN=value))
    assert out == f"{stored} Emulated GPU" + ("" if value == "0" else " (dry run)")
    assert ("results mean nothing" in err) == (value != "0")


def test_a_dry_run_that_is_none_is_named(program: Run) -> None:
    out, err = finish(program('print(driver.code("cuInit", 0))', GPOOL_EMULATOR_DRY_RUN="maybe"))
    assert out == "1"
    assert "GPOOL_EMULATOR_DRY_RUN='maybe'" in err
