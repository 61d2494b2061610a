"""A client that lost its connection comes back to its session, byte by byte; nobody else does."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable

import pytest

from workerd.conftest import MIB, Node
from workerd.speaker import ACKNOWLEDGE, PING, REPLY, WANTS_REPLY, EndedError, RefusedError, Session, hello

HEADER = struct.Struct("<IHHQIiQ")


def resumable(node: Node, ticket: bytes = b"") -> Session:
    """A session that may be resumed."""
    ticket = ticket or node.ticket()
    session = node.open(greeting=hello(ticket, minor=1))
    assert session.resume_key != 0
    return session


def ping(sequence: int) -> bytes:
    """A question of 32 bytes, whose answer has 32."""
    return HEADER.pack(32, PING, WANTS_REPLY, sequence, 0, 0, 0)


def test_what_was_lost_on_the_way_is_sent_again_and_nothing_runs_twice(node: Node) -> None:
    node.agent()
    with resumable(node) as session:
        session.socket.sendall(ping(1) + ping(2))
        assert [session.receive().sequence for _ in range(2)] == [1, 2]
        # Half of the third question arrives; the client has received one answer of two, as far as it knows.
        session.socket.sendall(ping(3)[:20])
        assert session.come_back(node.tcp, received=32) in (64, 84)
        # The worker sends from there on, and takes the rest of what it has not.
        assert session.receive().sequence == 2
        arrived = session.come_back(node.tcp, received=64)
        session.socket.sendall(ping(3)[arrived - 64 :] + ping(4))
        assert [session.receive().sequence for _ in range(2)] == [3, 4]
        session.sequence = 4
        session.goodbye()


def test_memory_waits_for_a_client_that_is_away(node: Node) -> None:
    agent = node.agent()
    session, other = resumable(node), node.open(node.ticket())
    with session, other:
        session.begin()
        other.begin()
        assert session.map(0, 48 * MIB) == 0
        session.write(0, b"still here" * 100)
        session.wait_for_context()
        received = 2 * 32  # the answers to `map` and to the wait
        session.socket.close()
        assert other.map(0, 48 * MIB) == 2
        with pytest.raises(RefusedError, match="no such session"):
            session.come_back(node.tcp, received, key=session.resume_key ^ 1)
        with pytest.raises(RefusedError, match="no such session"):
            session.come_back(node.tcp, received, session_id=session.session_id + 1)
        session.come_back(node.tcp, received)
        assert session.read(0, 1000).bulk == b"still here" * 100
        session.goodbye()
        assert agent.expect("session", state="closed")["reason"] == "client-closed"
        assert other.map(0, 48 * MIB) == 0
        other.goodbye()


def test_beyond_the_grace_the_session_ends_and_its_memory_is_free(start: Callable[..., Node]) -> None:
    node = start(grace_s=1)
    agent = node.agent()
    session, other = resumable(node), node.open(node.ticket())
    with session, other:
        session.begin()
        other.begin()
        assert session.map(0, 48 * MIB) == 0
        session.socket.close()
        assert agent.expect("session", state="closed")["reason"] == "client-lost"
        assert other.map(0, 48 * MIB) == 0
        with pytest.raises(RefusedError, match="has ended"):
            session.come_back(node.tcp, 32)
        other.goodbye()


def test_without_a_grace_nothing_is_resumed(start: Callable[..., Node]) -> None:
    node = start(grace_s=0)
    agent = node.agent()
    session = node.open(greeting=hello(node.ticket(), minor=1))
    assert (session.resume_key, session.grace_ms) == (0, 0)
    session.socket.close()
    assert agent.expect("session", state="closed")["reason"] == "client-lost"


def test_a_worker_that_died_is_told_apart_at_once(node: Node) -> None:
    agent = node.agent()
    with resumable(node) as session:
        os.kill(int(agent.expect("session", state="open")["pid"]), signal.SIGKILL)
        session.until_ended()
        with pytest.raises((RefusedError, EndedError)) as first:  # it may be on its way to a worker that is just dying
            session.come_back(node.tcp, 0)
        assert agent.expect("session", state="closed")["reason"] == "worker-died"
        with pytest.raises(RefusedError, match="has ended: killed by signal 9"):
            session.come_back(node.tcp, 0)
        assert first.type is not None


@pytest.mark.parametrize("received", [0, 1 << 40], ids=["before what it acknowledged", "never sent"])
def test_a_position_where_nobody_can_be_ends_the_session(node: Node, received: int) -> None:
    agent = node.agent()
    with resumable(node) as session:
        session.socket.sendall(ping(1))
        assert session.receive().flags == REPLY
        session.socket.sendall(HEADER.pack(32, ACKNOWLEDGE, 0, 32, 0, 0, 0) + ping(2))
        assert session.receive().sequence == 2
        with pytest.raises((RefusedError, EndedError)):
            session.come_back(node.tcp, received)
        assert agent.expect("session", state="closed")["reason"] == "client-lost"


def test_acknowledging_what_was_never_sent_ends_the_session(node: Node) -> None:
    agent = node.agent()
    with resumable(node) as session:
        session.socket.sendall(HEADER.pack(32, ACKNOWLEDGE, 0, 1 << 40, 0, 0, 0))
        session.until_ended()
        assert agent.expect("session", state="closed")["reason"] == "client-lost"


def test_all_that_is_received_is_acknowledged(node: Node) -> None:
    """The worker says what has come, at the latest after a mebibyte; what it says never runs ahead of the truth."""
    node.agent()
    with resumable(node) as session:
        session.begin()
        assert session.map(0, 4 * MIB) == 0
        for piece in range(4):
            session.write(0, bytes([piece]) * MIB)
        assert session.read(0, 4).bulk == bytes([3]) * 4
        acknowledged = [frame.sequence for frame in session.acknowledgements]
        assert acknowledged
        assert acknowledged == sorted(acknowledged)
        assert 2 * MIB < acknowledged[-1] <= 4 * MIB + 4096
        session.goodbye()
