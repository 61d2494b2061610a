"""Tokens: opaque random text, of which only the SHA-256 is kept."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime

from gpool.errors import TokenExpired, TokenMissing, TokenRevoked, TokenWrong
from gpool.model.token import Token

__all__ = ["TOKEN_BYTES", "authenticate", "bearer", "hash_token", "token_text"]

TOKEN_BYTES = 32

# Makes a token recognisable in logs and to secret scanners.
_PREFIX = "gpool_"


def token_text(randomness: bytes) -> str:
    """A token from 32 random bytes: `gpool_` and 43 characters that need no quoting anywhere."""
    if len(randomness) != TOKEN_BYTES:
        raise ValueError(f"a token has {TOKEN_BYTES} random bytes, not {len(randomness)}")
    return _PREFIX + base64.urlsafe_b64encode(randomness).rstrip(b"=").decode()


def hash_token(text: str) -> str:
    """What the store keeps of a token: SHA-256, hexadecimal.

    No salt and no slow hash: the token is 256 random bits, which nobody can guess or tabulate.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def bearer(authorization: str | None) -> str | None:
    """The token in an `Authorization` header; None when there is no header. Raises `TokenWrong` for another scheme."""
    if authorization is None:
        return None
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenWrong("the Authorization header is not of the form `Bearer TOKEN`; set GPOOL_TOKEN or use --token")
    return text.strip()


def authenticate(
    text: str | None, tokens_by_hash: Mapping[str, Token], now: datetime, *, expired_too: bool = False
) -> Token:
    """Who bears this token. `expired_too`: also one that has expired, but was not revoked.

    Raises `TokenMissing`, `TokenWrong`, `TokenRevoked` or `TokenExpired`.
    """
    if not text:
        raise TokenMissing("the request carries no token; set GPOOL_TOKEN, use --token, or write it to client.toml")
    # The table is keyed by hash, so the time of the look-up tells nothing about any token's text.
    token = tokens_by_hash.get(hash_token(text))
    if token is None:
        raise TokenWrong("the token is not one of this pool's; check GPOOL_TOKEN or client.toml, or ask for a new one")
    if token.revoked_at is not None:
        when = f"{token.revoked_at:%Y-%m-%d %H:%M:%S} UTC"
        raise TokenRevoked(f"the token '{token.name}' was revoked on {when}; ask an administrator for a new one")
    if token.expires_at is not None and now >= token.expires_at and not expired_too:
        when = f"{token.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        raise TokenExpired(f"the token '{token.name}' expired on {when}; ask an administrator for a new one")
    return token
