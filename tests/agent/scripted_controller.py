"""A controller that the test speaks for: the agent channel over a real WebSocket, one message at a time."""

from __future__ import annotations

import asyncio
import http
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gpool.channel.messages import (
    PROTOCOL,
    AgentMessage,
    Desired,
    DesiredLease,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
    agent_message,
)

PATIENCE_S = 20.0
KEY = "5a" * 32


class ScriptedController:
    """Hears what the agent says. `heard` has all messages of all connections in order."""

    def __init__(self) -> None:
        self.heard: list[AgentMessage] = []
        self.texts: list[str] = []
        """What was heard, word for word."""
        self.authorizations: list[str | None] = []
        self.connections = 0
        self.refuse: Refused | None = None
        self.answer_status: http.HTTPStatus | None = None
        self.heartbeat_s = 0.05
        self.key = KEY
        self.first_desired: Desired | None = Desired(counter=1, leases=())
        self.url = ""
        self._connection: ServerConnection | None = None
        self._changed = asyncio.Condition()

    async def until(self, happened: Callable[[], bool], what: str = "") -> None:
        """Wait until `happened`; it is looked at after each message."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(happened)

    async def until_observed(self, fits: Callable[[Observed], bool]) -> Observed:
        """Wait until the newest `observed` fits, and return it."""
        await self.until(lambda: self.observed is not None and fits(self.observed))
        assert self.observed is not None
        return self.observed

    @property
    def observed(self) -> Observed | None:
        """The newest `observed` of the connection that is open."""
        for message in reversed(self.heard):
            if isinstance(message, Hello):
                return None
            if isinstance(message, Observed):
                return message
        return None

    @property
    def hellos(self) -> list[Hello]:
        return [message for message in self.heard if isinstance(message, Hello)]

    @property
    def heartbeats(self) -> list[Heartbeat]:
        return [message for message in self.heard if isinstance(message, Heartbeat)]

    async def desire(self, counter: int, *leases: DesiredLease, revoked: tuple[str, ...] = ()) -> None:
        """Tell the agent what its node should have."""
        assert self._connection is not None
        await self._connection.send(Desired(counter=counter, leases=leases, revoked=revoked).model_dump_json())

    async def hang_up(self) -> None:
        """Close the agent's connection; it may come again."""
        assert self._connection is not None
        await self._connection.close()

    async def handle(self, connection: ServerConnection) -> None:
        self.connections += 1
        self._connection = connection
        async for text in self._texts(connection):
            message = agent_message.validate_json(text)
            self.texts.append(text if isinstance(text, str) else text.decode())
            async with self._changed:
                self.heard.append(message)
                self._changed.notify_all()
            if not isinstance(message, Hello):
                continue
            if self.refuse is not None:
                await connection.send(self.refuse.model_dump_json())
                return
            welcome = Welcome(version="0.1.0", node_key=self.key, heartbeat_s=self.heartbeat_s)
            await connection.send(welcome.model_dump_json())
            if self.first_desired is not None:
                await connection.send(self.first_desired.model_dump_json())

    async def _texts(self, connection: ServerConnection) -> AsyncIterator[str | bytes]:
        with suppress(ConnectionClosed):  # a killed agent says no goodbye
            while True:
                yield await connection.recv()

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.authorizations.append(request.headers.get("Authorization"))
        if self.answer_status is None:
            return None
        return connection.respond(self.answer_status, "no\n")


@asynccontextmanager
async def scripted_controller(port: int = 0, *, old: bool = False) -> AsyncIterator[ScriptedController]:
    """A running `ScriptedController` on loopback. old: one that speaks protocol 2, and knows of no other."""
    controller = ScriptedController()
    spoken = None if old else [Subprotocol(f"gpool.agent.{PROTOCOL}")]
    serving = serve(controller.handle, "127.0.0.1", port, process_request=controller.check, subprotocols=spoken)
    async with serving as server:
        bound = next(iter(server.sockets)).getsockname()[1]
        controller.url = f"http://127.0.0.1:{bound}"
        yield controller
