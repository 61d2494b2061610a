"""What rules of one's own are written against: how a rule sees nodes and requests.

A rule is an object with any of the methods of `Filter`, `Score` and `Order`; a class of a package that names it as an
entry point of the group `gpool.rules`, and a pool whose settings name that entry point. The guide is
docs/guides/own-rules.md, a worked example examples/own-rules.

Rules have to be pure: the same answer to the same question, no files, no network, no clock, no chance. They run inside
the scheduler, so they have to be quick: answers about a node are kept until the node changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gpool.model.lease import LeaseRequest

__all__ = ["GROUP", "Filter", "GpuState", "NodeState", "Order", "Score", "Wanted"]

GROUP = "gpool.rules"
"""The group of entry points."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """A GPU of a node, now."""

    uuid: str
    model: str
    memory_bytes: int
    free_bytes: int
    free_permille: int
    """Compute that nobody has reserved."""
    vgpus: int
    """How many are on it."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node that could take the request, now."""

    name: str
    labels: Mapping[str, str]
    gpus: tuple[GpuState, ...]
    """By index. GPUs that were taken out are not among them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request takes. Those that want the same are placed alike, so there is nothing here of who asks."""

    vgpus: int
    whole: bool
    """Whether nobody else may be on its GPUs."""
    memory_bytes: int
    """Of each vGPU; of a whole GPU, what it must have at least."""
    compute_permille: int
    """Reserved for each vGPU; 0 for none, and for whole GPUs."""
    models: frozenset[str]
    """GPU models that will do; empty for any."""


class Filter(Protocol):
    """Keeps requests away from nodes."""

    def allows(self, node: NodeState, wanted: Wanted) -> bool:
        """Whether the node may take it."""


class Score(Protocol):
    """Prefers some nodes to others."""

    def points(self, node: NodeState, wanted: Wanted) -> float:
        """Points; more is better. Times the rule's weight, they are added to those of the pool's own rules. These
        range over about a hundred; while little is known of what is typical, a point is a GiB that stays free. They
        decide between nodes that can take all of it."""


class Order(Protocol):
    """Says who comes first, among those of one queue and one priority."""

    def rank(self, request: LeaseRequest, owner: str, queue: str) -> float:
        """Times the rule's weight, the ranks of all rules are added up; the least comes first, then who came first."""
