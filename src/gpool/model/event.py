"""What has happened in the pool, told once and kept for a while."""

from typing import Annotated

from pydantic import Field, StrictInt, StringConstraints

from gpool.model.base import Instant, Model

__all__ = ["Event", "ObjectKind"]

ObjectKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,15}$")]
"""A noun: `lease`, `node`, `queue`."""


class Event(Model):
    """Ids grow with each event of a pool; somebody who has seen one has seen all before it."""

    id: Annotated[StrictInt, Field(ge=1)]
    at: Instant
    object_kind: ObjectKind
    object_name: Annotated[str, StringConstraints(max_length=128)]
    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,31}$")]
    """What happened, one word: `asked`, `granted`, `warned`, `let-off`, `ending`, `ended`, `ready`, …"""
    message: str
    """A sentence."""
