"""Leadership: one row with an epoch. Whoever holds it writes; every write carries the epoch it believes in.

Two clocks look at a leadership, and neither needs to agree with the other about the time of day. Whether it has expired
for others is a matter of the **database's** clock alone. Whether its holder may still rely on it is a matter of the
holder's own clock since boot (which runs on while the process or the machine is stopped), counted from *before* the row
was written. So the holder stops before others may begin, as long as the two clocks do not drift apart by more than
the time that a claim travels. That orders the answers of two leaders. What they write is ordered by the row itself,
whatever the clocks do.

On SQLite a lock on a file beside the database tells at once whether the last leader still lives; the row then only has
to give the new leader a new epoch. The row's expiry guards the case that the file lock cannot see: a database on a
shared file system.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import TextClause, text

from gpool.errors import AlreadyRunning, NotLeading, Unavailable
from gpool.store.database import Database

__all__ = [
    "LEADERSHIP_LASTS_S",
    "Claim",
    "DatabaseLock",
    "Leader",
    "Leadership",
    "Term",
    "extend_leadership",
    "give_up_leadership",
    "lead",
    "present_leader",
]

LEADERSHIP_LASTS_S = 15.0

_NAME = "controller"

# On SQLite and PostgreSQL alike. No row comes back when somebody else leads.
_CLAIM = """
    INSERT INTO leader (name, holder, epoch, expires_at, url) VALUES (:name, :holder, 1, {now} + :lasts, :url)
    ON CONFLICT (name) DO UPDATE SET
      holder = excluded.holder,
      epoch = CASE WHEN leader.holder = excluded.holder AND leader.expires_at > {now}
                   THEN leader.epoch ELSE leader.epoch + 1 END,
      expires_at = excluded.expires_at,
      url = excluded.url
    WHERE leader.holder = excluded.holder OR leader.expires_at <= {now}
       OR (:place <> '' AND leader.holder LIKE :place || '/%')
    RETURNING holder, epoch
    """
_EXTEND = """
    UPDATE leader SET expires_at = {now} + :lasts
    WHERE name = :name AND holder = :holder AND epoch = :epoch AND expires_at > {now}
    """
_WHO = "SELECT holder, url, expires_at - {now} AS left_s FROM leader WHERE name = :name"
_GIVE_UP = text("UPDATE leader SET expires_at = 0 WHERE name = :name AND holder = :holder AND epoch = :epoch")


@dataclass(frozen=True, slots=True)
class Leadership:
    """The right to write, as long as the row in the database still says so."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads a database."""

    holder: str
    url: str
    """Where its API is reached; empty when it has not said."""
    left_s: float
    """Seconds until somebody else may lead, unless it extends its leadership."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a controller says of itself when it wants to lead."""

    holder: str
    """`PLACE/WORDS`, different for each term."""
    url: str = ""
    """Where its API is reached."""
    place: str = ""
    """Every earlier holder of this place is known to be dead: its row may be taken over before it expires."""
    lasts_s: float = LEADERSHIP_LASTS_S


class DatabaseLock:
    """A lock on `FILE.lock` for the life of this process; the kernel gives it back whatever way the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, file: Path) -> Self:
        """Take the lock of `file`, a database or a state folder. Raises `AlreadyRunning`, naming who has it."""
        path = file.with_name(file.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            what = "folder" if file.is_dir() else "database"
            raise AlreadyRunning(
                f"another controller (process {who}) uses the {what} {file}; "
                "stop it, or give this one a folder of its own with --state"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    @property
    def place(self) -> str:
        """A name for the lock that no other lock on any machine has: its holders are dead but for us."""
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        file = os.fstat(self._descriptor)
        return f"{boot_id}:{file.st_dev:x}.{file.st_ino:x}"

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


def _sql(template: str, database: Database, now_s: float | None) -> TextClause:
    return text(template.format(now=":now" if now_s is not None else database.clock_sql))


def _values(now_s: float | None, **values: object) -> dict[str, object]:
    return {"name": _NAME, **values} | ({} if now_s is None else {"now": now_s})


async def present_leader(database: Database, *, now_s: float | None = None) -> Leader | None:
    """Who leads, or led last; None before the first. `now_s`: instead of the database's clock."""
    async with database.read() as connection:
        row = (await connection.execute(_sql(_WHO, database, now_s), _values(now_s))).one_or_none()
    return None if row is None else Leader(row.holder, row.url, row.left_s)


