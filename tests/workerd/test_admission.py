"""Who gets in, and what the others are told."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from workerd import speaker
from workerd.conftest import MIB, Node
from workerd.speaker import RefusedError, hello, uuid_text


def test_a_ticket_opens_a_session_with_its_gpus_in_its_order(node: Node) -> None:
    agent = node.agent()
    with node.open(node.ticket(gpus=(1, 0), memory=96 * MIB)) as session:
        assert [device.uuid for device in session.devices] == [node.uuids[1], node.uuids[0]]
        assert {device.memory_bytes for device in session.devices} == {96 * MIB}
        opened = agent.expect("session", state="open")
        assert (opened["lease"], opened["host"], opened["command"]) == ("l-test", "test-host", "speaker")
        session.goodbye()
    assert agent.expect("session", state="closed")["reason"] == "client-closed"


def test_devices_do_not_promise_what_a_wire_cannot_keep(node: Node) -> None:
    node.agent()
    with node.open(node.ticket()) as session:
        assert [session.devices[0].attributes[number] for number in (83, 88, 89, 100, 101, 116, 125)] == [0] * 7


BAD_TICKETS: dict[str, tuple[Callable[[Node], bytes], str]] = {
    "none": (lambda node: b"", "only with a ticket"),
    "rubbish": (lambda node: bytes(200), "is not a ticket"),
    "magic": (lambda node: node.ticket(magic=b"GPT9"), "is not a ticket"),
    "version": (lambda node: node.ticket(version=7), "version 7"),
    "short": (lambda node: node.ticket()[:-8], "damaged"),
    "long": (lambda node: node.ticket() + bytes(8), "damaged"),
    "count": (lambda node: node.ticket(count=60), "damaged"),
    "signature": (lambda node: node.ticket(key=bytes(32)), "signature is wrong"),
    "a changed byte": (lambda node: node.ticket().replace(b"l-test", b"l-tesu"), "signature is wrong"),
    "another node": (lambda node: node.ticket(node="elsewhere"), "for node elsewhere"),
    "expired": (lambda node: node.ticket(expires_at_s=1000), "expired"),
    "foreign GPU": (lambda node: node.ticket(vgpus=[(bytes(16), MIB, 1000)]), uuid_text(bytes(16))),
    "a GPU twice": (lambda node: node.ticket(gpus=(0, 0)), "twice"),
    "a lease like a path": (lambda node: node.ticket(lease="../../x"), "letters that names do not have"),
}


@pytest.mark.parametrize("flaw", BAD_TICKETS)
def test_a_bad_ticket_is_refused_with_its_own_sentence(node: Node, flaw: str) -> None:
    agent = node.agent()
    assert agent.status() == []
    make, words = BAD_TICKETS[flaw]
    with pytest.raises(RefusedError, match=words) as refused:
        node.open(make(node))
    assert str(refused.value).endswith(".")
    assert agent.status() == []
    assert not list(node.state.glob("ledger-*"))


def test_before_the_agent_has_come_no_ticket_can_be_checked(node: Node) -> None:
    with pytest.raises(RefusedError, match="agent has not connected"):
        node.open(node.ticket())


def test_another_protocol_version_is_named(node: Node) -> None:
    with pytest.raises(RefusedError, match=r"9\.9\.9 speaks protocol 2, gpool-workerd [\d.]+ speaks 1"):
        node.open(greeting=hello(major=2, version=b"9.9.9"))


def test_a_revoked_lease_opens_nothing_more(node: Node) -> None:
    agent = node.agent()
    agent.send("revoke l-test")
    assert agent.status() == []  # obeyed in order
    with pytest.raises(RefusedError, match="has ended"):
        node.open(node.ticket())
    with node.open(node.ticket(lease="l-other")) as session:
        session.goodbye()


RUBBISH = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "almost": b"gpool-w2" + bytes(500),
    "random": random.Random(5).randbytes(100_000),
    "impossible sizes": speaker.struct.pack("<8sHHIII", b"gpool-w1", 1, 0, 2**31, 1, 2**31) + bytes(400),
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_at_the_port_is_closed_with_one_line(node: Node, kind: str) -> None:
    agent = node.agent()
    host, _, port = node.tcp.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=speaker.PATIENCE_S)) as stranger:
        try:
            stranger.sendall(RUBBISH[kind])
            while stranger.recv(4096):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        name = "{}:{}".format(*stranger.getsockname())
    assert agent.status() == []
    assert [line for line in node.log().splitlines() if name in line and "closed" in line]
    assert len([line for line in node.log().splitlines() if name in line]) == 1
    with node.open(node.ticket()) as session:  # still serves
        session.goodbye()


def test_many_half_open_connections_keep_nobody_out_for_long(node: Node) -> None:
    node.agent()
    host, _, port = node.tcp.rpartition(":")
    silent = [socket.create_connection((host, int(port)), timeout=speaker.PATIENCE_S) for _ in range(64)]
    try:
        for one in silent:  # each is closed when its time is over
            assert one.recv(1) == b""
    finally:
        for one in silent:
            one.close()
    with node.open(node.ticket()) as session:
        session.goodbye()


def test_without_tickets_only_on_this_machine(start: Callable[..., Node]) -> None:
    node = start(insecure=True)
    with node.open() as session:
        assert [device.uuid for device in session.devices] == node.uuids
        session.goodbye()
