"""Clustering: like to like, so that nodes of shares and nodes of large requests stay apart. A baseline."""

import numpy as np

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex, kind_of

__all__ = ["Clustering"]


class Clustering:
    """75 points where only the same kind is, 50 where it is among others, 25 where nobody is; up to 25 for fullness."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`."""
        if not demand.vgpus:
            return np.zeros(len(rows))
        most = max(1, int(index.gpus.max())) * WHOLE
        fullness = 25 * (most - index.idle[rows]) // most
        there = index.kinds[rows] > 0
        kinds = there.sum(axis=1)
        alike = np.where(kinds == 1, 75, 50)
        points: Floats = fullness + np.where(there[:, kind_of(demand)], alike, np.where(kinds == 0, 25, 0)).astype(
            float
        )
        return points
