"""Databases of older and of newer versions, on both engines."""

import pytest
from sqlalchemy import text

from gpool.errors import CannotStart
from gpool.model.calendar import Calendar, Period
from gpool.model.lease import LeaseState
from gpool.model.policy import Policy, PoolSettings
from gpool.model.priority import PriorityClass
from gpool.model.queue import QueueSettings
from gpool.store.database import Database
from gpool.store.leadership import Claim, Term
from gpool.store.pool_store import PoolStore
from gpool.store.schema import HEAD, known_revisions, revision_of
from stage.values import active, make_node, pending

HOST = Claim("host/now", place="host")


async def write_as_the_first_version_did(database: Database) -> None:
    """A leader, two leases, a node and a token, in the tables of revision 0001."""
    statements = [
        ("INSERT INTO leader (name, holder, epoch, expires_at) VALUES ('controller', 'host/then', 7, 0)", {}),
        (
            "INSERT INTO node (name, state, key, revision, document) VALUES ('a', 'ready', :key, 3, :document)",
            {"key": b"\x00k\xff" * 10 + b"..", "document": make_node("a", 8).model_dump_json()},
        ),
        (
            "INSERT INTO token (id, hash, document) VALUES ('t-2', 'hash', :document)",
            {
                "document": '{"id": "t-2", "name": "ann", "role": "admin", "created_at": "2026-01-01T00:00:00Z"}',
            },
        ),
    ]
    for lease in (pending("l-2"), active("l-3", ("a", 0))):
        columns = {"id": lease.id, "state": str(lease.state), "document": lease.model_dump_json()}
        statements.append(
            (
                "INSERT INTO lease (id, state, owner, created_at, ended_at, revision, document) "
                "VALUES (:id, :state, 'ann', 1.5, NULL, 4, :document)",
                columns,
            )
        )
    async with database.write() as connection:
        for statement, values in statements:
            await connection.execute(text(statement), values)


async def test_a_pool_of_the_first_version_is_taken_up_with_all_that_it_has(database_url: str) -> None:
    old = await Database.open(database_url, revision="0001")
    await write_as_the_first_version_did(old)
    await old.close()

    new = await Database.open(database_url)
    try:
        term = await Term.begin(new, HOST)
        contents = await PoolStore(new, term).load()
        async with new.read() as connection:
            assert await connection.run_sync(revision_of) == known_revisions()[-1]
    finally:
        await new.close()
    assert term.leadership.epoch == 8, "an epoch is never used again"
    leases = {lease.value.id: lease for lease in contents.leases}
    assert leases["l-3"].value == active("l-3", ("a", 0))
    assert leases["l-2"].value.state is LeaseState.PENDING
    assert leases["l-2"].revision == 4
    assert [(node.node.name, node.key, node.revision) for node in contents.nodes] == [
        ("a", b"\x00k\xff" * 10 + b"..", 3)
    ]
    assert contents.tokens["hash"].name == "ann"


async def test_no_step_loses_what_was_there(database_url: str) -> None:
    """Rows of each kind, written when their tables were made, are there after all steps that follow."""
    first = await Database.open(database_url, revision="0001")
    await write_as_the_first_version_did(first)
    await first.close()
    second = await Database.open(database_url, revision="0002")
    queue = QueueSettings(name="vision", guarantee=2.5, limit=4)
    urgent = PriorityClass(name="urgent", value=500)
    calendar = Calendar(
        name="week", time_zone="Europe/Berlin", periods=(Period(name="night", begins="20:00", ends="06:00"),)
    )
    settings = PoolSettings(grace_s=90)
    documents = {
        ("queue", "vision"): queue,
        ("priority", "urgent"): urgent,
        ("calendar", "week"): calendar,
        ("settings", "settings"): settings,
    }
    async with second.write() as connection:
        for (kind, name), value in documents.items():
            await connection.execute(
                text("INSERT INTO policy (kind, name, document) VALUES (:kind, :name, :document)"),
                {"kind": kind, "name": name, "document": value.model_dump_json()},
            )
        await connection.execute(text("INSERT INTO queue_use (name, average, as_of) VALUES ('vision', 1.25, 60)"))
        await connection.execute(
            text(
                "INSERT INTO event (id, at, object_kind, object_name, type, message) "
                "VALUES (7, 60, 'lease', 'l-2', 'asked', 'ann asked for it')"
            )
        )
    await second.close()

    new = await Database.open(database_url)
    try:
        store = PoolStore(new, await Term.begin(new, HOST))
        contents = await store.load()
        events = await store.events(kind="lease", name="l-2", after=0, limit=10, newest=True)
    finally:
        await new.close()
    assert contents.policy == Policy(
        queues=(queue,), priority_classes=(urgent,), calendars=(calendar,), settings=settings
    )
    assert contents.queue_use == {"vision": (1.25, 60.0)}
    assert contents.last_event == 7
    assert [(event.id, event.at.timestamp(), event.message) for event in events] == [(7, 60.0, "ann asked for it")]
    assert {lease.value.id for lease in contents.leases} == {"l-2", "l-3"}
    assert [node.node.name for node in contents.nodes] == ["a"]
    assert contents.tokens["hash"].id == "t-2"


async def test_each_step_can_be_taken_alone_and_again(database_url: str) -> None:
    for revision in (*known_revisions(), HEAD, HEAD):
        database = await Database.open(database_url, revision=revision)
        await database.close()


async def test_a_database_of_a_newer_gpool_is_left_alone(database_url: str) -> None:
    database = await Database.open(database_url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(CannotStart, match="newer gpool"):
        await Database.open(database_url)
