"""The typical workload: which demands the pool sees, and how often. Placement keeps room for what is likely to come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gpool.scheduler.demand import WHOLE, Demand

__all__ = ["COVERED", "ENOUGH", "Sightings", "TypicalWorkload"]

COVERED = 0.95
"""Rare demands are left out: the most frequent that make up this part are typical."""

ENOUGH = 100.0
"""So many requests must have been seen before what is typical says anything."""

_HALF_LIFE_REQUESTS = 10_000
_SMALLEST = 0.5


@dataclass(frozen=True, slots=True)
class TypicalWorkload:
    """Demands with whole-number weights, the heaviest first. Empty while too little is known."""

    demands: tuple[tuple[Demand, int], ...] = ()

    @classmethod
    def of(cls, counts: Mapping[Demand, float], covered: float = COVERED) -> "TypicalWorkload":
        """The most frequent demands that together reach `covered` of all; those counted equal, the larger first."""
        total = sum(counts.values())
        chosen: list[tuple[Demand, int]] = []
        reached = 0.0
        for demand, count in sorted(counts.items(), key=lambda item: (item[1], _size(item[0])), reverse=True):
            if reached >= covered * total:
                break
            # Whole numbers make sums exact, in whatever order they are added up: ties stay ties on every machine.
            chosen.append((demand, max(1, round(count))))
            reached += count
        return cls(tuple(chosen))

    def cores_per_gpu(self) -> float:
        """Processor cores that a typical GPU is used with; 0 when nothing is known of them."""
        cores = sum(weight * demand.cpu_milli / 1000 for demand, weight in self.demands if demand.vgpus)
        gpus = sum(weight * _milli(demand) * demand.vgpus / WHOLE for demand, weight in self.demands)
        return cores / gpus if gpus else 0.0

    def gpu_demand(self) -> dict[frozenset[str], float]:
        """Part of the typical demand for GPUs (0 … 1) by the models that will do."""
        parts: dict[frozenset[str], float] = {}
        for demand, weight in self.demands:
            if demand.vgpus:
                parts[demand.models] = parts.get(demand.models, 0.0) + weight * _milli(demand) * demand.vgpus
        total = sum(parts.values())
        return {models: part / total for models, part in parts.items()} if total else {}


class Sightings:
    """Counts the demands that the pool sees. Old ones fade: each new one weighs a little more than the last."""

    def __init__(self) -> None:
        self._counts: dict[Demand, float] = {}
        self._next = 1.0
        self._seen = 0
        self._typical = TypicalWorkload()

    def see(self, demand: Demand) -> None:
        """Count one request."""
        demand = demand.anywhere()
        self._counts[demand] = self._counts.get(demand, 0.0) + self._next
        self._next *= 2 ** (1 / _HALF_LIFE_REQUESTS)
        self._seen += 1
        if self._seen & (self._seen - 1) == 0 or self._seen % 1000 == 0:
            self._settle()

    def _settle(self) -> None:
        self._counts = {
            demand: count / self._next for demand, count in self._counts.items() if count / self._next >= _SMALLEST
        }
        self._next = 1.0
        # Sixteenths, so that fading does not round everything to the same weight.
        counts = {demand: 16 * count for demand, count in self._counts.items()}
        enough = sum(self._counts.values()) >= ENOUGH
        self._typical = TypicalWorkload.of(counts) if enough else TypicalWorkload()

    def typical(self) -> TypicalWorkload:
        """What is typical now. The same object until it changes: after 128, 256, 512 requests, then each 1000."""
        return self._typical


def _milli(demand: Demand) -> int:
    # The size of the GPU is not known here: memory alone says nothing, and counts as a whole one.
    return WHOLE if demand.whole or not demand.permille else demand.permille


def _size(demand: Demand) -> tuple[int, int, int, int, tuple[str, ...], int]:
    milli = WHOLE if demand.whole else demand.permille
    return demand.cpu_milli, milli, demand.vgpus, demand.bytes, tuple(sorted(demand.models)), demand.memory_mib


def demands_of(counts: Iterable[Demand]) -> dict[Demand, float]:
    """How often each demand is among these."""
    found: dict[Demand, float] = {}
    for demand in counts:
        found[demand] = found.get(demand, 0.0) + 1
    return found
