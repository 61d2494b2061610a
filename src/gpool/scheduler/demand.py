"""What a request takes from the pool, in the numbers that placement works with."""

from dataclasses import dataclass, field, replace

from gpool.model.lease import LeaseRequest
from gpool.scheduler.constraints import Constraints, constraints_of

__all__ = ["WHOLE", "Demand", "demand_of"]

WHOLE = 1000
"""Milli-GPUs of a GPU on which nobody is."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Equal demands are placed alike, so what was worked out for one is kept for the next."""

    vgpus: int = 1
    """On distinct GPUs; 0 for a program that only wants the host's processors and memory."""
    whole: bool = False
    """Whether each vGPU is a whole GPU, on which nobody else may come."""
    bytes: int = 0
    """GPU memory of each vGPU; not used when `whole`."""
    permille: int = 0
    """Compute reserved for each vGPU; not used when `whole`."""
    cpu_milli: int = 0
    """Processors of the host, in thousandths of one."""
    memory_mib: int = 0
    """Memory of the host."""
    models: frozenset[str] = frozenset()
    """GPU models that will do; empty for any."""
    node: str | None = None
    """The only node that will do."""
    gpu_bytes: int = 0
    """Memory that each GPU must have, whatever the vGPU takes of it."""
    enough: int = 0
    """It can begin with so many vGPUs; 0: all or none."""
    where: Constraints | None = None
    """What else is said of its place; None: nothing."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.vgpus, self.whole, self.bytes, self.permille, self.cpu_milli, self.memory_mib)
        more = (self.models, self.node, self.gpu_bytes, self.enough, self.where)
        object.__setattr__(self, "_hash", hash((parts, more)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def single_share(self) -> bool:
        """Whether it is one vGPU on a GPU that others may share."""
        return self.vgpus == 1 and not self.whole

    @property
    def least(self) -> int:
        """The fewest vGPUs with which it can be placed."""
        return self.enough or self.vgpus

    @property
    def scope(self) -> str:
        """`pool`, `node` or `spread`; see `gpool.model.placement.Placement`."""
        return "pool" if self.where is None else self.where.scope

    def of_size(self, vgpus: int) -> "Demand":
        """The same for just so many vGPUs."""
        return self if (vgpus, 0) == (self.vgpus, self.enough) else replace(self, vgpus=vgpus, enough=0)

    def anywhere(self) -> "Demand":
        """The same without what says nothing about how much it takes of which GPU."""
        if self.node is None and self.where is None and not self.enough:
            return self
        return replace(self, node=None, where=None, enough=0)

    def needs_all_of(self, other: "Demand") -> bool:
        """Whether wherever this one can be placed, the other could be as well."""
        return (
            self.least >= other.least
            and self.whole == other.whole
            and self.bytes >= other.bytes
            and self.permille >= other.permille
            and self.cpu_milli >= other.cpu_milli
            and self.memory_mib >= other.memory_mib
            and self.models == other.models
            and self.node == other.node
            and self.gpu_bytes >= other.gpu_bytes
            and self.where == other.where
        )

    def milli(self, gpu_bytes: int) -> int:
        """What a vGPU takes of a GPU with so much memory, in thousandths of it: the larger of memory and compute."""
        if self.whole:
            return WHOLE
        return max(self.permille, -(-self.bytes * WHOLE // gpu_bytes))


def demand_of(request: LeaseRequest, owner: str = "") -> Demand:
    """The demand of a request. `owner`: whose it is, for affinities."""
    whole = request.whole_gpus
    memory_bytes = request.memory_bytes or 0
    return Demand(
        request.vgpus,
        whole=whole,
        bytes=0 if whole else memory_bytes,
        permille=0 if whole else request.reserved_permille,
        models=frozenset(request.placement.gpu_models),
        node=request.node,
        gpu_bytes=memory_bytes if whole else 0,
        enough=0 if request.enough_vgpus == request.vgpus else request.enough_vgpus,
        where=constraints_of(request, owner),
    )
