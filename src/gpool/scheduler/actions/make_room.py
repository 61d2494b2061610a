"""Make room: end leases so that a request that is owed its GPUs gets them. Never for nothing, and by the least harm.

*Reclaim*: a queue below its guarantee takes back what others have borrowed. *Preempt*: within a queue, the more
urgent takes from the less urgent. Somebody gives way only if he may be ended, if the queue that he is in keeps its
own guarantee, and if the request is really placed then: it is tried out on the index first, and whoever turns out not
to be needed stays.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.asks import Ask, Held
from gpool.scheduler.index import Spot
from gpool.scheduler.queues import ROOT
from gpool.scheduler.state import SchedulerState

__all__ = ["Eviction", "MakeRoom", "make_room", "may_ask"]


@dataclass(frozen=True, slots=True)
class Eviction:
    """Leases that give way, for whom, and the GPUs that he then gets."""

    beneficiary: Ask
    victims: tuple[Held, ...]
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Settings."""

    least_run_s: float = 600.0
    """Nobody is ended before he has run so long."""


def make_room(
    state: SchedulerState, ask: Ask, now: float, settings: MakeRoom, gone_already: Collection[str] = ()
) -> Eviction | None:
    """Who must go so that `ask` can come, or None. What is returned has been done in the state: call it in a trial.

    `gone_already`: leases that go for somebody else in the same cycle. The victims have gone from the accounts, and
    `ask` is charged. In the index they are still where they are, for they have yet to go, and nobody else may count
    on what they leave; the place of `ask` is claimed on top of them.
    """
    amount = state.least_amount(ask)
    candidates = [held for held in _candidates(state, ask, now, settings) if held.ask.id not in gone_already]
    candidates.sort(key=lambda held: (held.ask.priority, harm(held, now), held.ask.id))
    gone: list[Held] = []
    spots: tuple[Spot, ...] = ()
    missing = ask.demand.least - int(state.placer.fitting(ask.demand).sum())
    for victim in candidates:
        if not _queue_can_spare(state, victim, ask):
            continue
        _send_away(state, victim, now)
        gone.append(victim)
        missing -= sum(len(spot.columns) for spot in victim.spots)
        if missing <= 0 and (spots := find_spots(state, ask)):
            break
    if spots:
        for victim in sorted(gone, key=lambda held: -harm(held, now)):
            _call_back(state, victim, now)
            without = find_spots(state, ask)
            if without:
                spots = without
                gone.remove(victim)
            else:
                _send_away(state, victim, now)
        for victim in gone:
            for spot in victim.spots:
                state.index.take(victim.ask.id, victim.ask.demand, spot)
        state.index.claim(ask.demand, spots)
        state.accounts.charge(ask.queue, amount, now)
        return Eviction(ask, tuple(gone), spots)
    for victim in reversed(gone):
        _call_back(state, victim, now)
    return None


def may_ask(state: SchedulerState, ask: Ask) -> bool:
    """Whether anybody might have to give way to this ask: a quick answer, mostly no."""
    amount = state.least_amount(ask)
    if state.accounts.over_limit(ask.queue, amount):
        return False
    if ask.queue != ROOT and state.accounts.within_guarantee((ask.queue,), amount):
        return True
    return any(held.ask.priority < ask.priority for held in state.held_in(ask.queue))


def harm(held: Held, now: float) -> float:
    """What is lost when it ends, at most: the GPU time that it has had, in seconds."""
    return max(0.0, now - held.since) * sum(len(spot.columns) for spot in held.spots)


def _candidates(state: SchedulerState, ask: Ask, now: float, settings: MakeRoom) -> list[Held]:
    found: list[Held] = []
    for queue in state.queues_that_hold():
        if queue == ask.queue:
            found += [held for held in state.held_in(queue) if held.ask.priority < ask.priority]
            continue
        # Every queue that would grow, up to where both are under one roof, must be owed it, and this one have too much.
        growing, shrinking = state.tree.path_below(ask.queue, queue), state.tree.path_below(queue, ask.queue)
        owed = growing and state.accounts.within_guarantee(growing, state.least_amount(ask))
        if owed and all(state.accounts.used(name) > state.tree.queues[name].guarantee for name in shrinking):
            found += state.held_in(queue)
    return [
        held
        for held in found
        if held.ask.preemptible and now - held.since >= settings.least_run_s and _in_reach(state, held, ask)
    ]


def _in_reach(state: SchedulerState, held: Held, ask: Ask) -> bool:
    if ask.demand.node is None and ask.demand.where is None:
        return True
    usable = state.index.rows_for(ask.demand)
    return any(usable[spot.row] for spot in held.spots)


def _queue_can_spare(state: SchedulerState, held: Held, ask: Ask) -> bool:
    """What has been taken from its queue for this ask already counts as gone."""
    if held.ask.queue == ask.queue:
        return True
    shrinking = state.tree.path_below(held.ask.queue, ask.queue)
    return state.accounts.can_spare(shrinking, state.amount(held.ask))


def _send_away(state: SchedulerState, held: Held, now: float) -> None:
    for spot in held.spots:
        state.index.give_back(held.ask.id, held.ask.demand, spot)
    state.accounts.charge(held.ask.queue, state.amount(held.ask), now, -1)


def _call_back(state: SchedulerState, held: Held, now: float) -> None:
    for spot in held.spots:
        state.index.take(held.ask.id, held.ask.demand, spot)
    state.accounts.charge(held.ask.queue, state.amount(held.ask), now)
