"""Who is asking, and whether they may.

A route says what it does by the type of the parameter that takes the caller: `User`, `Holder`, `LateHolder`,
`Operator`, `Admin` or `TokenAdmin`, each one action; `gpool.security.roles` says who may do that. The action stands in
the OpenAPI document, and docs/reference/roles.md lists every route. Only `/healthz`, the version, the authority,
logging in and the document itself are open to everybody; there is no anonymous access to the pool.
"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from gpool.controller.acting import acting
from gpool.controller.live_pool import LivePool
from gpool.errors import NotAllowed
from gpool.model.lease import Lease
from gpool.model.queue import ROOT
from gpool.model.token import Action, Token
from gpool.security.roles import allows, covers_queue, require_action
from gpool.security.tokens import bearer

__all__ = ["Admin", "Holder", "LateHolder", "Operator", "Pool", "TokenAdmin", "User", "require_holder", "require_queue"]

# Only for the OpenAPI document; the header is read by `gpool.security.tokens`, whose sentences are better.
_scheme = HTTPBearer(auto_error=False, description="A token made by `gpool token create`.")


# Dependencies are coroutines: the framework runs a plain function in a thread, which costs ten times as much.
async def _pool(request: Request) -> LivePool:
    pool = request.app.state.pool
    assert isinstance(pool, LivePool)
    return pool


Pool = Annotated[LivePool, Depends(_pool)]


async def _caller(
    request: Request, needed: SecurityScopes, pool: Pool, _documented: Annotated[object, Depends(_scheme)] = None
) -> Token:
    return _may(pool.authenticate(bearer(request.headers.get("authorization"))), needed)


async def _late_caller(
    request: Request, needed: SecurityScopes, pool: Pool, _documented: Annotated[object, Depends(_scheme)] = None
) -> Token:
    return _may(pool.authenticate(bearer(request.headers.get("authorization")), expired_too=True), needed)


def _may(token: Token, needed: SecurityScopes) -> Token:
    for action in needed.scopes:
        require_action(token, Action(action))
    actor = acting.get()
    if actor is not None:
        actor.token = token
    return token


User = Annotated[Token, Security(_caller, scopes=[Action.VIEW.value])]
"""Who may see the pool."""

Holder = Annotated[Token, Security(_caller, scopes=[Action.LEASE.value])]
"""Who may ask for leases; whose lease it is, `require_holder` says."""

LateHolder = Annotated[Token, Security(_late_caller, scopes=[Action.LEASE.value])]
"""Who may go on with a lease: also with a token that has expired since, for a program is not to die of a date. One that
was revoked is refused."""

Operator = Annotated[Token, Security(_caller, scopes=[Action.NODES.value])]
"""Who administers nodes and GPUs."""

Admin = Annotated[Token, Security(_caller, scopes=[Action.POLICY.value])]
"""Who settles how the pool is shared."""

TokenAdmin = Annotated[Token, Security(_caller, scopes=[Action.TOKENS.value])]
"""Who gives others access."""


def require_holder(pool: LivePool, token: Token, lease: Lease) -> None:
    """Raise `NotAllowed` unless the lease is the bearer's own, or the bearer may release anybody's."""
    if token.name != lease.owner and not (allows(token, Action.EVICT) and pool.is_good(token)):
        raise NotAllowed(
            f"lease {lease.id} belongs to '{lease.owner}', not to '{token.name}'; ask its owner or an operator"
        )
    require_queue(pool, token, lease.queue)


def require_queue(pool: LivePool, token: Token, queue: str | None) -> None:
    """Raise `NotAllowed` when the token is for one queue alone and this is not in it. None: the whole pool's queue."""
    if not token.queue_only:
        return
    name = queue or ROOT
    if not covers_queue(token, name, {known.name: known.parent for known in pool.policy.queues}):
        raise NotAllowed(f"the token '{token.name}' is for queue {token.queue} alone, not for queue {name}")
