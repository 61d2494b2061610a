"""Used first: a node that somebody uses already, so that empty ones stay whole."""

import numpy as np

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["UsedFirst"]

_POINTS = 0.1


class UsedFirst:
    """Decides between nodes that cost the same fragmentation, and no more than that."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`."""
        points: Floats = _POINTS * np.not_equal(index.idle[rows], index.gpus[rows] * WHOLE)
        return points
