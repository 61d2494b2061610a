"""Consolidate: move leases that are not in use yet, so that a request that else does not fit is placed.

Free memory that lies in pieces on many GPUs is of no use to who wants it on one. A lease that its holder has not begun
to use holds a place in the books only: no ticket for it was handed out, so nothing can be running there, and another
place is as good. Never more than so many are moved for a request, only if it is really placed then, and only if each
of them has a new place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.asks import Ask, Held
from gpool.scheduler.index import Spot
from gpool.scheduler.state import SchedulerState

__all__ = ["Consolidation", "consolidate"]

_TRIED = 32
"""So many sets of leases are tried for a request."""


@dataclass(frozen=True, slots=True)
class Consolidation:
    """Where the request goes, and where those go who make room for it."""

    spots: tuple[Spot, ...]
    moves: tuple[tuple[Held, tuple[Spot, ...]], ...]


def consolidate(state: SchedulerState, ask: Ask, most_moves: int) -> Consolidation | None:
    """How to place `ask` by moving others, or None. What is returned has been done in the state: call it in a trial.

    `ask` itself is found a place, but not laid there; the places of those who move are taken for them.
    """
    if not state.movable or not most_moves:
        return None
    for number, movers in enumerate(_sets(state, ask, most_moves)):
        if number >= _TRIED:
            break
        if (found := _try(state, ask, movers)) is not None:
            return found
    return None


def _sets(state: SchedulerState, ask: Ask, most_moves: int) -> Iterator[list[Held]]:
    """Leases to lift together: those of single GPUs, then of more and more GPUs, first within a node."""
    index, demand = state.index, ask.demand
    possible = index.fitting_empty(demand) & index.usable(demand) & (index.there > 0)
    per_gpu: list[tuple[int, int, int, list[str]]] = []
    for row, column in np.argwhere(possible):
        movers = [holder for holder in index.holders(int(row), int(column)) if _may_move(state, holder)]
        if movers and len(movers) <= most_moves:
            per_gpu.append((len(movers), int(row), int(column), sorted(movers)))
    per_gpu.sort()
    for _, _, _, movers in per_gpu:
        yield [state.held[mover] for mover in movers]
    if ask.demand.vgpus == 1:
        return
    rows = list(dict.fromkeys(row for _, row, _, _ in per_gpu))
    for some in (*([row] for row in rows), rows):
        together: dict[str, None] = {}
        for _, row, _, movers in per_gpu:
            if row in some and len(together.keys() | set(movers)) <= most_moves:
                together |= dict.fromkeys(movers)
                yield [state.held[mover] for mover in together]


def _may_move(state: SchedulerState, holder: str) -> bool:
    return holder in state.movable and holder not in state.leaving and holder not in state.ending


def _try(state: SchedulerState, ask: Ask, movers: list[Held]) -> Consolidation | None:
    for held in movers:
        _lift(state, held, held.spots)
    spots = find_spots(state, ask)
    if spots:
        # Who need not move stays: each is put back where he was, if the request is placed all the same.
        for held in list(movers):
            _lay(state, held, held.spots)
            if without := find_spots(state, ask):
                spots = without
                movers = [other for other in movers if other is not held]
            else:
                _lift(state, held, held.spots)
        found = _lay_all(state, ask, spots, movers)
        if found is not None:
            return found
    for held in movers:
        _lay(state, held, held.spots)
    return None


def _lay_all(state: SchedulerState, ask: Ask, spots: tuple[Spot, ...], movers: list[Held]) -> Consolidation | None:
    """Find places for those who move beside the request, the largest first; None, and nothing done, if one has none."""
    size = sum(len(spot.columns) for spot in spots)
    for spot in spots:
        state.index.take(ask.id, ask.of_size(size).demand, spot)
    moves: list[tuple[Held, tuple[Spot, ...]]] = []
    for held in sorted(movers, key=lambda held: (-held.ask.demand.vgpus, -held.ask.demand.bytes, held.ask.id)):
        place = find_spots(state, held.ask)
        if not place:
            break
        _lay(state, held, place)
        moves.append((held, place))
    for spot in spots:
        state.index.give_back(ask.id, ask.of_size(size).demand, spot)
    if len(moves) == len(movers):
        return Consolidation(spots, tuple(moves))
    for held, place in moves:
        _lift(state, held, place)
    return None


def _lift(state: SchedulerState, held: Held, spots: tuple[Spot, ...]) -> None:
    for spot in spots:
        state.index.give_back(held.ask.id, held.ask.demand, spot)


def _lay(state: SchedulerState, held: Held, spots: tuple[Spot, ...]) -> None:
    for spot in spots:
        state.index.take(held.ask.id, held.ask.demand, spot)
