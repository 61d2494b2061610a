"""Best fit: the GPU that is left with the least, so that large pieces stay large."""

from gpool.model.lease import LeaseRequest
from gpool.scheduler.pool import Slot, reserved_permille

__all__ = ["leftover"]


def leftover(slot: Slot, request: LeaseRequest) -> tuple[int, int]:
    """What would be left on the GPU, (bytes, permille); less is better.

    For a whole GPU nothing is left, so the smaller GPU is the better one: somebody else may need the larger.
    """
    if request.whole_gpus:
        return slot.gpu.memory_bytes, slot.unreserved_permille
    return slot.free_bytes - slot.memory_for(request), slot.unreserved_permille - reserved_permille(request)
