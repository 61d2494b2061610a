"""A network between a client and a workerd that is slow, narrow or breaks, as a TCP proxy on loopback.

It passes on bytes, so it shows every delay, every limit of bandwidth and every cut of a connection, but no lost packet:
those take a link of packets (`lossy_link.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType

__all__ = ["Proxy"]

_PATIENCE_S = 20.0
_PIECE_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Proxy:
    """Context manager: `address` leads to `target` ("HOST:PORT").

    delay_s: in each direction. bytes_per_s: of each direction, of all connections together. cuts: after how many
    passed bytes (both directions together) each connection in its turn is cut; when it is used up, no more are.
    Cuts alternate between hard ones (RST) and orderly ones (FIN).
    """

    def __init__(
        self, target: str, *, delay_s: float = 0.0, bytes_per_s: float | None = None, cuts: Iterator[int] | None = None
    ) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._cuts = cuts if cuts is not None else iter(())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_count = 0
        self.passed_bytes = 0
        self._down = False
        self._open: set[_Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._in_loop(self._serve())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def cut(self, *, for_good: bool = False) -> None:
        """Cuts what is open now. `for_good`: whoever connects from now on is cut at once, until `mend`."""

        async def act() -> None:
            self._down = for_good
            for connection in list(self._open):
                connection.cut(hard=True)

        self._in_loop(act())

    def mend(self) -> None:
        """Ends `cut(for_good=True)`."""

        async def act() -> None:
            self._down = False

        self._in_loop(act())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _in_loop(self, what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(_PATIENCE_S)  # type: ignore[arg-type]

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._listener)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._open):
            connection.cut(hard=False)
        if self._serving:
            await asyncio.wait(self._serving, timeout=_PATIENCE_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(next(self._cuts, None), writer, far_writer)
        self._open.add(connection)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await asyncio.gather(
                self._pass_on(connection, reader, far_writer, _Pace(self._delay_s, self._bytes_per_s)),
                self._pass_on(connection, far_reader, writer, _Pace(self._delay_s, self._bytes_per_s)),
            )
        finally:
            self._open.discard(connection)
            self._serving.discard(task)
            connection.cut(hard=False)

    async def _pass_on(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: _Pace
    ) -> None:
        """One direction, until its end. What is on its way is bounded, so that a slow reader slows the writer."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(pace.pieces)

        async def deliver() -> None:
            while True:
                due, piece = await on_the_way.get()
                if (early := due - self._loop.time()) > 0:
                    await asyncio.sleep(early)
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()

        async def take() -> None:
            while True:
                piece = await reader.read(_PIECE_BYTES)
                if connection.left is not None and 0 < connection.left <= len(piece):
                    # What was passed on before the cut arrives, as on a network.
                    piece, connection.left = piece[: connection.left], 0
                    await on_the_way.put((pace.due(self._loop.time(), len(piece)), piece))
                    await asyncio.sleep(self._delay_s)
                    self.cut_count += 1
                    connection.cut(hard=self.cut_count % 2 == 1)
                    await on_the_way.put((0.0, b""))
                    return
                if connection.left is not None:
                    connection.left -= len(piece)
                self.passed_bytes += len(piece)
                await on_the_way.put((pace.due(self._loop.time(), len(piece)), piece))
                if not piece:
                    return

        delivering = asyncio.ensure_future(deliver())
        with contextlib.suppress(OSError):
            try:
                await take()
                await asyncio.wait_for(delivering, _PATIENCE_S)
                if writer.can_write_eof() and not writer.is_closing():
                    writer.write_eof()
            finally:
                delivering.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await delivering


class _Connection:
    """The two sockets of one connection. left: bytes until it is cut; None: it is not."""

    def __init__(self, left: int | None, *writers: asyncio.StreamWriter) -> None:
        self.left = left
        self._writers = writers

    def cut(self, *, hard: bool) -> None:
        for writer in self._writers:
            if hard and not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort() if hard else writer.close()


class _Pace:
    """When bytes arrive on a line of a given delay and bandwidth."""

    def __init__(self, delay_s: float, bytes_per_s: float | None) -> None:
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0
        # Twice what fits on the line, and something for the line's ends.
        self.pieces = 8 + int(2 * delay_s * (bytes_per_s or 1e9) / _PIECE_BYTES)

    def due(self, now: float, count: int) -> float:
        """Time of arrival of `count` bytes that begin to be sent now, or when the line is free."""
        self._free_at = max(now, self._free_at)
        if self._bytes_per_s is not None:
            self._free_at += count / self._bytes_per_s
        return self._free_at + self._delay_s
