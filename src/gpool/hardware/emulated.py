"""Emulated GPUs: their names and sizes, as the emulator computes them too (docs/internals/interfaces.md)."""

from __future__ import annotations

import hashlib
import os

from gpool.errors import InvalidInput
from gpool.model.gpu import Gpu

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "MOST_EMULATED_GPUS",
    "EmulatedGpus",
    "emulated_ledger",
    "emulated_pci_bus_id",
    "emulated_uuid",
]

DEFAULT_MEMORY_BYTES = 8 << 30
MOST_EMULATED_GPUS = 64  # what a ticket can name
CAPABILITY = "12.1"
NAME = "Emulated GPU"


def emulated_uuid(node: str, index: int) -> str:
    """UUID of emulated GPU `index` of `node`, as NVML prints it."""
    digits = hashlib.sha256(f"gpool-emulated-gpu:{node}:{index}".encode()).hexdigest()
    return f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def emulated_pci_bus_id(index: int) -> str:
    """PCI bus id of emulated GPU `index`."""
    return f"0000:{index + 1:02x}:00.0"


def emulated_ledger(node: str) -> str:
    """Name of the file in the runtime folder in which processes account for the memory of `node`'s emulated GPUs."""
    return f"emulated-{hashlib.sha256(node.encode()).hexdigest()[:16]}.ledger"


class EmulatedGpus:
    """`count` GPUs of `memory_bytes` each that exist in software on node `node`.

    Raises `InvalidInput` for a count that cannot be.
    """

    def __init__(self, node: str, count: int, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> None:
        if not 1 <= count <= MOST_EMULATED_GPUS:
            raise InvalidInput(f"{count} emulated GPUs cannot be; a node may emulate 1 to {MOST_EMULATED_GPUS}")
        self._node = node
        self._count = count
        self._memory_bytes = memory_bytes
        self._dry_run = os.environ.get("GPOOL_EMULATOR_DRY_RUN") or "0"

    def gpus(self) -> tuple[Gpu, ...]:
        """All of them, in the order of their index. In a dry run their name says so, as the emulator's own does."""
        name = NAME if self._dry_run == "0" else f"{NAME} (dry run)"
        return tuple(
            Gpu(
                uuid=emulated_uuid(self._node, index),
                index=index,
                name=name,
                memory_bytes=self._memory_bytes,
                capability=CAPABILITY,
                pci_bus_id=emulated_pci_bus_id(index),
                emulated=True,
            )
            for index in range(self._count)
        )

    def environment(self) -> dict[str, str]:
        """What makes the emulator show exactly these GPUs."""
        return {
            "GPOOL_EMULATOR_GPUS": str(self._count),
            "GPOOL_EMULATOR_MEMORY": str(self._memory_bytes),
            "GPOOL_EMULATOR_NODE": self._node,
            "GPOOL_EMULATOR_CAPABILITY": CAPABILITY,
            "GPOOL_EMULATOR_NAME": NAME,
            "GPOOL_EMULATOR_DRY_RUN": self._dry_run,
        }
