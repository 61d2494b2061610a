"""The unix-socket server beside a command that tells each of its processes where the lease lives.

The protocol is in docs/internals/interfaces.md: one question line, an answer of a few lines, close.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from gpool.errors import GpoolError

__all__ = ["BROKER_SOCKET", "Asker", "Broker", "answer_lines", "bind_broker", "refusal_line", "unreachable_over_shm"]

BROKER_SOCKET = "broker.sock"
"""Name of the socket in its folder."""

PROTOCOL_VERSION = "1"
LONGEST_QUESTION = 4096
PATIENCE_S = 5.0  # for a client that connects and then says nothing, or does not read


def bind_broker(path: str) -> socket.socket:
    """A socket that listens at `path`; clients may connect from now on and are served when a `Broker` starts."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise GpoolError(f"the broker's socket {path!r} cannot be made ({error.strerror or error})") from error
    return listener


class Asker:
    """A process that has asked and waits for its answer."""

    def __init__(self, connection: socket.socket, pid: str) -> None:
        self._connection = connection
        self.pid = pid
        """As it says of itself."""

    def ask_for_patience(self) -> None:
        """Tell it that the answer takes longer. Raises `OSError` when it has gone."""
        self._connection.sendall(b"wait\n")


class Broker:
    """Serves `listener` from threads until `close`. `answer` makes the text for a question that is well formed."""

    def __init__(self, listener: socket.socket, answer: Callable[[Asker], str]) -> None:
        self._listener = listener
        self._answer = answer
        self._thread = threading.Thread(target=self._accept, name="broker", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop accepting; answers on their way are finished by their own threads."""
        # shutdown, not close alone: it wakes the thread that is blocked in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE_S)
            try:
                question = _read_line(connection)
                answer = _refuse(question) or self._answer(Asker(connection, _words(question).get("pid", "")))
                connection.sendall(answer.encode())
            except OSError:
                return  # the client went away; there is nobody to tell


def _read_line(connection: socket.socket) -> str:
    received = b""
    while b"\n" not in received and len(received) <= LONGEST_QUESTION:
        piece = connection.recv(1024)
        if not piece:
            break
        received += piece
    return received.partition(b"\n")[0].decode(errors="replace")


def _words(question: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in question.split()[1:64])


def _refuse(question: str) -> str | None:
    """The refusal that a question deserves; None when it is well formed."""
    verb, *_ = question.split() or [""]
    if verb != "open":
        return refusal_line("the broker understands only `open`; is something else than gpool's driver talking to it?")
    values = _words(question)
    if values.get("version") != PROTOCOL_VERSION:
        return refusal_line(
            f"the driver speaks version {values.get('version', '?')} of the broker's protocol and this `gpool run` "
            f"version {PROTOCOL_VERSION}; install the same gpool for both"
        )
    return None


def refusal_line(sentence: str) -> str:
    """The answer that refuses, as one line."""
    return f"error {' '.join(sentence.split())}\n"


def answer_lines(lease: Mapping[str, Any], sessions: list[dict[str, Any]], transport: str, own_host_id: str) -> str:
    """The answer that opens: `lease` and `sessions` as the controller's renewal carries them.

    A node's unix socket is offered only when the node is this host and its socket can be seen from here (a
    container shares the boot id of its host, but not always the folder).
    """
    vgpus = {vgpu["ordinal"]: vgpu for vgpu in lease["vgpus"]}
    session_of = {ordinal: number for number, session in enumerate(sessions) for ordinal in session["vgpus"]}
    lines = [f"lease id={lease['id']}"]
    for session in sessions:
        unix = _local_socket(session, own_host_id) or "-"
        if unix == "-" and not session.get("tcp"):
            return refusal_line(
                f"node {session['node']} offers no way to its GPUs from this host at the moment; "
                "try again in a moment, or look at `gpool node ls`"
            )
        lines.append(
            f"session node={session['node']} unix={unix} tcp={session.get('tcp') or '-'} "
            f"ticket={session['ticket']} transport={transport}"
        )
    for ordinal in sorted(vgpus):
        vgpu = vgpus[ordinal]
        lines.append(
            f"vgpu session={session_of[ordinal]} uuid={vgpu['gpu_uuid']} "
            f"memory={vgpu['memory_bytes']} compute={vgpu['compute_permille']}"
        )
    lines.append("end")
    return "\n".join(lines) + "\n"


def unreachable_over_shm(sessions: list[dict[str, Any]], own_host_id: str) -> str | None:
    """The first node whose shared memory cannot be reached from this host; None when all can."""
    for session in sessions:
        if _local_socket(session, own_host_id) is None:
            return str(session["node"])
    return None


def _local_socket(session: Mapping[str, Any], own_host_id: str) -> str | None:
    path = session.get("unix_path")
    if not path or session.get("host_id") != own_host_id or not os.access(path, os.R_OK | os.W_OK):
        return None
    return str(path)
