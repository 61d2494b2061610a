"""Leases over HTTP."""

import asyncio
import time

import pytest

from gpool.model.lease import LeaseState
from gpool.model.session import Session
from gpool.security.tickets import open_ticket
from stage.pool import PoolStage, ScriptedNode, until


async def test_ask_renew_release(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8, 8)
    ann = stage.as_("ann")
    answer = await stage.http.post("/api/v1/leases", json={"vgpus": 2, "command": "python train.py"}, headers=ann)
    assert answer.status_code == 201
    lease = answer.json()
    assert (lease["state"], lease["owner"], lease["request"]["command"]) == ("active", "ann", "python train.py")
    node.sessions = (Session(id=7, node="a", lease=lease["id"], client_pid=4711, command="python"),)
    await node.report(1)

    renewed = (await stage.http.post(f"/api/v1/leases/{lease['id']}/renew", headers=ann)).json()
    assert renewed["lease"]["sessions"][0]["client_pid"] == 4711
    (session,) = renewed["sessions"]
    assert (session["node"], session["host_id"], session["vgpus"]) == ("a", "boot-a", [0, 1])
    assert (session["unix_path"], session["tcp"]) == ("/run/a/workerd.sock", "127.0.0.1:4000")
    sealed = bytes.fromhex(session["ticket"])
    ticket = open_ticket(sealed, node.link.node_key, "a", time.time())
    assert ticket.lease == lease["id"]
    assert ticket.expires_at_s - ticket.issued_at_s == 600
    assert [vgpu.gpu_uuid for vgpu in ticket.vgpus] == [vgpu["gpu_uuid"] for vgpu in lease["vgpus"]]

    released = await stage.http.delete(f"/api/v1/leases/{lease['id']}", headers=ann)
    assert (released.status_code, released.json()["state"]) == (200, "ending")
    await node.obey()
    again = await stage.http.delete(f"/api/v1/leases/{lease['id']}", headers=ann)
    assert (again.status_code, again.json()["state"]) == (200, "ended")
    over = await stage.http.post(f"/api/v1/leases/{lease['id']}/renew", headers=ann)
    assert over.status_code == 409
    assert over.json()["type"] == "urn:gpool:problem:lease-over"


async def test_lists_show_the_living_unless_asked_otherwise(stage: PoolStage) -> None:
    ann = stage.as_("ann")
    first = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
    second = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
    await stage.http.delete(f"/api/v1/leases/{first}", headers=ann)

    async def ids(query: str) -> set[str]:
        return {lease["id"] for lease in (await stage.http.get(f"/api/v1/leases{query}", headers=ann)).json()["items"]}

    assert await ids("") == {second}
    assert await ids("?state=ended") == {first}
    assert await ids("?state=ended&state=pending") == {first, second}
    assert await ids("?state=active") == set()
    wrong = await stage.http.get("/api/v1/leases?state=lost", headers=ann)
    assert wrong.status_code == 422


async def test_an_answer_held_back_comes_with_the_grant(stage: PoolStage) -> None:
    ann = stage.as_("ann")
    lease_id = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(stage.http.get(f"/api/v1/leases/{lease_id}?wait_s=60", headers=ann))
        await until(lambda: bool(stage.pool._watchers))
        stage.clock.advance(29)
        await ScriptedNode.join(stage.pool, "a", 8)
        await stage.pool.run_cycle()
    assert waiting.result().json()["state"] == "active"
    # An active lease does not pass by itself: the answer is not held back.
    async with asyncio.timeout(30):
        again = await stage.http.get(f"/api/v1/leases/{lease_id}?wait_s=60", headers=ann)
        assert again.json()["state"] == "active"
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(
            stage.http.get(f"/api/v1/leases/{lease_id}?wait_s=60&while=active", headers=stage.as_("bob"))
        )
        await until(lambda: bool(stage.pool._watchers))
        await stage.http.delete(f"/api/v1/leases/{lease_id}", headers=ann)
    assert watching.result().json()["state"] == "ending"


async def test_waiting_renews_a_pending_lease_but_watching_somebody_elses_does_not(stage: PoolStage) -> None:
    ann = stage.as_("ann")
    lease_id = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
    expires_at = stage.pool.leases[lease_id].expires_at
    stage.clock.advance(10)
    await stage.http.get(f"/api/v1/leases/{lease_id}?wait_s=0.001", headers=stage.as_("bob"))
    assert stage.pool.leases[lease_id].expires_at == expires_at
    await stage.http.get(f"/api/v1/leases/{lease_id}?wait_s=0.001", headers=ann)
    assert (stage.pool.leases[lease_id].expires_at - expires_at).total_seconds() == 10


@pytest.mark.parametrize("wait_s", ["-1", "61", "nan", "inf", "soon"])
async def test_nobody_may_wait_for_ever(stage: PoolStage, wait_s: str) -> None:
    answer = await stage.http.get(f"/api/v1/leases/l-2?wait_s={wait_s}", headers=stage.as_("ann"))
    assert answer.status_code == 422
    assert "wait_s" in answer.json()["detail"]


async def test_leases_belong_to_their_owner_and_to_administrators(stage: PoolStage) -> None:
    lease_id = (await stage.http.post("/api/v1/leases", json={}, headers=stage.as_("ann"))).json()["id"]
    for method, path in (("POST", f"/api/v1/leases/{lease_id}/renew"), ("DELETE", f"/api/v1/leases/{lease_id}")):
        answer = await stage.http.request(method, path, headers=stage.as_("bob"))
        assert answer.status_code == 403
        assert f"lease {lease_id} belongs to 'ann', not to 'bob'" in answer.json()["detail"]
    assert (await stage.http.delete(f"/api/v1/leases/{lease_id}", headers=stage.as_("root"))).status_code == 200
    assert await stage.state_of(lease_id) is LeaseState.ENDED


async def test_what_the_pool_cannot_do_is_said_at_once(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    ann = stage.as_("ann")
    for body, status, words in (
        ({"vgpus": 2}, 409, "the pool has 1 GPU"),
        ({"memory_bytes": 1 << 40}, 409, "the largest GPU of the pool has 8 GiB"),
        ({"node": "b"}, 404, "there is no node 'b'; the pool's nodes are: a"),
    ):
        answer = await stage.http.post("/api/v1/leases", json=body, headers=ann)
        assert answer.status_code == status
        assert words in answer.json()["detail"]
    assert stage.pool.leases == {}
