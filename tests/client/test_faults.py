"""What a node's driver may do to a session, injected in the emulated GPU: the program gets CUDA's error and lives on.

What kernels of their own may do is in tests/cuda_programs/faults_of_others.cu and illegal_address.cu.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.workerd import Workerd

LAUNCHES = """
import sys
sys.path.insert(0, sys.argv[2])
from ctypes import c_uint32
from cuda.driver import Driver
from driver import ptx
driver = Driver(sys.argv[1])
driver.start()
store = driver.function(driver.module(ptx.ADD), "store")
pointer = driver.allocate(4)
codes = []
for _ in range(int(sys.argv[3])):
    driver.launch_code(store, arguments=[pointer, c_uint32(1)])
    codes.append(driver.code("cuCtxSynchronize"))
print(*codes, flush=True)
sys.stdin.readline()
if codes == [0]:
    assert driver.download(pointer, 4) == (1).to_bytes(4, "little")
"""


@pytest.fixture
def faulty(native: Path, fault: str) -> Iterator[Workerd]:
    """A workerd whose emulated GPU has this fault, once in each session."""
    with Workerd(native, {"GPOOL_EMULATOR_FAULT": fault}) as running:
        yield running


@pytest.mark.parametrize("transport", ["shm", "tcp"])
@pytest.mark.parametrize(
    ("fault", "codes", "reason", "detail"),
    [
        ("launch-fail-at=2", "0 719 719", "client-closed", ""),
        ("ecc-error-at=2", "0 214 214", "client-closed", ""),
        ("device-lost-at=2", "0 999 999", "client-closed", ""),
        ("crash-at=2", "0 999 999", "worker-died", "killed by signal 11 (Segmentation fault)"),
    ],
)
def test_a_fault_costs_its_own_session_only(
    faulty: Workerd, fault: str, native: Path, transport: str, codes: str, reason: str, detail: str
) -> None:
    """The bystander has its context before the fault, and uses it afterwards."""
    endpoint = f"unix:{faulty.unix_path}" if transport == "shm" else f"tcp:{faulty.tcp}"
    library, tests = str(native / "client" / "libcuda.so.1"), str(Path(__file__).resolve().parents[1])

    def program(launches: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", LAUNCHES, library, tests, str(launches)],
            env={**os.environ, "GPOOL_ENDPOINTS": endpoint},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with program(1) as bystander:
        assert bystander.stdout is not None
        assert bystander.stdout.readline() == "0\n"
        with program(3) as guilty:
            said, told = guilty.communicate("", timeout=60)
        assert said == f"{codes}\n"
        # An unknown error may be anything, so it is told by its code alone.
        assert len(told.splitlines()) == (0 if fault.startswith("device-lost") else 1), told
        assert guilty.returncode == 0
        while (closed := faulty.wait_for("session")).values["state"] != "closed":
            pass
        assert (closed.values["reason"], closed.values["detail"]) == (reason, detail)
        _, told = bystander.communicate("", timeout=60)
        assert (bystander.returncode, told) == (0, "")
    faulty.wait_until_idle()
