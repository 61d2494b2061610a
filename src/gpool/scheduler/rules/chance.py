"""Chance: any node that fits, any GPU that fits. A baseline; where it draws from is the caller's business."""

from collections.abc import Callable

import numpy as np

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["AnyGpu", "AnyNode", "Draw"]

Draw = Callable[[int], int]
"""`draw(n)` is a number from 0 to n - 1, each as likely."""


class AnyNode:
    """One of the nodes that fit."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def adjust(self, index: PoolIndex, demand: Demand, points: Floats, feasible: Bools) -> Floats:
        """See `PoolRule`."""
        rows = np.flatnonzero(feasible)
        drawn = np.zeros_like(points)
        drawn[rows[self._draw(len(rows))]] = 1.0
        return drawn


class AnyGpu:
    """One of the node's GPUs that fit. It holds until the node changes, which the share that is placed there does."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """See `GpuRule`."""
        picks = np.zeros(len(rows), dtype=np.int64)
        if demand.single_share:
            for number, fits in enumerate(index.fitting(demand, rows)):
                columns = np.flatnonzero(fits)
                if len(columns):
                    picks[number] = columns[self._draw(len(columns))]
        return picks, np.zeros(len(rows))
