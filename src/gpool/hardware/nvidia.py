"""NVIDIA GPUs through NVML: the only module that touches it.

A host without the library, without the driver, or with a driver that is being replaced has no GPUs: that is an answer,
not an exception. `why_none` says which it is, for people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from gpool.hardware.nvidia_faults import NvidiaFaults
from gpool.model.gpu import Gpu, GpuFault, GpuUse

__all__ = ["NvidiaGpus"]


class NvidiaGpus:
    """The NVIDIA GPUs of this host; where a GPU is split by MIG, its instances instead of it.

    `why_none` is empty while there are any, else a sentence. `driver_version` is NVIDIA's, empty when there is none.
    """

    def __init__(self) -> None:
        self.why_none = ""
        self.driver_version = ""
        self._nvml: Any = None
        self._faults: NvidiaFaults | None = None
        try:
            import pynvml  # type: ignore[import-untyped]
        except ImportError:
            self.why_none = "the Python package nvidia-ml-py is not installed"
            return
        try:
            pynvml.nvmlInit()
            self._nvml = pynvml
            self._faults = NvidiaFaults(pynvml)
            self.driver_version = _text(pynvml.nvmlSystemGetDriverVersion())
            if pynvml.nvmlDeviceGetCount() == 0:
                self.why_none = "NVIDIA's driver is installed and sees no GPU"
        except pynvml.NVMLError as error:
            self.why_none = f"NVIDIA's driver does not answer ({error})"

    def gpus(self) -> tuple[Gpu, ...]:
        """All of them, in NVML's order (that of the PCI bus)."""
        found = []
        for index, (device, parent) in enumerate(self._devices()):
            with self._absent_is_none():
                found.append(self._gpu(index, device, parent))
        return tuple(found)

    def use(self) -> tuple[GpuUse, ...]:
        """Memory used and time busy of each, as the driver measures it: by everybody, not only by gpool."""
        uses = []
        for device, _ in self._devices():
            with self._absent_is_none():
                nvml = self._nvml
                busy = None
                with contextlib.suppress(nvml.NVMLError):  # not measured for MIG instances
                    busy = int(nvml.nvmlDeviceGetUtilizationRates(device).gpu) * 10
                uses.append(
                    GpuUse(
                        gpu_uuid=_text(nvml.nvmlDeviceGetUUID(device)),
                        memory_used_bytes=int(nvml.nvmlDeviceGetMemoryInfo(device).used),
                        compute_busy_permille=busy,
                    )
                )
        return tuple(uses)

    def faults(self) -> tuple[GpuFault, ...]:
        """What has made GPUs unfit; of a GPU that is split by MIG, all instances are."""
        if self._faults is None:
            return ()
        parents: dict[str, tuple[Any, list[str]]] = {}
        for device, parent in self._devices():
            with self._absent_is_none():
                uuid = _text(self._nvml.nvmlDeviceGetUUID(parent))
                parents.setdefault(uuid, (parent, []))[1].append(_text(self._nvml.nvmlDeviceGetUUID(device)))
        return self._faults.look(parents)

    def environment(self) -> dict[str, str]:
        """Nothing: NVIDIA's driver needs to be told nothing."""
        return {}

    @contextlib.contextmanager
    def _absent_is_none(self) -> Iterator[None]:
        """A GPU that falls off the bus between two questions is left out of the answer."""
        with contextlib.suppress(self._nvml.NVMLError):
            yield

    def _devices(self) -> list[tuple[Any, Any]]:
        """Each device with the GPU that it is a MIG instance of, itself where it is none."""
        nvml = self._nvml
        if nvml is None:
            return []
        devices: list[tuple[Any, Any]] = []
        with self._absent_is_none():
            for index in range(nvml.nvmlDeviceGetCount()):
                with self._absent_is_none():
                    device = nvml.nvmlDeviceGetHandleByIndex(index)
                    devices += [(instance, device) for instance in self._instances(device)] or [(device, device)]
        return devices

    def _instances(self, device: Any) -> list[Any]:
        nvml = self._nvml
        instances: list[Any] = []
        with contextlib.suppress(nvml.NVMLError):
            current, _ = nvml.nvmlDeviceGetMigMode(device)
            if current != nvml.NVML_DEVICE_MIG_ENABLE:
                return []
            for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
                with contextlib.suppress(nvml.NVMLError):
                    instances.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, index))
        return instances

    def _gpu(self, index: int, device: Any, parent: Any) -> Gpu:
        nvml = self._nvml
        capability = ""
        with contextlib.suppress(nvml.NVMLError):
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(parent)
            capability = f"{major}.{minor}"
        return Gpu(
            uuid=_text(nvml.nvmlDeviceGetUUID(device)),
            index=index,
            name=_text(nvml.nvmlDeviceGetName(device)),
            memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(device).total),
            capability=capability,
            pci_bus_id=_text(nvml.nvmlDeviceGetPciInfo(parent).busId).lower(),
        )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
