"""Tokens: what users, administrators and nodes show to the API."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from gpool.model.base import Instant, Model, PolicyName
from gpool.model.ids import TOKEN_ID_PATTERN, TOKEN_NAME_PATTERN

__all__ = ["Role", "Token", "TokenName"]

TokenName = Annotated[str, StringConstraints(pattern=TOKEN_NAME_PATTERN)]


class Role(StrEnum):
    """What the bearer of a token may do."""

    ADMIN = "admin"
    """Everything."""
    USER = "user"
    """Ask for leases; see the pool; renew and release its own leases."""
    NODE = "node"
    """Open the agent channel, nothing else."""


class Token(Model):
    """What is known of a token; never the token itself."""

    id: Annotated[str, StringConstraints(pattern=TOKEN_ID_PATTERN)]
    name: TokenName
    role: Role
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    queue: PolicyName | None = None
    """Of requests that name none; null for the whole pool."""
