"""Place: walk the queue in order and give each request the GPUs that suit it best.

First in, first out, with backfill. A request that cannot be placed now *claims* the GPUs that it will get soonest;
those behind it may use everything else, but not what is claimed. So the head of the queue is never overtaken on the
GPUs that it waits for, and the rest of the pool is never idle for its sake.
"""

from functools import partial

from gpool.model.lease import Lease, LeaseRequest, Vgpu
from gpool.scheduler.pool import Pool, Slot
from gpool.scheduler.reasons import describe_wait
from gpool.scheduler.rules.best_fit import leftover
from gpool.scheduler.rules.fits import fits_empty, fits_now
from gpool.scheduler.rules.same_node import choose_together
from gpool.scheduler.snapshot import Placement, Wait

__all__ = ["place"]


def place(pool: Pool, queue: list[Lease]) -> tuple[list[Placement], list[Wait]]:
    """Placements and waits for the whole queue; `pool` carries both when it returns."""
    placements: list[Placement] = []
    waits: list[Wait] = []
    for lease in queue:
        request = lease.request
        eligible = [slot for slot in pool.slots if request.node in (None, slot.node)]
        fitting = [slot for slot in eligible if fits_now(slot, request)]
        chosen = choose_together(fitting, request.vgpus, partial(_rank, request=request))
        if len(chosen) == request.vgpus:
            placements.append(Placement(lease.id, _vgpus(chosen, request)))
            for slot in chosen:
                slot.take(lease.id, request)
            continue
        claims = _soonest(eligible, request)
        earlier = [wait.lease_id for wait in waits] if any(slot.claimed for slot in eligible) else []
        waits.append(Wait(lease.id, describe_wait(pool, request, claims, earlier)))
        for slot in claims:
            slot.claim(request)
    return placements, waits


def _rank(slot: Slot, request: LeaseRequest) -> tuple[int, int]:
    return leftover(slot, request)


def _soonest(eligible: list[Slot], request: LeaseRequest) -> list[Slot]:
    """The GPUs to claim: what fits already, then what has most free. None unless there are enough of them.

    A request that the ready nodes cannot satisfy however long it waits would claim them for nothing.
    """
    possible = [slot for slot in eligible if fits_empty(slot.gpu, request)]
    if len(possible) < request.vgpus:
        return []
    possible.sort(key=lambda slot: (not fits_now(slot, request), slot.whole, len(slot.holders), -slot.free_bytes))
    return possible[: request.vgpus]


def _vgpus(slots: list[Slot], request: LeaseRequest) -> tuple[Vgpu, ...]:
    # Devices of one node stay together, in the order of that node.
    ordered = sorted(slots, key=lambda slot: (slot.node, slot.gpu.index, slot.gpu.uuid))
    return tuple(
        Vgpu(
            ordinal=ordinal,
            node=slot.node,
            gpu_uuid=slot.gpu.uuid,
            memory_bytes=slot.memory_for(request),
            compute_permille=request.compute_permille,
        )
        for ordinal, slot in enumerate(ordered)
    )
