"""Tokens."""

from fastapi import APIRouter

from gpool.api.access import Admin, Pool
from gpool.api.problems import PROBLEMS
from gpool.model.token import Token
from gpool.model.views import TokenCreated, TokenRequest

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


@router.post("", status_code=201, operation_id="createToken", responses=PROBLEMS())
async def create_token(request: TokenRequest, pool: Pool, _admin: Admin) -> TokenCreated:
    """Make a token. Its text is in this answer and nowhere else."""
    token, secret = await pool.make_token(request.name, request.role, request.expires_in_s, request.queue)
    return TokenCreated(token=token, secret=secret)


@router.get("", operation_id="listTokens", responses=PROBLEMS())
async def list_tokens(pool: Pool, _admin: Admin) -> list[Token]:
    """All tokens, oldest first, also the expired and revoked ones."""
    return sorted(pool.tokens.values(), key=lambda token: (token.created_at, token.id))


@router.delete("/{token_id}", operation_id="revokeToken", responses=PROBLEMS(404))
async def revoke_token(token_id: str, pool: Pool, _admin: Admin) -> Token:
    """Take a token back. It stays listed, so that its bearer can be told what happened."""
    return await pool.revoke_token(token_id)
