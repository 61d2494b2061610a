"""Backup and restore: all tables of a pool as lines of JSON, the same for SQLite and PostgreSQL.

The first line says what it is, and the revision of the tables. Then comes a line for each row, and last a line with
their number, so that a file that was cut short is noticed. A backup is read in one snapshot while the controller works
on. It is restored at its own revision and migrated from there, so an older backup becomes a pool of this version, and a
pool can move from SQLite to PostgreSQL.
"""

import base64
import json
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, Table, func, insert, select

from gpool.errors import CannotStart, InvalidInput
from gpool.store.database import Database
from gpool.store.leadership import present_leader
from gpool.store.schema import HEAD, known_revisions, migrate, revision_of
from gpool.version import VERSION

__all__ = ["backup_lines", "restore_lines"]

_FORMAT = 1
_BATCH = 500
_SKIPPED = ("alembic_version",)


async def backup_lines(database: Database) -> AsyncIterator[str]:
    """The lines of a backup, each with its line end, as the database is at one moment. Raises `Unavailable`."""
    async with database.snapshot() as connection:
        revision = await connection.run_sync(revision_of)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        yield _line({"gpool_backup": _FORMAT, "gpool": VERSION, "revision": revision, "made_at": made_at})
        rows = 0
        for table in await connection.run_sync(_tables):
            for row in (await connection.execute(select(table))).mappings():
                rows += 1
                yield _line({"table": table.name, "row": {name: _plain(value) for name, value in row.items()}})
        yield _line({"end": True, "rows": rows})


async def restore_lines(database: Database, lines: Iterable[str]) -> int:
    """Fill an empty database with a backup; returns how many rows. All of it, or nothing.

    Nobody leads the restored pool, and whoever leads it next has an epoch that was never used. Raises `InvalidInput`
    for what is no whole backup or of a newer gpool, and `CannotStart` when the database is in use or not empty.
    """
    leader = await present_leader(database)
    if leader is not None and leader.left_s > 0:
        raise CannotStart(
            f"a controller ({leader.holder.partition('/')[2]}) leads the pool in {database.label}; "
            "stop all its controllers first, or restore into an empty database"
        )
    async with database.migrating() as connection:
        return await connection.run_sync(_restore, lines, database.label)


def _tables(connection: Connection) -> list[Table]:
    # As they are in the database: the file may be of another version than the tables that this program knows.
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in _SKIPPED]


def _restore(connection: Connection, lines: Iterable[str], label: str) -> int:
    numbered = _parsed(lines)
    _, head = next(numbered, (0, {}))
    if head.get("gpool_backup") != _FORMAT:
        raise InvalidInput("this is no backup of gpool; name a file that `gpool backup` has made")
    if head.get("revision") not in known_revisions():
        made_by = f"{head.get('gpool')}, revision {head.get('revision')}"
        raise InvalidInput(f"this backup was made by a newer gpool ({made_by}); update gpool")
    for table in _tables(connection):
        # The leader's row is no pool: a controller that has been here and was stopped leaves it.
        if table.name != "leader" and connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise CannotStart(f"the database {label} has a pool in it already; restore into an empty one")
    _empty(connection)
    migrate(connection, str(head["revision"]))
    tables = {table.name: table for table in _tables(connection)}
    waiting: dict[str, list[dict[str, Any]]] = {}
    rows = 0
    for number, line in numbered:
        if line.get("end"):
            if line.get("rows") != rows:
                raise InvalidInput(f"the backup lacks rows ({rows} of {line.get('rows')}); use another copy of it")
            for name, batch in waiting.items():
                if batch:
                    connection.execute(insert(tables[name]), batch)
            migrate(connection, HEAD)
            return rows
        name, row = str(line.get("table")), line.get("row")
        if name not in tables or not isinstance(row, dict):
            raise InvalidInput(f"line {number} of the backup is no row of a table; use another copy of it")
        rows += 1
        batch = waiting.setdefault(name, [])
        batch.append(_restored(tables[name], row, number))
        if len(batch) >= _BATCH:
            connection.execute(insert(tables[name]), batch)
            batch.clear()
    raise InvalidInput(f"the backup was cut short after {rows} rows; use another copy of it")


def _empty(connection: Connection) -> None:
    """Drop the empty tables of now, so that those of then can be made."""
    found = MetaData()
    found.reflect(connection)
    found.drop_all(connection)


def _restored(table: Table, row: dict[str, Any], number: int) -> dict[str, Any]:
    if row.keys() != {column.name for column in table.columns}:
        raise InvalidInput(f"line {number} of the backup has other columns than {table.name}; use another copy of it")
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    values = {name: base64.b64decode(value) if name in binary and value else value for name, value in row.items()}
    return values | {"expires_at": 0.0} if table.name == "leader" else values


def _parsed(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InvalidInput(f"line {number} of the backup is not JSON; use another copy of it") from error
        if not isinstance(value, dict):
            raise InvalidInput(f"line {number} of the backup is not an object; use another copy of it")
        yield number, value


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    assert not isinstance(value, float) or math.isfinite(value), "JSON has no such number"
    return value
