"""A write that is sent again with its Idempotency-Key is carried out once, whoever leads by then."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from gpool.controller import answer_desk
from gpool.controller.keyed import Keyed
from gpool.controller.live_pool import LivePool
from gpool.errors import Unavailable
from gpool.store.pool_store import Writer
from stage.pool import PoolStage, ScriptedNode, open_pool

KEY = {"Idempotency-Key": "3f2a"}
GIB = 1 << 30


async def ask(stage: PoolStage, who: str, body: object, key: dict[str, str] = KEY) -> httpx2.Response:
    return await stage.http.post("/api/v1/leases", json=body, headers=stage.as_(who) | key)


def same(first: httpx2.Response, second: httpx2.Response) -> bool:
    answers = [(one.status_code, one.content, one.content and one.headers["content-type"]) for one in (first, second)]
    assert second.headers.get("Idempotency-Replayed") == "true"
    return answers[0] == answers[1]


async def test_a_lease_is_made_once_for_each_who_asks_and_key(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    first = await ask(stage, "ann", {"memory_bytes": GIB})
    assert "Idempotency-Replayed" not in first.headers
    await stage.pool.release(first.json()["id"], "ann")
    assert same(first, await ask(stage, "ann", {"memory_bytes": GIB})), "also when it is no longer so"
    for who, body, key in (
        ("bob", {"memory_bytes": GIB}, KEY),
        ("ann", {"memory_bytes": GIB}, {"Idempotency-Key": "other"}),
        ("ann", {"memory_bytes": GIB}, {}),
    ):
        assert (await ask(stage, who, body, key)).json()["id"] != first.json()["id"]
    reused = await ask(stage, "ann", {"memory_bytes": 2 * GIB})
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:gpool:problem:key-reused")


async def test_neither_a_restart_nor_a_takeover_forgets_an_answer(database_url: str) -> None:
    with capture_logs():
        async with open_pool(database_url) as before:
            made = await ask(before, "ann", {})
            root = before.as_("root")
            secret = await before.http.post("/api/v1/tokens", json={"name": "eve", "role": "user"}, headers=root | KEY)
            queue = await before.http.put(
                "/api/v1/queues/q", json={"name": "q"}, headers=root | {"Idempotency-Key": "q"}
            )
            gone = await before.http.delete("/api/v1/queues/q", headers=root | {"Idempotency-Key": "d"})
            assert [one.status_code for one in (made, secret, queue, gone)] == [201, 201, 200, 204]
        async with open_pool(database_url) as after:
            after.tokens = before.tokens
            assert same(made, await ask(after, "ann", {}))
            again = await after.http.post("/api/v1/tokens", json={"name": "eve", "role": "user"}, headers=root | KEY)
            assert same(secret, again)
            again = await after.http.put(
                "/api/v1/queues/q", json={"name": "q"}, headers=root | {"Idempotency-Key": "q"}
            )
            assert same(queue, again)
            assert same(gone, await after.http.delete("/api/v1/queues/q", headers=root | {"Idempotency-Key": "d"}))
            assert len([token for token in after.pool.tokens.values() if token.name == "eve"]) == 1
            assert len(after.pool.leases) == 1


async def test_the_text_of_a_token_is_kept_so_that_only_its_maker_reads_it(stage: PoolStage, tmp_path: Path) -> None:
    headers = stage.as_("root") | KEY
    made = await stage.http.post("/api/v1/tokens", json={"name": "eve", "role": "user"}, headers=headers)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("gpool.db*"))  # noqa: ASYNC240
    assert made.json()["token"]["id"].encode() in files
    assert made.json()["secret"].encode() not in files


async def test_what_was_refused_has_changed_nothing_and_is_looked_at_anew(stage: PoolStage) -> None:
    body = {"queue": "late"}
    assert (await ask(stage, "ann", body)).status_code == 404
    root = stage.as_("root")
    assert (await stage.http.put("/api/v1/queues/late", json={"name": "late"}, headers=root)).status_code == 200
    assert (await ask(stage, "ann", body)).status_code == 201


async def test_equal_requests_at_the_same_time_are_one(stage: PoolStage) -> None:
    answers = await asyncio.gather(*(ask(stage, "ann", {}) for _ in range(5)), ask(stage, "ann", {"vgpus": 2}))
    assert [answer.status_code for answer in answers] == [201] * 5 + [422]
    assert len({answer.content for answer in answers[:5]}) == 1
    assert len(stage.pool.leases) == 1


async def test_who_does_not_want_to_wait_for_the_first_is_told(
    stage: PoolStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_desk, "_PATIENCE_S", 0.01)
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def slow(self: LivePool, owner: str, *_: object, **__: object) -> None:
        begun.set()
        await let_go.wait()
        raise Unavailable("the database is away")

    monkeypatch.setattr(LivePool, "ask", slow)
    first = asyncio.create_task(ask(stage, "ann", {}))
    await begun.wait()
    second = await ask(stage, "ann", {})
    assert (second.status_code, second.json()["type"]) == (409, "urn:gpool:problem:key-in-use")
    let_go.set()
    assert (await first).status_code == 503
    monkeypatch.undo()
    assert (await ask(stage, "ann", {})).status_code == 201, "nothing had happened"


async def test_a_controller_that_ends_before_it_keeps_its_answer(
    stage: PoolStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_writer: Writer, _kept: object) -> None:
        raise Unavailable("the database is away")

    async def put() -> httpx2.Response:
        return await stage.http.put("/api/v1/queues/q", json={"name": "q"}, headers=stage.as_("root") | KEY)

    monkeypatch.setattr(Writer, "complete_answer", away)
    assert (await put()).status_code == 503
    assert [queue.name for queue in stage.pool.policy.queues] == ["q"]
    monkeypatch.undo()
    again = await put()
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (200, False), "it makes no difference"
    assert same(again, await put())

    monkeypatch.setattr(Keyed, "answered", lambda *_: None)
    monkeypatch.setattr(Writer, "complete_answer", away)
    headers = {"Idempotency-Key": "another"}
    assert (await ask(stage, "ann", {}, headers)).status_code == 503
    lost = await ask(stage, "ann", {}, headers)
    assert (lost.status_code, lost.json()["type"]) == (409, "urn:gpool:problem:answer-lost")
    assert len(stage.pool.leases) == 1, "it was made once"


async def test_answers_are_forgotten_after_a_day(stage: PoolStage) -> None:
    first = (await ask(stage, "ann", {})).json()["id"]
    stage.clock.advance(24 * 3600 - 1)
    await stage.pool.forget_old_answers()
    assert (await ask(stage, "ann", {})).json()["id"] == first
    stage.clock.advance(2)
    await stage.pool.forget_old_answers()
    assert (await ask(stage, "ann", {})).json()["id"] != first


async def test_keys_that_cannot_be_and_requests_that_need_none(stage: PoolStage) -> None:
    for key in ("", "a b", "x" * 256):
        answer = await ask(stage, "ann", {}, {"Idempotency-Key": key})
        assert (answer.status_code, "visible ASCII" in answer.json()["detail"]) == (422, True)
    lease = (await ask(stage, "ann", {}, {})).json()["id"]
    for _ in range(2):
        renewed = await stage.http.post(f"/api/v1/leases/{lease}/renew", headers=stage.as_("ann") | KEY)
        assert (renewed.status_code, renewed.headers.get("Idempotency-Replayed")) == (200, None)
    refused = await stage.http.post("/api/v1/leases", json={}, headers={"Authorization": "Bearer x"} | KEY)
    assert refused.status_code == 401
    huge = stage.as_("ann") | KEY | {"Content-Type": "application/json"}
    answer = await stage.http.post("/api/v1/leases", content=" " * (1 << 20) + "{}", headers=huge)
    assert answer.json()["type"] == "urn:gpool:problem:body-too-large"


def test_an_answer_is_read_with_the_token_and_the_key_that_asked() -> None:
    asked = Keyed("t-2", "gpool_secret", "key", "hash")
    asked.answer = (201, b"{}")
    kept = asked.to_keep()
    assert Keyed("t-2", "gpool_secret", "key", "hash").read(kept) == (201, b"{}")
    assert Keyed("t-2", "gpool_other", "key", "hash").read(kept) is None
    assert Keyed("t-2", "gpool_secret", "other", "hash").read(kept) is None
