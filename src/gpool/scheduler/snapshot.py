"""What a scheduling cycle looks at, and what it decides."""

from dataclasses import dataclass, field

from gpool.model.lease import GpuPlace, Lease, Vgpu
from gpool.model.node import Node
from gpool.model.policy import Policy

__all__ = ["Placement", "Plan", "RoomPlan", "Snapshot", "Wait"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pool at one moment."""

    nodes: tuple[Node, ...]
    leases: tuple[Lease, ...]
    """All that are not ended. The pending ones are the queue, by `created_at`, then id."""
    policy: Policy = field(default_factory=Policy)


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
class RoomPlan:
    """Others give way to a pending lease. A plan says so again as long as it holds."""

    lease_id: str
    places: tuple[GpuPlace, ...]
    """The GPUs that it gets when they have gone."""
    victims: tuple[tuple[str, str], ...]
    """Id of each lease that has to go, and a sentence for its holder. None, where others are ending anyway."""
    suspended: bool = False
    """Whether nobody can be asked to go just now, because a node is away that is expected back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """To be applied whole or not at all."""

    placements: tuple[Placement, ...]
    waits: tuple[Wait, ...]
    rooms: tuple[RoomPlan, ...] = ()
    """All that hold: a pending lease that has room and is in none of them has lost it."""
    let_off: tuple[str, ...] = ()
    """Leases that were warned and need not go any more."""
    moves: tuple[Placement, ...] = ()
    """Leases that are not in use yet and go elsewhere, so that a request fits. Before the placements."""
