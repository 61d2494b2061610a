"""A controller that other machines reach speaks TLS by itself, and keeps its certificate good."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from gpool.agent.connection import LostError, Trust, channel_address, connection_to
from gpool.api.standby import create_standby
from gpool.channel.messages import Hello, Refused, Welcome
from gpool.controller.certificates import ControllerCertificate, leaf_files, write_leaf
from gpool.controller.settings import ControllerSettings, TlsSettings
from gpool.errors import ControllerUnreachable, InvalidInput
from gpool.launch.api_client import ApiClient
from gpool.security.authority import describe, issue, make_authority
from gpool.store.authority_store import keep_authority, load_authority, replace_authority
from gpool.store.database import Database
from stage.process import PATIENCE_S, controller_process


def settings(state: Path, host: str = "10.0.0.5", **tls: object) -> ControllerSettings:
    return ControllerSettings(host, 7070, state, f"sqlite:///{state / 'gpool.db'}", tls=TlsSettings(**tls))  # type: ignore[arg-type]


def test_it_is_on_where_others_reach_the_controller(tmp_path: Path) -> None:
    auto, given = TlsSettings(), TlsSettings(certificate=tmp_path, key=tmp_path)
    wanted = {
        host: auto.wanted(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", "::", "head")
    }
    assert [host for host, tls in wanted.items() if not tls] == ["127.0.0.1", "127.8.8.8", "::1", "localhost"]
    assert given.wanted("127.0.0.1")
    assert TlsSettings(mode="on").wanted("127.0.0.1")
    assert not TlsSettings(mode="off").wanted("0.0.0.0")


async def test_controllers_of_one_database_have_one_authority(database_url: str) -> None:
    database = await Database.open(database_url)
    try:
        now = datetime.now(UTC)
        first, second = await asyncio.gather(*(keep_authority(database, make_authority(now)) for _ in range(2)))
        assert first == second == await load_authority(database)
        other = make_authority(now)
        await replace_authority(database, other)
        assert await load_authority(database) == other
    finally:
        await database.close()


async def test_the_certificate_is_renewed_when_it_is_due_and_keeps_its_names(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "gpool.db")
    try:
        with capture_logs() as logs:
            made = await ControllerCertificate.of(settings(tmp_path, names=("pool.example",)), database)
            assert made is not None
            assert {"pool.example", "10.0.0.5", "localhost"} <= set(made.serving.description.names)
            text = leaf_files(tmp_path)[0].read_text()
            await ControllerCertificate.of(settings(tmp_path), database)
            assert leaf_files(tmp_path)[0].read_text() == text, "a good one is kept"
            moved = await ControllerCertificate.of(settings(tmp_path, "10.0.0.6"), database)
            assert moved is not None
            assert {"pool.example", "10.0.0.5", "10.0.0.6"} <= set(moved.serving.description.names)

            now, authority = datetime.now(UTC), await load_authority(database)
            assert authority is not None
            write_leaf(tmp_path, authority, ["pool.example"], now, days=20)
            renewed = await ControllerCertificate.of(settings(tmp_path), database)
            assert renewed is not None
            assert renewed.serving.expires_at > now + timedelta(days=80)
            assert "pool.example" in renewed.serving.description.names
            await replace_authority(database, make_authority(now))
            again = await ControllerCertificate.of(settings(tmp_path), database)
            assert again is not None
            assert again.authority != renewed.authority
        assert [entry["event"] for entry in logs] == ["certificate made"] * 4
    finally:
        await database.close()


async def test_an_own_certificate_that_expires_soon_is_told_in_the_log(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    leaf = issue(make_authority(now), ["pool.example"], now, days=3)
    files = tmp_path / "own.pem", tmp_path / "own.key"
    for path, text in zip(files, (leaf.certificate, leaf.key), strict=True):
        path.write_text(text)
    database = await Database.open(tmp_path / "gpool.db")
    try:
        own = await ControllerCertificate.of(settings(tmp_path, certificate=files[0], key=files[1]), database)
        assert own is not None
        assert own.authority is None
        with capture_logs() as logs:
            keeping = asyncio.create_task(own.keep())
            while not logs:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0)
            keeping.cancel()
            await asyncio.wait([keeping])
        assert [entry["event"] for entry in logs] == ["a certificate expires soon"]
        assert await load_authority(database) is None, "who has an own one needs no authority of the pool"
    finally:
        await database.close()


async def test_a_controller_that_waits_says_who_vouches_for_it_too() -> None:
    pem = make_authority(datetime.now(UTC)).certificate
    for known, status in ((pem, 200), (None, 503)):
        app = create_standby(lambda: None, lambda known=known: known)  # type: ignore[misc]
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://pool") as http:
            answer = await http.get("/api/v1/authority")
            assert answer.status_code == status
            if known:
                assert answer.json() == {"certificate": pem, "fingerprint": describe(pem).fingerprint}


async def test_joining_is_one_command_and_a_renewed_certificate_is_shown_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    async with controller_process(tmp_path, "--listen", "0.0.0.0:0") as controller:
        assert controller.url.startswith("https://127.0.0.1:")
        words = controller.announced[1].split()
        pin, join_token = words[words.index("--ca") + 1], words[words.index("--token") + 1]
        assert (controller.home / "config" / "gpool" / "client.toml").read_text().count("ca = ") == 1

        ask = ApiClient(controller.url, controller.token("admin"), ca=pin).get
        assert await asyncio.to_thread(ask, "/nodes") == []
        with pytest.raises(ControllerUnreachable, match="not from any authority that this machine trusts"):
            await asyncio.to_thread(ApiClient(controller.url, controller.token("admin")).get, "/nodes")
        wrong = ApiClient(controller.url, controller.token("admin"), ca="sha256:" + "0" * 64)
        with pytest.raises(InvalidInput, match="somebody is in between"):
            await asyncio.to_thread(wrong.get, "/nodes")

        address = channel_address(controller.url)
        async with connection_to(address, join_token, trust=Trust(pin, str(tmp_path / "agent"))) as connection:
            await connection.send(Hello(version="0.1.0", node="a", boot_id="boot", generation=1))
            assert isinstance(await connection.receive(), Welcome)
        made = await controller.http.post("/api/v1/tokens", json={"name": "node-7", "role": "node", "node": "node-7"})
        for node, answer in (("node-8", Refused), ("node-7", Welcome)):
            trust = Trust(pin, str(tmp_path / "agent"))
            async with connection_to(address, made.json()["secret"], trust=trust) as connection:
                await connection.send(Hello(version="0.1.0", node=node, boot_id="boot", generation=1))
                assert isinstance(await connection.receive(), answer), "its token is for one node alone"
        with pytest.raises(LostError, match="somebody is in between"):
            async with connection_to(address, join_token, trust=Trust("sha256:" + "0" * 64, str(tmp_path / "agent"))):
                pass

        database = await Database.open(controller.state / "gpool.db")
        authority = await load_authority(database)
        await database.close()
        assert authority is not None
        write_leaf(controller.state, authority, ["pool.example", "127.0.0.1"], datetime.now(UTC))
        context = ssl.create_default_context(cafile=controller.state / "tls" / "ca.pem")
        port = int(controller.url.rpartition(":")[2])
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection(
                        "127.0.0.1", port, ssl=context, server_hostname="pool.example"
                    )
                    break
                except ssl.SSLCertVerificationError:
                    await asyncio.sleep(0.05)
        writer.close()
        assert await controller.end() == 0
