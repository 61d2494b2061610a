"""Whoever has to give way is warned, has the whole of his grace, and goes for somebody who still waits for it.

The pure parts, joined as the controller joins them, under whatever comes: requests of queues and of all urgencies,
ends, withdrawals, nodes that go away and come back, and time.
"""

import os
from datetime import timedelta

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gpool.controller.changes import Changes
from gpool.controller.pool_scheduling import PoolScheduling
from gpool.lifecycle.lease import NodeConfirmed, Released, Renewed, TimePassed, begin_lease
from gpool.lifecycle.node import AgentConnected, ChannelClosed, StateObserved
from gpool.metrics.counted import Counted
from gpool.model.lease import Eviction, Lease, LeaseState
from gpool.model.node import Node, NodeState
from gpool.model.policy import Policy, PoolSettings
from gpool.model.queue import QueueSettings
from gpool.scheduler.pool_state import PoolState
from stage.values import FakeClock, make_gpus, make_node, make_request

GRACE_S = 30
SIZES = {"a": (8, 8), "b": (8,)}
POLICY = Policy(
    queues=(QueueSettings(name="vision", guarantee=1), QueueSettings(name="speech", guarantee=2)),
    settings=PoolSettings(least_run_s=0, grace_s=GRACE_S),
)


class Bare(PoolScheduling):
    """The controller's way from a plan to its changes, without store and clock."""

    def __init__(self, scheduling: PoolState) -> None:
        self.policy = POLICY
        self.counted = Counted()
        self._scheduling = scheduling


