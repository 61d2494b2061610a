"""A set of changes to leases and nodes that is made whole or not at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gpool.controller.events import Note
from gpool.controller.keyed import Keyed
from gpool.lifecycle.commands import Command, EndLeasesOnGpus, EndLeasesOnNode
from gpool.lifecycle.lease import NodeGone, Revoked, apply_to_lease
from gpool.lifecycle.node import apply_to_node
from gpool.lifecycle.transitions import Event
from gpool.model.lease import Lease
from gpool.model.node import Node
from gpool.model.policy import Policy
from gpool.scheduler.cycle import schedule_pool
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.snapshot import Plan

__all__ = ["Changes"]


class Changes:
    """The pool as it would be after some events; the pool itself is untouched until the changes are stored."""

    def __init__(self, leases: Mapping[str, Lease], nodes: Mapping[str, Node], now: datetime) -> None:
        self._leases_before = leases
        self._nodes_before = nodes
        self.now = now
        """When all of them happen."""
        self.leases: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {}
        self.commands: list[Command] = []
        """What remains to be done outside, after the changes are stored."""
        self.policy: Policy | None = None
        """How the pool is shared from now on; None: as before."""
        self.keyed: Sequence[Keyed] = ()
        """The requests that they carry out, of those that carry a key."""
        self.notes: list[Note] = []
        """Events that do not follow from the values alone."""

    def add_lease(self, lease: Lease, commands: tuple[Command, ...]) -> None:
        """A lease that is new."""
        self.leases[lease.id] = lease
        self._take_on(commands)

    def lease(self, lease_id: str) -> Lease:
        """The lease as it would be."""
        return self.leases.get(lease_id) or self._leases_before[lease_id]

    def node(self, name: str) -> Node:
        """The node as it would be."""
        return self.nodes.get(name) or self._nodes_before[name]

    def apply_to_lease(self, lease_id: str, event: Event) -> None:
        """Let an event happen to a lease, with all that follows from it."""
        before = self.lease(lease_id)
        after, commands = apply_to_lease(before, event, self.now)
        if after is not before:
            self.leases[lease_id] = after
        self._take_on(commands)

    def apply_to_node(self, node: Node, event: Event) -> None:
        """Let an event happen to a node, with all that follows from it. `node` may be new."""
        before = self.nodes.get(node.name, node)
        after, commands = apply_to_node(before, event, self.now)
        # An agent says again and again what it has said before.
        if after != before or node.name not in self._nodes_before:
            self.nodes[node.name] = after
        self._take_on(commands)

    def note(self, kind: str, name: str, word: str, sentence: str) -> None:
        """Tell, with the changes, what has happened to an object."""
        self.notes.append((kind, name, word, sentence))

    def schedule(self, pool: PoolState) -> Plan:
        """Run a scheduling cycle over the pool as it would be. `pool` has followed it up to now, and follows on."""
        self.tell(pool)
        return schedule_pool(pool, self.now)

    def tell(self, pool: PoolState) -> None:
        """Let the scheduler's state follow these changes."""
        if self.policy is not None and pool.policy_now.policy is not self.policy:
            pool.follow_policy(self.policy, self.now)
        pool.follow(self.nodes.values(), self.leases.values(), self.now)

    def _take_on(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            match command:
                case EndLeasesOnNode(node, reason):
                    for lease_id in self._leases_on(node):
                        self.apply_to_lease(lease_id, NodeGone(node, reason))
                case EndLeasesOnGpus(node, gpu_uuids):
                    for lease_id in self._leases_on(node):
                        lost = [vgpu.gpu_uuid for vgpu in self.lease(lease_id).vgpus if vgpu.node == node]
                        lost = [gpu_uuid for gpu_uuid in lost if gpu_uuid in gpu_uuids]
                        if lost:
                            self.apply_to_lease(lease_id, Revoked(f"node {node} no longer has the GPU {lost[0]}"))
                case _:
                    self.commands.append(command)

    def _leases_on(self, node: str) -> list[str]:
        known = {**self._leases_before, **self.leases}
        return [lease.id for lease in known.values() if lease.holds_vgpus and node in lease.nodes]
