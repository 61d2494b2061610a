"""NVIDIA GPUs, with an NVML that says what the test wants."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gpool.hardware.nvidia import NvidiaGpus


class NVMLError(Exception):
    pass


class FakeNvml:
    """As much of pynvml as is used: devices are dictionaries; a key that is missing is an error of the driver."""

    NVMLError = NVMLError
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, devices: list[dict[str, Any]], *, broken: str = "") -> None:
        self.devices = devices
        self.broken = broken

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken:
            raise NVMLError(self.broken)

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.65"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:  # noqa: N802
        if "lost" in self.devices[index]:
            raise NVMLError("GPU is lost")
        return self.devices[index]

    def nvmlDeviceGetMaxMigDeviceCount(self, device: dict[str, Any]) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: dict[str, Any], index: int) -> Any:  # noqa: N802
        return self._value("instances", device, lambda instances: instances[index])

    def __getattr__(self, name: str) -> Any:
        fields = {
            "nvmlDeviceGetUUID": ("uuid", lambda value: value),
            "nvmlDeviceGetName": ("name", lambda value: value),
            "nvmlDeviceGetMemoryInfo": ("memory", lambda value: SimpleNamespace(total=value[0], used=value[1])),
            "nvmlDeviceGetUtilizationRates": ("busy", lambda value: SimpleNamespace(gpu=value)),
            "nvmlDeviceGetCudaComputeCapability": ("capability", lambda value: value),
            "nvmlDeviceGetPciInfo": ("pci", lambda value: SimpleNamespace(busId=value)),
            "nvmlDeviceGetMigMode": ("mig", lambda value: (value, value)),
        }
        if name not in fields:
            raise AttributeError(name)
        field, shape = fields[name]
        return lambda device: self._value(field, device, shape)

    def _value(self, field: str, device: dict[str, Any], shape: Any) -> Any:
        try:
            return shape(device[field])
        except (KeyError, IndexError):
            raise NVMLError("Not Supported") from None


H100 = {
    "uuid": "GPU-00000000-0000-0000-0000-000000000001",
    "name": "NVIDIA H100 80GB HBM3",
    "memory": (80 << 30, 3 << 30),
    "busy": 42,
    "capability": (9, 0),
    "pci": b"00000000:1B:00.0",
}


def gpus_with(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> NvidiaGpus:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return NvidiaGpus()


def test_what_a_gpu_is_and_does(monkeypatch: pytest.MonkeyPatch) -> None:
    source = gpus_with(monkeypatch, FakeNvml([H100]))
    (gpu,) = source.gpus()
    assert (source.why_none, source.driver_version) == ("", "580.65")
    assert (gpu.name, gpu.memory_bytes, gpu.capability) == (H100["name"], 80 << 30, "9.0")
    assert (gpu.pci_bus_id, gpu.emulated) == ("00000000:1b:00.0", False)
    (use,) = source.use()
    assert (use.memory_used_bytes, use.compute_busy_permille) == (3 << 30, 420)


def test_a_gpu_in_mig_mode_is_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    def instance(number: int) -> dict[str, Any]:
        uuid = f"MIG-00000000-0000-0000-0000-00000000001{number}"
        return {"uuid": uuid, "name": "NVIDIA H100 MIG 1g.10gb", "memory": (10 << 30, 0)}

    split = {**H100, "mig": 1, "instances": [instance(1), instance(2)]}
    source = gpus_with(monkeypatch, FakeNvml([split]))
    first, second = source.gpus()
    assert [gpu.uuid[-2:] for gpu in (first, second)] == ["11", "12"]
    assert first.capability == "9.0"
    assert [use.compute_busy_permille for use in source.use()] == [None, None]


def test_a_gpu_that_fell_off_the_bus_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [gpu.name for gpu in gpus_with(monkeypatch, FakeNvml([{"lost": True}, H100])).gpus()] == [H100["name"]]


@pytest.mark.parametrize(
    ("nvml", "why"),
    [
        (None, "the Python package nvidia-ml-py is not installed"),
        (FakeNvml([], broken="NVML Shared Library Not Found"), "does not answer (NVML Shared Library Not Found)"),
        (FakeNvml([]), "NVIDIA's driver is installed and sees no GPU"),
    ],
)
def test_no_gpus_is_an_answer(nvml: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = gpus_with(monkeypatch, nvml)
    assert (source.gpus(), source.use()) == ((), ())
    assert why in source.why_none
