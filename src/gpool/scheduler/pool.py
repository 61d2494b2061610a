"""The pool as one cycle sees it: the snapshot's GPUs with what is free on them, and the plan so far laid over it.

Mutable, but it lives for one cycle only and never leaves the scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gpool.model.gpu import Gpu
from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.scheduler.snapshot import Snapshot

__all__ = ["Pool", "Slot", "reserved_permille"]


@dataclass(slots=True)
class Slot:
    """One GPU and what is free on it."""

    node: str
    gpu: Gpu
    free_bytes: int
    unreserved_permille: int = 1000
    whole: bool = False
    """Whether a vGPU here is a whole GPU, so that nobody else may come."""
    holders: list[str] = field(default_factory=list)
    """Leases with a vGPU here."""
    claimed: bool = False
    """Whether somebody earlier in the queue waits for (a part of) it; what is free has been reduced by the claim."""

    def memory_for(self, request: LeaseRequest) -> int:
        """Bytes that a vGPU of `request` has here."""
        return self.gpu.memory_bytes if request.memory_bytes is None else request.memory_bytes

    def take(self, lease_id: str, request: LeaseRequest) -> None:
        """Lay a vGPU of the lease over this GPU."""
        self.holders.append(lease_id)
        self._subtract(request)

    def claim(self, request: LeaseRequest) -> None:
        """Keep this GPU for an earlier request, though it does not fit now: what is free may become negative."""
        self.claimed = True
        self._subtract(request)

    def _subtract(self, request: LeaseRequest) -> None:
        self.free_bytes -= self.memory_for(request)
        self.unreserved_permille -= reserved_permille(request)
        self.whole = self.whole or request.whole_gpus


def reserved_permille(request: LeaseRequest) -> int:
    """What a vGPU of `request` takes from the GPU's 1000: its limit, when it has one."""
    return request.compute_permille if request.compute_permille < 1000 else 0


@dataclass(slots=True)
class Pool:
    """All GPUs on which vGPUs can be placed now, and the nodes around them."""

    nodes: dict[str, Node]
    slots: list[Slot]
    """GPUs of nodes that are ready, by node name and index."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Pool:
        """The pool with the granted leases of the snapshot in place."""
        nodes = {node.name: node for node in sorted(snapshot.nodes, key=lambda node: node.name)}
        slots = [
            Slot(node.name, gpu, gpu.memory_bytes)
            for node in nodes.values()
            if node.state is NodeState.READY
            for gpu in sorted(node.gpus, key=lambda gpu: (gpu.index, gpu.uuid))
        ]
        by_gpu = {(slot.node, slot.gpu.uuid): slot for slot in slots}
        for lease in snapshot.leases:
            if lease.holds_vgpus:
                for vgpu in lease.vgpus:
                    slot = by_gpu.get((vgpu.node, vgpu.gpu_uuid))
                    if slot is not None:
                        slot.take(lease.id, lease.request)
        return cls(nodes, slots)
