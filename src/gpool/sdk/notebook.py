"""`%load_ext gpool`: GPUs of the pool for the kernel of a notebook.

%gpool acquire --gpus 2 --memory 8GiB
%gpool status
%gpool release
"""

from __future__ import annotations

import shlex
import sys
from typing import Any, Protocol

from gpool.errors import GpoolError, InvalidInput
from gpool.launch.asking import WAYS
from gpool.sdk.acquire import AcquiredLease, acquire, current_lease

__all__ = ["magic", "register"]


class _Shell(Protocol):
    def register_magic_function(self, func: Any, magic_kind: str = ..., magic_name: str | None = ...) -> None: ...


def register(shell: _Shell) -> None:
    """Give an IPython shell the magic `%gpool`."""
    shell.register_magic_function(magic, "line", "gpool")


def magic(line: str) -> AcquiredLease | None:
    """`acquire` with the flags of `gpool run`, `status`, or `release`. Failures are one sentence."""
    try:
        words = _split(line)
        match words[0] if words else "status":
            case "acquire":
                return acquire(**_arguments(words[1:]))
            case "status":
                return current_lease()
            case "release":
                lease = current_lease()
                if lease is not None:
                    lease.release()
                return lease
            case other:
                raise InvalidInput(f"%gpool knows acquire, status and release, not '{other}'")
    except GpoolError as error:
        print(f"gpool: {error}", file=sys.stderr)  # noqa: T201
        return None


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(f"the line cannot be understood ({error})") from error


def _arguments(words: list[str]) -> dict[str, Any]:
    ways = {f"--{way.name}": way for way in WAYS}
    others = {"-f": "file", "--file": "file", "--api": "api", "--token": "token"}
    arguments: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if word == "--no-preemptible":
            arguments["preemptible"] = False
            continue
        way = ways.get(flag)
        if way is None and flag not in others:
            raise InvalidInput(f"%gpool acquire has no option '{flag}'; there are: {', '.join([*ways, '-f'])}")
        if way is not None and way.switch:
            arguments[way.argument] = value or True
            continue
        if not equals:
            value = next(rest, "")
            if not value:
                raise InvalidInput(f"{flag} needs a value")
        if way is None:
            arguments[others[flag]] = value
        elif way.many:
            arguments.setdefault(way.argument, []).append(value)
        else:
            arguments[way.argument] = value
    return arguments
