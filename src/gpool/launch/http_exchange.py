"""One HTTP request and its answer, in as little code as that takes.

The standard library's client parses headers with the `email` package, whose import alone takes a quarter of the time
that `gpool run` may take before a job starts. We ask as HTTP/1.0, so the answer is whole when the connection closes and
never chunked; nothing more is needed to talk to a controller, also through a reverse proxy.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from gpool.paths import state_folder
from gpool.security.pinned_authority import authority_file

__all__ = [
    "LONGEST_ANSWER",
    "Answer",
    "NotHttpError",
    "Target",
    "connected",
    "exchange",
    "head_of",
    "request_bytes",
]

LONGEST_ANSWER = 64 << 20


class NotHttpError(Exception):
    """What came back is not an HTTP answer, or not a whole one."""


class Target(NamedTuple):
    """Where to ask."""

    tls: bool
    host: str
    port: int
    ca: str = ""
    """Authority to trust: a file with its certificate, or `sha256:` and its fingerprint; empty: those of the system."""


class Answer(NamedTuple):
    """Status code, body, and after how many seconds to ask again, if that was said."""

    status: int
    body: bytes
    retry_after_s: float | None = None


def exchange(
    target: Target, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
) -> Answer:
    """Send a request and return the answer. `path` must be escaped already, header values free of line ends.

    Raises `OSError` (`TimeoutError` when all of it takes longer than `timeout_s`) and `NotHttpError`.
    """
    deadline = time.monotonic() + timeout_s
    with connected(target, timeout_s) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(request_bytes(target, method, path, headers, body))
        received = bytearray()
        while True:
            connection.settimeout(_left(deadline))
            piece = connection.recv(65536)
            if not piece:
                return _parse(bytes(received))
            received += piece
            if len(received) > LONGEST_ANSWER:
                raise NotHttpError("the answer does not end")


def connected(target: Target, timeout_s: float) -> socket.socket:
    """A connection to `target`, with TLS if it says so. Raises `OSError`, for a certificate that is not to be trusted
    `ssl.SSLCertVerificationError`; and `InvalidInput` when it has another authority than the one to trust."""
    ca = authority_file(target.ca, target.host, target.port, _authorities()) if target.tls and target.ca else ""
    plain = socket.create_connection((target.host, target.port), timeout_s)
    if not target.tls:
        return plain
    try:
        import ssl  # 8 ms, only for those who need it

        context = ssl.create_default_context(cafile=ca or None)
        return context.wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _authorities() -> str:
    """Folder of the authorities that were fetched by their fingerprints."""
    return os.path.join(state_folder(), "authorities")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def request_bytes(target: Target, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The request as HTTP/1.0."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"{method} {path} HTTP/1.0", f"Host: {host}:{target.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _parse(received: bytes) -> Answer:
    head, separator, body = received.partition(b"\r\n\r\n")
    status, fields = head_of(head if separator else b"")
    if fields.get("content-length", str(len(body))) != str(len(body)):
        raise NotHttpError("the answer was cut short")
    retry_after = fields.get("retry-after", "")
    # It may also be a date, which no controller sends.
    return Answer(status, body, float(retry_after) if retry_after.isdecimal() else None)


def head_of(head: bytes) -> tuple[int, dict[str, str]]:
    """The status code of an answer, and its header fields by their names in small letters. Raises `NotHttpError`."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        raise NotHttpError("no HTTP status line")
    pairs = (line.partition(":") for line in lines[1:])
    return int(words[1]), {name.lower(): value.strip() for name, _, value in pairs}
