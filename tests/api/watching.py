"""Reads a stream of server-sent events from the application itself, piece by piece as it is sent."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Message

from stage.pool import PoolStage

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Event:
    """One event; a heartbeat is one of the kind `heartbeat`."""

    kind: str
    id: str | None
    data: Any


class Watch:
    """A stream that is being read."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.status = 0
        self.headers: dict[str, str] = {}
        self._text = ""
        self._over = False

    async def begin(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            start = await self.sent.get()
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}

    async def event(self) -> Event | None:
        """The next event; None at the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            while "\n\n" not in self._text:
                if self._over:
                    return None
                piece = await self.sent.get()
                self._text += piece.get("body", b"").decode()
                self._over = not piece.get("more_body", False)
        block, _, self._text = self._text.partition("\n\n")
        if block == ": heartbeat":
            return Event("heartbeat", None, None)
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return Event(fields.get("event", ""), fields.get("id"), json.loads(fields.get("data", "null")))

    async def until(self, kind: str) -> list[Event]:
        """The events up to and with the next of that kind."""
        seen: list[Event] = []
        while not seen or seen[-1].kind != kind:
            event = await self.event()
            assert event is not None, f"the stream ended before {kind}: {seen}"
            seen.append(event)
        return seen


@asynccontextmanager
async def watching(
    stage: PoolStage, query: str = "", headers: Mapping[str, str] | None = None, *, who: str = "ann"
) -> AsyncIterator[Watch]:
    """Watch, until the end of the block; the client leaves then."""
    stream, left = Watch(), asyncio.Event()
    given = {**stage.as_(who), **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/api/v1/watch", "raw_path": b"/api/v1/watch", "root_path": "",
        "query_string": query.encode(), "server": ("pool", 80), "client": ("127.0.0.1", 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(stage.app(scope, receive, stream.sent.put))
    try:
        await stream.begin()
        yield stream
    finally:
        left.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await task
