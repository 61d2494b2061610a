"""Opening the database: SQLite with writes that cannot collide.

WAL and a busy timeout do not prevent "database is locked": a deferred transaction that reads and then writes fails at
once when somebody else wrote in between. So reads run in autocommit, and every write begins with BEGIN IMMEDIATE, on
an engine of its own whose single connection also makes the writers of this process queue up.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gpool.errors import CannotStart, Unavailable
from gpool.store.migrations import __path__ as migrations_path

__all__ = ["Database", "database_file", "sqlite_url"]

_BUSY_TIMEOUT_MS = 5000


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite database in that file."""
    return f"sqlite:///{path}"


def database_file(url: str) -> Path:
    """The file of an SQLite URL. Raises `CannotStart` for other databases, and for SQLite in memory."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise CannotStart(f"'{url}' is not the URL of a database; write sqlite:////path/to/gpool.db") from error
    if parsed.get_backend_name() != "sqlite":
        name = parsed.get_backend_name()
        raise CannotStart(f"this version keeps its state in SQLite, not in {name}; write sqlite:////path/to/gpool.db")
    if parsed.database in (None, "", ":memory:"):
        raise CannotStart("a pool needs a database in a file; write sqlite:////path/to/gpool.db")
    return Path(str(parsed.database))


class Database:
    """Two engines on one file: `read()` in autocommit, `write()` in BEGIN IMMEDIATE."""

    def __init__(self, path: Path) -> None:
        self.path = path
        url = f"sqlite+aiosqlite:///{path}"
        self._reader = create_async_engine(url, isolation_level="AUTOCOMMIT")
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0)
        for engine in (self._reader, self._writer):
            event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(self._writer.sync_engine, "begin", _begin_immediate)

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Open the file, making it if need be, and bring its tables up to date.

        Raises `CannotStart` when the file cannot be used, or is of a newer gpool.
        """
        database = cls(path)
        try:
            # Made here, before SQLite does, so that nobody else can ever read the node keys in it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            async with database.write() as connection:
                await connection.run_sync(_migrate)
        except OSError as error:
            await database.close()
            raise CannotStart(
                f"cannot open the database {path} ({error.strerror}); check --state or --database"
            ) from error
        except CommandError as error:
            await database.close()
            raise CannotStart(f"the database {path} was made by a newer gpool ({error}); update gpool") from error
        except DatabaseError as error:
            await database.close()
            raise CannotStart(
                f"cannot use the database {path} ({error.orig}); restore it or name another file"
            ) from error
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """End all connections and their threads."""
        await self._reader.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement stands alone."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that holds the write lock from its beginning; committed at the end, rolled back on an error.

        Nothing that waits for the network or for another task may happen inside. Raises `Unavailable` when another
        process keeps the database locked.
        """
        try:
            async with self._writer.begin() as connection:
                yield connection
        except OperationalError as error:
            if "locked" in str(error.orig):
                wait_s = _BUSY_TIMEOUT_MS / 1000
                sentence = f"the database {self.path} was locked by another process for {wait_s:g} s; try again"
                raise Unavailable(sentence) from error
            raise


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we emit BEGIN ourselves
    cursor = connection.cursor()
    # NORMAL is safe against corruption in WAL mode; a power failure may lose the last commits, which agents and holders
    # repair by telling everything again.
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(next(iter(migrations_path))).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
