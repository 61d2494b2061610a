"""Why a lease waits, from what the scheduler knows; what would have to change, and when it will be placed."""

import asyncio
from datetime import datetime

from gpool.controller.copies import copies_of
from gpool.controller.live_pool import LivePool
from gpool.controller.views import lease_view
from gpool.model.explanation import Advice, Explanation, Forecast, HolderView
from gpool.model.lease import LeaseState
from gpool.scheduler.advice import advise
from gpool.scheduler.forecast import Durations, forecast, likely_end

__all__ = ["explain"]

_HOLDERS_SHOWN = 100
_LASTED = 500
"""So many leases that ended last tell how long leases last."""


async def explain(pool: LivePool, lease_id: str) -> Explanation:
    """All that can be said of it. Raises `UnknownLease`."""
    lease = await pool.lease(lease_id)
    events = tuple(await pool.events_of("lease", lease_id, limit=50))
    view = lease_view(pool, lease)
    if lease.state is not LeaseState.PENDING:
        reason = lease.eviction.reason if lease.warned and lease.eviction else lease.reason
        return Explanation(lease=view, reason=reason or f"the lease is {lease.state}", events=events)
    scheduler = pool.scheduler_now()
    state, index = scheduler.state, scheduler.index
    ask = state.waiting.asks[lease_id]
    alike = state.waiting.by_queue.get(ask.queue, {}).values()
    ahead = sorted((other for asks in alike for other in asks if other.turn < ask.turn), key=lambda other: other.turn)
    rows = index.rows_for(ask.demand)
    possible = index.fitting_empty(ask.demand) & rows[:, None]
    holders = []
    for held in state.held.values():
        gpus = sum(int(possible[spot.row, column]) for spot in held.spots for column in spot.columns)
        holder = scheduler.leases.get(held.ask.id)
        if gpus and holder is not None:
            holders.append(
                HolderView(
                    lease=holder.id,
                    owner=holder.owner,
                    queue=holder.queue,
                    gpus=gpus,
                    preemptible=held.ask.preemptible,
                )
            )
    changes, expected = await _look_ahead(pool, lease_id)
    holders.sort(key=lambda holder: (-holder.gpus, holder.lease))
    return Explanation(
        lease=view,
        reason=lease.reason or "it is looked at in the next cycle",
        ahead=tuple(other.id for other in ahead[:_HOLDERS_SHOWN]),
        gpus_in_reach=int(index.gpus[rows].sum()),
        gpus_large_enough=int(possible.sum()),
        gpus_free_for_it=int((index.fitting(ask.demand) & rows[:, None]).sum()),
        holders=tuple(holders[:_HOLDERS_SHOWN]),
        changes=changes,
        forecast=expected,
        events=events,
    )


async def _look_ahead(pool: LivePool, lease_id: str) -> tuple[tuple[Advice, ...], Forecast | None]:
    """Tried out on copies of the pool, in a thread: nobody else waits for it."""
    durations = Durations(await pool.leases_that_ended_last(_LASTED))
    now = pool.now()
    asked = pool.leases.get(lease_id)
    if asked is None or asked.state is not LeaseState.PENDING:
        return (), None  # it has been placed meanwhile
    copy = copies_of(pool, now)

    def look() -> tuple[tuple[Advice, ...], Forecast | None]:
        tried = copy()

        def ends(other: str) -> datetime | None:
            lease = tried.leases[other]
            return likely_end(lease, lease.granted_at or now, now, durations)

        return advise(tried, lease_id, now, ends), forecast(copy, lease_id, now, durations)

    return await asyncio.to_thread(look)
