"""Files that hold secrets: readable by their owner alone, from the first byte on, and never half written."""

import os
from pathlib import Path

from gpool.errors import CannotStart

__all__ = ["private_folder", "write_private"]


def private_folder(folder: Path) -> None:
    """Make the folder with mode 0700 if it is missing. Raises `CannotStart` when it cannot be made or written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"cannot make the folder {folder} ({error.strerror}); name another with --state") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotStart(f"cannot write to the folder {folder}; mend its permissions or name another with --state")


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 0600, whole or not at all. Raises `CannotStart` when it cannot be written."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise CannotStart(
            f"cannot write {path} ({error.strerror}); check the folder's permissions and space"
        ) from error
