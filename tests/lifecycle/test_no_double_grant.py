"""Whatever happens in whatever order, no GPU is granted twice, and nothing that has ended comes back.

The machine plays users, agents and the clock against the same pure parts that the controller joins.
"""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gpool.controller.changes import Changes
from gpool.lifecycle.lease import NodeConfirmed, Placed, Released, Renewed, TimePassed, begin_lease, lease_deadline
from gpool.lifecycle.node import AgentConnected, ChannelClosed, NodeTimePassed, StateObserved
from gpool.model.lease import Lease, LeaseState
from gpool.model.node import Node, NodeState
from gpool.scheduler.cycle import schedule
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.snapshot import Snapshot
from stage.values import FakeClock, make_gpus, make_node, make_request

SIZES = {"a": (8,), "b": (8, 16), "c": (24, 24)}
NODES = st.sampled_from(sorted(SIZES))


class PoolMachine(RuleBasedStateMachine):
    requests = Bundle("requests")

    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.leases: dict[str, Lease] = {}
        self.ended: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {name: make_node(name, *sizes) for name, sizes in SIZES.items()}
        self.may_run: dict[str, set[str]] = defaultdict(set)  # what each node may still be computing
        self.names = 0
        self.scheduling = PoolState()
        self.scheduling.follow(self.nodes.values(), (), self.clock.now)

    def changes(self) -> Changes:
        return Changes(self.leases, self.nodes, self.clock.now)

    def take(self, changes: Changes) -> None:
        changes.tell(self.scheduling)
        for lease in changes.leases.values():
            assert lease.id not in self.ended, "something has happened to a lease that had ended"
            if lease.state is LeaseState.ENDED:
                self.leases.pop(lease.id, None)
                self.ended[lease.id] = lease
            else:
                self.leases[lease.id] = lease
            if lease.state is LeaseState.ACTIVE:
                for node in lease.nodes:
                    self.may_run[node].add(lease.id)
        self.nodes |= changes.nodes
        for name, node in changes.nodes.items():
            if node.state is NodeState.GONE:
                self.may_run[name].clear()

    @rule(
        target=requests,
        vgpus=st.integers(1, 3),
        gib=st.sampled_from([None, 1, 4, 8, 20]),
        compute=st.sampled_from([1000, 500, 300]),
        node=st.none() | NODES,
        timeout_s=st.none() | st.just(7),
    )
    def ask(self, vgpus: int, gib: int | None, compute: int, node: str | None, timeout_s: int | None) -> str:
        self.names += 1
        lease_id = f"l-{self.names}"
        changes = self.changes()
        request = make_request(vgpus, gib, compute, node, timeout_s)
        changes.add_lease(*begin_lease(lease_id, "ann", request, self.clock.now))
        self.take(changes)
        return lease_id

    @rule()
    def schedule(self) -> None:
        changes = self.changes()
        plan = changes.schedule(self.scheduling)
        # What the scheduler has followed by differences is what it would see if it looked for the first time.
        assert plan == schedule(Snapshot(tuple(self.nodes.values()), tuple(self.leases.values())), self.clock.now)
        assert {item.lease_id for item in (*plan.placements, *plan.waits)} <= self.leases.keys()
        for placement in plan.placements:
            changes.apply_to_lease(placement.lease_id, Placed(placement.vgpus))
        self.take(changes)

    @rule(lease_id=consumes(requests))
    def release(self, lease_id: str) -> None:
        if lease_id in self.leases:
            changes = self.changes()
            changes.apply_to_lease(lease_id, Released("ann"))
            self.take(changes)

    @rule(target=requests, lease_id=consumes(requests))
    def renew(self, lease_id: str) -> object:
        lease = self.leases.get(lease_id)
        if lease is None or lease.state is LeaseState.ENDING:
            return multiple()
        changes = self.changes()
        changes.apply_to_lease(lease_id, Renewed())
        self.take(changes)
        return lease_id

    @rule(name=NODES)
    def confirm(self, name: str) -> None:
        changes = self.changes()
        for lease in self.leases.values():
            if name in lease.unconfirmed_nodes and self.nodes[name].state is NodeState.READY:
                self.may_run[name].discard(lease.id)
                changes.apply_to_lease(lease.id, NodeConfirmed(name))
        self.take(changes)

    @rule(name=NODES)
    def close_channel(self, name: str) -> None:
        if self.nodes[name].state in (NodeState.READY, NodeState.JOINING):
            changes = self.changes()
            changes.apply_to_node(self.nodes[name], ChannelClosed())
            self.take(changes)

    @rule(name=NODES, gpus=st.integers(1, 2))
    def connect(self, name: str, gpus: int) -> None:
        changes = self.changes()
        changes.apply_to_node(self.nodes[name], AgentConnected("0.1.0", "boot", 1))
        seen = make_gpus(name, *SIZES[name][:gpus])
        changes.apply_to_node(self.nodes[name], StateObserved(seen, None, None, settled=True))
        self.take(changes)

    @rule(seconds=st.sampled_from([1, 8, 16, 31, 61]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds)
        changes = self.changes()
        for lease in self.leases.values():
            changes.apply_to_lease(lease.id, TimePassed())
        for node in self.nodes.values():
            changes.apply_to_node(node, NodeTimePassed(15, 60))
        self.take(changes)
        for lease in self.leases.values():
            deadline = lease_deadline(lease)
            assert deadline is None or deadline > self.clock.now, "what is due has not been ended"

    @invariant()
    def no_gpu_is_granted_beyond_its_size(self) -> None:
        on_gpu: dict[str, list[tuple[Lease, int]]] = defaultdict(list)
        for lease in self.leases.values():
            for vgpu in lease.vgpus:
                on_gpu[vgpu.gpu_uuid].append((lease, vgpu.memory_bytes))
        sizes = {gpu.uuid: gpu.memory_bytes for name, gib in SIZES.items() for gpu in make_gpus(name, *gib)}
        for gpu_uuid, holders in on_gpu.items():
            assert sum(memory for _, memory in holders) <= sizes[gpu_uuid]
            reserved = [lease.request.compute_permille for lease, _ in holders]
            assert sum(permille for permille in reserved if permille < 1000) <= 1000
            if any(lease.request.whole_gpus for lease, _ in holders):
                assert len(holders) == 1

    @invariant()
    def the_vgpus_of_a_lease_are_as_asked_and_on_distinct_gpus(self) -> None:
        for lease in self.leases.values():
            if lease.state is LeaseState.PENDING:
                assert lease.vgpus == ()
                continue
            assert len({vgpu.gpu_uuid for vgpu in lease.vgpus}) == lease.request.vgpus
            assert [vgpu.ordinal for vgpu in lease.vgpus] == list(range(lease.request.vgpus))
            assert all(lease.request.memory_bytes in (None, vgpu.memory_bytes) for vgpu in lease.vgpus)
            assert lease.request.node is None or lease.nodes == (lease.request.node,)

    @invariant()
    def what_may_still_run_somewhere_still_holds_its_vgpus(self) -> None:
        for name, running in self.may_run.items():
            for lease_id in running:
                assert self.leases[lease_id].holds_vgpus, f"{lease_id} was freed before {name} confirmed"


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPool = PoolMachine.TestCase
