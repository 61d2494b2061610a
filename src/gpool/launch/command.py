"""Finding the command that `gpool run` is to start, as a shell would, before any lease is asked for."""

from __future__ import annotations

import os

from gpool.errors import GpoolError

__all__ = ["CommandUnusableError", "find_command"]

CANNOT_EXECUTE = 126
NOT_FOUND = 127


class CommandUnusableError(GpoolError):
    """The command is missing or may not be executed; `exit_code` is what a shell would exit with (127 or 126)."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def find_command(name: str, search_path: str) -> str:
    """The file that `name` means: `name` itself when it holds a slash, else the first match along `search_path`
    (colon-separated folders, an empty one is the current folder).

    Raises `CommandUnusableError`.
    """
    if not name:
        raise CommandUnusableError("the command is an empty word; say what to run after `--`", NOT_FOUND)
    if "/" in name:
        _check(name, name)
        return name
    found_but_not_executable = None
    for folder in search_path.split(":"):
        candidate = os.path.join(folder or ".", name)
        if not os.path.isfile(candidate):
            continue
        if os.access(candidate, os.X_OK):
            _check(name, candidate)
            return candidate
        found_but_not_executable = found_but_not_executable or candidate
    if found_but_not_executable:
        _check(name, found_but_not_executable)
    raise CommandUnusableError(
        f"the command {name!r} was not found in PATH; check its spelling or give its full path", NOT_FOUND
    )


def _check(name: str, path: str) -> None:
    if not os.path.exists(path):
        what = "is a link to nothing" if os.path.islink(path) else "does not exist"
        raise CommandUnusableError(f"the command {name!r} {what}; check its spelling", NOT_FOUND)
    if os.path.isdir(path):
        raise CommandUnusableError(f"{name!r} is a folder, not a command", CANNOT_EXECUTE)
    if not os.access(path, os.X_OK):
        raise CommandUnusableError(f"{path!r} may not be executed; mend it with `chmod +x {path}`", CANNOT_EXECUTE)
    interpreter = _interpreter(path)
    if interpreter and not os.access(interpreter, os.X_OK):
        raise CommandUnusableError(
            f"{path!r} names the interpreter {interpreter!r} in its first line, "
            "which does not exist or may not be executed",
            CANNOT_EXECUTE,
        )


def _interpreter(path: str) -> str | None:
    """The program in a script's `#!` line. None for anything else, and for files that may be run but not read."""
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    words = first[2:].split() if first.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else None
