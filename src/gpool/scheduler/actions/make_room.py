"""Make room: end leases so that a request that is owed its GPUs gets them. Never for nothing, and by the least harm.

*Reclaim*: a queue below its guarantee takes back what others have borrowed. *Preempt*: within a queue, the more
urgent takes from the less urgent. Somebody gives way only if he may be ended, if the queue that he is in keeps its
own guarantee, and if the request is really placed then: it is tried out on the index first, and whoever turns out not
to be needed stays. Leases that are ending anyway are counted on before anybody is asked to go.

Where those who have to go are given time, the same is asked again in each cycle (`keep_room`): who is no longer needed,
or no longer owes it, is let off.
"""

from dataclasses import dataclass

from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.asks import Ask, Held
from gpool.scheduler.index import Spot
from gpool.scheduler.queues import ROOT
from gpool.scheduler.state import SchedulerState

__all__ = ["Eviction", "MakeRoom", "harm", "keep_room", "make_room", "may_ask"]


@dataclass(frozen=True, slots=True)
class Eviction:
    """Leases that give way, for whom, and the GPUs that he then gets."""

    beneficiary: Ask
    victims: tuple[Held, ...]
    """None, where others are ending anyway."""
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Settings."""

    least_run_s: float = 600.0
    """Nobody is ended before he has run so long."""


def make_room(state: SchedulerState, ask: Ask, now: float, settings: MakeRoom) -> Eviction | None:
    """Who must go so that `ask` can come, or None. What is returned has been done in the state: call it in a trial.

    Those who go are still where they are, for they have yet to go, and nobody else may count on what they leave. `ask`
    is charged, and its place is claimed on top of them.
    """
    going = {*state.leaving, *state.ending}
    candidates = [
        held
        for held in _candidates(state, ask)
        if held.ask.id not in going and now - held.since >= settings.least_run_s
    ]
    return _clear(state, ask, now, candidates)


def keep_room(state: SchedulerState, ask: Ask, now: float) -> Eviction | None:
    """Who must still go of those who were told to go for `ask`; None when there is no more reason. As `make_room`."""
    told = {victim for victim, whose in state.leaving.items() if whose == ask.id} - state.ending
    return _clear(state, ask, now, [held for held in _candidates(state, ask) if held.ask.id in told])


def may_ask(state: SchedulerState, ask: Ask) -> bool:
    """Whether anybody might have to give way to this ask: a quick answer, mostly no."""
    amount = state.least_amount(ask)
    if state.accounts.over_limit(ask.queue, amount):
        return False
    owed = next(name for name in state.tree.paths[ask.queue] if not state.tree.queues[name].derived)
    if owed != ROOT and state.accounts.within_guarantee((owed,), amount):
        return True
    return any(held.ask.priority < ask.priority for held in state.held_in(ask.queue)) if ask.preempts else False


def harm(held: Held, now: float) -> float:
    """What is lost when it ends, at most: the GPU time that it has had, in seconds."""
    return max(0.0, now - held.since) * sum(len(spot.columns) for spot in held.spots)


def _clear(state: SchedulerState, ask: Ask, now: float, candidates: list[Held]) -> Eviction | None:
    may_go = {held.ask.id for held in candidates}
    # Who goes already is counted on by nobody's guarantee, and who ends without having been told to is in nobody's way.
    absent = [state.held[ask_id] for ask_id in sorted({*state.leaving, *state.ending} - may_go)]
    free = [held for held in absent if held.ask.id in state.ending and state.leaving.get(held.ask.id, ask.id) == ask.id]
    for held in absent:
        state.accounts.charge(held.ask.queue, state.amount(held.ask), now, -1)
    for held in free:
        _lift(state, held)
    gone, spots = _find_victims(state, ask, now, candidates, find_spots(state, ask) if free else ())
    for held in gone:
        _call_back(state, held, now)
    for held in free:
        _lay_back(state, held)
    for held in absent:
        state.accounts.charge(held.ask.queue, state.amount(held.ask), now)
    if not spots:
        return None
    state.index.claim(ask.demand, spots)
    state.accounts.charge(ask.queue, state.amount_at(ask, spots), now)
    return Eviction(ask, tuple(gone), spots)


def _find_victims(
    state: SchedulerState, ask: Ask, now: float, candidates: list[Held], spots: tuple[Spot, ...]
) -> tuple[list[Held], tuple[Spot, ...]]:
    """Those of the candidates who must go, and the GPUs that are free then; nobody and none when it is in vain.

    Who is returned has been sent away. `spots`: GPUs that are free without anybody's going.
    """
    gone: list[Held] = []
    missing = ask.demand.least - int(state.placer.fitting(ask.demand).sum())
    for victim in sorted(candidates, key=lambda held: (held.ask.priority, harm(held, now), held.ask.id)):
        if spots:
            break
        if not _queue_can_spare(state, victim, ask):
            continue
        _send_away(state, victim, now)
        gone.append(victim)
        missing -= sum(len(spot.columns) for spot in victim.spots)
        if missing <= 0:
            spots = find_spots(state, ask)
    if not spots:
        for victim in gone:
            _call_back(state, victim, now)
        return [], ()
    for victim in sorted(gone, key=lambda held: (-harm(held, now), held.ask.id)):
        _call_back(state, victim, now)
        without = find_spots(state, ask)
        if without:
            spots = without
            gone.remove(victim)
        else:
            _send_away(state, victim, now)
    return gone, spots


def _candidates(state: SchedulerState, ask: Ask) -> list[Held]:
    found: list[Held] = []
    for queue in state.queues_that_hold():
        if queue == ask.queue:
            if ask.preempts:
                found += [held for held in state.held_in(queue) if held.ask.priority < ask.priority]
            continue
        # Every queue that would grow, up to where both are under one roof, must be owed it, and this one have too much.
        growing, shrinking = state.tree.path_below(ask.queue, queue), state.tree.path_below(queue, ask.queue)
        growing = tuple(name for name in growing if not state.tree.queues[name].derived)
        owed = growing and state.accounts.within_guarantee(growing, state.least_amount(ask))
        if owed and all(state.accounts.used(name) > state.tree.queues[name].guarantee for name in shrinking):
            found += state.held_in(queue)
    return [held for held in found if held.ask.preemptible and _in_reach(state, held, ask)]


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
    _lift(state, held)
    state.accounts.charge(held.ask.queue, state.amount(held.ask), now, -1)


def _call_back(state: SchedulerState, held: Held, now: float) -> None:
    _lay_back(state, held)
    state.accounts.charge(held.ask.queue, state.amount(held.ask), now)


def _lift(state: SchedulerState, held: Held) -> None:
    for spot in held.spots:
        state.index.give_back(held.ask.id, held.ask.demand, spot)


def _lay_back(state: SchedulerState, held: Held) -> None:
    for spot in held.spots:
        state.index.take(held.ask.id, held.ask.demand, spot)
