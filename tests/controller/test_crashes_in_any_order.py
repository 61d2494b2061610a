"""Controller, agents and store through crashes in any order: whatever happens, what must hold holds.

hypothesis chooses the story. Everything is in this process: the real live pool and the real store, agents that do what
they are told late or not at all, a clock that the story moves. A controller crashes between any two steps, and in the
middle of a write: before its commit, or after it and before anybody has heard of it. A stale controller that comes
back tries to write.

Teams share the pool. What the scheduler plans is looked at when it plans it, by arithmetic of the test's own: nothing
is granted that is taken, no queue gets more than its limit or gives of what it is guaranteed. What is there afterwards
is the plan, all of it or nothing.

GPOOL_STORIES says how many stories are told; a few in CI, some hundred find what is rare.
"""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from structlog.testing import capture_logs

from gpool.channel.conversation import AgentLink
from gpool.channel.messages import Desired, Hello, Observed
from gpool.controller.changes import Changes
from gpool.controller.live_pool import LivePool
from gpool.controller.settings import PoolTimes
from gpool.errors import GpoolError, NotLeading, OutcomeUnknown
from gpool.model.lease import Lease, LeaseState
from gpool.model.node import NodeState
from gpool.model.policy import Policy, PoolSettings
from gpool.model.queue import QueueSettings
from gpool.model.session import Session
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.snapshot import Plan
from gpool.store.database import Database
from gpool.store.leadership import Claim, Term
from gpool.store.pool_store import PoolStore
from harness.postgres import PostgresServer
from stage.values import GIB, FakeClock, make_gpus, make_request

NODES = {"a": (8, 8), "b": (16,)}
CAPACITY = {gpu.uuid: gpu.memory_bytes for name, sizes in NODES.items() for gpu in make_gpus(name, *sizes)}
TEAMS = {
    queue.name: queue
    for queue in (
        QueueSettings(name="vision", guarantee=1, limit=2),
        QueueSettings(name="speech", guarantee=2),
        QueueSettings(name="still", guarantee=0, weight=0.5),
    )
}
POLICY = Policy(queues=tuple(TEAMS.values()), settings=PoolSettings(least_run_s=0, grace_s=15))
HOLDS = (LeaseState.ACTIVE, LeaseState.ENDING)
"""While in these states a lease has its GPUs. Not asked of the lease itself: that is on trial as well."""


