"""Dot product: the node whose free resources point least along the demand. A baseline."""

from gpool.scheduler.arrays import Floats, Ints
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex

__all__ = ["DotProduct"]


class DotProduct:
    """Processors and GPUs, each as a part of the largest node's."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """See `NodeRule`. Whole points from 0 to 100."""
        most_cpu, most_gpu = max(1, int(index.cpu_total.max())), max(1, int(index.gpus.max())) * WHOLE
        wanted = demand.vgpus * (WHOLE if demand.whole else demand.permille)
        cpu = index.cpu_left[rows] / most_cpu * (demand.cpu_milli / most_cpu)
        gpu = index.idle[rows] / most_gpu * (wanted / most_gpu)
        points: Floats = (100 * (1 - (cpu + gpu) / 2)).astype(int).astype(float)
        return points
