"""What the pool is while the controller runs, in memory, and the one way to change it.

One lock, and one way through it: work out the changes (pure), store them in one transaction, then show them. If storing
fails, nothing has happened. What may be lost with the process is kept in memory only: renewals (after a restart every
holder gets a full lifetime), the reasons for which requests wait (the next cycle tells them again), and what nodes
measure.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gpool.channel.conversation import AgentLink
from gpool.controller.changes import Changes, Done
from gpool.controller.clock import Clock
from gpool.controller.events import lease_notes, node_notes
from gpool.controller.feed import Feed, Removed
from gpool.controller.keyed import Keyed, keyed_now
from gpool.controller.lease_index import GpuOwners, LeaseIndex
from gpool.controller.rule_book import RuleBook
from gpool.controller.settings import PoolTimes
from gpool.lifecycle.commands import Reschedule, TellNode
from gpool.lifecycle.lease import ControllerRestarted, lease_deadline
from gpool.lifecycle.node import ControllerBack
from gpool.metrics.counted import Counted
from gpool.model.audit import AuditEntry
from gpool.model.event import Event
from gpool.model.gpu import GpuUse, LeaseUse, SessionUse
from gpool.model.ids import make_id
from gpool.model.lease import Lease, LeaseState
from gpool.model.node import Node
from gpool.model.policy import Policy
from gpool.model.session import Session
from gpool.model.token import Token
from gpool.scheduler.accounts import part_kept
from gpool.scheduler.own_rules import OwnRules
from gpool.scheduler.pool_state import PoolState
from gpool.security.tickets import TICKET_LIFETIME_S
from gpool.store.pool_store import PoolStore, Writer

__all__ = ["NodeNow", "PoolMemory"]

log = structlog.get_logger("gpool.pool")

_RECENT_ENDS = 10_000
_RECENT_EVENTS = 10_000
_EVENTS_KEPT = 100_000
_PRUNE_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class NodeNow:
    """What a node said last of what happens on it."""

    sessions: tuple[Session, ...] = ()
    gpu_use: tuple[GpuUse, ...] = ()
    lease_use: tuple[LeaseUse, ...] = ()
    session_use: tuple[SessionUse, ...] = ()


class PoolMemory:
    """Its attributes belong together; they are changed within `_change` only."""

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
        self.counted = Counted()
        self.leases: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {}
        self.keys: dict[str, bytes] = {}
        self.now_on: dict[str, NodeNow] = {}
        self.tokens: dict[str, Token] = {}
        """By hash."""
        self._revoked: set[str] = set()
        """Ids of tokens that were taken back while this controller leads."""
        self.authority: Callable[[], str | None] = lambda: None
        """Certificate of the pool's own authority, as PEM, when it vouches for this controller."""
        self.policy = Policy()
        """How the pool is shared."""
        self.events: deque[Event] = deque(maxlen=_RECENT_EVENTS)
        """The last ones since this controller's start; all that are kept are in the store."""
        self.events_told = asyncio.Event()
        """Set, and at once another, whenever there are new ones."""
        self._last_event = 0
        self._event_count = 0
        self._averages: dict[str, float] = {}
        """GPUs that queues have used over time, as of `_averages_at`, while the scheduler has to look anew."""
        self._averages_at = 0.0
        self._lease_revisions: dict[str, int] = {}
        self._node_revisions: dict[str, int] = {}
        self._links: dict[str, AgentLink] = {}
        self._rule_book = RuleBook()
        self._scheduling: PoolState | None = None
        """What the scheduler knows between cycles; None when it has to look at everything again."""
        self._recently_ended: deque[Lease] = deque(maxlen=_RECENT_ENDS)
        self._under_way: dict[str, tuple[Keyed, asyncio.Event]] = {}
        """Requests with a key that are being carried out, each with what is set at its end."""
        self._answered: set[str] | None = None
        """Ids of all answers that are kept; None when they are too many to know: then the store is asked."""
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self.nodes_version = 0
        """Counts the changes of nodes."""
        self.index = LeaseIndex()
        self._gpu_owners = GpuOwners()
        self.feed = Feed(random_bytes(8).hex())
        """What changes, for those who watch."""
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
        self.policy, self._last_event = contents.policy, contents.last_event
        self._averages_at = now.timestamp()
        self._averages = {
            name: average * part_kept(self._averages_at - as_of)
            for name, (average, as_of) in contents.queue_use.items()
        }
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

    def sessions_of(self, lease: Lease) -> tuple[Session, ...]:
        """The sessions of the lease that its nodes reported last."""
        return tuple(
            session
            for name in lease.nodes
            for session in self.now_on.get(name, NodeNow()).sessions
            if session.lease == lease.id
        )

    async def events_of(self, kind: str | None, name: str | None, after: int = 0, limit: int = 100) -> list[Event]:
        """Events of an object, or of all; the last `limit` of those with ids above `after`, in their order."""
        return await self._store.events(kind=kind, name=name, after=after, limit=limit, newest=True)

    async def save_queue_use(self) -> None:
        """Keep what queues have used over time, for the controller that comes after this one."""
        async with self._lock:
            if self._scheduling is None:
                return
            now = self.now()
            averages = self._scheduling.state.accounts.averages(now.timestamp())
            async with self._store.write() as writer:
                await writer.save_queue_use(averages, now)

    def stop(self) -> None:
        """Let everybody who waits go, and close the agents' connections."""
        self.stopping.set()
        for watchers in self._watchers.values():
            for changed in watchers:
                changed.set()
        for link in self._links.values():
            link.closing.set()
        self.feed.wake()

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[Changes]:
        async with self._lock:
            changes = Changes(self.leases, self.nodes, self.now())
            changes.keyed = keyed_now()
            try:
                yield changes
                # Whoever gives up waiting for it: what is stored is also shown, or memory and store would part.
                await _to_its_end(self._store_and_show(changes))
            except BaseException:
                # The scheduler may have followed what now has not happened.
                self._forget_scheduling()
                raise

    async def _store_and_show(self, changes: Changes) -> None:
        await self._store_changes(changes)
        if self._scheduling is not None:
            changes.tell(self._scheduling)
        self._show(changes)

    def _scheduler(self, now: datetime) -> PoolState:
        if self._scheduling is None:
            kept = part_kept(now.timestamp() - self._averages_at)
            averages = {name: average * kept for name, average in self._averages.items()}
            self._scheduling = PoolState(self.policy, now, averages, self.rules_of)
            self._scheduling.follow(self.nodes.values(), self.leases.values(), now)
        return self._scheduling

    def rules_of(self, policy: Policy) -> OwnRules:
        """Fresh ones of those that the policy names."""
        return self._rule_book.rules(policy.settings.rules)

    def _forget_scheduling(self) -> None:
        if self._scheduling is not None:
            self._averages_at = self.now().timestamp()
            self._averages = self._scheduling.state.accounts.averages(self._averages_at)
            self._scheduling = None

    async def _store_changes(self, changes: Changes) -> None:
        leases = [lease for lease in changes.leases.values() if _to_be_stored(self.leases.get(lease.id), lease)]
        nodes = [node for node in changes.nodes.values() if node != self.nodes.get(node.name)]
        events = self._events(changes, leases, nodes)
        entries = self._audit_entries(changes.done, changes.now)
        if not (leases or nodes or events or entries or changes.removed_nodes or changes.policy is not None):
            return
        node_revisions = {}
        forgotten = {removed.forget_token for removed in changes.removed_nodes}
        revoked = {
            token_hash: token.model_copy(update={"revoked_at": changes.now})
            for token_hash, token in self.tokens.items()
            if token.id in forgotten and token.revoked_at is None
        }
        async with self._write() as writer:
            lease_revisions = await writer.save_leases(leases, self._lease_revisions)
            for node in nodes:
                believed = self._node_revisions.get(node.name)
                node_revisions[node.name] = await writer.save_node(node, self.keys[node.name], believed)
            for removed in changes.removed_nodes:
                await writer.delete_node(removed.node.name, self._node_revisions[removed.node.name])
            for token in revoked.values():
                await writer.replace_token(token)
            if changes.policy is not None:
                await writer.save_policy(self.policy, changes.policy)
            await writer.add_events(events)
            if entries:
                await writer.add_audit(entries)
            await self._keep_answers(writer, changes.keyed, changes.now)
            if self._event_count + len(events) >= _PRUNE_EVERY:
                await writer.forget_events(datetime.fromtimestamp(0, UTC), events[-1].id - _EVENTS_KEPT)
        self._answers_kept(changes.keyed)
        self.tokens |= revoked
        self._lease_revisions |= lease_revisions
        self._node_revisions |= node_revisions
        self._event_count = (self._event_count + len(events)) % _PRUNE_EVERY
        for event in events:
            self.counted.events.labels(event.object_kind, event.type).inc()
        if events:
            self._last_event = events[-1].id
            self.events.extend(events)
            self.events_told.set()
            self.events_told = asyncio.Event()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[Writer]:
        with self.counted.transaction():
            async with self._store.write() as writer:
                yield writer

    async def _keep_answers(self, writer: Writer, keyed: Sequence[Keyed], now: datetime) -> None:
        """Store that these requests are carried out; `_answers_kept` when the transaction has ended well."""
        await writer.keep_answers([asked.to_keep() for asked in keyed if not asked.stored], now)

    def _answers_kept(self, keyed: Sequence[Keyed]) -> None:
        for asked in keyed:
            asked.stored = True
            if self._answered is not None:
                self._answered.add(asked.id)

    def _events(self, changes: Changes, leases: Iterable[Lease], nodes: Iterable[Node]) -> list[Event]:
        notes = list(changes.notes)
        for node in nodes:
            notes += node_notes(self.nodes.get(node.name), node)
        for lease in leases:
            notes += lease_notes(self.leases.get(lease.id), lease)
        return [
            Event(id=number, at=changes.now, object_kind=kind, object_name=name, type=word, message=sentence)
            for number, (kind, name, word, sentence) in enumerate(notes, self._last_event + 1)
        ]

    def _audit_entries(self, done: Iterable[Done], now: datetime) -> list[AuditEntry]:
        """What the audit log is to say; nothing when nobody asked, but the pool itself acts."""
        return [
            AuditEntry(
                at=now,
                token_id=token.id,
                actor=token.name,
                role=str(token.role),
                remote=actor.remote,
                action=one.action,
                object=one.object,
                before=one.before,
                after=one.after,
            )
            for one in done
            if (actor := one.actor) is not None and (token := actor.token) is not None
        ]

    def _show(self, changes: Changes) -> None:
        for lease in changes.leases.values():
            before = self.leases.get(lease.id)
            if before is None or before.state is not lease.state:
                _log_lease(lease)
            self.index.replace(before, lease)
            self._count(before, lease)
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
                self.nodes_version += 1
                self.feed.publish(node)
        for removed in changes.removed_nodes:
            self._forget_node(removed.node.name, removed.reason)
        if changes.policy is not None:
            self.policy = changes.policy
            self.schedule_wanted.set()
        for command in changes.commands:
            match command:
                case TellNode(name):
                    if name in self._links:
                        self._links[name].dirty.set()
                case Reschedule():
                    self.schedule_wanted.set()
        if (
            changes.nodes
            or changes.policy is not None
            or (self._scheduling is not None and self._is_sooner(self._scheduling.policy_now.changes_at))
            or any(self._is_sooner(lease_deadline(lease)) for lease in changes.leases.values())
        ):
            self.deadlines_changed.set()

    def _count(self, before: Lease | None, lease: Lease) -> None:
        if lease.granted_at is not None and (before is None or before.granted_at is None):
            waited = lease.granted_at - lease.created_at
            self.counted.lease_wait.labels(lease.queue).observe(waited.total_seconds())
        if lease.state is LeaseState.ENDED:
            self.counted.leases_ended.labels(lease.queue).inc()

    def _forget_node(self, name: str, reason: str) -> None:
        self._gpu_owners.remove(self.nodes[name])
        for known in (self.nodes, self.keys, self.now_on, self._node_revisions):
            known.pop(name, None)
        self.nodes_version += 1
        # The scheduler's arrays have no way to lose a row.
        self._forget_scheduling()
        self.schedule_wanted.set()
        link = self._links.pop(name, None)
        if link is not None:
            link.farewell = reason
            link.closing.set()
        self.feed.publish(Removed(name))
        log.info("node removed", node=name)

    def _is_sooner(self, deadline: datetime | None) -> bool:
        """Whether `keep_time` must look sooner than it would. A renewal puts a deadline off, which it need not know."""
        return deadline is not None and (self._next_look is None or deadline < self._next_look)

    def _fresh_id(self, prefix: str, *taken: Container[str]) -> str:
        while True:
            fresh = make_id(prefix, int.from_bytes(self._random_bytes(16)))
            if not any(fresh in known for known in taken):
                return fresh


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Await it even if this task is cancelled meanwhile; the cancellation then comes afterwards."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()
        raise cancelled
    task.result()


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
