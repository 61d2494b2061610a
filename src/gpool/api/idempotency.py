"""Requests that may be sent again: a write with an Idempotency-Key is carried out once, and answered the same.

That it has been carried out is stored in the transaction that does it, so neither a restart nor a takeover forgets it.
A refused request has changed nothing, and is looked at anew.
"""

import hashlib
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpool.api.problems import PROBLEMS, answer_problem
from gpool.controller.keyed import Keyed, keyed
from gpool.controller.live_pool import LivePool
from gpool.errors import GpoolError, InvalidInput, NotAuthenticated
from gpool.security.tokens import bearer

__all__ = ["HEADER", "REPLAYED", "Idempotency", "takes_key"]

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_LONGEST_KEY = 255


def takes_key(method: str, path: str) -> bool:
    """Whether a key is heeded there. A renewal may be sent again without one, and comes every few seconds; a what-if
    changes nothing."""
    return method in _METHODS and path.startswith("/api/v1/") and not path.endswith(("/renew", "/what-if"))


def describe_keys(document: dict[str, Any]) -> None:
    """Add the header, and what a request with it may be answered, to the operations of an OpenAPI document."""
    header = {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Chosen by the client for this request. Sent again with it within 24 hours, the request is not "
        "carried out again, and gets the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY, "pattern": "^[!-~]+$"},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if takes_key(method.upper(), path):
                operation.setdefault("parameters", []).append(header)
                for status, description in PROBLEMS(409).items():
                    operation["responses"].setdefault(str(status), description)


class Idempotency:
    """ASGI middleware, around whatever bounds bodies to `limit_bytes`."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or not takes_key(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        if not 1 <= len(key) <= _LONGEST_KEY or not all("!" <= sign <= "~" for sign in key):
            error = InvalidInput(f"{HEADER}: use 1 to {_LONGEST_KEY} visible ASCII characters, such as a UUID")
            await answer_problem(error)(scope, receive, send)
            return
        body, heard = await _heard(receive, self._limit_bytes)
        receive_again = _again(heard, receive)
        pool: LivePool = scope["app"].state.pool
        try:
            text = bearer(Headers(scope=scope).get("authorization"))
            token = pool.authenticate(text)
        except NotAuthenticated:
            await self._app(scope, receive_again, send)  # which says so
            return
        repeatable = scope["method"] in ("PUT", "DELETE")
        asked = Keyed(token.id, text or "", key, _hash(scope, body), repeatable=repeatable)
        try:
            answer = await pool.answer_of(asked)
        except GpoolError as error:
            await answer_problem(error)(scope, receive, send)
            return
        if answer is None:
            await self._carry_out(pool, asked, scope, receive_again, send)
            return
        status, content = answer
        headers = {REPLAYED: "true"}
        await Response(content or None, status, headers, "application/json" if content else None)(scope, receive, send)

    async def _carry_out(self, pool: LivePool, asked: Keyed, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        reset = keyed.set(asked)
        try:
            await self._app(scope, receive, keep)
            if asked.stored and asked.answer is None and messages and 200 <= messages[0]["status"] < 300:
                content = b"".join(message.get("body", b"") for message in messages[1:])
                asked.answer = (messages[0]["status"], content)
                await pool.keep_late_answer(asked)
        except GpoolError as error:
            # It has been carried out; who asks again is told so.
            await answer_problem(error)(scope, receive, send)
            return
        finally:
            keyed.reset(reset)
            pool.answer_ends(asked)
        for message in messages:
            await send(message)


async def _heard(receive: Receive, limit_bytes: int) -> tuple[bytes, list[Message]]:
    """The body, and the messages that it came in; cut short when it is too long for anybody."""
    heard: list[Message] = []
    parts: list[bytes] = []
    while True:
        message = await receive()
        heard.append(message)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False) or sum(map(len, parts)) > limit_bytes:
            return b"".join(parts), heard


def _again(heard: list[Message], receive: Receive) -> Receive:
    left = iter(heard)

    async def hear() -> Message:
        return next(left, None) or await receive()

    return hear


def _hash(scope: Scope, body: bytes) -> str:
    request = Request(scope)
    head = f"{scope['method']} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + body).hexdigest()
