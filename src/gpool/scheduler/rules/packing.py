"""Packing: first GPUs that are shared already, then idle GPUs of used nodes, then idle nodes. A baseline."""

import numpy as np

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["Packing"]

_NO_ROOM = 10**6


class Packing:
    """Three bands: 50 to 100 points without opening an idle GPU, 33 to 50 on a used node, up to 33 on an idle one."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`."""
        if not demand.vgpus:
            return np.zeros(len(rows))
        left = index.left[rows]
        idle_gpus = (left == WHOLE).sum(axis=1)
        used = np.sort(np.where(index.fitting(demand, rows), left, _NO_ROOM), axis=1)[:, : demand.vgpus]
        opened = (used == WHOLE).sum(axis=1)
        shared = np.maximum(100 - (used * 100 // WHOLE).sum(axis=1) // 10, 50)
        on_used_node = np.where(opened > 0, np.maximum(50 - opened, 33), shared)
        points: Ints = np.where(idle_gpus == index.gpus[rows], np.maximum(33 - idle_gpus, idle_gpus), on_used_node)
        return points.astype(np.float64)
