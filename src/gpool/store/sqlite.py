"""SQLite, for one controller: writes that cannot collide.

WAL and a busy timeout do not prevent "database is locked": a deferred transaction that reads and then writes fails at
once when somebody else wrote in between. So reads run in autocommit, and every write begins with BEGIN IMMEDIATE, on
an engine of its own whose single connection also makes the writers of this process queue up.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gpool.errors import CannotStart, Unavailable
from gpool.store.database import Database

__all__ = ["SqliteDatabase"]

_BUSY_TIMEOUT_MS = 5000


class SqliteDatabase(Database):
    """Two engines on one file: `read()` in autocommit, `write()` in BEGIN IMMEDIATE."""

    several_controllers = False
    clock_sql = "((julianday('now') - 2440587.5) * 86400.0)"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = str(path)
        url = f"sqlite+aiosqlite:///{path}"
        self._reader = create_async_engine(url, isolation_level="AUTOCOMMIT")
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0)
        for engine in (self._reader, self._writer):
            event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(self._writer.sync_engine, "begin", _begin_immediate)

    async def prepare(self, revision: str) -> None:
        """See `Database`."""
        try:
            # Made here, before SQLite does, so that nobody else can ever read the node keys in it.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            await self._migrate(revision)
        except OSError as error:
            sentence = f"cannot open the database {self.path} ({error.strerror}); check --state or --database"
            raise CannotStart(sentence) from error
        except DatabaseError as error:
            sentence = f"cannot use the database {self.path} ({error.orig}); restore it or name another file"
            raise CannotStart(sentence) from error

    async def close(self) -> None:
        """End all connections and their threads."""
        await self._reader.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`. In WAL mode a reader neither waits for writers nor holds them up."""
        async with self._reader.connect() as connection:
            await connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                await connection.exec_driver_sql("ROLLBACK")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`. The transaction holds the one write lock of the file from its beginning."""
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
