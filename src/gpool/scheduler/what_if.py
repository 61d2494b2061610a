"""What would become of a request: a cycle in which it is among those who wait, of which nothing remains."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpool.model.lease import GpuPlace, Lease
from gpool.scheduler.actions.make_room import harm
from gpool.scheduler.cycle import schedule_pool
from gpool.scheduler.pool_state import PoolState

__all__ = ["Prospect", "prospect_of"]


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
    """None when it would have to wait for others to end by themselves; see `gpool.scheduler.forecast`."""


def prospect_of(pool: PoolState, lease: Lease, now: datetime) -> Prospect:
    """What would become of `lease`, which is pending and not among those of the pool."""
    with pool.supposing(lease) as ask:
        plan = schedule_pool(pool, now)
        state = pool.state
        alike = state.waiting.by_queue[ask.queue].values()
        ahead = sum(other.turn < ask.turn for asks in alike for other in asks)
        placement = next((found for found in plan.placements if found.lease_id == lease.id), None)
        if placement is not None:
            places = tuple(GpuPlace(node=vgpu.node, gpu_uuid=vgpu.gpu_uuid) for vgpu in placement.vgpus)
            return Prospect(True, places, (), "", ahead, now)
        reason = next((wait.reason for wait in plan.waits if wait.lease_id == lease.id), "")
        room = next((found for found in plan.rooms if found.lease_id == lease.id), None)
        if room is not None:
            seconds = now.timestamp()
            victims = tuple((victim, why, harm(state.held[victim], seconds)) for victim, why in room.victims)
            grace = timedelta(seconds=pool.policy_now.policy.settings.grace_s)
            return Prospect(False, room.places, victims, reason, ahead, None if room.suspended else now + grace)
        return Prospect(False, (), (), reason, ahead, None)
