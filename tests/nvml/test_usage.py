"""What monitors see of a program that runs: its memory, its process, how busy its GPU is."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.workerd import Workerd

PATIENCE = 400  # looks, 50 ms apart
TESTS = Path(__file__).resolve().parents[1]

PROGRAM = """
import sys
from ctypes import c_uint32
from cuda.driver import Driver
from driver import ptx
driver = Driver("libcuda.so.1")
driver.start(1)
store = driver.function(driver.module(ptx.ADD), "store")
pointer = driver.allocate(64 << 20)
print("ready", flush=True)
while sys.stdin.readline():  # a line for each kernel
    driver.launch(store, arguments=[pointer, c_uint32(1)])
    driver.synchronize()
    print("done", flush=True)
"""

LOOK = """
import json, sys
from nvitop import Device
devices = Device.all()
for line in sys.stdin:
    print(json.dumps([{
        "name": device.name(), "uuid": device.uuid(), "total": device.memory_total(), "used": device.memory_used(),
        "busy": device.gpu_utilization(), "capability": device.cuda_compute_capability(), "bus": device.bus_id(),
        "processes": {pid: process.gpu_memory() for pid, process in device.processes().items()},
    } for device in devices]), flush=True)
"""


@pytest.fixture
def slow_gpus(native: Path) -> Iterator[Workerd]:
    """Two GPUs of 1 GiB whose kernels take 30 ms at least, so that there is something to see."""
    settings = {
        "GPOOL_EMULATOR_GPUS": "2",
        "GPOOL_EMULATOR_MEMORY": "1GiB",
        "GPOOL_EMULATOR_FAULT": "slow-kernels=30000",
    }
    with Workerd(native, settings) as running:
        yield running


@pytest.fixture
def start(native: Path, slow_gpus: Workerd) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts Python programs that use the GPUs; ends them with the test."""
    pytest.importorskip("nvitop")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GPOOL_")}
    environment |= {
        "LD_LIBRARY_PATH": str(native / "client"),
        "GPOOL_ENDPOINTS": f"unix:{slow_gpus.unix_path}",
        "PYTHONPATH": str(TESTS),
    }
    running: list[subprocess.Popen[str]] = []

    def start(source: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-W", "ignore", "-c", source]
        running.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1))
        return running[-1]

    yield start
    for program in running:
        program.communicate(timeout=60)
    slow_gpus.wait_until_idle()


def told(program: subprocess.Popen[str]) -> str:
    """The program's next line."""
    assert program.stdout is not None
    assert select.select([program.stdout], [], [], 60)[0], "the program said nothing for a minute"
    return program.stdout.readline()


def tell(program: subprocess.Popen[str], line: str = "") -> None:
    assert program.stdin is not None
    program.stdin.write(line + "\n")
    program.stdin.flush()


def test_a_monitor_sees_a_program_come_work_and_go(start: Callable[[str], subprocess.Popen[str]]) -> None:
    monitor = start(LOOK)

    def look() -> list[dict[str, object]]:
        tell(monitor)
        answer: list[dict[str, object]] = json.loads(told(monitor))
        return answer

    first, second = look()
    assert [first["processes"], second["processes"]] == [{}, {}]
    assert second["name"] == "Emulated GPU"
    assert second["total"] == 1 << 30
    assert second["capability"] == [12, 1]
    assert str(second["bus"]).endswith("02:00.0")
    assert first["uuid"] != second["uuid"]

    program = start(PROGRAM)
    assert told(program) == "ready\n"
    pid = str(program.pid)
    first, second = look()
    assert first["processes"] == {}
    assert list(second["processes"]) == [pid]  # type: ignore[call-overload]
    assert 64 << 20 <= second["processes"][pid] <= 128 << 20  # type: ignore[index]
    assert second["busy"] == 0

    # It works without a pause for as long as nobody has seen it: its GPU is busy, the other one is not.
    for _ in range(PATIENCE):
        tell(program)
        assert told(program) == "done\n"
        first, second = look()
        assert first["busy"] == 0
        if second["busy"]:
            break
    assert second["busy"], "nobody has seen the GPU busy"

    program.communicate(timeout=60)
    for _ in range(PATIENCE):  # its worker ends after it
        first, second = look()
        if not second["processes"]:
            break
        select.select([], [], [], 0.05)
    assert second["processes"] == {}


def test_the_monitor_itself_runs(native: Path, slow_gpus: Workerd) -> None:
    """`nvitop -1`: one look at everything, for people."""
    pytest.importorskip("nvitop")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GPOOL_")}
    environment |= {"LD_LIBRARY_PATH": str(native / "client"), "GPOOL_ENDPOINTS": f"unix:{slow_gpus.unix_path}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "nvitop", "-1"],
        env=environment | {"TERM": "xterm", "COLUMNS": "120", "LINES": "50"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Emulated GPU") == 2, done.stdout
    slow_gpus.wait_until_idle()
