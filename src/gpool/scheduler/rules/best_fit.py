"""Best fit: the node, or the GPU, that is left with the least."""

import numpy as np

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex
from gpool.scheduler.rules.tightest import tightest

__all__ = ["BestFit", "SmallGpusFirst", "SmallestLeftover"]

_SMALL_GPU = 0.05


class BestFit:
    """The baseline: least processors and GPU left on the node, in hundredths between the best and the worst."""

    def adjust(self, index: PoolIndex, demand: Demand, points: Floats, feasible: Bools) -> Floats:
        """See `PoolRule`."""
        wanted = demand.vgpus * (WHOLE if demand.whole else demand.permille)
        most_cpu, most_gpu = max(1, int(index.cpu_total.max())), max(1, int(index.gpus.max())) * WHOLE
        left = 0.5 * (index.cpu_left - demand.cpu_milli) / most_cpu + 0.5 * (index.idle - wanted) / most_gpu
        score: Ints = ((1 - left) * 100).astype(np.int64)
        low, high = int(score[feasible].min()), int(score[feasible].max())
        return points + ((score - low) * 100 // (high - low) if high > low else 0)


class SmallestLeftover:
    """While nothing is known of what is typical: the GPU that is left with the least memory, then compute.

    Of a whole GPU nothing is left, so the smaller one is the better one: somebody else may need the larger.
    """

    def __init__(self, point_mib: int = 1) -> None:
        """`point_mib`: how many mebibytes are a point."""
        self._point_mib = point_mib

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`. Memory, with compute and the node's other free GPUs in the fraction."""
        if not demand.vgpus or not index.left.shape[1]:
            return np.zeros(len(rows))
        if demand.whole:
            fits = index.fitting(demand, rows)
            size = np.where(fits, index.total_bytes[rows], 2**62)
            chosen = np.sort(size, axis=1)[:, : demand.vgpus].sum(axis=1).astype(np.float64)
            points: Floats = -(np.round(chosen / 2**20) + fits.sum(axis=1) / 2**10)
            return points / self._point_mib
        picks = tightest(index, demand, rows)
        memory = np.round((index.free_bytes[rows, picks] - demand.bytes) / 2**20)
        compute = (index.unreserved[rows, picks] - demand.permille) / 2**10
        return np.negative(memory + compute) / self._point_mib


class SmallGpusFirst:
    """Of equally good nodes the one whose GPUs have less memory: somebody else may need the larger."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`. At most a twentieth of a point."""
        largest = max(1, int(index.total_bytes.max(initial=1)))
        points: Floats = -_SMALL_GPU * index.total_bytes[rows].max(axis=1, initial=0) / largest
        return points
