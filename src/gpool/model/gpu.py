"""GPUs as a node sees them, and how much of them is in use."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from gpool.model.base import Bytes, GpuUuid, Instant, LeaseId, Model, Permille, Text

__all__ = ["FaultKind", "Gpu", "GpuFault", "GpuOut", "GpuUse", "LeaseUse", "SessionUse"]


class Gpu(Model):
    """A physical device of a node, a MIG instance, or an emulated one."""

    uuid: GpuUuid
    index: Annotated[StrictInt, Field(ge=0)]
    name: Text
    memory_bytes: Annotated[Bytes, Field(gt=0)]
    capability: Text = ""
    """Compute capability, `9.0`; empty when unknown."""
    pci_bus_id: Text = ""
    emulated: StrictBool = False


class FaultKind(StrEnum):
    """How a GPU can be sick."""

    XID = "xid"
    """The driver reported an XID that condemns the GPU; see `gpool.hardware.xids`."""
    ECC = "ecc"
    """Memory lost data: an ECC error that could not be corrected."""
    LOST = "lost"
    """The GPU no longer answers."""
    ROW_REMAP = "row-remap"
    """A row of its memory could not be replaced by a spare one."""
    RETIRED_PAGES = "retired-pages"
    """Pages of its memory are to be retired, which takes a reset."""

    @property
    def ends_leases(self) -> bool:
        """Whether what computes there cannot be trusted any more. Otherwise it is only kept from new leases."""
        return self in (FaultKind.XID, FaultKind.ECC, FaultKind.LOST)


class GpuFault(Model):
    """A reason for which nobody should compute on a GPU, as its node saw it."""

    gpu_uuid: GpuUuid
    kind: FaultKind
    code: StrictInt | None = None
    """The XID, where there is one."""
    detail: Text = ""
    at: Instant
    """When, on the clock of the node. Also tells this fault from the next one of its kind."""

    @property
    def sentence(self) -> str:
        """What happened, for people: `XID 79 (the GPU has fallen off the bus)`."""
        what = f"XID {self.code}" if self.kind is FaultKind.XID else str(self.kind)
        return f"{what} ({self.detail})" if self.detail else what


class GpuOut(Model):
    """A GPU that was taken out: nothing new is placed there until somebody puts it back."""

    gpu_uuid: GpuUuid
    reason: Text
    by: Text
    """Name of the token that took it out; `gpool` when the pool did so by itself, because of `fault`."""
    at: Instant
    fault: GpuFault | None = None
    boot_id: Text = ""
    """Of the node at that time: what the pool took out is put back when the node has started anew without fault."""


class GpuUse(Model):
    """What one GPU does now, measured by its node."""

    gpu_uuid: GpuUuid
    memory_used_bytes: Bytes = 0
    compute_busy_permille: Permille | None = None
    """Part of the last second in which kernels ran; null where it cannot be measured."""


class LeaseUse(Model):
    """What one lease uses of one GPU now."""

    lease: LeaseId
    gpu_uuid: GpuUuid
    memory_used_bytes: Bytes = 0


class SessionUse(Model):
    """What one session uses of one GPU now; only where it has a context."""

    session: Annotated[StrictInt, Field(ge=0)]
    gpu_uuid: GpuUuid
    memory_used_bytes: Bytes = 0
    compute_busy_permille: Permille = 0
    """Part of the last second in which work of the session was under way."""
