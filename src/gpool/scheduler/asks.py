"""Requests as the scheduler orders and places them."""

from dataclasses import dataclass, replace

from gpool.scheduler.demand import Demand
from gpool.scheduler.index import Spot
from gpool.scheduler.queues import ROOT

__all__ = ["Ask", "Held"]


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody wants a demand met."""

    id: str
    demand: Demand
    created: float = 0.0
    """Seconds; who came first is served first, within a queue and a priority."""
    queue: str = ROOT
    priority: int = 0
    """Within its queue the larger comes first, and may make the smaller give way."""
    preemptible: bool = False
    """Whether it can be ended, after it was granted, to make room for another."""
    preempts: bool = True
    """Whether it may make the less urgent of its queue give way."""
    rank: float = 0.0
    """Among those of its queue and priority the least comes first, whoever came first."""

    def of_size(self, vgpus: int) -> "Ask":
        """The same for just so many vGPUs."""
        return self if vgpus == self.demand.vgpus else replace(self, demand=self.demand.of_size(vgpus))

    @property
    def turn(self) -> tuple[int, float, float, str]:
        """Least first."""
        return -self.priority, self.rank, self.created, self.id


@dataclass(frozen=True, slots=True)
class Held:
    """An ask that was granted, and where."""

    ask: Ask
    spots: tuple[Spot, ...]
    since: float = 0.0
