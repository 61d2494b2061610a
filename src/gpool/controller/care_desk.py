"""Administration of nodes and GPUs of the live pool; what it means is in `gpool.lifecycle.node_care`."""

from collections.abc import Iterable, Mapping
from itertools import chain

from gpool.controller.changes import Changes
from gpool.controller.pool_memory import PoolMemory
from gpool.errors import InvalidInput, NodeInUse, UnknownGpu, UnknownNode
from gpool.lifecycle.lease import NodeGone
from gpool.lifecycle.node_care import (
    Cordoned,
    DrainBegan,
    DrainCancelled,
    GpuPutBack,
    GpuTakenOut,
    LabelsSet,
    TaintsSet,
    Uncordoned,
)
from gpool.lifecycle.transitions import Event
from gpool.model.node import Node, Taint

__all__ = ["MOST_LABELS", "MOST_TAINTS", "CareDesk"]

MOST_LABELS = 64
MOST_TAINTS = 32
_NAMED_LEASES = 5


class CareDesk(PoolMemory):
    """What administrators do to nodes. Every method raises `UnknownNode` for a name that no node has."""

    async def cordon(self, name: str, by: str, reason: str = "") -> Node:
        """Place nothing new there."""
        return await self._care("node.cordon", name, Cordoned(by, reason))

    async def uncordon(self, name: str, by: str) -> Node:
        """Take leases again; ends a drain too."""
        return await self._care("node.uncordon", name, Uncordoned(by))

    async def drain(self, name: str, by: str, reason: str = "", grace_s: float | None = None) -> Node:
        """Cordon, and wait for the leases to end; after `grace_s` seconds (None: never), end what is left."""
        return await self._care("node.drain", name, DrainBegan(by, reason, grace_s))

    async def cancel_drain(self, name: str, by: str) -> Node:
        """Let the leases stay; a cordon from before the drain stays too."""
        return await self._care("node.drain-cancel", name, DrainCancelled(by))

    async def set_labels(self, name: str, labels: Mapping[str, str | None]) -> Node:
        """Set labels; None takes one away. Raises `InvalidInput` when there would be too many."""
        async with self._change() as changes:
            before = self._node_of(changes, name)
            changes.apply_to_node(before, LabelsSet(labels))
            after = changes.node(name)
            if max(len(after.labels), len(after.set_labels)) > MOST_LABELS:
                raise InvalidInput(f"node {name} would have more than {MOST_LABELS} labels; take some away first")
            changes.audit("node.label", name, _pairs(before.labels), _pairs(after.labels))
        return self.nodes[name]

    async def change_taints(self, name: str, add: Iterable[Taint], remove: Iterable[str]) -> Node:
        """Add taints (a taint replaces one of the same key) and remove those with these keys.

        Raises `InvalidInput` when there would be too many.
        """
        added = {taint.key: taint for taint in add}
        async with self._change() as changes:
            before = self._node_of(changes, name)
            gone = {*added, *remove}
            taints = tuple(chain((taint for taint in before.taints if taint.key not in gone), added.values()))
            if len(taints) > MOST_TAINTS:
                raise InvalidInput(f"node {name} would have more than {MOST_TAINTS} taints; take some away first")
            changes.apply_to_node(before, TaintsSet(taints))
            changes.audit("node.taint", name, ",".join(map(str, before.taints)), ",".join(map(str, taints)))
        return self.nodes[name]

    async def remove_node(self, name: str, by: str, *, force: bool = False) -> None:
        """Forget a node, its key, and its token if no other node uses that.

        `force`: also when leases hold vGPUs there; they end at once. Raises `NodeInUse` otherwise.
        """
        async with self._change() as changes:
            node = self._node_of(changes, name)
            holding = self.leases_on(name)
            if holding and not force:
                more = f" and {len(holding) - _NAMED_LEASES} more" if len(holding) > _NAMED_LEASES else ""
                raise NodeInUse(
                    f"node {name} holds {', '.join(holding[:_NAMED_LEASES])}{more}; drain it first with "
                    f"`gpool node drain {name}`, or end them at once with --force"
                )
            reason = f"node {name} was removed from the pool by {by}"
            for lease_id in holding:
                changes.apply_to_lease(lease_id, NodeGone(name, reason))
            changes.remove_node(node, reason, forget_token=self._own_token(node))
            changes.audit("node.remove", name, _standing(node), "")

    async def disable_gpu(self, gpu_uuid: str, by: str, reason: str, *, end_leases: bool = False) -> Node:
        """Take a GPU out. Raises `UnknownGpu`."""
        name = self._node_with(gpu_uuid).name
        return await self._care("gpu.disable", name, GpuTakenOut(gpu_uuid, by, reason, end_leases), gpu_uuid)

    async def enable_gpu(self, gpu_uuid: str, by: str) -> Node:
        """Put a GPU back. Raises `UnknownGpu`."""
        name = self._node_with(gpu_uuid).name
        return await self._care("gpu.enable", name, GpuPutBack(gpu_uuid, by), gpu_uuid)

    def leases_on(self, name: str) -> list[str]:
        """Ids of the leases that hold vGPUs on a node."""
        return sorted(lease.id for lease in self.index.on_node(name))

    async def _care(self, action: str, name: str, event: Event, gpu_uuid: str = "") -> Node:
        async with self._change() as changes:
            before = self._node_of(changes, name)
            changes.apply_to_node(before, event)
            after = changes.node(name)
            was, became = (_out(node, gpu_uuid) if gpu_uuid else _standing(node) for node in (before, after))
            changes.audit(action, gpu_uuid or name, was, became)
        return self.nodes[name]

    def _node_of(self, changes: Changes, name: str) -> Node:
        if name not in self.nodes:
            names = ", ".join(sorted(self.nodes)) or "none yet"
            raise UnknownNode(f"there is no node '{name}'; the pool's nodes are: {names}")
        return changes.node(name)

    def _node_with(self, gpu_uuid: str) -> Node:
        for node in self.nodes.values():
            if any(gpu.uuid == gpu_uuid for gpu in node.gpus) or node.is_out(gpu_uuid):
                return node
        raise UnknownGpu(f"no node has a GPU '{gpu_uuid}'; `gpool smi --json` lists them with their UUIDs")

    def _own_token(self, node: Node) -> str | None:
        """The id of the token that this node alone has used: one that was made for it, not the pool's join token."""
        token = next((token for token in self.tokens.values() if token.id == node.token_id), None)
        shared = any(other.token_id == node.token_id for other in self.nodes.values() if other.name != node.name)
        return token.id if token is not None and token.name == node.name and not shared else None


def _pairs(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())[:1024]


def _standing(node: Node) -> str:
    """How a node stands, for the audit log."""
    words = [str(node.state)]
    if node.drain is not None:
        words.append("draining" + (f" until {node.drain.end_at.isoformat()}" if node.drain.end_at else ""))
    elif node.cordon is not None:
        words.append("cordoned")
    return ", ".join(words)


def _out(node: Node, gpu_uuid: str) -> str:
    return next((f"out: {out.reason}"[:1024] for out in node.gpus_out if out.gpu_uuid == gpu_uuid), "in use")
