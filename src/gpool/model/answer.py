"""Answers that are kept for those who ask again."""

from dataclasses import dataclass

__all__ = ["KeptAnswer"]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to a request that carried an Idempotency-Key."""

    id: str
    """Of who asked and the key, hashed."""
    request: str
    """Hash of what was asked."""
    status: int | None
    """HTTP status; None when the request was carried out and its answer never written."""
    body: bytes | None
    """Sealed: only who asked can read it."""
