"""Logging in with an identity provider: an ID token is exchanged for a token of the pool, which expires."""

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from gpool.api.access import Pool, User
from gpool.api.problems import PROBLEMS
from gpool.errors import Conflict, NotFound
from gpool.model.token import Token
from gpool.model.views import LoginRequest, LoginSettings, TokenCreated

if TYPE_CHECKING:
    from gpool.security.identity import IdentityProvider

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/login", tags=["login"])


def _provider(request: Request) -> "IdentityProvider":
    provider: IdentityProvider | None = request.app.state.identity_provider
    if provider is None:
        raise NotFound("nobody logs in to this pool; ask an administrator for a token (`gpool token create`)")
    return provider


@router.get("", operation_id="getLogin", responses=PROBLEMS(404))
async def get_login(request: Request) -> LoginSettings:
    """With which identity provider people log in; open to everybody. 404 where nobody does."""
    settings = _provider(request).settings
    return LoginSettings(issuer=settings.issuer, client_id=settings.client_id, scopes=settings.scopes)


@router.post("", status_code=201, operation_id="login", responses=PROBLEMS(404))
async def login(request: Request, body: LoginRequest, pool: Pool) -> TokenCreated:
    """Exchange an ID token of the identity provider for a token of the pool, whose text is in this answer alone.

    401 for an ID token that is not to be believed, 403 for somebody whom no rule lets in.
    """
    provider = _provider(request)
    identity = await asyncio.to_thread(provider.identify, body.id_token)
    rule = identity.rule
    token, secret = await pool.make_token(
        identity.name,
        rule.role,
        provider.settings.login_lasts_s,
        queue=rule.queue,
        queue_only=rule.queue_only,
        actions=rule.actions,
        subject=identity.subject,
    )
    return TokenCreated(token=token, secret=secret)


@router.delete("", operation_id="logout", responses=PROBLEMS(409))
async def logout(pool: Pool, user: User) -> Token:
    """Take back the token of this very request. 409 for one that was made by an administrator."""
    if user.subject is None:
        raise Conflict(f"token {user.id} was made by an administrator, who can revoke it; it is no login")
    return await pool.revoke_token(user.id)
