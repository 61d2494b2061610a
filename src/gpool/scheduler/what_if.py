"""What would become of a request: a cycle in which it is among those who wait, of which nothing remains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gpool.model.lease import GpuPlace, Lease
from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.actions.make_room import harm
from gpool.scheduler.asks import Ask
from gpool.scheduler.cycle import schedule_pool
from gpool.scheduler.index import Spot
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.state import SchedulerState

__all__ = ["Prospect", "prospect_of"]

_MOST_ENDS = 1000
_MOST_AHEAD = 200
"""Bounds of the look ahead."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a request."""

    granted: bool
    """At once."""
    places: tuple[GpuPlace, ...]
    gives_way: tuple[tuple[str, str, float], ...]
    """Id of each lease that would have to go, a sentence for its holder, and the GPU seconds that it has had."""
    reason: str
    """Why it would wait."""
    ahead: int
    starts_at: datetime | None


def prospect_of(pool: PoolState, lease: Lease, now: datetime, ends: Iterable[tuple[datetime, str]]) -> Prospect:
    """What would become of `lease`, which is pending and not among those of the pool.

    `ends`: when leases that hold something will end, as far as that is known. Leases of other queues that wait are
    looked at for what happens now, but not for what happens then.
    """
    with pool.supposing(lease) as ask:
        plan = schedule_pool(pool, now)
        state = pool.state
        alike = state.waiting.by_queue[ask.queue].values()
        ahead = sorted(
            (other for asks in alike for other in asks if other.turn < ask.turn), key=lambda other: other.turn
        )
        placement = next((found for found in plan.placements if found.lease_id == lease.id), None)
        if placement is not None:
            places = tuple(GpuPlace(node=vgpu.node, gpu_uuid=vgpu.gpu_uuid) for vgpu in placement.vgpus)
            return Prospect(True, places, (), "", len(ahead), now)
        reason = next((wait.reason for wait in plan.waits if wait.lease_id == lease.id), "")
        room = next((found for found in plan.rooms if found.lease_id == lease.id), None)
        if room is not None:
            seconds = now.timestamp()
            victims = tuple((victim, why, harm(state.held[victim], seconds)) for victim, why in room.victims)
            grace = timedelta(seconds=pool.policy_now.policy.settings.grace_s)
            return Prospect(False, room.places, victims, reason, len(ahead), None if room.suspended else now + grace)
        starts_at = _soonest(state, ask, ahead[:_MOST_AHEAD], now, sorted(ends)[:_MOST_ENDS])
        return Prospect(False, (), (), reason, len(ahead), starts_at)


def _soonest(
    state: SchedulerState, ask: Ask, ahead: list[Ask], now: datetime, ends: Sequence[tuple[datetime, str]]
) -> datetime | None:
    """When it would fit, if leases end as is known, and those before it come first."""
    seconds = now.timestamp()
    with state.index.trial(), state.accounts.trial():
        for number, (at, ask_id) in enumerate(ends):
            held = state.held.get(ask_id)
            if held is not None:
                for spot in held.spots:
                    state.index.give_back(ask_id, held.ask.demand, spot)
                state.accounts.charge(held.ask.queue, state.amount(held.ask), seconds, -1)
            if number + 1 < len(ends) and ends[number + 1][0] <= max(at, now):
                continue  # of those that end together, all first
            ahead = [other for other in ahead if not _come(state, other, seconds)]
            if _come(state, ask, seconds):
                return max(at, now)
    return None


def _come(state: SchedulerState, ask: Ask, now: float) -> bool:
    """Let it come, if it can."""
    if state.accounts.over_limit(ask.queue, state.least_amount(ask)):
        return False
    spots: tuple[Spot, ...] = find_spots(state, ask)
    if not spots:
        return False
    for spot in spots:
        state.index.take(ask.id, ask.demand, spot)
    state.accounts.charge(ask.queue, state.amount_at(ask, spots), now)
    return True
