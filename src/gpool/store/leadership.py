"""Leadership: one row with an epoch. Whoever holds it writes; every write carries the epoch it believes in.

SQLite lives on one machine, where a lock on a file beside the database tells at once whether the last leader still
lives; the row then only has to give the new leader a new epoch, so that nothing the old one started can still be
written. The row's expiry guards the case that the file lock cannot see: a database on a shared file system.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import text

from gpool.errors import AlreadyRunning, NotLeading
from gpool.store.database import Database

__all__ = ["LEADERSHIP_LASTS_S", "DatabaseLock", "Leadership", "extend_leadership", "give_up_leadership", "lead"]

LEADERSHIP_LASTS_S = 15.0

_NAME = "controller"

# On SQLite and PostgreSQL alike. No row comes back when somebody else leads.
_CLAIM = text(
    """
    INSERT INTO leader (name, holder, epoch, expires_at) VALUES (:name, :holder, 1, :until)
    ON CONFLICT (name) DO UPDATE SET
      holder = excluded.holder,
      epoch = CASE WHEN leader.holder = excluded.holder AND leader.expires_at > :now
                   THEN leader.epoch ELSE leader.epoch + 1 END,
      expires_at = excluded.expires_at
    WHERE leader.holder = excluded.holder OR leader.expires_at <= :now
       OR (:host <> '' AND leader.holder LIKE :host || '/%')
    RETURNING holder, epoch
    """
)
_WHO = text("SELECT holder, expires_at FROM leader WHERE name = :name")
_GIVE_UP = text("UPDATE leader SET expires_at = 0 WHERE name = :name AND holder = :holder AND epoch = :epoch")


@dataclass(frozen=True, slots=True)
class Leadership:
    """The right to write, as long as the row in the database still says so."""

    holder: str
    epoch: int


class DatabaseLock:
    """A lock on `FILE.lock` for the life of this process; the kernel gives it back whatever way the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, database_file: Path) -> Self:
        """Take it. Raises `AlreadyRunning`, naming the process that has it."""
        path = database_file.with_name(database_file.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(
                f"another controller (process {who}) uses the database {database_file}; "
                "stop it, or give this one a folder of its own with --state"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


async def lead(database: Database, holder: str, now_s: float, *, dead_host: str = "") -> Leadership:
    """Become or stay the leader until `now_s + LEADERSHIP_LASTS_S`.

    `holder` is `HOST/PROCESS…`. `dead_host`: every earlier holder of this host is known to be dead, so its row may be
    taken over before it expires. Raises `NotLeading` when somebody else leads.
    """
    until = now_s + LEADERSHIP_LASTS_S
    values = {"name": _NAME, "holder": holder, "now": now_s, "until": until, "host": dead_host}
    async with database.write() as connection:
        row = (await connection.execute(_CLAIM, values)).one_or_none()
        if row is None:
            who = (await connection.execute(_WHO, {"name": _NAME})).one()
            raise NotLeading(
                f"another controller ({who.holder}) leads this database, for {who.expires_at - now_s:.0f} s or more; "
                "stop it, or start this one with a database of its own"
            )
    return Leadership(row.holder, row.epoch)


async def extend_leadership(database: Database, leadership: Leadership, now_s: float) -> Leadership:
    """Stay the leader. Raises `NotLeading` when somebody else leads, or has led in the meantime.

    A leader that slept beyond its expiry (a suspended machine) gets the next epoch. It may go on with that: anybody
    who had led in between would have taken that epoch, and left it one higher.
    """
    extended = await lead(database, leadership.holder, now_s)
    if extended.epoch > leadership.epoch + 1:
        raise NotLeading("another controller has led this database while this one slept; start this one again")
    return extended


async def give_up_leadership(database: Database, leadership: Leadership) -> None:
    """Let the next controller lead at once."""
    async with database.write() as connection:
        values = {"name": _NAME, "holder": leadership.holder, "epoch": leadership.epoch}
        await connection.execute(_GIVE_UP, values)
