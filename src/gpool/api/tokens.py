"""Tokens."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Pool, TokenAdmin
from gpool.api.pages import Asked, page_of, timed_key
from gpool.api.problems import PROBLEMS
from gpool.errors import Conflict
from gpool.model.pages import Page
from gpool.model.token import Role, Token, TokenName
from gpool.model.views import TokenCreated, TokenRequest

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


@router.post("", status_code=201, operation_id="createToken", responses=PROBLEMS())
async def create_token(request: TokenRequest, pool: Pool, _admin: TokenAdmin) -> TokenCreated:
    """Make a token. Its text is in this answer and nowhere else."""
    token, secret = await pool.make_token(
        request.name,
        request.role,
        request.expires_in_s,
        queue=request.queue,
        queue_only=request.queue_only,
        actions=request.actions,
        node=request.node,
    )
    return TokenCreated(token=token, secret=secret)


@router.get("", operation_id="listTokens", responses=PROBLEMS())
async def list_tokens(
    pool: Pool,
    _admin: TokenAdmin,
    asked: Asked,
    role: Annotated[Role | None, Query(description="With that role.")] = None,
    name: Annotated[TokenName | None, Query(description="With that name.")] = None,
) -> Page[Token]:
    """All tokens, oldest first, also the expired and revoked ones."""
    found = (token for token in pool.tokens.values() if role in (None, token.role) and name in (None, token.name))
    return page_of(asked, found, lambda token: timed_key(token.created_at.timestamp(), token.id), lambda token: token)


@router.delete("/{token_id}", operation_id="revokeToken", responses=PROBLEMS(404, 409))
async def revoke_token(token_id: str, pool: Pool, admin: TokenAdmin) -> Token:
    """Take a token back. It stays listed, so that its bearer can be told what happened.

    409 for the token of this very request: nobody locks himself out by mistake.
    """
    if token_id == admin.id:
        raise Conflict(f"token {token_id} is the one that you show; revoke it with another administrator's token")
    return await pool.revoke_token(token_id)
