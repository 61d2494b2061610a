"""The best place for one demand: filters, points, and the order among equals."""

from dataclasses import dataclass, replace

import numpy as np

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import PoolIndex, Spot
from gpool.scheduler.policy import Policy
from gpool.scheduler.rules.gather import MAX_VGPUS_PER_NODE, gather

__all__ = ["Placer"]

_POINT = 1e6
"""Points are compared in millionths: what differs by rounding alone is equal."""

_REMEMBERED = 1000
"""Demands; when there are more, all are forgotten and those that still come are worked out again."""


@dataclass(slots=True)
class _Seen:
    """What is known about every node for one demand, and at which version of the node."""

    version: Ints
    fitting: Ints
    points: Floats
    picks: Ints


class Placer:
    """Finds places in an index by a policy. Remembers per demand what it worked out, until the node changes."""

    def __init__(self, index: PoolIndex, policy: Policy) -> None:
        self.index = index
        self.policy = policy
        self._seen: dict[Demand, _Seen] = {}
        self._bares: dict[Demand, Demand] = {}
        self._structure = -1

    def find(self, demand: Demand) -> Spot | None:
        """The best place on one node, with the host's processors and memory, or None."""
        index = self.index
        seen = self._look(demand)
        feasible = seen.fitting >= demand.vgpus
        feasible &= index.rows_for(demand)
        if demand.cpu_milli:
            feasible &= index.cpu_left >= demand.cpu_milli
        if demand.memory_mib:
            feasible &= index.memory_left >= demand.memory_mib
        if not feasible.any():
            return None
        points = seen.points
        for rule in self.policy.pool:
            points = rule.adjust(index, demand, points, feasible)
        rated = np.where(feasible, np.rint(points * _POINT), -np.inf)
        best = np.flatnonzero(rated == rated.max())
        row = int(best[index.order[best].argmin()]) if len(best) > 1 else int(best[0])
        return Spot(row, self._columns(demand, row, demand.vgpus, int(seen.picks[row])))

    def find_spread(self, demand: Demand, max_nodes: int | None = None) -> list[Spot]:
        """GPUs of as few nodes as can be, for a demand that no node can serve alone; empty when there are not enough.

        The host's processors and memory are not looked at: they are somewhere else.
        """
        fitting = np.where(self.index.rows_for(demand), self._look(demand).fitting, 0)
        parts = gather(fitting, self.index.order, demand.vgpus, max_nodes)
        return [Spot(row, self._columns(demand, row, count)) for row, count in parts]

    def fitting(self, demand: Demand) -> Bools:
        """Which GPUs (rows × columns) can take a vGPU of the demand now."""
        return self.index.fitting(demand) & self.index.rows_for(demand)[:, None]

    def _look(self, demand: Demand) -> _Seen:
        index = self.index
        if self._structure != index.structure:
            self._structure = index.structure
            self._seen.clear()
        if demand.memory_mib or demand.node is not None:
            demand = self._bare(demand)
        seen = self._seen.get(demand)
        if seen is None:
            if len(self._seen) > _REMEMBERED:
                self._seen.clear()
            count = len(index.idle)
            zeros = np.zeros(count, dtype=np.int64)
            seen = self._seen[demand] = _Seen(zeros - 1, zeros.copy(), np.zeros(count), zeros.copy())
        stale = np.flatnonzero(seen.version != index.version)
        if not len(stale):
            return seen
        fitting = np.minimum(index.fitting(demand, stale).sum(axis=1), MAX_VGPUS_PER_NODE)
        seen.fitting[stale] = fitting
        seen.version[stale] = index.version[stale]
        # A node that cannot take the demand needs no points.
        rows = stale[(fitting >= demand.vgpus) & (index.cpu_left[stale] >= demand.cpu_milli)]
        if len(rows):
            seen.picks[rows], points = self.policy.gpu.look(index, demand, rows)
            for rule in self.policy.node:
                points = points + rule.points(index, demand, rows)
            seen.points[rows] = points
        return seen

    def _bare(self, demand: Demand) -> Demand:
        """The demand without what says nothing about how good a node is."""
        bare = self._bares.get(demand)
        if bare is None:
            if len(self._bares) > _REMEMBERED:
                self._bares.clear()
            bare = self._bares[demand] = replace(demand, memory_mib=0, node=None)
        return bare

    def _columns(self, demand: Demand, row: int, count: int, pick: int | None = None) -> tuple[int, ...]:
        """Which GPUs of the node: for a share the one that the policy picked, else the smallest or the tightest."""
        if not count:
            return ()
        if pick is not None and demand.single_share:
            return (pick,)
        index = self.index
        columns = np.flatnonzero(index.fitting(demand, slice(row, row + 1))[0])
        if demand.whole:
            columns = columns[np.argsort(index.total_bytes[row, columns], kind="stable")]
        else:
            columns = columns[np.lexsort((index.unreserved[row, columns], index.free_bytes[row, columns]))]
        return tuple(sorted(int(column) for column in columns[:count]))
