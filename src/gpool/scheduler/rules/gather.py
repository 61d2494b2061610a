"""Gather: GPUs for one lease from as few nodes as can be, and the last ones from the node that they just fit.

Each node costs a connection, and vGPUs of one node can exchange data without the network.
"""

import numpy as np

from gpool.scheduler.arrays import Ints

__all__ = ["MAX_VGPUS_PER_NODE", "gather"]

MAX_VGPUS_PER_NODE = 64
"""A ticket names at most so many."""


def gather(fitting: Ints, order: Ints, count: int, max_nodes: int | None = None) -> list[tuple[int, int]]:
    """(row, how many) that make up `count`, or nothing. `fitting`: GPUs per row that will do; `order` decides ties.

    While one node is not enough the one with the most gives all it has; then the one with the fewest that are enough.
    """
    fitting = fitting.copy()
    parts: list[tuple[int, int]] = []
    while count:
        if (max_nodes is not None and len(parts) == max_nodes) or not len(fitting):
            return []
        enough = np.flatnonzero(fitting >= count)
        most = int(fitting.max())
        if not most:
            return []
        rows = enough[fitting[enough] == fitting[enough].min()] if len(enough) else np.flatnonzero(fitting == most)
        row = int(rows[order[rows].argmin()])
        parts.append((row, min(count, int(fitting[row]))))
        count -= parts[-1][1]
        fitting[row] = 0
    return parts
