"""The workload inflation experiment: pods arrive one after the other until 130 % of the GPUs are asked for.

Each is tried once and never leaves; one that fits nowhere is dropped. What counts is how much GPU is left over. The
experiment is that of Weng et al., "Beware of Fragmentation" (USENIX ATC 2023); `docs/internals/scheduling.md` tells
it step by step.
"""

import random
from dataclasses import dataclass
from time import thread_time_ns

import numpy as np

from gpool.scheduler.apart import find_apart
from gpool.scheduler.arrays import Floats
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex, Spot
from gpool.scheduler.placer import Placer
from gpool.scheduler.policy import make_policy
from gpool.simulator.openb import OpenbNode, empty_index, typical_of

__all__ = ["FIRST_SEED", "LOADS", "Run", "arrivals", "run_inflation"]

FIRST_SEED = 42
LOADS = (100, 110, 120, 130)
"""Arrived demand, in per cent of all GPUs, at which results are told."""

_RATIO = 1.3


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one seed."""

    unallocated: dict[int, float]
    """Per cent of all GPUs that are not allocated, by arrived per cent: the mean over the samples that round to it."""
    arrived: int
    """Pods."""
    dropped: int
    remote: int
    """Pods whose GPUs are on other nodes than their processors."""
    decision_ns: tuple[int, ...]
    """Processor time of each decision."""


def arrivals(pods: list[Demand], capacity_milli: int, rng: random.Random, ratio: float = _RATIO) -> list[Demand]:
    """The pods shuffled, then with more of them drawn, or some taken away, until they ask for `ratio` × capacity."""
    sequence, limit = list(pods), ratio * capacity_milli
    rng.shuffle(sequence)
    total = sum(_milli(pod) for pod in sequence)
    if total > limit:
        while total > limit:
            total -= _milli(sequence.pop(rng.randrange(len(sequence))))
        return sequence
    while True:
        pod = rng.choice(pods)
        # The published experiment looks at one GPU of the pod here, not at all of them.
        if total + pod.permille > limit:
            return sequence
        total += _milli(pod)
        sequence.append(pod)


def run_inflation(
    nodes: list[OpenbNode], pods: list[Demand], policy: str, seed: int, *, remote_fallback: bool = False
) -> Run:
    """One run. `remote_fallback`: what fits on no node gets its GPUs and its processors from different nodes."""
    rng = random.Random(seed)
    ranks = np.random.default_rng(seed).permutation(len(nodes))
    index = empty_index(nodes, {node.name: int(rank) for node, rank in zip(nodes, ranks, strict=True)})
    capacity = int(index.gpus.sum()) * WHOLE
    sequence = arrivals(pods, capacity, rng)
    placer = Placer(index, make_policy(policy, typical_of(pods), rng.randrange))
    arrived = allocated = dropped = remote = 0
    samples = np.zeros((len(sequence), 2))
    decision_ns = []
    for number, pod in enumerate(sequence):
        arrived += _milli(pod)
        began = thread_time_ns()
        spot = placer.find(pod)
        decision_ns.append(thread_time_ns() - began)
        if spot is not None:
            _put(index, pod, [spot], spot.row)
        elif remote_fallback and pod.vgpus and (apart := find_apart(placer, pod)) is not None:
            spots, home = apart
            _put(index, pod, spots, home)
            remote += 1
        else:
            dropped += 1
            allocated -= _milli(pod)
        allocated += _milli(pod)
        samples[number] = arrived, allocated
    return Run(_at_loads(samples / capacity * 100), len(sequence), dropped, remote, tuple(decision_ns))


def _put(index: PoolIndex, pod: Demand, spots: list[Spot], home: int) -> None:
    for spot in spots:
        if spot.columns:
            index.take("", pod, spot)
    index.take_host(pod, home)


def _milli(pod: Demand) -> int:
    return pod.vgpus * pod.permille


def _at_loads(percent: Floats) -> dict[int, float]:
    rounded = np.round(percent[:, 0])
    return {load: float(100 - percent[rounded == load, 1].mean()) for load in LOADS if (rounded == load).any()}
