"""Server-sent events from the controller, one after the other, as they come."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gpool.launch.http_exchange import Answer, NotHttpError, Target, connected, head_of, request_bytes

__all__ = ["ServerEvent", "StreamRefusedError", "event_stream"]

_LONGEST_EVENT = 16 << 20


class ServerEvent(NamedTuple):
    """One event."""

    kind: str
    id: str
    data: str


class StreamRefusedError(Exception):
    """The controller answered with something else than a stream."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP status {answer.status}")
        self.answer = answer


def event_stream(target: Target, path: str, headers: Mapping[str, str], silence_s: float) -> Iterator[ServerEvent]:
    """The events until the controller ends the stream.

    Raises `StreamRefusedError`, `OSError` (`TimeoutError` when nothing, not even a heartbeat, came for `silence_s`
    seconds) and `NotHttpError`.
    """
    with connected(target, silence_s) as connection:
        connection.settimeout(silence_s)
        connection.sendall(request_bytes(target, "GET", path, headers, None))
        received = bytearray()
        while b"\r\n\r\n" not in received:
            _receive_more(connection, received)
        raw_head, _, rest = bytes(received).partition(b"\r\n\r\n")
        status, fields = head_of(raw_head)
        chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        pieces = _chunks(connection, rest) if chunked else _pieces(connection, rest)
        if status != 200:
            raise StreamRefusedError(Answer(status, b"".join(pieces)))
        yield from _events(pieces)


def _receive_more(connection: socket.socket, received: bytearray) -> None:
    piece = connection.recv(65536)
    if not piece:
        raise NotHttpError("the answer was cut short")
    received += piece
    if len(received) > _LONGEST_EVENT:
        raise NotHttpError("an event does not end")


def _pieces(connection: socket.socket, rest: bytes) -> Iterator[bytes]:
    while rest:
        yield rest
        rest = connection.recv(65536)


def _chunks(connection: socket.socket, rest: bytes) -> Iterator[bytes]:
    """The body without the framing of HTTP/1.1, which some servers use for HTTP/1.0 too."""
    received = bytearray(rest)
    while True:
        while b"\r\n" not in received:
            _receive_more(connection, received)
        line, _, tail = bytes(received).partition(b"\r\n")
        try:
            length = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise NotHttpError("a chunk without its length") from error
        received = bytearray(tail)
        while len(received) < length + 2:
            _receive_more(connection, received)
        if length == 0:
            return
        yield bytes(received[:length])
        del received[: length + 2]


def _events(pieces: Iterator[bytes]) -> Iterator[ServerEvent]:
    received = bytearray()
    for piece in pieces:
        received += piece
        while (end := received.find(b"\n\n")) >= 0:
            fields = {}
            for line in received[:end].decode(errors="replace").split("\n"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            del received[: end + 2]
            if "event" in fields or "id" in fields:
                yield ServerEvent(fields.get("event", ""), fields.get("id", ""), fields.get("data", ""))
        if len(received) > _LONGEST_EVENT:
            raise NotHttpError("an event does not end")