async def lead(database: Database, claim: Claim, *, now_s: float | None = None) -> Leadership:
    """Become or stay the leader for `claim.lasts_s`. `now_s`: instead of the database's clock.

    Raises `NotLeading` when somebody else leads.
    """
    values = _values(now_s, holder=claim.holder, lasts=claim.lasts_s, url=claim.url, place=claim.place)
    async with database.write() as connection:
        row = (await connection.execute(_sql(_CLAIM, database, now_s), values)).one_or_none()
        if row is None:
            who = (await connection.execute(_sql(_WHO, database, now_s), _values(now_s))).one()
            raise NotLeading(
                f"another controller ({who.holder}) leads this database, for {who.left_s:.0f} s or more; "
                "stop it, or start this one with a database of its own"
            )
    return Leadership(row.holder, row.epoch)


async def extend_leadership(
    database: Database,
    leadership: Leadership,
    *,
    lasts_s: float = LEADERSHIP_LASTS_S,
    now_s: float | None = None,
) -> None:
    """Stay the leader. Raises `NotLeading` when somebody else leads, and when the leadership has expired.

    A leader that slept beyond its expiry does not go on, even if nobody has led meanwhile: to its clocks all that its
    holders have not been able to renew would be due.
    """
    values = _values(now_s, holder=leadership.holder, epoch=leadership.epoch, lasts=lasts_s)
    async with database.write() as connection:
        if (await connection.execute(_sql(_EXTEND, database, now_s), values)).rowcount != 1:
            raise NotLeading("this controller was held up for longer than its leadership lasts; it has to begin anew")


async def give_up_leadership(database: Database, leadership: Leadership) -> None:
    """Let the next controller lead at once."""
    async with database.write() as connection:
        values = {"name": _NAME, "holder": leadership.holder, "epoch": leadership.epoch}
        await connection.execute(_GIVE_UP, values)


def _seconds_since_boot() -> float:
    # Unlike the monotonic clock, this one counts the time that the machine was suspended.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Term:
    """One leadership from its beginning to its end, as its holder sees it. What has ended does not come back."""

    def __init__(
        self, leadership: Leadership, lasts_s: float, began_s: float, clock: Callable[[], float] = _seconds_since_boot
    ) -> None:
        self.leadership = leadership
        self.over = asyncio.Event()
        """Set when it has ended, in whatever way."""
        self.why = ""
        self._lasts_s = lasts_s
        self._clock = clock
        self._until_s = began_s + lasts_s

    @classmethod
    async def begin(cls, database: Database, claim: Claim, clock: Callable[[], float] = _seconds_since_boot) -> Self:
        """Lead. Raises `NotLeading` when somebody else does, and `Unavailable`."""
        began_s = clock()
        return cls(await lead(database, claim), claim.lasts_s, began_s, clock)

    def end(self, why: str) -> None:
        """From now on nothing is written under it. `why`: a sentence for the log."""
        if not self.over.is_set():
            self.why = why
            self.over.set()

    def holds(self) -> bool:
        """Whether it can be relied on at this moment."""
        if not self.over.is_set() and self._clock() >= self._until_s:
            self.end("the leadership could not be extended in time: this controller was stopped, or its database away")
        return not self.over.is_set()

    def check(self) -> None:
        """Raise `NotLeading` unless it holds."""
        if not self.holds():
            raise NotLeading(f"this controller leads no longer ({self.why}); ask again")

    async def keep(self, database: Database) -> None:
        """Extend it in good time; returns when it is over. `over` is set in time, whatever the database does."""
        alarm = asyncio.create_task(self._watch_the_clock())
        try:
            pause_s = self._lasts_s / 3
            while not await self._over_within(pause_s):
                began_s = self._clock()
                try:
                    await extend_leadership(database, self.leadership, lasts_s=self._lasts_s)
                except NotLeading as error:
                    self.end(str(error))
                except Unavailable:
                    # Nothing is lost yet; the database may be back before the time is over.
                    pause_s = self._lasts_s / 10
                else:
                    self._until_s = began_s + self._lasts_s
                    pause_s = self._lasts_s / 3
        finally:
            alarm.cancel()
            await asyncio.wait([alarm])

    async def _watch_the_clock(self) -> None:
        while self.holds():
            await self._over_within(max(0.01, self._until_s - self._clock()))

    async def _over_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()
        return self.over.is_set()
