"""Reading and writing events."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.model.event import Event
from gpool.store.policy_tables import event

__all__ = ["EventWriter", "last_event_id", "load_events"]


class EventWriter:
    """The part of a transaction that is about events."""

    _connection: AsyncConnection

    async def add_events(self, events: Sequence[Event]) -> None:
        """Write events, whose ids nobody has used before."""
        if events:
            await self._connection.execute(
                insert(event), [{**found.model_dump(), "at": found.at.timestamp()} for found in events]
            )

    async def forget_events(self, before: datetime, before_id: int) -> int:
        """Delete events of before that time, or with smaller ids; returns how many."""
        old = (event.c.at < before.timestamp()) | (event.c.id < before_id)
        result = await self._connection.execute(delete(event).where(old))
        return int(result.rowcount)


async def last_event_id(connection: AsyncConnection) -> int:
    """0 when there is none."""
    return int((await connection.execute(select(func.max(event.c.id)))).scalar_one_or_none() or 0)


async def load_events(
    connection: AsyncConnection, *, kind: str | None, name: str | None, after: int, limit: int, newest: bool
) -> list[Event]:
    """At most `limit` events with ids above `after`, in their order: the first of them, or the last (`newest`)."""
    query = select(event).where(event.c.id > after)
    if kind is not None:
        query = query.where(event.c.object_kind == kind)
    if name is not None:
        query = query.where(event.c.object_name == name)
    query = query.order_by(event.c.id.desc() if newest else event.c.id).limit(limit)
    rows = (await connection.execute(query)).all()
    found = [
        Event(
            id=row.id,
            at=datetime.fromtimestamp(row.at, UTC),
            object_kind=row.object_kind,
            object_name=row.object_name,
            type=row.type,
            message=row.message,
        )
        for row in rows
    ]
    return found[::-1] if newest else found
