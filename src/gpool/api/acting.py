"""Tells the rooms below on whose behalf a request acts; `gpool.api.access` adds the token when it knows it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gpool.controller.acting import Actor, acting

__all__ = ["Acting"]


class Acting:
    """ASGI middleware: each request gets an `Actor` of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        reset = acting.set(Actor(remote=client[0] if client else ""))
        try:
            await self._app(scope, receive, send)
        finally:
            acting.reset(reset)
