"""Every failure is a problem, and says what, which and what next."""

import pytest

from gpool.controller.live_pool import LivePool
from stage.pool import PoolStage, ScriptedNode


async def test_requests_without_a_good_token(stage: PoolStage) -> None:
    expired, text = await stage.pool.make_token("old", stage.pool.tokens[next(iter(stage.pool.tokens))].role, 10)
    revoked, revoked_text = await stage.pool.make_token("gone", expired.role)
    await stage.pool.revoke_token(revoked.id)
    stage.clock.advance(11)
    for header, slug, words in (
        (None, "token-missing", "carries no token"),
        ("Bearer nonsense", "token-wrong", "not one of this pool's"),
        ("Basic abc", "token-wrong", "Bearer TOKEN"),
        (f"Bearer {text}", "token-expired", "'old' expired on 2026-01-01 00:00:10"),
        (f"Bearer {revoked_text}", "token-revoked", "'gone' was revoked"),
    ):
        headers = {"Authorization": header} if header else {}
        for path in ("/api/v1/leases", "/api/v1/gpus", "/api/v1/nodes", "/api/v1/tokens", "/api/v1/nodes/a"):
            answer = await stage.http.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["type"] == f"urn:gpool:problem:{slug}"
            assert words in answer.json()["detail"]


async def test_roles(stage: PoolStage) -> None:
    for name, path, method in (
        ("nodes", "/api/v1/leases", "GET"),
        ("nodes", "/api/v1/gpus", "GET"),
        ("ann", "/api/v1/tokens", "GET"),
        ("ann", "/api/v1/tokens/t-2", "DELETE"),
    ):
        answer = await stage.http.request(method, path, headers=stage.as_(name))
        assert answer.status_code == 403
        assert f"the token '{name}' has the role" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "the body is not JSON"),
        ("", 422, "body: field required"),
        ("[]", 422, "the request cannot be understood"),
        ('{"vgpus": true}', 422, "vgpus: input should be a valid integer (it is True)"),
        ('{"vgpus": "2"}', 422, "vgpus: input should be a valid integer (it is '2')"),
        ('{"vgpus": 0}', 422, "vgpus: input should be greater than or equal to 1 (it is 0)"),
        ('{"gpus": 1}', 422, "gpus: extra inputs are not permitted"),
        ('{"timeout_s": NaN}', 422, "timeout_s"),
        ('{"timeout_s": 1e999}', 422, "timeout_s"),
        ('{"command": "\\ud800"}', 422, "command"),
        ('{"a":1,"b":2,"c":3,"d":4}', 422, "and 1 more"),
        (b"\xff\xfe{}", 400, "body"),
        (" " * (1 << 20) + "{}", 413, "larger than 1 MiB"),
    ],
)
async def test_bodies_that_cannot_be_understood(stage: PoolStage, body: str | bytes, status: int, words: str) -> None:
    headers = stage.as_("ann") | {"Content-Type": "application/json"}
    answer = await stage.http.post("/api/v1/leases", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert words in answer.json()["detail"]


async def test_a_body_of_unknown_length_is_bounded_too(stage: PoolStage) -> None:
    async def endless() -> object:
        for _ in range(40):
            yield b" " * (1 << 16)

    headers = stage.as_("ann") | {"Content-Type": "application/json"}
    answer = await stage.http.post("/api/v1/leases", content=endless(), headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:gpool:problem:body-too-large")


async def test_what_is_not_there(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    for method, path, status, words in (
        ("GET", "/api/v1/leases/l-2", 404, "there is no lease 'l-2'; `gpool ps` lists"),
        ("POST", "/api/v1/leases/l-2/renew", 404, "there is no lease 'l-2'"),
        ("DELETE", "/api/v1/leases/l-2", 404, "there is no lease 'l-2'"),
        ("GET", "/api/v1/nodes/b", 404, "there is no node 'b'; the pool's nodes are: a"),
        ("DELETE", "/api/v1/tokens/t-2", 404, "there is no token 't-2'"),
        ("GET", "/api/v2", 404, "there is nothing at /api/v2"),
        ("GET", "/api/v1/leases/", 404, "there is nothing at /api/v1/leases/"),
        ("PUT", "/api/v1/leases", 405, "does not answer PUT"),
    ):
        answer = await stage.http.request(method, path, headers=stage.as_("root"))
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]


async def test_a_bug_is_a_problem_without_its_details(stage: PoolStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pool: LivePool, _name: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(LivePool, "node", fail)
    answer = await stage.http.get("/api/v1/nodes/a", headers=stage.as_("ann"))
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert answer.json()["type"] == "urn:gpool:problem:internal"


async def test_a_parameter_that_is_given_twice_is_named(stage: PoolStage) -> None:
    answer = await stage.http.get("/api/v1/audit?action=node&limit=1&action=token", headers=stage.as_("root"))
    assert (answer.status_code, answer.json()["detail"]) == (422, "action: it is given 2 times; give it once")
