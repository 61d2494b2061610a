"""One scheduling cycle: who gets what now, who waits, and who has to give way."""

from dataclasses import dataclass
from datetime import datetime

from gpool.scheduler.actions.make_room import Eviction, MakeRoom
from gpool.scheduler.actions.place import Blocked, Explain, place
from gpool.scheduler.asks import Ask
from gpool.scheduler.index import Spot
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.reasons import describe_blocked, describe_eviction, describe_wait
from gpool.scheduler.snapshot import Placement, Plan, RoomPlan, Snapshot, Wait
from gpool.scheduler.state import FOR_NOBODY, SchedulerState

__all__ = ["Decision", "decide", "schedule", "schedule_pool"]


@dataclass(frozen=True, slots=True)
class Decision:
    """To be carried out whole or not at all."""

    placements: tuple[tuple[Ask, tuple[Spot, ...]], ...]
    blocked: tuple[Blocked, ...]
    evictions: tuple[Eviction, ...] = ()
    """Those that begin, and those that go on: whoever was told to go before and is in none of them is let off."""
    moves: tuple[tuple[Ask, tuple[Spot, ...]], ...] = ()
    """Leases that are not in use yet, and where they go so that others fit."""
    lapsed: tuple[Ask, ...] = ()
    """Asks for which nobody has to go any more, though they still wait."""


def decide(
    state: SchedulerState,
    now: float,
    explain: Explain | None = None,
    room: MakeRoom | None = None,
    most_moves: int = 0,
) -> Decision:
    """What to do, from the same state always the same. The state is left as it was, but for what has become typical.

    `room`: how others are made to give way; without, nobody is. `most_moves`: how many leases that are not in use yet
    may be moved for a request.
    """
    state.settle(now)
    leaving = dict(state.leaving)
    try:
        with state.index.trial(), state.accounts.trial():
            placed = place(state, now, explain, room, most_moves)
    finally:
        state.take_back_moves()
        state.leaving = leaving
    return Decision(
        tuple(placed.placements),
        tuple(placed.blocked),
        tuple(placed.evictions),
        tuple(placed.moves),
        tuple(placed.lapsed),
    )


def schedule_pool(pool: PoolState, now: datetime) -> Plan:
    """What to do with the queue of a pool whose state is kept between cycles."""
    pool.turn_calendars(now)
    settings = pool.policy_now.policy.settings
    state = pool.state
    with pool.without_overdue(now):
        decision = decide(
            state,
            now.timestamp(),
            lambda *waits: describe_wait(pool, *waits),
            MakeRoom(settings.least_run_s),
            settings.most_moves,
        )
    moves = tuple(Placement(ask.id, pool.vgpus(ask, spots)) for ask, spots in decision.moves)
    placements = [Placement(ask.id, pool.vgpus(ask, spots)) for ask, spots in decision.placements]
    rooms = []
    for eviction in decision.evictions:
        ask, spots = eviction.beneficiary, eviction.spots
        victims = tuple((held.ask.id, describe_eviction(ask, held.ask)) for held in eviction.victims)
        rooms.append(RoomPlan(ask.id, pool.places(spots), victims, state.away(spots)))
    going = {victim for room in rooms for victim, _ in room.victims}
    told = {victim for victim, whose in state.leaving.items() if whose != FOR_NOBODY}
    let_off = tuple(sorted(told - state.ending - going))
    waits = []
    for blocked in decision.blocked:
        waits.append(Wait(blocked.ask.id, describe_blocked(pool, blocked)))
        waits += [Wait(ask.id, f"wants the same as {blocked.ask.id}, which waits before it") for ask in blocked.behind]
    return Plan(tuple(placements), tuple(waits), tuple(rooms), let_off, moves)


def schedule(snapshot: Snapshot, now: datetime) -> Plan:
    """What to do with the queue. The same snapshot and time give the same plan, whatever the order of its parts.

    A request whose time is over at `now` is left out: it is about to be ended.
    """
    pool = PoolState(snapshot.policy, now)
    pool.follow(snapshot.nodes, snapshot.leases, now)
    return schedule_pool(pool, now)
