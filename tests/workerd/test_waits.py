"""The worker goes on while the GPU is busy, and frees only what is no longer in use."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator

import pytest

from workerd import speaker as wire
from workerd.conftest import MIB, Node
from workerd.speaker import Frame, Session, handle

ILLEGAL_ADDRESS, INVALID_VALUE, INVALID_HANDLE, NOT_READY, NOT_FOUND = 700, 1, 400, 600, 500
INVALID_CONTEXT, CONTEXT_IS_DESTROYED = 201, 709
STREAM_CREATE, NON_BLOCKING = 111, 1
ROUNDS = 15_000_000
"""Of the busy kernel: long against a round trip, short against anybody's patience."""

PTX = b"""
.version 7.0
.target sm_52
.address_size 64
.visible .global .align 4 .u32 answer = 42;
.visible .entry busy(.param .u64 where, .param .u32 rounds, .param .u32 value)
{
  .reg .u64 %a;
  .reg .u32 %n, %v;
  .reg .pred %p;
  ld.param.u64 %a, [where];
  ld.param.u32 %n, [rounds];
  ld.param.u32 %v, [value];
again:
  setp.eq.u32 %p, %n, 0;
  @%p bra done;
  sub.u32 %n, %n, 1;
  bra again;
done:
  st.global.u32 [%a], %v;
  ret;
}
"""

MODULE = handle(wire.KIND_MODULE, 1)
BUSY = handle(wire.KIND_FUNCTION, 1)  # the first kernel of the first module


def load(session: Session, image: bytes, module: int = MODULE) -> Frame:
    """Loads an image in one piece."""
    head = struct.pack("<Q32sQQII", module, hashlib.sha256(image).digest(), len(image), 0, 2, 0)
    return session.ask(wire.MODULE_LOAD, head, image)


def launch(session: Session, offset: int, value: int, rounds: int = ROUNDS, stream: int = 0) -> None:
    """Queues the busy kernel."""
    parameters = struct.pack("<QII", session.devices[0].arena_address + offset, rounds, value)
    head = struct.pack("<QQ6I4I", BUSY, stream, 1, 1, 1, 1, 1, 1, 0, 0, len(parameters), 0)
    session.send(wire.LAUNCH, head + parameters)


def ask_later(session: Session, call: int, arguments: bytes) -> int:
    return session.send(call, arguments, flags=wire.WANTS_REPLY)


def context_wait() -> bytes:
    return struct.pack("<IIQ", 3, 0, handle(wire.KIND_CONTEXT, 1))


@pytest.fixture
def session(node: Node) -> Iterator[Session]:
    node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        assert session.map(0, 4 * MIB) == 0
        yield session


@pytest.fixture
def loaded(session: Session) -> Session:
    assert load(session, PTX).status == 0
    return session


def test_a_record_says_all_about_a_module(session: Session) -> None:
    record = load(session, PTX).arguments
    kernels, parameters, _, _ = struct.unpack_from("<4I", record)
    assert (kernels, parameters) == (1, 3)
    name_offset, name_length, first, count, parameter_bytes, number = struct.unpack_from("<6I", record, 16)
    assert (first, count, parameter_bytes, number) == (0, 3, 16, 0)
    layout = 16 + 24 + 64
    assert [struct.unpack_from("<2I", record, layout + 8 * i) for i in range(3)] == [(0, 8), (8, 4), (12, 4)]
    names = record[layout + 24 :]
    assert names[name_offset : name_offset + name_length] == b"busy"


def test_a_global_is_found_by_name(loaded: Session) -> None:
    def find(name: bytes) -> Frame:
        return loaded.ask(20, struct.pack("<QII", MODULE, len(name), 0) + name)

    found = find(b"answer")
    assert found.status == 0
    assert struct.unpack("<QQ", found.arguments)[1] == 4
    assert find(b"question").status == NOT_FOUND
    assert loaded.ask(20, struct.pack("<QII", MODULE, 2**31, 0)).status == INVALID_VALUE


def test_a_wait_holds_nobody_else_up(loaded: Session) -> None:
    launch(loaded, 0, 7)
    wait = ask_later(loaded, wire.WAIT, context_wait())
    copy = ask_later(loaded, wire.COPY_TO_HOST, struct.pack("<QQQII", loaded.devices[0].arena_address, 4, 0, 0, 0))
    ping = ask_later(loaded, wire.PING, b"")
    query = ask_later(loaded, wire.QUERY, context_wait())
    answers = [loaded.receive() for _ in range(4)]
    order = [frame.sequence for frame in answers]
    assert order.index(ping) < order.index(wait)
    assert order.index(ping) < order.index(copy)
    by_sequence = {frame.sequence: frame for frame in answers}
    assert by_sequence[query].status == NOT_READY
    assert by_sequence[wait].status == 0
    assert by_sequence[copy].bulk == struct.pack("<I", 7)


