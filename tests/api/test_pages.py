"""Lists come in pages that neither skip nor repeat what was there all the time."""

import pytest

from stage.pool import PoolStage, ScriptedNode


async def _pages(stage: PoolStage, path: str, limit: int) -> list[list[dict[str, object]]]:
    pages, cursor = [], ""
    while True:
        joint = "&" if "?" in path else "?"
        answer = await stage.http.get(f"{path}{joint}limit={limit}{cursor}", headers=stage.as_("root"))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["items"])
        assert len(pages) < 50
        if answer.json()["next"] is None:
            return pages
        cursor = f"&cursor={answer.json()['next']}"


async def test_every_list_can_be_paged(stage: PoolStage) -> None:
    for name in "abc":
        await ScriptedNode.join(stage.pool, name, 8, 8)
    for _ in range(4):
        lease = (await stage.http.post("/api/v1/leases", json={}, headers=stage.as_("ann"))).json()["id"]
        stage.clock.advance(1)
    await stage.http.delete(f"/api/v1/leases/{lease}", headers=stage.as_("ann"))
    for path, id_name, size in (
        ("/api/v1/leases", "id", 4),
        ("/api/v1/nodes", "name", 3),
        ("/api/v1/gpus", "uuid", 6),
        ("/api/v1/tokens", "id", 4),
    ):
        whole = [item[id_name] for page in await _pages(stage, path, 1000) for item in page]
        assert len(whole) == size
        pages = await _pages(stage, path, 2)
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        assert [item[id_name] for page in pages for item in page] == whole


async def test_living_and_ended_leases_page_as_one_list(stage: PoolStage) -> None:
    ann, ids = stage.as_("ann"), []
    for number in range(7):
        ids.append((await stage.http.post("/api/v1/leases", json={}, headers=ann)).json()["id"])
        stage.clock.advance(0.25)
        if number % 2:
            await stage.http.delete(f"/api/v1/leases/{ids[-1]}", headers=ann)
    both = await _pages(stage, "/api/v1/leases?state=ended&state=pending", 2)
    assert [lease["id"] for page in both for lease in page] == ids
    ended = await _pages(stage, "/api/v1/leases?state=ended&owner=ann", 2)
    assert [lease["id"] for page in ended for lease in page] == ids[1::2]
    assert await _pages(stage, "/api/v1/leases?state=ended&owner=bob", 2) == [[]]


async def test_what_comes_and_goes_between_two_pages_shifts_nothing(stage: PoolStage) -> None:
    for name in ("b", "c", "e", "f"):
        await ScriptedNode.join(stage.pool, name, 8)
    first = (await stage.http.get("/api/v1/nodes?limit=2", headers=stage.as_("ann"))).json()
    await ScriptedNode.join(stage.pool, "a", 8)
    await ScriptedNode.join(stage.pool, "d", 8)
    second = (await stage.http.get(f"/api/v1/nodes?cursor={first['next']}", headers=stage.as_("ann"))).json()
    assert [node["name"] for node in first["items"] + second["items"]] == ["b", "c", "d", "e", "f"]


async def test_filters(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    await ScriptedNode.join(stage.pool, "b", 8)
    await node.leave()
    lease = (await stage.http.post("/api/v1/leases", json={"node": "b"}, headers=stage.as_("ann"))).json()["id"]

    async def ids(path: str, name: str = "id") -> list[object]:
        answer = await stage.http.get(f"/api/v1/{path}", headers=stage.as_("root"))
        return [item[name] for item in answer.json()["items"]]

    assert await ids("leases?node=b") == await ids("leases?owner=ann") == [lease]
    assert await ids("leases?node=a") == await ids("leases?owner=bob") == []
    assert await ids("nodes?state=ready", "name") == ["b"]
    assert await ids("nodes?state=ready&state=disconnected", "name") == ["a", "b"]
    assert await ids("gpus?node=b", "node") == ["b"]
    assert await ids("tokens?role=node", "name") == ["nodes"]
    assert await ids("tokens?name=ann", "name") == ["ann"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=%00", "cursor=!", "cursor=bm8", "limit=two"])
async def test_a_page_that_cannot_be(stage: PoolStage, query: str) -> None:
    answer = await stage.http.get(f"/api/v1/leases?state=ended&{query}", headers=stage.as_("ann"))
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:gpool:problem:invalid-input"
