"""The scheduler's state of a real pool: follows its nodes and leases by their differences."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from gpool.model.lease import Lease, LeaseState, Vgpu
from gpool.model.node import Node, NodeState
from gpool.scheduler.asks import Ask
from gpool.scheduler.demand import demand_of
from gpool.scheduler.index import GpuSlot, PoolIndex, Spot
from gpool.scheduler.state import SchedulerState
from gpool.scheduler.traits import NodeTraits

__all__ = ["PoolState"]


class PoolState:
    """It shows what it was told last: it may be told the same thing twice, or that something is undone."""

    def __init__(self) -> None:
        self.index = PoolIndex()
        self.state = SchedulerState(self.index)
        self.nodes: dict[str, Node] = {}
        self.leases: dict[str, Lease] = {}
        self._now = 0.0

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

    @contextmanager
    def without_overdue(self, now: datetime) -> Iterator[None]:
        """Inside, requests whose time is over do not wait: they are about to be ended."""
        waiting = self.state.waiting
        overdue = [waiting.remove(ask_id) for ask_id in list(waiting.asks) if self.leases[ask_id].expires_at <= now]
        try:
            yield
        finally:
            for ask in overdue:
                waiting.add(ask)

    def _follow_nodes(self, nodes: list[Node]) -> None:
        rebuilt = []
        for node in nodes:
            known = self.nodes.get(node.name)
            self.nodes[node.name] = node
            if known is None or known.gpus != node.gpus:
                rebuilt.append(node)
            else:
                self.index.set_ready(node.name, node.state is NodeState.READY)
                self.index.set_traits(node.name, _traits(node))
        if not rebuilt:
            return
        names = {node.name for node in rebuilt}
        there = [ask_id for ask_id in self.state.held if not names.isdisjoint(self.leases[ask_id].nodes)]
        for ask_id in there:
            self._stop(ask_id)
        self.index.put_nodes((node.name, _slots(node), node.state is NodeState.READY) for node in rebuilt)
        for node in rebuilt:
            self.index.set_traits(node.name, _traits(node))
        for ask_id in there:
            self._start(self.leases[ask_id])

    def _follow_lease(self, lease: Lease) -> None:
        before = self.leases.get(lease.id)
        if lease.state is LeaseState.ENDED:
            self.leases.pop(lease.id, None)
        else:
            self.leases[lease.id] = lease
        if before is not None and (before.state, before.vgpus) == (lease.state, lease.vgpus):
            return
        waits, holds = lease.id in self.state.waiting.asks, lease.id in self.state.held
        if holds and (before is None or lease.vgpus != before.vgpus or not lease.holds_vgpus):
            self._stop(lease.id)
            holds = False
        if waits and lease.state is not LeaseState.PENDING:
            self.state.withdraw(lease.id)
        if lease.state is LeaseState.PENDING and not waits:
            ask = _ask(lease)
            if before is None:
                self.state.arrive(ask)
            else:
                self.state.waiting.add(ask)
        elif lease.holds_vgpus and not holds:
            if before is None:
                self.state.sightings.see(demand_of(lease.request, lease.owner))
            self._start(lease)

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
        self.state.start(_ask(lease), spots, self._now)

    def _stop(self, ask_id: str) -> None:
        self.state.stop(ask_id, self._now)


def _ask(lease: Lease) -> Ask:
    ask = Ask(lease.id, demand_of(lease.request, lease.owner), lease.created_at.timestamp())
    # One that may begin with fewer has what it was granted.
    return ask.of_size(len(lease.vgpus)) if lease.vgpus else ask


def _slots(node: Node) -> list[GpuSlot]:
    gpus = sorted(node.gpus, key=lambda gpu: (gpu.index, gpu.uuid))
    return [GpuSlot(gpu.uuid, gpu.memory_bytes, gpu.name) for gpu in gpus]


def _traits(node: Node) -> NodeTraits:
    return NodeTraits(node.labels, node.taints, node.boot_id)
