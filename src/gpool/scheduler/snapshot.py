"""What a scheduling cycle looks at, and what it decides."""

from dataclasses import dataclass

from gpool.model.lease import Lease, Vgpu
from gpool.model.node import Node

__all__ = ["Placement", "Plan", "Snapshot", "Wait"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pool at one moment."""

    nodes: tuple[Node, ...]
    leases: tuple[Lease, ...]
    """All that are not ended. The pending ones are the queue, by `created_at`, then id."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A pending lease gets these vGPUs."""

    lease_id: str
    vgpus: tuple[Vgpu, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """A pending lease stays pending; `reason` is the sentence that its holder sees."""

    lease_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """To be applied whole or not at all."""

    placements: tuple[Placement, ...]
    waits: tuple[Wait, ...]
