"""One scheduling cycle: who gets what now, who waits, and who has to give way."""

from dataclasses import dataclass
from datetime import datetime

from gpool.scheduler.actions.make_room import Eviction, MakeRoom
from gpool.scheduler.actions.place import Blocked, Explain, place
from gpool.scheduler.asks import Ask
from gpool.scheduler.index import Spot
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.reasons import describe_blocked, describe_wait
from gpool.scheduler.snapshot import Placement, Plan, Snapshot, Wait
from gpool.scheduler.state import SchedulerState

__all__ = ["Decision", "decide", "schedule", "schedule_pool"]


@dataclass(frozen=True, slots=True)
class Decision:
    """To be carried out whole or not at all."""

    placements: tuple[tuple[Ask, tuple[Spot, ...]], ...]
    blocked: tuple[Blocked, ...]
    evictions: tuple[Eviction, ...] = ()


def decide(state: SchedulerState, now: float, explain: Explain | None = None, room: MakeRoom | None = None) -> Decision:
    """What to do, from the same state always the same. The state is left as it was, but for what has become typical.

    `room`: how others are made to give way; without, nobody is.
    """
    state.settle(now)
    with state.index.trial(), state.accounts.trial():
        placed = place(state, now, explain, room)
    return Decision(tuple(placed.placements), tuple(placed.blocked), tuple(placed.evictions))


def schedule_pool(pool: PoolState, now: datetime) -> Plan:
    """What to do with the queue of a pool whose state is kept between cycles."""
    with pool.without_overdue(now):
        decision = decide(pool.state, now.timestamp(), lambda *waits: describe_wait(pool, *waits))
    placements = [Placement(ask.id, pool.vgpus(ask, spots)) for ask, spots in decision.placements]
    waits = []
    for blocked in decision.blocked:
        waits.append(Wait(blocked.ask.id, describe_blocked(pool, blocked)))
        waits += [Wait(ask.id, f"wants the same as {blocked.ask.id}, which waits before it") for ask in blocked.behind]
    return Plan(tuple(placements), tuple(waits))


def schedule(snapshot: Snapshot, now: datetime) -> Plan:
    """What to do with the queue. The same snapshot and time give the same plan, whatever the order of its parts.

    A request whose time is over at `now` is left out: it is about to be ended.
    """
    pool = PoolState()
    pool.follow(snapshot.nodes, snapshot.leases, now)
    return schedule_pool(pool, now)