class Planned:
    """What the scheduler has planned, and what it planned it for."""

    def __init__(self, changes: Changes, plan: Plan) -> None:
        self.plan = plan
        self.leases = {**changes._leases_before, **changes.leases}
        self.now = changes.now
        nodes = {**changes._nodes_before, **changes.nodes}
        ready = [gpu.memory_bytes for node in nodes.values() if node.state is NodeState.READY for gpu in node.gpus]
        self.mean_bytes = sum(ready) // len(ready) if ready else 1
        self.held = {lease.id: lease for lease in self.leases.values() if lease.state in HOLDS}
        self.placed = {placement.lease_id: placement.vgpus for placement in plan.placements}

    def gpus(self, leases: set[str]) -> float:
        """What these leases take, in GPUs: a whole one is one, whatever its memory; a part is a part of its memory."""
        whole = sum(lease.request.vgpus for lease in self.leases.values() if lease.id in leases and _whole(lease))
        parts = sum(
            (lease.request.memory_bytes or 0) * lease.request.vgpus
            for lease in self.leases.values()
            if lease.id in leases and not _whole(lease)
        )
        return whole + parts / self.mean_bytes

    def of(self, queue: str, *others: set[str]) -> set[str]:
        """Leases of a queue among these."""
        return {lease_id for some in others for lease_id in some if self.leases[lease_id].queue == queue}

    def check(self) -> None:
        self.nothing_is_granted_that_is_taken()
        self.no_queue_gets_more_than_its_limit()
        self.nobody_gives_of_what_he_is_guaranteed()

    def nothing_is_granted_that_is_taken(self) -> None:
        taken: Counter[str] = Counter()
        there = {lease.id: lease.vgpus for lease in self.held.values()}
        there |= {move.lease_id: move.vgpus for move in self.plan.moves}
        for vgpus in (*there.values(), *self.placed.values()):
            for vgpu in vgpus:
                taken[vgpu.gpu_uuid] += vgpu.memory_bytes
        for gpu, memory in taken.items():
            assert memory <= CAPACITY[gpu], f"{memory / GIB} GiB of {gpu} would be granted"

    def no_queue_gets_more_than_its_limit(self) -> None:
        for queue in {self.leases[lease_id].queue for lease_id in self.placed}:
            limit = TEAMS[queue].limit
            used = self.gpus(self.of(queue, set(self.held), set(self.placed)))
            assert limit is None or used <= limit + 1e-6, f"{queue} would have {used} GPUs, and its limit is {limit}"

    def nobody_gives_of_what_he_is_guaranteed(self) -> None:
        going = {victim for room in self.plan.rooms for victim, _ in room.victims if not room.suspended}
        ending = {lease.id for lease in self.held.values() if lease.state is LeaseState.ENDING}
        for room in self.plan.rooms:
            for victim, _ in () if room.suspended else room.victims:
                assert victim in self.held, "somebody has to go who has nothing"
                queue = self.leases[victim].queue
                left = self.gpus(self.of(queue, set(self.held) - going - ending, set(self.placed)))
                if queue != self.leases[room.lease_id].queue:
                    assert left >= TEAMS[queue].guarantee - 1e-6, f"{queue} would have {left} GPUs left"

    def is_there_or_nothing_of_it(self, stored: dict[str, Lease]) -> None:
        """After a commit of unknown end."""
        before = {lease.id: _settled(lease) for lease in self.leases.values()}
        if any(_settled(lease) != before[lease.id] for lease in stored.values()):
            self.is_there(stored)

    def is_there(self, stored: dict[str, Lease]) -> None:
        """The plan is what is there now, as far as nothing has ended in the same moment."""
        rooms = {room.lease_id: room for room in self.plan.rooms}
        moved = {move.lease_id: move.vgpus for move in self.plan.moves}
        victims = {victim: room.lease_id for room in self.plan.rooms for victim, _ in room.victims}
        for lease in self.leases.values():
            there = stored.get(lease.id)
            if lease.state is LeaseState.PENDING and there is not None:
                assert there.vgpus == self.placed.get(lease.id, ()), f"{lease.id} has not got what was planned"
                expected = rooms[lease.id].places if lease.id in rooms else ()
                assert there.room == expected, f"the room of {lease.id} is not as planned"
            elif lease.state is LeaseState.ACTIVE and there is not None:
                beneficiary = there.eviction.beneficiary if there.eviction else None
                if lease.eviction is None or lease.id in victims:
                    assert beneficiary == victims.get(lease.id), f"{lease.id} gives way for another than was planned"
                if lease.id in self.plan.let_off:
                    assert beneficiary is None, f"{lease.id} should have been let off"
                assert there.vgpus == moved.get(lease.id, lease.vgpus), f"{lease.id} is not where it was planned to be"


def _whole(lease: Lease) -> bool:
    return lease.request.memory_bytes is None


def _settled(lease: Lease) -> tuple[object, ...]:
    """What is never lost of a lease."""
    return lease.state, lease.vgpus, lease.room, lease.eviction


class Broken:
    """A database that fails once, when it is told to: in the commit, with or without having done it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.at_the_next_commit: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        failing, self.at_the_next_commit = self.at_the_next_commit, None
        async with self._database.write() as connection:
            yield connection
            if failing == "undone":
                raise OutcomeUnknown("the database went away before it had committed")
        if failing == "done":
            raise OutcomeUnknown("the database went away after it had committed")


class Node:
    """An agent and its workerd: programs hold sessions there, and outlive every controller."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation = 1
        self.link: AgentLink | None = None
        self.sessions: dict[str, Session] = {}
        self.told: list[Desired] = []
        """On their way to it."""
        self.in_force = 0
        self.counter = 0


