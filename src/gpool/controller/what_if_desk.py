"""What the pool would do with a request that nobody has made."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

from gpool.controller.copies import copies_of
from gpool.controller.lease_desk import LeaseDesk
from gpool.errors import ImpossibleRequest
from gpool.lifecycle.lease import begin_lease
from gpool.model.lease import MAX_VGPUS, Lease, LeaseRequest
from gpool.model.sizes import format_bytes
from gpool.model.what_if import GivesWay, Outcome, Variant, WhatIf
from gpool.scheduler.admission import check_possible
from gpool.scheduler.entry import queue_for
from gpool.scheduler.forecast import Durations, forecast
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.reasons import count_of, describe_wish
from gpool.scheduler.what_if import Prospect, prospect_of

__all__ = ["WhatIfDesk"]

LASTED = 500
"""So many leases that ended last tell how long leases last."""


class WhatIfDesk(LeaseDesk):
    """Answers without changing anything."""

    async def what_if(
        self, owner: str, request: LeaseRequest, *, default_queue: str | None = None, variants: bool = True
    ) -> WhatIf:
        """What would become of the request, and of requests that are a little different.

        Raises `UnknownNode`, `UnknownQueue`, `UnknownPriorityClass` or `NotAllowed` as asking for it would.
        """
        durations = Durations(await self.leases_that_ended_last(LASTED))
        now = self.now()
        others = [("", request), *(self._variants(request) if variants else ())]
        found = [self._outcome(owner, other, default_queue, now) for _, other in others]
        copy = copies_of(self, now)

        def look_ahead() -> list[Outcome]:
            return [
                outcome if lease is None else _forecast(outcome, lease, copy, now, durations)
                for outcome, lease in found
            ]

        # As `explain` does it: in a thread, so that nobody else waits for it.
        asked, *rest = await asyncio.to_thread(look_ahead)
        changes = [change for change, _ in others[1:]]
        told = (Variant(change=change, outcome=outcome) for change, outcome in zip(changes, rest, strict=True))
        return WhatIf(asked=asked, variants=tuple(told))

    def _outcome(
        self, owner: str, request: LeaseRequest, default_queue: str | None, now: datetime
    ) -> tuple[Outcome, Lease | None]:
        """What would become of it; with the lease that it would be, if that would wait for others to end."""
        wish, queue = describe_wish(request), None
        try:
            queue = queue_for(self.policy, request, owner, default_queue)
            check_possible(request, self.nodes.values())
        except ImpossibleRequest as error:
            return Outcome(wish=wish, request=request, queue=queue, verdict="never", reason=str(error)), None
        lease, _ = begin_lease(self._fresh_id("l", self.leases), owner, request, now, queue=queue)
        found = prospect_of(self.scheduler_now(), lease, now)
        waits = not found.granted and not found.places
        outcome = Outcome(
            wish=wish,
            request=request,
            queue=queue,
            verdict="now" if found.granted else "waits" if waits else "after-evictions",
            reason=_sentence(found),
            places=found.places,
            gives_way=tuple(
                GivesWay(
                    lease=victim,
                    owner=self.leases[victim].owner,
                    queue=self.leases[victim].queue,
                    # The lease for which it would be has no name that anybody could look up.
                    reason=why.replace(f"lease {lease.id}", "this request"),
                    gpu_seconds=seconds,
                )
                for victim, why, seconds in found.gives_way
            ),
            ahead=found.ahead,
            starts_at=found.starts_at,
        )
        return outcome, lease if waits else None

    def _variants(self, request: LeaseRequest) -> Iterator[tuple[str, LeaseRequest]]:
        """Fewer and more vGPUs, a share in place of whole GPUs and the other way, and a place that is left open."""
        number = request.vgpus
        for other in (number // 2, number * 2):
            if 1 <= other <= MAX_VGPUS and other >= (request.min_vgpus or 1):
                yield f"{count_of(other, 'vGPU')} instead of {number}", _but(request, vgpus=other)
        if request.whole_gpus:
            sizes = [gpu.memory_bytes for node in self.nodes.values() for gpu in node.gpus]
            if sizes:
                half = min(sizes) // 2
                share = _but(request, memory_bytes=half, exclusive=False)
                yield f"{format_bytes(half)} of GPUs that are shared", share
        else:
            yield "whole GPUs", _but(request, memory_bytes=None, compute_permille=1000, min_compute_permille=None)
        if request.node is not None:
            yield "any node", _but(request, node=None)
        if request.placement.scope in ("node", "spread") and number > 1:
            anywhere = request.placement.model_copy(update={"scope": "pool"})
            yield "on as few nodes as can be", _but(request, placement=anywhere)


def _but(request: LeaseRequest, **changes: object) -> LeaseRequest:
    return LeaseRequest.model_validate({**dict(request), **changes})


def _forecast(
    outcome: Outcome, lease: Lease, copy: Callable[..., PoolState], now: datetime, durations: Durations
) -> Outcome:
    """The same with when it would begin."""
    told = forecast(lambda: copy(lease), lease.id, now, durations)
    return outcome.model_copy(update={"starts_at": told.expected_at, "forecast": told})


def _sentence(found: Prospect) -> str:
    if found.granted:
        nodes = ", ".join(dict.fromkeys(place.node for place in found.places))
        return f"it would be granted at once, on {nodes}"
    return found.reason or "it would wait"
