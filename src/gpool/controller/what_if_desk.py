"""What the pool would do with a request that nobody has made."""

from collections.abc import Iterator
from datetime import datetime

from gpool.controller.pool_scheduling import PoolScheduling
from gpool.errors import ImpossibleRequest
from gpool.lifecycle.lease import begin_lease
from gpool.model.lease import MAX_VGPUS, Lease, LeaseRequest, LeaseState
from gpool.model.sizes import format_bytes
from gpool.model.what_if import GivesWay, Outcome, Variant, WhatIf
from gpool.scheduler.admission import check_possible
from gpool.scheduler.entry import queue_for
from gpool.scheduler.reasons import count_of, describe_wish
from gpool.scheduler.what_if import Prospect, prospect_of

__all__ = ["WhatIfDesk"]


class WhatIfDesk(PoolScheduling):
    """Answers without changing anything."""

    def what_if(
        self, owner: str, request: LeaseRequest, *, default_queue: str | None = None, variants: bool = True
    ) -> WhatIf:
        """What would become of the request, and of requests that are a little different.

        Raises `UnknownNode`, `UnknownQueue`, `UnknownPriorityClass` or `NotAllowed` as asking for it would.
        """
        asked = self._outcome(owner, request, default_queue)
        others = self._variants(request) if variants else ()
        return WhatIf(
            asked=asked,
            variants=tuple(
                Variant(change=change, outcome=self._outcome(owner, other, default_queue)) for change, other in others
            ),
        )

    def _outcome(self, owner: str, request: LeaseRequest, default_queue: str | None) -> Outcome:
        wish, queue = describe_wish(request), None
        try:
            queue = queue_for(self.policy, request, owner, default_queue)
            check_possible(request, self.nodes.values())
        except ImpossibleRequest as error:
            return Outcome(wish=wish, request=request, queue=queue, verdict="never", reason=str(error))
        now = self.now()
        lease, _ = begin_lease(self._fresh_id("l", self.leases), owner, request, now, queue=queue)
        ends = [(end, other.id) for other in self.leases.values() if (end := _known_end(other, now)) is not None]
        found = prospect_of(self.scheduler_now(), lease, now, ends)
        return Outcome(
            wish=wish,
            request=request,
            queue=queue,
            verdict="now" if found.granted else "after-evictions" if found.places else "waits",
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


def _known_end(lease: Lease, now: datetime) -> datetime | None:
    """When a lease that holds GPUs ends, whatever its holder does."""
    if lease.state is LeaseState.ENDING:
        return now
    ends = (lease.over_at, lease.eviction.ends_at if lease.eviction else None)
    return min((end for end in ends if end is not None), default=None)


def _sentence(found: Prospect) -> str:
    if found.granted:
        nodes = ", ".join(dict.fromkeys(place.node for place in found.places))
        return f"it would be granted at once, on {nodes}"
    return found.reason or "it would wait"
