"""What programs see of a lease through NVML, asked with NVIDIA's own Python binding."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .made_up_pool import Broker, Device, Node, Process, pool, uuid_text

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))
GIB = 1 << 30
CAPABILITY = {75: 8, 76: 9, 13: 1_500_000, 37: 384}


@pytest.fixture(scope="session")
def library() -> Path:
    path = BUILD / "client" / "libnvidia-ml.so.1"
    if not path.exists():
        sentence = f"{path} is missing: build the target gpool_nvml, or name the build folder in GPOOL_BUILD"
        if "GPOOL_BUILD" in os.environ:
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


def device(number: int, **more: object) -> Device:
    return Device(bytes(range(number, number + 16)), f"Test GPU {number}", number + 1, (number + 1) * GIB, **more)  # type: ignore[arg-type]


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[tuple[Broker, list[Node]]]:
    first = [device(0, used=GIB // 4, peers=0b10, attributes=CAPABILITY), device(1, peers=0b01, attributes=CAPABILITY)]
    with pool(tmp_path, first, [device(2, attributes=CAPABILITY)]) as made:
        yield made


def ask(library: Path, body: str, **environment: str) -> object:
    """Runs `body` (which sets `answer`) in a process of its own, after `from pynvml import *`."""
    source = f"import json, os\nfrom pynvml import *\n{body}\nprint(json.dumps(answer))"
    env = {name: value for name, value in os.environ.items() if not name.startswith("GPOOL_")}
    env |= {"LD_LIBRARY_PATH": str(library.parent)} | environment
    command = [sys.executable, "-W", "ignore", "-c", source]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


WHO = """
nvmlInit()
answer = []
for i in range(nvmlDeviceGetCount()):
    h = nvmlDeviceGetHandleByIndex(i)
    answer.append([nvmlDeviceGetUUID(h), nvmlDeviceGetIndex(h)])
"""


def test_count_and_uuids_come_with_the_lease_and_cost_no_session(
    library: Path, two_nodes: tuple[Broker, list[Node]]
) -> None:
    broker, nodes = two_nodes
    answer = ask(library, WHO, GPOOL_BROKER=str(broker.path))
    assert answer == [[uuid_text(d.uuid), i] for i, d in enumerate([*nodes[0].devices, *nodes[1].devices])]
    assert [node.sessions for node in nodes] == [0, 0]


def test_the_node_says_the_rest_in_one_session(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    broker, nodes = two_nodes
    answer = ask(
        library,
        """
nvmlInit()
h = nvmlDeviceGetHandleByIndex(0)
memory, second = nvmlDeviceGetMemoryInfo(h), nvmlDeviceGetMemoryInfo(h, version=nvmlMemory_v2)
answer = {
    "name": nvmlDeviceGetName(h), "capability": nvmlDeviceGetCudaComputeCapability(h),
    "memory": [memory.total, memory.used, memory.free],
    "second": [second.total, second.used, second.free, second.reserved],
    "pci": [nvmlDeviceGetPciInfo(h).busId, nvmlDeviceGetPciInfo(h).bus], "cuda": nvmlSystemGetCudaDriverVersion(),
    "clock": nvmlDeviceGetMaxClockInfo(h, NVML_CLOCK_SM), "bits": nvmlDeviceGetMemoryBusWidth(h),
    "processes": nvmlDeviceGetComputeRunningProcesses(h),
}
nvmlShutdown()
""",
        GPOOL_BROKER=str(broker.path),
    )
    quarter = GIB // 4
    assert answer == {
        "name": "Test GPU 0",
        "capability": [8, 9],
        "memory": [GIB, quarter, GIB - quarter],
        "second": [GIB, quarter, GIB - quarter, 0],
        "pci": ["00000000:01:00.0", 1],
        "cuda": 13000,
        "clock": 1500,
        "bits": 384,
        "processes": [],
    }
    assert [node.sessions for node in nodes] == [1, 0]


def test_the_node_says_how_busy_it_is_and_with_whom(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    broker, nodes = two_nodes
    busy = nodes[0].devices[0]
    busy.busy_permille = 746
    here = os.getpid()
    busy.processes = [Process(here, 3 << 20, 700), Process(42, GIB, 46, host="another-host")]
    answer = ask(
        library,
        """
