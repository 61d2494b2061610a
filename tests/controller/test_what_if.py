"""What the pool says that it would do is what it does, and saying so changes nothing."""

from typing import Any

import pytest

from gpool.model.lease import LeaseState
from gpool.model.policy import Policy, PoolSettings
from gpool.model.queue import QueueSettings, UserShare
from stage.pool import PoolStage, ScriptedNode
from stage.values import make_request

VISION = QueueSettings(name="vision", guarantee=2, users=UserShare())
SHARED = Policy(queues=(VISION,), settings=PoolSettings(least_run_s=10, grace_s=30))


async def what_if(stage: PoolStage, status: int = 200, who: str = "ann", **request: object) -> Any:
    body = {"request": request}
    answer = await stage.http.post("/api/v1/what-if", json=body, headers=stage.as_(who))
    assert answer.status_code == status, answer.text
    return answer.json()


def remembered(stage: PoolStage) -> tuple[object, ...]:
    """Everything that asking must not change."""
    pool, scheduler = stage.pool, stage.pool.scheduler_now()
    state = scheduler.state
    return (
        dict(pool.leases),
        dict(pool.nodes),
        list(pool.events),
        pool.feed.last,
        pool.queue_views(),
        state.index.left.tolist(),
        state.index.claims.tolist(),
        set(state.waiting.asks),
        dict(state.leaving),
        dict(state.nominated),
        state.sightings.typical().demands,
        sorted(state.tree.queues),
        {name: state.accounts.used(name) for name in state.tree.queues},
    )


async def test_what_would_be_granted_is_granted_there(stage: PoolStage) -> None:
    for name in ("a", "b"):
        await ScriptedNode.join(stage.pool, name, 8, 8)
    await stage.pool.put_policy(SHARED, "root")
    before = remembered(stage)
    asked = (await what_if(stage, vgpus=2, queue="vision"))["asked"]
    assert remembered(stage) == before
    assert (asked["verdict"], asked["queue"]) == ("now", "vision")
    assert asked["reason"] == "it would be granted at once, on a"
    lease = await stage.pool.ask("ann", make_request(vgpus=2, queue="vision"))
    assert [{"node": vgpu.node, "gpu_uuid": vgpu.gpu_uuid} for vgpu in lease.vgpus] == asked["places"]


async def test_who_would_have_to_give_way_is_named_and_not_told(stage: PoolStage) -> None:
    await stage.pool.put_policy(SHARED, "root")
    await ScriptedNode.join(stage.pool, "a", 8, 8)
    borrowing = [await stage.pool.ask("bob", make_request()) for _ in range(2)]
    await stage.pass_time(20)
    before = remembered(stage)
    asked = (await what_if(stage, queue="vision"))["asked"]
    assert remembered(stage) == before
    assert asked["verdict"] == "after-evictions"
    (victim,) = asked["gives_way"]
    assert victim["owner"] == "bob"
    assert victim["reason"] == "queue vision takes back for this request what it is guaranteed"
    assert victim["gpu_seconds"] == 20
    real = await stage.pool.ask("ann", make_request(queue="vision"))
    assert [lease.id for lease in stage.pool.leases.values() if lease.warned] == [victim["lease"]]
    assert [place.model_dump() for place in stage.pool.leases[real.id].room] == asked["places"]
    warned = stage.pool.leases[victim["lease"]].eviction
    assert warned is not None
    assert warned.model_dump(mode="json")["ends_at"] == asked["starts_at"]
    assert {lease.id for lease in borrowing} > {victim["lease"]}


async def test_the_wait_is_told_from_the_ends_that_are_known(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8, 8)
    first = await stage.pool.ask("bob", make_request(max_duration_s=20))
    await stage.pool.ask("bob", make_request())
    alone = (await what_if(stage))["asked"]
    assert (alone["verdict"], alone["ahead"]) == ("waits", 0)
    assert alone["reason"].startswith("wants 1 whole GPU; the pool has no free GPU; waiting for l-")
    assert first.over_at is not None
    assert alone["starts_at"] == first.over_at.isoformat().replace("+00:00", "Z")
    assert (await what_if(stage, vgpus=2))["asked"]["starts_at"] is None
    ahead = await stage.pool.ask("eve", make_request())
    stage.clock.advance(1)
    behind = (await what_if(stage))["asked"]
    assert (behind["ahead"], behind["starts_at"]) == (1, None)
    assert (await what_if(stage, priority="high"))["asked"]["starts_at"] == alone["starts_at"]
    # And so it comes.
    await stage.pass_time(19)
    await node.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(ahead) is LeaseState.ACTIVE


async def test_requests_that_are_a_little_different(stage: PoolStage) -> None:
    for name in ("a", "b"):
        await ScriptedNode.join(stage.pool, name, 8)
    found = await what_if(stage, vgpus=2, node="a")
    assert found["asked"]["verdict"] == "never"
    assert found["asked"]["reason"] == ("the request wants 2 whole GPUs on a, but node a has 1 GPU; ask for fewer")
    assert {one["change"]: one["outcome"]["verdict"] for one in found["variants"]} == {
        "1 vGPU instead of 2": "now",
        "4 vGPUs instead of 2": "never",
        "4 GiB of GPUs that are shared": "never",
        "any node": "now",
    }
    of_a_share = await what_if(stage, memory_bytes=1 << 30)
    assert {one["change"] for one in of_a_share["variants"]} == {"2 vGPUs instead of 1", "whole GPUs"}


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"node": "c"}, 404, "there is no node 'c'"),
        ({"queue": "nobodys"}, 404, "there is no queue 'nobodys'"),
        ({"priority": "highest"}, 404, "there is no priority class 'highest'"),
        ({"vgpus": 0}, 422, "vgpus"),
    ],
)
async def test_what_cannot_even_be_asked(stage: PoolStage, request_: dict[str, Any], status: int, words: str) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    assert words in (await what_if(stage, status, **request_))["detail"]
