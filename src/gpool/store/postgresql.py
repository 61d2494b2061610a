"""PostgreSQL, for several controllers: writes that a stale leader cannot slip in, and waits that end.

Each write locks the leader's row (`FOR SHARE`) as its first deed and holds it until the commit. A controller that takes
over updates that row, so it waits for writes under way, and a write that begins later finds another epoch. READ
COMMITTED is enough for that: a `SELECT … FOR SHARE` that had to wait looks at the row again as it then is.

A controller that is stopped or cut off in the middle of a write would hold that lock for ever. Two things end it: the
server ends a transaction that is idle for longer than a write may take; and this side, which may be waiting for a
server that will never answer, shuts the connection's socket down at the deadline. Cancelling alone would not do: the
driver then asks the same server to stop, and waits for that.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gpool.errors import CannotStart, OutcomeUnknown, Unavailable
from gpool.store.database import Database

__all__ = ["PostgresqlDatabase"]

_WRITE_S = 5.0
"""A write takes milliseconds; one that takes longer than this has lost its server, or somebody it waits for."""
_READ_S = 30.0
_MIGRATION_S = 600.0
_CONNECT_S = 5
_CONNECTIONS = 8

# One statement, so that settings cost one round trip; local to the transaction, so that a pooler in between may hand
# the connection to somebody else afterwards.
_SETTINGS = text(
    "SELECT set_config('lock_timeout', :wait, true), set_config('statement_timeout', :whole, true), "
    "set_config('idle_in_transaction_session_timeout', :whole, true)"
)
_MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('gpool migrations'))")


class PostgresqlDatabase(Database):
    """One pool of connections; `read()` in autocommit, `write()` at READ COMMITTED."""

    several_controllers = True
    clock_sql = "extract(epoch FROM clock_timestamp())::float8"

    def __init__(self, url: URL) -> None:
        self.label = url.set(drivername="postgresql").render_as_string(hide_password=True)
        try:
            self._engine = create_async_engine(
                url.set(drivername="postgresql+psycopg"),
                isolation_level="READ COMMITTED",
                pool_size=_CONNECTIONS,
                max_overflow=0,
                pool_timeout=_WRITE_S,
                pool_use_lifo=True,
                # Prepared statements do not survive a pooler that works by transactions.
                connect_args={"connect_timeout": _CONNECT_S, "prepare_threshold": None, "application_name": "gpool"},
            )
        except (ImportError, NoSuchModuleError) as error:
            raise CannotStart(
                f"PostgreSQL needs its driver, which is not installed ({error}); run pip install 'gpool[postgresql]'"
            ) from error

    async def prepare(self, revision: str) -> None:
        """See `Database`."""
        try:
            await self._migrate(revision)
        except (Unavailable, DBAPIError) as error:
            why = _first_line(error.orig) if isinstance(error, DBAPIError) else str(error)
            raise CannotStart(f"cannot use the database {self.label} ({why}); check --database") from error

    async def close(self) -> None:
        """See `Database`."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`."""
        async with self._connection("AUTOCOMMIT", _READ_S) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`."""
        async with self._connection("REPEATABLE READ", _MIGRATION_S) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`."""
        async with self._transaction(_WRITE_S) as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """See `Database`."""
        async with self._transaction(_MIGRATION_S) as connection:
            await connection.execute(_MIGRATION_LOCK)
            yield connection

    @asynccontextmanager
    async def _transaction(self, lasts_s: float) -> AsyncIterator[AsyncConnection]:
        async with self._connection("READ COMMITTED", lasts_s) as connection:
            yield connection
            try:
                await connection.commit()
            except IntegrityError:
                raise
            except DBAPIError as error:
                await connection.invalidate()
                raise OutcomeUnknown(
                    f"the database {self.label} went away while it was told to commit; look whether it was done"
                ) from error

    @asynccontextmanager
    async def _connection(self, isolation: str, lasts_s: float) -> AsyncIterator[AsyncConnection]:
        """A connection that has just answered, and that is shut down when it is not given back within `lasts_s`."""
        connection: AsyncConnection | None = None
        with contextlib.ExitStack() as deadline:
            try:
                connection = await self._begin(isolation, lasts_s, deadline)
                yield connection
            except (OperationalError, InternalError, PoolTimeoutError) as error:
                if connection is not None:
                    await connection.invalidate()
                why = _first_line(error.orig if isinstance(error, DBAPIError) else error)
                raise Unavailable(f"the database {self.label} cannot be used now ({why}); try again") from error
            finally:
                if connection is not None:
                    await _uninterrupted(connection.close())

    async def _begin(self, isolation: str, lasts_s: float, deadline: contextlib.ExitStack) -> AsyncConnection:
        settings = {"wait": f"{lasts_s * 0.8:g}s", "whole": f"{lasts_s:g}s"}
        # Twice: the first may be a connection whose server has been started again meanwhile.
        for attempt in (1, 2):
            connection = await self._engine.connect()
            guard = deadline.enter_context(contextlib.ExitStack())
            try:
                await connection.execution_options(isolation_level=isolation)
                raw = (await connection.get_raw_connection()).driver_connection
                assert raw is not None
                guard.enter_context(_shut_down_after(lasts_s, raw.fileno()))
                if isolation == "AUTOCOMMIT":
                    await connection.execute(text("SELECT 1"))
                else:
                    await connection.execute(_SETTINGS, settings)
                return connection
            except OperationalError:
                guard.close()
                await connection.invalidate()
                await connection.close()
                if attempt == 2:
                    raise
            except BaseException:
                await _uninterrupted(connection.close())
                raise
        raise AssertionError("both attempts return or raise")


@contextlib.contextmanager
def _shut_down_after(seconds: float, descriptor: int) -> Iterator[None]:
    """Shut the socket down after so long, unless the context has ended: whoever waits for it then sees its end."""
    # A descriptor of our own: the driver's number may belong to another connection by then.
    own = socket.socket(fileno=os.dup(descriptor))

    def shut_down() -> None:
        with contextlib.suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, shut_down)
    try:
        yield
    finally:
        timer.cancel()
        own.close()


async def _uninterrupted(closing: Coroutine[object, object, None]) -> None:
    await asyncio.shield(asyncio.create_task(closing))


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
