"""Queues that share a pool: guarantees, borrowing, and who has to give way."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gpool.errors import InvalidInput
from gpool.scheduler.actions.make_room import MakeRoom
from gpool.scheduler.asks import Ask
from gpool.scheduler.cycle import Decision, decide
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import GpuSlot, PoolIndex
from gpool.scheduler.queues import Queue, QueueTree
from gpool.scheduler.state import SchedulerState

GIB = 1 << 30
ROOM = MakeRoom(least_run_s=10)


class Cluster:
    """Nodes of four GPUs; time passes when told to. Whoever is told to go goes at once."""

    def __init__(self, nodes: int, queues: Iterable[Queue]) -> None:
        index = PoolIndex()
        index.put_nodes(
            (f"n{number}", [GpuSlot(f"{number}-{gpu}", 8 * GIB) for gpu in range(4)], True) for number in range(nodes)
        )
        self.state = SchedulerState(index, QueueTree(queues))
        self.now = 0.0
        self.number = 0

    def ask(
        self, queue: str, gpus: int = 1, priority: int = 0, preemptible: bool = True, gib: int | None = None
    ) -> str:
        demand = Demand(gpus, whole=True) if gib is None else Demand(gpus, bytes=gib * GIB)
        ask = Ask(f"l-{self.number:04d}", demand, self.number, queue, priority, preemptible)
        self.number += 1
        self.state.arrive(ask)
        return ask.id

    def cycle(self) -> Decision:
        decision = decide(self.state, self.now, room=ROOM)
        for ask, spots in decision.placements:
            self.state.start(ask, spots, self.now)
        for eviction in decision.evictions:
            for victim in eviction.victims:
                self.state.stop(victim.ask.id, self.now)
                self.state.arrive(victim.ask)
            self.state.nominated[eviction.beneficiary.id] = eviction.spots
        return decision

    def settle(self) -> None:
        while (decision := self.cycle()).placements or decision.evictions:
            pass

    def held(self, queue: str) -> int:
        return sum(
            len(spot.columns) for held in self.state.held.values() if held.ask.queue == queue for spot in held.spots
        )


def test_what_one_does_not_use_the_other_borrows_and_gives_back_when_asked() -> None:
    cluster = Cluster(2, [Queue("vision", guarantee=4), Queue("speech", guarantee=4)])
    for _ in range(10):
        cluster.ask("vision")
    cluster.settle()
    assert cluster.held("vision") == 8
    cluster.now = 60
    for _ in range(6):
        cluster.ask("speech")
    cluster.settle()
    assert (cluster.held("vision"), cluster.held("speech")) == (4, 4)


def test_nobody_is_ended_for_nothing() -> None:
    """Six GPUs would have to be free; only four are borrowed, and the guarantee of four does not cover six."""
    cluster = Cluster(2, [Queue("vision", guarantee=4), Queue("speech", guarantee=4)])
    for _ in range(8):
        cluster.ask("vision")
    cluster.settle()
    cluster.now = 60
    cluster.ask("speech", gpus=6)
    assert not cluster.cycle().evictions
    assert cluster.held("vision") == 8


def test_who_may_not_be_ended_or_has_just_begun_stays() -> None:
    cluster = Cluster(1, [Queue("vision", guarantee=1), Queue("speech", guarantee=3)])
    for number in range(4):
        cluster.ask("vision", preemptible=number == 0)
    cluster.settle()
    cluster.ask("speech")
    assert not cluster.cycle().evictions, "they have just begun"
    cluster.now = 60
    (eviction,) = cluster.cycle().evictions
    assert [victim.ask.id for victim in eviction.victims] == ["l-0000"]
    cluster.settle()
    cluster.ask("speech")
    assert not cluster.cycle().evictions


def test_the_least_harm_and_no_more_than_needed() -> None:
    """One that runs for long, one on two GPUs, one that has just begun to be endable: it alone goes."""
    cluster = Cluster(1, [Queue("vision", guarantee=0), Queue("speech", guarantee=4)])
    cluster.ask("vision")
    cluster.settle()
    cluster.now = 1000
    cluster.ask("vision", gpus=2)
    cluster.settle()
    cluster.now = 1100
    young = cluster.ask("vision")
    cluster.settle()
    cluster.now = 1111
    cluster.ask("speech")
    (eviction,) = cluster.cycle().evictions
    assert [victim.ask.id for victim in eviction.victims] == [young]


def test_a_gang_takes_whole_leases_but_gives_back_what_it_did_not_need() -> None:
    cluster = Cluster(1, [Queue("vision", guarantee=0), Queue("speech", guarantee=4)])
    cluster.ask("vision")
    cluster.settle()
    cluster.now = 1
    cluster.ask("vision", gpus=3)
    cluster.settle()
    cluster.now = 20
    gang = cluster.ask("speech", gpus=3)
    (eviction,) = cluster.cycle().evictions
    assert [len(victim.spots[0].columns) for victim in eviction.victims] == [3], "the single one is not needed as well"
    (placement,) = cluster.cycle().placements
    assert placement[0].id == gang


def test_nobody_is_ended_where_his_queue_would_lose_what_it_is_guaranteed() -> None:
    """The gang of three borrows one GPU; without it, vision would have nothing of its two."""
    cluster = Cluster(1, [Queue("vision", guarantee=2), Queue("speech", guarantee=2)])
    cluster.ask("speech")
    cluster.ask("vision", gpus=3)
    cluster.settle()
    cluster.now = 60
    cluster.ask("speech")
    assert not cluster.cycle().evictions


def test_within_a_queue_the_more_urgent_comes_first_and_makes_the_others_give_way() -> None:
    cluster = Cluster(1, [Queue("vision")])
    for _ in range(5):
        cluster.ask("vision")
    cluster.settle()
    cluster.now = 60
    urgent = cluster.ask("vision", priority=10)
    assert len(cluster.cycle().evictions) == 1
    assert [ask.id for ask, _ in cluster.cycle().placements] == [urgent]


def test_a_limit_holds_for_all_below_it() -> None:
    tree = [Queue("research", limit=3), Queue("ann", parent="research"), Queue("bob", parent="research")]
    cluster = Cluster(2, tree)
    for _ in range(3):
        cluster.ask("ann")
        cluster.ask("bob")
    cluster.settle()
    assert cluster.held("ann") + cluster.held("bob") == 3
    assert {blocked.over_limit for blocked in cluster.cycle().blocked} == {"research"}


def test_what_nobody_is_owed_goes_by_weight() -> None:
    cluster = Cluster(3, [Queue("large", weight=2), Queue("small", weight=1)])
    for _ in range(12):
        cluster.ask("small")
        cluster.ask("large")
    cluster.settle()
    assert (cluster.held("large"), cluster.held("small")) == (8, 4)


def test_who_has_borrowed_for_days_comes_after_who_has_not() -> None:
    cluster = Cluster(2, [Queue("yesterday"), Queue("today")])
    first = [cluster.ask("yesterday") for _ in range(8)]
    cluster.settle()
    cluster.now = 86_400
    for ask_id in first:
        cluster.state.stop(ask_id, cluster.now)
    for _ in range(8):
        cluster.ask("yesterday")
        cluster.ask("today")
    cluster.settle()
    assert cluster.held("today") > cluster.held("yesterday") > 0


def test_memory_counts_as_much_as_compute() -> None:
    """Shares that take most of a GPU's memory use most of a GPU, though they reserve no compute."""
    cluster = Cluster(1, [Queue("vision", limit=2)])
    for _ in range(4):
        cluster.ask("vision", gib=7)
    cluster.settle()
    assert cluster.held("vision") == 2


