"""When a request that waits is expected to be placed, if nothing comes that nobody knows of yet.

The scheduler itself is run forward over a copy of the pool, from one end of a lease to the next. When leases end is
told by what is certain (a warning, a maximum duration), else by what leases of their owner or queue have lasted. A
lease of which neither is known never ends here, so what depends on it is unknown, and is said to be.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from gpool.model.explanation import Forecast
from gpool.model.lease import Lease, LeaseState
from gpool.scheduler.cycle import decide
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.reasons import list_of

__all__ = ["Durations", "forecast", "likely_end"]

_ENOUGH = 3
"""From so many leases on, what they have lasted tells what others will last."""
_FURTHEST = 200
"""After so many ends of leases nobody can tell."""
_SOON_S = 1.0
"""Until a lease that is ending has ended."""

_Ends = Callable[[Lease, datetime], datetime | None]
"""(lease, when it begins) → when it ends; None for nobody knows."""


class Durations:
    """How long leases have lasted, in seconds: the median by queue and owner, or by queue."""

    def __init__(self, ended: Iterable[Lease] = ()) -> None:
        lasted: dict[tuple[str, str | None], list[float]] = {}
        for lease in ended:
            if lease.granted_at is not None and lease.ended_at is not None:
                seconds = (lease.ended_at - lease.granted_at).total_seconds()
                for kind in ((lease.queue, lease.owner), (lease.queue, None)):
                    lasted.setdefault(kind, []).append(seconds)
        self._typical: Mapping[tuple[str, str | None], float] = {
            kind: median(found) for kind, found in lasted.items() if len(found) >= _ENOUGH
        }

    def of(self, lease: Lease) -> float | None:
        """What such a lease lasts; None when too few have ended to tell."""
        return self._typical.get((lease.queue, lease.owner), self._typical.get((lease.queue, None)))


@dataclass(frozen=True, slots=True)
class _Run:
    at: datetime | None
    never: tuple[str, ...] = ()
    """Leases whose end nobody knows, that hold what it could use."""
    too_far: bool = False


def forecast(make_pool: Callable[[], PoolState], lease_id: str, now: datetime, durations: Durations) -> Forecast:
    """When the waiting lease is expected to be placed. `make_pool`: a pool of one's own, each time it is asked for."""
    latest = _run(make_pool(), lease_id, now, _certain_end)
    expected = _run(make_pool(), lease_id, now, lambda lease, begins: likely_end(lease, begins, now, durations))
    unless = "if nobody more urgent comes"
    if expected.at is None and latest.at is None:
        if expected.too_far:
            return Forecast(sureness="unknown", reason=f"more than {_FURTHEST} leases have to end before")
        if expected.never:
            return Forecast(
                sureness="unknown",
                reason=f"{list_of(expected.never)} may last for ever: no maximum duration, "
                "and too few leases like it have ended to tell",
            )
        return Forecast(sureness="unknown", reason="it waits for something else than the end of leases")
    if latest.at is not None:
        # What is only likely may also come out later than what is certain.
        at = min(latest.at, expected.at or latest.at)
        return Forecast(
            expected_at=at,
            latest_at=latest.at,
            sureness="bounded",
            reason=f"leases before it end by their maximum duration or warning at the latest, {unless}",
        )
    return Forecast(
        expected_at=expected.at,
        sureness="estimated",
        reason=f"as long as leases of their owners and queues have lasted lately, {unless}",
    )


def _certain_end(lease: Lease, begins: datetime) -> datetime | None:
    limit_s = lease.request.max_duration_s
    ends = [
        lease.eviction.ends_at if lease.warned and lease.eviction else None,
        None if limit_s is None else begins + timedelta(seconds=limit_s),
    ]
    return min((end for end in ends if end is not None), default=None)


def likely_end(lease: Lease, begins: datetime, now: datetime, durations: Durations) -> datetime | None:
    """When a lease that begins, or began, then is expected to end; None when nobody knows."""
    certain = _certain_end(lease, begins)
    typical_s = durations.of(lease)
    if typical_s is None or lease.warned:
        return certain
    # Who has lasted longer than is usual is expected to last half as long again.
    usual = begins + timedelta(seconds=typical_s)
    likely = usual if usual > now else now + (now - begins) / 2
    return likely if certain is None else min(likely, certain)


def _run(pool: PoolState, lease_id: str, now: datetime, ends: _Ends) -> _Run:
    state = pool.state
    own = state.waiting.asks[lease_id]
    for other in list(state.waiting.asks.values()):
        if other.queue == own.queue and other.turn > own.turn:
            state.withdraw(other.id)
    reach = pool.index.fitting_empty(own.demand) & pool.index.rows_for(own.demand)[:, None]
    agenda: list[tuple[float, str]] = []
    never = []
    for held in state.held.values():
        lease = pool.leases[held.ask.id]
        soon = now + timedelta(seconds=_SOON_S)
        end = soon if lease.state is LeaseState.ENDING else ends(lease, lease.granted_at or now)
        if end is not None:
            heapq.heappush(agenda, (max(end, now).timestamp(), lease.id))
        elif any(reach[spot.row, column] for spot in held.spots for column in spot.columns):
            never.append(lease.id)
    at = now.timestamp()
    for _ in range(_FURTHEST):
        for ask, spots in decide(state, at).placements:
            if ask.id == lease_id:
                return _Run(datetime.fromtimestamp(at, UTC))
            state.start(ask, spots, at)
            lease = pool.leases[ask.id]
            end = ends(lease, datetime.fromtimestamp(at, UTC))
            if end is not None:
                heapq.heappush(agenda, (max(end.timestamp(), at), lease.id))
            elif any(reach[spot.row, column] for spot in spots for column in spot.columns):
                never.append(lease.id)
        if not agenda:
            return _Run(None, tuple(sorted(never)))
        at, over = heapq.heappop(agenda)
        state.stop(over, at)
        # Who ends in the same moment goes together.
        while agenda and agenda[0][0] <= at:
            state.stop(heapq.heappop(agenda)[1], at)
    return _Run(None, too_far=True)
