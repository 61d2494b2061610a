"""Who leads, on both engines: taking turns, expiring, and stale leaders that come to nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from gpool.errors import AlreadyRunning, NotLeading, OutcomeUnknown, Unavailable
from gpool.store.database import Database
from gpool.store.leadership import (
    LEADERSHIP_LASTS_S,
    Claim,
    DatabaseLock,
    Leadership,
    Term,
    extend_leadership,
    give_up_leadership,
    lead,
    present_leader,
)
from gpool.store.pool_store import PoolStore, Writer
from harness.postgres import PostgresServer
from stage.values import pending

A, B = Claim("host-1/a", "http://a:7070", place="host-1"), Claim("host-2/b", "http://b:7070")
AWAY = 1e12
"""A time at which everything has expired."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def shared(postgres: PostgresServer) -> AsyncIterator[tuple[Database, Database]]:
    """One PostgreSQL database as two controllers see it."""
    with postgres.database() as url:
        opened = [await Database.open(url) for _ in range(2)]
        yield opened[0], opened[1]
        for database in opened:
            await database.close()


def held(leadership: Leadership) -> Term:
    """The term of a controller that has no doubt that it leads."""
    return Term(leadership, 3600.0, 0.0, clock=lambda: 0.0)


async def test_the_second_controller_is_refused_until_the_first_is_gone(database: Database) -> None:
    first = await lead(database, A, now_s=100.0)
    assert first.epoch == 1
    with pytest.raises(NotLeading, match="host-1/a"):
        await lead(database, B, now_s=101.0)
    assert await lead(database, A, now_s=110.0) == first
    leader = await present_leader(database, now_s=111.0)
    assert leader is not None
    assert (leader.url, leader.left_s) == ("http://a:7070", LEADERSHIP_LASTS_S - 1)
    with pytest.raises(NotLeading):
        await lead(database, B, now_s=110.0 + LEADERSHIP_LASTS_S - 1)
    second = await lead(database, B, now_s=110.0 + LEADERSHIP_LASTS_S)
    assert (second.holder, second.epoch) == ("host-2/b", 2)
    with pytest.raises(NotLeading):
        async with PoolStore(database, held(first)).write():
            pytest.fail("a controller that was replaced must not write")
    await give_up_leadership(database, second)
    assert (await lead(database, A, now_s=126.0)).epoch == 3


async def test_a_leader_that_overslept_does_not_go_on(database: Database) -> None:
    leadership = await lead(database, A, now_s=100.0)
    await extend_leadership(database, leadership, now_s=110.0)
    with pytest.raises(NotLeading, match="begin anew"):
        await extend_leadership(database, leadership, now_s=1000.0)
    again = await lead(database, A, now_s=1000.0)
    assert again.epoch == 2
    with pytest.raises(NotLeading):
        await extend_leadership(database, leadership, now_s=1001.0)


async def test_a_holder_known_to_be_dead_is_replaced_at_once(database: Database) -> None:
    await lead(database, A, now_s=100.0)
    with pytest.raises(NotLeading):
        await lead(database, Claim("host-2/b", place="host-2"), now_s=100.0)
    assert (await lead(database, Claim("host-1/b", place="host-1"), now_s=100.0)).epoch == 2


async def test_the_databases_clock_decides_for_others(database: Database) -> None:
    await Term.begin(database, Claim("host-1/a", lasts_s=3600.0))
    leader = await present_leader(database)
    assert leader is not None
    assert 3500 < leader.left_s <= 3600
    with pytest.raises(NotLeading):
        await lead(database, B)


async def test_a_term_ends_on_its_holders_clock_before_others_may_begin(database: Database) -> None:
    now_s = 5000.0
    term = await Term.begin(database, Claim("host-1/a", lasts_s=30.0), clock=lambda: now_s)
    store = PoolStore(database, term)
    now_s += 29.9
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
    now_s += 0.1
    assert not term.holds()
    assert term.over.is_set()
    now_s -= 20
    assert not term.holds(), "what has ended does not come back"
    with pytest.raises(NotLeading, match="stopped, or its database away"):
        async with store.write():
            pytest.fail("its time is over")


async def test_a_term_is_kept_as_long_as_the_database_lets_it(database: Database) -> None:
    term = await Term.begin(database, Claim("host-1/a", lasts_s=0.3))
    keeping = asyncio.create_task(term.keep(database))
    before = await present_leader(database)
    while True:
        now = await present_leader(database)
        assert now is not None
        assert before is not None
        if now.left_s > before.left_s:
            break
        before = now
    assert term.holds()
    await lead(database, B, now_s=AWAY)
    await keeping
    assert not term.holds()


