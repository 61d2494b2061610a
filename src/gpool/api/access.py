"""Who is asking. Only `/healthz` and the version are open to everybody; there is no anonymous access to the pool."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from gpool.controller.acting import acting
from gpool.controller.live_pool import LivePool
from gpool.errors import NotAllowed
from gpool.model.lease import Lease
from gpool.model.token import Role, Token
from gpool.security.tokens import bearer, require_role

__all__ = ["Admin", "Pool", "User", "require_holder"]

# Only for the OpenAPI document; the header is read by `gpool.security.tokens`, whose sentences are better.
_scheme = HTTPBearer(auto_error=False, description="A token made by `gpool token create`.")


# Dependencies are coroutines: the framework runs a plain function in a thread, which costs ten times as much.
async def _pool(request: Request) -> LivePool:
    pool = request.app.state.pool
    assert isinstance(pool, LivePool)
    return pool


Pool = Annotated[LivePool, Depends(_pool)]


async def _user(request: Request, pool: Pool, _documented: Annotated[object, Depends(_scheme)] = None) -> Token:
    token = pool.authenticate(bearer(request.headers.get("authorization")))
    require_role(token, Role.USER, Role.ADMIN)
    actor = acting.get()
    if actor is not None:
        actor.token = token
    return token


User = Annotated[Token, Depends(_user)]
"""The bearer of a token for a user or an administrator."""


async def _admin(token: User) -> Token:
    require_role(token, Role.ADMIN)
    return token


Admin = Annotated[Token, Depends(_admin)]
"""The bearer of a token for an administrator."""


def require_holder(token: Token, lease: Lease) -> None:
    """Raise `NotAllowed` unless the lease is the bearer's own, or the bearer an administrator."""
    if token.role is not Role.ADMIN and token.name != lease.owner:
        raise NotAllowed(
            f"lease {lease.id} belongs to '{lease.owner}', not to '{token.name}'; ask its owner or an administrator"
        )
