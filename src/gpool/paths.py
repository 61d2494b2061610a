"""Where gpool keeps things on a host; the table is in docs/internals/control-plane.md.

On the path of `gpool run`: it imports nothing heavy.
"""

from __future__ import annotations

import os
import stat

from gpool.errors import GpoolError

__all__ = ["client_file", "config_folder", "runtime_folder", "state_folder"]


def _xdg(variable: str, default: str) -> str:
    # The standard says that a relative path is to be ignored.
    folder = os.environ.get(variable, "")
    return folder if os.path.isabs(folder) else os.path.expanduser(default)


def config_folder() -> str:
    """The user's configuration, `~/.config/gpool`; it need not exist."""
    return os.path.join(_xdg("XDG_CONFIG_HOME", "~/.config"), "gpool")


def client_file() -> str:
    """`client.toml`: which pool the user's commands talk to, and as whom."""
    return os.path.join(config_folder(), "client.toml")


def state_folder() -> str:
    """Database, keys and logs, `~/.local/state/gpool`; it need not exist."""
    return os.path.join(_xdg("XDG_STATE_HOME", "~/.local/state"), "gpool")


def runtime_folder() -> str:
    """Sockets, pid files and ledgers; made here, readable by this user alone.

    Raises `GpoolError` when the folder is somebody else's or open to others.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    uid = os.getuid()
    folder = os.path.join(base, "gpool") if os.path.isabs(base) else f"/tmp/gpool-{uid}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError as error:
        raise GpoolError(
            f"the folder {folder!r} for sockets cannot be made ({error.strerror}); set XDG_RUNTIME_DIR to one that can"
        ) from error
    # In /tmp anybody may have made the folder first, to read our sockets.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o077:
        raise GpoolError(
            f"{folder!r} is not a folder of this user alone (owner {uid}, mode 0700); remove it or set XDG_RUNTIME_DIR"
        )
    return folder
