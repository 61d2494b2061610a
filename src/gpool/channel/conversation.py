"""The controller's side of one agent connection, from hello to the end.

What the messages mean for the pool is the business of an `AgentDesk`; how they travel is that of an `AgentSocket`. In
between, this module keeps the order of the conversation, its counters and its time limits.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from pydantic import ValidationError

from gpool.channel.messages import PROTOCOL, Desired, DesiredLease, Heartbeat, Hello, Observed, Refused, Welcome
from gpool.channel.protocol import OLDEST_PROTOCOL, UnknownKind, parse_agent_message, text_of
from gpool.errors import GpoolError, InvalidInput, NodeNameTaken
from gpool.version import VERSION

__all__ = [
    "AgentDesk",
    "AgentLink",
    "AgentSocket",
    "ChannelTimes",
    "DesiredState",
    "SocketClosed",
    "converse",
    "refuse",
]


log = structlog.get_logger("gpool.channel")


class SocketClosed(Exception):  # noqa: N818 - an ordinary end, not an error
    """The other side has gone."""


class AgentSocket(Protocol):
    """A connection that carries texts."""

    async def receive_text(self) -> str:
        """The next text. Raises `SocketClosed`, and `InvalidInput` for something that is not text."""

    async def send_text(self, text: str) -> None:
        """Send one text. Raises `SocketClosed`."""

    async def close(self) -> None:
        """End the connection; nothing happens when it has ended already."""


@dataclass(frozen=True, slots=True)
class ChannelTimes:
    """Time limits of the channel, in seconds."""

    heartbeat_s: float = 5.0
    silence_s: float = 15.0
    """An agent that says nothing for so long is taken for gone; also the limit for its hello."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What a node should have, before it gets a counter."""

    leases: tuple[DesiredLease, ...]
    ending: frozenset[str]
    """Leases whose end this node has not confirmed yet."""
    revoked: tuple[str, ...]
    """Leases whose tickets must be refused, the ending ones among them."""


@dataclass(eq=False, slots=True)
class AgentLink:
    """One connection of one agent, as the desk knows it."""

    node: str
    generation: int
    node_key: bytes = field(repr=False)
    protocol: int = PROTOCOL
    """What is spoken on it."""
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it when the node's desired state has changed."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to end the connection."""
    farewell: str = ""
    """Why it is ended for good: told to the agent, which then ends too. Empty: it may come again."""
    _counter: int = 0
    _observed_counter: int = -1
    _dropped_at: dict[str, int] = field(default_factory=dict)

    def next_desired(self, state: DesiredState) -> Desired:
        """The message to send; remembers which leases it is the first to leave out."""
        self._counter += 1
        for lease in state.ending:
            self._dropped_at.setdefault(lease, self._counter)
        return Desired(counter=self._counter, leases=state.leases, revoked=state.revoked)

    def note_counter(self, observed: Observed) -> None:
        """Raises `InvalidInput` unless the message is newer than the last and answers something that was sent."""
        if observed.counter <= self._observed_counter:
            raise InvalidInput(f"the agent sent observed {observed.counter} after {self._observed_counter}")
        if observed.desired_counter > self._counter:
            raise InvalidInput(f"the agent confirms desired {observed.desired_counter}; the last was {self._counter}")
        self._observed_counter = observed.counter

    def confirmed_ends(self, observed: Observed) -> set[str]:
        """The leases whose end this message confirms: left out of a desired state in force, and without a session."""
        used = {session.lease for session in observed.sessions}
        ends = {lease for lease, at in self._dropped_at.items() if at <= observed.desired_counter} - used
        for lease in ends:
            del self._dropped_at[lease]
        return ends


class AgentDesk(Protocol):
    """What the conversation needs of the pool."""

    async def greet(self, hello: Hello) -> AgentLink:
        """Let the agent in. Raises `GpoolError` to refuse it with its sentence."""

    def desired_state(self, node: str) -> DesiredState:
        """What the node should have now."""

    async def observe(self, link: AgentLink, observed: Observed) -> None:
        """The node's whole state. Raises `InvalidInput` when it cannot be true."""

    async def heartbeat(self, link: AgentLink, heartbeat: Heartbeat) -> None:
        """The node lives."""

    async def leave(self, link: AgentLink) -> None:
        """The connection has ended."""


