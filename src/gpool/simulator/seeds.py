"""Runs over several seeds, in several processes, and what they say together."""

import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gpool.simulator.inflation import FIRST_SEED, LOADS, Run, run_inflation
from gpool.simulator.openb import read_nodes, read_pods

__all__ = ["run_seeds", "summary"]


@dataclass(frozen=True, slots=True)
class _Work:
    nodes: Path
    pods: Path
    policy: str
    remote_fallback: bool


def run_seeds(
    nodes: Path, pods: Path, policy: str, seeds: int, *, remote_fallback: bool = False, processes: int = 1
) -> list[Run]:
    """One run for each seed from 42 on. Raises `InvalidInput`."""
    work = partial(_run, _Work(nodes, pods, policy, remote_fallback))
    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    if processes == 1 or seeds == 1:
        return list(map(work, numbers))
    with ProcessPoolExecutor(min(processes, seeds)) as executor:
        return list(executor.map(work, numbers))


def _run(work: _Work, seed: int) -> Run:
    nodes, pods = read_nodes(work.nodes), read_pods(work.pods)
    return run_inflation(nodes, pods, work.policy, seed, remote_fallback=work.remote_fallback)


def summary(runs: Iterable[Run]) -> dict[str, Any]:
    """Means and sample standard deviations, as `gpool simulate openb --json` tells them."""
    runs = list(runs)
    unallocated: dict[str, Any] = {}
    for load in LOADS:
        values = [run.unallocated[load] for run in runs if load in run.unallocated]
        if values:
            deviation = statistics.stdev(values) if len(values) > 1 else 0.0
            unallocated[str(load)] = {"mean": statistics.fmean(values), "std": deviation, "per_seed": values}
    decisions = np.concatenate([np.array(run.decision_ns) for run in runs]) / 1e6
    return {
        "unallocated_percent": unallocated,
        "arrived_pods": [run.arrived for run in runs],
        "dropped_pods": [run.dropped for run in runs],
        "remote_pods": [run.remote for run in runs],
        "decision_ms": {name: float(np.quantile(decisions, part)) for name, part in (("p50", 0.5), ("p99", 0.99))},
        "seeds": [FIRST_SEED + number for number in range(len(runs))],
    }
