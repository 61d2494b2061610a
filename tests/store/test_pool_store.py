"""The store on a real SQLite file."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from gpool.errors import AlreadyRunning, CannotStart, NotLeading, StaleWrite, Unavailable
from gpool.lifecycle.lease import Released, apply_to_lease
from gpool.model.token import Role, Token
from gpool.store import tables
from gpool.store.database import Database, database_file, sqlite_url
from gpool.store.leadership import LEADERSHIP_LASTS_S, DatabaseLock, extend_leadership, give_up_leadership, lead
from gpool.store.pool_store import KeyedNode, PoolStore, Revised
from stage.values import START, active, after, make_node, pending


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "gpool.db")
    yield opened
    await opened.close()


@pytest.fixture
async def store(database: Database) -> PoolStore:
    return PoolStore(database, await lead(database, "host/first", 0.0))


async def test_what_is_written_is_read_after_opening_again(store: PoolStore, database: Database) -> None:
    node = make_node("a", 8, 16)
    token = Token(id="t-2", name="ann", role=Role.USER, created_at=START)
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
        await writer.save_lease(active("l-3", ("a", 0)), None)
        await writer.save_node(node, b"k" * 32, None)
        await writer.add_token(token, "hash")
    again = await Database.open(database.path)
    try:
        contents = await PoolStore(again, await lead(again, "host/first", 1.0)).load()
    finally:
        await again.close()
    assert contents.leases == (Revised(pending("l-2"), 1), Revised(active("l-3", ("a", 0)), 1))
    assert contents.nodes == (KeyedNode(node, b"k" * 32, 1),)
    assert contents.tokens == {"hash": token}


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
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)

    async def count_up() -> None:
        for _ in range(20):
            async with store.write() as writer:
                row = await writer._connection.execute(text("SELECT revision FROM lease WHERE id = 'l-2'"))
                await writer.save_lease(pending("l-2"), row.scalar_one())

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(count_up())
    assert (await store.load()).leases[0].revision == 161


async def test_the_second_controller_is_refused_until_the_first_is_gone(database: Database) -> None:
    first = await lead(database, "host-1/a", 100.0)
    assert first.epoch == 1
    with pytest.raises(NotLeading, match="host-1/a"):
        await lead(database, "host-2/b", 101.0)
    assert await lead(database, "host-1/a", 110.0) == first
    with pytest.raises(NotLeading):
        await lead(database, "host-2/b", 110.0 + LEADERSHIP_LASTS_S - 1)
    second = await lead(database, "host-2/b", 110.0 + LEADERSHIP_LASTS_S)
    assert (second.holder, second.epoch) == ("host-2/b", 2)
    with pytest.raises(NotLeading):
        async with PoolStore(database, first).write():
            pytest.fail("a controller that was replaced must not write")
    await give_up_leadership(database, second)
    assert (await lead(database, "host-1/a", 126.0)).epoch == 3


async def test_a_leader_that_overslept_goes_on_unless_somebody_else_has_led(database: Database) -> None:
    leadership = await lead(database, "host-1/a", 100.0)
    leadership = await extend_leadership(database, leadership, 1000.0)
    assert leadership.epoch == 2
    async with PoolStore(database, leadership).write() as writer:
        await writer.save_lease(pending("l-2"), None)
    other = await lead(database, "host-2/b", 2000.0)
    await give_up_leadership(database, other)
    with pytest.raises(NotLeading, match="while this one slept"):
        await extend_leadership(database, leadership, 2001.0)


async def test_a_holder_known_to_be_dead_is_replaced_at_once(database: Database) -> None:
    await lead(database, "host-1/a", 100.0)
    with pytest.raises(NotLeading):
        await lead(database, "host-2/b", 100.0, dead_host="host-2")
    assert (await lead(database, "host-1/b", 100.0, dead_host="host-1")).epoch == 2


def test_the_lock_names_who_has_it_and_dies_with_its_process(tmp_path: Path) -> None:
    file = tmp_path / "gpool.db"
    code = (
        "import sys, pathlib; from gpool.store.leadership import DatabaseLock;"
        "lock = DatabaseLock.take(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(AlreadyRunning, match=rf"process {other.pid}\b.*--state"):
        DatabaseLock.take(file)
    other.kill()
    other.communicate()
    DatabaseLock.take(file).release()


async def test_a_database_that_others_keep_locked_is_a_sentence(
    store: PoolStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=1")
    blocker = sqlite3.connect(database.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="locked by another process"):
            async with store.write():
                pytest.fail("two writers at once")
    finally:
        blocker.close()


async def test_the_file_is_for_its_owner_only(database: Database) -> None:
    assert stat.S_IMODE(os.stat(database.path).st_mode) == 0o600


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


async def test_a_database_of_a_newer_gpool_is_left_alone(database: Database) -> None:
    async with database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CannotStart, match="newer gpool"):
        await Database.open(database.path)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://host/db", "keeps its state in SQLite, not in postgresql"),
        ("sqlite://", "database in a file"),
        ("gpool.db", "not the URL of a database"),
    ],
)
def test_urls_that_name_no_file(url: str, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        database_file(url)
    assert database_file(sqlite_url(Path("/x/gpool.db"))) == Path("/x/gpool.db")


async def test_the_migrations_make_the_tables_that_the_queries_expect(database: Database) -> None:
    engine = create_engine(f"sqlite:///{database.path}")
    found = inspect(engine)
    for table in tables.metadata.sorted_tables:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        assert columns.keys() == {column.name for column in table.columns}
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
            assert str(columns[column.name]["type"]) == column.type.compile(engine.dialect), (table.name, column.name)
    assert set(found.get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    engine.dispose()
