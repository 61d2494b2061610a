"""A bound on request bodies, which answers as a problem. (FastAPI's own `max_body_size` answers in plain text.)"""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodyLimit"]


class BodyLimit:
    """Whoever reads a body of more than `limit_bytes` gets an `HTTPException` 413, before or while it is read."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        # A server has checked that it is a number; one that has not must not make us fail.
        received_bytes = self._limit_bytes + 1 if announced.isdigit() and int(announced) > self._limit_bytes else 0

        async def receive_bounded() -> Message:
            nonlocal received_bytes
            if received_bytes <= self._limit_bytes:
                message = await receive()
                received_bytes += len(message.get("body", b""))
                if received_bytes <= self._limit_bytes:
                    return message
            # FastAPI turns any other kind of exception into "400, there was an error parsing the body".
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

        await self._app(scope, receive_bounded, send)
