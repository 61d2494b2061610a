"""What a request takes from the pool, in the numbers that placement works with."""

from dataclasses import dataclass, field

from gpool.model.lease import LeaseRequest

__all__ = ["WHOLE", "Demand", "demand_of", "reserved_permille"]

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
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.vgpus, self.whole, self.bytes, self.permille, self.cpu_milli, self.memory_mib)
        object.__setattr__(self, "_hash", hash((parts, self.models, self.node)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def single_share(self) -> bool:
        """Whether it is one vGPU on a GPU that others may share."""
        return self.vgpus == 1 and not self.whole

    def needs_all_of(self, other: "Demand") -> bool:
        """Whether wherever this one can be placed, the other could be as well."""
        return (
            self.vgpus >= other.vgpus
            and self.whole == other.whole
            and self.bytes >= other.bytes
            and self.permille >= other.permille
            and self.cpu_milli >= other.cpu_milli
            and self.memory_mib >= other.memory_mib
            and self.models == other.models
            and self.node == other.node
        )

    def milli(self, gpu_bytes: int) -> int:
        """What a vGPU takes of a GPU with so much memory, in thousandths of it: the larger of memory and compute."""
        if self.whole:
            return WHOLE
        return max(self.permille, -(-self.bytes * WHOLE // gpu_bytes))


def reserved_permille(request: LeaseRequest) -> int:
    """Compute that each vGPU of a request reserves. A limit of 1000 means no limit, and reserves nothing."""
    return request.compute_permille if request.compute_permille < WHOLE else 0


def demand_of(request: LeaseRequest) -> Demand:
    """The demand of a request."""
    if request.whole_gpus:
        return Demand(request.vgpus, whole=True, node=request.node)
    return Demand(
        request.vgpus, bytes=request.memory_bytes or 0, permille=reserved_permille(request), node=request.node
    )
