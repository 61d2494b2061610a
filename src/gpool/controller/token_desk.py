"""Tokens of the live pool."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from gpool.controller.acting import acting
from gpool.controller.changes import Done
from gpool.controller.keyed import keyed_now
from gpool.controller.pool_memory import PoolMemory
from gpool.errors import UnknownToken
from gpool.model.token import Action, Role, Token
from gpool.model.views import TokenCreated
from gpool.security.roles import check_scope
from gpool.security.tokens import TOKEN_BYTES, authenticate, hash_token, token_text

__all__ = ["TokenDesk"]

log = structlog.get_logger("gpool.pool")


class TokenDesk(PoolMemory):
    """Who may speak to the pool."""

    def authenticate(self, text: str | None, *, expired_too: bool = False) -> Token:
        """Who bears this token. Raises a `NotAuthenticated`."""
        return authenticate(text, self.tokens, self.now(), expired_too=expired_too)

    def is_good(self, token: Token) -> bool:
        """Whether a token that was good when a long answer began still is."""
        # A token that is revoked is another value in the table; that it has expired, the value says itself.
        return token.id not in self._revoked and (token.expires_at is None or self.now() < token.expires_at)

    async def make_token(
        self,
        name: str,
        role: Role,
        expires_in_s: float | None = None,
        *,
        queue: str | None = None,
        queue_only: bool = False,
        actions: Sequence[Action] | None = None,
        node: str | None = None,
        subject: str | None = None,
    ) -> tuple[Token, str]:
        """A new token and its text, which is not kept. `queue`: of requests that name none.
        `subject`: the identity provider's name for whoever logs in.

        Raises `InvalidInput` for a scope that its role or the rest of the scope leaves nothing of.
        """
        text = token_text(self._random_bytes(TOKEN_BYTES))
        now = self.now()
        expires_at = None if expires_in_s is None else now + timedelta(seconds=expires_in_s)
        taken = {token.id for token in self.tokens.values()}
        token = Token(
            id=self._fresh_id("t", taken),
            name=name,
            role=role,
            created_at=now,
            expires_at=expires_at,
            queue=queue,
            queue_only=queue_only,
            actions=None if actions is None else tuple(sorted(set(actions), key=list(Action).index)),
            node=node,
            subject=subject,
        )
        check_scope(token)
        actor = acting.get()
        if subject is not None and actor is not None:
            actor.token = token  # who logs in has no other
        done = Done("token.create" if subject is None else "login", token.id, "", f"{role} {name}", actor)
        async with self._lock, self._store.write() as writer:
            await writer.add_token(token, hash_token(text))
            if entries := self._audit_entries([done], now):
                await writer.add_audit(entries)
            for asked in keyed_now():
                asked.answered(201, TokenCreated(token=token, secret=text))
            await self._keep_answers(writer, keyed_now(), now)
        self._answers_kept(keyed_now())
        self.tokens[hash_token(text)] = token
        log.info("token made", token=token.id, name=name, role=str(role))
        return token, text

    async def revoke_token(self, token_id: str) -> Token:
        """Take a token back; it stays listed. Raises `UnknownToken`."""
        async with self._lock:
            token_hash, token = next(
                ((token_hash, token) for token_hash, token in self.tokens.items() if token.id == token_id), ("", None)
            )
            if token is None:
                raise UnknownToken(f"there is no token '{token_id}'; `gpool token ls` lists them")
            if token.revoked_at is None:
                token = token.model_copy(update={"revoked_at": self.now()})
                async with self._store.write() as writer:
                    await writer.replace_token(token)
                    done = Done("token.revoke", token.id, f"{token.role} {token.name}", "revoked", acting.get())
                    if entries := self._audit_entries([done], self.now()):
                        await writer.add_audit(entries)
                    for asked in keyed_now():
                        asked.answered(200, token)
                    await self._keep_answers(writer, keyed_now(), self.now())
                self._answers_kept(keyed_now())
                self.tokens[token_hash] = token
                self._revoked.add(token.id)
                log.info("token revoked", token=token.id, name=token.name)
        return token

    async def forget_old_logins(self) -> int:
        """Delete logins that ended as long ago as leases are remembered; returns how many."""
        before = self.now() - timedelta(seconds=self.times.keep_ended_s)
        async with self._lock:
            old = {
                token_hash: token.id
                for token_hash, token in self.tokens.items()
                if token.subject is not None
                and min(token.expires_at or self.now(), token.revoked_at or self.now()) < before
            }
            if old:
                async with self._store.write() as writer:
                    await writer.forget_tokens(old.values())
            for token_hash in old:
                del self.tokens[token_hash]
        return len(old)
