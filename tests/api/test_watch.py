"""Watching the pool: the present first, then every change, and going on after a break."""

from api.watching import watching
from stage.pool import PoolStage, ScriptedNode, until


async def test_the_present_then_every_change(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    ann = stage.as_("ann")
    first = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
    async with watching(stage) as watch:
        assert (watch.status, watch.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        *present, synced = await watch.until("synced")
        assert [(event.kind, event.data.get("name") or event.data["id"]) for event in present] == [
            ("node", "a"),
            ("lease", first),
        ]
        assert synced.id is not None
        await stage.http.delete(f"/api/v1/leases/{first}", headers=ann)
        await node.obey()
        seen = [await watch.event(), await watch.event()]
        assert [(event.data["id"], event.data["state"]) for event in seen if event] == [
            (first, "ending"),
            (first, "ended"),
        ]
        # A renewal is no news.
        second = (await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"]
        await stage.http.post(f"/api/v1/leases/{second}/renew", headers=ann)
        await node.leave()
        kinds = [event.kind for event in (await watch.event(), await watch.event()) if event]
        assert kinds == ["lease", "node"]
    assert stage.pool.feed.watching == 0


async def test_a_node_that_is_removed_is_told(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    async with watching(stage) as watch:
        await watch.until("synced")
        await stage.http.delete("/api/v1/nodes/a", headers=stage.as_("root"))
        removed = await watch.event()
        assert removed is not None
        assert (removed.kind, removed.data) == ("removed", {"node": "a"})
    async with watching(stage) as watch:
        assert [event.kind for event in await watch.until("synced")] == ["synced"]
    told = (await stage.http.get("/api/v1/events?object=node/a", headers=stage.as_("root"))).json()
    assert told[-1]["type"] == "removed"


async def test_a_watch_goes_on_where_the_last_one_ended(stage: PoolStage) -> None:
    async with watching(stage) as watch:
        (synced,) = await watch.until("synced")
    ann = stage.as_("ann")
    ids = [(await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"] for _ in range(2)]
    async with watching(stage, headers={"Last-Event-ID": str(synced.id)}) as watch:
        first, second = await watch.event(), await watch.event()
        assert first is not None
        assert second is not None
        assert [first.data["id"], second.data["id"]] == ids
    async with watching(stage, headers={"Last-Event-ID": str(first.id)}) as watch:
        assert await watch.event() == second


async def test_who_comes_too_late_gets_everything_anew(stage: PoolStage) -> None:
    stage.pool.feed.__init__("run", kept=3)  # type: ignore[misc]
    ann = stage.as_("ann")
    ids = [(await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"] for _ in range(5)]
    for last, words in (
        ("run-1", "not remembered"),
        ("run-99", "not remembered"),
        ("other-4", "another controller"),
        ("²-²", "another controller"),
    ):
        async with watching(stage, headers={"Last-Event-ID": last}) as watch:
            reset, *present, _ = await watch.until("synced")
            assert reset.kind == "reset"
            assert words in reset.data["reason"]
            assert [event.data["id"] for event in present] == ids
    known = stage.pool.feed.last - 3
    async with watching(stage, headers={"Last-Event-ID": f"run-{known}"}) as watch:
        event = await watch.event()
        assert event is not None
        assert (event.kind, event.id) == ("lease", f"run-{known + 1}")


async def test_filters(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    for name in ("ann", "bob"):
        await stage.http.post("/api/v1/leases", json={}, headers=stage.as_(name))
    async with watching(stage, "owner=bob&kind=lease") as watch:
        *present, _ = await watch.until("synced")
        assert [event.data["owner"] for event in present] == ["bob"]
        await stage.http.post("/api/v1/leases", json={}, headers=stage.as_("ann"))
        await stage.http.post("/api/v1/leases", json={}, headers=stage.as_("bob"))
        (*_, event) = await watch.until("lease")
        assert event.data["owner"] == "bob"


async def test_heartbeats_and_the_end(stage: PoolStage) -> None:
    stage.app.state.heartbeat_s = 0.01
    async with watching(stage) as watch:
        await watch.until("heartbeat")
        stage.app.state.heartbeat_s = 15.0
    stage.app.state.heartbeat_s = 15.0
    async with watching(stage, "timeout_s=0.01") as watch:
        while await watch.event() is not None:
            pass
    async with watching(stage) as watch:
        await watch.until("synced")
        stage.pool.stop()
        assert await watch.event() is None


async def test_what_cannot_be_watched(stage: PoolStage) -> None:
    for query, words in (
        ("?kind=queue", "kind"),
        ("?timeout_s=0", "timeout_s"),
        ("?timeout_s=inf", "timeout_s"),
    ):
        answer = await stage.http.get(f"/api/v1/watch{query}", headers=stage.as_("ann"))
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
    stage.pool.feed.watching = 1000
    answer = await stage.http.get("/api/v1/watch", headers=stage.as_("ann"))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:gpool:problem:unavailable")


async def test_a_watcher_that_leaves_is_forgotten(stage: PoolStage) -> None:
    async with watching(stage) as watch:
        await watch.until("synced")
        assert stage.pool.feed.watching == 1
    await until(lambda: stage.pool.feed.watching == 0)
