"""Stories of a pool that queues share: who gets what, who has to give way, and what of it survives."""

from datetime import timedelta
from pathlib import Path

import pytest

from gpool.errors import ImpossibleRequest, InvalidInput, NotAllowed, PolicyInUse, StaleWrite, UnknownQueue
from gpool.model.lease import Lease, LeaseRequest, LeaseState
from gpool.model.policy import Policy, PoolSettings
from gpool.model.queue import QueueSettings, UserShare
from stage.pool import PoolStage, ScriptedNode, open_pool
from stage.values import FakeClock

VISION = QueueSettings(name="vision", guarantee=2)
SPEECH = QueueSettings(name="speech", guarantee=2)
SHARED = Policy(queues=(VISION, SPEECH), settings=PoolSettings(least_run_s=10, grace_s=30))


async def ask(stage: PoolStage, queue: str | None, vgpus: int = 1, owner: str = "ann", **more: object) -> Lease:
    return await stage.pool.ask(owner, LeaseRequest(vgpus=vgpus, queue=queue, **more))  # type: ignore[arg-type]


async def current(stage: PoolStage, lease: Lease) -> Lease:
    return await stage.pool.lease(lease.id)


async def told(stage: PoolStage, lease: Lease) -> list[str]:
    return [event.type for event in await stage.pool.events_of("lease", lease.id)]


async def borrowing(stage: PoolStage) -> tuple[ScriptedNode, list[Lease]]:
    """A node of four GPUs, all of them in use by vision, of which speech is owed two."""
    await stage.pool.put_policy(SHARED, "root")
    node = await ScriptedNode.join(stage.pool, "a", 8, 8, 8, 8)
    leases = [await ask(stage, "vision") for _ in range(4)]
    await stage.pass_time(15)
    return node, leases


