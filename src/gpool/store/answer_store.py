"""Reading and writing the answers to requests that carried an Idempotency-Key."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gpool.model.answer import KeptAnswer
from gpool.store.tables import answer

__all__ = ["AnswerWriter", "load_answer"]


class AnswerWriter:
    """The part of a transaction that is about answers."""

    _connection: AsyncConnection

    async def keep_answer(self, kept: KeptAnswer, now: datetime) -> None:
        """Say that the request has been carried out, with its answer if it is known already."""
        values = {"id": kept.id, "request": kept.request, "status": kept.status, "body": kept.body}
        await self._connection.execute(insert(answer).values(made_at=now.timestamp(), **values))

    async def complete_answer(self, kept: KeptAnswer) -> None:
        """Add the answer to a request that is known to have been carried out."""
        statement = update(answer).where(answer.c.id == kept.id, answer.c.request == kept.request)
        await self._connection.execute(statement.values(status=kept.status, body=kept.body))

    async def forget_answers(self, before: datetime) -> int:
        """Delete answers of before that time; returns how many."""
        return (await self._connection.execute(delete(answer).where(answer.c.made_at < before.timestamp()))).rowcount


async def load_answer(connection: AsyncConnection, answer_id: str, since: datetime) -> KeptAnswer | None:
    """The answer of that id that was given at that time or later."""
    query = select(answer).where(answer.c.id == answer_id, answer.c.made_at >= since.timestamp())
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else KeptAnswer(row.id, row.request, row.status, row.body)