nvmlInit()
h = [nvmlDeviceGetHandleByIndex(i) for i in range(2)]
rates = nvmlDeviceGetUtilizationRates(h[0])
answer = {"rates": [rates.gpu, rates.memory], "idle": nvmlDeviceGetUtilizationRates(h[1]).gpu}
for ask in (nvmlDeviceGetComputeRunningProcesses_v3, nvmlDeviceGetComputeRunningProcesses_v2):
    answer[ask.__name__[-2:]] = [[p.pid, p.usedGpuMemory] for p in ask(h[0])]
answer["of the idle one"] = nvmlDeviceGetComputeRunningProcesses(h[1])
answer["samples"] = [[s.pid, s.smUtil] for s in nvmlDeviceGetProcessUtilization(h[0], 0)]
answer["drawing"] = nvmlDeviceGetGraphicsRunningProcesses(h[0])
answer["name"] = "python" in nvmlSystemGetProcessName(answer["v3"][0][0])
try:
    nvmlSystemGetProcessName(2**31 - 1)
except NVMLError_NotFound:
    answer["nobody"] = True
""",
        GPOOL_BROKER=str(broker.path),
    )
    assert answer == {
        "rates": [75, 0],
        "idle": 0,
        "v3": [[here, 3 << 20]],
        "v2": [[here, 3 << 20]],
        "of the idle one": [],
        "samples": [[here, 70]],
        "drawing": [],
        "name": True,
        "nobody": True,
    }


def test_what_is_not_known_is_not_supported(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    """What torch.cuda and monitors ask besides: temperature, power, clocks, fans, ECC, NVLink."""
    broker, _ = two_nodes
    answer = ask(
        library,
        """
nvmlInit()
h = nvmlDeviceGetHandleByIndex(0)
answer = []
for ask, arguments in [(nvmlDeviceGetTemperature, (NVML_TEMPERATURE_GPU,)), (nvmlDeviceGetPowerUsage, ()),
                       (nvmlDeviceGetClockInfo, (NVML_CLOCK_SM,)), (nvmlDeviceGetFanSpeed, ()),
                       (nvmlDeviceGetTotalEccErrors, (0, 0)), (nvmlDeviceGetNvLinkState, (0,)),
                       (nvmlDeviceGetEncoderUtilization, ()), (nvmlDeviceGetPerformanceState, ()),
                       (nvmlDeviceGetMigMode, ()), (nvmlDeviceGetPersistenceMode, ())]:
    try:
        answer.append([ask.__name__, ask(h, *arguments)])
    except NVMLError_NotSupported:
        pass
""",
        GPOOL_BROKER=str(broker.path),
    )
    assert answer == []


def test_a_device_is_found_by_uuid_and_by_pci_address(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    broker, nodes = two_nodes
    answer = ask(
        library,
        f"""
nvmlInit()
def find(how, what):
    try:
        return nvmlDeviceGetIndex(how(what))
    except NVMLError as error:
        return error.value
answer = [find(nvmlDeviceGetHandleByUUID, {uuid_text(nodes[1].devices[0].uuid)!r}),
          find(nvmlDeviceGetHandleByPciBusId, "00000000:02:00.0"), find(nvmlDeviceGetHandleByPciBusId, "2:0.0"),
          find(nvmlDeviceGetHandleByUUID, {uuid_text(bytes(16))!r}), find(nvmlDeviceGetHandleByUUID, "GPU-nonsense"),
          find(nvmlDeviceGetHandleByPciBusId, "0000:77:00.0"), find(nvmlDeviceGetHandleByIndex, 3)]
""",
        GPOOL_BROKER=str(broker.path),
    )
    not_found, invalid = 6, 2
    assert answer == [2, 1, 1, not_found, invalid, not_found, invalid]


def test_peers_are_those_of_one_session(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    broker, _ = two_nodes
    answer = ask(
        library,
        """
nvmlInit()
h = [nvmlDeviceGetHandleByIndex(i) for i in range(3)]
read, nvlink = 0, 2  # the binding's own constants are tuples by mistake
answer = [nvmlDeviceGetP2PStatus(h[0], h[1], read), nvmlDeviceGetP2PStatus(h[0], h[2], read),
          nvmlDeviceGetP2PStatus(h[0], h[1], nvlink), nvmlDeviceGetP2PStatus(h[0], h[0], read)]
