"""Fits: a GPU could take a vGPU of this size, once everybody else has gone. What fits now, the index knows."""

from gpool.model.gpu import Gpu
from gpool.model.lease import LeaseRequest

__all__ = ["fits_empty"]


def fits_empty(gpu: Gpu, request: LeaseRequest) -> bool:
    """Whether the GPU could take it if nobody else were there."""
    return request.memory_bytes is None or request.memory_bytes <= gpu.memory_bytes
