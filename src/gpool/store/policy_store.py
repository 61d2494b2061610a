"""Reading and writing how the pool is shared."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.model.calendar import Calendar
from gpool.model.policy import Policy, PoolSettings
from gpool.model.priority import PriorityClass
from gpool.model.queue import QueueSettings
from gpool.store.documents import read_document
from gpool.store.policy_tables import policy, queue_use

__all__ = ["PolicyWriter", "load_policy", "load_queue_use"]


class PolicyWriter:
    """The part of a transaction that is about the policy."""

    _connection: AsyncConnection

    async def save_policy(self, before: Policy, after: Policy) -> None:
        """Write what is different."""
        old, new = _rows(before), _rows(after)
        for (kind, name), document in old.items():
            if new.get((kind, name)) != document:
                await self._connection.execute(delete(policy).where(policy.c.kind == kind, policy.c.name == name))
        fresh = [
            {"kind": kind, "name": name, "document": document}
            for (kind, name), document in new.items()
            if old.get((kind, name)) != document
        ]
        if fresh:
            await self._connection.execute(insert(policy), fresh)

    async def save_queue_use(self, averages: Mapping[str, float], now: datetime) -> None:
        """Replace what is known of what queues have used, in GPUs."""
        await self._connection.execute(delete(queue_use))
        rows = [{"name": name, "average": average, "as_of": now.timestamp()} for name, average in averages.items()]
        if rows:
            await self._connection.execute(insert(queue_use), rows)


async def load_policy(connection: AsyncConnection) -> Policy:
    """The policy as it was written last."""
    rows = (await connection.execute(select(policy).order_by(policy.c.kind, policy.c.name))).all()
    documents: dict[str, list[str]] = {}
    for row in rows:
        documents.setdefault(row.kind, []).append(row.document)
    settings = documents.get("settings")
    return Policy(
        queues=tuple(read_document(QueueSettings, found) for found in documents.get("queue", ())),
        priority_classes=tuple(read_document(PriorityClass, found) for found in documents.get("priority", ())),
        calendars=tuple(read_document(Calendar, found) for found in documents.get("calendar", ())),
        settings=read_document(PoolSettings, settings[0]) if settings else PoolSettings(),
    )


async def load_queue_use(connection: AsyncConnection) -> dict[str, tuple[float, float]]:
    """Queue → GPUs that it had used over time, and when that was (seconds since the epoch)."""
    return {row.name: (row.average, row.as_of) for row in await connection.execute(select(queue_use))}


def _rows(value: Policy) -> dict[tuple[str, str], str]:
    rows = {("queue", found.name): found.model_dump_json() for found in value.queues}
    rows |= {("priority", found.name): found.model_dump_json() for found in value.priority_classes}
    rows |= {("calendar", found.name): found.model_dump_json() for found in value.calendars}
    if value.settings != PoolSettings():
        rows["settings", "settings"] = value.settings.model_dump_json()
    return rows