def test_memory_stays_until_the_work_before_its_free_is_done(loaded: Session) -> None:
    launch(loaded, 0, 7)
    loaded.unmap(0, 4 * MIB)  # with 64 MiB allowed, all of them are to be had again
    mapped = ask_later(loaded, wire.MEMORY_MAP, struct.pack("<IIQQ", 0, 0, loaded.devices[0].arena_address, 64 * MIB))
    ping = ask_later(loaded, wire.PING, b"")
    assert loaded.receive().sequence == ping
    assert loaded.answer_to(mapped).status == 0
    assert loaded.wait_for_context() == 0
    assert loaded.pushes == []


def test_work_after_a_fence_comes_after_all_work_before_it(loaded: Session) -> None:
    """The client's allocator hands the same bytes to another stream; the first stream still writes them."""
    stream = handle(wire.KIND_STREAM, 1)
    launch(loaded, 0, 7)
    loaded.send(wire.FENCE, struct.pack("<Q", 0))
    launch(loaded, 0, 8, rounds=0, stream=2)
    assert loaded.wait_for_context() == 0
    assert loaded.read(0, 4).bulk == struct.pack("<I", 8)
    assert loaded.ask(wire.WAIT, struct.pack("<IIQ", 1, 0, stream)).status == INVALID_HANDLE


def test_a_fault_is_told_at_once_and_stays(loaded: Session) -> None:
    launch(loaded, 1 << 32, 7, rounds=0)
    assert loaded.wait_for_context() == ILLEGAL_ADDRESS
    assert [push.status for push in loaded.pushes] == [ILLEGAL_ADDRESS]
    assert loaded.map(8 * MIB, 2 * MIB) == ILLEGAL_ADDRESS
    assert loaded.wait_for_context() == ILLEGAL_ADDRESS


def test_a_fault_stays_within_its_session(node: Node) -> None:
    node.agent()
    with node.open(node.ticket()) as guilty, node.open(node.ticket()) as innocent:
        for session in (guilty, innocent):
            session.begin()
            assert session.map(0, 2 * MIB) == 0
            assert load(session, PTX).status == 0
        launch(guilty, 1 << 32, 1, rounds=0)
        assert guilty.wait_for_context() == ILLEGAL_ADDRESS
        launch(innocent, 0, 5, rounds=0)
        assert innocent.read(0, 4).bulk == struct.pack("<I", 5)


def test_a_client_that_is_gone_is_not_waited_for(start: Callable[..., Node]) -> None:
    """Its context cannot end, because its kernel does not; the worker stands there and hears nothing any more."""
    node = start(fault="hang-kernel=busy")
    agent = node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        assert session.map(0, 2 * MIB) == 0
        assert load(session, PTX).status == 0
        launch(session, 0, 7)
        ask_later(session, wire.COPY_TO_HOST, struct.pack("<QQQII", session.devices[0].arena_address, 4, 0, 0, 0))
        assert session.ask(wire.PING).status == 0
        release_primary = 2
        session.send(wire.DEVICE_CONTEXT, struct.pack("<IIQII", release_primary, 0, handle(wire.KIND_CONTEXT, 1), 0, 0))
    closed = agent.expect("session", state="closed")
    assert closed["reason"] == "client-lost"
    # By whichever thread was first: the one that waits for the end of the connection tells the link, too.
    assert closed["detail"] in {
        "the client is gone while a call of the driver does not return",
        "the connection to the client ended without a goodbye",
    }
    assert not list(node.state.glob("ledger-*"))


def test_a_launch_with_too_few_parameter_bytes_reads_nothing_of_the_worker(loaded: Session) -> None:
    head = struct.pack("<QQ6I4I", BUSY, 0, 1, 1, 1, 1, 1, 1, 0, 0, 8, 0)
    loaded.send(wire.LAUNCH, head + bytes(8))
    head = struct.pack("<QQ6I4I", BUSY, 0, 1, 1, 1, 1, 1, 1, 0, 0, 2**31, 0)
    loaded.send(wire.LAUNCH, head + bytes(16))
    head = struct.pack("<QQ6I4I", BUSY, 0, 1, 1, 1, 1, 1, 1, 0, 0, 16, 2**31)
    loaded.send(wire.LAUNCH, head + bytes(16))
    loaded.ask(wire.PING)
    assert [push.status for push in loaded.pushes] == [INVALID_VALUE] * 3


def test_images_that_are_none_or_come_in_the_wrong_pieces(session: Session) -> None:
    assert load(session, b"this is not code").status not in (0, NOT_FOUND)
    head, digest = struct.Struct("<Q32sQQII"), hashlib.sha256(PTX).digest()
    for size, offset in ((100, 50), (0, 0), (2**40, 0), (4, 0)):
        asked = session.ask(wire.MODULE_LOAD, head.pack(MODULE, bytes(32), size, offset, 2, 0), b"pieces")
        assert asked.status == INVALID_VALUE
    session.send(wire.MODULE_LOAD, head.pack(MODULE, digest, len(PTX), 0, 2, 0), PTX[:100])
    assert session.ask(wire.MODULE_LOAD, head.pack(MODULE, digest, len(PTX), 100, 2, 0), PTX[100:]).status == 0
    assert load(session, PTX).status == INVALID_HANDLE  # the handle is taken


