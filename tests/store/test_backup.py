"""A pool goes into a file and comes out of it, from each engine into each."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gpool.errors import CannotStart, InvalidInput
from gpool.model.token import Role, Token
from gpool.store.backup import backup_lines, restore_lines
from gpool.store.database import Database
from gpool.store.leadership import Claim, Term, give_up_leadership
from gpool.store.pool_store import PoolContents, PoolStore
from harness.postgres import PostgresServer
from stage.values import START, active, make_node, make_request, pending

HERE = Claim("host/here", place="host")


@pytest.fixture
async def full(database_url: str) -> AsyncIterator[Database]:
    """A pool with something in it, led by a controller."""
    database = await Database.open(database_url)
    async with PoolStore(database, await Term.begin(database, HERE)).write() as writer:
        await writer.save_lease(pending("l-2", make_request().model_copy(update={"command": "träin"})), None)
        await writer.save_lease(active("l-3", ("a", 0)), None)
        await writer.save_node(make_node("a", 8), b"\x00\xffkey" * 6 + b"..", None)
        await writer.add_token(Token(id="t-2", name="ann", role=Role.USER, created_at=START), "hash")
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        database = await Database.open(tmp_path / "empty.db")
        yield database
        await database.close()
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            database = await Database.open(url)
            yield database
            await database.close()


async def lines_of(database: Database) -> list[str]:
    return [line async for line in backup_lines(database)]


async def contents_of(database: Database) -> tuple[PoolContents, int]:
    term = await Term.begin(database, Claim("host/other", place="host"))
    return await PoolStore(database, term).load(), term.leadership.epoch


async def test_all_of_it_comes_back(full: Database, empty: Database) -> None:
    lines = await lines_of(full)
    assert await restore_lines(empty, lines) == len(lines) - 2
    before, epoch = await contents_of(full)
    after, next_epoch = await contents_of(empty)
    assert after == before
    assert len(after.leases) == 2
    assert next_epoch == epoch, "it goes on from the epoch of the backup"


async def test_what_is_written_meanwhile_is_not_half_in_it(full: Database) -> None:
    lines = backup_lines(full)
    seen = [await anext(lines)]
    async with PoolStore(full, await Term.begin(full, HERE)).write() as writer:
        await writer.save_lease(pending("l-4"), None)
    seen += [line async for line in lines]
    assert "l-4" not in "".join(seen)
    assert json.loads(seen[-1])["rows"] == len(seen) - 2


async def test_a_backup_of_the_first_version_becomes_a_pool_of_this_one(database_url: str, empty: Database) -> None:
    old = await Database.open(database_url, revision="0001")
    async with old.write() as connection:
        values = {"document": pending("l-2").model_dump_json()}
        statement = "INSERT INTO lease VALUES ('l-2', 'pending', 'ann', 1.5, NULL, 4, :document)"
        await connection.execute(text(statement), values)
    lines = await lines_of(old)
    await old.close()
    await restore_lines(empty, lines)
    assert [lease.value.id for lease in (await contents_of(empty))[0].leases] == ["l-2"]


async def test_a_pool_is_never_overwritten(full: Database) -> None:
    lines = await lines_of(full)
    with pytest.raises(CannotStart, match="leads the pool"):
        await restore_lines(full, lines)
    await give_up_leadership(full, (await Term.begin(full, HERE)).leadership)
    with pytest.raises(CannotStart, match="has a pool in it already"):
        await restore_lines(full, lines)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda lines: [], "no backup of gpool"),
        (lambda lines: ["{}\n"], "no backup of gpool"),
        (lambda lines: ["hello\n"], "line 1 of the backup is not JSON"),
        (lambda lines: lines[:-1], "cut short after"),
        (lambda lines: [*lines[:2], *lines[3:]], "lacks rows"),
        (lambda lines: [lines[0].replace('"000', '"999'), *lines[1:]], "newer gpool"),
        (lambda lines: [lines[0], lines[1].replace('"table":"', '"table":"x'), *lines[2:]], "no row of a table"),
        (lambda lines: [lines[0], lines[1].replace('"row":{', '"row":{"x":1,'), *lines[2:]], "other columns"),
    ],
)
async def test_a_spoilt_backup_changes_nothing(tmp_path: Path, spoil: object, sentence: str) -> None:
    database = await Database.open(tmp_path / "gpool.db")
    try:
        async with PoolStore(database, await Term.begin(database, HERE)).write() as writer:
            await writer.save_lease(pending("l-2"), None)
        lines = await lines_of(database)
        other = await Database.open(tmp_path / "other.db")
        try:
            with pytest.raises(InvalidInput, match=sentence):
                await restore_lines(other, spoil(lines))  # type: ignore[operator]
            assert await restore_lines(other, lines) == len(lines) - 2
        finally:
            await other.close()
    finally:
        await database.close()
