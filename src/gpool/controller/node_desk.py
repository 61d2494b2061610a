"""Nodes of the live pool, and the desk of their agents (`gpool.channel.conversation.AgentDesk`)."""

from datetime import timedelta

from gpool.channel.conversation import AgentLink, DesiredState
from gpool.channel.messages import DesiredLease, Heartbeat, Hello, Observed
from gpool.controller.acting import acting
from gpool.controller.pool_memory import NodeNow, PoolMemory
from gpool.errors import InvalidInput, NodeNameTaken, UnknownNode
from gpool.lifecycle.lease import NodeConfirmed
from gpool.lifecycle.node import AgentConnected, ChannelClosed, StateObserved, begin_node
from gpool.model.lease import LeaseState
from gpool.model.node import Node
from gpool.security.tickets import NODE_KEY_BYTES, TICKET_LIFETIME_S

__all__ = ["NodeDesk"]


class NodeDesk(PoolMemory):
    """What agents tell and are told."""

    def node(self, name: str) -> Node:
        """The node. Raises `UnknownNode`."""
        node = self.nodes.get(name)
        if node is None:
            names = ", ".join(sorted(self.nodes)) or "none yet"
            raise UnknownNode(f"there is no node '{name}'; the pool's nodes are: {names}")
        return node

    async def greet(self, hello: Hello) -> AgentLink:
        """See `AgentDesk`."""
        async with self._change() as changes:
            node = self.nodes.get(hello.node) or begin_node(hello.node, changes.now)
            older = self._links.get(hello.node)
            if older is not None:
                # Another machine under the same name, or a copy of this agent that was started before it.
                if hello.boot_id != node.boot_id or hello.generation < older.generation:
                    raise NodeNameTaken(
                        f"another agent is connected as node '{hello.node}'; stop it, or give this one another --name"
                    )
                older.closing.set()
            key = self.keys.setdefault(hello.node, self._random_bytes(NODE_KEY_BYTES))
            token = actor.token if (actor := acting.get()) is not None else None
            token_id = token.id if token is not None else ""
            changes.apply_to_node(
                node, AgentConnected(hello.version, hello.boot_id, hello.generation, hello.labels, token_id)
            )
        link = AgentLink(hello.node, hello.generation, key, hello.protocol)
        self._links[hello.node] = link
        return link

    def desired_state(self, node: str) -> DesiredState:
        """See `AgentDesk`."""
        here = self.index.on_node(node)
        active = (lease for lease in here if lease.state is LeaseState.ACTIVE)
        ending = [lease.id for lease in here if node in lease.unconfirmed_nodes]
        over = [lease.id for lease in here if lease.state is LeaseState.ENDING]
        valid_since = self.now() - timedelta(seconds=TICKET_LIFETIME_S)
        recent = [
            lease.id
            for lease in self._recently_ended
            if node in lease.nodes and lease.ended_at is not None and lease.ended_at > valid_since
        ]
        leases = (
            DesiredLease(id=lease.id, vgpus=tuple(vgpu for vgpu in lease.vgpus if vgpu.node == node))
            for lease in sorted(active, key=lambda lease: lease.id)
        )
        return DesiredState(tuple(leases), frozenset(ending), tuple(sorted({*over, *recent})))

    async def observe(self, link: AgentLink, observed: Observed) -> None:
        """See `AgentDesk`."""
        if any(session.node != link.node for session in observed.sessions):
            raise InvalidInput(f"the agent of {link.node} reports a session of another node")
        if len({gpu.uuid for gpu in observed.gpus}) != len(observed.gpus):
            raise InvalidInput(f"the agent of {link.node} reports one GPU twice")
        async with self._change() as changes:
            if self._links.get(link.node) is not link:
                return
            # Two nodes with one GPU would grant it twice, for example two agents on one machine.
            twice = self._gpu_owners.elsewhere((gpu.uuid for gpu in observed.gpus), link.node)
            if twice is not None:
                raise InvalidInput(
                    f"the GPU {twice[0]} of node {link.node} belongs to node {twice[1]} already; "
                    "give each GPU to one agent only"
                )
            confirmed = link.confirmed_ends(observed)
            for lease_id in confirmed:
                lease = self.leases.get(lease_id)
                if lease is not None and link.node in lease.unconfirmed_nodes:
                    changes.apply_to_lease(lease_id, NodeConfirmed(link.node))
            held = {lease.id for lease in self.index.on_node(link.node)}
            reachable = observed.unix_path is not None or observed.tcp is not None
            strays = {session.lease for session in observed.sessions} - held
            settled = observed.desired_counter > 0 and reachable and not strays
            node = self.nodes[link.node]
            changes.apply_to_node(
                node, StateObserved(observed.gpus, observed.unix_path, observed.tcp, settled, observed.faults)
            )
            self.now_on[link.node] = NodeNow(
                observed.sessions, observed.gpu_use, observed.lease_use, observed.session_use
            )

    async def heartbeat(self, link: AgentLink, heartbeat: Heartbeat) -> None:
        """See `AgentDesk`."""
        if self._links.get(link.node) is link:
            sessions = self.now_on.get(link.node, NodeNow()).sessions
            self.now_on[link.node] = NodeNow(sessions, heartbeat.gpu_use, heartbeat.lease_use, heartbeat.session_use)

    async def leave(self, link: AgentLink) -> None:
        """See `AgentDesk`."""
        async with self._change() as changes:
            # A newer connection of the same agent may have taken its place.
            if self._links.get(link.node) is not link:
                return
            del self._links[link.node]
            self.now_on.pop(link.node, None)
            if not self.stopping.is_set():
                changes.apply_to_node(self.nodes[link.node], ChannelClosed())
