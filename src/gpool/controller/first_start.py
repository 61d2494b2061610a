"""The tokens that a pool has from its beginning, and the files that hold them."""

import getpass
import re
from dataclasses import dataclass
from pathlib import Path

from gpool.controller.live_pool import LivePool
from gpool.errors import NotAuthenticated
from gpool.model.token import Role
from gpool.security.private_files import write_private

__all__ = ["FirstTokens", "ensure_first_tokens"]


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """The texts of the first tokens; None for one whose file is no longer there or no longer valid."""

    admin: str | None
    join: str | None
    fresh: bool
    """Whether they were made just now."""


async def ensure_first_tokens(pool: LivePool, state: Path) -> FirstTokens:
    """In a pool without any token, make one for its administrator and one for its nodes.

    They are kept in `admin.token` and `join.token` in the state folder (mode 0600), so that whoever may read the
    database may also use the pool, and the join command can be shown again.
    """
    fresh = not pool.tokens
    if fresh:
        name = _user_name()
        # The administrator's last: who waits for it finds the other.
        for file_name, token_name, role in (("join.token", "nodes", Role.NODE), ("admin.token", name, Role.ADMIN)):
            _, text = await pool.make_token(token_name, role)
            write_private(state / file_name, text + "\n")
    return FirstTokens(_valid(pool, state / "admin.token"), _valid(pool, state / "join.token"), fresh)


def _user_name() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that nobody has given a name.
        user = ""
    return re.sub(r"[^A-Za-z0-9._@-]", "-", user).strip("-._@")[:63] or "admin"


def _valid(pool: LivePool, path: Path) -> str | None:
    try:
        text = path.read_text().strip()
        pool.authenticate(text)
    except (OSError, UnicodeDecodeError, NotAuthenticated):
        return None
    return text
