"""Durations as people write them."""

from __future__ import annotations

import re

from gpool.errors import InvalidInput

__all__ = ["parse_duration_s"]

_DURATION = re.compile(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d)?\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 31_536_000.0


def parse_duration_s(text: str) -> float:
    """`90`, `90s`, `1.5m`, `2h`, `1d` or `500ms` in seconds; more than nothing, at most a year.

    Raises `InvalidInput` for anything else.
    """
    forms = "write seconds, or 90s, 5m, 2h, 1d"
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInput(f"'{text}' is not a duration; {forms}")
    seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if not 0 < seconds <= _LONGEST_S:
        raise InvalidInput(f"'{text}' is {'no time at all' if seconds == 0 else 'more than a year'}; {forms}")
    return seconds
