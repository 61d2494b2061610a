"""What a worker does with messages about graphs that make no sense: an error, and it goes on."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from workerd.conftest import Node
from workerd.speaker import PUSH_ERROR, Session, handle

INVALID_VALUE, INVALID_HANDLE, ILLEGAL_STATE = 1, 400, 401
HOST_FUNCTION_DONE, GRAPH_NODE, GRAPH_FUNCTION, GRAPH_CAPTURE, GRAPH_NODE_GET = 22, 23, 28, 30, 31
PUSH_DONE, GRAPH_UPDATE, GRAPH_LAUNCH, GRAPH_DOT, WHEN_DONE = 36, 45, 46, 49, 50
GRAPH_CREATE = 76
GRAPH, STALE_GRAPH, STALE_EXEC, STALE_NODE = handle(8, 1), handle(8, 9), handle(9, 9), handle(10, 9)
DEVICE_SIDE, HOST_SIDE = 2, 1
RUN = 1 << 63


def _side(kind: int, address: int, pitch: int = 64, height: int = 1, z: int = 0) -> bytes:
    return struct.pack("<II6Q", kind, 0, address, pitch, height, 0, 0, z)


def _node(type_: int, parameters: bytes) -> bytes:
    return struct.pack("<IIQQII", 1, type_, GRAPH, handle(10, 1), 0, 0) + parameters


def _copy(source: bytes, width: int = 64, height: int = 1, depth: int = 1) -> bytes:
    return source + _side(DEVICE_SIDE, 1 << 40) + struct.pack("<QQQQII", width, height, depth, 0, 0, 0)


@pytest.fixture
def session(node: Node) -> Iterator[Session]:
    """One with a graph."""
    node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        session.send(GRAPH_CREATE, struct.pack("<QII", GRAPH, 0, 0))
        yield session
        session.goodbye()


NONSENSE = [
    (GRAPH_NODE_GET, struct.pack("<QQ", STALE_NODE, 0), INVALID_HANDLE),
    (GRAPH_NODE_GET, b"", INVALID_VALUE),
    (GRAPH_DOT, struct.pack("<QQ", STALE_GRAPH, 0), INVALID_HANDLE),
    (GRAPH_UPDATE, struct.pack("<QQ", STALE_EXEC, GRAPH), INVALID_HANDLE),
    (GRAPH_CAPTURE, struct.pack("<IIQQQ", 1, 0, 2, GRAPH, 1 << 40), INVALID_VALUE),
    (GRAPH_CAPTURE, struct.pack("<IIQQQ", 7, 0, 2, GRAPH, 0), INVALID_VALUE),
    (GRAPH_CAPTURE, struct.pack("<IIQQQ", 2, 0, 2, 0, 3), INVALID_VALUE),
    (GRAPH_FUNCTION, struct.pack("<QQ", 2, 5), ILLEGAL_STATE),  # the stream is not captured
    (GRAPH_NODE, _node(4, struct.pack("<Q", RUN | 1)), INVALID_VALUE),  # that is the number of a run
    (GRAPH_NODE, _node(4, struct.pack("<Q", 0)), INVALID_VALUE),
    (GRAPH_NODE, _node(5, struct.pack("<Q", STALE_GRAPH)), INVALID_HANDLE),
    (GRAPH_NODE, _node(6, b""), INVALID_VALUE),
    (GRAPH_NODE, _node(2, _copy(_side(HOST_SIDE, 1 << 30))), INVALID_VALUE),  # host memory that nobody has mapped
    (GRAPH_NODE, _node(2, _copy(_side(HOST_SIDE, 1, pitch=1 << 39, height=1 << 39, z=1 << 39))), INVALID_VALUE),
    (GRAPH_NODE, _node(99, b""), INVALID_VALUE),
]


def test_nonsense_about_graphs(session: Session) -> None:
    for call, arguments, status in NONSENSE:
        assert session.ask(call, arguments).status == status, (call, arguments)
    assert session.wait_for_context() == 0


def test_a_launch_that_fails_is_over_at_once(session: Session) -> None:
    """The client counts on the word: its thread for functions listens until then."""
    session.send(GRAPH_LAUNCH, struct.pack("<QQQ", STALE_EXEC, 2, 77))
    session.send(HOST_FUNCTION_DONE, struct.pack("<Q", RUN | 5))  # there is no such run
    session.send(WHEN_DONE, struct.pack("<Q", 78))
    while len(session.pushes) < 3:
        session.receive()
    assert [frame.call for frame in session.pushes] == [PUSH_ERROR, PUSH_DONE, PUSH_DONE]
    assert [frame.arguments[:8] for frame in session.pushes[1:]] == [struct.pack("<Q", one) for one in (77, 78)]
