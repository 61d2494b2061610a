"""What a check comes to."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """One check: what was looked at, how it stands, and what mends it."""

    verdict: Literal["ok", "warn", "fail"]
    subject: str
    what: str
    remedy: str = ""
