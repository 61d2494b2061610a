"""Reading and writing the nouns.

Every write says what it believes: that this controller leads (the epoch), and which revision of the row it has seen. A
write whose belief is wrong changes nothing and raises.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import BigInteger, Table, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.errors import NotLeading, StaleWrite
from gpool.model.answer import KeptAnswer
from gpool.model.audit import AuditEntry
from gpool.model.event import Event
from gpool.model.lease import Lease, LeaseState
from gpool.model.node import Node
from gpool.model.policy import Policy
from gpool.model.token import Token
from gpool.store import tables
from gpool.store.answer_store import AnswerWriter, load_answer, load_answer_ids
from gpool.store.audit_log import entry_of, forget_entries, insert_entries, select_entries
from gpool.store.database import Database
from gpool.store.documents import read_document
from gpool.store.event_store import EventWriter, last_event_id, load_events
from gpool.store.leadership import Leadership, Term
from gpool.store.policy_store import PolicyWriter, load_policy, load_queue_use

__all__ = ["KeyedNode", "PoolContents", "PoolStore", "Revised", "Writer"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Revised(Generic[T]):
    """A value and the revision of its row."""

    value: T
    revision: int


@dataclass(frozen=True, slots=True)
class KeyedNode:
    """A node and the key that signs its tickets."""

    node: Node
    key: bytes = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True)
class PoolContents:
    """Everything that a starting controller needs."""

    leases: tuple[Revised[Lease], ...]
    """All that are not ended."""
    nodes: tuple[KeyedNode, ...]
    tokens: dict[str, Token]
    """By hash."""
    policy: Policy
    queue_use: dict[str, tuple[float, float]]
    """Queue → GPUs that it had used over time, and when that was (seconds since the epoch)."""
    last_event: int
    """Id of the last event; 0 when there is none."""


class Writer(PolicyWriter, EventWriter, AnswerWriter):
    """One transaction, under one leadership."""

    def __init__(self, connection: AsyncConnection, leadership: Leadership) -> None:
        self._connection = connection
        self._leadership = leadership

    async def check_leadership(self) -> None:
        """Raise `NotLeading` unless the row still names this leadership.

        Nobody can take over between this check and the commit: on SQLite the transaction holds the file's write lock,
        on PostgreSQL it holds the leader's row from here on, as may other writes under the same leadership.
        """
        columns = tables.leader.c
        query = (
            select(columns.epoch)
            .where(columns.holder == self._leadership.holder, columns.epoch == self._leadership.epoch)
            .with_for_update(read=True)
        )
        if (await self._connection.execute(query)).one_or_none() is None:
            raise NotLeading("another controller has taken over this database; this one must stop")

    async def save_lease(self, lease: Lease, believed: int | None) -> int:
        """Insert (`believed` None) or replace the lease; returns its new revision. Raises `StaleWrite`."""
        return (await self.save_leases([lease], {} if believed is None else {lease.id: believed}))[lease.id]

    async def save_leases(self, leases: Sequence[Lease], believed: Mapping[str, int]) -> dict[str, int]:
        """Insert or replace leases of different ids; their new revisions. Raises `StaleWrite`.

        believed: the revision of each that is there already.
        """
        fresh = [lease for lease in leases if lease.id not in believed]
        known = [lease for lease in leases if lease.id in believed]
        if fresh:
            rows = [{"id": lease.id, "revision": 1, **_lease_columns(lease)} for lease in fresh]
            try:
                await self._connection.execute(insert(tables.lease), rows)
            except IntegrityError as error:
                raise StaleWrite(f"{_one_of(fresh)} is there already; look again") from error
        if known:
            rows = [
                {"believed_id": lease.id, "believed": believed[lease.id], **_lease_columns(lease)} for lease in known
            ]
            if (await self._connection.execute(_REPLACE_LEASE, rows)).rowcount != len(rows):
                raise StaleWrite(f"{_one_of(known)} has been changed by somebody else; look again")
        return {lease.id: believed.get(lease.id, 0) + 1 for lease in leases}

    async def save_node(self, node: Node, key: bytes, believed: int | None) -> int:
        """Insert (`believed` None) or replace the node; returns its new revision. Raises `StaleWrite`."""
        values: dict[str, object] = {"state": str(node.state), "key": key, "document": node.model_dump_json()}
        return await self._save(tables.node, "name", node.name, believed, values)

    async def delete_node(self, name: str, believed: int) -> None:
        """Forget a node and its key. Raises `StaleWrite`."""
        columns = tables.node.c
        statement = delete(tables.node).where(columns.name == name, columns.revision == believed)
        if (await self._connection.execute(statement)).rowcount != 1:
            raise StaleWrite(f"node {name} has been changed by somebody else; look again")

    async def add_audit(self, entries: Iterable[AuditEntry]) -> None:
        """Append to the audit log, at least one entry."""
        await self._connection.execute(insert_entries(entries))

    async def forget_audit(self, before: datetime) -> int:
        """Delete entries of the audit log that are older; returns how many."""
        return (await self._connection.execute(forget_entries(before))).rowcount

    async def add_token(self, token: Token, token_hash: str) -> None:
        """Insert a token."""
        values = {"id": token.id, "hash": token_hash, "document": token.model_dump_json()}
        await self._connection.execute(insert(tables.token).values(values))

    async def replace_token(self, token: Token) -> None:
        """Replace what is known of a token. Raises `StaleWrite` when it is not there."""
        statement = update(tables.token).where(tables.token.c.id == token.id)
        result = await self._connection.execute(statement.values(document=token.model_dump_json()))
        if result.rowcount != 1:
            raise StaleWrite(f"token {token.id} is no longer there; look again")

    async def forget_tokens(self, ids: Iterable[str]) -> None:
        """Delete tokens."""
        for token_id in ids:
            await self._connection.execute(delete(tables.token).where(tables.token.c.id == token_id))

    async def forget_ended_leases(self, before: datetime) -> int:
        """Delete leases that ended before that time; returns how many."""
        columns = tables.lease.c
        ended = (columns.state == str(LeaseState.ENDED)) & (columns.ended_at < before.timestamp())
        return (await self._connection.execute(delete(tables.lease).where(ended))).rowcount

    async def _save(
        self, table: Table, key_name: str, key: str, believed: int | None, values: dict[str, object]
    ) -> int:
        if believed is None:
            try:
                await self._connection.execute(insert(table).values({key_name: key, "revision": 1, **values}))
            except IntegrityError as error:
                raise StaleWrite(f"{table.name} {key} is there already; look again") from error
            return 1
        statement = update(table).where(table.c[key_name] == key, table.c.revision == believed)
        result = await self._connection.execute(statement.values({"revision": believed + 1, **values}))
        if result.rowcount != 1:
            raise StaleWrite(f"{table.name} {key} has been changed by somebody else; look again")
        return believed + 1


_REPLACE_LEASE = (
    update(tables.lease)
    .where(tables.lease.c.id == bindparam("believed_id"), tables.lease.c.revision == bindparam("believed"))
    .values(
        {"revision": bindparam("believed", type_=BigInteger) + 1}
        | {name: bindparam(name) for name in ("state", "owner", "created_at", "ended_at", "document")}
    )
)


def _lease_columns(lease: Lease) -> dict[str, object]:
    return {
        "state": str(lease.state),
        "owner": lease.owner,
        "created_at": lease.created_at.timestamp(),
        "ended_at": lease.ended_at.timestamp() if lease.ended_at else None,
        "document": lease.model_dump_json(),
    }


def _one_of(leases: Sequence[Lease]) -> str:
    ids = [lease.id for lease in leases]
    return f"lease {ids[0]}" if len(ids) == 1 else f"one of the leases {', '.join(ids)}"


class PoolStore:
    """The database as the controller sees it."""

    def __init__(self, database: Database, term: Term) -> None:
        self._database = database
        self.term = term
        """Under which it writes."""

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Writer]:
        """One transaction: all of it, or nothing. Raises `NotLeading`, `StaleWrite` or `Unavailable`.

        When the end of the transaction is not known (`OutcomeUnknown`, or a cancelled commit), the term is over: what
        is in memory may not be what is in the database, and whoever leads next has to read it.
        """
        self.term.check()
        told = False
        try:
            async with self._database.write() as connection:
                writer = Writer(connection, self.term.leadership)
                await writer.check_leadership()
                yield writer
                told = True
        except NotLeading as error:
            self.term.end(str(error))
            raise
        except BaseException as error:
            if told:
                self.term.end(f"it is not known whether the last write was done: {error}")
            raise

    async def load(self) -> PoolContents:
        """All that is alive."""
        async with self._database.read() as connection:
            columns = tables.lease.c
            alive = select(columns.document, columns.revision).where(columns.state != str(LeaseState.ENDED))
            leases = [
                Revised(read_document(Lease, row.document), row.revision)
                for row in await connection.execute(alive.order_by(columns.created_at, columns.id))
            ]
            nodes = [
                KeyedNode(read_document(Node, row.document), row.key, row.revision)
                for row in await connection.execute(select(tables.node).order_by(tables.node.c.name))
            ]
            tokens = {
                row.hash: read_document(Token, row.document) for row in await connection.execute(select(tables.token))
            }
            policy, queue_use = await load_policy(connection), await load_queue_use(connection)
            last_event = await last_event_id(connection)
        return PoolContents(tuple(leases), tuple(nodes), tokens, policy, queue_use, last_event)

    async def events(
        self,
        *,
        kind: str | None = None,
        name: str | None = None,
        after: int = 0,
        limit: int = 100,
        newest: bool = False,
    ) -> list[Event]:
        """Events of an object, or of all, as `load_events` tells."""
        async with self._database.read() as connection:
            return await load_events(connection, kind=kind, name=name, after=after, limit=limit, newest=newest)

    async def answer(self, answer_id: str, since: datetime) -> KeptAnswer | None:
        """The answer to a request with an Idempotency-Key that was given at that time or later."""
        async with self._database.read() as connection:
            return await load_answer(connection, answer_id, since)

    async def audit_entries(
        self, limit: int, before: int | None, *, actor: str | None, action: str | None, subject: str | None
    ) -> list[AuditEntry]:
        """At most `limit` entries of the audit log, newest first, with ids below `before`."""
        query = select_entries(limit, before, actor=actor, action=action, subject=subject)
        async with self._database.read() as connection:
            return [entry_of(row) for row in await connection.execute(query)]

    async def answer_ids(self, since: datetime, most: int) -> set[str] | None:
        """The ids of all answers that were given at that time or later; None when there are more than `most`."""
        async with self._database.read() as connection:
            return await load_answer_ids(connection, since, most)

    async def ended_lease(self, lease_id: str) -> Lease | None:
        """A lease that has ended and has not been forgotten yet."""
        columns = tables.lease.c
        query = select(columns.document).where(columns.id == lease_id, columns.state == str(LeaseState.ENDED))
        async with self._database.read() as connection:
            document = (await connection.execute(query)).scalar_one_or_none()
        return None if document is None else read_document(Lease, document)

    async def ended_leases_after(self, after: tuple[float, str] | None, limit: int, owner: str | None) -> list[Lease]:
        """Ended leases of that owner (None: of all), by age; those after one that was made at `after[0]` (seconds)."""
        columns = tables.lease.c
        query = select(columns.document).where(columns.state == str(LeaseState.ENDED))
        if after is not None:
            query = query.where(tuple_(columns.created_at, columns.id) > tuple_(*after))
        if owner is not None:
            query = query.where(columns.owner == owner)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(columns.created_at, columns.id).limit(limit))
            return [read_document(Lease, document) for document in rows.scalars()]

    async def ended_leases(self, limit: int) -> Iterable[Lease]:
        """The leases that ended last, newest first."""
        columns = tables.lease.c
        query = select(columns.document).where(columns.state == str(LeaseState.ENDED))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(columns.ended_at.desc(), columns.id).limit(limit))
            return [read_document(Lease, document) for document in rows.scalars()]
