"""The store on a real SQLite file and on a real PostgreSQL server: what is written, and what is refused."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from gpool.errors import CannotStart, StaleWrite, Unavailable
from gpool.lifecycle.lease import Released, apply_to_lease
from gpool.model.token import Role, Token
from gpool.store import tables
from gpool.store.database import Database, database_file, sqlite_url
from gpool.store.leadership import Claim, Term
from gpool.store.pool_store import KeyedNode, PoolStore, Revised
from gpool.store.sqlite import SqliteDatabase
from stage.values import START, active, after, make_node, pending

FIRST = Claim("host/first", place="host")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await Database.open(tmp_path / "gpool.db")
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


@pytest.fixture
async def store(database: Database) -> PoolStore:
    return PoolStore(database, await Term.begin(database, FIRST))


async def test_what_is_written_is_read_after_opening_again(store: PoolStore, database_url: str) -> None:
    node = make_node("a", 8, 16)
    token = Token(id="t-2", name="ann", role=Role.USER, created_at=START)
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
        await writer.save_lease(active("l-3", ("a", 0)), None)
        await writer.save_node(node, b"k" * 32, None)
        await writer.add_token(token, "hash")
    again = await Database.open(database_url)
    try:
        contents = await PoolStore(again, await Term.begin(again, FIRST)).load()
    finally:
        await again.close()
    assert contents.leases == (Revised(pending("l-2"), 1), Revised(active("l-3", ("a", 0)), 1))
    assert contents.nodes == (KeyedNode(node, b"k" * 32, 1),)
    assert contents.tokens == {"hash": token}


async def test_fields_of_a_newer_version_are_read_over(store: PoolStore, database: Database) -> None:
    node = make_node("a", 8)
    async with store.write() as writer:
        await writer.save_lease(active("l-3", ("a", 0)), None)
        await writer.save_node(node, b"k" * 32, None)
    async with database.write() as connection:
        for table, key in (("lease", "owner"), ("lease", "ordinal"), ("node", "name")):
            newer = f"""REPLACE(document, '"{key}":', '"later":[1],"{key}":')"""
            await connection.execute(text(f"UPDATE {table} SET document = {newer}"))
            changed = (await connection.execute(text(f"SELECT document FROM {table}"))).scalar_one()
            assert f'"later":[1],"{key}"' in changed
    contents = await store.load()
    assert contents.leases == (Revised(active("l-3", ("a", 0)), 1),)
    assert contents.nodes == (KeyedNode(node, b"k" * 32, 1),)


async def test_a_write_that_believes_in_an_old_revision_changes_nothing(store: PoolStore) -> None:
    async with store.write() as writer:
        revision = await writer.save_lease(pending("l-2"), None)
        assert await writer.save_lease(pending("l-2", at_s=1), revision) == 2

    async def write_a_new_one_and_a_stale_one() -> None:
        async with store.write() as writer:
            await writer.save_lease(pending("l-3"), None)
            await writer.save_lease(pending("l-2", at_s=2), revision)

    with pytest.raises(StaleWrite, match="lease l-2 has been changed"):
        await write_a_new_one_and_a_stale_one()
    with pytest.raises(StaleWrite, match="l-2 is there already"):
        async with store.write() as writer:
            await writer.save_lease(pending("l-2"), None)
    assert [lease.value.id for lease in (await store.load()).leases] == ["l-2"]
    assert (await store.load()).leases[0].value.created_at == after(1)


async def test_ended_leases_leave_the_living_and_are_forgotten_in_time(store: PoolStore) -> None:
    ended, _ = apply_to_lease(pending("l-2"), Released("ann"), after(10))
    async with store.write() as writer:
        await writer.save_lease(ended, None)
    assert (await store.load()).leases == ()
    assert await store.ended_lease("l-2") == ended
    assert await store.ended_lease("l-3") is None
    assert list(await store.ended_leases(10)) == [ended]
    async with store.write() as writer:
        assert await writer.forget_ended_leases(after(10)) == 0
        assert await writer.forget_ended_leases(after(11)) == 1
    assert await store.ended_lease("l-2") is None


async def test_many_writers_lose_nothing(store: PoolStore) -> None:
    """SQLite lets them in one by one; on PostgreSQL they may meet, and then all but one are told so."""
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
    met = 0

    async def count_up() -> None:
        nonlocal met
        for _ in range(10):
            while True:
                try:
                    async with store.write() as writer:
                        row = await writer._connection.execute(text("SELECT revision FROM lease WHERE id = 'l-2'"))
                        await writer.save_lease(pending("l-2"), row.scalar_one())
                    break
                except StaleWrite:
                    met += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(count_up())
    assert (await store.load()).leases[0].revision == 81
    assert met == 0 or store._database.several_controllers


async def test_a_snapshot_sees_one_moment_while_others_write(store: PoolStore, database: Database) -> None:
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
    count = text("SELECT count(*) FROM lease")
    async with database.snapshot() as connection:
        assert (await connection.execute(count)).scalar_one() == 1
        async with store.write() as writer:
            await writer.save_lease(pending("l-3"), None)
        assert (await connection.execute(count)).scalar_one() == 1
    async with database.read() as connection:
        assert (await connection.execute(count)).scalar_one() == 2


async def test_a_database_that_others_keep_locked_is_a_sentence(sqlite: SqliteDatabase) -> None:
    store = PoolStore(sqlite, await Term.begin(sqlite, FIRST))
    async with sqlite.write() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=1")
    blocker = sqlite3.connect(sqlite.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="locked by another process"):
            async with store.write():
                pytest.fail("two writers at once")
    finally:
        blocker.close()


async def test_the_file_is_for_its_owner_only(sqlite: SqliteDatabase) -> None:
    assert stat.S_IMODE(os.stat(sqlite.path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 100), "cannot use the database .*not a database"),
        (lambda path: path.mkdir(), "cannot open the database"),
    ],
)
async def test_a_file_that_is_no_database(tmp_path: Path, prepare: object, sentence: str) -> None:
    prepare(tmp_path / "gpool.db")  # type: ignore[operator]
    with pytest.raises(CannotStart, match=sentence):
        await Database.open(tmp_path / "gpool.db")


async def test_a_server_that_is_not_there_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot use the database postgresql://ann:") as caught:
        await Database.open(f"postgresql://ann:secret@/pool?host={tmp_path}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://host/db", "in SQLite or in PostgreSQL, not in mysql"),
        ("sqlite://", "database in a file"),
        ("gpool.db", "not the URL of a database"),
    ],
)
def test_urls_that_name_no_database(url: str, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        database_file(url)
    assert database_file(sqlite_url(Path("/x/gpool.db"))) == Path("/x/gpool.db")
    assert database_file("postgresql://host/db") is None


async def test_the_migrations_make_the_tables_that_the_queries_expect(database: Database) -> None:
    def compare(connection: Connection) -> None:
        found, dialect = inspect(connection), connection.dialect
        for table in tables.metadata.sorted_tables:
            columns = {column["name"]: column for column in found.get_columns(table.name)}
            assert columns.keys() == {column.name for column in table.columns}
            for column in table.columns:
                assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
                made, wanted = (kind.compile(dialect) for kind in (columns[column.name]["type"], column.type))
                assert made == wanted, (table.name, column.name)
            indices = {index["name"] for index in found.get_indexes(table.name) if not index["unique"]}
            assert indices == {index.name for index in table.indexes}
        assert set(found.get_table_names()) == {*tables.metadata.tables, "alembic_version"}

    async with database.write() as connection:
        await connection.run_sync(compare)
