"""A pool is backed up while its controller works, and goes on elsewhere: another folder, another kind of database."""

import stat
from pathlib import Path

from harness.postgres import PostgresServer
from stage.process import WireAgent, controller_process, run_gpool


async def test_a_pool_moves_from_sqlite_to_postgresql(tmp_path: Path, postgres: PostgresServer) -> None:
    file = tmp_path / "pool.jsonl"
    there = tmp_path / "there"
    there.mkdir()
    async with controller_process(tmp_path) as controller:
        admin, join = controller.token("admin"), controller.token("join")
        async with WireAgent.connect(controller.url, join, "a", 8) as agent:
            key = (await agent.join()).node_key
            lease = (await controller.http.post("/api/v1/leases", json={})).json()
            code, out, err = await run_gpool(tmp_path, "backup", str(file))
            assert (code, err) == (0, "")
            assert out.endswith(f" rows in {file}\n")
            code, _, err = await run_gpool(tmp_path, "restore", str(file))
            assert (code, "another controller" in err) == (125, True)
        assert await controller.end() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, _, err = await run_gpool(tmp_path, "restore", str(file))
    assert code == 125
    assert "has a pool in it already" in err

    with postgres.database() as url:
        code, out, err = await run_gpool(there, "restore", str(file), "--database", url)
        assert (code, err) == (0, "")
        # The tokens' texts are in no database: who has one goes on using it.
        state = there / "state" / "gpool"
        state.mkdir(parents=True)
        (state / "admin.token").write_text(admin)
        async with controller_process(there, "--database", url) as controller:
            found = (await controller.http.get(f"/api/v1/leases/{lease['id']}")).json()
            assert (found["owner"], found["request"]) == (lease["owner"], lease["request"])
            assert found["state"] in ("pending", "active")
            async with WireAgent.connect(controller.url, join, "a", 8, generation=2) as agent:
                assert (await agent.join()).node_key == key


async def test_what_cannot_be_backed_up_or_restored_is_a_sentence(tmp_path: Path) -> None:
    code, _, err = await run_gpool(tmp_path, "backup", str(tmp_path / "pool.jsonl"))
    assert (code, "there is no database" in err) == (125, True)
    code, _, err = await run_gpool(tmp_path, "restore", str(tmp_path / "pool.jsonl"))
    assert (code, "cannot be read (No such file or directory)" in err) == (125, True)
    (tmp_path / "pool.jsonl").write_bytes(b"\xff\xfe")
    code, _, err = await run_gpool(tmp_path, "restore", str(tmp_path / "pool.jsonl"))
    assert (code, "no backup of gpool" in err) == (125, True)
