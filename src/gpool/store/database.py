"""The database as the rest of the store sees it: one face, two engines.

`Database.open(url)` gives an `SqliteDatabase` or a `PostgresqlDatabase`. What they have in common is a promise: a write
is one transaction in which nobody else can take over the leadership between the check and the commit, and a write
whose end is not known says so (`OutcomeUnknown`) instead of pretending to have failed.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.errors import CannotStart
from gpool.store.schema import HEAD, migrate

__all__ = ["Database", "database_file", "database_url", "sqlite_url"]


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite database in that file."""
    return f"sqlite:///{path}"


def database_url(given: str | None, folder: Path) -> str:
    """What `--database` names, or `gpool.db` in the state folder. Raises `CannotStart` for what is no database."""
    if given is None:
        return sqlite_url(folder / "gpool.db")
    file = database_file(given)
    return given if file is None else sqlite_url(file.absolute())


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        sentence = "is not the URL of a database; write sqlite:////path/to/gpool.db or postgresql://USER@HOST/DATABASE"
        raise CannotStart(f"'{url}' {sentence}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise CannotStart(
            f"a pool is kept in SQLite or in PostgreSQL, not in {parsed.get_backend_name()}; "
            "write sqlite:////path/to/gpool.db or postgresql://USER@HOST/DATABASE"
        )
    return parsed


def database_file(url: str) -> Path | None:
    """The file of an SQLite URL, None for PostgreSQL.

    Raises `CannotStart` for other databases, and for SQLite in memory.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise CannotStart("a pool needs a database in a file; write sqlite:////path/to/gpool.db")
    return Path(str(parsed.database))


class Database(ABC):
    """A pool's database. Its tables are those of the last migration once it is opened."""

    several_controllers: bool
    """Whether controllers of other machines may share it and wait for their turn to lead."""
    clock_sql: str
    """SQL for the database's own clock, in seconds since the epoch."""
    label: str
    """What sentences call it; without a password."""

    @staticmethod
    async def open(where: str | Path, *, revision: str = HEAD) -> "Database":
        """Open the database of that URL, or the SQLite file of that path, and bring its tables up to date.

        SQLite makes the file if need be. `revision`: migrate only up to there (for restoring a backup and for tests).
        Raises `CannotStart` when the database cannot be used, or is of a newer gpool.
        """
        url = sqlite_url(where) if isinstance(where, Path) else where
        file = database_file(url)
        database: Database
        if file is not None:
            from gpool.store.sqlite import SqliteDatabase

            database = SqliteDatabase(file)
        else:
            # Imported here: PostgreSQL's driver is an extra.
            from gpool.store.postgresql import PostgresqlDatabase

            database = PostgresqlDatabase(_parsed(url))
        try:
            await database.prepare(revision)
        except CommandError as error:
            await database.close()
            raise CannotStart(
                f"the database {database.label} was made by a newer gpool ({error}); update gpool"
            ) from error
        except BaseException:
            await database.close()
            raise
        return database

    @abstractmethod
    async def prepare(self, revision: str) -> None:
        """Make it usable and migrate it. Raises `CannotStart`, and alembic's `CommandError` for unknown revisions."""

    @abstractmethod
    async def close(self) -> None:
        """End all connections."""

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection on which each statement stands alone. Raises `Unavailable`."""

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that sees the database as it was at one moment, while others write. Raises `Unavailable`."""

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction, committed at the end, rolled back on an error.

        Nothing that waits for the network or for another task may happen inside. Raises `Unavailable` when the database
        cannot be had, then nothing has happened; and `OutcomeUnknown` when it went away during the commit.
        """

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A write that may take long, and that no other process does at the same time."""
        async with self.write() as connection:
            yield connection

    async def _migrate(self, revision: str) -> None:
        async with self.migrating() as connection:
            await connection.run_sync(migrate, revision)