class WarnedEvictions(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.leases: dict[str, Lease] = {}
        self.nodes: dict[str, Node] = {name: make_node(name, *sizes) for name, sizes in SIZES.items()}
        self.names = 0
        self.ended: dict[str, Lease] = {}
        self.first_told: dict[str, Eviction] = {}
        """By lease, as long as it is warned."""
        scheduling = PoolState(POLICY, self.clock.now)
        scheduling.follow(self.nodes.values(), (), self.clock.now)
        self.controller = Bare(scheduling)
        for _ in range(3):
            self.ask("vision", "normal", False, 0)

    def changes(self) -> Changes:
        return Changes(self.leases, self.nodes, self.clock.now)

    def take(self, changes: Changes) -> None:
        assert self.controller._scheduling is not None
        changes.tell(self.controller._scheduling)
        for lease in changes.leases.values():
            before = self.leases.get(lease.id)
            if before is not None and before.state is LeaseState.ACTIVE:
                self.look_at_the_end(before, lease, changes)
            if lease.state is LeaseState.ENDED:
                self.leases.pop(lease.id, None)
                self.ended[lease.id] = lease
            else:
                self.leases[lease.id] = lease
            if not lease.warned:
                self.first_told.pop(lease.id, None)
            elif lease.eviction is not None:
                self.first_told.setdefault(lease.id, lease.eviction)
        self.nodes |= changes.nodes

    def look_at_the_end(self, before: Lease, after: Lease, changes: Changes) -> None:
        """Nobody is ended for another without a warning, before his grace is over, or for nobody."""
        if after.state is LeaseState.ACTIVE or not str(after.reason).startswith("had to give way"):
            return
        assert before.eviction is not None, f"{after.id} was ended without a warning"
        assert self.clock.now >= self.first_told[after.id].warned_at + timedelta(seconds=GRACE_S)
        assert after.eviction is not None
        beneficiary = changes.leases.get(after.eviction.beneficiary) or self.leases[after.eviction.beneficiary]
        assert beneficiary.state is LeaseState.PENDING, f"{after.id} was ended for one who has what he wants"
        assert beneficiary.room, f"{after.id} was ended, and its GPU is kept for nobody"

    @rule(
        queue=st.sampled_from(["vision", "speech"]),
        priority=st.sampled_from(["low", "normal", "high"]),
        stays=st.booleans(),
        wait=st.sampled_from([0, 5]),
    )
    def ask(self, queue: str, priority: str, stays: bool, wait: int) -> None:
        self.names += 1
        changes = self.changes()
        request = make_request(queue=queue, priority=priority, preemptible=False if stays else None)
        changes.add_lease(*begin_lease(f"l-{self.names}", "ann", request, self.clock.now, queue=queue))
        self.controller._lay_plan(changes)
        self.take(changes)
        self.let_time_pass(wait)

    @rule(number=st.integers(0, 100))
    def release(self, number: int) -> None:
        if self.leases:
            changes = self.changes()
            changes.apply_to_lease(sorted(self.leases)[number % len(self.leases)], Released("ann"))
            self.take(changes)

    @rule(name=st.sampled_from(sorted(SIZES)))
    def confirm(self, name: str) -> None:
        if self.nodes[name].state is not NodeState.READY:
            return
        changes = self.changes()
        for lease in self.leases.values():
            if name in lease.unconfirmed_nodes:
                changes.apply_to_lease(lease.id, NodeConfirmed(name))
        self.take(changes)
        self.schedule()

    @rule(name=st.sampled_from(sorted(SIZES)))
    def go_away(self, name: str) -> None:
        if self.nodes[name].state is NodeState.READY:
            changes = self.changes()
            changes.apply_to_node(self.nodes[name], ChannelClosed())
            self.take(changes)

    @rule(name=st.sampled_from(sorted(SIZES)))
    def come_back(self, name: str) -> None:
        changes = self.changes()
        changes.apply_to_node(self.nodes[name], AgentConnected("0.1.0", "boot", 1))
        changes.apply_to_node(self.nodes[name], StateObserved(make_gpus(name, *SIZES[name]), None, None, settled=True))
        self.take(changes)

    @rule()
    def schedule(self) -> None:
        changes = self.changes()
        self.controller._lay_plan(changes)
        self.take(changes)

    @rule(seconds=st.sampled_from([1, 10, 29, 30, 40]))
    def let_time_pass(self, seconds: int) -> None:
        """As `PoolScheduling.pass_time` does; every holder renews."""
        self.clock.advance(seconds)
        changes = self.changes()
        for lease in self.leases.values():
            if lease.state is not LeaseState.ENDING:
                changes.apply_to_lease(lease.id, Renewed())
        if any(lease.warned for lease in self.leases.values()):
            self.controller._lay_plan(changes)
        for lease_id in self.leases:
            changes.apply_to_lease(lease_id, TimePassed())
        self.take(changes)

    @invariant()
    def a_warning_is_for_somebody_who_waits_and_leaves_the_whole_grace(self) -> None:
        for lease in self.leases.values():
            if not lease.warned or lease.eviction is None:
                continue
            told = lease.eviction
            assert lease.request.preemptible is not False, f"{lease.id} said that it never gives way"
            assert told.ends_at >= told.warned_at + timedelta(seconds=GRACE_S)
            assert told.ends_at > self.clock.now, f"the time of {lease.id} is over, and it was not ended"
            assert told.warned_at == self.first_told[lease.id].warned_at, "it was warned twice of one thing"

    @rule()
    def whoever_is_warned_after_a_cycle_is_warned_for_one_who_waits(self) -> None:
        self.schedule()
        for lease in self.leases.values():
            if lease.warned and lease.eviction is not None:
                beneficiary = self.leases.get(lease.eviction.beneficiary)
                assert beneficiary is not None, f"{lease.id} gives way for one who has gone"
                assert beneficiary.state is LeaseState.PENDING
                assert beneficiary.room
        for lease in self.leases.values():
            assert not lease.room or lease.state is LeaseState.PENDING


TestWarnedEvictions = WarnedEvictions.TestCase
STORIES = int(os.environ.get("GPOOL_STORIES", "30"))
PHASES = [Phase.explicit, Phase.reuse, Phase.generate] if os.environ.get("CI") else list(Phase)
TestWarnedEvictions.settings = settings(max_examples=STORIES, stateful_step_count=30, deadline=None, phases=PHASES)
