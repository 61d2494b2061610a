"""Refuses a query that names a parameter twice: only one of the values would be heeded, and nobody says which."""

from collections import Counter
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from gpool.api.problems import answer_problem
from gpool.errors import InvalidInput

__all__ = ["RepeatedParameters"]

_MOST = 100
_LISTS = frozenset({"kind", "state"})
"""Parameters that may be given several times, on each route that has them."""


class RepeatedParameters:
    """ASGI middleware: 422 for a parameter that is given more than once and takes one value."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] == "http" and b"&" in scope["query_string"]:
            try:
                given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST)
            except ValueError:
                error = InvalidInput(f"the query has more than {_MOST} parameters; no route takes so many")
                await answer_problem(error)(scope, receive, send)
                return
            for name, times in Counter(name for name, _ in given).items():
                if times > 1 and name not in _LISTS:
                    error = InvalidInput(f"{name[:64]}: it is given {times} times; give it once")
                    await answer_problem(error)(scope, receive, send)
                    return
        await self._app(scope, receive, send)
