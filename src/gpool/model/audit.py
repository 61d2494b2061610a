"""The audit log: who did what to the pool, and when."""

from typing import Annotated

from pydantic import Field, StrictInt

from gpool.model.base import Instant, Model, Text

__all__ = ["AuditEntry"]


class AuditEntry(Model):
    """One write that somebody asked for and that was done. What the pool does by itself are events, not entries."""

    id: Annotated[StrictInt, Field(ge=0)] = 0
    """Increases with each entry; 0 before it is stored."""
    at: Instant
    token_id: Text
    actor: Text
    """Name of the token."""
    role: Text
    remote: Text
    """Address that the request came from."""
    action: Text
    """What was done: noun and verb, `node.drain`."""
    object: Text
    """To what: the id or name."""
    before: Text = ""
    """What it was; empty when it was not there or has no state that matters here."""
    after: Text = ""
    """What it became."""