async def keep_alive(stage: PoolStage, seconds: int) -> None:
    """Time passes, and every holder renews."""
    for _ in range(seconds // 5):
        stage.clock.advance(5)
        for lease_id in list(stage.pool.leases):
            if stage.pool.leases[lease_id].state in (LeaseState.PENDING, LeaseState.ACTIVE):
                await stage.pool.renew(lease_id)
        await stage.pool.pass_time()
        await stage.pool.run_cycle()


async def test_what_was_lent_comes_back_after_a_warning_and_the_grace(stage: PoolStage) -> None:
    node, leases = await borrowing(stage)
    wanting = await ask(stage, "speech", owner="bob")
    assert wanting.state is LeaseState.PENDING
    (victim,) = [lease for lease in stage.pool.leases.values() if lease.warned]
    assert victim.eviction is not None
    assert victim.eviction.beneficiary == wanting.id
    assert victim.eviction.reason == f"queue speech takes back for lease {wanting.id} what it is guaranteed"
    assert victim.eviction.ends_at == stage.clock.now + timedelta(seconds=30)
    assert [place.gpu_uuid for place in wanting.room] == [vgpu.gpu_uuid for vgpu in victim.vgpus]
    await keep_alive(stage, 25)
    assert await stage.state_of(victim) is LeaseState.ACTIVE, "it has its grace"
    await keep_alive(stage, 5)
    ending = await current(stage, victim)
    assert ending.state is LeaseState.ENDING
    assert str(ending.reason).startswith("had to give way: queue speech takes back")
    await stage.pool.run_cycle()
    assert await stage.state_of(wanting) is LeaseState.PENDING, "the program may still be running"
    await node.obey()
    await stage.pool.run_cycle()
    granted = await current(stage, wanting)
    assert (granted.state, granted.room) == (LeaseState.ACTIVE, ())
    assert [vgpu.gpu_uuid for vgpu in granted.vgpus] == [vgpu.gpu_uuid for vgpu in victim.vgpus]
    assert await told(stage, victim) == ["asked", "granted", "warned", "ending", "ended"]
    assert await told(stage, wanting) == ["asked", "room-promised", "granted"]
    assert sum(lease.warned for lease in stage.pool.leases.values()) == 0
    assert {lease.id for lease in leases} - {victim.id} <= stage.pool.leases.keys()


async def test_no_more_than_the_guarantee_is_taken_back_however_many_ask(stage: PoolStage) -> None:
    await borrowing(stage)
    for _ in range(4):
        await ask(stage, "speech")
        await stage.pool.run_cycle()
    assert sum(lease.warned for lease in stage.pool.leases.values()) == 2


async def test_who_is_warned_is_let_off_when_the_reason_is_gone(stage: PoolStage) -> None:
    node, leases = await borrowing(stage)
    wanting = await ask(stage, "speech")
    (victim,) = [lease for lease in stage.pool.leases.values() if lease.warned]
    await stage.pool.release(wanting.id, "ann")
    await stage.pool.run_cycle()
    assert (await current(stage, victim)).eviction is None

    again = await ask(stage, "speech")
    assert (await current(stage, victim)).warned
    other = next(lease for lease in leases if lease.id != victim.id)
    await stage.pool.release(other.id, "ann")
    await node.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(again) is LeaseState.ACTIVE
    assert not (await current(stage, victim)).warned
    assert await told(stage, victim) == ["asked", "granted", "warned", "let-off", "warned", "let-off"]


async def test_somebody_who_goes_anyway_is_waited_for_instead(stage: PoolStage) -> None:
    _, leases = await borrowing(stage)
    await stage.pool.release(leases[0].id, "ann")
    wanting = await ask(stage, "speech")
    assert [place.gpu_uuid for place in wanting.room] == [leases[0].vgpus[0].gpu_uuid]
    assert not any(lease.warned for lease in stage.pool.leases.values())


async def test_a_lease_that_says_never_stays(stage: PoolStage) -> None:
    await stage.pool.put_policy(SHARED, "root")
    await ScriptedNode.join(stage.pool, "a", 8, 8)
    for _ in range(2):
        await ask(stage, "vision", preemptible=False)
    await stage.pass_time(15)
    await stage.pool.put_queue(VISION.model_copy(update={"guarantee": 0}), "root")
    wanting = await ask(stage, "speech")
    assert wanting.state is LeaseState.PENDING
    assert not any(lease.warned for lease in stage.pool.leases.values())


async def test_the_urgent_preempt_within_their_queue_and_no_other(stage: PoolStage) -> None:
    await stage.pool.put_policy(SHARED.model_copy(update={"queues": (QueueSettings(name="vision"),)}), "root")
    await ScriptedNode.join(stage.pool, "a", 8, 8)
    await ask(stage, "vision")
    await ask(stage, None)
    await stage.pass_time(15)
    urgent = await ask(stage, "vision", priority="high")
    (victim,) = [lease for lease in stage.pool.leases.values() if lease.warned]
    assert victim.queue == "vision"
    assert victim.eviction is not None
    assert victim.eviction.reason == f"lease {urgent.id} is more urgent and needs its GPU"
    normal = await ask(stage, "vision")
    assert normal.room == ()


async def test_a_restart_in_the_middle_of_the_grace_forgets_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_pool(tmp_path / "gpool.db", clock) as before:
        await borrowing(before)
        clock.advance(7200)
        for lease_id in list(before.pool.leases):
            await before.pool.renew(lease_id)
        wanting = await ask(before, "speech")
        (victim,) = [lease for lease in before.pool.leases.values() if lease.warned]
        room = wanting.room
        await before.pool.save_queue_use()
        average = before.pool.queue_view("vision").average_gpus
        assert average > 0
    clock.advance(10)
    async with open_pool(tmp_path / "gpool.db", clock) as stage:
        assert stage.pool.policy == SHARED.model_copy(update={"queues": (SPEECH, VISION)})
        await stage.pool.run_cycle()
        assert (await current(stage, victim)).eviction == victim.eviction, "its node will be back"
        assert (await current(stage, wanting)).room == room
        newcomer = await ask(stage, "speech", owner="bob")
        node = await ScriptedNode.join(stage.pool, "a", 8, 8, 8, 8)
        await stage.pool.run_cycle()
        assert (await current(stage, newcomer)).room not in ((), room)
        assert stage.pool.queue_view("vision").average_gpus == pytest.approx(average, rel=0.05)
        await keep_alive(stage, 20)
        await node.obey()
        await stage.pool.run_cycle()
        assert await stage.state_of(victim) is LeaseState.ENDED
        assert await stage.state_of(wanting) is LeaseState.ACTIVE


async def test_nobody_is_ended_on_a_node_that_is_away_for_a_moment(stage: PoolStage) -> None:
    node, _ = await borrowing(stage)
    wanting = await ask(stage, "speech")
    (victim,) = [lease for lease in stage.pool.leases.values() if lease.warned]
    await node.leave()
    await keep_alive(stage, 40)
    assert await stage.state_of(victim) is LeaseState.ACTIVE
    assert (await current(stage, wanting)).room == wanting.room
    back = await ScriptedNode.join(stage.pool, "a", 8, 8, 8, 8, generation=2)
    await keep_alive(stage, 15)
    await back.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(wanting) is LeaseState.ACTIVE


async def test_users_share_a_queue_evenly_and_within_their_limit(stage: PoolStage) -> None:
    vision = QueueSettings(name="vision", users=UserShare(limit=3))
    await stage.pool.put_policy(Policy(queues=(vision,)), "root")
    first = [await ask(stage, "vision", owner="ann") for _ in range(4)]
    second = [await ask(stage, "vision", owner="bob") for _ in range(2)]
    await ScriptedNode.join(stage.pool, "a", 8, 8, 8, 8)
    await stage.pool.run_cycle()
    states = [[await stage.state_of(lease) for lease in leases] for leases in (first, second)]
    assert [found.count(LeaseState.ACTIVE) for found in states] == [2, 2]
    view = stage.pool.queue_view("vision")
    assert [(use.user, use.used_gpus, use.waiting) for use in view.users] == [("ann", 2, 2), ("bob", 2, 0)]
    await ScriptedNode.join(stage.pool, "b", 8, 8)
    await stage.pool.run_cycle()
    (last,) = [lease for lease in stage.pool.leases.values() if lease.state is LeaseState.PENDING]
    assert last.reason == "wants 1 whole GPU; queue vision for ann uses 3 of the 3 GPUs that it may use"


async def test_the_queue_of_all_is_one_among_the_others(stage: PoolStage) -> None:
    """Who names no queue does not come before those who do."""
    await stage.pool.put_policy(Policy(queues=(VISION,)), "root")
    nobody = [await ask(stage, None) for _ in range(2)]
    vision = [await ask(stage, "vision") for _ in range(2)]
    await ScriptedNode.join(stage.pool, "a", 8, 8)
    await stage.pool.run_cycle()
    assert [await stage.state_of(lease) for lease in vision] == [LeaseState.ACTIVE] * 2
    assert [await stage.state_of(lease) for lease in nobody] == [LeaseState.PENDING] * 2


async def test_a_policy_is_changed_whole_or_not_at_all(stage: PoolStage) -> None:
    lease = await ask(stage, None)
    await stage.pool.put_policy(SHARED, "root")
    waiting = await ask(stage, "vision", priority="high")
    with pytest.raises(PolicyInUse, match="there is 1 lease in queue vision"):
        await stage.pool.remove_queue("vision", "root")
    with pytest.raises(PolicyInUse, match="there is 1 lease in queue vision"):
        await stage.pool.put_policy(Policy(queues=(SPEECH,)), "root")
    team = QueueSettings(name="team", parent="speech", guarantee=3)
    with pytest.raises(InvalidInput, match="guaranteed 3 GPUs, but speech has only 2"):
        await stage.pool.put_queue(team, "root")
    with pytest.raises(InvalidInput, match="follows the calendar 'office', which is not there"):
        await stage.pool.put_queue(team.model_copy(update={"calendar": "office"}), "root")
    await stage.pool.put_queue(team.model_copy(update={"guarantee": 1}), "root")
    with pytest.raises(PolicyInUse, match=r"queue speech has queues below it \(team\)"):
        await stage.pool.remove_queue("speech", "root")
    with pytest.raises(StaleWrite):
        await stage.pool.put_policy(SHARED, "root", believed="another")
    with pytest.raises(UnknownQueue, match="the pool's queues are: pool, speech, team, vision"):
        await ask(stage, "visoin")
    await stage.pool.put_queue(team.model_copy(update={"guarantee": 1, "limit": 2}), "root")
    with pytest.raises(ImpossibleRequest, match="queue team never gets more than 2"):
        await ask(stage, "team", vgpus=3)
    await stage.pool.put_queue(team.model_copy(update={"guarantee": 1, "members": ("bob",)}), "root")
    with pytest.raises(NotAllowed, match="'ann' is not among those who may use queue team"):
        await ask(stage, "team")
    await stage.pool.release(waiting.id, "ann")
    await stage.pool.remove_queue("vision", "root")
    assert [queue.name for queue in stage.pool.policy.queues] == ["speech", "team"]
    assert await stage.state_of(lease) is LeaseState.PENDING


async def test_the_api_says_why_a_lease_waits_and_what_has_happened(stage: PoolStage) -> None:
    _, leases = await borrowing(stage)
    first, second = await ask(stage, "vision"), await ask(stage, "vision", vgpus=2)
    answer = (await stage.http.get(f"/api/v1/leases/{second.id}/explain", headers=stage.as_("ann"))).json()
    assert answer["ahead"] in ([first.id], [])  # both were asked for at one time
    assert (answer["gpus_in_reach"], answer["gpus_large_enough"], answer["gpus_free_for_it"]) == (4, 4, 0)
    assert {holder["lease"] for holder in answer["holders"]} == {lease.id for lease in leases}
    assert [event["type"] for event in answer["events"]] == ["asked"]
    assert {change["kind"] for change in answer["changes"]} == {"priority", "leases-end"}
    assert answer["forecast"]["sureness"] == "unknown"
    running = (await stage.http.get(f"/api/v1/leases/{leases[0].id}/explain", headers=stage.as_("ann"))).json()
    assert (running["changes"], running["forecast"]) == ([], None)
    events = (await stage.http.get("/api/v1/events?object=node/a", headers=stage.as_("ann"))).json()
    assert [event["type"] for event in events] == ["joining", "ready"]
    ids = [event["id"] for event in (await stage.http.get("/api/v1/events", headers=stage.as_("ann"))).json()]
    assert ids == list(range(1, len(ids) + 1))
    nothing = await stage.http.get("/api/v1/events?object=lease", headers=stage.as_("ann"))
    assert nothing.status_code == 422
