"""The agent's connection to the controller: made, lost and made again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from gpool.channel.messages import (
    CONNECT_PATH,
    Desired,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
)
from gpool.channel.protocol import SUBPROTOCOLS, UnknownKind, parse_controller_message, protocol_of, text_of
from gpool.errors import GpoolError, InvalidInput, NotAllowed, NotAuthenticated, from_problem
from gpool.security.pinned_authority import authority_file
from gpool.security.tls_failure import tls_sentence

__all__ = ["SILENCE_S", "Connection", "LostError", "Trust", "channel_addresses", "connection_to", "pauses_s"]

OPEN_PATIENCE_S = 15.0
LONGEST_MESSAGE = 64 << 20
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LONGEST_PAUSE_WITH_SEVERAL_S = 3.0
SILENCE_S = 15.0
"""A controller that does not even answer pings for so long is stopped or cut off, and another one may lead."""

log = structlog.get_logger(__name__)


class LostError(Exception):
    """The connection is lost or could not be made; trying again may help. `str` says why."""


def channel_address(join: str) -> str:
    """The channel's WebSocket address for a controller's `http://HOST:PORT`. Raises `InvalidInput`."""
    scheme, separator, rest = join.partition("://")
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if not separator or scheme not in schemes or not rest.strip("/"):
        raise InvalidInput(f"{join!r} is not the address of a controller; it looks like http://HOST:7070")
    return f"{schemes[scheme]}://{rest.rstrip('/')}{CONNECT_PATH}"


def channel_addresses(join: str) -> list[str]:
    """The channel's addresses for the URLs of several controllers of one pool, with commas in between."""
    return [channel_address(url.strip()) for url in join.split(",") if url.strip()] or [channel_address(join)]


def pauses_s(chance: random.Random, *, several: bool = False) -> Iterator[float]:
    """Pauses before each attempt in a row, in seconds: growing, and spread so that agents do not come all at once.

    several: there are controllers that take each other's place, so the next leader is not far.
    """
    ceiling = FIRST_PAUSE_S
    while True:
        yield ceiling / 2 + chance.uniform(0, ceiling / 2)
        ceiling = min(ceiling * 2, LONGEST_PAUSE_WITH_SEVERAL_S if several else LONGEST_PAUSE_S)


class Trust(NamedTuple):
    """Who vouches for the controller, where its address is one with TLS."""

    ca: str = ""
    """As `authority_file` takes it; empty: whom this machine trusts."""
    folder: str = ""
    """Where authorities are kept that were fetched by their fingerprints."""


class Connection:
    """An open channel, in messages instead of text."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.protocol = protocol_of(socket.subprotocol)
        """What the controller chose of what this agent speaks."""

    @property
    def own_host(self) -> str:
        """The address of this host on the way to the controller."""
        return str(self._socket.local_address[0])

    async def send(self, message: Hello | Observed | Heartbeat) -> None:
        """Send. Raises `LostError`."""
        try:
            await self._socket.send(text_of(message, self.protocol))
        except (WebSocketException, OSError) as error:
            raise LostError(_why(error)) from error

    async def receive(self) -> Welcome | Refused | Desired:
        """The next message. Raises `LostError`, also for a message that cannot be understood."""
        try:
            while True:
                try:
                    return parse_controller_message(await self._socket.recv())
                except UnknownKind as kind:
                    log.info("the controller said something that this version does not know", kind=str(kind))
        except ValidationError as error:
            raise LostError(f"the controller said something unintelligible: {error.errors()[0]['msg']}") from error
        except (WebSocketException, OSError) as error:
            raise LostError(_why(error)) from error


@asynccontextmanager
async def connection_to(
    address: str, token: str, silence_s: float = SILENCE_S, trust: Trust | None = None
) -> AsyncIterator[Connection]:
    """Open the channel at `address`; it is lost when the other side is silent for `silence_s`.

    Raises `LostError` when it cannot be opened now, and `NotAuthenticated` or `NotAllowed` when this token will never
    open it.
    """
    try:
        tls = await asyncio.to_thread(_tls_context, address, trust or Trust())
        socket = await connect(
            address,
            ssl=tls,
            additional_headers={"Authorization": f"Bearer {token}"},
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            open_timeout=min(OPEN_PATIENCE_S, silence_s),
            ping_interval=silence_s / 3,
            ping_timeout=silence_s * 2 / 3,
            close_timeout=min(10.0, silence_s / 3),
            max_size=LONGEST_MESSAGE,
            proxy=None,
        )
    except InvalidStatus as error:
        raise _refusal(error) from error
    except ssl.SSLError as error:
        raise LostError(tls_sentence(error, address, bool(trust and trust.ca))) from error
    except (InvalidHandshake, WebSocketException, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise LostError(_why(error)) from error
    try:
        yield Connection(socket)
    finally:
        await socket.close()


def _tls_context(address: str, trust: Trust) -> ssl.SSLContext | None:
    """Made for each connection: the authority's file may have been replaced. Raises `OSError` and `LostError`."""
    parts = urlsplit(address)
    if parts.scheme != "wss":
        return None
    try:
        file = authority_file(trust.ca, parts.hostname or "", parts.port or 443, trust.folder) if trust.ca else None
    except InvalidInput as error:
        # Whoever is in between, or was put there by mistake, may go away again; the node goes on meanwhile.
        raise LostError(str(error)) from error
    return ssl.create_default_context(cafile=file)


def _refusal(error: InvalidStatus) -> Exception:
    status = error.response.status_code
    problem: GpoolError | None = None
    with contextlib.suppress(ValueError):
        body = json.loads(error.response.body or b"")
        problem = from_problem(body) if isinstance(body, dict) else None
    if isinstance(problem, NotAuthenticated | NotAllowed):
        return problem
    if status in (401, 403):
        return NotAuthenticated(
            "the controller does not take this token for an agent; "
            "make one with `gpool token create --role node NAME` and give it with --token"
        )
    return LostError(str(problem) if problem else f"the controller answered with HTTP status {status}")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
