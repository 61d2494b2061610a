"""The lines that agent and workerd exchange over `control.sock` (docs/internals/interfaces.md): `kind key=value …`."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

__all__ = ["ControlLine", "parse_control_line"]

_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_-]*)=("(?:[^"\\]|\\.)*"|\S*)(?:\s+|$)')


class ControlLine(NamedTuple):
    """A line from workerd: its first word, and its values, unquoted."""

    kind: str
    values: dict[str, str]


def parse_control_line(line: str) -> ControlLine:
    """The line in its parts. Raises `ValueError` for a line that is not made as the protocol says."""
    kind, _, rest = line.strip().partition(" ")
    if not kind:
        raise ValueError("an empty line")
    values: dict[str, str] = {}
    rest = rest.strip()
    position = 0
    while position < len(rest):
        pair = _PAIR.match(rest, position)
        if pair is None:
            raise ValueError(f"not key=value: {rest[position : position + 40]!r}")
        text = pair[2]
        values[pair[1]] = str(json.loads(text)) if text.startswith('"') else text
        position = pair.end()
    return ControlLine(kind, values)
