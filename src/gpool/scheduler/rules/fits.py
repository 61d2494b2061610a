"""Fits: a GPU can take a vGPU of this size."""

from gpool.model.gpu import Gpu
from gpool.model.lease import LeaseRequest
from gpool.scheduler.pool import Slot, reserved_permille

__all__ = ["fits_empty", "fits_now"]


def fits_empty(gpu: Gpu, request: LeaseRequest) -> bool:
    """Whether the GPU could take it if nobody else were there."""
    return request.memory_bytes is None or request.memory_bytes <= gpu.memory_bytes


def fits_now(slot: Slot, request: LeaseRequest) -> bool:
    """Whether the GPU can take it beside those who are there."""
    if slot.whole:
        return False
    if request.whole_gpus:
        return not slot.holders and not slot.claimed
    assert request.memory_bytes is not None
    return request.memory_bytes <= slot.free_bytes and reserved_permille(request) <= slot.unreserved_permille
