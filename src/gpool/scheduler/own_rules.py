"""Rules of others inside the scheduler: what they do wrong is contained here, and told once.

A rule that raises, or answers with what makes no sense, is for that answer as if it were not there. One that does so
again and again is left out until the settings change. Against one that never returns there is no help.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gpool.model.lease import LeaseRequest
from gpool.rules import GpuState, NodeState, Wanted
from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["MOST_FAILURES", "OwnRule", "OwnRules"]

MOST_FAILURES = 20
"""So many failures, and a rule is left out."""
_MOST_POINTS = 1e6
_REMEMBERED = 1000
"""Demands."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule, its name and its weight."""

    name: str
    weight: float
    rule: object


class OwnRules:
    """All of them. Also a `NodeRule` of the placer."""

    def __init__(self, rules: Sequence[OwnRule] = (), problems: Sequence[tuple[str, str]] = ()) -> None:
        """`problems`: names and sentences of rules that could not be had."""
        self._filters = [rule for rule in rules if hasattr(rule.rule, "allows")]
        self._scores = [rule for rule in rules if hasattr(rule.rule, "points")]
        self._orders = [rule for rule in rules if hasattr(rule.rule, "rank")]
        self._failures: dict[str, int] = {}
        self._problems = list(problems)
        self._masks: dict[Demand, tuple[Ints, Bools]] = {}
        """Per demand, versions of nodes and whether they are allowed."""
        self._structure = -1

    @property
    def filters(self) -> tuple[str, ...]:
        """Names of those that keep requests away from nodes."""
        return tuple(rule.name for rule in self._filters)

    @property
    def scores(self) -> bool:
        """Whether some give points."""
        return bool(self._scores)

    def take_problems(self) -> list[tuple[str, str]]:
        """Names and sentences of rules that did wrong since the last call."""
        problems, self._problems = self._problems, []
        return problems

    def rank(self, request: LeaseRequest, owner: str, queue: str) -> float:
        """See `gpool.rules.Order`."""
        return sum(own.weight * self._ask(own, "rank", (request, owner, queue), _number, 0.0) for own in self._orders)

    def allowed(self, index: PoolIndex, demand: Demand) -> Bools:
        """Which nodes may take the demand. Not to be written to."""
        demand = demand.anywhere()
        if self._structure != index.structure or len(self._masks) > _REMEMBERED:
            self._structure = index.structure
            self._masks.clear()
        known = self._masks.get(demand)
        if known is None:
            count = len(index.version)
            known = self._masks[demand] = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
        versions, mask = known
        wanted = _wanted(demand)
        for row in np.flatnonzero(versions[: len(index.names)] != index.version[: len(index.names)]):
            node = _node(index, int(row))
            mask[row] = all(self._ask(own, "allows", (node, wanted), _truth, True) for own in self._filters)
            versions[row] = index.version[row]
        return mask

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`."""
        wanted = _wanted(demand)
        points = np.zeros(len(rows))
        for place, row in enumerate(rows):
            node = _node(index, int(row))
            for own in self._scores:
                points[place] += own.weight * self._ask(own, "points", (node, wanted), _number, 0.0)
        return points

    def _ask(self, own: OwnRule, method: str, given: tuple[object, ...], read: Callable[[object], T], instead: T) -> T:
        if self._failures.get(own.name, 0) >= MOST_FAILURES:
            return instead
        try:
            return read(getattr(own.rule, method)(*given))
        except (Exception, SystemExit) as error:
            failures = self._failures[own.name] = self._failures.get(own.name, 0) + 1
            what = f"{type(error).__name__}: {error}"[:300]
            if failures == 1:
                self._problems.append((own.name, f"it failed, and was left out of that decision: {what}"))
            elif failures == MOST_FAILURES:
                again = f"it failed {failures} times, and is left out until the settings change: {what}"
                self._problems.append((own.name, again))
            return instead


def _truth(answer: object) -> bool:
    if not isinstance(answer, bool | np.bool_):
        raise TypeError(f"it answered with {answer!r:.80}, which is neither True nor False")
    return bool(answer)


def _number(answer: object) -> float:
    number = float(answer)  # type: ignore[arg-type]
    if not math.isfinite(number) or abs(number) > _MOST_POINTS:
        raise ValueError(f"it answered with {number:g}, which is beyond a million")
    return number


def _wanted(demand: Demand) -> Wanted:
    memory_bytes = demand.gpu_bytes if demand.whole else demand.bytes
    return Wanted(demand.vgpus, demand.whole, memory_bytes, demand.permille, demand.models)


def _node(index: PoolIndex, row: int) -> NodeState:
    gpus = tuple(
        GpuState(
            slot.uuid,
            slot.model,
            slot.memory_bytes,
            max(0, int(index.free_bytes[row, column])),
            max(0, int(index.unreserved[row, column])),
            int(index.there[row, column]),
        )
        for column, slot in enumerate(index.slots[row])
    )
    return NodeState(index.names[row], index.traits.labels_of(row), gpus)