""",
        GPOOL_BROKER=str(broker.path),
    )
    assert answer == [0, 5, 5, 0]


def test_endpoints_without_a_broker_are_asked_for_their_devices(
    library: Path, two_nodes: tuple[Broker, list[Node]]
) -> None:
    _, nodes = two_nodes
    endpoints = ",".join(f"tcp:{node.address}" for node in nodes)
    answer = ask(library, WHO, GPOOL_ENDPOINTS=endpoints)
    assert answer == [[uuid_text(d.uuid), i] for i, d in enumerate([*nodes[0].devices, *nodes[1].devices])]


def test_nothing_works_before_init_or_after_the_last_shutdown(
    library: Path, two_nodes: tuple[Broker, list[Node]]
) -> None:
    broker, _ = two_nodes
    answer = ask(
        library,
        """
from ctypes import CDLL, byref, c_uint
lib = CDLL("libnvidia-ml.so.1")
def state():
    return [lib.nvmlDeviceGetCount_v2(byref(c_uint())), lib.nvmlDeviceGetNvLinkState(None, 0, None)]
answer = [state(), lib.nvmlShutdown()]
lib.nvmlInit_v2(); lib.nvmlInit_v2(); lib.nvmlShutdown()
answer.append(state())
lib.nvmlShutdown()
answer.append(state())
""",
        GPOOL_BROKER=str(broker.path),
    )
    uninitialised, not_supported = 1, 3
    assert answer == [[uninitialised] * 2, uninitialised, [0, not_supported], [uninitialised] * 2]


def test_a_child_opens_sessions_of_its_own(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    broker, nodes = two_nodes
    answer = ask(
        library,
        """
nvmlInit()
h = nvmlDeviceGetHandleByIndex(0)
answer = [nvmlDeviceGetMemoryInfo(h).used]
child = os.fork()
if child == 0:
    os._exit(0 if nvmlDeviceGetMemoryInfo(h).used == answer[0] else 1)
answer += [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), nvmlDeviceGetMemoryInfo(h).used]
""",
        GPOOL_BROKER=str(broker.path),
    )
    assert answer == [GIB // 4, 0, GIB // 4]
    assert nodes[0].sessions == 2


def test_without_a_lease_there_is_no_driver(library: Path) -> None:
    body = """
try:
    nvmlInit(); answer = "started"
except NVMLError as error:
    answer = [error.value, nvmlErrorString(error.value)]
"""
    value, text = ask(library, body)  # type: ignore[misc]
    assert value == 9
    assert "gpool run" in text


def test_a_node_that_refuses_is_a_lost_gpu_and_a_sentence(
    library: Path, two_nodes: tuple[Broker, list[Node]], tmp_path: Path
) -> None:
    broker, nodes = two_nodes
    nodes[0].refusal = "lease l-test has been revoked"
    answer = ask(
        library,
        """
nvmlInit()
try:
    nvmlDeviceGetName(nvmlDeviceGetHandleByIndex(0)); answer = None
except NVMLError as error:
    answer = error.value
""",
        GPOOL_BROKER=str(broker.path),
        GPOOL_LOG_FILE=str(tmp_path / "log"),
    )
    assert answer == 15
    assert "lease l-test has been revoked" in (tmp_path / "log").read_text()


def test_every_name_of_the_header_is_exported(library: Path) -> None:
    generated = (ROOT / "native" / "nvml" / "generated" / "defaults.cpp").read_text()
    names = [*re.findall(r"nvmlReturn_t (nvml\w+)\(", generated), "nvmlErrorString"]
    assert len(names) > 400
    loaded = ctypes.CDLL(str(library))
    assert [name for name in names if not hasattr(loaded, name)] == []


def test_a_program_that_just_ends_says_goodbye(library: Path, two_nodes: tuple[Broker, list[Node]]) -> None:
    """PyTorch never calls nvmlShutdown; a node that is not told waits for the program to come back."""
    broker, nodes = two_nodes
    body = "nvmlInit()\nanswer = nvmlDeviceGetMemoryInfo(nvmlDeviceGetHandleByIndex(0)).total"
    assert ask(library, body, GPOOL_BROKER=str(broker.path)) == GIB
    for thread in nodes[0].threads[1:]:
        thread.join(timeout=30)
    assert (nodes[0].sessions, nodes[0].goodbyes) == (1, 1)
