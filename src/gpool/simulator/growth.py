"""How the time of a decision grows with the pool: a made-up pool of mixed nodes that fills up, at several sizes."""

import random
from dataclasses import dataclass
from time import thread_time_ns

import numpy as np

from gpool.scheduler.asks import Ask
from gpool.scheduler.cycle import decide
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import GpuSlot, PoolIndex, Spot
from gpool.scheduler.state import SchedulerState

__all__ = ["Growth", "measure_growth"]

_NODES = ((8, 80), (8, 80), (8, 80), (4, 24), (2, 16))
"""GPUs of a node, and their GiB; over and over."""
_GIB = 1 << 30
_BATCH = 1000
_FILL = 0.5


@dataclass(frozen=True, slots=True)
class Growth:
    """What one size of pool costs, in milliseconds of processor time."""

    gpus: int
    nodes: int
    build: float
    """To take up the whole pool, once."""
    first: float
    """To rate all nodes for a demand that was not seen before; the median over demands."""
    decision_p50: float
    decision_p99: float
    cycle: float
    """A full cycle with 1,000 waiting requests, the pool half full."""


def measure_growth(gpus: int, seed: int = 42) -> Growth:
    """Fill about half of a pool of so many GPUs with requests of many kinds, then time decisions and a cycle."""
    rng = random.Random(seed)
    began = thread_time_ns()
    index = PoolIndex()
    nodes: list[tuple[str, list[GpuSlot], bool]] = []
    count = 0
    while count < gpus:
        size, gib = _NODES[len(nodes) % len(_NODES)]
        name = f"node-{len(nodes):06d}"
        nodes.append((name, [GpuSlot(f"{name}/{gpu}", gib * _GIB, f"{gib} GB") for gpu in range(size)], True))
        count += size
    index.put_nodes(nodes)
    build = thread_time_ns() - began
    state = SchedulerState(index)
    number = 0
    for row in range(len(nodes)):
        # Straight into the index: how a pool was filled matters little for what the next decision costs.
        while index.idle[row] > (1 - _FILL) * WHOLE * index.gpus[row]:
            demand = _demand(rng)
            columns = np.flatnonzero(index.fitting(demand, slice(row, row + 1))[0])[: demand.vgpus]
            if len(columns) < demand.vgpus:
                break
            state.sightings.see(demand)
            spot = Spot(row, tuple(int(column) for column in columns))
            state.start(Ask(f"l-{number:08d}", demand), [spot], 0.0)
            number += 1
    state.settle(0.0)
    firsts, decisions = [], []
    asks = _asks(rng, number, 2 * _BATCH)
    for demand in dict.fromkeys(ask.demand for ask in asks):
        began = thread_time_ns()
        state.placer.find(demand)
        firsts.append(thread_time_ns() - began)
    for ask in asks:
        began = thread_time_ns()
        found = state.placer.find(ask.demand)
        decisions.append(thread_time_ns() - began)
        if found is not None:
            state.start(ask, [found], number)
    number += 2 * _BATCH
    for ask in _asks(rng, number, _BATCH):
        state.arrive(ask)
    began = thread_time_ns()
    decide(state, number)
    cycle = thread_time_ns() - began
    p50, p99 = (float(np.quantile(decisions, part)) / 1e6 for part in (0.5, 0.99))
    first = float(np.median(firsts)) / 1e6
    return Growth(count, len(nodes), build / 1e6, first, p50, p99, cycle / 1e6)


def _asks(rng: random.Random, first: int, count: int) -> list[Ask]:
    return [Ask(f"l-{number:08d}", _demand(rng), float(number)) for number in range(first, first + count)]


def _demand(rng: random.Random) -> Demand:
    if rng.random() < 0.45:
        gib = rng.choice((1, 2, 4, 6, 8, 12, 16, 20, 24, 40))
        return Demand(bytes=gib * _GIB, permille=rng.choice((0, 0, 100, 250, 500)))
    return Demand(vgpus=rng.choices((1, 2, 4, 8), (70, 10, 10, 10))[0], whole=True)
