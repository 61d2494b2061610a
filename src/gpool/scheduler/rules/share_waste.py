"""Least waste: a share goes where the least of a GPU is expected to stay empty for good.

What is left of a GPU is filled, if at all, by shares that typically come. A piece so large that something fits with
near certainty is worth keeping; a piece that few fit, or that they leave crumbs of, is as good as lost. The expected
waste of each piece follows from that of the smaller pieces.
"""

import numpy as np

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex
from gpool.scheduler.typical import TypicalWorkload

__all__ = ["LeastWaste", "expected_waste"]

_CHANCES = 20
"""So many shares that typically come may look at a piece before it counts as lost."""

_POINTS_PER_GPU = 25.0
"""What a GPU of fragments costs in the rule of least fragmentation, near no change."""


class LeastWaste:
    """Chooses the GPU for a share in each node, and rates the node by it. 50 points: the waste stays what it is."""

    def __init__(self, typical: TypicalWorkload) -> None:
        self._shares = [(demand, weight) for demand, weight in typical.demands if demand.vgpus and not demand.whole]
        self._tables: dict[int, Floats] = {}

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """See `GpuRule`; for a `single_share`."""
        fits = index.fitting(demand, rows)
        left, total = index.left[rows], index.total_bytes[rows]
        after = np.maximum(left, 0)
        if demand.bytes:
            free = index.free_bytes[rows] - demand.bytes
            after = np.minimum(free * WHOLE // np.maximum(total, 1), index.unreserved[rows] - demand.permille)
        else:
            after = left - demand.permille
        growth = self._growth(total, left, np.maximum(after, 0), fits)
        picks: Ints = growth.argmin(axis=1)
        return picks, 50.0 - _POINTS_PER_GPU * growth[np.arange(len(rows)), picks] / WHOLE

    def _growth(self, total: Ints, left: Ints, after: Ints, fits: Bools) -> Floats:
        """By how many milli-GPUs the expected waste grows on each GPU; infinite where the share does not fit."""
        growth = np.full(left.shape, np.inf)
        for size in np.unique(total[fits]) if fits.any() else ():
            table = self._table(int(size))
            here = fits & (total == size)
            growth[here] = table[after[here]] - table[left[here]]
        return growth

    def _table(self, gpu_bytes: int) -> Floats:
        table = self._tables.get(gpu_bytes)
        if table is None:
            weights: dict[int, float] = {}
            for demand, weight in self._shares:
                milli = demand.milli(gpu_bytes)
                if milli <= WHOLE:
                    weights[milli] = weights.get(milli, 0.0) + weight * demand.vgpus
            table = self._tables[gpu_bytes] = expected_waste(weights)
        return table


def expected_waste(weights: dict[int, float]) -> Floats:
    """Expected waste (milli-GPUs) of pieces of 0 to 1000. `weights`: how often shares of a size come."""
    waste = np.arange(WHOLE + 1, dtype=np.float64)
    total = sum(weights.values())
    sizes = sorted(weights)
    for piece in range(WHOLE + 1):
        fitting = [size for size in sizes if size <= piece]
        if not fitting:
            continue
        often = sum(weights[size] for size in fitting) / total
        lost = (1 - often) ** _CHANCES
        rest = sum(weights[size] * waste[piece - size] for size in fitting) / (often * total)
        waste[piece] = lost * piece + (1 - lost) * rest
    return waste