class Pool(RuleBasedStateMachine):
    """The story. `url` is set by the tests below."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="gpool-story-")
        self.clock = FakeClock()
        self.nodes = {name: Node(name) for name in NODES}
        self.held: set[str] = set()
        """Leases whose holders renew them."""
        self.granted: dict[str, tuple[object, ...]] = {}
        """What each lease was told to have, the first time."""
        self.stale: list[LivePool] = []
        self.number = 0
        self.logs = capture_logs()
        self.logs.__enter__()
        self.planned: list[Planned] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(Changes, "schedule", self.spy_on(Changes.schedule))
        self.database = Broken(self.run(Database.open(self.url or Path(self.folder.name, "gpool.db"))))
        self.pool = self.run(self.fresh_controller())

    def spy_on(self, schedule: Callable[[Changes, PoolState], Plan]) -> Callable[[Changes, PoolState], Plan]:
        def watched(changes: Changes, pool: PoolState) -> Plan:
            holders = {
                lease.id for lease in {**changes._leases_before, **changes.leases}.values() if lease.state in HOLDS
            }
            plan = schedule(changes, pool)
            assert pool.state.held.keys() == holders, "a lease has GPUs, and the scheduler does not know it"
            planned = Planned(changes, plan)
            self.planned.append(planned)
            planned.check()
            return plan

        return watched

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def fresh_controller(self) -> LivePool:
        self.number += 1
        claim = Claim(f"story/{self.number}", place="story", lasts_s=3600.0)
        term = await Term.begin(self.database, claim)  # type: ignore[arg-type]
        entropy = iter(range(self.number * 1_000_000, 1 << 62))
        pool = LivePool(
            PoolStore(self.database, term),  # type: ignore[arg-type]
            self.clock,
            PoolTimes(),
            lambda count: (next(entropy) * 2654435761 % (1 << 64)).to_bytes(8, "big").rjust(count, b"\x01")[-count:],
        )
        await pool.load()
        return pool

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Its result; None when it was refused. When the controller cannot go on, another one is started."""
        self.planned.clear()
        try:
            done = self.run(work)
        except (NotLeading, OutcomeUnknown):
            self.crash(stale=False)
            for planned in self.planned[-1:]:
                planned.is_there_or_nothing_of_it(self.stored())
        except GpoolError:
            pass
        else:
            for planned in self.planned[-1:]:
                planned.is_there(self.pool.leases)
            return done
        return None

    @initialize()
    def begin_with_a_pool_at_work(self) -> None:
        self.run(self.pool.put_policy(POLICY, "root"))
        for name in NODES:
            self.connect(name)
            self.obey(name)
        self.ask(gib=None, vgpus=2, queue="still")
        self.ask(gib=8, vgpus=1, queue="vision")
        for lease in self.pool.leases.values():
            for name in lease.nodes:
                self.nodes[name].sessions[lease.id] = Session(id=1, node=name, lease=lease.id)

    # What users do

    @rule(gib=st.sampled_from([None, 2, 5, 8]), vgpus=st.integers(1, 2), queue=st.sampled_from(sorted(TEAMS)))
    def ask(self, gib: int | None, vgpus: int, queue: str) -> None:
        lease = self.attempt(self.pool.ask("ann", make_request(vgpus=vgpus, gib=gib, queue=queue)))
        if lease is not None:
            self.held.add(lease.id)

    @rule(
        queue=st.sampled_from(sorted(TEAMS)),
        gib=st.sampled_from([None, 4]),
        count=st.integers(2, 4),
        movable=st.booleans(),
    )
    def ask_for_several(self, queue: str, gib: int | None, count: int, movable: bool) -> None:
        """At the same time: one plan is made for all of them."""

        async def together() -> list[Lease]:
            request = make_request(gib=gib, queue=queue, movable=movable)
            asks = (self.pool.ask("ann", request) for _ in range(count))
            return await asyncio.gather(*asks)

        self.held |= {lease.id for lease in self.attempt(together()) or ()}

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(sorted(self.held)))
        self.held.discard(lease)
        self.attempt(self.pool.release(lease, "ann"))
        for name in NODES:
            self.tell(name)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die_without_a_word(self, data: st.DataObject) -> None:
        self.held.discard(data.draw(st.sampled_from(sorted(self.held))))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def open_a_session(self, data: st.DataObject) -> None:
        """A program of an active lease connects with its ticket, whatever the agent has heard so far."""
        # A movable one has its ticket from this renewal on; one whose commit failed has none.
        lease = self.attempt(self.pool.renew(data.draw(st.sampled_from(sorted(self.held))), use=True))
        if lease is not None and lease.state is LeaseState.ACTIVE:
            for name in lease.nodes:
                self.nodes[name].sessions[lease.id] = Session(id=1, node=name, lease=lease.id)

    # What agents do

    @rule(name=st.sampled_from(sorted(NODES)))
    def connect(self, name: str) -> None:
        node = self.nodes[name]
        hello = Hello(version="0.1.0", node=name, boot_id=f"boot-{name}", generation=node.generation)
        node.link = self.attempt(self.pool.greet(hello))
        node.told, node.in_force, node.counter = [], 0, 0
        if node.link is not None:
            node.link.dirty.set()
            self.tell(name)

    @rule(name=st.sampled_from(sorted(NODES)))
    def tell(self, name: str) -> None:
        node = self.nodes[name]
        if node.link is not None and node.link.dirty.is_set():
            node.link.dirty.clear()
            node.told.append(node.link.next_desired(self.pool.desired_state(name)))

    @rule(name=st.sampled_from(sorted(NODES)), listens=st.booleans())
    def obey(self, name: str, listens: bool = True) -> None:
        """The node hears what it was told, ends what it should not have, and reports; or it reports before that."""
        node = self.nodes[name]
        if node.link is None:
            return
        if node.told and listens:
            desired = node.told.pop(0)
            wanted = {lease.id for lease in desired.leases}
            node.sessions = {lease: session for lease, session in node.sessions.items() if lease in wanted}
            node.in_force = desired.counter
        node.counter += 1
        observed = Observed(
            counter=node.counter,
            desired_counter=node.in_force,
            gpus=make_gpus(name, *NODES[name]),
            tcp="127.0.0.1:4000",
            sessions=tuple(node.sessions.values()),
        )

        async def report() -> None:
            assert node.link is not None
            node.link.note_counter(observed)
            await self.pool.observe(node.link, observed)

        self.attempt(report())

    @rule(name=st.sampled_from(sorted(NODES)))
    def lose_the_channel(self, name: str) -> None:
        node = self.nodes[name]
        if node.link is not None:
            link, node.link, node.told = node.link, None, []
            self.attempt(self.pool.leave(link))

    # What time and the controller do

    @rule(seconds=st.sampled_from([1, 10, 20]))
    def pass_time(self, seconds: int) -> None:
        """In small steps, as the controller's loops would see it; holders renew meanwhile."""
        for _ in range(0, seconds, 10):
            self.clock.advance(min(seconds, 10))
            for lease in sorted(self.held):
                if lease in self.pool.leases:
                    self.attempt(self.pool.renew(lease))
            self.attempt(self.pool.pass_time())

    @rule()
    def cycle(self) -> None:
        self.attempt(self.pool.run_cycle())

    @rule(seconds=st.sampled_from([1, 10, 20]), crowd=st.integers(0, 2))
    def a_quiet_while(self, seconds: int, crowd: int) -> None:
        """Everything is there and does what it should; some holders are content and leave."""
        for lease in sorted(self.held)[: crowd if len(self.held) > 4 else 0]:
            self.held.discard(lease)
            self.attempt(self.pool.release(lease, "ann"))
        self.held &= self.pool.leases.keys()
        for name in NODES:
            if self.nodes[name].link is None:
                self.connect(name)
        self.pass_time(seconds)
        for name in NODES:
            self.tell(name)
            while self.nodes[name].told:
                self.obey(name)
            self.obey(name)
        self.cycle()

    @rule(stale=st.booleans())
    def crash(self, stale: bool) -> None:
        """The controller is gone, and its agents' channels with it; the next one reads the database."""
        if stale:
            self.stale.append(self.pool)
        for node in self.nodes.values():
            node.link, node.told = None, []
        while True:  # the database may also go away while the next one takes over
            with suppress(OutcomeUnknown):
                self.pool = self.run(self.fresh_controller())
                return

    @rule(how=st.sampled_from(["done", "undone"]))
    def break_the_next_commit(self, how: str) -> None:
        self.database.at_the_next_commit = how

    @precondition(lambda self: self.stale)
    @rule()
    def a_stale_controller_wakes_up(self) -> None:
        """It tries all that it would have done; nothing of it may happen."""
        pool = self.stale.pop()
        before = self.stored()
        self.database.at_the_next_commit = None
        for work in (pool.ask("eve", make_request(gib=1, queue="still")), pool.pass_time(), pool.run_cycle()):
            with suppress(GpoolError):
                self.run(work)
        assert self.stored() == before, "a stale controller has changed the pool"

    # What must hold after each step

    def stored(self) -> dict[str, Lease]:
        return {lease.value.id: lease.value for lease in self.run(self.pool._store.load()).leases}

    @invariant()
    def what_must_hold(self) -> None:
        stored = self.stored()
        self.no_gpu_is_over_committed(stored)
        self.memory_and_store_say_the_same(stored)
        self.a_grant_never_changes(stored)
        self.a_vgpu_is_free_only_when_its_sessions_are_gone(stored)
        self.what_nodes_are_told_is_the_plan()

    def no_gpu_is_over_committed(self, stored: dict[str, Lease]) -> None:
        memory: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        holders: Counter[str] = Counter()
        for lease in stored.values():
            for vgpu in lease.vgpus:
                memory[vgpu.gpu_uuid] += vgpu.memory_bytes
                holders[vgpu.gpu_uuid] += 1
                whole[vgpu.gpu_uuid] += lease.request.memory_bytes is None
        for gpu, granted in memory.items():
            assert granted <= CAPACITY[gpu], f"{granted / GIB} GiB of {gpu} are granted"
            assert whole[gpu] == 0 or holders[gpu] == 1, f"{gpu} is whole for one, and somebody else has it too"

    def memory_and_store_say_the_same(self, stored: dict[str, Lease]) -> None:
        if not self.pool._store.term.holds():
            return  # it is about to be replaced
        shown = self.pool.leases
        assert shown.keys() == stored.keys(), "a lease is forgotten, or was never stored"
        for lease_id, lease in shown.items():
            assert _settled(lease) == _settled(stored[lease_id])

    def a_grant_never_changes(self, stored: dict[str, Lease]) -> None:
        """Once there can be tickets for it."""
        for lease in stored.values():
            if lease.vgpus and (lease.in_use_at is not None or not lease.request.movable):
                assert self.granted.setdefault(lease.id, lease.vgpus) == lease.vgpus, "granted twice"

    def a_vgpu_is_free_only_when_its_sessions_are_gone(self, stored: dict[str, Lease]) -> None:
        """A session that is open on a node belongs to a lease that still has its GPU, or the node is given up."""
        for node in self.nodes.values():
            for lease in node.sessions:
                known = stored.get(lease)
                gone = node.name in self.pool.nodes and self.pool.nodes[node.name].state in ("gone", "joining")
                assert gone or (known is not None and known.vgpus), f"{lease} has ended, and still runs on {node.name}"

    def what_nodes_are_told_is_the_plan(self) -> None:
        for name in NODES:
            told = {lease.id: lease.vgpus for lease in self.pool.desired_state(name).leases}
            planned = {
                lease.id: tuple(vgpu for vgpu in lease.vgpus if vgpu.node == name)
                for lease in self.pool.leases.values()
                if lease.state is LeaseState.ACTIVE and name in lease.nodes
            }
            assert told == planned

    def teardown(self) -> None:
        self.patch.undo()
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()
        self.logs.__exit__(None, None, None)


EXAMPLES = int(os.environ.get("GPOOL_STORIES", "8"))
PHASES = [Phase.explicit, Phase.reuse, Phase.generate] if os.environ.get("CI") else list(Phase)
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


class TestOnSqlite(Pool.TestCase):  # type: ignore[misc,name-defined]
    settings = settings(
        max_examples=EXAMPLES, stateful_step_count=40, deadline=None, phases=PHASES, suppress_health_check=QUIET
    )


def test_on_postgresql(postgres: PostgresServer) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    class OnPostgresql(Pool):
        def __init__(self) -> None:
            self._dropped = postgres.database()
            self.url = self._dropped.__enter__()
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            self._dropped.__exit__(None, None, None)

    few = settings(max_examples=3, stateful_step_count=25, deadline=None, phases=PHASES, suppress_health_check=QUIET)
    run_state_machine_as_test(OnPostgresql, settings=few)
