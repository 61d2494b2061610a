"""Fits: a GPU could take a vGPU of this size, once everybody else has gone. What fits now, the index knows."""

from gpool.model.gpu import Gpu
from gpool.model.lease import LeaseRequest
from gpool.scheduler.gpu_models import is_model

__all__ = ["fits_empty"]


def fits_empty(gpu: Gpu, request: LeaseRequest) -> bool:
    """Whether the GPU could take it if nobody else were there."""
    models = request.placement.gpu_models
    if models and not any(is_model(wanted, gpu.name) for wanted in models):
        return False
    return request.memory_bytes is None or request.memory_bytes <= gpu.memory_bytes
