"""A bound on how fast somebody may ask, so that nobody's loop slows the pool down for all others."""

import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gpool.api.problems import answer_problem
from gpool.controller.live_pool import LivePool
from gpool.errors import NotAuthenticated, TooManyRequests
from gpool.security.rate_limits import Buckets, RateLimits, neighbourhood
from gpool.security.tokens import bearer

__all__ = ["RateLimit"]


class RateLimit:
    """ASGI middleware: a bucket for each token, and one for each address that shows none that is good.

    Not counted: the agents' channel, renewals (as many as there are leases; to delay one would end a program), and
    liveness.
    """

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self._app = app
        self._of_tokens = Buckets(limits.token_per_s, limits.token_burst, time.monotonic)
        self._of_addresses = Buckets(limits.address_per_s, limits.address_burst, time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] != "http" or scope["path"] == "/healthz" or scope["path"].endswith("/renew"):
            await self._app(scope, receive, send)
            return
        pool: LivePool = scope["app"].state.pool
        try:
            token = pool.authenticate(bearer(Headers(scope=scope).get("authorization")))
            wait_s, who = self._of_tokens.take(token.id), f"the token '{token.name}' asks"
        except NotAuthenticated:
            address = neighbourhood(scope["client"][0] if scope.get("client") else "")
            wait_s, who = self._of_addresses.take(address), f"{address or 'this address'} asks without a good token"
        if wait_s:
            error = TooManyRequests(f"{who} faster than this controller answers; ask again in {wait_s} s", wait_s)
            await answer_problem(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)
