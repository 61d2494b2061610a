"""A TCP way to a Unix socket that can be cut: what is sent then goes nowhere, and nobody is told."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["CuttableWay"]


class CuttableWay:
    """Context manager: what connects to 127.0.0.1:`port` is connected with the socket at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._wake, self._woken = socket.socketpair()
        self._cut = False
        self._over = False
        self._thread = threading.Thread(target=self._carry)

    def cut(self) -> None:
        """From now on nothing gets through, and nothing is refused either."""
        self._cut = True
        self._wake.send(b".")

    def mend(self) -> None:
        """New connections get through; those of before are closed."""
        self._cut = False
        self._wake.send(b"m")

    def __enter__(self) -> CuttableWay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._wake.send(b".")
        self._thread.join()
        for end in (self._listener, self._wake, self._woken):
            end.close()

    def _carry(self) -> None:
        while not self._over:
            others = {one: other for pair in self._pairs for one, other in (pair, pair[::-1])}
            # While it is cut, nobody is even accepted: the kernel takes the connection, as a silent router would.
            watched = [self._woken] if self._cut else [self._woken, self._listener, *others]
            for readable in select.select(watched, [], [])[0]:
                if readable is self._woken:
                    if b"m" in self._woken.recv(64):
                        self._close_all()
                        others = {}
                elif readable is self._listener:
                    self._connect()
                elif readable in others and readable.fileno() >= 0:
                    self._pass_on(readable, others[readable])
        self._close_all()

    def _connect(self) -> None:
        near = self._listener.accept()[0]
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(self._path))
        except OSError:
            near.close()
            far.close()
            return
        self._pairs.append((near, far))

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            piece = one.recv(65536)
            if piece:
                other.sendall(piece)
                return
        except OSError:
            pass
        self._pairs = [pair for pair in self._pairs if one not in pair]
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.close()

    def _close_all(self) -> None:
        for pair in self._pairs:
            for end in pair:
                end.close()
        self._pairs = []
