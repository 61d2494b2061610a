"""What the environment of an emulated GPU does, and what is said about bad values."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., "subprocess.Popen[str]"]


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip(), err


def uuid_of(node: str, gpu: int) -> str:
    return hashlib.sha256(f"gpool-emulated-gpu:{node}:{gpu}".encode()).digest()[:16].hex()


DESCRIBE = """
driver.check("cuInit", 0)
print(driver.text("cuDeviceGetName", 0), driver.attribute(75), driver.attribute(76), driver.uuid().hex(),
      driver.text("cuDeviceGetPCIBusId", 0), driver.made("cuDeviceTotalMem_v2", c_size_t, 0),
      driver.made("cuDriverGetVersion", c_int), driver.device_count(), sep="|")
"""


def test_a_device_is_what_it_is_told_to_be(program: Run) -> None:
    out, _ = finish(
        program(DESCRIBE, GPOOL_EMULATOR_NAME="Test GPU", GPOOL_EMULATOR_CAPABILITY="8.0", GPOOL_EMULATOR_NODE="n1",
                GPOOL_EMULATOR_MEMORY="1.5GiB", GPOOL_EMULATOR_DRIVER_VERSION="12040", GPOOL_EMULATOR_GPUS="3")
    )  # fmt: skip
    assert out.split("|") == ["Test GPU", "8", "0", uuid_of("n1", 0), "0000:01:00.0", str(3 << 29), "12040", "3"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPOOL_EMULATOR_GPUS", "many"),
        ("GPOOL_EMULATOR_GPUS", "17"),
        ("GPOOL_EMULATOR_MEMORY", "8 gigs"),
        ("GPOOL_EMULATOR_MEMORY", "-1"),
        ("GPOOL_EMULATOR_CAPABILITY", "12"),
        ("GPOOL_EMULATOR_DRIVER_VERSION", "13"),
        ("GPOOL_EMULATOR_THREADS", "0"),
        ("GPOOL_EMULATOR_FAULT", "explode=1"),
        ("GPOOL_EMULATOR_FAULT", "oom-after=0"),
    ],
)
def test_bad_values_are_named(program: Run, name: str, value: str) -> None:
    out, err = finish(program('print(driver.code("cuInit", 0), driver.code("cuInit", 0))', **{name: value}))
    assert out == "1 1"
    assert f"{name}='{value}'" in err


VISIBLE = """
code = driver.code("cuInit", 0)
print(code, *(driver.uuid(i).hex() for i in range(driver.device_count() if code == 0 else 0)))
"""


@pytest.mark.parametrize(
    ("value", "gpus"),
    [
        ("2,0", [2, 0]),
        ("1,9,0", [1]),
        ("0,0", None),
        ("", None),
        ("-1", None),
        ("UUID1", [1]),
        ("UUID1-SHORT,0", [1, 0]),
        ("GPU-", None),
    ],
)
def test_visible_devices(program: Run, value: str, gpus: list[int] | None) -> None:
    text = uuid_of("n1", 1)
    uuid = f"GPU-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    value = value.replace("UUID1-SHORT", uuid[:16]).replace("UUID1", uuid)
    out, _ = finish(program(VISIBLE, CUDA_VISIBLE_DEVICES=value, GPOOL_EMULATOR_GPUS="3", GPOOL_EMULATOR_NODE="n1"))
    expected = ["100"] if gpus is None else ["0", *(uuid_of("n1", gpu) for gpu in gpus)]
    assert out.split() == expected


def test_memory_is_shared_by_the_processes_of_a_node(program: Run, tmp_path: object) -> None:
    hold = "driver.start(); driver.allocate(600 << 20); print('held', flush=True); sys.stdin.readline()"
    ask = """
driver.start()
print(*driver.free_and_total(), driver.code("cuMemAlloc_v2", byref(c_uint64()), 600 << 20))
"""
    memory = {"GPOOL_EMULATOR_MEMORY": "1GiB"}
    holder = program(hold, **memory)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert finish(program(ask, **memory))[0] == f"{424 << 20} {1 << 30} 2"
    assert finish(program(ask, GPOOL_EMULATOR_NODE="another", **memory))[0] == f"{1 << 30} {1 << 30} 0"
    holder.kill()  # it cannot give anything back
    holder.communicate()
    assert finish(program(ask, **memory))[0] == f"{1 << 30} {1 << 30} 0"


def test_the_ledger_goes_with_its_last_user(program: Run, tmp_path: os.PathLike[str]) -> None:
    out, _ = finish(program("import os\ndriver.start()\nprint(os.listdir(os.environ['XDG_RUNTIME_DIR'] + '/gpool'))"))
    assert ".ledger" in out
    assert os.listdir(tmp_path) == []


def test_a_starting_process_clears_up_after_killed_ones(program: Run, tmp_path: os.PathLike[str]) -> None:
    holder = program("driver.start(); print('up', flush=True); sys.stdin.readline()", GPOOL_EMULATOR_NODE="gone")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    holder.kill()
    holder.communicate()
    assert len(os.listdir(os.path.join(tmp_path, "gpool"))) == 1
    finish(program("driver.start()", GPOOL_EMULATOR_NODE="here"))
    assert os.listdir(tmp_path) == []


FAULTY = """
from ctypes import c_uint32
from driver import ptx
driver.start()
store = driver.function(driver.module(ptx.ADD), "store")
pointer = driver.allocate(4)
codes = []
for _ in range(3):
    driver.launch_code(store, arguments=[pointer, c_uint32(1)])
    codes.append(driver.code("cuCtxSynchronize"))
print(*codes)
"""


@pytest.mark.parametrize(
    ("fault", "codes"),
    [("launch-fail-at=2", "0 719 719"), ("device-lost-at=3", "0 0 999"), ("slow-kernels=1", "0 0 0")],
)
def test_injected_launch_faults(program: Run, fault: str, codes: str) -> None:
    assert finish(program(FAULTY, GPOOL_EMULATOR_FAULT=fault))[0] == codes


def test_injected_lack_of_memory(program: Run) -> None:
    source = "driver.start()\nprint([driver.code('cuMemAlloc_v2', byref(c_uint64()), 16) for _ in range(3)])"
    assert finish(program(source, GPOOL_EMULATOR_FAULT="oom-after=2"))[0] == "[0, 0, 2]"


def test_a_kernel_that_hangs_does_not_hold_up_the_end(program: Run) -> None:
    source = """
from driver import ptx
driver.start()
driver.launch(driver.function(driver.module(ptx.ADD), "at_most_64"))
print(driver.code("cuStreamQuery", 0))
"""
    assert finish(program(source, GPOOL_EMULATOR_FAULT="hang-kernel=at_most_64"))[0] == "600"
