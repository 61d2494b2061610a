"""Tightest GPU: a share goes to the fullest GPU that has room, so that large pieces stay large."""

import numpy as np

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["TightestGpu", "tightest"]


class TightestGpu:
    """Chooses inside the node; the node itself gets no points."""

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """See `GpuRule`."""
        picks = tightest(index, demand, rows) if demand.single_share else np.zeros(len(rows), dtype=np.int64)
        return picks, np.zeros(len(rows))


def tightest(index: PoolIndex, demand: Demand, rows: Ints) -> Ints:
    """The column of the fitting GPU that has the least left, in each row; of equal ones the first."""
    left = np.where(index.fitting(demand, rows), index.left[rows], 2**40)
    if demand.bytes:
        # Shares of memory are compared in bytes: a thousandth of a GPU is too coarse.
        left = np.where(left < 2**40, index.free_bytes[rows], 2**62)
        equal = left == left.min(axis=1, keepdims=True)
        left = np.where(equal, index.unreserved[rows], 2**62)
    picks: Ints = left.argmin(axis=1)
    return picks
