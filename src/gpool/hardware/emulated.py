"""Emulated GPUs: their names and sizes, as the emulator computes them too (docs/internals/interfaces.md)."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime

import structlog

from gpool.errors import InvalidInput
from gpool.hardware.xids import CONDEMNING
from gpool.model.gpu import FaultKind, Gpu, GpuFault
from gpool.paths import runtime_folder

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "MOST_EMULATED_GPUS",
    "EmulatedGpus",
    "emulated_faults_file",
    "emulated_ledger",
    "emulated_pci_bus_id",
    "emulated_uuid",
]

DEFAULT_MEMORY_BYTES = 8 << 30
MOST_EMULATED_GPUS = 64  # what a ticket can name
CAPABILITY = "12.1"
NAME = "Emulated GPU"

log = structlog.get_logger(__name__)


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


def emulated_faults_file(node: str) -> str:
    """Name of the file in the runtime folder whose lines are faults of `node`'s emulated GPUs: `0 xid 79`, `1 ecc`."""
    return f"emulated-{hashlib.sha256(node.encode()).hexdigest()[:16]}.faults"


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
        self._seen: dict[tuple[int, str], datetime] = {}
        """Lines of the file of faults, by number and text, and when they were written at the latest."""

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

    def faults(self) -> tuple[GpuFault, ...]:
        """Those that somebody wrote into the file `emulated_faults_file`, with the time of the file when first seen."""
        path = os.path.join(runtime_folder(), emulated_faults_file(self._node))
        try:
            with open(path) as file:
                written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                lines = [(number, line.strip()) for number, line in enumerate(file) if line.strip()]
        except (OSError, UnicodeDecodeError):
            lines = []
        for line in lines:
            if line not in self._seen:
                self._seen[line] = written
                if self._fault(line[1], written) is None:
                    log.info("no fault that condemns an emulated GPU", line=line[1], file=path)
        faults = (self._fault(line[1], self._seen[line]) for line in lines)
        return tuple(fault for fault in faults if fault is not None)

    def _fault(self, line: str, at: datetime) -> GpuFault | None:
        """`INDEX KIND [XID]` as a fault; None for anything else, and for an XID that condemns nothing."""
        index, kind, code = [*line.split(), "", "", ""][:3]
        if not index.isdecimal() or int(index) >= self._count or kind not in list(FaultKind):
            return None
        uuid = emulated_uuid(self._node, int(index))
        if kind != FaultKind.XID:
            return GpuFault(gpu_uuid=uuid, kind=FaultKind(kind), detail="injected", at=at)
        if not code.isdecimal() or int(code) not in CONDEMNING:
            return None
        return GpuFault(gpu_uuid=uuid, kind=FaultKind.XID, code=int(code), detail=CONDEMNING[int(code)], at=at)

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
