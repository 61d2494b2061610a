"""Reading and writing the answers to requests that carried an Idempotency-Key."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.model.answer import KeptAnswer
from gpool.store.tables import answer

__all__ = ["AnswerWriter", "load_answer", "load_answer_ids"]


class AnswerWriter:
    """The part of a transaction that is about answers."""

    _connection: AsyncConnection

    async def keep_answers(self, answers: Sequence[KeptAnswer], now: datetime) -> None:
        """Say that these requests have been carried out, with their answers where they are known already."""
        rows = [{**asdict(kept), "made_at": now.timestamp()} for kept in answers]
        if rows:
            await self._connection.execute(insert(answer), rows)

    async def complete_answer(self, kept: KeptAnswer) -> None:
        """Add the answer to a request that is known to have been carried out."""
        statement = update(answer).where(answer.c.id == kept.id, answer.c.request == kept.request)
        await self._connection.execute(statement.values(status=kept.status, body=kept.body))

    async def forget_answers(self, before: datetime) -> int:
        """Delete answers of before that time; returns how many."""
        return (await self._connection.execute(delete(answer).where(answer.c.made_at < before.timestamp()))).rowcount


async def load_answer_ids(connection: AsyncConnection, since: datetime, most: int) -> set[str] | None:
    """The ids of the answers that were given at that time or later; None when there are more than `most`."""
    query = select(answer.c.id).where(answer.c.made_at >= since.timestamp()).limit(most + 1)
    found = set((await connection.execute(query)).scalars())
    return found if len(found) <= most else None


async def load_answer(connection: AsyncConnection, answer_id: str, since: datetime) -> KeptAnswer | None:
    """The answer of that id that was given at that time or later."""
    query = select(answer).where(answer.c.id == answer_id, answer.c.made_at >= since.timestamp())
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else KeptAnswer(row.id, row.request, row.status, row.body)
