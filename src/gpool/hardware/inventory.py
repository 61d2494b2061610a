"""What GPUs a node has, from whichever source."""

from __future__ import annotations

from typing import Protocol

from gpool.model.gpu import Gpu, GpuFault

__all__ = ["GpuSource"]


class GpuSource(Protocol):
    """A kind of GPUs: NVIDIA's (`NvidiaGpus`) or emulated ones (`EmulatedGpus`)."""

    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs that are there now."""

    def faults(self) -> tuple[GpuFault, ...]:
        """What has made GPUs unfit since this host was started, as far as this process knows. Does not wait."""

    def environment(self) -> dict[str, str]:
        """Variables that a driver of these GPUs needs in its environment."""
