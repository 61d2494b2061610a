"""GPUs as a node sees them, and how much of them is in use."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from gpool.model.base import Bytes, GpuUuid, LeaseId, Model, Permille, Text

__all__ = ["Gpu", "GpuUse", "LeaseUse", "SessionUse"]


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
