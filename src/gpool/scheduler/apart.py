"""Apart: GPUs from one set of nodes, processors and memory from another, when no node has both."""

import numpy as np

from gpool.scheduler.demand import Demand
from gpool.scheduler.index import Spot
from gpool.scheduler.placer import Placer
from gpool.scheduler.rules.gather import gather

__all__ = ["find_apart"]

_MAX_NODES = 8


def find_apart(placer: Placer, demand: Demand) -> tuple[list[Spot], int] | None:
    """The GPUs, and the row that has the processors and memory; None when either is nowhere."""
    index = placer.index
    homes = np.flatnonzero(
        index.ready & (index.cpu_left >= demand.cpu_milli) & (index.memory_left >= demand.memory_mib)
    )
    if not len(homes):
        return None
    if demand.single_share:
        left = np.where(placer.fitting(demand), index.left, 2**40)
        if left.min() == 2**40:
            return None
        row, column = divmod(int(left.argmin()), left.shape[1])
        spots = [Spot(row, (column,))]
    else:
        fits = placer.fitting(demand)
        parts = gather(fits.sum(axis=1), np.arange(len(index.idle)), demand.vgpus, _MAX_NODES)
        spots = [Spot(row, tuple(int(c) for c in np.flatnonzero(fits[row])[:count])) for row, count in parts]
    if not spots:
        return None
    home = int(homes[np.lexsort((index.cpu_left[homes], index.idle[homes]))[0]])
    return spots, home
