"""A set of changes to leases and nodes that is made whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gpool.controller.acting import Actor, acting
from gpool.controller.events import Note
from gpool.controller.keyed import Keyed
from gpool.lifecycle.commands import (
    Command,
    EndLeasesOnGpus,
    EndLeasesOnNode,
    HeedDrain,
    NoteOfNode,
    RevokeLeasesOnNode,
)
from gpool.lifecycle.lease import LetOff, NodeGone, Revoked, Warned, apply_to_lease
from gpool.lifecycle.node import apply_to_node
from gpool.lifecycle.node_care import drain_deadline, drain_reason
from gpool.lifecycle.transitions import Event
from gpool.model.lease import Eviction, Lease, LeaseState
from gpool.model.node import Node
from gpool.model.policy import Policy
from gpool.scheduler.cycle import schedule_pool
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.snapshot import Plan

__all__ = ["Changes", "Done", "RemovedNode"]


@dataclass(frozen=True, slots=True)
class Done:
    """For the audit log: what somebody did to what."""

    action: str
    object: str
    before: str
    after: str
    actor: Actor | None
    """Who; None when the pool acts by itself."""


@dataclass(frozen=True, slots=True)
class RemovedNode:
    """A node that is to be forgotten."""

    node: Node
    reason: str
    """What its agent is told."""
    forget_token: str | None
    """Id of the token to revoke."""


class Changes:
    """The pool as it would be after some events; the pool itself is untouched until the changes are stored."""

    def __init__(self, leases: Mapping[str, Lease], nodes: Mapping[str, Node], now: datetime) -> None:
        self._leases_before = leases
        self._nodes_before = nodes
        self.now = now
        """When all of them happen."""
        self.leases: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {}
        self.removed_nodes: list[RemovedNode] = []
        self.done: list[Done] = []
        """For the audit log, stored together with the changes."""
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

    def heed_drains(self, lease_id: str) -> None:
        """Warn a lease of the drain that ends it first; let it off when there is none any more."""
        lease = self.lease(lease_id)
        if lease.state is not LeaseState.ACTIVE:
            return
        told, drains = lease.eviction, []
        for name in lease.nodes:
            deadline = drain_deadline(self.node(name))
            if deadline is not None:
                drains.append((deadline, name))
        if not drains:
            if told is not None and told.beneficiary is None:
                self.apply_to_lease(lease_id, LetOff())
            return
        ends_at, name = min(drains)
        reason = drain_reason(self.node(name))
        if told is None or told.ends_at > ends_at or (told.beneficiary is None and told.ends_at != ends_at):
            warning = Eviction(beneficiary=None, reason=reason, warned_at=self.now, ends_at=ends_at)
            self.apply_to_lease(lease_id, Warned(warning))

    def remove_node(self, node: Node, reason: str, forget_token: str | None) -> None:
        """Forget the node, whatever else happened to it."""
        self.nodes.pop(node.name, None)
        self.removed_nodes.append(RemovedNode(node, reason, forget_token))
        self.note("node", node.name, "removed", reason)

    def audit(self, action: str, subject: str, before: str = "", after: str = "", actor: Actor | None = None) -> None:
        """Have the audit log say that somebody did this. `actor`: when it is not the one in whose context this runs."""
        self.done.append(Done(action, subject, before, after, actor or acting.get()))

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
                case RevokeLeasesOnNode(node, reason):
                    for lease_id in self._leases_on(node):
                        self.apply_to_lease(lease_id, Revoked(reason))
                case EndLeasesOnGpus(node, gpu_uuids, reason):
                    for lease_id in self._leases_on(node):
                        vgpus = self.lease(lease_id).vgpus
                        if any(vgpu.node == node and vgpu.gpu_uuid in gpu_uuids for vgpu in vgpus):
                            self.apply_to_lease(lease_id, Revoked(reason))
                case HeedDrain(node):
                    for lease_id in self._leases_on(node):
                        self.heed_drains(lease_id)
                case NoteOfNode(node, word, sentence):
                    self.note("node", node, word, sentence)
                case _:
                    self.commands.append(command)

    def _leases_on(self, node: str) -> list[str]:
        known = {**self._leases_before, **self.leases}
        return [lease.id for lease in known.values() if lease.holds_vgpus and node in lease.nodes]
