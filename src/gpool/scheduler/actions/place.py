"""Place: serve those who wait in their order, each with the GPUs that suit best.

A request that cannot be placed stops nobody behind it, but the first one of each queue *claims* the GPUs that it will
get soonest: those behind may use everything else. So the head of a queue is never overtaken on the GPUs that it waits
for, and the rest of the pool is never idle for its sake.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from gpool.scheduler.actions.consolidate import consolidate
from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.actions.make_room import Eviction, MakeRoom, keep_room, make_room, may_ask
from gpool.scheduler.arrays import Ints
from gpool.scheduler.asks import Ask
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import Spot
from gpool.scheduler.state import SchedulerState
from gpool.scheduler.waiting import Line

__all__ = ["Blocked", "Placed", "place", "within_scope"]


@dataclass(frozen=True, slots=True)
class Blocked:
    """An ask that has to wait, and those who wait behind it for the same."""

    ask: Ask
    behind: tuple[Ask, ...]
    claims: tuple[Spot, ...] = ()
    """What is kept for it."""
    over_limit: str | None = None
    """The queue that has no more to give, when it is not the GPUs that are missing."""
    used_gpus: float = 0.0
    """By that queue, with all that has been placed before."""
    why: str = ""
    """A sentence for its holder, when one was asked for."""


@dataclass(slots=True)
class Placed:
    """What came of a walk along the line."""

    placements: list[tuple[Ask, tuple[Spot, ...]]] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    evictions: list[Eviction] = field(default_factory=list)
    """Those that begin, and those that go on."""
    moves: list[tuple[Ask, tuple[Spot, ...]]] = field(default_factory=list)
    """Who goes elsewhere, so that others fit."""
    lapsed: list[Ask] = field(default_factory=list)
    """Asks for which nobody has to go any more, though they still wait."""


Explain = Callable[[Ask, tuple[Spot, ...], list[Ask]], str]
"""(ask, its claims, asks before it that have claims) → why it waits."""


def place(
    state: SchedulerState,
    now: float,
    explain: Explain | None = None,
    room: MakeRoom | None = None,
    most_moves: int = 0,
) -> Placed:
    """Placements, those who wait, and those who move or give way, if there are settings for that.

    When it returns, the state's index and accounts carry all of it: call it in a trial.
    """
    result = Placed()
    kept = _review(state, now, room, result)
    done = {ask.id for ask, _ in result.placements}
    line = Line(state.waiting, state.accounts, now)
    hopeless: dict[Demand, None] = {}
    claimed_queues: set[str] = set()
    claimants: list[Ask] = []
    while (ask := line.next()) is not None:
        if ask.id in done:
            line.served(ask)
            continue
        if ask.id in kept:
            # Its room is being made. It stops nobody, not even those who want the same.
            spots = kept[ask.id]
            why = explain(ask, spots, claimants) if explain else ""
            result.blocked.append(Blocked(ask, (), spots, why=why))
            line.served(ask)
            continue
        over = state.accounts.over_limit(ask.queue, state.least_amount(ask))
        in_vain = over or any(ask.demand.needs_all_of(demand) for demand in hopeless)
        found = () if in_vain else find_spots(state, ask)
        if not found and not in_vain and (moved := consolidate(state, ask, most_moves)) is not None:
            found = moved.spots
            for held, spots in moved.moves:
                state.move(held, spots)
                result.moves.append((held.ask, spots))
        if found:
            _lay(state, ask, found, now)
            result.placements.append((ask, found))
            line.served(ask)
            continue
        if room is not None and not over and may_ask(state, ask):
            eviction = make_room(state, ask, now, room)
            if eviction is not None:
                result.evictions.append(eviction)
                state.leaving.update((victim.ask.id, ask.id) for victim in eviction.victims)
                why = explain(ask, eviction.spots, claimants) if explain else ""
                result.blocked.append(Blocked(ask, (), eviction.spots, why=why))
                line.served(ask)
                continue
        claims: tuple[Spot, ...] = ()
        # Where nothing is left, nobody behind can take anything, and a claim would change nothing but the sentence.
        worth = explain or (ask.queue not in claimed_queues and state.index.idle.any())
        if worth and not over:
            claims = _soonest(state, ask)
        why = explain(ask, claims, claimants) if explain and not over else ""
        if claims and ask.queue not in claimed_queues:
            claimed_queues.add(ask.queue)
            claimants.append(ask)
            _claim(state, ask, claims)
        else:
            claims = ()
        used = state.accounts.used(over) if over else 0.0
        blocked = Blocked(ask, tuple(line.behind(ask)) if explain else (), claims, over, used, why)
        if not over:
            hopeless.setdefault(ask.demand)
        result.blocked.append(blocked)
        line.close(ask)
    _place_followers(state, result, now)
    return result


def _review(state: SchedulerState, now: float, room: MakeRoom | None, result: Placed) -> dict[str, tuple[Spot, ...]]:
    """Look again at those for whom others were told to go; returns who goes on waiting for that, and their GPUs.

    All of their claims are laid first, so that none of them takes what another was promised.
    """
    asks = sorted((state.waiting.asks[ask_id] for ask_id in state.nominated), key=lambda ask: ask.turn)
    kept: dict[str, tuple[Spot, ...]] = {}
    for ask in asks:
        _promise(state, ask, now, +1)
    for ask in asks:
        told = sorted(victim for victim, whose in state.leaving.items() if whose == ask.id)
        _promise(state, ask, now, -1)
        over = state.accounts.over_limit(ask.queue, state.least_amount(ask))
        eviction = None
        found = () if over else find_spots(state, ask)
        if found:
            _lay(state, ask, found, now)
            result.placements.append((ask, found))
        elif not over and (room is None or state.away(state.nominated[ask.id])):
            # What a node that is away for a moment gives up cannot be looked at; nothing changes until it is back.
            _promise(state, ask, now, +1)
            victims = tuple(state.held[victim] for victim in told if victim not in state.ending)
            eviction = Eviction(ask, victims, state.nominated[ask.id])
        elif not over:
            eviction = keep_room(state, ask, now)
        if eviction is not None:
            kept[ask.id] = eviction.spots
            result.evictions.append(eviction)
        elif not found:
            result.lapsed.append(ask)
        staying = {victim.ask.id for victim in eviction.victims} if eviction else set()
        for victim in told:
            if victim not in staying and not (eviction and victim in state.ending):
                del state.leaving[victim]
    return kept


def _promise(state: SchedulerState, ask: Ask, now: float, times: int) -> None:
    """Let it count as if the ask had come, to where others are still in its way; `times` -1 undoes it."""
    spots = state.nominated[ask.id]
    state.index.claim(ask.demand, spots, times)
    state.accounts.charge(ask.queue, state.amount_at(ask, spots), now, times)


def _place_followers(state: SchedulerState, result: Placed, now: float) -> None:
    """Those who want to be beside somebody who was placed after they were looked at."""
    left: list[Blocked | None] = list(result.blocked)
    for number, blocked in enumerate(result.blocked):
        where = blocked.ask.demand.where
        if where is None or not where.follows_others or blocked.over_limit or blocked.claims:
            continue
        alike = [blocked.ask, *blocked.behind]
        while alike and (found := find_spots(state, alike[0])):
            ask = alike.pop(0)
            _lay(state, ask, found, now)
            result.placements.append((ask, found))
        left[number] = replace(blocked, ask=alike[0], behind=tuple(alike[1:])) if alike else None
    result.blocked = [blocked for blocked in left if blocked is not None]


def _lay(state: SchedulerState, ask: Ask, spots: tuple[Spot, ...], now: float) -> None:
    ask = ask.of_size(sum(len(spot.columns) for spot in spots))
    for spot in spots:
        state.index.take(ask.id, ask.demand, spot)
    state.index.take_host(ask.demand, spots[0].row)
    state.accounts.charge(ask.queue, state.amount(ask), now)


def _claim(state: SchedulerState, ask: Ask, spots: tuple[Spot, ...]) -> None:
    state.index.claim(ask.demand, spots)


def _soonest(state: SchedulerState, ask: Ask) -> tuple[Spot, ...]:
    """The GPUs to claim: what fits already, then what has most free. None unless there are enough of them.

    A request that the ready nodes cannot satisfy however long it waits would claim them for nothing.
    """
    index, demand = state.index, ask.demand
    possible = index.fitting_empty(demand) & index.usable(demand)
    rows, columns = np.nonzero(possible)
    if len(rows) < demand.least:
        return ()
    fits = index.fitting(demand)[rows, columns]
    there, claims, left = (array[rows, columns] for array in (index.there, index.claims, index.left))
    order = np.lexsort((columns, index.order[rows], -left, claims, there, ~fits))
    best = within_scope(demand, rows[order], order)
    spots: dict[int, list[int]] = {}
    for position in best:
        spots.setdefault(int(rows[position]), []).append(int(columns[position]))
    return tuple(Spot(row, tuple(sorted(chosen))) for row, chosen in spots.items())


def within_scope(demand: Demand, rows: Ints, positions: Ints) -> Ints:
    """Of GPUs in the order of how soon they can be had (`rows`: their nodes), the first that make up the demand.

    The node of which all can be had soonest is the one whose last GPU comes first in the order.
    """
    if demand.scope == "pool":
        return positions[: demand.least]
    # How many GPUs of the same node come before each.
    before = np.zeros(len(rows), dtype=np.int64)
    by_row = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[by_row], prepend=-1))
    before[by_row] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    if demand.scope == "spread":
        first: Ints = positions[before == 0]
        return first[: demand.least] if len(first) >= demand.least else first[:0]
    last = np.flatnonzero(before == demand.least - 1)
    if not len(last):
        return positions[:0]
    together: Ints = positions[(rows == rows[last[0]]) & (before < demand.least)]
    return together
