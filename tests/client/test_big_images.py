"""Code travels once: the second program that loads a large image sends its name, not its bytes."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from client.test_client import VECTOR_ADD
from harness.workerd import Workerd

PADDING = 8 << 20
FEW_BYTES = 8 << 10
"""Enough for everything that a small program says, and a thousandth of the image."""

PROGRAM = """
import sys; sys.path.insert(0, sys.argv[2])
import ctypes
from ctypes import byref, c_float, c_int, c_uint64, c_void_p
from pathlib import Path
from cuda.driver import Driver
driver = Driver(sys.argv[1]); driver.start()
image = Path(sys.argv[3]).read_bytes()
module, function = c_void_p(), c_void_p()
if sys.argv[4] == "library":
    driver.check("cuLibraryLoadData", byref(module), image, None, None, 0, None, None, 0)
    driver.check("cuLibraryGetKernel", byref(function), module, b"vadd")
else:
    driver.check("cuModuleLoadData", byref(module), image)
    driver.check("cuModuleGetFunction", byref(function), module, b"vadd")
numbers = c_float * 4
left, right = (c_uint64(driver.uploaded(bytes(numbers(*values)))) for values in ((1, 2, 3, 4), (10, 20, 30, 40)))
total, count = c_uint64(driver.allocate(16)), c_int(4)
parameters = (c_void_p * 4)(*(ctypes.addressof(value) for value in (left, right, total, count)))
driver.check("cuLaunchKernel", function, 1, 1, 1, 4, 1, 1, 0, None, parameters, None)
print(list(numbers.from_buffer_copy(driver.download(total.value, 16))))
"""


def padded_ptx(mark: str) -> bytes:
    """PTX with megabytes of remarks."""
    line = b"// " + mark.encode() + b" remarks, and more remarks, and more than anybody will ever read\n"
    return VECTOR_ADD.strip() + b"\n" + line * (PADDING // len(line)) + b"\0"


def padded_fatbin(mark: str) -> bytes:
    """A fatbin with the same PTX, behind an entry of a kind that nobody knows."""
    ptx = VECTOR_ADD + bytes(-len(VECTOR_ADD) % 8 + 8)
    unknown = mark.encode() * (PADDING // 8 // len(mark) * 8)
    entries = b"".join(
        struct.pack("<HHIQ", kind, 1, 64, len(payload)) + bytes(12) + struct.pack("<I", 70) + bytes(32) + payload
        for kind, payload in ((0x77, unknown + bytes(-len(unknown) % 8)), (1, ptx))
    )
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries


@pytest.mark.parametrize("transport", ["shm", "tcp"])
@pytest.mark.parametrize(("make", "how"), [(padded_ptx, "module"), (padded_fatbin, "library")])
def test_the_second_program_sends_a_name(
    native: Path, workerd: Workerd, tmp_path: Path, transport: str, make: object, how: str
) -> None:
    image, statistics = tmp_path / "image", tmp_path / "statistics.json"
    image.write_bytes(make(transport))  # type: ignore[operator]
    endpoint = f"unix:{workerd.unix_path}" if transport == "shm" else f"tcp:{workerd.tcp}"
    environment = os.environ | {"GPOOL_ENDPOINTS": endpoint, "GPOOL_STATS": str(statistics)}
    command = [sys.executable, "-c", PROGRAM, str(native / "client" / "libcuda.so.1")]
    command += [str(Path(__file__).resolve().parents[1]), str(image), how]
    sent = []
    for _ in range(2):
        done = subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True, text=True)
        assert done.stdout == "[11.0, 22.0, 33.0, 44.0]\n"
        sent.append(json.loads(statistics.read_text().splitlines()[-1])["bytes_sent"])
        workerd.wait_until_idle()
    assert sent[0] > image.stat().st_size
    assert sent[1] < FEW_BYTES


MANY_KERNELS = """
import sys; sys.path.insert(0, sys.argv[2])
from ctypes import byref, c_void_p
from cuda.driver import Driver
driver = Driver(sys.argv[1]); driver.start()
image = b".version 8.0\\n.target sm_80\\n.address_size 64\\n"
image += b"".join(b".visible .entry k%06d() { ret; }\\n" % number for number in range(25000))
module, function = c_void_p(), c_void_p()
driver.check("cuModuleLoadData", byref(module), image)
driver.check("cuModuleGetFunction", byref(function), module, b"k024999")
driver.check("cuLaunchKernel", function, 1, 1, 1, 1, 1, 1, 0, None, None, None)
driver.check("cuCtxSynchronize")
print("launched the last")
"""


@pytest.mark.parametrize("transport", ["shm", "tcp"])
def test_a_module_of_very_many_kernels(native: Path, workerd: Workerd, transport: str) -> None:
    """Its record has more than 2 MiB and comes in two answers."""
    endpoint = f"unix:{workerd.unix_path}" if transport == "shm" else f"tcp:{workerd.tcp}"
    command = [sys.executable, "-c", MANY_KERNELS, str(native / "client" / "libcuda.so.1")]
    command += [str(Path(__file__).resolve().parents[1])]
    environment = os.environ | {"GPOOL_ENDPOINTS": endpoint}
    done = subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True)
    assert done.stdout == "launched the last\n", done.stderr
