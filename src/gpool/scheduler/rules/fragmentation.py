"""Least fragmentation: the node and the GPU where the fewest idle GPUs become useless for what typically comes.

For a typical demand, the fragments of a node are the idle GPUs (or parts of them) that it cannot use there: all of
them when the node cannot take the demand at all, else those on GPUs that have too little left for one vGPU of it. The
fragmentation of a node is the mean of that over the typical demands. A node gets 100 × sigmoid of the GPUs by which
its fragmentation shrinks, as a whole number: nodes within a few hundredths of a GPU are equally good, and the order
among them, always the same, fills one after the other. (Weng et al., "Beware of Fragmentation", USENIX ATC 2023.)
"""

import numpy as np

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex
from gpool.scheduler.typical import TypicalWorkload

__all__ = ["LeastFragmentation"]


class LeastFragmentation:
    """See the module. Sums are of whole numbers, therefore exact, in whatever order they are made."""

    def __init__(self, typical: TypicalWorkload) -> None:
        self._total_weight = sum(weight for _, weight in typical.demands)
        # Demands that need no GPU can use none: they weigh in the total alone.
        classes = [(demand, weight) for demand, weight in typical.demands if demand.vgpus]
        sizes = list(dict.fromkeys(_size(demand) for demand, _ in classes))
        self._size_of_class = np.array([sizes.index(_size(demand)) for demand, _ in classes], dtype=np.int64)
        self._vgpus = np.array([demand.vgpus for demand, _ in classes], dtype=np.int64)
        self._cpu = np.array([demand.cpu_milli for demand, _ in classes], dtype=np.int64)
        self._weights = np.array([weight for _, weight in classes], dtype=np.float64)
        self._models = [demand.models for demand, _ in classes]
        self._bytes = np.array([size[0] for size in sizes], dtype=np.int64)
        self._permille = np.array([size[1] for size in sizes], dtype=np.int64)
        self._least_left = np.where(self._permille == WHOLE, WHOLE, 0)
        self._in_bytes = bool(self._bytes.any())
        self._structure = -1
        self._allowed: Bools | None = None
        self._seen: Ints = np.zeros(0, dtype=np.int64)
        self._fitting: Ints = np.zeros((0, len(sizes)), dtype=np.int64)
        self._usable: Floats = np.zeros((0, len(sizes)))
        self._fragments: Floats = np.zeros(0)

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """See `GpuRule`."""
        self._refresh(index, rows)
        if demand.single_share:
            return self._best_gpu(index, demand, rows)
        fitting, usable, idle = self._fitting[rows], self._usable[rows], index.idle[rows]
        if demand.whole and not self._in_bytes:
            # Every size fits on a GPU on which nobody is.
            fitting, usable = fitting - demand.vgpus, usable - demand.vgpus * WHOLE
            idle = idle - demand.vgpus * WHOLE
        elif demand.vgpus:
            left, free, unreserved = self._state(index, rows)
            taken = _first_fitting(index, demand, rows)
            if demand.whole:
                left, free, unreserved = (np.where(taken, 0, array) for array in (left, free, unreserved))
            else:
                free, unreserved = free - taken * demand.bytes, unreserved - taken * demand.permille
                left = np.where(taken, np.minimum(free * WHOLE // index.total_bytes[rows], unreserved), left)
            fitting, usable = self._measure(left, free, unreserved)
            idle = np.maximum(left, 0).sum(axis=1)
        after = self._weigh(index, rows, fitting, usable, idle, index.cpu_left[rows] - demand.cpu_milli)
        return np.zeros(len(rows), dtype=np.int64), self._points(rows, after)

    def _best_gpu(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """Each GPU with room is tried; the first of those with the most points is the node's."""
        columns = index.left.shape[1]
        fits = index.fitting(demand, rows)
        alike = (index.left[rows],) if not self._in_bytes and not demand.bytes else self._state(index, rows)
        # GPUs in the same state come to the same points; only the first of them is tried.
        for later in range(1, columns):
            same = np.ones((len(rows), later), dtype=np.bool_)
            for array in alike:
                same &= array[:, :later] == array[:, later : later + 1]
            fits[:, later] &= ~same.any(axis=1)
        at, column = np.nonzero(fits)
        picks, points = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows))
        if not len(at):
            return picks, points
        row = rows[at]
        left, free, unreserved = index.left[row, column], index.free_bytes[row, column], index.unreserved[row, column]
        after_free, after_unreserved = free - demand.bytes, unreserved - demand.permille
        after_left = np.minimum(after_free * WHOLE // index.total_bytes[row, column], after_unreserved)
        fitted = self._fits(left, free, unreserved)
        still = self._fits(after_left, after_free, after_unreserved)
        fitting = self._fitting[row] - fitted + still
        usable = self._usable[row] - left[:, None] * fitted + after_left[:, None] * still
        idle = index.idle[row] - left + after_left
        after = self._weigh(index, row, fitting, usable, idle, index.cpu_left[row] - demand.cpu_milli)
        key = self._points(row, after).astype(np.int64) * columns + (columns - 1 - column)
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        best = np.maximum.reduceat(key, starts)
        picks[at[starts]] = columns - 1 - best % columns
        points[at[starts]] = best // columns
        return picks, points

    def _points(self, rows: Ints, after: Floats) -> Floats:
        gain = (self._fragments[rows] - after) / self._total_weight / WHOLE
        return np.floor(100 / (1 + np.exp(-gain)))

    def _refresh(self, index: PoolIndex, rows: Ints) -> None:
        if self._structure != index.structure:
            count = len(index.idle)
            self._structure = index.structure
            self._seen = np.full(count, -1, dtype=np.int64)
            self._fitting = np.zeros((count, len(self._bytes)), dtype=np.int64)
            self._usable = np.zeros((count, len(self._bytes)))
            self._fragments = np.zeros(count)
            self._allowed = None
            if any(self._models):
                self._allowed = np.stack([index.nodes_of_models(models) for models in self._models], axis=1)
        stale = rows[self._seen[rows] != index.version[rows]]
        if len(stale):
            self._fitting[stale], self._usable[stale] = self._measure(*self._state(index, stale))
            measured = self._fitting[stale], self._usable[stale]
            self._fragments[stale] = self._weigh(index, stale, *measured, index.idle[stale], index.cpu_left[stale])
            self._seen[stale] = index.version[stale]

    @staticmethod
    def _state(index: PoolIndex, rows: Ints) -> tuple[Ints, Ints, Ints]:
        return index.left[rows], index.free_bytes[rows], index.unreserved[rows]

    def _fits(self, left: Ints, free: Ints, unreserved: Ints) -> Bools:
        """Whether GPUs (any shape) in this state take a vGPU of each size (a further axis)."""
        fits: Bools = unreserved[..., None] >= self._permille
        if self._in_bytes:
            fits &= (free[..., None] >= self._bytes) & (left[..., None] >= self._least_left)
        return fits

    def _measure(self, left: Ints, free: Ints, unreserved: Ints) -> tuple[Ints, Floats]:
        """Per row and size: how many GPUs take a vGPU of it, and how much is left on these."""
        fits = self._fits(left, free, unreserved)
        usable = np.matmul(left[:, None, :].astype(np.float64), fits.astype(np.float64))[:, 0, :]
        return fits.sum(axis=1), usable

    def _weigh(self, index: PoolIndex, rows: Ints, fitting: Ints, usable: Floats, idle: Ints, cpu: Ints) -> Floats:
        """Fragments of nodes in this state: idle GPUs less what typical demands can use, times their weights."""
        of = self._size_of_class
        served = (fitting[:, of] >= self._vgpus) & (cpu[:, None] >= self._cpu)
        if self._allowed is not None:
            served &= self._allowed[rows]
        return self._total_weight * idle - (usable[:, of] * served) @ self._weights


def _size(demand: Demand) -> tuple[int, int]:
    # All of a GPU's compute is free only where nobody has reserved any; that nobody is there at all, `left` says.
    return (0, WHOLE) if demand.whole else (demand.bytes, demand.permille)


def _first_fitting(index: PoolIndex, demand: Demand, rows: Ints) -> Bools:
    """The GPUs that a demand for several, or for whole ones, would get: the first idle ones, or the tightest."""
    fits = index.fitting(demand, rows)
    if demand.whole:
        taken: Bools = fits & (np.cumsum(fits, axis=1) <= demand.vgpus)
        return taken
    left = np.where(fits, index.left[rows], 2**40)
    order = np.argsort(np.argsort(left, axis=1, kind="stable"), axis=1, kind="stable")
    return fits & (order < demand.vgpus)
