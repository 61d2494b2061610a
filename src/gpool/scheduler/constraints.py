"""What a request says about nodes and other leases, as values that can be compared: part of a `Demand`."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gpool.model.lease import LeaseRequest
from gpool.model.placement import Placement, Reach, Scope

__all__ = ["Constraints", "Near", "Tolerated", "Wanted", "constraints_of"]

_ANYWHERE = Placement()


class Wanted(NamedTuple):
    """See `gpool.model.placement.Selector`."""

    key: str
    operator: str
    values: frozenset[str]


class Tolerated(NamedTuple):
    """See `gpool.model.placement.Toleration`."""

    key: str | None
    value: str | None


class Near(NamedTuple):
    """See `gpool.model.placement.Affinity`."""

    relation: str
    labels: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Constraints:
    """Of a demand that may not be just anywhere, or that others want to be near to or away from."""

    scope: Scope = "pool"
    reach: Reach = "anywhere"
    host_id: str = ""
    """Of the program; empty where `reach` does not ask."""
    selectors: tuple[Wanted, ...] = ()
    tolerations: tuple[Tolerated, ...] = ()
    affinity: tuple[Near, ...] = ()
    labels: frozenset[tuple[str, str]] = frozenset()
    owner: str = ""
    """Empty where there are neither labels nor affinities."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.scope, self.reach, self.host_id, self.selectors, self.tolerations, self.affinity, self.labels)
        object.__setattr__(self, "_hash", hash((parts, self.owner)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def follows_others(self) -> bool:
        """Whether somebody else must be somewhere before it can be placed."""
        return any(near.relation == "same-node" for near in self.affinity)


def constraints_of(request: LeaseRequest, owner: str = "") -> Constraints | None:
    """What a request says; None for one that may be anywhere and that nobody can call by a label."""
    placement = request.placement
    if placement == _ANYWHERE and not request.labels:
        return None
    social = bool(request.labels or placement.affinity)
    return Constraints(
        scope="node" if placement.scope == "gpu" else placement.scope,
        reach=placement.reach,
        host_id="" if placement.reach == "anywhere" else request.host_id,
        selectors=tuple(Wanted(one.key, one.operator, frozenset(one.values)) for one in placement.nodes),
        tolerations=tuple(Tolerated(one.key, one.value) for one in placement.tolerations),
        affinity=tuple(Near(one.relation, frozenset(one.labels.items())) for one in placement.affinity),
        labels=frozenset(request.labels.items()),
        owner=owner if social else "",
    )
