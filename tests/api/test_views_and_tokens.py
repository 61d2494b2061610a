"""Nodes, GPUs, tokens, and the description of the API."""

from gpool.channel.messages import Heartbeat
from gpool.model.gpu import GpuUse, LeaseUse
from gpool.model.views import GpuView, NodeView
from stage.pool import PoolStage, ScriptedNode
from stage.values import GIB, make_request


async def test_gpus_show_who_shares_them_and_what_they_use(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "b", 16)
    await ScriptedNode.join(stage.pool, "a", 8)
    first = await stage.pool.ask("ann", make_request(gib=2, compute=300, node="b"))
    await stage.pool.ask("bob", make_request(gib=4, node="b"))
    uuid = node.gpus[0].uuid
    use = GpuUse(gpu_uuid=uuid, memory_used_bytes=GIB, compute_busy_permille=420)
    lease_use = LeaseUse(lease=first.id, gpu_uuid=uuid, memory_used_bytes=GIB)
    await stage.pool.heartbeat(node.link, Heartbeat(gpu_use=(use,), lease_use=(lease_use,)))

    answer = await stage.http.get("/api/v1/gpus", headers=stage.as_("ann"))
    idle, shared = (GpuView.model_validate(view) for view in answer.json()["items"])
    assert (idle.node, idle.memory_granted_bytes, idle.vgpus) == ("a", 0, ())
    assert (shared.memory_granted_bytes, shared.memory_used_bytes) == (6 * GIB, GIB)
    assert (shared.compute_reserved_permille, shared.compute_busy_permille) == (300, 420)
    assert {(vgpu.owner, vgpu.memory_bytes, vgpu.memory_used_bytes) for vgpu in shared.vgpus} == {
        ("ann", 2 * GIB, GIB),
        ("bob", 4 * GIB, 0),
    }
    views = [
        NodeView.model_validate(view)
        for view in (await stage.http.get("/api/v1/nodes", headers=stage.as_("ann"))).json()["items"]
    ]
    assert [view.name for view in views] == ["a", "b"]
    assert views[1].gpu_views == (shared,)
    one = await stage.http.get("/api/v1/nodes/b", headers=stage.as_("ann"))
    assert NodeView.model_validate(one.json()) == views[1]


async def test_tokens_are_made_listed_and_revoked_by_administrators(stage: PoolStage) -> None:
    root = stage.as_("root")
    made = await stage.http.post(
        "/api/v1/tokens", json={"name": "eve", "role": "user", "expires_in_s": 60}, headers=root
    )
    assert made.status_code == 201
    secret, token = made.json()["secret"], made.json()["token"]
    eve = {"Authorization": f"Bearer {secret}"}
    assert (await stage.http.get("/api/v1/gpus", headers=eve)).status_code == 200
    listed = await stage.http.get("/api/v1/tokens", headers=root)
    assert token in listed.json()["items"]
    assert secret not in listed.text
    assert (await stage.http.delete(f"/api/v1/tokens/{token['id']}", headers=root)).json()["revoked_at"] is not None
    assert (await stage.http.get("/api/v1/gpus", headers=eve)).status_code == 401


async def test_what_is_open_to_everybody(stage: PoolStage) -> None:
    assert (await stage.http.get("/healthz")).json() == {"status": "ok"}
    assert (await stage.http.get("/api/v1/version")).json() == {"version": "0.1.0"}


async def test_the_description_names_every_operation_and_its_problems(stage: PoolStage) -> None:
    document = (await stage.http.get("/api/v1/openapi.json")).json()
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    assert operations.keys() == {
        "getMetrics", "getHealth", "getVersion",
        "getAuthority", "listNodes", "getNode", "listGpus", "createLease", "listLeases",
        "getLease", "renewLease", "releaseLease", "createToken", "listTokens", "revokeToken", "watch",
        "getLogin", "login", "logout",
        "listQueues", "getQueue", "putQueue", "deleteQueue", "getPolicy", "putPolicy", "explainLease", "listEvents",
        "cordonNode", "uncordonNode", "drainNode", "cancelDrain", "labelNode", "taintNode", "removeNode",
        "disableGpu", "enableGpu", "listAudit", "whatIf",
    }  # fmt: skip
    for name, operation in operations.items():
        if name not in ("getHealth", "getVersion", "getAuthority", "getLogin", "login"):
            for status in ("400", "401", "403", "413", "415", "422", "429", "500", "503"):
                assert "application/problem+json" in operation["responses"][status]["content"], (name, status)
            assert operation["security"], name
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document["paths"])
