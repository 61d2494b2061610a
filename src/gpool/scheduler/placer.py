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
        """The best place for all vGPUs on one node, with the host's processors and memory, or None."""
        index = self.index
        if demand.scope == "spread" and demand.vgpus > 1:
            return None
        rated = self._rate(demand, self._near(demand))
        if rated is None:
            return None
        best = np.flatnonzero(rated == rated.max())
        row = int(best[index.order[best].argmin()]) if len(best) > 1 else int(best[0])
        return Spot(row, self._columns(demand, row, demand.vgpus, int(self._look(demand).picks[row])))

    def find_spread(self, demand: Demand, max_nodes: int | None = None) -> list[Spot]:
        """GPUs of as few nodes as can be, for a demand that no node can serve alone; empty when there are not enough.

        With the scope `spread`, one each of the best nodes. The host's processors and memory are not looked at: they
        are somewhere else.
        """
        if demand.scope == "node":
            return []
        if demand.scope == "spread":
            return self._one_each(demand)
        fitting = self._fitting_on_rows(demand)
        parts = []
        count = demand.vgpus
        if (near := self._near(demand)) is not None:
            here = np.where(near, fitting, 0)
            count = min(int(here.sum()), demand.vgpus)
            parts = gather(here, self.index.order, count, max_nodes)
            fitting = np.where(near, 0, fitting)
            count = demand.vgpus - count
        rest = gather(fitting, self.index.order, count, None if max_nodes is None else max_nodes - len(parts))
        if count and not rest:
            return []
        return [Spot(row, self._columns(demand, row, count)) for row, count in parts + rest]

    def most(self, demand: Demand) -> int:
        """How many vGPUs of the demand could be placed now, `demand.vgpus` at most."""
        fitting = self._fitting_on_rows(demand)
        if demand.scope == "node":
            most = fitting.max(initial=0)
        else:
            most = np.minimum(fitting, 1).sum() if demand.scope == "spread" else fitting.sum()
        return min(int(most), demand.vgpus)

    def fitting(self, demand: Demand) -> Bools:
        """Which GPUs (rows × columns) can take a vGPU of the demand now."""
        return self.index.fitting(demand) & self.index.usable(demand)

    def _rate(self, demand: Demand, near: Bools | None = None) -> Floats | None:
        """Points of the nodes that can take all of the demand; None when there is none.

        `near`: nodes beside which no other is looked at, as long as one of them will do.
        """
        index = self.index
        seen = self._look(demand)
        fitting = seen.fitting
        if demand.where is not None:
            fitting = fitting.copy()
            self._leave_out(demand, fitting)
        feasible = fitting >= demand.vgpus
        feasible &= index.rows_for(demand)
        if demand.cpu_milli:
            feasible &= index.cpu_left >= demand.cpu_milli
        if demand.memory_mib:
            feasible &= index.memory_left >= demand.memory_mib
        if near is not None and (feasible & near).any():
            feasible &= near
        if not feasible.any():
            return None
        points = seen.points
        for rule in self.policy.pool:
            points = rule.adjust(index, demand, points, feasible)
        return np.where(feasible, np.rint(points * _POINT), -np.inf)

    def _one_each(self, demand: Demand) -> list[Spot]:
        one = demand.of_size(1)
        rated = self._rate(one)
        if rated is None or np.isfinite(rated).sum() < demand.vgpus:
            return []
        near = self._near(demand)
        far = np.zeros(len(rated), dtype=bool) if near is None else ~near
        rows = np.lexsort((self.index.order, -rated, far | ~np.isfinite(rated)))[: demand.vgpus]
        picks = self._look(one).picks
        return [Spot(int(row), self._columns(one, int(row), 1, int(picks[row]))) for row in rows]

    def _near(self, demand: Demand) -> Bools | None:
        """Nodes that come before all others, for a demand that has any."""
        if demand.where is None or demand.where.reach != "local-first":
            return None
        return self.index.traits.local(demand.where.host_id)

    def _fitting_on_rows(self, demand: Demand) -> Ints:
        """How many GPUs of each node can take a vGPU of the demand now."""
        fitting = self._look(demand).fitting.copy()
        self._leave_out(demand, fitting)
        return np.where(self.index.rows_for(demand), fitting, 0)

    def _leave_out(self, demand: Demand, fitting: Ints) -> None:
        """Count the GPUs anew, in `fitting`, of nodes where some must not be taken."""
        barred = list(self.index.barred(demand))
        if not barred:
            return
        places = np.array(barred, dtype=np.int64)
        rows, position = np.unique(places[:, 0], return_inverse=True)
        fits = self.index.fitting(demand, rows)
        fits[position, places[:, 1]] = False
        fitting[rows] = np.minimum(fits.sum(axis=1), MAX_VGPUS_PER_NODE)

    def _look(self, demand: Demand) -> _Seen:
        index = self.index
        if self._structure != index.structure:
            self._structure = index.structure
            self._seen.clear()
        if demand.memory_mib or demand.node is not None or demand.where is not None or demand.enough:
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
            bare = self._bares[demand] = replace(demand.anywhere(), memory_mib=0)
        return bare

    def _columns(self, demand: Demand, row: int, count: int, pick: int | None = None) -> tuple[int, ...]:
        """Which GPUs of the node: for a share the one that the policy picked, else the smallest or the tightest."""
        if not count:
            return ()
        index = self.index
        barred = [column for barred_row, column in index.barred(demand) if barred_row == row]
        if pick is not None and demand.single_share and pick not in barred:
            return (pick,)
        fits = index.fitting(demand, slice(row, row + 1))[0]
        fits[barred] = False
        columns = np.flatnonzero(fits)
        if demand.whole:
            columns = columns[np.argsort(index.total_bytes[row, columns], kind="stable")]
        else:
            columns = columns[np.lexsort((index.unreserved[row, columns], index.free_bytes[row, columns]))]
        return tuple(sorted(int(column) for column in columns[:count]))
