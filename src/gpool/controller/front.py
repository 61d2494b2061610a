"""The door of a controller: while it leads, the pool's application; while it waits, one that says who leads."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from gpool.store.leadership import Leader, Term

__all__ = ["Front", "MakeStandby"]

MakeStandby = Callable[[Callable[[], Leader | None], Callable[[], str | None]], ASGIApp]
"""Makes the application of a controller that waits; it asks the one who leads, the other for the pool's authority."""


class Front:
    """An ASGI application that is one of two others, whichever is right when a request comes."""

    def __init__(self, make_standby: MakeStandby, authority: Callable[[], str | None] = lambda: None) -> None:
        self.leader: Leader | None = None
        """Who else leads, as far as is known."""
        self._standby = make_standby(lambda: self.leader, authority)
        self._leading: tuple[ASGIApp, Term] | None = None

    def lead(self, app: ASGIApp, term: Term) -> None:
        """Answer with `app` as long as `term` holds."""
        self.leader = None
        self._leading = (app, term)

    def stand_by(self) -> None:
        """Send people away."""
        self._leading = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        # Asked anew for each request: a process that was stopped wakes up here before any of its timers.
        if self._leading is not None and self._leading[1].holds():
            await self._leading[0](scope, receive, send)
        else:
            await self._standby(scope, receive, send)
