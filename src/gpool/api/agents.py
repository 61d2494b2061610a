"""The agents' WebSocket. What is said on it: `gpool.channel`."""

from typing import Any, cast

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gpool.channel.conversation import AgentDesk, AgentLink, ChannelTimes, SocketClosed, converse, refuse
from gpool.channel.messages import CONNECT_PATH, Hello
from gpool.channel.protocol import SUBPROTOCOLS, chosen_subprotocol
from gpool.controller.acting import Actor, acting
from gpool.controller.live_pool import LivePool
from gpool.errors import GpoolError, InvalidInput
from gpool.model.token import Action, Token
from gpool.security.roles import require_action, require_node
from gpool.security.tokens import bearer
from gpool.version import VERSION

__all__ = ["router"]

router = APIRouter()


class _StarletteSocket:
    """A Starlette WebSocket as an `AgentSocket`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive_text(self) -> str:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise SocketClosed
        text = message.get("text")
        if text is None:
            raise InvalidInput("the agent sent bytes; the channel carries JSON texts")
        return str(text)

    async def send_text(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a send after the close.
            raise SocketClosed from error

    async def close(self) -> None:
        if WebSocketState.DISCONNECTED in (self._websocket.client_state, self._websocket.application_state):
            return
        try:
            await self._websocket.close()
        except (WebSocketDisconnect, RuntimeError):
            return  # the agent was quicker


class _Door:
    """The pool as an `AgentDesk` for one token, which may be good for an agent of one name alone."""

    def __init__(self, pool: LivePool, token: Token) -> None:
        self._pool = pool
        self._token = token

    async def greet(self, hello: Hello) -> AgentLink:
        require_node(self._token, hello.node)
        return await self._pool.greet(hello)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


@router.websocket(CONNECT_PATH)
async def connect_agent(websocket: WebSocket) -> None:
    """Let an agent with a node token hold its conversation.

    The connection is accepted before the token is looked at, because the refusal of an upgrade carries no sentence.
    """
    pool: LivePool = websocket.app.state.pool
    times: ChannelTimes = websocket.app.state.channel_times
    offered = websocket.scope.get("subprotocols", [])
    chosen = chosen_subprotocol(offered)
    await websocket.accept(subprotocol=chosen)
    socket = _StarletteSocket(websocket)
    try:
        token = pool.authenticate(bearer(websocket.headers.get("authorization")))
        require_action(token, Action.CONNECT)
        if offered and chosen is None:
            raise InvalidInput(
                f"the agent speaks {', '.join(offered)}, controller {VERSION} speaks {', '.join(SUBPROTOCOLS)}; "
                "install neighbouring versions of gpool on both"
            )
    except GpoolError as error:
        await refuse(socket, str(error), retry=False)
        await socket.close()
        return
    reset = acting.set(Actor(websocket.client.host if websocket.client else "", token))
    try:
        await converse(socket, cast(AgentDesk, _Door(pool, token)), times)
    finally:
        acting.reset(reset)
