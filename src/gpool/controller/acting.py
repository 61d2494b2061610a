"""On whose behalf something is done: set by whoever takes a request in, read where the audit log is written.

A context variable, so that it need not pass through every method between the two. What the pool does by itself, in its
loops and for its agents, has no actor.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from gpool.model.token import Token

__all__ = ["Actor", "acting"]


@dataclass(slots=True)
class Actor:
    """Who asks: filled in as it becomes known."""

    remote: str = ""
    """Address that the request came from."""
    token: Token | None = None


acting: ContextVar[Actor | None] = ContextVar("acting", default=None)