class _Over(Exception):  # noqa: N818 - ends the task group from inside
    """The conversation is over."""


async def converse(socket: AgentSocket, desk: AgentDesk, times: ChannelTimes) -> None:
    """Hold the conversation until one side ends it; the socket is closed when this returns.

    Raises nothing for whatever the agent does: what it did wrong is told to it in `refused`.
    """
    try:
        await _hold(socket, desk, times)
    except SocketClosed:
        pass
    except TimeoutError:
        await refuse(socket, f"the agent did not say hello within {times.silence_s:g} s", retry=True)
    except GpoolError as error:
        await refuse(socket, str(error), retry=isinstance(error, NodeNameTaken))
    finally:
        await socket.close()


async def refuse(socket: AgentSocket, reason: str, *, retry: bool) -> None:
    """Tell the agent why it may not go on."""
    with contextlib.suppress(SocketClosed):
        # In the words of the oldest protocol: it may be the agent's very protocol that is refused.
        await socket.send_text(text_of(Refused(reason=reason, retry=retry), OLDEST_PROTOCOL))


async def _hold(socket: AgentSocket, desk: AgentDesk, times: ChannelTimes) -> None:
    async with asyncio.timeout(times.silence_s):
        hello = _parse(await socket.receive_text())
    if not isinstance(hello, Hello):
        said = hello.kind if hello is not None else "of a kind that this controller does not know"
        raise InvalidInput(f"the agent's first message was {said}; it must be hello")
    if not OLDEST_PROTOCOL <= hello.protocol <= PROTOCOL:
        older = hello.protocol < OLDEST_PROTOCOL
        raise InvalidInput(
            f"agent {hello.version} speaks protocol {hello.protocol}, controller {VERSION} speaks {OLDEST_PROTOCOL} "
            f"to {PROTOCOL}; install a newer gpool on {'the node' if older else 'the controller'}"
        )
    link = await desk.greet(hello)
    try:
        welcome = Welcome(version=VERSION, node_key=link.node_key.hex(), heartbeat_s=times.heartbeat_s)
        await socket.send_text(text_of(welcome, link.protocol))
        link.dirty.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_listen(socket, desk, link, times))
                tasks.create_task(_tell(socket, desk, link))
                tasks.create_task(_wait_for_closing(socket, link))
        except* _Over:
            pass
        except* SocketClosed:
            pass
        except* GpoolError as errors:
            await refuse(socket, str(errors.exceptions[0]), retry=True)
    finally:
        await desk.leave(link)


async def _listen(socket: AgentSocket, desk: AgentDesk, link: AgentLink, times: ChannelTimes) -> None:
    while True:
        try:
            async with asyncio.timeout(times.silence_s):
                text = await socket.receive_text()
        except TimeoutError:
            raise _Over from None
        message = _parse(text)
        match message:
            case Observed():
                link.note_counter(message)
                await desk.observe(link, message)
            case Heartbeat():
                await desk.heartbeat(link, message)
            case None:
                pass
            case Hello():
                raise InvalidInput("the agent said hello twice on one connection")


async def _tell(socket: AgentSocket, desk: AgentDesk, link: AgentLink) -> None:
    while True:
        await link.dirty.wait()
        link.dirty.clear()
        desired = link.next_desired(desk.desired_state(link.node))
        await socket.send_text(text_of(desired, link.protocol))


async def _wait_for_closing(socket: AgentSocket, link: AgentLink) -> None:
    await link.closing.wait()
    if link.farewell:
        await refuse(socket, link.farewell, retry=False)
    raise _Over


def _parse(text: str) -> Hello | Observed | Heartbeat | None:
    """The message; None for a kind that only newer agents know."""
    try:
        return parse_agent_message(text)
    except UnknownKind as kind:
        log.info("an agent said something that this version does not know", kind=str(kind))
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InvalidInput(f"the agent sent a message that cannot be understood ({where}: {first['msg']})") from error
