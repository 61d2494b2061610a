"""Tokens: what users, administrators and nodes show to the API."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from gpool.model.base import Instant, Model, NodeName, PolicyName, Text
from gpool.model.ids import TOKEN_ID_PATTERN, TOKEN_NAME_PATTERN

__all__ = ["Action", "Role", "Token", "TokenName"]

TokenName = Annotated[str, StringConstraints(pattern=TOKEN_NAME_PATTERN)]


class Action(StrEnum):
    """What can be done through the API. Each route needs one of these; a role is a set of them."""

    VIEW = "view"
    """See the pool: nodes, GPUs, leases, queues, policy, events."""
    LEASE = "lease"
    """Ask for leases; renew and release one's own."""
    EVICT = "evict"
    """Release the leases of others."""
    NODES = "nodes"
    """Administer nodes and GPUs."""
    POLICY = "policy"
    """Settle how the pool is shared."""
    TOKENS = "tokens"
    """Make, list and revoke tokens."""
    CONNECT = "connect"
    """Open the agent channel."""


class Role(StrEnum):
    """What the bearer of a token is; `gpool.security.roles` says which actions that allows."""

    ADMIN = "admin"
    """Everything but being a node."""
    OPERATOR = "operator"
    """Keeps the pool running: nodes, GPUs, anybody's leases; neither tokens nor policy."""
    USER = "user"
    """Asks for leases, and sees the pool."""
    NODE = "node"
    """An agent, nothing else."""


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
    queue_only: bool = False
    """Whether it is good for that queue, and those below it, alone."""
    actions: tuple[Action, ...] | None = None
    """Of those that its role allows, the ones that this token is good for; null for all."""
    node: NodeName | None = None
    """Of a node's token: the only name that its agent may have; null for any."""
    subject: Text | None = None
    """Of a login: the identity provider's own name for its bearer; null for a token that an administrator made."""
