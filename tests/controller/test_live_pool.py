"""Stories of a whole pool, told to the part of the controller that holds it."""

import asyncio
from pathlib import Path

import pytest

from gpool.channel.messages import Hello, Observed
from gpool.errors import InvalidInput, LeaseOver, NodeNameTaken, NotLeading, UnknownLease
from gpool.model.lease import LeaseState
from gpool.model.node import NodeState
from gpool.model.session import Session
from gpool.store.leadership import Claim, lead
from stage.pool import PoolStage, ScriptedNode, open_pool
from stage.values import FakeClock, make_request


async def test_a_lease_from_the_request_to_the_end(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    assert lease.state is LeaseState.ACTIVE
    waiting = await stage.pool.ask("bob", make_request())
    assert waiting.state is LeaseState.PENDING
    assert waiting.reason == f"wants 1 whole GPU; the pool has no free GPU; waiting for {lease.id}"
    node.sessions = (Session(id=1, node="a", lease=lease.id),)
    await node.report(desired_counter=1)

    released = await stage.pool.release(lease.id, "ann")
    assert released.state is LeaseState.ENDING
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.PENDING, "the program may still be running there"

    await node.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(lease) is LeaseState.ENDED
    assert await stage.state_of(waiting) is LeaseState.ACTIVE
    with pytest.raises(LeaseOver, match=rf"{lease.id} is ended \(released by ann\)"):
        await stage.pool.renew(lease.id)


async def test_the_end_is_not_confirmed_by_news_from_before_it(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    await node.obey()
    await stage.pool.release(lease.id, "ann")
    desired = node.link.next_desired(stage.pool.desired_state("a"))
    assert desired.leases == ()
    assert desired.revoked == (lease.id,)
    await node.report(desired.counter - 1)
    assert await stage.state_of(lease) is LeaseState.ENDING
    node.sessions = (Session(id=1, node="a", lease=lease.id),)
    await node.report(desired.counter)
    assert await stage.state_of(lease) is LeaseState.ENDING, "a session of it is still there"
    node.sessions = ()
    await node.report(desired.counter)
    assert await stage.state_of(lease) is LeaseState.ENDED


async def test_a_holder_that_dies_loses_its_lease(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    await stage.pass_time(20)
    await stage.pool.renew(lease.id)
    await stage.pass_time(20)
    assert await stage.state_of(lease) is LeaseState.ACTIVE
    await stage.pass_time(10)
    assert await stage.state_of(lease) is LeaseState.ENDING
    await node.obey()
    assert await stage.state_of(lease) is LeaseState.ENDED


async def test_programs_outlive_a_short_absence_of_their_node(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    node.sessions = (Session(id=1, node="a", lease=lease.id),)
    await node.leave()
    for _ in range(5):
        await stage.pass_time(10)
        await stage.pool.renew(lease.id)
    assert stage.pool.nodes["a"].state is NodeState.LOST
    back = await ScriptedNode.join(stage.pool, "a", 8, generation=2)
    assert stage.pool.nodes["a"].state is NodeState.READY
    assert await stage.state_of(lease) is LeaseState.ACTIVE
    assert back.link.node_key == node.link.node_key


async def test_a_node_that_was_given_up_must_be_clean_before_it_gets_anything_new(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    await node.leave()
    for seconds in (15, 25, 25, 10):
        await stage.pass_time(seconds)
        if stage.pool.nodes["a"].state is not NodeState.GONE:
            await stage.pool.renew(lease.id)
    assert stage.pool.nodes["a"].state is NodeState.GONE
    assert await stage.state_of(lease) is LeaseState.ENDED
    assert "node a was not heard of for 75 s" in str((await stage.pool.lease(lease.id)).reason)

    waiting = await stage.pool.ask("bob", make_request())
    hello = Hello(version="0.1.0", node="a", boot_id="boot-a", generation=1)
    back = ScriptedNode(stage.pool, await stage.pool.greet(hello), [8])
    back.sessions = (Session(id=1, node="a", lease=lease.id),)
    desired = back.link.next_desired(stage.pool.desired_state("a"))
    assert desired.revoked == (lease.id,)
    await back.report(desired.counter)
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.PENDING
    await back.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.ACTIVE


async def test_a_restarted_controller_knows_everything_that_matters(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_pool(tmp_path / "gpool.db", clock) as before:
        node = await ScriptedNode.join(before.pool, "a", 8)
        lease = await before.pool.ask("ann", make_request())
        waiting = await before.pool.ask("bob", make_request())
        released = await before.pool.ask("bob", make_request(gib=1))
        await before.pool.release(released.id, "bob")
        tokens = before.tokens
    clock.advance(1000)
    async with open_pool(tmp_path / "gpool.db", clock) as stage:
        assert stage.pool.authenticate(tokens["ann"]).name == "ann"
        assert await stage.state_of(lease) is LeaseState.ACTIVE
        assert await stage.state_of(released) is LeaseState.ENDED
        await stage.pass_time(14)
        assert stage.pool.nodes["a"].state is NodeState.DISCONNECTED, "its agent has had no chance to come back yet"
        back = await ScriptedNode.join(stage.pool, "a", 8)
        assert back.link.node_key == node.link.node_key
        await stage.pool.renew(lease.id)
        assert (await stage.pool.lease(waiting.id)).reason is not None
        await stage.pool.release(lease.id, "ann")
        await back.obey()
        await stage.pool.run_cycle()
        assert await stage.state_of(waiting) is LeaseState.ACTIVE


async def test_a_controller_that_was_replaced_changes_nothing_any_more(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    await lead(stage.pool._store._database, Claim("other/controller"), now_s=1e12)
    with pytest.raises(NotLeading, match="taken over"):
        await stage.pool.ask("ann", make_request())
    assert stage.pool.leases == {}


async def test_a_node_whose_workerd_cannot_be_reached_yet_gets_nothing(stage: PoolStage) -> None:
    link = await stage.pool.greet(Hello(version="0.1.0", node="a", boot_id="boot-a", generation=1))
    node = ScriptedNode(stage.pool, link, [8])
    desired = link.next_desired(stage.pool.desired_state("a"))
    await stage.pool.observe(link, Observed(counter=1, desired_counter=desired.counter, gpus=node.gpus))
    waiting = await stage.pool.ask("ann", make_request())
    assert waiting.reason == "wants 1 whole GPU; no node is ready: a (joining)"
    node.counter = 1
    await node.report(desired.counter)
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.ACTIVE


async def test_a_gpu_that_falls_off_the_bus_ends_its_lease_with_the_reason(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8, 16)
    small = await stage.pool.ask("ann", make_request())
    large = await stage.pool.ask("ann", make_request())
    node.gpus = node.gpus[:1]
    await node.report(desired_counter=1)
    assert await stage.state_of(small) is LeaseState.ACTIVE
    assert await stage.state_of(large) is LeaseState.ENDING
    assert "no longer has the GPU" in str((await stage.pool.lease(large.id)).reason)


async def test_one_name_one_agent(stage: PoolStage) -> None:
    first = await ScriptedNode.join(stage.pool, "a", 8, generation=5)
    with pytest.raises(NodeNameTaken, match=r"another agent is connected as node 'a'"):
        await stage.pool.greet(Hello(version="0.1.0", node="a", boot_id="another-machine", generation=9))
    with pytest.raises(NodeNameTaken):
        await stage.pool.greet(Hello(version="0.1.0", node="a", boot_id="boot-a", generation=4))
    again = await ScriptedNode.join(stage.pool, "a", 8, generation=6)
    assert first.link.closing.is_set()
    await first.leave()
    assert stage.pool.nodes["a"].state is NodeState.READY, "the old connection's end is not the node's"
    await again.leave()
    assert stage.pool.nodes["a"].state is NodeState.DISCONNECTED


async def test_one_gpu_one_node(stage: PoolStage) -> None:
    first = await ScriptedNode.join(stage.pool, "a", 8)
    second = ScriptedNode(
        stage.pool, await stage.pool.greet(Hello(version="0.1.0", node="b", boot_id="boot-a", generation=1)), []
    )
    second.gpus = first.gpus
    with pytest.raises(InvalidInput, match=r"belongs to node a already"):
        await second.obey()


async def test_waiting_ends_with_the_change_the_time_or_the_controller(stage: PoolStage) -> None:
    passing = frozenset({LeaseState.PENDING})
    lease = await stage.pool.ask("ann", make_request())
    await stage.pool.wait_while(lease.id, passing, timeout_s=0.001)
    assert await stage.state_of(lease) is LeaseState.PENDING
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.pool.wait_while(lease.id, passing, timeout_s=1000))
        node = await ScriptedNode.join(stage.pool, "a", 8)
        await stage.pool.run_cycle()
    assert await stage.state_of(lease) is LeaseState.ACTIVE
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.pool.wait_while(lease.id, frozenset({LeaseState.ACTIVE}), timeout_s=1000))
        await asyncio.sleep(0)
        stage.pool.stop()
    assert stage.pool._watchers == {}
    assert node.link.closing.is_set()


async def test_old_leases_are_forgotten(stage: PoolStage) -> None:
    lease = await stage.pool.ask("ann", make_request())
    await stage.pool.release(lease.id, "ann")
    stage.clock.advance(31 * 86_400)
    assert await stage.pool.forget_old() == 1
    with pytest.raises(UnknownLease, match=lease.id):
        await stage.pool.lease(lease.id)


async def test_what_could_not_be_stored_has_not_happened_to_the_scheduler_either(
    stage: PoolStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    first = await stage.pool.ask("ann", make_request())
    await stage.pool.release(first.id, "ann")

    def full_disk() -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stage.pool._store, "write", full_disk)
        with pytest.raises(OSError, match="no space"):
            await stage.pool.ask("ann", make_request(gib=1, node="a"))
    other = await ScriptedNode.join(stage.pool, "b", 8)
    with monkeypatch.context() as patch:
        patch.setattr(stage.pool._store, "write", full_disk)
        with pytest.raises(OSError, match="no space"):
            await stage.pool.ask("ann", make_request())
    lease = await stage.pool.ask("bob", make_request())
    assert lease.state is LeaseState.ACTIVE, "nobody has the GPU that ann could not be given"
    assert lease.nodes == (other.link.node,)


async def test_behind_a_long_queue_a_request_hears_of_its_chances_in_the_next_cycle(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    first = await stage.pool.ask("ann", make_request())
    for _ in range(64):
        assert (await stage.pool.ask("ann", make_request())).reason
    late = await stage.pool.ask("bob", make_request(gib=1))
    assert late.reason is None
    assert stage.pool.schedule_wanted.is_set()
    await stage.pool.run_cycle()
    late = await stage.pool.lease(late.id)
    assert late.reason is not None
    assert f"waiting for {first.id}" in late.reason
