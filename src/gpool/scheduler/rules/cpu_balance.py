"""Processor balance: a GPU whose node has no processors left is idle for good.

A node should keep as many processors as its idle GPUs are typically used with. What is missing is its shortage. A
request that would make it larger belongs elsewhere; one that needs few processors for its GPUs makes it smaller.
"""

import numpy as np

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["CpuBalance"]

_POINTS_PER_CORE = 0.2


class CpuBalance:
    """See the module."""

    def __init__(self, cores_per_gpu: float) -> None:
        self._cores_per_gpu = cores_per_gpu

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`: points lost for each core by which the shortage grows."""
        if not self._cores_per_gpu:
            return np.zeros(len(rows))
        taken = demand.vgpus * (WHOLE if demand.whole else demand.permille)
        before = self._shortage(index.idle[rows], index.cpu_left[rows])
        after = self._shortage(index.idle[rows] - taken, index.cpu_left[rows] - demand.cpu_milli)
        return -_POINTS_PER_CORE * (after - before)

    def _shortage(self, idle_milli: Ints, cpu_milli: Ints) -> Floats:
        missing: Floats = self._cores_per_gpu * idle_milli / WHOLE - cpu_milli / 1000
        return np.maximum(0.0, missing)