async def test_a_write_whose_end_is_unknown_ends_the_term(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    term = await Term.begin(database, A)
    store = PoolStore(database, term)
    write = database.write

    def cut_at_the_commit() -> object:
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def cut() -> AsyncIterator[object]:
            async with write() as connection:
                yield connection
            raise OutcomeUnknown("cut")

        return cut()

    monkeypatch.setattr(database, "write", cut_at_the_commit)
    with pytest.raises(OutcomeUnknown):
        async with store.write() as writer:
            await writer.save_lease(pending("l-2"), None)
    monkeypatch.undo()
    assert not term.holds()
    with pytest.raises(NotLeading, match="not known whether the last write was done"):
        async with store.write():
            pytest.fail("what it has in memory may be wrong")


async def test_nobody_takes_over_in_the_middle_of_a_write(shared: tuple[Database, Database]) -> None:
    """The takeover waits for the write, and the write after it is refused: READ COMMITTED notwithstanding."""
    one, two = shared
    first = await lead(one, A)
    store = PoolStore(one, held(first))
    began, go_on = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def write() -> None:
        async with store.write() as writer:
            began.set()
            await go_on.wait()
            await writer.save_lease(pending("l-2"), None)
        order.append("written")

    async def take_over() -> None:
        await lead(two, B, now_s=AWAY)
        order.append("taken over")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        await began.wait()
        tasks.create_task(take_over())
        await until_somebody_waits_for_a_lock(two)
        assert order == []
        go_on.set()
    assert order == ["written", "taken over"]
    with pytest.raises(NotLeading):
        async with store.write():
            pytest.fail("it was replaced")


async def test_a_write_that_had_to_wait_for_a_takeover_is_refused(shared: tuple[Database, Database]) -> None:
    """The other way round: its SELECT began before the takeover was committed, and sees it nevertheless."""
    one, two = shared
    store = PoolStore(one, held(await lead(one, A)))

    async def write() -> None:
        with pytest.raises(NotLeading, match="taken over"):
            async with store.write():
                pytest.fail("somebody else has taken over")

    async with asyncio.TaskGroup() as tasks, two.write() as connection:
        await connection.execute(text("UPDATE leader SET holder = 'host-2/b', epoch = epoch + 1"))
        tasks.create_task(write())
        await until_somebody_waits_for_a_lock(two)


async def test_a_leader_that_stops_in_the_middle_of_a_write_does_not_hold_up_the_next(
    shared: tuple[Database, Database], postgres: PostgresServer
) -> None:
    """The server ends its idle transaction; what it had written so far is undone."""
    one, two = shared
    first = await lead(one, A)
    database = str(one._engine.url.database)  # type: ignore[attr-defined]
    with postgres.connect(database) as stopped:
        # What this process would do, by hand: a process of our own cannot be stopped and asserted with at once.
        stopped.execute("BEGIN")
        stopped.execute("SELECT set_config('idle_in_transaction_session_timeout', '200ms', true)")
        stopped.execute("SELECT epoch FROM leader FOR SHARE")
        stopped.execute("INSERT INTO token (id, hash, document) VALUES ('t-2', 'hash', '{}')")
        second = await lead(two, B, now_s=AWAY)
        with pytest.raises(psycopg.Error, match="idle-in-transaction timeout"):
            stopped.execute("COMMIT")
    assert second.epoch == first.epoch + 1
    async with two.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM token"))).scalar_one() == 0
    # And it is what each write asks of the server.
    async with PoolStore(two, held(second)).write() as writer:
        limit = await writer._connection.execute(text("SHOW idle_in_transaction_session_timeout"))
        assert limit.scalar_one() == "5s"


async def test_writers_of_one_leader_do_not_wait_for_each_other(shared: tuple[Database, Database]) -> None:
    one, two = shared
    leadership = await lead(one, A)
    both: list[Writer] = []
    async with PoolStore(one, held(leadership)).write() as first, PoolStore(two, held(leadership)).write() as second:
        both += [first, second]
    assert len(both) == 2


async def test_a_server_that_was_started_again_costs_nobody_a_write(
    shared: tuple[Database, Database], postgres: PostgresServer
) -> None:
    """The connections of the pool are dead; the first write notices and takes a new one."""
    one, _ = shared
    store = PoolStore(one, held(await lead(one, A)))
    with postgres.connect("postgres") as connection:
        name = one._engine.url.database  # type: ignore[attr-defined]
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    async with store.write() as writer:
        await writer.save_lease(pending("l-2"), None)
    assert len((await store.load()).leases) == 1


async def test_a_connection_that_dies_in_the_middle_of_a_write_has_written_nothing(
    shared: tuple[Database, Database],
) -> None:
    one, two = shared
    store = PoolStore(one, held(await lead(one, A)))

    async def write_twice() -> None:
        async with store.write() as writer:
            await writer.save_lease(pending("l-2"), None)
            own = (await writer._connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with two.read() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
            await writer.save_lease(pending("l-3"), None)

    with pytest.raises(Unavailable, match="cannot be used now"):
        await write_twice()
    assert (await store.load()).leases == ()
    assert store.term.holds(), "it is known that nothing was done"


async def until_somebody_waits_for_a_lock(database: Database) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20), database.read() as connection:
        while (await connection.execute(query)).scalar_one() == 0:
            pass


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
    lock = DatabaseLock.take(file)
    place = lock.place
    lock.release()
    lock = DatabaseLock.take(file)
    assert lock.place == place, "who has the lock knows that its earlier holders are dead"
    lock.release()
    assert os.path.exists(f"{file}.lock")