@pytest.mark.parametrize(
    ("queues", "sentence"),
    [
        ([Queue("a"), Queue("a")], "two queues 'a'"),
        ([Queue("a", parent="b")], "below 'b', which is no queue"),
        ([Queue("a", parent="b"), Queue("b", parent="a")], "below itself"),
        ([Queue("a", guarantee=3, limit=2)], "from 0 to its limit"),
        ([Queue("a", guarantee=3), Queue("b", parent="a", guarantee=4)], "guaranteed 4 GPUs, but a has only 3"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused(queues: list[Queue], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        QueueTree(queues)


class SharedPool(RuleBasedStateMachine):
    """Whoever comes and goes, in whatever order."""

    @initialize()
    def begin(self) -> None:
        self.tree = [
            Queue("dept", guarantee=4, limit=6),
            Queue("ann", parent="dept", guarantee=2),
            Queue("bob", parent="dept", guarantee=2, limit=4),
            Queue("free", guarantee=2, weight=2),
            Queue("still", guarantee=2, weight=0),
        ]
        self.cluster = Cluster(2, self.tree)

    @rule(
        queue=st.sampled_from(["ann", "bob", "free", "still"]),
        gpus=st.sampled_from([1, 1, 2, 3, 5]),
        gib=st.none() | st.integers(1, 8),
        priority=st.integers(0, 2),
        preemptible=st.sampled_from([True, True, False]),
    )
    def ask(self, queue: str, gpus: int, gib: int | None, priority: int, preemptible: bool) -> None:
        self.cluster.ask(queue, gpus, priority, preemptible, gib)

    @rule(number=st.integers(0, 100))
    def finish(self, number: int) -> None:
        held = sorted(self.cluster.state.held)
        if held:
            self.cluster.state.stop(held[number % len(held)], self.cluster.now)

    @rule(number=st.integers(0, 100))
    def withdraw(self, number: int) -> None:
        waiting = sorted(self.cluster.state.waiting.asks)
        if waiting:
            self.cluster.state.withdraw(waiting[number % len(waiting)])

    @rule(seconds=st.sampled_from([1, 20, 100_000]))
    def cycle(self, seconds: int) -> None:
        self.cluster.now += seconds
        state = self.cluster.state
        arrays = {name: array.copy() for name, array in vars(state.index).items() if isinstance(array, np.ndarray)}
        used = {queue.name: state.accounts.used(queue.name) for queue in self.tree}
        again = decide(state, self.cluster.now, room=ROOM)
        for name, array in arrays.items():
            assert name == "version" or np.array_equal(array, getattr(state.index, name)), (
                f"the cycle has changed {name}"
            )
        assert used == {queue.name: state.accounts.used(queue.name) for queue in self.tree}
        nominated_before = set(state.nominated)
        decision = self.cluster.cycle()
        assert decision == again, "the same state, the same decision"
        victims = [victim.ask for eviction in decision.evictions for victim in eviction.victims]
        assert all(victim.preemptible for victim in victims)
        assert len({victim.id for victim in victims}) == len(victims)
        for eviction in decision.evictions:
            for queue in {victim.ask.queue for victim in eviction.victims} - {eviction.beneficiary.queue}:
                guarantee = state.tree.queues[queue].guarantee
                assert state.accounts.used(queue) >= guarantee - 1e-6, f"{queue} had to give of what it is guaranteed"
        if decision.evictions:
            placed = {ask.id for ask, _ in self.cluster.cycle().placements}
            for eviction in decision.evictions:
                assert eviction.beneficiary.id in placed | nominated_before, "somebody was ended for nothing"

    @invariant()
    def nothing_is_over_committed(self) -> None:
        if not hasattr(self, "cluster"):
            return
        state, index = self.cluster.state, self.cluster.state.index
        assert (index.free_bytes[index.total_bytes > 0] >= 0).all()
        assert (index.unreserved[index.total_bytes > 0] >= 0).all()
        for queue in self.tree:
            most = queue.limit if queue.weight else queue.guarantee
            assert state.accounts.used(queue.name) <= most + 1e-6, f"{queue.name} is over its limit"
        assert not state.held.keys() & state.waiting.asks.keys()


TestSharedPool = SharedPool.TestCase
TestSharedPool.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
