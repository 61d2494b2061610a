"""The pool while the controller runs: all that is alive, in memory, and every change to it.

One lock, and one way through it: work out the changes (pure), store them in one transaction, then show them. If storing
fails, nothing has happened. What may be lost with the process is kept in memory only: renewals (after a restart every
holder gets a full lifetime), the reasons for which requests wait (the next cycle tells them again), and what nodes
measure.

It is also the desk of the agents (`gpool.channel.conversation.AgentDesk`).
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gpool.channel.conversation import AgentLink, DesiredState
from gpool.channel.messages import DesiredLease, Heartbeat, Hello, Observed
from gpool.controller.changes import Changes
from gpool.controller.clock import Clock
from gpool.controller.feed import Feed
from gpool.controller.gathering import Gathering
from gpool.controller.lease_index import GpuOwners, LeaseIndex
from gpool.controller.settings import PoolTimes
from gpool.errors import GpoolError, InvalidInput, LeaseOver, NodeNameTaken, UnknownLease, UnknownNode, UnknownToken
from gpool.lifecycle.commands import Reschedule, TellNode
from gpool.lifecycle.lease import (
    ControllerRestarted,
    KeptWaiting,
    NodeConfirmed,
    Placed,
    Released,
    Renewed,
    TimePassed,
    begin_lease,
    lease_deadline,
)
from gpool.lifecycle.node import (
    AgentConnected,
    ChannelClosed,
    ControllerBack,
    NodeTimePassed,
    StateObserved,
    begin_node,
    node_deadline,
)
from gpool.model.gpu import GpuUse, LeaseUse, SessionUse
from gpool.model.ids import make_id
from gpool.model.lease import Lease, LeaseRequest, LeaseState
from gpool.model.node import Node
from gpool.model.session import Session
from gpool.model.token import Role, Token
from gpool.scheduler.admission import check_possible
from gpool.scheduler.pool_state import PoolState
from gpool.security.tickets import NODE_KEY_BYTES, TICKET_LIFETIME_S
from gpool.security.tokens import TOKEN_BYTES, authenticate, hash_token, token_text
from gpool.store.pool_store import PoolStore

__all__ = ["LivePool", "NodeNow"]

log = structlog.get_logger("gpool.pool")

_RECENT_ENDS = 10_000
_PLAN_AT_ONCE = 64
"""While fewer requests wait, a new one is answered with its plan."""
_ASKED_AT_ONCE = 128
"""So many requests that came at the same time are stored in one transaction."""


@dataclass(frozen=True, slots=True)
class NodeNow:
    """What a node said last of what happens on it."""

    sessions: tuple[Session, ...] = ()
    gpu_use: tuple[GpuUse, ...] = ()
    lease_use: tuple[LeaseUse, ...] = ()
    session_use: tuple[SessionUse, ...] = ()


class LivePool:
    """See the module. Its attributes belong together; they are changed through its methods only."""

    def __init__(
        self,
        store: PoolStore,
        clock: Clock,
        times: PoolTimes,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self.times = times
        self.leases: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {}
        self.keys: dict[str, bytes] = {}
        self.now_on: dict[str, NodeNow] = {}
        self.tokens: dict[str, Token] = {}
        """By hash."""
        self._lease_revisions: dict[str, int] = {}
        self._node_revisions: dict[str, int] = {}
        self._links: dict[str, AgentLink] = {}
        self._scheduling: PoolState | None = None
        """What the scheduler knows between cycles; None when it has to look at everything again."""
        self._recently_ended: deque[Lease] = deque(maxlen=_RECENT_ENDS)
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self.index = LeaseIndex()
        self._gpu_owners = GpuOwners()
        self.feed = Feed(random_bytes(8).hex())
        """What changes, for those who watch."""
        self._ask_together = Gathering(self._ask_all, _ASKED_AT_ONCE)
        self._release_together = Gathering(self._release_all, _ASKED_AT_ONCE)
        self._next_look: datetime | None = None
        """When `keep_time` looks at the deadlines next, at the latest."""
        self._lock = asyncio.Lock()
        self.schedule_wanted = asyncio.Event()
        self.deadlines_changed = asyncio.Event()
        self.stopping = asyncio.Event()

    def now(self) -> datetime:
        """The time on the pool's clock."""
        return self._clock()

    async def load(self) -> None:
        """Take up the pool where the last controller left it."""
        contents = await self._store.load()
        now = self.now()
        for lease in contents.leases:
            self.leases[lease.value.id], self._lease_revisions[lease.value.id] = lease.value, lease.revision
            self.index.replace(None, lease.value)
        for keyed in contents.nodes:
            name = keyed.node.name
            self.nodes[name], self.keys[name], self._node_revisions[name] = keyed.node, keyed.key, keyed.revision
            self._gpu_owners.replace(None, keyed.node)
        self.tokens = dict(contents.tokens)
        valid_since = now - timedelta(seconds=TICKET_LIFETIME_S)
        ended = [
            lease for lease in await self._store.ended_leases(_RECENT_ENDS) if (lease.ended_at or now) > valid_since
        ]
        self._recently_ended.extend(reversed(ended))
        async with self._change() as changes:
            for lease_id in self.leases:
                changes.apply_to_lease(lease_id, ControllerRestarted())
            for node in self.nodes.values():
                changes.apply_to_node(node, ControllerBack())
        self.schedule_wanted.set()

    # Leases

    async def ask(self, owner: str, request: LeaseRequest) -> Lease:
        """A new lease; it may be active at once. Raises `ImpossibleRequest` or `UnknownNode`."""
        return await self._ask_together((owner, request))

    async def _ask_all(self, asks: Sequence[tuple[str, LeaseRequest]]) -> list[Lease | GpoolError]:
        """A new lease for each (owner, request), or why there is none."""
        made: list[str | GpoolError] = []
        async with self._change() as changes:
            for owner, request in asks:
                try:
                    check_possible(request, self.nodes.values())
                except GpoolError as error:
                    made.append(error)
                    continue
                lease, commands = begin_lease(
                    self._fresh_id("l", self.leases, changes.leases),
                    owner,
                    request,
                    changes.now,
                    renew_every_s=self.times.renew_every_s,
                    lifetime_s=self.times.lifetime_s,
                )
                changes.add_lease(lease, commands)
                made.append(lease.id)
            # Behind a long queue, the next cycle looks at all that came meanwhile, once.
            if changes.leases and (self._scheduling is None or self._scheduling.waiting < _PLAN_AT_ONCE):
                self._lay_plan(changes)
        return [self.leases[one] if isinstance(one, str) else one for one in made]

    async def lease(self, lease_id: str) -> Lease:
        """The lease, alive or ended. Raises `UnknownLease`."""
        alive = self.leases.get(lease_id)
        found = alive or await self._store.ended_lease(lease_id)
        if found is None:
            raise UnknownLease(f"there is no lease '{lease_id}'; `gpool ps` lists those that are alive")
        return found

    async def ended_leases_after(self, after: tuple[float, str] | None, limit: int, owner: str | None) -> list[Lease]:
        """Leases that have ended, by age: at most `limit` after the one made then (seconds) that has that id."""
        return await self._store.ended_leases_after(after, limit, owner)

    async def renew(self, lease_id: str) -> Lease:
        """The lease with a new expiry. Raises `UnknownLease` or `LeaseOver`."""
        async with self._change() as changes:
            lease = self.leases.get(lease_id)
            if lease is not None and lease.state in (LeaseState.PENDING, LeaseState.ACTIVE):
                changes.apply_to_lease(lease_id, Renewed())
        if lease is None or lease.state is LeaseState.ENDING:
            over = await self.lease(lease_id)
            raise LeaseOver(
                f"lease {lease_id} is {over.state} ({over.reason}); start the program again for a new lease"
            )
        return self.leases[lease_id]

    async def release(self, lease_id: str, by: str) -> Lease:
        """Give the lease back; it may take its nodes a moment to confirm. Raises `UnknownLease`.

        Nothing happens to a lease that is ending or has ended.
        """
        return await self._release_together((lease_id, by)) or await self.lease(lease_id)

    async def _release_all(self, releases: Sequence[tuple[str, str]]) -> list[Lease | GpoolError | None]:
        """Release each (id, by whom); the lease afterwards, None for one that is not alive."""
        async with self._change() as changes:
            for lease_id, by in releases:
                if lease_id in self.leases:
                    changes.apply_to_lease(lease_id, Released(by))
        return [changes.leases.get(lease_id) or self.leases.get(lease_id) for lease_id, _ in releases]

    async def wait_while(self, lease_id: str, states: frozenset[LeaseState], timeout_s: float) -> None:
        """Return when the lease is in none of these states, when the time is over, or when the controller stops."""
        changed = asyncio.Event()
        watchers = self._watchers.setdefault(lease_id, set())
        watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not self.stopping.is_set():
                    lease = self.leases.get(lease_id)
                    if lease is None or lease.state not in states:
                        return
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            pass
        finally:
            watchers.discard(changed)
            if not watchers:
                self._watchers.pop(lease_id, None)

    def stop(self) -> None:
        """Let everybody who waits go, and close the agents' connections."""
        self.stopping.set()
        for watchers in self._watchers.values():
            for changed in watchers:
                changed.set()
        for link in self._links.values():
            link.closing.set()
        self.feed.wake()

    # Time and queue

    async def run_cycle(self) -> None:
        """Run a scheduling cycle."""
        async with self._change() as changes:
            self._lay_plan(changes)

    def next_deadline(self) -> datetime | None:
        """When `pass_time` will next have something to do, if nothing else happens before."""
        times = self.times
        deadlines = [lease_deadline(lease) for lease in self.leases.values()]
        deadlines += [node_deadline(node, times.lost_after_s, times.node_grace_s) for node in self.nodes.values()]
        self._next_look = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return self._next_look

    async def pass_time(self) -> None:
        """End what is due: leases that were not renewed, requests that waited too long, nodes that are silent."""
        event = NodeTimePassed(self.times.lost_after_s, self.times.node_grace_s)
        now = self.now()
        async with self._change() as changes:
            for lease in self.leases.values():
                if (deadline := lease_deadline(lease)) is not None and deadline <= now:
                    changes.apply_to_lease(lease.id, TimePassed())
            for node in self.nodes.values():
                deadline = node_deadline(node, self.times.lost_after_s, self.times.node_grace_s)
                if deadline is not None and deadline <= now:
                    changes.apply_to_node(node, event)

    async def forget_old(self) -> int:
        """Delete leases that ended long ago; returns how many."""
        before = self.now() - timedelta(seconds=self.times.keep_ended_s)
        async with self._store.write() as writer:
            return await writer.forget_ended_leases(before)

    # Tokens

    def authenticate(self, text: str | None) -> Token:
        """Who bears this token. Raises a `NotAuthenticated`."""
        return authenticate(text, self.tokens, self.now())

    async def make_token(self, name: str, role: Role, expires_in_s: float | None = None) -> tuple[Token, str]:
        """A new token and its text, which is not kept."""
        text = token_text(self._random_bytes(TOKEN_BYTES))
        now = self.now()
        expires_at = None if expires_in_s is None else now + timedelta(seconds=expires_in_s)
        taken = {token.id for token in self.tokens.values()}
        token = Token(id=self._fresh_id("t", taken), name=name, role=role, created_at=now, expires_at=expires_at)
        async with self._lock, self._store.write() as writer:
            await writer.add_token(token, hash_token(text))
        self.tokens[hash_token(text)] = token
        log.info("token made", token=token.id, name=name, role=str(role))
        return token, text

    async def revoke_token(self, token_id: str) -> Token:
        """Take a token back; it stays listed. Raises `UnknownToken`."""
        async with self._lock:
            token_hash, token = next(
                ((token_hash, token) for token_hash, token in self.tokens.items() if token.id == token_id), ("", None)
            )
            if token is None:
                raise UnknownToken(f"there is no token '{token_id}'; `gpool token ls` lists them")
            if token.revoked_at is None:
                token = token.model_copy(update={"revoked_at": self.now()})
                async with self._store.write() as writer:
                    await writer.replace_token(token)
                self.tokens[token_hash] = token
                log.info("token revoked", token=token.id, name=token.name)
        return token

    # Nodes

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
            changes.apply_to_node(node, AgentConnected(hello.version, hello.boot_id, hello.generation))
        link = AgentLink(hello.node, hello.generation, key)
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
            changes.apply_to_node(node, StateObserved(observed.gpus, observed.unix_path, observed.tcp, settled))
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

    # The way through the lock

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[Changes]:
        async with self._lock:
            changes = Changes(self.leases, self.nodes, self.now())
            try:
                yield changes
                await self._store_changes(changes)
            except BaseException:
                # The scheduler may have followed what now has not happened.
                self._scheduling = None
                raise
            if self._scheduling is not None:
                changes.tell(self._scheduling)
            self._show(changes)

    def _lay_plan(self, changes: Changes) -> None:
        if self._scheduling is None:
            self._scheduling = PoolState()
            self._scheduling.follow(self.nodes.values(), self.leases.values(), changes.now)
        plan = changes.schedule(self._scheduling)
        for placement in plan.placements:
            changes.apply_to_lease(placement.lease_id, Placed(placement.vgpus))
        for wait in plan.waits:
            if changes.lease(wait.lease_id).reason != wait.reason:
                changes.apply_to_lease(wait.lease_id, KeptWaiting(wait.reason))

    async def _store_changes(self, changes: Changes) -> None:
        leases = [lease for lease in changes.leases.values() if _to_be_stored(self.leases.get(lease.id), lease)]
        nodes = [node for node in changes.nodes.values() if node != self.nodes.get(node.name)]
        if not leases and not nodes:
            return
        node_revisions = {}
        async with self._store.write() as writer:
            lease_revisions = await writer.save_leases(leases, self._lease_revisions)
            for node in nodes:
                believed = self._node_revisions.get(node.name)
                node_revisions[node.name] = await writer.save_node(node, self.keys[node.name], believed)
        self._lease_revisions |= lease_revisions
        self._node_revisions |= node_revisions

    def _show(self, changes: Changes) -> None:
        for lease in changes.leases.values():
            before = self.leases.get(lease.id)
            if before is None or before.state is not lease.state:
                _log_lease(lease)
            self.index.replace(before, lease)
            if _differ(before, lease, "expires_at"):
                self.feed.publish(lease)
            if lease.state is LeaseState.ENDED:
                self.leases.pop(lease.id, None)
                self._lease_revisions.pop(lease.id, None)
                if lease.vgpus:
                    self._recently_ended.append(lease)
            else:
                self.leases[lease.id] = lease
            for changed in self._watchers.get(lease.id, ()):
                changed.set()
        for node in changes.nodes.values():
            known = self.nodes.get(node.name)
            if known is None or known.state is not node.state:
                log.info("node", node=node.name, state=str(node.state), gpus=len(node.gpus))
            self._gpu_owners.replace(known, node)
            self.nodes[node.name] = node
            if node != known:
                self.feed.publish(node)
        for command in changes.commands:
            match command:
                case TellNode(name):
                    if name in self._links:
                        self._links[name].dirty.set()
                case Reschedule():
                    self.schedule_wanted.set()
        if changes.nodes or any(self._is_sooner(lease_deadline(lease)) for lease in changes.leases.values()):
            self.deadlines_changed.set()

    def _is_sooner(self, deadline: datetime | None) -> bool:
        """Whether `keep_time` must look sooner than it would. A renewal puts a deadline off, which it need not know."""
        return deadline is not None and (self._next_look is None or deadline < self._next_look)

    def _fresh_id(self, prefix: str, *taken: Container[str]) -> str:
        while True:
            fresh = make_id(prefix, int.from_bytes(self._random_bytes(16)))
            if not any(fresh in known for known in taken):
                return fresh


def _differ(before: Lease | None, after: Lease, *apart_from: str) -> bool:
    """Whether the two differ in anything but these fields."""
    if before is None:
        return True
    # A new value of a model shares with the old one what has not changed.
    return any(
        value is not (old := getattr(before, name)) and value != old
        for name, value in after.__dict__.items()
        if name not in apart_from
    )


def _to_be_stored(before: Lease | None, after: Lease) -> bool:
    """Whether the change is more than what is kept in memory only."""
    waiting = before is not None and before.state is after.state is LeaseState.PENDING
    return _differ(before, after, "expires_at", *(("reason",) if waiting else ()))


def _log_lease(lease: Lease) -> None:
    words: dict[str, object] = {"lease": lease.id, "owner": lease.owner, "state": str(lease.state)}
    if lease.vgpus:
        words["vgpus"] = [f"{vgpu.node}/{vgpu.gpu_uuid}" for vgpu in lease.vgpus]
    if lease.state in (LeaseState.ENDING, LeaseState.ENDED):
        words["reason"] = lease.reason
    log.info("lease", **words)
