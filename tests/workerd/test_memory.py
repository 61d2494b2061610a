"""What a session may hold, and what it may do to itself alone."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator

import pytest

from workerd import speaker as wire
from workerd.conftest import MIB, Node
from workerd.speaker import Frame, Session, handle

OUT_OF_MEMORY, INVALID_VALUE, INVALID_DEVICE, INVALID_CONTEXT, INVALID_HANDLE = 2, 1, 101, 201, 400
PIECE = 2 * MIB


@pytest.fixture
def session(node: Node) -> Iterator[Session]:
    node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        yield session


def pushed_statuses(session: Session) -> list[int]:
    session.ask(wire.PING)
    return [push.status for push in session.pushes if push.call == wire.PUSH_ERROR]


def test_the_limit_holds_for_all_sessions_of_a_lease_together(node: Node) -> None:
    node.agent()
    sessions = [node.open(node.ticket(memory=64 * MIB)) for _ in range(4)]
    try:
        mapped = 0
        for session in sessions:
            session.begin()
            for step in range(16):
                status = session.map(step * 6 * MIB, 6 * MIB)
                assert status in (0, OUT_OF_MEMORY)
                mapped += 6 * MIB if status == 0 else 0
        assert mapped == 60 * MIB
        assert {session.memory_info() for session in sessions} == {(4 * MIB, 64 * MIB)}
    finally:
        for session in sessions:
            session.socket.close()


def test_what_is_freed_can_be_had_again_at_once(session: Session) -> None:
    assert session.map(0, 64 * MIB) == 0
    for round_ in range(20):
        session.write(round_ * 1000, bytes(PIECE))  # work is queued before the free
        session.unmap(0, 64 * MIB)
        assert session.map(0, 64 * MIB) == 0
    assert pushed_statuses(session) == []


def test_bytes_survive_both_ways_in_many_pieces(session: Session) -> None:
    assert session.map(0, 32 * MIB) == 0
    data = random.Random(3).randbytes(32 * MIB)
    for offset in range(0, len(data), PIECE):
        session.write(offset, data[offset : offset + PIECE])
    address = session.devices[0].arena_address
    asked = [  # all at once: more than the worker's bulk memory holds in flight
        session.send(wire.COPY_TO_HOST, struct.pack("<QQQII", address + offset, PIECE, 0, 0, 0), flags=wire.WANTS_REPLY)
        for offset in range(0, len(data), PIECE)
    ]
    answers: dict[int, Frame] = {}
    while len(answers) < len(asked):
        frame = session.receive()
        answers[frame.sequence] = frame
    received = b"".join(answers[sequence].bulk for sequence in asked)
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()


def test_answers_wait_for_the_reader_without_a_bound_on_time(session: Session) -> None:
    """More answers than sockets and pools hold; the client reads only after it has asked for everything."""
    assert session.map(0, 4 * MIB) == 0
    session.write(0, bytes(range(256)) * 8192)
    address = session.devices[0].arena_address
    arguments = struct.pack("<QQQII", address, PIECE, 0, 0, 0)
    asked = [session.send(wire.COPY_TO_HOST, arguments, flags=wire.WANTS_REPLY) for _ in range(60)]
    waiting = set(asked)  # answers come as they are ready, not in the order of the questions
    while waiting:
        frame = session.receive()
        assert (frame.status, len(frame.bulk)) == (0, PIECE)
        waiting.remove(frame.sequence)


def test_memory_outside_the_arena_or_out_of_step_is_refused(session: Session) -> None:
    device = session.devices[0]
    granule = device.granularity
    assert session.map(granule // 2, granule) == INVALID_VALUE
    assert session.map(0, granule // 2) == INVALID_VALUE
    assert session.map(0, 0) == INVALID_VALUE
    assert session.map(device.arena_bytes, granule) == INVALID_VALUE
    assert session.map(-granule, granule) == INVALID_VALUE
    assert session.map(0, 1 << 62) == INVALID_VALUE
    assert session.map(2**64 - device.arena_address - granule, 2 * granule) == INVALID_VALUE
    assert session.map(0, granule) == 0
    assert session.map(0, granule) == INVALID_VALUE
    assert session.memory_info() == (64 * MIB - granule, 64 * MIB)


def test_unmapping_what_is_not_mapped_is_an_error_and_changes_nothing(session: Session) -> None:
    granule = session.devices[0].granularity
    assert session.map(0, 2 * granule) == 0
    for offset, size in ((granule, granule), (0, granule), (4 * granule, granule), (0, 3 * granule), (1, 1)):
        session.unmap(offset, size)
    assert pushed_statuses(session) == [INVALID_VALUE] * 5
    assert session.memory_info()[0] == 64 * MIB - 2 * granule
    session.unmap(0, 2 * granule)
    assert session.map(0, 64 * MIB) == 0


def test_copies_to_addresses_that_are_not_mapped_do_not_hurt_the_worker(session: Session) -> None:
    frame = session.read(0, 4096)
    assert frame.status != 0
    assert frame.bulk == b""
    session.write(0, bytes(4096))
    assert session.ask(wire.PING).status == 0


def test_handles_that_stand_for_nothing(session: Session) -> None:
    for wrong in (
        *(12345, 2**64 - 1, handle(wire.KIND_STREAM, 5), handle(wire.KIND_EVENT, 0), handle(wire.KIND_CONTEXT, 1, 2)),
        handle(63, 2**24 - 1, 2**20 - 1, 63),
    ):
        for what in (1, 2, 4, 99):
            assert session.ask(wire.WAIT, struct.pack("<IIQ", what, 0, wrong)).status == INVALID_HANDLE
            assert session.ask(wire.QUERY, struct.pack("<IIQ", what, 0, wrong)).status == INVALID_HANDLE
    assert session.ask(wire.MEMORY_INFO, struct.pack("<Q", 64)).status == INVALID_DEVICE
    assert session.ask(wire.WAIT, struct.pack("<IIQ", 1, 0, 0), context=77).status == INVALID_CONTEXT


def test_frames_that_are_too_short_are_refused(session: Session) -> None:
    for call in range(2, 64):
        if call != wire.PING:
            assert session.ask(call, b"").status != 0, call
    assert session.ask(wire.PING).status == 0


@pytest.mark.parametrize(
    "head",
    [
        struct.pack("<IHHQIiQ", 8, 2, 1, 1, 0, 0, 0),
        struct.pack("<IHHQIiQ", 33, 2, 1, 1, 0, 0, 0),
        struct.pack("<IHHQIiQ", 2**31, 2, 1, 1, 0, 0, 0),
        struct.pack("<IHHQIiQ", 32, 2, 1, 1, 0, 0, 2**40),
        bytes(32),
        bytes([255]) * 32,
    ],
)
def test_a_frame_of_impossible_size_ends_the_session_and_only_that(node: Node, head: bytes) -> None:
    agent = node.agent()
    with node.open(node.ticket()) as liar, node.open(node.ticket()) as honest:
        liar.socket.sendall(head)
        liar.until_ended()
        assert agent.expect("session", state="closed")["reason"] == "client-lost"
        honest.begin()
        assert honest.map(0, 2 * MIB) == 0
        honest.goodbye()


def test_a_frame_that_never_ends_leaves_with_its_client(node: Node) -> None:
    agent = node.agent()
    with node.open(node.ticket()) as session:
        session.socket.sendall(struct.pack("<IHHQIiQ", 4096, 2, 1, 1, 0, 0, PIECE) + bytes(1000))
    assert agent.expect("session", state="closed")["reason"] == "client-lost"


@pytest.mark.parametrize("seed", range(12))
def test_random_arguments_kill_at_most_their_own_worker(node: Node, seed: int) -> None:
    """Every call number, with arguments that are noise, plausible handles and plausible addresses."""
    agent = node.agent()
    chance = random.Random(seed)
    with node.open(node.ticket()) as noisy, node.open(node.ticket()) as honest:
        noisy.begin()
        noisy.map(0, 4 * MIB)
        address = noisy.devices[0].arena_address
        try:
            for _ in range(400):
                words = [
                    chance.choice(
                        (
                            *(0, 1, 2, 3, 4, 64, 2**32 - 1, 2**63, chance.getrandbits(64), address, address + 4096),
                            handle(chance.randrange(20), chance.randrange(4)),
                        )
                    )
                    for _ in range(chance.randrange(40))
                ]
                call = chance.choice((chance.randrange(2, 64), chance.randrange(64, 300), chance.randrange(65536)))
                noisy.send(
                    call,
                    b"".join(struct.pack("<Q", word) for word in words),
                    chance.randbytes(chance.choice((0, 0, 64))),
                    flags=chance.choice((0, 1)),
                    context=chance.choice((0, 1, 1, 1, 9)),
                )
        except (BrokenPipeError, ConnectionResetError):
            pass
        noisy.socket.close()
        agent.expect("session", state="closed")
        honest.begin()
        assert honest.map(0, 64 * MIB) == 0
        honest.goodbye()
