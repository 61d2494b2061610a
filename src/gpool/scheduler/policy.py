"""Policies: which rules choose the node and the GPUs. The rules are one idea each, in `rules/`."""

from dataclasses import dataclass, replace
from typing import Protocol

from gpool.scheduler.arrays import Bools, Floats, Ints
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import PoolIndex
from gpool.scheduler.rules.best_fit import BestFit, SmallestLeftover, SmallGpusFirst
from gpool.scheduler.rules.chance import AnyGpu, AnyNode, Draw
from gpool.scheduler.rules.clustering import Clustering
from gpool.scheduler.rules.cpu_balance import CpuBalance
from gpool.scheduler.rules.dot_product import DotProduct
from gpool.scheduler.rules.fragmentation import LeastFragmentation
from gpool.scheduler.rules.packing import Packing
from gpool.scheduler.rules.scarce_models import SpareScarceModels
from gpool.scheduler.rules.share_waste import LeastWaste
from gpool.scheduler.rules.tightest import TightestGpu
from gpool.scheduler.rules.used_first import UsedFirst
from gpool.scheduler.typical import TypicalWorkload

__all__ = ["POLICIES", "NodeRule", "Policy", "make_policy"]


class GpuRule(Protocol):
    """Chooses the GPU of a single share inside each node, and may give the node points for it."""

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """(column per row, points per row). Columns matter for `demand.single_share` only."""


class NodeRule(Protocol):
    """Gives each node points that depend on that node alone, so that they hold until the node changes."""

    def points(self, index: PoolIndex, demand: Demand, rows: Ints) -> Floats:
        """Points per row; more is better."""


class PoolRule(Protocol):
    """Changes the points at each decision, from what all nodes look like."""

    def adjust(self, index: PoolIndex, demand: Demand, points: Floats, feasible: Bools) -> Floats:
        """New points per row; more is better."""


@dataclass(frozen=True)
class Policy:
    """Points of all rules are added up. Equally good nodes: the first in the index's order."""

    gpu: GpuRule
    node: tuple[NodeRule, ...] = ()
    pool: tuple[PoolRule, ...] = ()


@dataclass(frozen=True)
class _SharesApart:
    """One rule for a share of a GPU, another for everything else."""

    share: GpuRule
    other: GpuRule

    def look(self, index: PoolIndex, demand: Demand, rows: Ints) -> tuple[Ints, Floats]:
        """See `GpuRule`."""
        return (self.share if demand.single_share else self.other).look(index, demand, rows)


POLICIES = ("random", "dotprod", "clustering", "packing", "bestfit", "fgd", "gpool")


def make_policy(name: str, typical: TypicalWorkload, draw: Draw | None = None, own: NodeRule | None = None) -> Policy:
    """The policy of that name. `draw`: chance for `random`, see `rules.chance`. `own`: a rule besides its own.

    `gpool` is the production default; the others are what it is compared with.
    """
    if own is not None:
        policy = make_policy(name, typical, draw)
        if name == "gpool" and not typical.demands:
            # In the measure of the other rules, or nobody could stand up to it.
            policy = Policy(TightestGpu(), (SmallestLeftover(point_mib=1024),))
        return replace(policy, node=(*policy.node, own))
    match name:
        case "gpool" if not typical.demands:
            return Policy(TightestGpu(), (SmallestLeftover(),))
        case "gpool":
            rules = (UsedFirst(), CpuBalance(typical.cores_per_gpu()), SmallGpusFirst())
            gpu = _SharesApart(LeastWaste(typical), LeastFragmentation(typical))
            return Policy(gpu, rules, (SpareScarceModels(typical.gpu_demand()),))
        case "fgd":
            return Policy(LeastFragmentation(typical))
        case "bestfit":
            return Policy(TightestGpu(), pool=(BestFit(),))
        case "packing":
            return Policy(TightestGpu(), (Packing(),))
        case "clustering":
            return Policy(TightestGpu(), (Clustering(),))
        case "dotprod":
            return Policy(TightestGpu(), (DotProduct(),))
        case "random":
            if draw is None:
                raise ValueError("the policy 'random' needs a source of chance")
            return Policy(AnyGpu(draw), pool=(AnyNode(draw),))
    raise ValueError(f"there is no policy '{name}'; there are: {', '.join(POLICIES)}")
