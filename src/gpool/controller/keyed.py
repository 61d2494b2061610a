"""A request that carries an Idempotency-Key, on its way through the pool.

A context variable, so that it need not pass through every method between the API, which takes requests in, and the
transaction that says that they have been carried out. What is carried out together for several requests (`Gathering`)
runs in a task of its own, and takes them as arguments.
"""

import hashlib
import os
from collections.abc import Sequence
from contextvars import ContextVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gpool.model.answer import KeptAnswer
from gpool.model.base import Model

__all__ = ["Keyed", "keyed", "keyed_now"]

_NONCE_BYTES = 12


class Keyed:
    """One request: who asks with which key, what it asks, and, when it has been carried out, the answer."""

    def __init__(self, token_id: str, token_text: str, key: str, request: str, *, repeatable: bool = False) -> None:
        self.id = hashlib.sha256(f"{token_id}\n{key}".encode()).hexdigest()
        self.request = request
        """Hash of what is asked."""
        self.repeatable = repeatable
        """Whether doing it twice is doing it once: PUT and DELETE."""
        self.stored = False
        """Whether the database knows that it has been carried out."""
        self.answer: tuple[int, bytes] | None = None
        """Status and body."""
        # An answer may hold a secret (the text of a token). Who asks again shows both of these again; the database has
        # neither, so what it keeps can be read by nobody else.
        self._seal = AESGCM(hashlib.sha256(f"gpool answer\n{token_text}\n{key}".encode()).digest())

    def answered(self, status: int, view: Model) -> None:
        """The answer is known before it is stored: both will be, or neither."""
        self.answer = (status, view.model_dump_json().encode())

    def to_keep(self) -> KeptAnswer:
        """For the database."""
        if self.answer is None:
            return KeptAnswer(self.id, self.request, None, None)
        status, body = self.answer
        nonce = os.urandom(_NONCE_BYTES)
        return KeptAnswer(self.id, self.request, status, nonce + self._seal.encrypt(nonce, body, self.id.encode()))

    def read(self, kept: KeptAnswer) -> tuple[int, bytes] | None:
        """Status and body of an answer that was kept; None when there is none, or it cannot be read."""
        if kept.status is None or kept.body is None:
            return None
        try:
            body = self._seal.decrypt(kept.body[:_NONCE_BYTES], kept.body[_NONCE_BYTES:], self.id.encode())
        except InvalidTag:
            return None
        return kept.status, body


keyed: ContextVar[Keyed | None] = ContextVar("keyed", default=None)
"""Set by the API for the time of a request that carries a key."""


def keyed_now() -> Sequence[Keyed]:
    """The request on whose behalf this task runs, if it carries a key."""
    now = keyed.get()
    return () if now is None else (now,)
