"""The controller as a process, with agents on real WebSockets."""

import asyncio
import json
import signal
import socket
import sqlite3
import stat
import tomllib
from pathlib import Path

import pytest

from gpool.channel.messages import Refused
from stage.process import PATIENCE_S, ControllerProcess, WireAgent, controller_process, run_gpool


async def lease_in_state(controller: ControllerProcess, lease_id: str, state: str) -> dict[str, object]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lease = (await controller.http.get(f"/api/v1/leases/{lease_id}?wait_s=10")).json()
            if lease["state"] == state:
                return dict(lease)


async def test_a_lease_over_the_wire(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        token = controller.token("join")
        assert controller.announced[1].endswith(f"gpool agent --join {controller.url} --token {token}")
        waiting = (await controller.http.post("/api/v1/leases", json={"vgpus": 2})).json()
        assert (waiting["state"], "has no node yet" in waiting["reason"]) == ("pending", True)
        async with (
            WireAgent.connect(controller.url, token, "a", 8) as first,
            WireAgent.connect(controller.url, token, "b", 8) as second,
        ):
            keys = {(await first.join()).node_key, (await second.join()).node_key}
            assert len(keys) == 2
            granted = await lease_in_state(controller, waiting["id"], "active")
            assert [vgpu["node"] for vgpu in granted["vgpus"]] == ["a", "b"]  # type: ignore[attr-defined]
            renewed = (await controller.http.post(f"/api/v1/leases/{waiting['id']}/renew")).json()
            assert [(item["node"], item["vgpus"]) for item in renewed["sessions"]] == [("a", [0]), ("b", [1])]
            for agent in (first, second):
                assert [lease.id for lease in (await agent.obey()).leases] == [waiting["id"]]
            await controller.http.delete(f"/api/v1/leases/{waiting['id']}")
            await first.obey()
            assert (await controller.http.get(f"/api/v1/leases/{waiting['id']}")).json()["state"] == "ending"
            await second.obey()
            assert (await lease_in_state(controller, waiting["id"], "ended"))["reason"]
        assert await controller.end() == 0
        assert not (controller.state / "controller.json").exists()


async def test_it_ends_in_good_order_whoever_is_connected(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        ready = json.loads((controller.state / "controller.json").read_text())
        assert ready == {"api": controller.url, "pid": controller.process.pid}
        lease = (await controller.http.post("/api/v1/leases", json={})).json()
        async with (
            WireAgent.connect(controller.url, controller.token("join"), "a", 8) as agent,
            asyncio.TaskGroup() as tasks,
        ):
            # Everything but `join`: the lease must stay pending, so that somebody waits when the signal comes.
            await agent.hear()
            held_back = tasks.create_task(controller.http.get(f"/api/v1/leases/{lease['id']}?wait_s=60"))
            await controller.http.get("/healthz")
            assert await controller.end(signal.SIGINT) == 0
            await asyncio.wait([held_back])
            held_back.exception()


async def test_a_killed_controller_is_back_at_once_and_knows_its_leases(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        token = controller.token("join")
        async with WireAgent.connect(controller.url, token, "a", 8) as agent:
            key = (await agent.join()).node_key
            lease = (await controller.http.post("/api/v1/leases", json={})).json()
            await lease_in_state(controller, lease["id"], "active")
            assert await controller.end(signal.SIGKILL) == -signal.SIGKILL
    async with controller_process(tmp_path) as controller:
        assert controller.token("join") == token
        renewed = (await controller.http.post(f"/api/v1/leases/{lease['id']}/renew")).json()
        assert renewed["lease"]["state"] == "active"
        assert len(renewed["sessions"]) == 1
        async with WireAgent.connect(controller.url, token, "a", 8, generation=2) as agent:
            assert (await agent.join()).node_key == key
        assert (await run_gpool(tmp_path, "controller", "--listen", "127.0.0.1:0"))[0] == 125


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "carries no token"), ("nonsense", "not one of this pool's"), ("admin", "has the role admin; this needs")],
)
async def test_agents_without_a_node_token_are_told_why(tmp_path: Path, token: str | None, words: str) -> None:
    async with controller_process(tmp_path) as controller:
        shown = controller.token("admin") if token == "admin" else token
        async with WireAgent.connect(controller.url, shown, "a", 8) as agent:
            refused = await agent.hear()
            assert isinstance(refused, Refused)
            assert words in refused.reason


async def test_a_second_controller_and_a_port_in_use(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        code, out, err = await run_gpool(tmp_path, "controller", "--listen", "127.0.0.1:0")
        assert (code, out) == (125, "")
        assert err.startswith(f"gpool: another controller (process {controller.process.pid}) uses the database ")
        assert err.count("\n") == 1
        port = controller.url.rpartition(":")[2]
        code, out, err = await run_gpool(
            tmp_path, "controller", "--listen", f"127.0.0.1:{port}", "--state", str(tmp_path / "other")
        )
        assert (code, out) == (125, "")
        assert err.startswith(f"gpool: port {port} on 127.0.0.1 is in use by another process; ")
        assert err.count("\n") == 1


async def test_the_users_client_file(tmp_path: Path) -> None:
    file = tmp_path / "config" / "gpool" / "client.toml"
    async with controller_process(tmp_path) as controller:
        written = tomllib.loads(file.read_text())
        assert written == {"api": controller.url, "token": controller.token("admin")}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text('api = "https://gpool.example"\ntoken = "precious"\n')
    async with controller_process(tmp_path) as controller:
        await controller.http.get("/healthz")
    assert tomllib.loads(file.read_text())["token"] == "precious"


async def test_a_controller_that_was_replaced_ends_with_a_sentence(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        with sqlite3.connect(controller.state / "gpool.db") as database:
            database.execute("UPDATE leader SET holder = 'other/host', epoch = epoch + 1, expires_at = 9e12")
        database.close()
        asked = await controller.http.post("/api/v1/leases", json={})
        assert (asked.status_code, asked.json()["type"]) == (503, "urn:gpool:problem:not-leading")
        async with asyncio.timeout(PATIENCE_S):
            assert await controller.process.wait() == 125
    last = (tmp_path / "controller.log").read_text().splitlines()[-1]
    assert last.startswith("gpool: another controller (other/host) leads this database")


async def test_garbage_on_the_port_does_no_harm(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        host, port = controller.url.removeprefix("http://").split(":")
        for garbage in (b"\0" * 4096, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" + b"x" * 200, b""):
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.sendall(garbage)
        assert (await controller.http.get("/healthz")).json() == {"status": "ok"}
