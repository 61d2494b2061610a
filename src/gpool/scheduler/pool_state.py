"""The scheduler's state of a real pool: follows its nodes and leases by their differences."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from gpool.model.lease import GpuPlace, Lease, LeaseState, Vgpu
from gpool.model.node import Node, NodeState
from gpool.model.policy import Policy
from gpool.model.priority import NORMAL
from gpool.scheduler.asks import Ask
from gpool.scheduler.demand import demand_of
from gpool.scheduler.index import GpuSlot, PoolIndex, Spot
from gpool.scheduler.own_rules import OwnRules
from gpool.scheduler.state import FOR_NOBODY, SchedulerState
from gpool.scheduler.traits import NodeTraits
from gpool.scheduler.tree import PolicyNow

__all__ = ["PoolState"]

_EXPECTED_BACK = frozenset({NodeState.JOINING, NodeState.DISCONNECTED, NodeState.LOST})


class PoolState:
    """It shows what it was told last: it may be told the same thing twice, or that something is undone."""

    def __init__(
        self,
        policy: Policy | None = None,
        now: datetime | None = None,
        averages: Mapping[str, float] | None = None,
        rules_of: Callable[[Policy], OwnRules] = lambda _policy: OwnRules(),
    ) -> None:
        """`averages`: GPUs that queues have used over time. `rules_of`: makes the rules that a policy names."""
        now = now or datetime.fromtimestamp(0, UTC)
        averages = averages or {}
        self.policy_now = PolicyNow(policy or Policy(), now)
        self.index = PoolIndex()
        self.state = SchedulerState(self.index, self.policy_now.tree(averages))
        self.state.share_by(self.state.tree, now.timestamp(), averages)
        self._rules_of = rules_of
        self.own = OwnRules()
        self._take_rules()
        self.nodes: dict[str, Node] = {}
        self.leases: dict[str, Lease] = {}
        self._leaves: Counter[str] = Counter()
        """Queues of the tree → how many leases are in them."""
        self._now = now.timestamp()

    def follow_policy(self, policy: Policy, now: datetime, averages: Mapping[str, float] | None = None) -> None:
        """This is the policy from now on. `averages`: what queues have used, in GPUs, where that is known better.

        Raises `InvalidInput`, and changes nothing, for queues that are no tree.
        """
        policy_now = PolicyNow(policy, now)
        self._now = now.timestamp()
        if averages is None:
            averages = self.state.accounts.averages(self._now)
        rules_before, self.policy_now = self.policy_now.policy.settings.rules, policy_now
        if policy.settings.rules != rules_before:
            self._take_rules()
        asks = {lease.id: self._ask(lease) for lease in self.leases.values()}
        self._leaves = Counter(ask.queue for ask in asks.values())
        self.state.share_by(policy_now.tree([*self._leaves, *averages]), self._now, averages)
        for ask in asks.values():
            if ask.id in self.state.waiting.asks or ask.id in self.state.held:
                self.state.refile(ask, self._now)

    def turn_calendars(self, now: datetime) -> None:
        """Let queues become what they are by now."""
        changes_at = self.policy_now.changes_at
        if changes_at is not None and now >= changes_at:
            self.follow_policy(self.policy_now.policy, now)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self.state.waiting)

    def follow(self, nodes: Iterable[Node], leases: Iterable[Lease], now: datetime) -> None:
        """These nodes and leases are new or have changed."""
        self._now = now.timestamp()
        self._follow_nodes([node for node in nodes if node is not self.nodes.get(node.name)])
        fresh = [lease for lease in leases if lease is not self.leases.get(lease.id)]
        # By age: what is typical depends on the order in which requests were seen.
        for lease in sorted(fresh, key=lambda lease: (lease.created_at, lease.id)):
            self._follow_lease(lease)

    def vgpus(self, ask: Ask, spots: Iterable[Spot]) -> tuple[Vgpu, ...]:
        """The vGPUs of a lease on these GPUs: devices of one node stay together, in the order of that node."""
        request = self.leases[ask.id].request
        found = []
        for spot in sorted(spots, key=lambda spot: self.index.names[spot.row]):
            name = self.index.names[spot.row]
            gpus = {gpu.uuid: gpu for gpu in self.nodes[name].gpus}
            here = [gpus[self.index.slots[spot.row][column].uuid] for column in spot.columns]
            found += [(name, gpu) for gpu in sorted(here, key=lambda gpu: (gpu.index, gpu.uuid))]
        return tuple(
            Vgpu(
                ordinal=ordinal,
                node=name,
                gpu_uuid=gpu.uuid,
                memory_bytes=gpu.memory_bytes if request.whole_gpus else request.memory_bytes or 0,
                compute_permille=request.compute_permille,
            )
            for ordinal, (name, gpu) in enumerate(found)
        )

    def places(self, spots: Iterable[Spot]) -> tuple[GpuPlace, ...]:
        """The names of these GPUs."""
        return tuple(
            GpuPlace(node=self.index.names[spot.row], gpu_uuid=self.index.slots[spot.row][column].uuid)
            for spot in sorted(spots, key=lambda spot: self.index.names[spot.row])
            for column in spot.columns
        )

    @contextmanager
    def supposing(self, lease: Lease) -> Iterator[Ask]:
        """Inside, this pending lease, which is not known, waits among the others; what is typical does not change."""
        leaf = self.policy_now.leaf(lease.queue, lease.owner)
        new = leaf not in self.state.tree.queues
        self.leases[lease.id] = lease
        self._enter(leaf)
        ask = self._ask(lease)
        self.state.waiting.add(ask)
        try:
            yield ask
        finally:
            self.state.waiting.remove(lease.id)
            del self.leases[lease.id]
            self._leaves[leaf] -= 1
            if new:
                del self._leaves[leaf]
                averages = self.state.accounts.averages(self._now)
                averages.pop(leaf, None)
                self.state.share_by(self.policy_now.tree([*self._leaves, *averages]), self._now, averages)

    @contextmanager
    def without_overdue(self, now: datetime) -> Iterator[None]:
        """Inside, requests whose time is over do not wait: they are about to be ended."""
        waiting = self.state.waiting
        overdue = [waiting.remove(ask_id) for ask_id in list(waiting.asks) if self.leases[ask_id].expires_at <= now]
        nominated = self.state.nominated
        self.state.nominated = {ask_id: spots for ask_id, spots in nominated.items() if ask_id in waiting.asks}
        try:
            yield
        finally:
            for ask in overdue:
                waiting.add(ask)
            self.state.nominated = nominated

    def _follow_nodes(self, nodes: list[Node]) -> None:
        rebuilt = []
        for node in nodes:
            known = self.nodes.get(node.name)
            self.nodes[node.name] = node
            if node.state in _EXPECTED_BACK:
                self.state.absent.add(node.name)
            else:
                self.state.absent.discard(node.name)
            if known is None or _slots(known) != _slots(node):
                rebuilt.append(node)
            else:
                self.index.set_ready(node.name, node.takes_leases)
                self.index.set_traits(node.name, _traits(node))
        if not rebuilt:
            return
        names = {node.name for node in rebuilt}
        there = [ask_id for ask_id in self.state.held if not names.isdisjoint(self.leases[ask_id].nodes)]
        for ask_id in there:
            self._stop(ask_id)
        self.index.put_nodes((node.name, _slots(node), node.takes_leases) for node in rebuilt)
        for node in rebuilt:
            self.index.set_traits(node.name, _traits(node))
        for ask_id in there:
            self._start(self.leases[ask_id])
        for lease in self.leases.values():
            if lease.room:
                self._follow_room(lease)

    def _follow_lease(self, lease: Lease) -> None:
        before = self.leases.get(lease.id)
        over = lease.state is LeaseState.ENDED
        if over:
            self.leases.pop(lease.id, None)
        else:
            self.leases[lease.id] = lease
        if before is not None and _seen(before) == _seen(lease):
            return
        if before is None and not over:
            self._enter(self.policy_now.leaf(lease.queue, lease.owner))
        elif before is not None and over:
            self._leaves[self.policy_now.leaf(lease.queue, lease.owner)] -= 1
        waits, holds = lease.id in self.state.waiting.asks, lease.id in self.state.held
        if holds and (before is None or lease.vgpus != before.vgpus or not lease.holds_vgpus):
            self._stop(lease.id)
            holds = False
        if waits and lease.state is not LeaseState.PENDING:
            self.state.withdraw(lease.id)
        if lease.state is LeaseState.PENDING and not waits:
            ask = self._ask(lease)
            if before is None:
                self.state.arrive(ask)
            else:
                self.state.waiting.add(ask)
        elif lease.holds_vgpus and not holds:
            if before is None:
                self.state.sightings.see(demand_of(lease.request, lease.owner))
            self._start(lease)
        elif lease.holds_vgpus:
            self._follow_end(lease)
        if lease.state is LeaseState.PENDING:
            self._follow_room(lease)

    def _follow_room(self, lease: Lease) -> None:
        """GPUs that are no longer there are not waited for: the next cycle looks for others."""
        self.state.nominated.pop(lease.id, None)
        columns: dict[int, list[int]] = {}
        for place in lease.room:
            row = self.index.rows.get(place.node)
            uuids = [slot.uuid for slot in self.index.slots[row]] if row is not None else []
            if row is None or place.gpu_uuid not in uuids:
                self.state.nominated[lease.id] = ()
                return
            columns.setdefault(row, []).append(uuids.index(place.gpu_uuid))
        if lease.room:
            self.state.nominated[lease.id] = tuple(Spot(row, tuple(sorted(here))) for row, here in columns.items())

    def _follow_end(self, lease: Lease) -> None:
        self.state.ending.discard(lease.id)
        self.state.leaving.pop(lease.id, None)
        self.state.movable.discard(lease.id)
        if lease.movable:
            self.state.movable.add(lease.id)
        if lease.state is LeaseState.ENDING:
            self.state.ending.add(lease.id)
        if lease.eviction is None:
            return
        if lease.eviction.beneficiary is not None:
            self.state.leaving[lease.id] = lease.eviction.beneficiary
        elif lease.state is LeaseState.ACTIVE:
            self.state.leaving[lease.id] = FOR_NOBODY

    def _enter(self, leaf: str) -> None:
        self._leaves[leaf] += 1
        if leaf not in self.state.tree.queues:
            averages = self.state.accounts.averages(self._now)
            self.state.share_by(self.policy_now.tree([*self._leaves, *averages]), self._now, averages)

    def _take_rules(self) -> None:
        self.own = self._rules_of(self.policy_now.policy)
        self.index.own_filter = self.own.allowed if self.own.filters else None
        self.state.also_rate_by(self.own if self.own.scores else None)

    def _ask(self, lease: Lease) -> Ask:
        request, policy_now = lease.request, self.policy_now
        urgency = policy_now.classes.get(request.priority) or policy_now.classes[NORMAL]
        ask = Ask(
            lease.id,
            demand_of(request, lease.owner),
            lease.created_at.timestamp(),
            policy_now.leaf(lease.queue, lease.owner),
            urgency.value,
            urgency.preemptible if request.preemptible is None else request.preemptible,
            urgency.preempts,
            self.own.rank(request, lease.owner, lease.queue),
        )
        # One that may begin with fewer has what it was granted.
        return ask.of_size(len(lease.vgpus)) if lease.vgpus else ask

    def _start(self, lease: Lease) -> None:
        spots = []
        for name in lease.nodes:
            row = self.index.rows.get(name)
            if row is None:
                continue
            columns = {gpu.uuid: column for column, gpu in enumerate(self.index.slots[row])}
            here = [columns[vgpu.gpu_uuid] for vgpu in lease.vgpus if vgpu.node == name and vgpu.gpu_uuid in columns]
            if here:
                spots.append(Spot(row, tuple(sorted(here))))
        since = lease.granted_at.timestamp() if lease.granted_at else self._now
        self.state.start(self._ask(lease), spots, self._now, since=since)
        self._follow_end(lease)

    def _stop(self, ask_id: str) -> None:
        self.state.stop(ask_id, self._now)


def _seen(lease: Lease) -> tuple[object, ...]:
    """What the scheduler sees of a lease that may change."""
    return lease.state, lease.vgpus, lease.eviction, lease.room, lease.in_use_at


def _slots(node: Node) -> list[GpuSlot]:
    gpus = sorted(node.gpus, key=lambda gpu: (gpu.index, gpu.uuid))
    if node.gpus_out:
        gpus = [gpu for gpu in gpus if not node.is_out(gpu.uuid)]
    return [GpuSlot(gpu.uuid, gpu.memory_bytes, gpu.name) for gpu in gpus]


def _traits(node: Node) -> NodeTraits:
    return NodeTraits(node.labels, node.taints, node.boot_id)