SPIN = b"""
.version 7.0
.target sm_52
.address_size 64
.visible .entry spin(.param .u64 where)
{
  .reg .u64 %a;
  .reg .u32 %v;
  .reg .pred %p;
  ld.param.u64 %a, [where];
again:
  ld.volatile.global.u32 %v, [%a];
  setp.eq.u32 %p, %v, 0;
  @%p bra again;
  ret;
}
"""
SPINNER = handle(wire.KIND_MODULE, 2)


@pytest.fixture
def spinning(loaded: Session) -> Session:
    """A session with a kernel of the second module that runs until somebody writes to the first word of memory."""
    assert load(loaded, SPIN, SPINNER).status == 0
    loaded.write(0, bytes(8))
    assert loaded.wait_for_context() == 0
    # In a stream that other work does not wait for.
    loaded.send(STREAM_CREATE, struct.pack("<QIi", handle(wire.KIND_STREAM, 1), NON_BLOCKING, 0))
    head = struct.pack("<QQ6I4I", handle(wire.KIND_FUNCTION, 2), handle(wire.KIND_STREAM, 1), *[1] * 6, 0, 0, 8, 0)
    loaded.send(wire.LAUNCH, head + struct.pack("<Q", loaded.devices[0].arena_address))
    return loaded


def let_go(session: Session) -> None:
    session.write(0, struct.pack("<Q", 1))


def test_unloading_code_that_still_runs_holds_nobody_else_up(spinning: Session) -> None:
    spinning.send(wire.MODULE_UNLOAD, struct.pack("<Q", SPINNER))
    launch(spinning, 8, 7, rounds=0)
    assert spinning.read(8, 4).bulk == struct.pack("<I", 7)
    # For the client the code is gone: neither its kernel nor its handle means anything.
    head = struct.pack("<QQ6I4I", handle(wire.KIND_FUNCTION, 2), 0, *[1] * 6, 0, 0, 8, 0)
    assert spinning.ask(wire.LAUNCH, head + bytes(8)).status == INVALID_HANDLE
    assert spinning.ask(wire.MODULE_UNLOAD, struct.pack("<Q", SPINNER)).status == INVALID_HANDLE
    let_go(spinning)
    assert spinning.wait_for_context() == 0
    assert spinning.pushes == []


def test_a_load_waits_for_the_unload_before_it_and_holds_nobody_else_up(spinning: Session) -> None:
    spinning.send(wire.MODULE_UNLOAD, struct.pack("<Q", SPINNER))
    head = struct.pack("<Q32sQQII", handle(wire.KIND_MODULE, 2, 2), hashlib.sha256(PTX).digest(), len(PTX), 0, 2, 0)
    asked = spinning.send(wire.MODULE_LOAD, head, PTX, flags=wire.WANTS_REPLY)
    ping = ask_later(spinning, wire.PING, b"")
    assert spinning.receive().sequence == ping
    launch(spinning, 8, 7, rounds=0)
    assert spinning.read(8, 4).bulk == struct.pack("<I", 7)
    let_go(spinning)
    assert spinning.answer_to(asked).status == 0
    # Kernels are counted in the order of the loads' answers: this is the third.
    parameters = struct.pack("<QII", spinning.devices[0].arena_address + 16, 0, 9)
    kernel = handle(wire.KIND_FUNCTION, 3, 2)
    spinning.send(wire.LAUNCH, struct.pack("<QQ6I4I", kernel, 0, *[1] * 6, 0, 0, len(parameters), 0) + parameters)
    assert spinning.read(16, 4).bulk == struct.pack("<I", 9)


def test_ending_a_context_holds_nobody_else_up_and_comes_after_the_loads_before_it(spinning: Session) -> None:
    def context(action: int, flags: int = 0) -> bytes:
        return struct.pack("<IIQII", action, 0, handle(wire.KIND_CONTEXT, 7), flags, 0)

    create, destroy = 4, 5
    spinning.send(wire.MODULE_UNLOAD, struct.pack("<Q", SPINNER))  # all that follows waits behind this
    spinning.send(wire.DEVICE_CONTEXT, context(create), context=0)
    head = struct.pack("<Q32sQQII", handle(wire.KIND_MODULE, 9), hashlib.sha256(PTX).digest(), len(PTX), 0, 2, 0)
    asked = spinning.send(wire.MODULE_LOAD, head, PTX, flags=wire.WANTS_REPLY, context=7)
    spinning.send(wire.DEVICE_CONTEXT, context(destroy), context=0)
    assert spinning.ask(wire.PING).status == 0
    assert spinning.ask(wire.QUERY, context_wait(), context=7).status == INVALID_CONTEXT
    let_go(spinning)
    assert spinning.answer_to(asked).status == CONTEXT_IS_DESTROYED
    launch(spinning, 8, 7, rounds=0)
    assert spinning.read(8, 4).bulk == struct.pack("<I", 7)
    assert spinning.pushes == []
