"""Which leases are where: what would otherwise be a walk over all leases, for every message of every node."""

from collections.abc import Collection, Iterable

from gpool.model.lease import Lease
from gpool.model.node import Node, NodeState

__all__ = ["GpuOwners", "LeaseIndex"]


class LeaseIndex:
    """The leases that hold vGPUs, by node. It must be told of every change."""

    def __init__(self) -> None:
        self._on: dict[str, dict[str, Lease]] = {}

    def replace(self, before: Lease | None, after: Lease | None) -> None:
        """A lease was `before` and is `after` now; None where it is not known."""
        if before is not None and before.holds_vgpus:
            for name in before.nodes:
                here = self._on.get(name, {})
                here.pop(before.id, None)
                if not here:
                    self._on.pop(name, None)
        if after is not None and after.holds_vgpus:
            for name in after.nodes:
                self._on.setdefault(name, {})[after.id] = after

    def on_node(self, name: str) -> Collection[Lease]:
        """Leases that hold vGPUs of the node."""
        return self._on.get(name, {}).values()


class GpuOwners:
    """Which node a GPU belongs to. It must be told of every change."""

    def __init__(self) -> None:
        self._owner: dict[str, str] = {}

    def replace(self, before: Node | None, after: Node) -> None:
        """A node was `before` and is `after` now. One that is gone keeps nothing."""
        if before is not None:
            if before.gpus is after.gpus and (before.state is NodeState.GONE) == (after.state is NodeState.GONE):
                return
            self.remove(before)
        if after.state is not NodeState.GONE:
            self._owner |= {gpu.uuid: after.name for gpu in after.gpus}

    def remove(self, node: Node) -> None:
        """A node is not known any more."""
        for gpu in node.gpus:
            if self._owner.get(gpu.uuid) == node.name:
                del self._owner[gpu.uuid]

    def elsewhere(self, gpu_uuids: Iterable[str], name: str) -> tuple[str, str] | None:
        """A GPU among these that belongs to another node than `name`, and that node."""
        return next(
            ((uuid, owner) for uuid in sorted(gpu_uuids) if (owner := self._owner.get(uuid, name)) != name), None
        )
