"""Scarce models: GPUs of a model that some insist on are kept for them, the more the fewer are left.

Pressure of a model: the part of the typical demand that only this model (or few others) can serve, over the part of the
idle GPUs that are of this model. At 1 there is just enough.
"""

import numpy as np

from gpool.scheduler.arrays import Bools, Floats
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.gpu_models import is_model
from gpool.scheduler.index import PoolIndex

__all__ = ["SpareScarceModels"]

_POINTS = 2.0
_MOST_PRESSURE = 10.0


class SpareScarceModels:
    """Points lost for each vGPU, by the pressure on the node's model."""

    def __init__(self, gpu_demand: dict[frozenset[str], float]) -> None:
        self._choosy = {models: part for models, part in gpu_demand.items() if models}
        self._insisted: tuple[int, Floats] | None = None

    def adjust(self, index: PoolIndex, demand: Demand, points: Floats, feasible: Bools) -> Floats:
        """See `PoolRule`."""
        if not self._choosy:
            return points
        idle = index.idle_of_model
        pressure = self._insisted_on(index) * (idle.sum() / WHOLE) / np.maximum(idle / WHOLE, 1.0)
        pressure = np.append(np.minimum(pressure, _MOST_PRESSURE), 0.0)  # the last is a node without GPUs, model -1
        return points - _POINTS * max(1, demand.vgpus) * pressure[index.row_model]

    def _insisted_on(self, index: PoolIndex) -> Floats:
        """Part of the demand that insists on each model; where several will do, spread by how many GPUs they have."""
        if self._insisted is None or self._insisted[0] != index.structure:
            insisted = np.zeros(len(index.models))
            for models, part in self._choosy.items():
                gpus = (
                    np.array([any(is_model(wanted, model) for wanted in models) for model in index.models])
                    * index.gpus_of_model
                )
                if 0 < gpus.sum() < index.gpus_of_model.sum():
                    insisted += part * gpus / gpus.sum()
            self._insisted = index.structure, insisted
        return self._insisted[1]
