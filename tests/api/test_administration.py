"""Nodes and GPUs administered over the API, and what the audit log says of it."""

from pathlib import Path
from typing import Any

from gpool.model.lease import LeaseState
from gpool.model.node import NodeState
from gpool.model.token import Role
from stage.pool import PoolStage, ScriptedNode, open_pool
from stage.values import FakeClock, make_request

V1 = "/api/v1"


async def care(stage: PoolStage, method: str, path: str, body: object = None, status: int = 200) -> Any:
    answer = await stage.http.request(method, V1 + path, json=body, headers=stage.as_("root"))
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_a_cordoned_node_gets_nothing_new(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8, 8)
    running = await stage.pool.ask("ann", make_request())
    node = await care(stage, "POST", "/nodes/a/cordon", {"reason": "new fan"})
    assert node["cordon"]["reason"] == "new fan"
    assert node["leases"] == [running.id]
    waiting = await stage.pool.ask("bob", make_request())
    assert (waiting.state, waiting.reason) == (
        LeaseState.PENDING,
        "wants 1 whole GPU; no node is ready: a (cordoned)",
    )
    assert await stage.state_of(running) is LeaseState.ACTIVE
    await care(stage, "POST", "/nodes/a/uncordon")
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.ACTIVE


async def test_a_drain_outlives_its_controller_and_ends_what_is_left(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_pool(tmp_path / "gpool.db", clock) as before:
        node = await ScriptedNode.join(before.pool, "a", 8)
        lease = await before.pool.ask("ann", make_request())
        await care(before, "POST", "/nodes/a/drain", {"reason": "power", "grace_s": 40})
    async with open_pool(tmp_path / "gpool.db", clock) as stage:
        node = await ScriptedNode.join(stage.pool, "a", 8, generation=2)
        assert stage.pool.nodes["a"].drain is not None
        for _ in range(2):
            await stage.pass_time(19)
            await stage.pool.renew(lease.id)
        assert await stage.state_of(lease) is LeaseState.ACTIVE
        await stage.pass_time(2)
        ended = await stage.pool.lease(lease.id)
        assert (ended.state, ended.reason) == (LeaseState.ENDING, "had to give way: node a is drained by root (power)")
        await node.obey()
        assert await stage.state_of(lease) is LeaseState.ENDED
        assert stage.pool.leases_on("a") == []


async def test_a_drain_can_be_forced_and_cancelled(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request())
    await care(stage, "POST", "/nodes/a/drain", {})
    assert (await care(stage, "DELETE", "/nodes/a/drain"))["cordon"] is None
    assert await stage.state_of(lease) is LeaseState.ACTIVE
    await care(stage, "POST", "/nodes/a/drain", {"grace_s": 0})
    assert await stage.state_of(lease) is LeaseState.ENDING


async def test_holders_are_warned_of_a_drain_as_of_an_eviction(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    lease = (await stage.pool.ask("ann", make_request())).id

    async def ends_in_s() -> float | None:
        shown = await care(stage, "GET", f"/leases/{lease}")
        if shown["eviction"] is None:
            return None
        assert shown["eviction"]["beneficiary"] is None
        assert shown["eviction"]["reason"] == "node a is drained by root (fan)"
        return (stage.pool.leases[lease].eviction.ends_at - stage.clock()).total_seconds()  # type: ignore[union-attr]

    await care(stage, "POST", "/nodes/a/drain", {"reason": "fan", "grace_s": 40})
    assert await ends_in_s() == 40
    await care(stage, "POST", "/nodes/a/drain", {"reason": "fan", "grace_s": 20})
    await stage.pool.run_cycle()
    assert await ends_in_s() == 20
    await care(stage, "DELETE", "/nodes/a/drain")
    assert await ends_in_s() is None
    await care(stage, "POST", "/nodes/a/drain", {"reason": "fan", "grace_s": 30})
    assert await ends_in_s() == 30
    await care(stage, "POST", "/nodes/a/drain", {"reason": "fan"})
    assert await ends_in_s() is None
    told = await care(stage, "GET", f"/events?object=lease/{lease}")
    assert [event["type"] for event in told] == ["asked", "granted", "warned", "let-off", "warned", "let-off"]


async def test_who_is_let_off_for_another_still_has_to_leave_a_drained_node(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    lease = (await stage.pool.ask("ann", make_request())).id
    stage.clock.advance(601)
    await stage.pool.renew(lease)
    urgent = await stage.pool.ask("ann", make_request(priority="high"))
    eviction = stage.pool.leases[lease].eviction
    assert eviction is not None
    assert eviction.beneficiary == urgent.id
    await care(stage, "POST", "/nodes/a/drain", {"reason": "fan", "grace_s": 3600})
    await stage.pool.run_cycle()
    eviction = stage.pool.leases[lease].eviction
    assert eviction is not None
    assert (eviction.beneficiary, (eviction.ends_at - stage.clock()).total_seconds()) == (None, 3600)


async def test_a_node_with_leases_is_removed_by_force_only(stage: PoolStage) -> None:
    other = await ScriptedNode.join(stage.pool, "b", 8)
    node = await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request(node="a"))
    refused = await care(stage, "DELETE", "/nodes/a", status=409)
    assert refused["detail"].startswith(f"node a holds {lease.id}; drain it first")
    key = stage.pool.keys["a"]
    await care(stage, "DELETE", "/nodes/a?force=true", status=204)
    ended = await stage.pool.lease(lease.id)
    assert (ended.state, ended.reason) == (LeaseState.ENDED, "node a was removed from the pool by root")
    assert node.link.closing.is_set()
    assert node.link.farewell == ended.reason
    await node.report(1)
    await node.leave()
    assert set(stage.pool.nodes) == {"b"}
    assert (await care(stage, "DELETE", "/nodes/a", status=404))["detail"] == (
        "there is no node 'a'; the pool's nodes are: b"
    )
    placed = await stage.pool.ask("ann", make_request())
    assert placed.nodes == (other.link.node,)
    back = await ScriptedNode.join(stage.pool, "a", 8, generation=2)
    assert back.link.node_key != key
    assert stage.pool.nodes["a"].state is NodeState.READY


async def test_the_token_of_a_removed_node_goes_with_it_unless_it_is_shared(stage: PoolStage) -> None:
    own, _ = await stage.pool.make_token("a", Role.NODE)
    shared = next(token for token in stage.pool.tokens.values() if token.name == "nodes")
    for name, token in (("a", own), ("b", shared)):
        await ScriptedNode.join(stage.pool, name, 8, token=token)
        await care(stage, "DELETE", f"/nodes/{name}", status=204)
    revoked = {token.id: token.revoked_at is not None for token in stage.pool.tokens.values()}
    assert (revoked[own.id], revoked[shared.id]) == (True, False)


async def test_a_gpu_that_is_out_keeps_what_it_has_and_gets_nothing_new(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    uuid = node.gpus[0].uuid
    running = await stage.pool.ask("ann", make_request(gib=2))
    answer = await care(stage, "POST", f"/gpus/{uuid}/disable", {"reason": "noisy"})
    assert answer["gpu_views"][0]["out"]["reason"] == "noisy"
    waiting = await stage.pool.ask("bob", make_request(gib=2))
    assert waiting.reason == "wants 1 vGPU of 2 GiB; no node of the pool has a GPU that was not taken out"
    assert await stage.state_of(running) is LeaseState.ACTIVE
    await stage.pool.release(running.id, "ann")
    await node.obey()
    await care(stage, "POST", f"/gpus/{uuid}/enable")
    await stage.pool.run_cycle()
    assert await stage.state_of(waiting) is LeaseState.ACTIVE
    await care(stage, "POST", f"/gpus/{uuid}/disable", {"end_leases": True})
    assert (await stage.pool.lease(waiting.id)).reason == f"GPU {uuid} of node a was taken out by root"
    assert (await care(stage, "POST", "/gpus/GPU-1/enable", status=404))["type"] == "urn:gpool:problem:unknown-gpu"


async def test_labels_and_taints(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    node = await care(stage, "PATCH", "/nodes/a/labels", {"labels": {"zone": "east", "owner": "ann"}})
    assert node["labels"] == {"owner": "ann", "zone": "east"}
    node = await care(stage, "PATCH", "/nodes/a/labels", {"labels": {"owner": None}})
    assert node["labels"] == {"zone": "east"}
    taint = {"key": "team", "value": "vision", "effect": "NoSchedule"}
    node = await care(stage, "PATCH", "/nodes/a/taints", {"add": [taint, {"key": "x"}]})
    assert [one["key"] for one in node["taints"]] == ["team", "x"]
    node = await care(stage, "PATCH", "/nodes/a/taints", {"add": [{**taint, "value": "audio"}], "remove": ["x", "y"]})
    assert node["taints"] == [{**taint, "value": "audio"}]
    many = {f"k{number}": "" for number in range(64)}
    assert "more than 64 labels" in (await care(stage, "PATCH", "/nodes/a/labels", {"labels": many}, 422))["detail"]


async def test_users_may_look_but_not_touch(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    for method, path, body in (
        ("POST", "/nodes/a/cordon", {}),
        ("POST", "/nodes/a/uncordon", None),
        ("POST", "/nodes/a/drain", {}),
        ("DELETE", "/nodes/a/drain", None),
        ("PATCH", "/nodes/a/labels", {"labels": {}}),
        ("PATCH", "/nodes/a/taints", {}),
        ("DELETE", "/nodes/a", None),
        ("POST", f"/gpus/{node.gpus[0].uuid}/disable", {}),
        ("POST", f"/gpus/{node.gpus[0].uuid}/enable", None),
        ("GET", "/audit", None),
    ):
        answer = await stage.http.request(method, V1 + path, json=body, headers=stage.as_("ann"))
        assert answer.status_code == 403, path


async def test_the_audit_log_says_who_did_what(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    ann = stage.as_("ann")
    lease = (await stage.http.post(f"{V1}/leases", json={"command": "train"}, headers=ann)).json()
    await stage.http.post(f"{V1}/leases/{lease['id']}/renew", headers=ann)
    await stage.http.delete(f"{V1}/leases/{lease['id']}", headers=ann)
    await node.obey()
    await care(stage, "POST", "/nodes/a/cordon", {})
    await care(stage, "POST", "/nodes/b/cordon", {}, status=404)
    made = await care(stage, "POST", "/tokens", {"name": "eve", "role": "user"}, status=201)
    await care(stage, "DELETE", f"/tokens/{made['token']['id']}")
    entries = (await care(stage, "GET", "/audit"))["items"]
    said = [(entry["actor"], entry["action"], entry["object"], entry["before"], entry["after"]) for entry in entries]
    assert said == [
        ("root", "token.revoke", made["token"]["id"], "user eve", "revoked"),
        ("root", "token.create", made["token"]["id"], "", "user eve"),
        ("root", "node.cordon", "a", "ready", "ready, cordoned"),
        ("ann", "lease.release", lease["id"], "active", "ending"),
        ("ann", "lease.request", lease["id"], "", "1 whole GPU in queue pool"),
    ]
    assert {entry["remote"] for entry in entries} == {"127.0.0.1"}
    ann_id = next(token.id for token in stage.pool.tokens.values() if token.name == "ann")
    assert (entries[-1]["token_id"], entries[-1]["role"]) == (ann_id, "user")
    # In pages, and of one kind.
    first = await care(stage, "GET", "/audit?limit=2")
    second = await care(stage, "GET", f"/audit?limit=1000&cursor={first['next']}")
    assert first["items"] + second["items"] == entries
    assert second["next"] is None
    assert (await care(stage, "GET", "/audit?action=token"))["items"] == entries[:2]
    of_ann = await care(stage, "GET", f"/audit?action=lease.release&object={lease['id']}&actor=ann")
    assert of_ann["items"] == entries[3:4]
    # What is too old is forgotten.
    stage.clock.advance(stage.pool.times.keep_audit_s + 1)
    await care(stage, "POST", "/nodes/a/uncordon")
    assert await stage.pool.forget_old_audit() == len(entries)
    assert [entry["action"] for entry in (await care(stage, "GET", "/audit"))["items"]] == ["node.uncordon"]


NOT_AUDITED = {"renewLease", "whatIf", "login", "logout"}
"""Writes that change nothing that is stored, and those that need an identity provider (test_login.py)."""


async def test_no_write_escapes_the_audit_log(stage: PoolStage) -> None:
    """Every operation that writes is either done here and found in the log, or excused above by name."""
    node = await ScriptedNode.join(stage.pool, "a", 8)
    await ScriptedNode.join(stage.pool, "b", 8)
    uuid = node.gpus[0].uuid
    lease = (await care(stage, "POST", "/leases", {}, 201))["id"]
    token = (await care(stage, "POST", "/tokens", {"name": "eve", "role": "user"}, 201))["token"]["id"]
    done = {"createLease", "createToken"}
    for operation, method, path, body, status in (
        ("releaseLease", "DELETE", f"/leases/{lease}", None, 200),
        ("revokeToken", "DELETE", f"/tokens/{token}", None, 200),
        ("cordonNode", "POST", "/nodes/a/cordon", {}, 200),
        ("uncordonNode", "POST", "/nodes/a/uncordon", None, 200),
        ("drainNode", "POST", "/nodes/a/drain", {}, 200),
        ("cancelDrain", "DELETE", "/nodes/a/drain", None, 200),
        ("labelNode", "PATCH", "/nodes/a/labels", {"labels": {"x": "y"}}, 200),
        ("taintNode", "PATCH", "/nodes/a/taints", {"add": [{"key": "x"}]}, 200),
        ("disableGpu", "POST", f"/gpus/{uuid}/disable", {}, 200),
        ("enableGpu", "POST", f"/gpus/{uuid}/enable", None, 200),
        ("putQueue", "PUT", "/queues/vision", {"name": "vision", "guarantee": 1}, 200),
        ("deleteQueue", "DELETE", "/queues/vision", None, 204),
        ("putPolicy", "PUT", "/policy", {"policy": {"settings": {"grace_s": 17}}}, 200),
        ("removeNode", "DELETE", "/nodes/b?force=true", None, 204),
    ):
        before = await care(stage, "GET", "/audit?limit=1")
        await care(stage, method, path, body, status)
        assert await care(stage, "GET", "/audit?limit=1") != before, operation
        done.add(operation)
    document = await care(stage, "GET", "/openapi.json")
    writes = {
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "get"
    }
    assert writes == done | NOT_AUDITED
